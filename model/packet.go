package model

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Proto is an IP protocol number (IANA protocol-numbers).
type Proto uint8

// The protocols that have ports or a name of their own here.
const (
	ProtoICMP    Proto = 1
	ProtoIGMP    Proto = 2
	ProtoTCP     Proto = 6
	ProtoUDP     Proto = 17
	ProtoDCCP    Proto = 33
	ProtoGRE     Proto = 47
	ProtoESP     Proto = 50
	ProtoAH      Proto = 51
	ProtoICMPv6  Proto = 58
	ProtoSCTP    Proto = 132
	ProtoUDPLite Proto = 136
)

var protoNames = map[Proto]string{
	ProtoICMP: "icmp", ProtoIGMP: "igmp", ProtoTCP: "tcp", ProtoUDP: "udp", ProtoDCCP: "dccp",
	ProtoGRE: "gre", ProtoESP: "esp", ProtoAH: "ah", ProtoICMPv6: "icmpv6", ProtoSCTP: "sctp", ProtoUDPLite: "udplite",
}

// String gives the name, or the number where there is no name.
func (p Proto) String() string {
	if s, ok := protoNames[p]; ok {
		return s
	}
	return strconv.Itoa(int(p))
}

// ParseProto reads a protocol's name or number. ipv6-icmp and icmp6 mean icmpv6.
func ParseProto(s string) (Proto, bool) {
	switch s {
	case "icmp6", "ipv6-icmp":
		return ProtoICMPv6, true
	}
	for p, n := range protoNames {
		if n == s {
			return p, true
		}
	}
	n, err := strconv.ParseUint(s, 10, 8)
	return Proto(n), err == nil
}

// Ports reports whether the protocol's header begins with two ports.
func (p Proto) Ports() bool {
	switch p {
	case ProtoTCP, ProtoUDP, ProtoDCCP, ProtoSCTP, ProtoUDPLite:
		return true
	}
	return false
}

// ICMP reports whether p is ICMP of either family.
func (p Proto) ICMP() bool { return p == ProtoICMP || p == ProtoICMPv6 }

// TCPFlags are the flag bits of a TCP header (RFC 9293, 3.1).
type TCPFlags uint8

