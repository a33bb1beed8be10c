package drop

// Grade tells how bad a reason is.
type Grade uint8

// The grades.
const (
	// Bad: the packet was wanted by somebody and is gone.
	Bad Grade = iota
	// Usual: it happens on every healthy host, such as frames for others on a shared wire,
	// or a segment that has done its work and holds nothing more.
	Usual
)

// Meaning is what a reason or a counter says in plain words.
type Meaning struct {
	// Says is a clause: "the route back to the sender leads out of another interface".
	Says string
	// Do is what to look at or to change, "" where nothing is to be done.
	Do    string
	Grade Grade
	// Covers are the reasons that tell of the same packets one by one, for a counter.
	Covers []string
	// Host says that a counter is of the whole host and not of one namespace.
	Host bool
}

// Dictionary knows what reasons mean.
type Dictionary map[string]Meaning

// Of gives the meaning of a reason; of one that is not known its name says what can be
// said.
func (d Dictionary) Of(reason string) Meaning {
	if m, ok := d[reason]; ok {
		return m
	}
	if reason == "" {
		return Meaning{Says: "the kernel gave no reason"}
	}
	return Meaning{Says: "the kernel calls it " + reason + ", a reason this nfscope has no words for", Do: "see include/net/dropreason-core.h of your kernel's source"}
}

// Meanings is the dictionary: the reasons of include/net/dropreason-core.h (Linux 6.18
// and before) and the counters of /proc.
func Meanings() Dictionary {
	d := Dictionary{}
	for _, part := range []Dictionary{ipReasons(), tcpReasons(), socketReasons(), deviceReasons(), otherReasons(), counterMeanings()} {
		for name, m := range part {
			d[name] = m
		}
	}
	return d
}

