package nat

import (
	"fmt"
	"strings"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/ruleset"
	"nfscope/model/walk"
)

// Finder answers questions about flows by the rules of one ruleset. It is not safe for
// concurrent use.
type Finder struct {
	index  *ruleset.Index
	host   Host
	walker *walk.Walker
	hooks  map[hookOf][]ruleset.Base
	zones  bool // rules put connections into zones
	// cells are nil until many flows are asked about; stale and made hold what was found
	// of their classes.
	cells *cells
	stale map[class]fact.Answer
	made  map[class]*[]filter.Place
	// looked is set where a set was looked into.
	looked bool
}

type hookOf struct {
	family model.Family
	hook   model.Hook
}

// NewFinder makes a Finder.
func NewFinder(x *ruleset.Index, h Host) *Finder {
	return &Finder{index: x, host: h, walker: walk.New(x), hooks: map[hookOf][]ruleset.Base{}, zones: setsZones(x.Ruleset())}
}

// Index is that of the rules the Finder goes by.
func (f *Finder) Index() *ruleset.Index { return f.index }

// Rule is a rule that translates.
type Rule struct {
	Table *model.Table
	Chain *model.Chain
	Rule  *model.Rule
	Mapping
}

// Made says which rules made one half of a flow's mapping.
type Made struct {
	// Rules are those that can have made it, by today's text: one where it is the only one
	// that can, none where no rule did, or it is not there any more.
	Rules []Rule
	// Plain says that it may be as it is without any rule: nothing is translated, or only
	// the source port, which the kernel changes where two connections would clash.
	Plain bool
}

// Origin is where a flow's mapping comes from: inferred by taking its original tuple
// through the nat chains of today.
type Origin struct {
	Dst, Src Made
	// Unknown says, in a clause, why nothing can be inferred; "" where something is.
	Unknown string
}

// Look infers which rules made a flow's mapping.
func (f *Finder) Look(fl *flow.Look) Origin {
	if why := f.beyond(fl); why != "" {
		return Origin{Unknown: why}
	}
	p, ok := f.host.way(fl)
	if !ok {
		return Origin{Unknown: "the addresses of this host are not known"}
	}
	s := f.passage(fl, p, true)
	var o Origin
	dst := s.through(p.dst, 0)
	before, after := ends(fl, false)
	o.Dst = f.maker(dst, before, after, fl, p.dst)
	translated := s.translate(false)
	if p.mid != model.HookNone {
		s.through(p.mid, translated)
	}
	src := s.through(p.src, translated)
	before, after = ends(fl, true)
	o.Src = f.maker(src, before, after, fl, p.src)
	return o
}

// beyond says why the rules have no say in a flow's mapping.
func (f *Finder) beyond(fl *flow.Look) string {
	switch {
	case fl.Status&flow.Expected != 0:
		return "it was expected by a helper, which gave it the mapping of the connection it belongs to; no rule was asked"
	case fl.Status&flow.Template != 0 || !fl.Reply.Src.IsValid():
		return "it has no reply tuple"
	case zone(fl) != 0 && !f.zones:
		return fmt.Sprintf("it is of zone %d, which no rule sets: something else tracks here, such as Open vSwitch", zone(fl))
	}
	return ""
}

func zone(fl *flow.Look) uint16 {
	if fl.Zone != 0 {
		return fl.Zone
	}
	return fl.OrigZone
}

// setsZones reports whether any rule puts connections into zones.
func setsZones(rs *model.Ruleset) bool {
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			for i := range c.Rules {
				if s := c.Rules[i].Text; strings.Contains(s, "--zone") || strings.Contains(s, "zone set") {
					return true
				}
			}
		}
	}
	return false
}

// ends are what an end was and what it became; source or destination.
func ends(fl *flow.Look, source bool) (before, after end) {
	o, r := fl.Orig, fl.Reply
	if o.Proto.ICMP() { // the identifier stands in the source port of both
		if source {
			return end{o.Src, o.SPort}, end{r.Dst, r.SPort}
		}
		return end{o.Dst, 0}, end{r.Src, 0}
	}
	if source {
		return end{o.Src, o.SPort}, end{r.Dst, r.DPort}
	}
	return end{o.Dst, o.DPort}, end{r.Src, r.SPort}
}

// maker picks, of the rules that a packet may have met, those that give what is there.
func (f *Finder) maker(h hooked, before, after end, fl *flow.Look, hook model.Hook) Made {
	var m Made
	m.Plain = untouched(before, after, hook)
	best := fact.No
	for _, e := range h.maps {
		x, ok := MappingOf(e.Read, hook)
		if !ok {
			continue
		}
		a := x.gives(before, after, fl.Orig.Proto, f.host.local)
		if a == fact.No {
			continue
		}
		if a > best { // what surely gives it goes before what may
			best, m.Rules = a, nil
		}
		if a == best {
			m.Rules = append(m.Rules, Rule{e.Table, e.Chain, e.Rule, x})
		}
	}
	return m
}

// untouched reports whether an end may have become what it is without a rule: the port of
// a source is rewritten where two connections would have one reply tuple.
func untouched(before, after end, hook model.Hook) bool {
	source := hook == model.HookPostrouting || hook == model.HookInput
	return before.addr == after.addr && (source || before.port == after.port)
}

// Translated reports whether one half of a flow is translated.
func Translated(fl *flow.Look, source bool) bool {
	before, after := ends(fl, source)
	return before != after
}