// The TCP flags.
const (
	FIN TCPFlags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

var flagNames = [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"}

// List names the flags that are set, in the order of the bits.
func (f TCPFlags) List() []string {
	var s []string
	for i, n := range flagNames {
		if f&(1<<i) != 0 {
			s = append(s, n)
		}
	}
	return s
}

// String joins the names with a comma.
func (f TCPFlags) String() string { return strings.Join(f.List(), ",") }

// Packet is the part of a packet's headers that netfilter decides by. A field
// that was not seen is zero and is then missing from the JSON; Has tells whether
// the transport header was seen.
type Packet struct {
	Family       Family
	Proto        Proto
	Src, Dst     netip.Addr
	SPort, DPort uint16
	// Transport is true when the transport header was there to be read.
	Transport bool
	ICMPType  uint8
	ICMPCode  uint8
	// ICMPID is the identifier of an echo message.
	ICMPID uint16
	// Length is the length the IP header states, in bytes, header included.
	Length int
	Flags  TCPFlags
	// Seq and Ack are TCP's numbers; Seq holds the sequence number of an ICMP echo too.
	Seq, Ack uint32
	TTL      uint8 // or hop limit
	TOS      uint8 // or traffic class
	IPID     uint16
	// FlowLabel is IPv6's.
	FlowLabel uint32
	// Extended is true where IPv6 extension headers stand before the transport header.
	// Where they were cut off Proto is the first one's number: nf_tables' trace hands
	// over 40 bytes of network header, whatever comes between.
	Extended bool
	// FragOffset is in bytes; MoreFragments is IPv4's or IPv6's MF bit.
	FragOffset    int
	MoreFragments bool
	// FragID is the identification in IPv6's fragment header, where that was seen; IPv4's
	// is IPID.
	FragID uint32
	// Unshown is true of an IPv6 fragment behind the first of which nf_tables' trace shows
	// no header: nothing but Family, Extended and Mark is known of it. Src and Dst are what
	// a reader of the trace has inferred, or invalid.
	Unshown bool
	Mark    uint32
	// Content tells apart packets of a flow whose headers are the same: a sum of the first
	// bytes they carry, 0 where none were seen. It is not in the JSON.
	Content uint32
}

// Tuple gives what conntrack would call the packet by.
func (p *Packet) Tuple() Tuple {
	t := Tuple{Proto: p.Proto, Src: p.Src, Dst: p.Dst, SPort: p.SPort, DPort: p.DPort}
	if p.Proto.ICMP() {
		t.SPort, t.DPort = p.ICMPID, uint16(p.ICMPType)<<8|uint16(p.ICMPCode)
	}
	return t
}

// ICMPError reports whether the packet is an ICMP error, which holds the beginning of the
// packet that it is about (RFC 792; RFC 4443, 2.1: types below 128).
func (p *Packet) ICMPError() bool {
	if !p.Transport {
		return false
	}
	switch p.Proto {
	case ProtoICMP:
		switch p.ICMPType {
		case 3, 4, 5, 11, 12: // unreachable, quench, redirect, time exceeded, parameter problem
			return true
		}
	case ProtoICMPv6:
		return p.ICMPType < 128
	}
	return false
}

// String is the packet in one line: tcp 10.0.0.1:1234 > 10.0.0.2:80 SYN.
func (p *Packet) String() string {
	var b strings.Builder
	if p.Proto == 0 && !p.Extended { // what a filter leaves open; else it is IPv6's hop-by-hop header
		b.WriteByte('?')
	} else {
		b.WriteString(p.Proto.String())
	}
	b.WriteByte(' ')
	b.WriteString(endpoint(p.Src, p.SPort, p.Proto.Ports() && p.Transport))
	b.WriteString(" > ")
	b.WriteString(endpoint(p.Dst, p.DPort, p.Proto.Ports() && p.Transport))
	if d := p.Detail(); d != "" {
		b.WriteByte(' ')
		b.WriteString(d)
	}
	return b.String()
}

// Behind reports whether the packet is a fragment behind its datagram's first.
func (p *Packet) Behind() bool { return p.FragOffset > 0 || p.Unshown }

// Detail is what tells packets of one tuple apart: TCP flags, the ICMP type, a fragment's place.
func (p *Packet) Detail() string {
	switch {
	case p.FragOffset > 0:
		return fmt.Sprintf("fragment at %d", p.FragOffset)
	case p.Unshown:
		return "fragment behind the first"
	case p.Proto == ProtoTCP:
		return p.Flags.String()
	case p.Proto.ICMP() && p.Transport:
		return icmpWord(p.Proto, p.ICMPType, p.ICMPCode)
	}
	return ""
}

func icmpWord(p Proto, typ, code uint8) string {
	names := map[uint8]string{0: "echo-reply", 3: "unreachable", 5: "redirect", 8: "echo-request", 11: "time-exceeded"}
	if p == ProtoICMPv6 {
		names = map[uint8]string{1: "unreachable", 2: "packet-too-big", 3: "time-exceeded", 128: "echo-request",
			129: "echo-reply", 133: "router-solicit", 134: "router-advert", 135: "neighbour-solicit", 136: "neighbour-advert"}
	}
	n, ok := names[typ]
	if !ok {
		n = fmt.Sprintf("type %d", typ)
	}
	if code != 0 {
		n += fmt.Sprintf(" code %d", code)
	}
	return n
}

func endpoint(a netip.Addr, port uint16, ported bool) string {
	switch {
	case !a.IsValid():
		return "?"
	case !ported:
		return a.String()
	}
	return netip.AddrPortFrom(a, port).String()
}

type packetJSON struct {
	Proto     string   `json:"proto,omitempty"`
	Src       string   `json:"src,omitempty"`
	SPort     *uint16  `json:"sport,omitempty"`
	Dst       string   `json:"dst,omitempty"`
	DPort     *uint16  `json:"dport,omitempty"`
	ICMPType  *uint8   `json:"icmp_type,omitempty"`
	ICMPCode  *uint8   `json:"icmp_code,omitempty"`
	ICMPID    *uint16  `json:"icmp_id,omitempty"`
	Length    int      `json:"length,omitempty"`
	Flags     []string `json:"flags,omitempty"`
	Seq       uint32   `json:"seq,omitempty"`
	Ack       uint32   `json:"ack,omitempty"`
	TTL       uint8    `json:"ttl,omitempty"`
	TOS       uint8    `json:"tos,omitempty"`
	IPID      *uint16  `json:"ip_id,omitempty"` // 0 too is what an IPv4 header says
	FlowLabel uint32   `json:"flow_label,omitempty"`
	Extended  bool     `json:"extended,omitempty"`
	Frag      int      `json:"frag_offset,omitempty"`
	More      bool     `json:"more_fragments,omitempty"`
	FragID    uint32   `json:"frag_id,omitempty"`
	Unshown   bool     `json:"unshown,omitempty"`
	Mark      uint32   `json:"mark,omitempty"`
}

// MarshalJSON writes the packet as contract nfscope/journey/1 has it.
func (p Packet) MarshalJSON() ([]byte, error) {
	j := packetJSON{Length: p.Length, Flags: p.Flags.List(), Seq: p.Seq, Ack: p.Ack, TTL: p.TTL, TOS: p.TOS,
		FlowLabel: p.FlowLabel, Extended: p.Extended, Frag: p.FragOffset, More: p.MoreFragments, FragID: p.FragID, Unshown: p.Unshown, Mark: p.Mark}
	if p.Src.IsValid() {
		j.Proto, j.Src, j.Dst = p.Proto.String(), p.Src.String(), p.Dst.String()
	}
	if p.IPID != 0 || p.Src.Is4() && p.TTL != 0 {
		j.IPID = &p.IPID
	}
	if p.Transport && p.Proto.Ports() {
		j.SPort, j.DPort = &p.SPort, &p.DPort
	}
	if p.Transport && p.Proto.ICMP() {
		j.ICMPType, j.ICMPCode, j.ICMPID = &p.ICMPType, &p.ICMPCode, &p.ICMPID
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Packet) UnmarshalJSON(b []byte) error {
	var j packetJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*p = Packet{Length: j.Length, Seq: j.Seq, Ack: j.Ack, TTL: j.TTL, TOS: j.TOS,
		FlowLabel: j.FlowLabel, Extended: j.Extended, FragOffset: j.Frag, MoreFragments: j.More, FragID: j.FragID, Unshown: j.Unshown, Mark: j.Mark}
	if j.Proto != "" {
		var ok bool
		if p.Proto, ok = ParseProto(j.Proto); !ok {
			return fmt.Errorf("packet: unknown protocol %q", j.Proto)
		}
	}
	for _, a := range []struct {
		to   *netip.Addr
		text string
	}{{&p.Src, j.Src}, {&p.Dst, j.Dst}} {
		if a.text == "" {
			continue
		}
		v, err := netip.ParseAddr(a.text)
		if err != nil {
			return fmt.Errorf("packet: %w", err)
		}
		*a.to = v
		if p.Family = FamilyIPv4; v.Is6() {
			p.Family = FamilyIPv6
		}
	}
	if j.SPort != nil && j.DPort != nil {
		p.SPort, p.DPort, p.Transport = *j.SPort, *j.DPort, true
	}
	if j.IPID != nil {
		p.IPID = *j.IPID
	}
	if j.ICMPType != nil {
		p.ICMPType, p.Transport = *j.ICMPType, true
		if j.ICMPCode != nil {
			p.ICMPCode = *j.ICMPCode
		}
		if j.ICMPID != nil {
			p.ICMPID = *j.ICMPID
		}
	}
	for _, f := range j.Flags {
		for i, n := range flagNames {
			if n == f {
				p.Flags |= 1 << i
			}
		}
	}
	return nil
}

// DecodePacket reads the network header and, where transport is nil, the transport
// header behind it. nf_tables' trace hands over the two apart, both cut short
// (net/netfilter/nf_tables_trace.c: 40 and 20 bytes); NFLOG hands over one buffer
// cut at the copy range. What is cut off is left zero and is no error; what is no
// IP header is one.
func DecodePacket(f Family, network, transport []byte) (Packet, error) {
	if len(network) == 0 {
		return Packet{}, fmt.Errorf("decode packet: no network header")
	}
	if f != FamilyIPv4 && f != FamilyIPv6 { // bridge, netdev, inet: the header says
		if f = FamilyIPv4; network[0]>>4 == 6 {
			f = FamilyIPv6
		}
	}
	p := Packet{Family: f}
	var rest []byte
	var err error
	if f == FamilyIPv4 {
		rest, err = p.ipv4(network)
	} else {
		rest, err = p.ipv6(network)
	}
	if err != nil {
		return Packet{}, err
	}
	whole := true
	if transport == nil {
		transport = rest
		// Of a packet that was put together of fragments, or lies in pages, only the beginning
		// is seen by who reads where the skb begins: a sum of less is another's.
		whole = len(rest) >= min(contentSeen, p.Length-(len(network)-len(rest)))
	}
	if p.FragOffset == 0 {
		p.transport(transport)
		if whole && p.ProtoKnown() {
			p.Content = content(p.Proto, p.ICMPError(), transport)
		}
	}
	return p, nil
}

func (p *Packet) ipv4(b []byte) (rest []byte, err error) {
	if len(b) < 20 || b[0]>>4 != 4 || b[0]&15 < 5 {
		return nil, fmt.Errorf("decode packet: %d bytes that are no IPv4 header", len(b))
	}
	p.TOS, p.Length, p.IPID = b[1], int(binary.BigEndian.Uint16(b[2:])), binary.BigEndian.Uint16(b[4:])
	frag := binary.BigEndian.Uint16(b[6:])
	p.MoreFragments, p.FragOffset = frag&0x2000 != 0, int(frag&0x1fff)*8
	p.TTL, p.Proto = b[8], Proto(b[9])
	p.Src, p.Dst = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	return b[min(len(b), int(b[0]&15)*4):], nil
}

func (p *Packet) ipv6(b []byte) (rest []byte, err error) {
	if len(b) < 40 || b[0]>>4 != 6 {
		return nil, fmt.Errorf("decode packet: %d bytes that are no IPv6 header", len(b))
	}
	w := binary.BigEndian.Uint32(b)
	p.TOS, p.FlowLabel = uint8(w>>20), w&0xfffff
	p.Length = 40 + int(binary.BigEndian.Uint16(b[4:]))
	p.Proto, p.TTL = Proto(b[6]), b[7]
	switch p.Proto {
	case 0, 43, 44, 60, ProtoAH: // ipv6_ext_hdr (net/ipv6/exthdrs_core.c)
		p.Extended = true
	}
	p.Src, p.Dst = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	return p.skipExtensions(b[40:]), nil
}

// skipExtensions follows IPv6's chain of extension headers (RFC 8200, 4) to the
// transport header, as far as the bytes go.
func (p *Packet) skipExtensions(b []byte) []byte {
	for len(b) >= 8 {
		switch p.Proto {
		case 0, 43, 60: // hop-by-hop, routing, destination options
			n := (int(b[1]) + 1) * 8
			p.Proto, b = Proto(b[0]), b[min(n, len(b)):]
		case 44: // fragment
			off := binary.BigEndian.Uint16(b[2:])
			p.FragOffset, p.MoreFragments, p.FragID = int(off&^7), off&1 != 0, binary.BigEndian.Uint32(b[4:])
			p.Proto, b = Proto(b[0]), b[8:]
			if p.FragOffset > 0 {
				return b
			}
		case ProtoAH:
			n := (int(b[1]) + 2) * 4
			p.Proto, b = Proto(b[0]), b[min(n, len(b)):]
		default:
			return b
		}
	}
	return b
}

func (p *Packet) transport(b []byte) {
	switch {
	case p.Proto.Ports() && len(b) >= 4:
		p.SPort, p.DPort, p.Transport = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), true
		if p.Proto == ProtoTCP && len(b) >= 14 {
			p.Seq, p.Ack, p.Flags = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:]), TCPFlags(b[13])
		}
	case p.Proto.ICMP() && len(b) >= 4:
		p.ICMPType, p.ICMPCode, p.Transport = b[0], b[1], true
		if p.echo() && len(b) >= 8 {
			p.ICMPID, p.Seq = binary.BigEndian.Uint16(b[4:]), uint32(binary.BigEndian.Uint16(b[6:]))
		}
	}
}

func (p *Packet) echo() bool {
	if p.Proto == ProtoICMP {
		return p.ICMPType == 0 || p.ICMPType == 8
	}
	return p.ICMPType == 128 || p.ICMPType == 129
}

// ProtoKnown is false where IPv6 extension headers stand before the transport header and
// were cut off, so that Proto is the number of one of them.
func (p *Packet) ProtoKnown() bool {
	switch p.Proto {
	case 0, 43, 44, 60, ProtoAH:
		return !p.Extended || p.FragOffset > 0
	}
	return true
}