func ipReasons() Dictionary {
	return Dictionary{
		"NETFILTER_DROP": {Says: "netfilter dropped it: a rule or a policy, or conntrack and NAT themselves",
			Do: "nfscope trace with this flow as the filter names the rule"},
		"OTHERHOST": {Says: "its destination MAC address is not this interface's: the frame was meant for another machine",
			Do: "look at the sender's neighbour entry for the next hop (ip neigh), and at a stale or a static one"},
		"UNICAST_IN_L2_MULTICAST": {Says: "a packet to one address came in a frame to many: the link layer and the IP header disagree", Do: "look at who sends frames to a group or broadcast address for a unicast IP (ip neigh at the sender)"},
		"IP_CSUM":                 {Says: "the checksum of its IPv4 header is wrong", Do: "a broken cable, NIC or tunnel on the way, or a program that builds packets itself"},
		"IP_INHDR":                {Says: "something is wrong with its IP header: its length, its version, its TTL or its addresses", Do: "capture it (tcpdump -v -i IFACE) and look at the header; when it happens in ip_forward, its TTL ran out"},
		"IP_RPFILTER":             {Says: "reverse path filter: the answer to its sender would not go out of the interface it came by", Do: "add the route back, or loosen it: sysctl net.ipv4.conf.IFACE.rp_filter=2 (any route) or 0 (off); the larger of `all` and the interface counts"},
		"IP_INADDRERRORS":         {Says: "it is not for this host, and this host may not send it on", Do: "a router needs sysctl net.ipv4.ip_forward=1 (IPv6: net.ipv6.conf.all.forwarding=1)"},
		"IP_INNOROUTES":           {Says: "no route leads to its destination", Do: "ip route get DESTINATION from SOURCE iif IFACE; add a route"},
		"IP_OUTNOROUTES":          {Says: "no route leads to where this host wants to send it", Do: "ip route get DESTINATION; add a route, or look why it is gone"},
		"IP_LOCAL_SOURCE":         {Says: "its source address is one of this host's own, yet it came from outside", Do: "look for the same address at another machine, a loop in a bridge, or a VRRP peer; sysctl net.ipv4.conf.IFACE.accept_local=1 lets it in"},
		"IP_INVALID_SOURCE":       {Says: "its source can be nobody: a multicast, a broadcast or the zero address (a martian)", Do: "find who sends it; sysctl net.ipv4.conf.all.log_martians=1 writes them to the kernel's log"},
		"IP_INVALID_DEST":         {Says: "its destination can be nobody here: zero, or a broadcast that is not this network's (a martian)", Do: "find who sends it, and what it has as its netmask"},
		"IP_LOCALNET":             {Says: "an address of 127/8 is in it, which must not be seen on a wire", Do: "a DNAT to 127.0.0.1 needs sysctl net.ipv4.conf.IFACE.route_localnet=1; better redirect to an address of the interface"},
		"IP_NOPROTO":              {Says: "nothing on this host handles its IP protocol", Do: "load the module of the protocol (gre, ipip, sctp, esp), or ask why it is sent here"},
		"IPV6DISABLED":            {Says: "IPv6 is off on the interface", Do: "sysctl net.ipv6.conf.IFACE.disable_ipv6=0"},
		"PKT_TOO_BIG":             {Says: "it is larger than the MTU of the way out and may not be cut into fragments", Do: "raise the MTU there, lower it at the sender, or clamp TCP: -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu; do not drop ICMP type 3 code 4 (IPv6: type 2)"},
		"DUP_FRAG":                {Says: "the same fragment came twice", Grade: Usual},
		"FRAG_REASM_TIMEOUT":      {Says: "the other fragments of its packet did not come in time", Do: "fragments are lost on the way, often by a firewall that drops them; sysctl net.ipv4.ipfrag_time"},
		"FRAG_TOO_FAR":            {Says: "its fragments came too far out of order", Do: "sysctl net.ipv4.ipfrag_max_dist"},
		"IPV6_BAD_EXTHDR":         {Says: "an extension header of its is broken", Do: "capture it and look at the extension headers"},
		"IPV6_NDISC_FRAG":         {Says: "a neighbour discovery message came in fragments, which is not allowed"},
		"IPV6_NDISC_HOP_LIMIT":    {Says: "a neighbour discovery message has a hop limit below 255: a router passed it on, which is not allowed"},
		"IPV6_NDISC_BAD_CODE":     {Says: "a neighbour discovery message has an ICMPv6 code that is not 0"},
		"IPV6_NDISC_BAD_OPTIONS":  {Says: "a neighbour discovery message has options that cannot be read"},
		"IPV6_NDISC_NS_OTHERHOST": {Says: "a neighbour solicitation was for another host's frame", Grade: Usual},
		"IP_TUNNEL_ECN":           {Says: "the congestion marks of the tunnel's inner and outer header contradict each other", Do: "the tunnel's other end or a router between handles ECN wrongly"},
		"TUNNEL_TXINFO":           {Says: "the tunnel was given no destination to send it to", Do: "a tunnel made with `external` needs a route or an OVS flow that names its end"},
		"XFRM_POLICY":             {Says: "an IPsec policy does not let it by: it forbids it, or it came unencrypted, or what would encrypt it (a state) is not there", Do: "ip xfrm policy; ip xfrm state; /proc/net/xfrm_stat"},
		"ICMP_CSUM":               {Says: "its ICMP checksum is wrong", Do: "a broken cable, NIC or tunnel on the way, or checksum offload"},
		"INVALID_PROTO":           {Says: "the protocol of the packet is none that belongs here"},
	}
}

