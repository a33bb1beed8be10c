package why

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/filter"
)

// anyPort stands for a client's port that the filter does not name.
const anyPort = 40000

// Aim is the first packet of a flow that a filter asks for, as far as it names one. What
// it leaves out is not known.
type Aim struct {
	Packet model.Packet
	// In is the interface it comes by, "" where the filter names none.
	In string
	// Assumed says what was filled in; AnyPort is true where the source port was.
	Assumed []string
	AnyPort bool
}

// AimOf finds the packet that a filter names; false where it names no destination.
func AimOf(f *filter.Filter) (m Aim, ok bool) {
	p := &m.Packet
	list, err := f.Conjuncts(64)
	if err != nil || len(list) == 0 {
		return m, false
	}
	// Of `port 80`, which is that of either end, the one that goes to it.
	c := slices.MaxFunc(list, func(a, b filter.Conjunct) int { return cmp.Compare(aims(a), aims(b)) })
	one := func(n netip.Prefix) (netip.Addr, bool) { return n.Addr(), n.IsSingleIP() }
	dport := false
	for _, x := range c.Conds {
		if x.Not {
			continue
		}
		switch x.Field {
		case filter.FieldFamily:
			p.Family = x.Family
		case filter.FieldProto:
			p.Proto = x.Proto
		case filter.FieldIn:
			if !strings.HasSuffix(x.Iface, "+") {
				m.In = x.Iface
			}
		case filter.FieldMark:
			p.Mark = x.Value
		case filter.FieldSrc:
			if a, ok := one(x.Prefix); ok {
				p.Src = a
			}
		case filter.FieldDst:
			if a, ok := one(x.Prefix); ok {
				p.Dst = a
			}
		case filter.FieldSPort:
			if x.Lo == x.Hi {
				p.SPort = x.Lo
			}
		case filter.FieldDPort:
			if x.Lo == x.Hi {
				p.DPort, dport = x.Lo, true
			}
		}
	}
	if !p.Dst.IsValid() {
		return m, false
	}
	switch {
	case p.Proto == 0:
		p.Extended = true // nothing is known behind the addresses
	case p.Proto.ICMP():
		p.Transport, p.ICMPType = true, 8
		if p.Proto == model.ProtoICMPv6 {
			p.ICMPType = 128
		}
		m.Assumed = append(m.Assumed, "it is an echo request")
	case p.Proto.Ports() && dport:
		p.Transport = true
		if p.SPort == 0 {
			p.SPort, m.AnyPort = anyPort, true
			m.Assumed = append(m.Assumed, "its source port is 40000, which the filter leaves open")
		}
		if p.Proto == model.ProtoTCP {
			p.Flags = model.SYN
			m.Assumed = append(m.Assumed, "it is a SYN")
		}
	}
	return m, true
}

// aims counts what a conjunct says of where a packet goes.
func aims(c filter.Conjunct) (n int) {
	for _, x := range c.Conds {
		if !x.Not && (x.Field == filter.FieldDst || x.Field == filter.FieldDPort) {
			n++
		}
	}
	return n
}
