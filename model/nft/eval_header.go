package nft

import (
	"nfscope/model"
	"nfscope/model/fact"
)

// header is a header as far as model.Packet has it: bytes, and which of their bits are
// known. Rules may read any bits of it, and write them.
type header struct{ bytes, known []byte }

func newHeader(n int) *header { return &header{make([]byte, n), make([]byte, n)} }

// put writes a value of some bits, at a bit counted from the header's first. What lies
// behind the header's end is left out.
func (h *header) put(at int, v value) {
	for i := range v.width {
		bit := at + v.width - 1 - i
		if bit/8 >= len(h.bytes) {
			continue
		}
		mask := byte(0x80) >> (bit % 8)
		h.bytes[bit/8] &^= mask
		h.known[bit/8] &^= mask
		w := v.bits.right(uint(i))
		if w.lo&1 == 1 {
			h.bytes[bit/8] |= mask
		}
		if k := v.known.right(uint(i)); k.lo&1 == 1 {
			h.known[bit/8] |= mask
		}
	}
}

func (h *header) number(at, width int, n uint64) { h.put(at, exactly(n, width)) }

// get reads some bits. What lies behind the header's end is not known.
func (h *header) get(at, width int) value {
	v := nothing(width)
	for i := range width {
		bit := at + width - 1 - i
		if bit/8 >= len(h.bytes) {
			continue
		}
		mask := byte(0x80) >> (bit % 8)
		if h.known[bit/8]&mask == 0 {
			continue
		}
		one := word{0, 1}.left(uint(i))
		v.known = v.known.or(one)
		if h.bytes[bit/8]&mask != 0 {
			v.bits = v.bits.or(one)
		}
	}
	return v
}

// forget takes away what is known of some bits.
func (h *header) forget(at, width int) { h.put(at, nothing(width)) }

// bare leaves of a network header what is known of a packet that nobody saw.
func (h *header) bare(f model.Family) {
	if f == model.FamilyIPv6 {
		h.forget(4, 28)  // traffic class, flow label
		h.forget(32, 16) // length
		h.forget(56, 8)  // hop limit
		return
	}
	h.forget(8, 8)   // TOS
	h.forget(16, 32) // length, id
	h.forget(64, 8)  // TTL
}

// networkHeader lays a packet's IP header out (RFC 791, RFC 8200). What the packet does
// not tell is left unknown: IPv4's header length, its flag DF, its checksum.
func networkHeader(p *model.Packet) *header {
	if p.Family == model.FamilyIPv6 {
		h := newHeader(40)
		h.number(0, 4, 6)
		h.number(4, 8, uint64(p.TOS))
		h.number(12, 20, uint64(p.FlowLabel))
		h.number(32, 16, uint64(max(p.Length-40, 0)))
		if !p.Extended {
			h.number(48, 8, uint64(p.Proto))
		}
		h.number(56, 8, uint64(p.TTL))
		if p.Src.Is6() && p.Dst.Is6() {
			h.put(64, addressValue(p.Src))
			h.put(192, addressValue(p.Dst))
		}
		return h
	}
	h := newHeader(20)
	h.number(0, 4, 4)
	h.number(8, 8, uint64(p.TOS))
	h.number(16, 16, uint64(p.Length))
	h.number(32, 16, uint64(p.IPID))
	more := uint64(0)
	if p.MoreFragments {
		more = 1
	}
	h.number(50, 1, more)
	h.number(51, 13, uint64(p.FragOffset/8))
	h.number(64, 8, uint64(p.TTL))
	h.number(72, 8, uint64(p.Proto))
	if p.Src.Is4() && p.Dst.Is4() {
		h.put(96, addressValue(p.Src))
		h.put(128, addressValue(p.Dst))
	}
	return h
}