func tcpReasons() Dictionary {
	const stray = "an old or a forged segment; some are usual"
	return Dictionary{
		"TCP_CSUM":                 {Says: "its TCP checksum is wrong", Do: "checksum offload between virtual machines (ethtool -K IFACE tx off), or a broken NIC or tunnel"},
		"TCP_AUTH_HDR":             {Says: "its TCP-MD5 or TCP-AO option is broken or there twice"},
		"TCP_MD5NOTFOUND":          {Says: "it has no TCP-MD5 signature, and one is expected", Do: "a BGP session whose password only one end has"},
		"TCP_MD5UNEXPECTED":        {Says: "it has a TCP-MD5 signature, and none is expected", Do: "a BGP session whose password only one end has"},
		"TCP_MD5FAILURE":           {Says: "its TCP-MD5 signature is wrong", Do: "the passwords of the two ends differ, or NAT is between them"},
		"TCP_AONOTFOUND":           {Says: "it has no TCP-AO signature, and one is expected"},
		"TCP_AOUNEXPECTED":         {Says: "it has a TCP-AO signature, and none is expected"},
		"TCP_AOKEYNOTFOUND":        {Says: "its TCP-AO key is not known here"},
		"TCP_AOFAILURE":            {Says: "its TCP-AO signature is wrong"},
		"TCP_FLAGS":                {Says: "its TCP flags do not fit the state of the socket", Do: stray, Grade: Usual},
		"TCP_ABORT_ON_DATA":        {Says: "data came for a socket that its program had closed: the connection was reset", Do: "the program closed before it had read all"},
		"TCP_ZEROWINDOW":           {Says: "the receiver's window was zero: its program does not read", Do: "see Recv-Q in ss -tn: the program is too slow or hangs"},
		"TCP_OLD_DATA":             {Says: "its data had been received before", Grade: Usual},
		"TCP_OVERWINDOW":           {Says: "its data lies beyond the receive window", Do: stray},
		"TCP_OFOMERGE":             {Says: "its data was in the out-of-order queue already", Grade: Usual},
		"TCP_RFC7323_PAWS":         {Says: "its TCP timestamp is older than one seen before", Do: "old duplicates; or several hosts behind one NAT address with clocks of their own"},
		"TCP_RFC7323_PAWS_ACK":     {Says: "an old acknowledgement with an older timestamp came", Grade: Usual},
		"TCP_RFC7323_TW_PAWS":      {Says: "it came for a connection in TIME_WAIT with an older timestamp", Do: "several clients behind one NAT address; the server keeps TIME_WAIT for the same ports"},
		"TCP_RFC7323_TSECR":        {Says: "it echoes a timestamp that was never sent", Do: stray},
		"TCP_LISTEN_OVERFLOW":      {Says: "the listening socket's queue of finished connections is full: its program accepts too slowly", Do: "see Recv-Q against Send-Q in ss -ltn; raise the program's backlog and net.core.somaxconn, or make it accept faster"},
		"TCP_OLD_SEQUENCE":         {Says: "its sequence number lies before the window", Grade: Usual},
		"TCP_INVALID_SEQUENCE":     {Says: "its sequence number lies outside of the window", Do: stray},
		"TCP_INVALID_END_SEQUENCE": {Says: "its data ends beyond the window", Do: stray},
		"TCP_INVALID_ACK_SEQUENCE": {Says: "it acknowledges what this socket cannot have sent", Do: stray},
		"TCP_RESET":                {Says: "it was a reset and ended its connection; nothing in it is lost", Grade: Usual},
		"TCP_INVALID_SYN":          {Says: "a SYN came in the middle of a connection, or with FIN set", Do: stray},
		"TCP_CLOSE":                {Says: "its socket is closed", Grade: Usual},
		"TCP_FASTOPEN":             {Says: "TCP Fast Open refused its data", Grade: Usual},
		"TCP_OLD_ACK":              {Says: "it acknowledges what was acknowledged before", Grade: Usual},
		"TCP_TOO_OLD_ACK":          {Says: "its acknowledgement is too old", Do: stray},
		"TCP_ACK_UNSENT_DATA":      {Says: "it acknowledges data that was not sent yet", Do: stray},
		"TCP_OFO_QUEUE_PRUNE":      {Says: "memory was short, and out-of-order data was thrown away", Do: "sysctl net.ipv4.tcp_rmem, tcp_mem"},
		"TCP_OFO_DROP":             {Says: "there was no memory left for out-of-order data", Do: "sysctl net.ipv4.tcp_rmem, tcp_mem"},
		"TCP_MINTTL":               {Says: "its TTL is below what the socket asks for (IP_MINTTL)", Do: "BGP's ttl-security: the peer is further away than configured"},
	}
}

