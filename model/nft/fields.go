package nft

// headers are the fields of the headers that a packet itself has (nft(8), payload
// expressions).
var headers = map[string]map[string]Type{
	"ether": {"daddr": EtherAddr, "saddr": EtherAddr, "type": EtherType},
	"vlan":  {"id": Integer, "dei": Integer, "cfi": Integer, "pcp": Integer, "type": EtherType},
	"arp": {"htype": Integer, "ptype": EtherType, "hlen": Integer, "plen": Integer, "operation": ARPOp,
		"saddr ether": EtherAddr, "daddr ether": EtherAddr, "saddr ip": IPv4Addr, "daddr ip": IPv4Addr},
	"ip": {"version": Integer, "hdrlength": Integer, "dscp": DSCP, "ecn": ECN, "length": Integer, "id": Integer, "frag-off": Integer,
		"ttl": Integer, "protocol": InetProto, "checksum": Integer, "saddr": IPv4Addr, "daddr": IPv4Addr},
	"ip6": {"version": Integer, "dscp": DSCP, "ecn": ECN, "flowlabel": Integer, "length": Integer, "nexthdr": InetProto,
		"hoplimit": Integer, "saddr": IPv6Addr, "daddr": IPv6Addr},
	"icmp": {"type": ICMPType, "code": ICMPCode, "checksum": Integer, "id": Integer, "sequence": Integer, "gateway": Integer,
		"mtu": Integer},
	"icmpv6": {"type": ICMPv6Type, "code": ICMPv6Code, "checksum": Integer, "parameter-problem": Integer, "packet-too-big": Integer,
		"id": Integer, "sequence": Integer, "max-delay": Integer, "mtu": Integer, "taddr": IPv6Addr, "daddr": IPv6Addr},
	"igmp": {"type": IGMPType, "mrt": Integer, "checksum": Integer, "group": IPv4Addr},
	"tcp": {"sport": InetService, "dport": InetService, "sequence": Integer, "ackseq": Integer, "doff": Integer, "reserved": Integer,
		"flags": TCPFlag, "window": Integer, "checksum": Integer, "urgptr": Integer},
	"udp":     {"sport": InetService, "dport": InetService, "length": Integer, "checksum": Integer},
	"udplite": {"sport": InetService, "dport": InetService, "checksum": Integer, "csumcov": Integer},
	"sctp":    {"sport": InetService, "dport": InetService, "vtag": Integer, "checksum": Integer},
	"dccp":    {"sport": InetService, "dport": InetService, "type": DCCPType},
	"th":      {"sport": InetService, "dport": InetService},
	"ah":      {"nexthdr": InetProto, "hdrlength": Integer, "reserved": Integer, "spi": Integer, "sequence": Integer},
	"esp":     {"spi": Integer, "sequence": Integer},
	"comp":    {"nexthdr": InetProto, "flags": Integer, "cpi": Integer},
	"gre":     {"flags": Integer, "version": Integer, "protocol": EtherType},
	"gretap":  {},
	"vxlan":   {"vni": Integer, "flags": Integer},
	"geneve":  {"vni": Integer, "type": EtherType},
}

// tunnels are the headers with another packet inside: vxlan ip saddr.
var tunnels = map[string]bool{"gre": true, "gretap": true, "vxlan": true, "geneve": true}

// extensions are the extension headers of IPv6.
var extensions = map[string]map[string]Type{
	"hbh": {"nexthdr": InetProto, "hdrlength": Integer},
	"dst": {"nexthdr": InetProto, "hdrlength": Integer},
	"rt":  {"nexthdr": InetProto, "hdrlength": Integer, "type": Integer, "seg-left": Integer},
	"rt0": {"addr[1]": IPv6Addr, "addr": IPv6Addr, "reserved": Integer},
	"rt2": {"addr": IPv6Addr, "reserved": Integer},
	"srh": {"last-entry": Integer, "flags": Integer, "tag": Integer, "sid[1]": IPv6Addr, "seg-left": Integer},
	"frag": {"nexthdr": InetProto, "reserved": Integer, "frag-off": Integer, "reserved2": Integer, "more-fragments": Integer,
		"id": Integer},
	"mh": {"nexthdr": InetProto, "hdrlength": Integer, "type": MHType, "reserved": Integer, "checksum": Integer},
}

