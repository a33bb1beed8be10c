package nat

import (
	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/filter"
	"nfscope/model/flow"
)

// class is all that today's rules can tell of a flow: they treat two flows of one class
// alike. A gateway's million connections are of some dozens.
type class struct {
	family               model.Family
	proto                model.Proto
	status               flow.Status
	zone, origZone       uint16
	src, dst, back, from uint32    // cells of the original's addresses, then the reply's
	ports                [4]uint16 // cells, in the same order; ICMP's as they are
	// same tells which ends are not translated: source and destination address, then ports.
	same [4]bool
}

// deciding are the status bits that decide.
const deciding = flow.SrcNAT | flow.DstNAT | flow.Expected | flow.Template

// mostClasses bounds what is remembered.
const mostClasses = 1 << 16

// classOf gives a flow's class; ok is false where the rules look at more than a class tells.
func (f *Finder) classOf(l *flow.Look) (c class, ok bool) {
	if f.cells == nil {
		f.cells = newCells(f.index.Ruleset(), &f.host)
	}
	o, r, s, d := &l.Orig, &l.Reply, &f.cells.of[0], &f.cells.of[1]
	if f.cells.open {
		return c, false
	}
	c = class{family: l.Family, proto: o.Proto, status: l.Status & deciding, zone: l.Zone, origZone: l.OrigZone,
		src: s.addr(o.Src), dst: d.addr(o.Dst), back: d.addr(r.Src), from: s.addr(r.Dst),
		ports: [4]uint16{o.SPort, o.DPort, r.SPort, r.DPort},
		same:  [4]bool{o.Src == r.Dst, o.Dst == r.Src, o.SPort == r.DPort, o.DPort == r.SPort}}
	if o.Proto.ICMP() {
		c.ports[0], c.ports[2] = s.ports[o.SPort], s.ports[r.SPort]
		c.same[2] = o.SPort == r.SPort // the identifier
		return c, true
	}
	c.ports = [4]uint16{s.ports[o.SPort], d.ports[o.DPort], d.ports[r.SPort], s.ports[r.DPort]}
	return c, true
}

// IsStale tells whether Stale has something to say of a flow. Of many flows it walks for
// those alone that the rules can tell apart, and for those that come to a set: what it
// holds is another question for each address.
func (f *Finder) IsStale(l *flow.Look) bool {
	if l.Gone {
		return false
	}
	c, ok := f.classOf(l)
	a, known := f.stale[c]
	if ok && known && a != fact.Unsure {
		return a == fact.Yes
	}
	f.looked = false
	is := f.Stale(l).Kind != ""
	if ok && !known {
		if f.stale == nil || len(f.stale) >= mostClasses {
			f.stale = map[class]fact.Answer{}
		}
		if f.stale[c] = fact.Is(is); f.looked {
			f.stale[c] = fact.Unsure
		}
	}
	return is
}

// places lists the rules that made a flow's translation, or may have, as IsStale does.
func (f *Finder) places(l *flow.Look) []filter.Place {
	c, ok := f.classOf(l)
	p, known := f.made[c]
	if ok && known && p != nil {
		return *p
	}
	f.looked = false
	out := f.makers(l)
	if ok && !known {
		if f.made == nil || len(f.made) >= mostClasses {
			f.made = map[class]*[]filter.Place{}
		}
		if f.made[c] = &out; f.looked {
			f.made[c] = nil
		}
	}
	return out
}

func (f *Finder) makers(l *flow.Look) (out []filter.Place) {
	o := f.Look(l)
	for i, m := range []Made{o.Dst, o.Src} {
		if !Translated(l, i == 1) {
			continue
		}
		for _, x := range m.Rules {
			out = append(out, filter.Place{Table: x.Table.Name, Chain: x.Chain.Name, Rule: x.Rule.Index})
		}
	}
	return out
}
