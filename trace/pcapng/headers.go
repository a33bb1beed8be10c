package pcapng

import (
	"encoding/binary"

	"nfscope/model"
)

// Headers makes a packet's headers again of what a trace told of them, nil where it
// told no address. What it never tells (checksums but IPv4's, TCP's window, options) is
// zero or left out.
func Headers(p *model.Packet) []byte {
	switch {
	case p.Src.Is4() && p.Dst.Is4():
		return ipv4(p)
	case p.Src.Is6() && p.Dst.Is6():
		return ipv6(p)
	}
	return nil
}

func ipv4(p *model.Packet) []byte {
	l4 := transport(p)
	b := make([]byte, 20, 20+len(l4))
	b[0], b[1] = 0x45, p.TOS
	binary.BigEndian.PutUint16(b[2:], length(p, 20+len(l4)))
	binary.BigEndian.PutUint16(b[4:], p.IPID)
	frag := uint16(p.FragOffset / 8)
	if p.MoreFragments {
		frag |= 0x2000
	}
	binary.BigEndian.PutUint16(b[6:], frag)
	b[8], b[9] = p.TTL, byte(p.Proto)
	src, dst := p.Src.As4(), p.Dst.As4()
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum))
	return append(b, l4...)
}

// length is what the header says of the packet's own, least where that is not known.
func length(p *model.Packet, least int) uint16 { return uint16(min(max(p.Length, least), 0xffff)) }

func ipv6(p *model.Packet) []byte {
	l4 := transport(p)
	next := byte(p.Proto)
	var frag []byte
	if p.FragOffset > 0 || p.MoreFragments {
		frag = make([]byte, 8)
		frag[0] = next
		off := uint16(p.FragOffset)
		if p.MoreFragments {
			off |= 1
		}
		binary.BigEndian.PutUint16(frag[2:], off)
		binary.BigEndian.PutUint32(frag[4:], p.FragID)
		next = 44
	}
	b := make([]byte, 40, 48+len(l4))
	binary.BigEndian.PutUint32(b, 6<<28|uint32(p.TOS)<<20|p.FlowLabel&0xfffff)
	binary.BigEndian.PutUint16(b[4:], length(p, 40+len(frag)+len(l4))-40)
	b[6], b[7] = next, p.TTL
	src, dst := p.Src.As16(), p.Dst.As16()
	copy(b[8:], src[:])
	copy(b[24:], dst[:])
	return append(append(b, frag...), l4...)
}

// transport makes the transport header, nil where none was seen.
func transport(p *model.Packet) []byte {
	if !p.Transport {
		return nil
	}
	switch {
	case p.Proto == model.ProtoTCP:
		b := ports(p, 20)
		binary.BigEndian.PutUint32(b[4:], p.Seq)
		binary.BigEndian.PutUint32(b[8:], p.Ack)
		b[12], b[13] = 5<<4, byte(p.Flags)
		return b
	case p.Proto == model.ProtoUDP || p.Proto == model.ProtoUDPLite:
		b := ports(p, 8)
		l3 := 20
		if p.Src.Is6() {
			l3 = 40
		}
		if !p.Extended { // else nobody knows what stands between
			binary.BigEndian.PutUint16(b[4:], uint16(min(max(p.Length-l3, 8), 0xffff)))
		}
		return b
	case p.Proto.Ports():
		return ports(p, 4)
	case p.Proto.ICMP():
		b := make([]byte, 8)
		b[0], b[1] = p.ICMPType, p.ICMPCode
		binary.BigEndian.PutUint16(b[4:], p.ICMPID)
		binary.BigEndian.PutUint16(b[6:], uint16(p.Seq))
		return b
	}
	return nil
}

func ports(p *model.Packet, n int) []byte {
	b := make([]byte, n)
	binary.BigEndian.PutUint16(b, p.SPort)
	binary.BigEndian.PutUint16(b[2:], p.DPort)
	return b
}
