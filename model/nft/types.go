package nft

// Type is the type of a field's values, by the name that nft gives it in sets.
type Type uint8

// The types. AnyAddr is an address whose family depends on the packet. Bool is
// whether something exists.
const (
	AnyType Type = iota
	Integer
	IPv4Addr
	IPv6Addr
	AnyAddr
	EtherAddr
	InetService
	InetProto
	EtherType
	ICMPType
	ICMPv6Type
	ICMPCode
	ICMPv6Code
	ICMPXCode
	IGMPType
	MHType
	TCPFlag
	DCCPType
	DSCP
	ECN
	ARPOp
	InterfaceType
	PktType
	IfName
	IfIndex
	Mark
	Realm
	DevGroup
	UID
	GID
	TCClass
	Date
	Day
	Hour
	CTState
	CTDir
	CTStatus
	CTLabel
	CTEvent
	NFProto
	FIBType
	Bool
	Time
	Text
	CgroupPath
	VerdictType
	LogLevel
	MPTCPSubtype
)

var typeNames = [...]string{AnyType: "any", Integer: "integer", IPv4Addr: "ipv4_addr", IPv6Addr: "ipv6_addr", AnyAddr: "addr",
	EtherAddr: "ether_addr", InetService: "inet_service", InetProto: "inet_proto", EtherType: "ether_type",
	ICMPType: "icmp_type", ICMPv6Type: "icmpv6_type", ICMPCode: "icmp_code", ICMPv6Code: "icmpv6_code", ICMPXCode: "icmpx_code",
	IGMPType: "igmp_type", MHType: "mh_type", TCPFlag: "tcp_flag", DCCPType: "dccp_pkttype", DSCP: "dscp", ECN: "ecn",
	ARPOp: "arp_op", InterfaceType: "iface_type", PktType: "pkt_type", IfName: "ifname", IfIndex: "iface_index", Mark: "mark",
	Realm: "realm", DevGroup: "devgroup", UID: "uid", GID: "gid", TCClass: "classid", Date: "time", Day: "day", Hour: "hour",
	CTState: "ct_state", CTDir: "ct_dir", CTStatus: "ct_status", CTLabel: "ct_label", CTEvent: "ct_event",
	NFProto: "nf_proto", FIBType: "fib_addrtype", Bool: "boolean", Time: "time", Text: "string",
	CgroupPath: "cgroupsv2", VerdictType: "verdict", LogLevel: "log_level",
	MPTCPSubtype: "mptcpopt_subtype"}

// String gives the name that nft has for the type.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "any"
}

// parseType finds a type by its name.
func parseType(s string) (Type, bool) {
	if s == Time.String() { // nft has the one name for dates and for spans
		return AnyType, true
	}
	for i, n := range typeNames {
		if n == s {
			return Type(i), true
		}
	}
	return AnyType, false
}

// Flags reports whether the values are sets of bits, for which a match without an
// operator asks whether one of them is there.
func (t Type) Flags() bool {
	switch t {
	case TCPFlag, CTState, CTStatus, CTLabel, CTEvent:
		return true
	}
	return false
}

// open reports whether values may have names that only the host's own tables know.
func (t Type) open() bool {
	switch t {
	case AnyType, InetService, InetProto, Mark, Realm, DevGroup, UID, GID, CTLabel, IfName, IfIndex, Text, CgroupPath:
		return true
	}
	return false
}

// quoted reports whether values may stand in quotes.
func (t Type) quoted() bool {
	switch t {
	case AnyType, InetService, IfName, IfIndex, Text, CgroupPath, Day, Hour, Date, UID, GID, CTLabel, DevGroup, Realm, Mark:
		return true
	}
	return false
}

// typeOf is the type of the values that an expression has; AnyType where it cannot be
// told, as of what a named map holds.
func typeOf(e Expr) Type {
	switch e := e.(type) {
	case Field:
		return e.Type()
	case *Binary:
		return typeOf(e.Left)
	}
	return AnyType
}

// typesOf gives the type of each part of a concatenation.
func typesOf(e Expr) []Type {
	c, ok := e.(Concat)
	if !ok {
		return []Type{typeOf(e)}
	}
	l := make([]Type, len(c))
	for i := range c {
		l[i] = typeOf(c[i])
	}
	return l
}

// Lookup gives the number of a symbol of the type: established of CTState is 2.
func (t Type) Lookup(name string) (uint64, bool) {
	n, ok := symbols[t][name]
	return n, ok
}