// tcpOptions, ipOptions and chunks have the fields that each kind of option has of its
// own.
var (
	tcpOptions = map[string]map[string]Type{
		"eol": {}, "nop": {}, "noop": {}, "maxseg": {"size": Integer}, "mss": {"size": Integer}, "window": {"count": Integer},
		"sack-perm": {}, "sack-permitted": {}, "sack": sackFields, "sack0": sackFields, "sack1": sackFields, "sack2": sackFields,
		"sack3": sackFields, "timestamp": {"tsval": Integer, "tsecr": Integer}, "fastopen": {}, "md5sig": {},
		"mptcp": {"subtype": MPTCPSubtype},
	}
	sackFields = map[string]Type{"left": Integer, "right": Integer}
	ipOptions  = map[string]map[string]Type{
		"lsrr": {"ptr": Integer, "addr": IPv4Addr}, "rr": {"ptr": Integer, "addr": IPv4Addr},
		"ssrr": {"ptr": Integer, "addr": IPv4Addr}, "ra": {"value": Integer},
	}
	chunks = map[string]map[string]Type{
		"data": {"tsn": Integer, "stream": Integer, "ssn": Integer, "ppid": Integer}, "init": initFields, "init-ack": initFields,
		"sack":      {"cum-tsn-ack": Integer, "a-rwnd": Integer, "num-gap-ack-blocks": Integer, "num-dup-tsns": Integer},
		"heartbeat": {}, "heartbeat-ack": {}, "abort": {}, "error": {}, "cookie-echo": {}, "cookie-ack": {},
		"shutdown-ack": {}, "shutdown-complete": {}, "shutdown": {"cum-tsn-ack": Integer}, "ecne": {"lowest-tsn": Integer},
		"cwr": {"lowest-tsn": Integer}, "asconf-ack": {"seqno": Integer}, "asconf": {"seqno": Integer},
		"forward-tsn": {"new-cum-tsn": Integer},
	}
	initFields = map[string]Type{"init-tag": Integer, "a-rwnd": Integer, "num-outbound-streams": Integer,
		"num-inbound-streams": Integer, "initial-tsn": Integer}
)

// metaKeys are the keys of meta.
var metaKeys = map[string]Type{
	"length": Integer, "protocol": EtherType, "nfproto": NFProto, "l4proto": InetProto, "priority": TCClass, "mark": Mark,
	"iif": IfIndex, "iifname": IfName, "iiftype": InterfaceType, "oif": IfIndex, "oifname": IfName, "oiftype": InterfaceType,
	"skuid": UID, "skgid": GID, "nftrace": Integer, "rtclassid": Realm, "ibrname": IfName, "obrname": IfName,
	"ibriport": IfName, "obriport": IfName, "ibridgename": IfName, "obridgename": IfName,
	"pkttype": PktType, "cpu": Integer, "iifgroup": DevGroup, "oifgroup": DevGroup, "cgroup": Integer, "random": Integer,
	"ipsec": Bool, "secpath": Bool, "iifkind": IfName, "oifkind": IfName, "ibrpvid": Integer, "ibrvproto": EtherType,
	"time": Date, "day": Day, "hour": Hour, "secmark": Integer, "sdif": IfIndex, "sdifname": IfName, "broute": Integer,
	"ibrhwaddr": EtherAddr,
}

// metaShort are the keys that nft prints without "meta"; metaBare those that it reads
// so besides.
var (
	metaShort = set("iif iifname oif oifname iifgroup oifgroup")
	metaBare  = set("mark iiftype oiftype skuid skgid nftrace rtclassid ibriport obriport ibridgename obridgename pkttype cpu cgroup")
)

// ctKeys are the keys of ct; ctDirKeys those that may have a direction before them.
var (
	ctKeys = map[string]Type{"state": CTState, "direction": CTDir, "status": CTStatus, "mark": Mark, "secmark": Integer,
		"expiration": Time, "helper": Text, "label": CTLabel, "event": CTEvent, "id": Integer, "count": Integer,
		"l3proto": NFProto, "saddr": AnyAddr, "daddr": AnyAddr, "protocol": InetProto, "proto-src": InetService,
		"proto-dst": InetService, "bytes": Integer, "packets": Integer, "avgpkt": Integer, "zone": Integer}
	ctDirKeys = set("l3proto saddr daddr protocol proto-src proto-dst bytes packets avgpkt zone")
)

func set(names string) map[string]bool {
	m := map[string]bool{}
	from := 0
	for i := 0; i <= len(names); i++ {
		if i == len(names) || names[i] == ' ' {
			m[names[from:i]] = true
			from = i + 1
		}
	}
	return m
}
