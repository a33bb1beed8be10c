package drop

// counterMeanings are the counters of /proc that rise when packets are lost. Those
// without Covers have no event in any kernel, or not in all.
func counterMeanings() Dictionary {
	const acceptQueue = "the program that listens accepts too slowly: ss -ltn shows Recv-Q at Send-Q; raise its backlog and net.core.somaxconn, or make it accept faster"
	return Dictionary{
		"TcpExtListenOverflows":      {Says: "connections came to a listening socket whose queue of finished connections is full", Do: acceptQueue},
		"TcpExtListenDrops":          {Says: "SYNs to a listening socket were dropped, because a queue is full, memory is short, or no route leads back to who sent them", Do: acceptQueue + "; where that is not it, ip route get the client"},
		"TcpExtTCPReqQFullDrop":      {Says: "SYNs were dropped: the queue of half-open connections is full and SYN cookies are off", Do: "sysctl net.ipv4.tcp_syncookies=1, net.ipv4.tcp_max_syn_backlog"},
		"TcpExtTCPDeferAcceptDrop":   {Says: "an ACK without data was ignored, as TCP_DEFER_ACCEPT asks", Grade: Usual},
		"TcpExtSyncookiesFailed":     {Says: "answers came to SYN cookies that were never sent, or too late"},
		"TcpExtTCPTimeWaitOverflow":  {Says: "connections ended without TIME_WAIT: there are too many", Do: "sysctl net.ipv4.tcp_max_tw_buckets"},
		"TcpExtTCPWqueueTooBig":      {Says: "too much data waited to be sent on a connection"},
		"TcpExtIPReversePathFilter":  {Says: "the reverse path filter dropped packets", Do: "sysctl net.ipv4.conf.IFACE.rp_filter, and the route back to the senders", Covers: []string{"IP_RPFILTER"}},
		"TcpExtTCPBacklogDrop":       {Says: "queues of busy TCP sockets are full", Covers: []string{"SOCKET_BACKLOG"}},
		"TcpExtTCPMinTTLDrop":        {Says: "segments had a TTL below what their socket asks for", Covers: []string{"TCP_MINTTL"}},
		"TcpExtPFMemallocDrop":       {Says: "packets were dropped for want of memory", Covers: []string{"PFMEMALLOC"}},
		"TcpExtTCPRcvQDrop":          {Says: "receive queues of TCP sockets had no memory", Covers: []string{"PROTO_MEM"}},
		"TcpExtTCPZeroWindowDrop":    {Says: "data came though the receiver's window was zero", Covers: []string{"TCP_ZEROWINDOW"}},
		"TcpExtTCPOFODrop":           {Says: "there was no memory for data out of order", Covers: []string{"TCP_OFO_DROP"}},
		"TcpExtPAWSEstab":            {Says: "segments had a timestamp older than seen before", Covers: []string{"TCP_RFC7323_PAWS", "TCP_RFC7323_PAWS_ACK"}},
		"TcpInCsumErrors":            {Says: "TCP checksums were wrong", Covers: []string{"TCP_CSUM"}},
		"UdpNoPorts":                 {Says: "datagrams came to ports where nobody listens", Do: "ss -lnu", Covers: []string{"NO_SOCKET"}},
		"UdpRcvbufErrors":            {Says: "receive buffers of UDP sockets are full", Do: "ss -unap: Recv-Q; net.core.rmem_max and the program's SO_RCVBUF", Covers: []string{"SOCKET_RCVBUFF"}},
		"UdpSndbufErrors":            {Says: "send buffers of UDP sockets are full"},
		"UdpMemErrors":               {Says: "UDP's memory is used up", Do: "sysctl net.ipv4.udp_mem", Covers: []string{"PROTO_MEM"}},
		"UdpInCsumErrors":            {Says: "UDP checksums were wrong", Covers: []string{"UDP_CSUM"}},
		"IcmpInCsumErrors":           {Says: "ICMP checksums were wrong", Covers: []string{"ICMP_CSUM"}},
		"IpInHdrErrors":              {Says: "IP headers were wrong, or their TTL ran out", Covers: []string{"IP_INHDR", "IP_CSUM"}},
		"IpInAddrErrors":             {Says: "packets came that are for other hosts, and this one may not send them on", Do: "a router needs sysctl net.ipv4.ip_forward=1", Covers: []string{"IP_INADDRERRORS", "NOT_SPECIFIED"}},
		"IpInUnknownProtos":          {Says: "packets came of IP protocols that nothing here handles", Covers: []string{"IP_NOPROTO"}},
		"IpInDiscards":               {Says: "packets were thrown away for want of memory or by a policy", Covers: []string{"NOMEM", "SOCKET_FILTER", "SOCKET_RCVBUFF"}},
		"IpOutDiscards":              {Says: "packets could not be sent: no memory, no neighbour, or netfilter refused them", Covers: []string{"NETFILTER_DROP", "NOMEM", "NEIGH_FAILED", "NEIGH_CREATEFAIL", "QDISC_DROP"}},
		"IpOutNoRoutes":              {Says: "this host had no route for what it wanted to send", Do: "ip route", Covers: []string{"IP_OUTNOROUTES", "NOT_SPECIFIED"}},
		"IpFragFails":                {Says: "packets were larger than the MTU of the way out and may not be cut", Do: "the MTU of the way out; ICMP type 3 code 4 must reach the sender", Covers: []string{"PKT_TOO_BIG"}},
		"IpReasmFails":               {Says: "fragments were lost, so that packets could not be put together", Covers: []string{"FRAG_REASM_TIMEOUT", "FRAG_TOO_FAR", "DUP_FRAG", "NOT_SPECIFIED"}},
		"IpExtInNoRoutes":            {Says: "packets came to which no route leads on", Do: "ip route get DESTINATION", Covers: []string{"IP_INNOROUTES"}},
		"IpExtInTruncatedPkts":       {Says: "packets were cut short", Covers: []string{"PKT_TOO_SMALL"}},
		"IpExtInCsumErrors":          {Says: "checksums of IPv4 headers were wrong", Covers: []string{"IP_CSUM"}},
		"Ip6InHdrErrors":             {Says: "IPv6 headers were wrong, or their hop limit ran out", Covers: []string{"IP_INHDR"}},
		"Ip6InTooBigErrors":          {Says: "packets were larger than the MTU of the way on", Covers: []string{"PKT_TOO_BIG"}},
		"Ip6InNoRoutes":              {Says: "packets came to which no route leads on", Do: "ip -6 route get DESTINATION", Covers: []string{"IP_INNOROUTES", "IPV6_NDISC_NS_OTHERHOST"}},
		"Ip6InAddrErrors":            {Says: "packets came with addresses that are none", Covers: []string{"IP_INADDRERRORS", "IPV6_NDISC_NS_OTHERHOST"}},
		"Ip6InUnknownProtos":         {Says: "packets came of protocols that nothing here handles", Covers: []string{"IP_NOPROTO"}},
		"Ip6InTruncatedPkts":         {Says: "packets were cut short", Covers: []string{"PKT_TOO_SMALL"}},
		"Ip6InDiscards":              {Says: "packets were thrown away, such as by forwarding that is off", Covers: []string{"NOT_SPECIFIED", "NOMEM", "XFRM_POLICY", "IPV6DISABLED", "NEIGH_FAILED"}},
		"Ip6OutDiscards":             {Says: "packets could not be sent: no memory, no neighbour, or netfilter refused them", Covers: []string{"NETFILTER_DROP", "NOMEM", "NEIGH_FAILED", "QDISC_DROP", "NOT_SPECIFIED", "IPV6DISABLED"}},
		"Ip6OutNoRoutes":             {Says: "this host had no route for what it wanted to send", Do: "ip -6 route", Covers: []string{"IP_OUTNOROUTES", "NOT_SPECIFIED"}},
		"Ip6FragFails":               {Says: "packets were larger than the MTU of the way out", Covers: []string{"PKT_TOO_BIG"}},
		"Udp6NoPorts":                {Says: "datagrams came to ports where nobody listens", Do: "ss -lnu", Covers: []string{"NO_SOCKET"}},
		"Udp6RcvbufErrors":           {Says: "receive buffers of UDP sockets are full", Do: "ss -unap: Recv-Q", Covers: []string{"SOCKET_RCVBUFF"}},
		"Udp6InCsumErrors":           {Says: "UDP checksums were wrong", Covers: []string{"UDP_CSUM"}},
		"Icmp6InCsumErrors":          {Says: "ICMPv6 checksums were wrong", Covers: []string{"ICMP_CSUM"}},
		"nf_conntrack drop":          {Says: "new connections were dropped: the connection table is full, or its memory", Do: "sysctl net.netfilter.nf_conntrack_max against nf_conntrack_count; shorter timeouts; NOTRACK for what needs none"},
		"nf_conntrack insert_failed": {Says: "connections could not be taken into the table: another one has the same addresses and ports", Do: "too few ports for SNAT or MASQUERADE (add addresses, --random-fully), or two packets of one new flow at once"},
		"nf_conntrack early_drop":    {Says: "connections without an answer were thrown out of the full table to make room", Do: "sysctl net.netfilter.nf_conntrack_max"},
		"nf_conntrack chaintoolong":  {Says: "new connections were dropped: their chain of the hash table is too long", Do: "raise nf_conntrack_buckets (/sys/module/nf_conntrack/parameters/hashsize)"},
		"softnet dropped":            {Says: "CPUs had no room for what they received", Do: "sysctl net.core.netdev_max_backlog; spread the load over CPUs", Covers: []string{"CPU_BACKLOG"}, Host: true},
		"rt_cache in_martian_src":    {Says: "packets came with a source address that can be nobody (martians)", Do: "sysctl net.ipv4.conf.all.log_martians=1 writes them to the kernel's log", Covers: []string{"IP_INVALID_SOURCE", "IP_LOCAL_SOURCE", "IP_LOCALNET", "IP_RPFILTER"}, Host: true},
		"rt_cache in_martian_dst":    {Says: "packets came with a destination that can be nobody here (martians)", Do: "sysctl net.ipv4.conf.all.log_martians=1 writes them to the kernel's log", Covers: []string{"IP_INVALID_DEST", "IP_LOCALNET"}, Host: true},
		"rt_cache in_no_route":       {Says: "packets came to which no route leads on", Do: "ip route", Covers: []string{"IP_INNOROUTES", "IP_INADDRERRORS"}, Host: true},
	}
}

// CounterNames lists the counters that are watched.
func CounterNames() []string {
	var s []string
	for name := range counterMeanings() {
		s = append(s, name)
	}
	return s
}