// transportHeader lays out what the packet tells of the header above IP.
func transportHeader(p *model.Packet) *header {
	h := newHeader(20)
	switch {
	case !p.Transport:
	case p.Proto.Ports():
		h.number(0, 16, uint64(p.SPort))
		h.number(16, 16, uint64(p.DPort))
		if ip := 20 + 20*b2i(p.Family == model.FamilyIPv6); p.Proto == model.ProtoTCP && p.Length >= ip+20 {
			h.number(32, 32, uint64(p.Seq))
			h.number(64, 32, uint64(p.Ack))
			h.number(104, 8, uint64(p.Flags))
		}
	case p.Proto.ICMP():
		h.number(0, 8, uint64(p.ICMPType))
		h.number(8, 8, uint64(p.ICMPCode))
		if echo(p) {
			h.number(32, 16, uint64(p.ICMPID))
			h.number(48, 16, uint64(p.Seq))
		}
	}
	return h
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func echo(p *model.Packet) bool {
	if p.Proto == model.ProtoICMP {
		return p.ICMPType == 0 || p.ICMPType == 8
	}
	return p.ICMPType == 128 || p.ICMPType == 129
}

// spot is where a field stands in its header, in bits.
type spot struct{ at, len int }

// networkSpots are the fields of the IP headers.
var networkSpots = map[string]spot{
	"ip version": {0, 4}, "ip hdrlength": {4, 4}, "ip dscp": {8, 6}, "ip ecn": {14, 2}, "ip length": {16, 16}, "ip id": {32, 16},
	"ip frag-off": {48, 16}, "ip ttl": {64, 8}, "ip protocol": {72, 8}, "ip checksum": {80, 16}, "ip saddr": {96, 32}, "ip daddr": {128, 32},
	"ip6 version": {0, 4}, "ip6 dscp": {4, 6}, "ip6 ecn": {10, 2}, "ip6 flowlabel": {12, 20}, "ip6 length": {32, 16}, "ip6 nexthdr": {48, 8},
	"ip6 hoplimit": {56, 8}, "ip6 saddr": {64, 128}, "ip6 daddr": {192, 128},
}

// transportSpots are those of the headers above. What is not here is in no Packet.
var transportSpots = map[string]spot{
	"tcp sport": {0, 16}, "tcp dport": {16, 16}, "tcp sequence": {32, 32}, "tcp ackseq": {64, 32}, "tcp doff": {96, 4}, "tcp reserved": {100, 4},
	"tcp flags": {104, 8}, "tcp window": {112, 16}, "tcp checksum": {128, 16}, "tcp urgptr": {144, 16},
	"udp sport": {0, 16}, "udp dport": {16, 16}, "udp length": {32, 16}, "udp checksum": {48, 16},
	"udplite sport": {0, 16}, "udplite dport": {16, 16}, "udplite csumcov": {32, 16}, "udplite checksum": {48, 16},
	"sctp sport": {0, 16}, "sctp dport": {16, 16}, "sctp vtag": {32, 32}, "sctp checksum": {64, 32},
	"dccp sport": {0, 16}, "dccp dport": {16, 16}, "th sport": {0, 16}, "th dport": {16, 16},
	"icmp type": {0, 8}, "icmp code": {8, 8}, "icmp checksum": {16, 16}, "icmp id": {32, 16}, "icmp sequence": {48, 16},
	"icmp gateway": {32, 32}, "icmp mtu": {48, 16},
	"icmpv6 type": {0, 8}, "icmpv6 code": {8, 8}, "icmpv6 checksum": {16, 16}, "icmpv6 parameter-problem": {32, 32},
	"icmpv6 packet-too-big": {32, 32}, "icmpv6 mtu": {32, 32}, "icmpv6 id": {32, 16}, "icmpv6 sequence": {48, 16},
	"icmpv6 max-delay": {32, 16},
}

// carriers are the protocols whose header a field is of.
var carriers = map[string]model.Proto{"tcp": model.ProtoTCP, "udp": model.ProtoUDP, "udplite": model.ProtoUDPLite,
	"sctp": model.ProtoSCTP, "dccp": model.ProtoDCCP, "icmp": model.ProtoICMP, "icmpv6": model.ProtoICMPv6, "igmp": model.ProtoIGMP,
	"ah": model.ProtoAH, "esp": model.ProtoESP, "comp": 108, "gre": model.ProtoGRE, "gretap": model.ProtoGRE, "vxlan": model.ProtoUDP,
	"geneve": model.ProtoUDP}

// bearers are the types of ICMP that have a field: nft asks for the type besides
// (payload.c, payload_may_dependency_kill and icmp_dep).
var bearers = map[string][]uint8{
	"icmp id": {0, 8, 13, 14, 15, 16, 17, 18}, "icmp sequence": {0, 8, 13, 14, 15, 16, 17, 18}, "icmp gateway": {5}, "icmp mtu": {3},
	"icmpv6 id": {128, 129}, "icmpv6 sequence": {128, 129}, "icmpv6 mtu": {2}, "icmpv6 packet-too-big": {2},
	"icmpv6 parameter-problem": {4}, "icmpv6 max-delay": {130, 131, 132},
}

const (
	cutShort = "the packet was cut short"
	laterPay = "a later fragment's data may be read as its header"
)

// transport tells whether the rule can read the header above IP: protos are the
// protocols that will do, none where any will.
func (e *evaluation) transport(width int, protos ...model.Proto) (reading, bool) {
	p := e.packet
	switch {
	case !p.ProtoKnown():
		return unknown(width, cutShort), false
	case len(protos) > 0 && p.Proto != protos[0]:
		return instead("protocol", protos[0].String(), p.Proto.String()), false
	case p.FragOffset > 0: // nf_tables_core.c, nft_payload_fast_eval; nft_payload.c says no
		return unknown(width, laterPay), false
	case !p.Transport && (p.Proto.Ports() || p.Proto.ICMP()):
		return unknown(width, cutShort), false
	}
	return reading{}, true
}

// family tells whether the packet is of the family that a header belongs to.
func (e *evaluation) family(f model.Family) (reading, bool) {
	if e.packet.Family != f {
		return instead("family", f.String(), e.packet.Family.String()), false
	}
	return reading{}, true
}

func (e *evaluation) payload(f *Payload) reading {
	name := f.String()
	switch f.Header {
	case "ip", "ip6":
		want := map[string]model.Family{"ip": model.FamilyIPv4, "ip6": model.FamilyIPv6}[f.Header]
		s := networkSpots[name]
		if r, ok := e.family(want); !ok {
			return r
		}
		return e.from(e.network(), s, f.typ)
	case "ether":
		switch src := e.facts.Source; {
		case f.Name == "type":
			return e.etherType()
		case f.Name == "saddr" && src.Known:
			n := uint64(0)
			for _, b := range src.Value {
				n = n<<8 | uint64(b)
			}
			return known(exactly(n, 48), f.typ)
		}
		return unknown(48, "the link layer's address")
	case "arp":
		return instead("family", "arp", e.packet.Family.String())
	}
	proto, ok := carriers[f.Header]
	if !ok && f.Header != "th" {
		return unknown(0, "the packet's bytes")
	}
	s, ok := transportSpots[name]
	var protos []model.Proto
	if f.Header != "th" {
		protos = append(protos, proto)
	} else if p := e.packet; !p.Proto.Ports() && p.ProtoKnown() {
		return unknown(16, "what "+p.Proto.String()+" has in the place of ports")
	}
	if r, ok := e.transport(s.len, protos...); !ok {
		return r
	}
	if l := bearers[name]; l != nil && !contains(l, e.packet.ICMPType) {
		return instead(f.Header+" type", "one with "+f.Name, format(exactly(uint64(e.packet.ICMPType), 8), headers[f.Header]["type"]))
	}
	if !ok {
		return unknown(0, "the packet's bytes")
	}
	r := e.from(e.upper(), s, f.typ)
	if !r.v.sure() {
		r.breaks = fact.Unsure // it may be behind the packet's end
	}
	return r
}

func contains(l []uint8, n uint8) bool {
	for _, v := range l {
		if v == n {
			return true
		}
	}
	return false
}

// from reads a field of a header.
func (e *evaluation) from(h *header, s spot, t Type) reading {
	r := known(h.get(s.at, s.len), t)
	if !r.v.sure() {
		r.missing = "the header's other fields"
	}
	return r
}

// raw reads bits by their place.
func (e *evaluation) raw(f *Raw) reading {
	s := spot{int(f.Offset), int(f.Len)}
	if s.len > 128 || s.at > 1<<16 {
		return unknown(0, "the packet's bytes")
	}
	switch f.Base {
	case "nh":
		r := e.from(e.network(), s, Integer)
		if s.at+s.len > 8*len(e.network().bytes) {
			r.breaks = fact.Unsure
		}
		return r
	case "th":
		if r, ok := e.transport(s.len); !ok {
			return r
		}
		r := e.from(e.upper(), s, Integer)
		if !r.v.sure() {
			r.breaks = fact.Unsure // it may be behind the packet's end
		}
		return r
	}
	return unknown(s.len, "the packet's bytes")
}
