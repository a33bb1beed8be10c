package sets

import "strconv"

// protocol prints an IP protocol as getprotobynumber(3) does with netbase's
// /etc/protocols, which ipset and nft ask.
func protocol(n uint8) string {
	if s := protocols(n); s != "" {
		return s
	}
	return strconv.Itoa(int(n))
}

func protocols(n uint8) string {
	switch n {
	case 0:
		return "ip"
	case 1:
		return "icmp"
	case 2:
		return "igmp"
	case 3:
		return "ggp"
	case 4:
		return "ipencap"
	case 5:
		return "st"
	case 6:
		return "tcp"
	case 8:
		return "egp"
	case 9:
		return "igp"
	case 12:
		return "pup"
	case 17:
		return "udp"
	case 20:
		return "hmp"
	case 22:
		return "xns-idp"
	case 27:
		return "rdp"
	case 29:
		return "iso-tp4"
	case 33:
		return "dccp"
	case 36:
		return "xtp"
	case 37:
		return "ddp"
	case 38:
		return "idpr-cmtp"
	case 41:
		return "ipv6"
	case 43:
		return "ipv6-route"
	case 44:
		return "ipv6-frag"
	case 45:
		return "idrp"
	case 46:
		return "rsvp"
	case 47:
		return "gre"
	case 50:
		return "esp"
	case 51:
		return "ah"
	case 57:
		return "skip"
	case 58:
		return "ipv6-icmp"
	case 59:
		return "ipv6-nonxt"
	case 60:
		return "ipv6-opts"
	case 73:
		return "rspf"
	case 81:
		return "vmtp"
	case 88:
		return "eigrp"
	case 89:
		return "ospf"
	case 93:
		return "ax.25"
	case 94:
		return "ipip"
	case 97:
		return "etherip"
	case 98:
		return "encap"
	case 103:
		return "pim"
	case 108:
		return "ipcomp"
	case 112:
		return "vrrp"
	case 115:
		return "l2tp"
	case 124:
		return "isis"
	case 132:
		return "sctp"
	case 133:
		return "fc"
	case 135:
		return "mobility-header"
	case 136:
		return "udplite"
	case 137:
		return "mpls-in-ip"
	case 138:
		return "manet"
	case 139:
		return "hip"
	case 140:
		return "shim6"
	case 141:
		return "wesp"
	case 142:
		return "rohc"
	case 143:
		return "ethernet"
	}
	return ""
}

// icmpCodes are the names that ipset(8) has for ICMP types and codes.
func icmpCodes() map[[2]uint8]string {
	return map[[2]uint8]string{
		{0, 0}:  "echo-reply",
		{3, 0}:  "network-unreachable",
		{3, 1}:  "host-unreachable",
		{3, 2}:  "protocol-unreachable",
		{3, 3}:  "port-unreachable",
		{3, 4}:  "fragmentation-needed",
		{3, 5}:  "source-route-failed",
		{3, 6}:  "network-unknown",
		{3, 7}:  "host-unknown",
		{3, 9}:  "network-prohibited",
		{3, 10}: "host-prohibited",
		{3, 11}: "TOS-network-unreachable",
		{3, 12}: "TOS-host-unreachable",
		{3, 13}: "communication-prohibited",
		{3, 14}: "host-precedence-violation",
		{3, 15}: "precedence-cutoff",
		{4, 0}:  "source-quench",
		{5, 0}:  "network-redirect",
		{5, 1}:  "host-redirect",
		{5, 2}:  "TOS-network-redirect",
		{5, 3}:  "TOS-host-redirect",
		{8, 0}:  "echo-request",
		{9, 0}:  "router-advertisement",
		{10, 0}: "router-solicitation",
		{11, 0}: "ttl-zero-during-transit",
		{11, 1}: "ttl-zero-during-reassembly",
		{12, 0}: "ip-header-bad",
		{12, 1}: "required-option-missing",
		{13, 0}: "timestamp-request",
		{14, 0}: "timestamp-reply",
		{17, 0}: "address-mask-request",
		{18, 0}: "address-mask-reply",
	}
}

// icmp6Codes are those for ICMPv6.
func icmp6Codes() map[[2]uint8]string {
	return map[[2]uint8]string{
		{1, 0}:   "no-route",
		{1, 1}:   "communication-prohibited",
		{1, 3}:   "address-unreachable",
		{1, 4}:   "port-unreachable",
		{2, 0}:   "packet-too-big",
		{3, 0}:   "ttl-zero-during-transit",
		{3, 1}:   "ttl-zero-during-reassembly",
		{4, 0}:   "bad-header",
		{4, 1}:   "unknown-header-type",
		{4, 2}:   "unknown-option",
		{128, 0}: "echo-request",
		{129, 0}: "echo-reply",
		{133, 0}: "router-solicitation",
		{134, 0}: "router-advertisement",
		{135, 0}: "neighbour-solicitation",
		{136, 0}: "neighbour-advertisement",
		{137, 0}: "redirect",
	}
}