func socketReasons() Dictionary {
	return Dictionary{
		"NO_SOCKET":         {Says: "nobody listens there: no socket of this host has its address and port", Do: "ss -lntup; start the service, or look at which address it is bound to"},
		"SOCKET_CLOSE":      {Says: "its socket was closed with data still in it", Grade: Usual},
		"SOCKET_FILTER":     {Says: "a BPF filter of the socket refused it", Do: "the program set SO_ATTACH_FILTER, or a cgroup program is attached (bpftool cgroup tree)"},
		"SOCKET_RCVBUFF":    {Says: "the socket's receive buffer is full: its program reads too slowly", Do: "see Recv-Q in ss -unap; raise the program's SO_RCVBUF and net.core.rmem_max, or make it read faster"},
		"SOCKET_BACKLOG":    {Says: "the queue of a busy TCP socket is full", Do: "raise net.ipv4.tcp_rmem; the program or its CPU is overloaded"},
		"UNIX_DISCONNECT":   {Says: "a Unix socket was disconnected", Grade: Usual},
		"UNIX_SKIP_OOB":     {Says: "out-of-band data of a Unix socket was skipped", Grade: Usual},
		"UDP_CSUM":          {Says: "its UDP checksum is wrong", Do: "checksum offload between virtual machines (ethtool -K IFACE tx off), or a broken NIC or tunnel"},
		"PROTO_MEM":         {Says: "the protocol's memory is used up", Do: "sysctl net.ipv4.udp_mem, tcp_mem; cat /proc/net/sockstat"},
		"PACKET_SOCK_ERROR": {Says: "a capture (AF_PACKET) had no room for its copy; the packet itself went on", Grade: Usual},
		"QUEUE_PURGE":       {Says: "its queue was emptied when the socket was closed", Grade: Usual},
		"SECURITY_HOOK":     {Says: "a security module (SELinux, AppArmor, Smack) refused it", Do: "the audit log: ausearch -m avc, journalctl -k"},
		"BPF_CGROUP_EGRESS": {Says: "a BPF program of the sender's cgroup dropped it", Do: "bpftool cgroup tree (systemd's IPAddressDeny= makes such programs)"},
		"PFMEMALLOC":        {Says: "memory is so short that only packets that free some are let in", Do: "free memory; sysctl vm.min_free_kbytes"},
	}
}

