package drops

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"nfscope/model"
)

// tupleLayout tells where within a tuple of conntrack its parts are, in bytes.
type tupleLayout struct {
	size, srcAddr, srcPort, l3, dstAddr, dstPort, proto int
}

// raw is an event as the program wrote it.
type raw struct {
	Time               uint64 // ns, CLOCK_MONOTONIC
	Place, Skb         uint64
	Reason, Netns      uint32
	Index, Iif, Length uint32
	Device             string
	SrcMAC, DstMAC     string
	Kind               string
	Packet             model.Packet
	Ether              uint16 // the protocol that the link layer named
	ARP                string // an ARP packet in words
	Target             netip.Addr
	Orig, Reply        model.Tuple
	About              model.Tuple // of the packet that an ICMP error quotes
	State              string
	Zone               uint16
	Stack              []uint64
}

// decode reads an event. What a packet's headers hold may be anything: what cannot be
// read is left zero. pktTypeShift says where in its byte skb->pkt_type begins.
func decode(b []byte, t tupleLayout, pktTypeShift uint) (raw, error) {
	var r raw
	if len(b) < evSize {
		return r, fmt.Errorf("a drop event of %d bytes, expected %d", len(b), evSize)
	}
	u16, u32, u64 := binary.NativeEndian.Uint16, binary.NativeEndian.Uint32, binary.NativeEndian.Uint64
	r.Time, r.Place, r.Reason, r.Netns = u64(b[evTime:]), u64(b[evPlace:]), u32(b[evReason:]), u32(b[evNetns:])
	r.Skb = u64(b[evSkb:])
	r.Index, r.Iif, r.Length = u32(b[evIndex:]), u32(b[evIif:]), u32(b[evLen:])
	r.Device = cString(b[evName : evName+16])
	r.Ether = binary.BigEndian.Uint16(b[evProtocol:])
	kinds := [...]string{"host", "broadcast", "multicast", "otherhost", "outgoing", "loopback"} // PACKET_*, linux/if_packet.h
	if k := int(b[evPktType] >> pktTypeShift & 7); k < len(kinds) {
		r.Kind = kinds[k]
	}
	if b[evHasMAC] != 0 && r.Ether != 0 {
		r.DstMAC, r.SrcMAC = net.HardwareAddr(b[evMAC:evMAC+6]).String(), net.HardwareAddr(b[evMAC+6:evMAC+12]).String()
	}
	n := min(int(u16(b[evHeaders:])), packetBytes)
	r.Packet = packet(r.Ether, b[evPacket:evPacket+n])
	r.About = quoted(&r.Packet, b[evPacket:evPacket+n])
	r.Target = target(&r.Packet, b[evPacket:evPacket+n])
	r.Packet.Mark = u32(b[evMark:])
	if r.Ether == 0x0806 {
		r.ARP = arp(b[evPacket : evPacket+n])
	}
	if b[evHasCT] != 0 && t.size > 0 {
		r.Orig, r.Reply = tuple(b[evOrig:evOrig+mostTuple], t), tuple(b[evReply:evReply+mostTuple], t)
		r.Zone = u16(b[evZone:])
	}
	r.State = ctState(b[evCTInfo], b[evHasCT] != 0)
	if size := int(int32(u32(b[evStackLen:]))); size > 0 {
		for at := 0; at+8 <= min(size, 8*stackDepth); at += 8 {
			r.Stack = append(r.Stack, u64(b[evStack+at:]))
		}
	}
	return r, nil
}

// packet decodes headers of IP; another protocol's packet has no Family.
func packet(ether uint16, b []byte) model.Packet {
	family := map[uint16]model.Family{0x0800: model.FamilyIPv4, 0x86dd: model.FamilyIPv6}[ether]
	if family == 0 || len(b) == 0 {
		return model.Packet{}
	}
	p, err := model.DecodePacket(family, b, nil)
	if err != nil {
		return model.Packet{}
	}
	return p
}

// quoted is the tuple of the packet whose beginning an ICMP error holds, zero of other packets.
func quoted(p *model.Packet, b []byte) (t model.Tuple) {
	if !p.ICMPError() {
		return t
	}
	at := 40 + 8
	switch {
	case p.Family == model.FamilyIPv4:
		at = int(b[0]&15)*4 + 8
	case b[6] != byte(model.ProtoICMPv6): // behind other headers
		return t
	}
	if at >= len(b) {
		return t
	}
	if q, err := model.DecodePacket(p.Family, b[at:], nil); err == nil {
		return q.Tuple()
	}
	return t
}

// target is whom a neighbour solicitation asks for, or an advertisement tells of (RFC 4861, 4.3 and
// 4.4); invalid of other packets, and where other headers stand before it.
func target(p *model.Packet, b []byte) (a netip.Addr) {
	const at = 40 + 8
	if p.Proto != model.ProtoICMPv6 || !p.Transport || p.ICMPType != 135 && p.ICMPType != 136 || len(b) < at+16 || b[6] != byte(model.ProtoICMPv6) {
		return a
	}
	return netip.AddrFrom16([16]byte(b[at : at+16]))
}

// arp words an ARP packet of IPv4 over Ethernet (RFC 826), "arp" for another.
func arp(b []byte) string {
	if len(b) < 28 || binary.BigEndian.Uint16(b) != 1 || binary.BigEndian.Uint16(b[2:]) != 0x0800 || b[4] != 6 || b[5] != 4 {
		return "arp"
	}
	sender, target := netip.AddrFrom4([4]byte(b[14:18])), netip.AddrFrom4([4]byte(b[24:28]))
	if binary.BigEndian.Uint16(b[6:]) == 1 {
		return "arp who-has " + target.String() + " tell " + sender.String()
	}
	return "arp " + sender.String() + " is-at " + net.HardwareAddr(b[8:14]).String()
}

// tuple reads a tuple of conntrack (struct nf_conntrack_tuple).
func tuple(b []byte, t tupleLayout) model.Tuple {
	addr := func(at int) netip.Addr {
		if binary.NativeEndian.Uint16(b[t.l3:]) == 2 { // NFPROTO_IPV4
			return netip.AddrFrom4([4]byte(b[at : at+4]))
		}
		return netip.AddrFrom16([16]byte(b[at : at+16]))
	}
	return model.Tuple{Proto: model.Proto(b[t.proto]), Src: addr(t.srcAddr), Dst: addr(t.dstAddr),
		SPort: binary.BigEndian.Uint16(b[t.srcPort:]), DPort: binary.BigEndian.Uint16(b[t.dstPort:])}
}

// fits reports whether all parts are within the bytes that are copied.
func (t tupleLayout) fits() bool {
	for _, p := range []struct{ at, n int }{{t.srcAddr, 16}, {t.dstAddr, 16}, {t.srcPort, 2}, {t.dstPort, 2}, {t.l3, 2}, {t.proto, 1}} {
		if p.at < 0 || p.at+p.n > min(t.size, mostTuple) {
			return false
		}
	}
	return true
}

// ctState words the lowest three bits of skb->_nfct (enum ip_conntrack_info).
func ctState(info byte, has bool) string {
	switch {
	case info == 7:
		return "UNTRACKED"
	case !has:
		return ""
	case info == 2:
		return "NEW"
	case info == 1, info == 4:
		return "RELATED"
	}
	return "ESTABLISHED"
}

func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
