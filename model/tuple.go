package model

import (
	"net/netip"
)

// Tuple is one direction of a connection. For ICMP the kernel keeps the echo
// identifier where the source port stands and type and code where the destination
// port stands (struct nf_conntrack_tuple); so do we: DPort is type<<8|code.
type Tuple struct {
	Proto        Proto
	Src, Dst     netip.Addr
	SPort, DPort uint16
}

// SrcString and DstString print an end with its port where the protocol has ports.
func (t Tuple) SrcString() string { return endpoint(t.Src, t.SPort, t.Proto.Ports()) }

// DstString is SrcString for the destination.
func (t Tuple) DstString() string { return endpoint(t.Dst, t.DPort, t.Proto.Ports()) }

// String prints tcp 10.0.0.1:1234 > 10.0.0.2:80.
func (t Tuple) String() string {
	return t.Proto.String() + " " + t.SrcString() + " > " + t.DstString()
}

// Reverse swaps the ends. An ICMP echo's type becomes that of its reply
// (nf_conntrack_proto_icmp.c, invmap).
func (t Tuple) Reverse() Tuple {
	r := Tuple{Proto: t.Proto, Src: t.Dst, Dst: t.Src, SPort: t.DPort, DPort: t.SPort}
	if t.Proto.ICMP() {
		r.SPort, r.DPort = t.SPort, uint16(icmpInverse(t.Proto, uint8(t.DPort>>8)))<<8|t.DPort&0xff
	}
	return r
}

func icmpInverse(p Proto, typ uint8) uint8 {
	pairs := [][2]uint8{{8, 0}, {13, 14}, {15, 16}, {17, 18}}
	if p == ProtoICMPv6 {
		pairs = [][2]uint8{{128, 129}, {139, 140}}
	}
	for _, q := range pairs {
		switch typ {
		case q[0]:
			return q[1]
		case q[1]:
			return q[0]
		}
	}
	return typ
}