func deviceReasons() Dictionary {
	const queue = "tc -s qdisc show dev IFACE"
	return Dictionary{
		"NEIGH_CREATEFAIL":         {Says: "no neighbour entry could be made for the next hop", Do: "the table may be full: sysctl net.ipv4.neigh.default.gc_thresh3; dmesg says \"neighbour table overflow\""},
		"NEIGH_FAILED":             {Says: "the next hop does not answer ARP or neighbour discovery", Do: "ip neigh show IP: is the machine up, on this wire, with this address and netmask?"},
		"NEIGH_QUEUEFULL":          {Says: "too many packets wait for the next hop's MAC address", Do: "the next hop is slow to answer or down; sysctl net.ipv4.neigh.IFACE.unres_qlen_bytes"},
		"NEIGH_DEAD":               {Says: "the next hop's neighbour entry was being removed", Grade: Usual},
		"NEIGH_HH_FILLFAIL":        {Says: "the cached link-layer header could not be put before it"},
		"TC_EGRESS":                {Says: "a tc filter at egress dropped it", Do: "tc -s filter show dev IFACE egress"},
		"TC_INGRESS":               {Says: "a tc filter at ingress dropped it", Do: "tc -s filter show dev IFACE ingress"},
		"QDISC_DROP":               {Says: "the queue of the outgoing interface dropped it: full, a shaper's limit, or the interface has no carrier", Do: queue},
		"QDISC_OVERLIMIT":          {Says: "the queue of the outgoing interface is at its limit", Do: queue},
		"QDISC_CONGESTED":          {Says: "the queue of the outgoing interface dropped it to slow its sender down (RED, CoDel)", Do: queue},
		"CAKE_FLOOD":               {Says: "cake took it for a flood", Do: queue},
		"FQ_BAND_LIMIT":            {Says: "its band of the fq queue is full", Do: queue},
		"FQ_HORIZON_LIMIT":         {Says: "its time to be sent lies too far ahead for fq", Do: queue},
		"FQ_FLOW_LIMIT":            {Says: "its flow has too many packets in the fq queue", Do: queue},
		"DUALPI2_STEP_DROP":        {Says: "dualpi2 dropped it above its threshold", Do: queue},
		"CPU_BACKLOG":              {Says: "the CPU's backlog of received packets is full", Do: "sysctl net.core.netdev_max_backlog; spread the load over CPUs (RSS, RPS); /proc/net/softnet_stat"},
		"XDP":                      {Says: "an XDP program dropped it", Do: "ip link show dev IFACE names the program; bpftool prog"},
		"UNHANDLED_PROTO":          {Says: "nothing on this host handles what the frame holds (its EtherType)", Grade: Usual},
		"SKB_CSUM":                 {Says: "its checksum could not be computed"},
		"SKB_GSO_SEG":              {Says: "a large packet could not be cut into segments", Do: "offloads of the interface: ethtool -k IFACE"},
		"SKB_UCOPY_FAULT":          {Says: "its data could not be copied from the program"},
		"DEV_HDR":                  {Says: "the interface's header could not be put before it, or is broken"},
		"DEV_READY":                {Says: "the interface is not up, or nothing is plugged in", Do: "ip -s link show dev IFACE"},
		"FULL_RING":                {Says: "the ring of the interface is full: the other end reads too slowly", Do: "of a tun or veth: the program or namespace behind it; ip -s link show dev IFACE"},
		"TAP_FILTER":               {Says: "the BPF filter of a tun or tap device refused it"},
		"TAP_TXFILTER":             {Says: "a tap device takes no frames for this MAC address", Grade: Usual},
		"VXLAN_INVALID_HDR":        {Says: "its VXLAN header is broken"},
		"VXLAN_VNI_NOT_FOUND":      {Says: "no VXLAN interface has its number (VNI)", Do: "ip -d link show type vxlan: compare the id with the sender's"},
		"VXLAN_ENTRY_EXISTS":       {Says: "the VXLAN's table has a fixed entry for its sender elsewhere", Do: "bridge fdb show dev VXLAN"},
		"MAC_INVALID_SOURCE":       {Says: "the sender's MAC address is none, a group's, or our own"},
		"NO_TX_TARGET":             {Says: "there is no port to send it to", Do: "bridge fdb show, bridge link: no port is up or knows the address"},
		"LOCAL_MAC":                {Says: "its source MAC address is one of this host's own", Do: "a loop in the network, or a MAC address used twice"},
		"ARP_PVLAN_DISABLE":        {Says: "an ARP was not answered because it came by the interface that leads to its target", Grade: Usual},
		"MAC_IEEE_MAC_CONTROL":     {Says: "it is a frame for bridges themselves (pause, LACP, ...), which is not passed on", Grade: Usual},
		"BRIDGE_INGRESS_STP_STATE": {Says: "the bridge's port does not forward: spanning tree blocks it", Do: "bridge link show: the port's state; a loop, or wait for learning"},
		"PSP_INPUT":                {Says: "PSP encryption of what came failed"},
		"PSP_OUTPUT":               {Says: "PSP encryption of what is sent failed"},
		"RECURSION_LIMIT":          {Says: "too many virtual interfaces are stacked, or they form a loop", Do: "ip -d link: a tunnel whose outer packets go through itself"},
	}
}

func otherReasons() Dictionary {
	return Dictionary{
		"NOT_SPECIFIED":          {Says: "the kernel gave no reason; the place where it was dropped says more"},
		"PKT_TOO_SMALL":          {Says: "it is shorter than its headers must be", Do: "capture it: something on the way cut it short"},
		"NOMEM":                  {Says: "the kernel was out of memory", Do: "free memory; dmesg"},
		"HDR_TRUNC":              {Says: "its headers are cut short", Do: "capture it: something on the way cut it short"},
		"TC_COOKIE_ERROR":        {Says: "tc lost its place between two chains"},
		"TC_CHAIN_NOTFOUND":      {Says: "a tc filter goes to a chain that is not there", Do: "tc chain show dev IFACE"},
		"TC_RECLASSIFY_LOOP":     {Says: "tc's filters go round in a circle", Do: "tc filter show dev IFACE"},
		"CAN_RX_INVALID_FRAME":   {Says: "it is no valid CAN frame"},
		"CANFD_RX_INVALID_FRAME": {Says: "it is no valid CAN FD frame"},
		"CANXL_RX_INVALID_FRAME": {Says: "it is no valid CAN XL frame"},
	}
}