// symbols are the names that nft itself knows, with the kernel's numbers.
var symbols = map[Type]map[string]uint64{
	Bool:    {"exists": 1, "missing": 0},
	NFProto: {"ipv4": 2, "ipv6": 10},
	CTState: {"invalid": 1, "established": 2, "related": 4, "new": 8, "untracked": 64},
	CTDir:   {"original": 0, "reply": 1},
	CTStatus: {"expected": 1, "seen-reply": 2, "assured": 4, "confirmed": 8, "snat": 16, "dnat": 32, "seq-adjust": 64,
		"snat-done": 128, "dnat-done": 256, "dying": 512, "fixed-timeout": 1024, "helper": 8192, "offload": 16384, "hw-offload": 32768},
	CTEvent: {"new": 1, "related": 2, "destroy": 4, "reply": 8, "assured": 16, "protoinfo": 32, "helper": 64, "mark": 128,
		"seqadj": 256, "secmark": 512, "label": 1024},
	FIBType: {"unspec": 0, "unicast": 1, "local": 2, "broadcast": 3, "anycast": 4, "multicast": 5, "blackhole": 6, "unreachable": 7, "prohibit": 8},
	ICMPType: {"echo-reply": 0, "destination-unreachable": 3, "source-quench": 4, "redirect": 5, "echo-request": 8,
		"router-advertisement": 9, "router-solicitation": 10, "time-exceeded": 11, "parameter-problem": 12, "timestamp-request": 13,
		"timestamp-reply": 14, "info-request": 15, "info-reply": 16, "address-mask-request": 17, "address-mask-reply": 18},
	ICMPCode: {"net-unreachable": 0, "host-unreachable": 1, "prot-unreachable": 2, "port-unreachable": 3, "frag-needed": 4,
		"net-prohibited": 9, "host-prohibited": 10, "admin-prohibited": 13},
	ICMPv6Type: {"destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "parameter-problem": 4, "echo-request": 128,
		"echo-reply": 129, "mld-listener-query": 130, "mld-listener-report": 131, "mld-listener-done": 132, "mld-listener-reduction": 132,
		"nd-router-solicit": 133, "nd-router-advert": 134, "nd-neighbor-solicit": 135, "nd-neighbor-advert": 136, "nd-redirect": 137,
		"router-renumbering": 138, "ind-neighbor-solicit": 141, "ind-neighbor-advert": 142, "mld2-listener-report": 143},
	ICMPv6Code: {"no-route": 0, "admin-prohibited": 1, "addr-unreachable": 3, "port-unreachable": 4, "policy-fail": 5, "reject-route": 6},
	ICMPXCode:  {"no-route": 0, "port-unreachable": 1, "host-unreachable": 2, "admin-prohibited": 3},
	IGMPType: {"membership-query": 0x11, "membership-report-v1": 0x12, "membership-report-v2": 0x16, "leave-group": 0x17,
		"membership-report-v3": 0x22},
	MHType: {"binding-refresh-request": 0, "home-test-init": 1, "careof-test-init": 2, "home-test": 3, "careof-test": 4,
		"binding-update": 5, "binding-acknowledgement": 6, "binding-error": 7, "fast-binding-update": 8,
		"fast-binding-acknowledgement": 9, "fast-binding-advertisement": 10, "experimental-mobility-header": 11,
		"home-agent-switch-message": 12},
	TCPFlag: {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "cwr": 128},
	DCCPType: {"request": 0, "response": 1, "data": 2, "ack": 3, "dataack": 4, "closereq": 5, "close": 6, "reset": 7, "sync": 8,
		"syncack": 9},
	DSCP: {"cs0": 0, "cs1": 8, "cs2": 16, "cs3": 24, "cs4": 32, "cs5": 40, "cs6": 48, "cs7": 56, "df": 0, "be": 0, "lephb": 1,
		"af11": 10, "af12": 12, "af13": 14, "af21": 18, "af22": 20, "af23": 22, "af31": 26, "af32": 28, "af33": 30, "af41": 34,
		"af42": 36, "af43": 38, "va": 44, "ef": 46},
	ECN:           {"not-ect": 0, "ect1": 1, "ect0": 2, "ce": 3},
	ARPOp:         {"request": 1, "reply": 2, "rrequest": 3, "rreply": 4, "inrequest": 8, "inreply": 9, "nak": 10},
	EtherType:     {"ip": 0x0800, "arp": 0x0806, "ip6": 0x86dd, "8021q": 0x8100, "8021ad": 0x88a8, "vlan": 0x8100},
	InterfaceType: {"ether": 1, "ppp": 512, "ipip": 768, "ipip6": 769, "loopback": 772, "sit": 776, "ipgre": 778},
	PktType:       {"host": 0, "unicast": 0, "broadcast": 1, "multicast": 2, "other": 3},
	Day:           {"Sunday": 0, "Monday": 1, "Tuesday": 2, "Wednesday": 3, "Thursday": 4, "Friday": 5, "Saturday": 6},
	InetProto: {"ip": 0, "hopopt": 0, "icmp": 1, "igmp": 2, "ggp": 3, "ipencap": 4, "st": 5, "tcp": 6, "egp": 8, "igp": 9, "pup": 12,
		"udp": 17, "hmp": 20, "xns-idp": 22, "rdp": 27, "iso-tp4": 29, "dccp": 33, "xtp": 36, "ddp": 37, "idpr-cmtp": 38, "ipv6": 41,
		"ipv6-route": 43, "ipv6-frag": 44, "idrp": 45, "rsvp": 46, "gre": 47, "esp": 50, "ah": 51, "skip": 57, "icmpv6": 58,
		"ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "rspf": 73, "vmtp": 81, "eigrp": 88, "ospf": 89, "ax.25": 93, "ipip": 94,
		"etherip": 97, "encap": 98, "pim": 103, "comp": 108, "ipcomp": 108, "vrrp": 112, "l2tp": 115, "isis": 124, "sctp": 132,
		"fc": 133, "mobility-header": 135, "udplite": 136, "mpls-in-ip": 137, "manet": 138, "hip": 139, "shim6": 140, "wesp": 141,
		"rohc": 142, "ethernet": 143},
	MPTCPSubtype: {"mp-capable": 0, "mp-join": 1, "dss": 2, "add-addr": 3, "remove-addr": 4, "mp-prio": 5, "mp-fail": 6,
		"mp-fastclose": 7, "mp-tcprst": 8},
	LogLevel: {"emerg": 0, "alert": 1, "crit": 2, "err": 3, "warn": 4, "notice": 5, "info": 6, "debug": 7, "audit": 8},
}
