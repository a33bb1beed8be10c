package model

import "hash/crc32"

// contentSeen is how far into the transport header Content looks: nf_tables' trace hands
// over no more (NFT_TRACETYPE_TRANSPORT_HSIZE, net/netfilter/nf_tables_trace.c).
const contentSeen = 20

// content sums up the bytes of a transport header, and of what follows it, that tell
// packets of one flow apart and that address translation leaves alone: of ports, checksums
// and the addresses in an ICMP error none. It is 0 where too little is there.
func content(proto Proto, fault bool, b []byte) uint32 {
	b = b[:min(len(b), contentSeen)]
	from, to := 8, contentSeen
	switch {
	case proto == ProtoTCP: // its numbers tell
		return 0
	case fault: // the inner packet's length and id; its checksum and addresses are translated
		to = 16
	case proto == ProtoESP: // index and number
		from, to = 0, 8
	case proto == ProtoAH:
		from, to = 4, 12
	case proto == ProtoSCTP: // behind the checksum
		from = 12
	case proto == ProtoUDP, proto == ProtoUDPLite, proto == ProtoDCCP, proto.ICMP():
	default:
		return 0
	}
	if len(b) <= from {
		return 0
	}
	return crc32.ChecksumIEEE(b[from:min(to, len(b))])
}
