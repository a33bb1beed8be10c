package nat

import (
	"fmt"
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/flow"
	"nfscope/model/walk"
)

// Stale is what today's rules would do to a flow that they did not do.
type Stale struct {
	// Kind is dropped, mapped or untracked; "" where the flow is not surely stale.
	Kind string
	// Words say it in one sentence.
	Words string
	// Rule is the rule that would do it, nil where there is none or more than one.
	Rule  *model.Rule
	Table *model.Table
	Chain *model.Chain
}

// The kinds of staleness.
const (
	WouldDrop  = "dropped"
	WouldMap   = "mapped"
	NotTracked = "untracked"
)

// Stale judges a flow: whether a connection with its original tuple that began now would
// surely be dropped, or translated otherwise. What is not certain is not stale. A flow
// that is gone is not judged.
func (f *Finder) Stale(fl *flow.Look) Stale {
	if f.beyond(fl) != "" || fl.Gone {
		return Stale{}
	}
	p, ok := f.host.way(fl)
	if !ok {
		return Stale{}
	}
	s := f.passage(fl, p, false)
	dst := s.through(p.dst, 0)
	switch {
	case dst.drop != nil && !dst.late:
		return dropped(&dst)
	case dst.unclear:
		return Stale{}
	case s.tracked.State == fact.Untracked:
		return Stale{Kind: NotTracked, Words: "today's rules would not track it, and so not translate it"}
	}
	before, after := ends(fl, false)
	if x := f.otherwise(&dst, before, after, fl, p.dst); x.Kind != "" {
		return x
	}
	if !f.certain(&dst, before, after, fl, p.dst) { // then neither is the way that it would go on
		return Stale{}
	}
	if dst.drop != nil {
		return dropped(&dst)
	}
	translated := s.translate(false)
	if p.mid != model.HookNone {
		switch mid := s.through(p.mid, translated); {
		case mid.drop != nil:
			return dropped(&mid)
		case mid.unclear:
			return Stale{}
		}
	}
	src := s.through(p.src, translated)
	switch {
	case src.drop != nil && !src.late:
		return dropped(&src)
	case src.unclear:
		return Stale{}
	}
	before, after = ends(fl, true)
	x := f.otherwise(&src, before, after, fl, p.src)
	if x.Kind == "" && src.drop != nil && f.certain(&src, before, after, fl, p.src) {
		return dropped(&src)
	}
	return x
}

func dropped(h *hooked) Stale {
	e := h.drop
	switch {
	case h.drops > 1:
		return Stale{Kind: WouldDrop, Words: "today's rules of " + e.Table.Name + " " + e.Chain.Name + " would drop it"}
	case e.Rule == nil:
		return Stale{Kind: WouldDrop, Words: "today the policy of " + place(e.Table, e.Chain) + " would drop it", Table: e.Table, Chain: e.Chain}
	}
	return Stale{Kind: WouldDrop, Words: "today " + named(e) + " would drop it: " + e.Rule.Text, Rule: e.Rule, Table: e.Table, Chain: e.Chain}
}

// certain tells whether nothing can happen to an end but what did.
func (f *Finder) certain(h *hooked, before, after end, fl *flow.Look, hook model.Hook) bool {
	for _, e := range h.maps {
		x, ok := MappingOf(e.Read, hook)
		if !ok || x.gives(before, after, fl.Orig.Proto, f.host.local) != fact.Yes || x.Ports != nil && x.Ports.Size() > 1 ||
			!x.Net && slices.ContainsFunc(x.Addrs, func(r flow.Range) bool { return r.First != r.Last }) {
			return false // another one of the range is as good
		}
	}
	return !h.plain || untouched(before, after, hook)
}

// otherwise tells whether none of what may happen to an end is what did.
func (f *Finder) otherwise(h *hooked, before, after end, fl *flow.Look, hook model.Hook) Stale {
	if h.plain && untouched(before, after, hook) {
		return Stale{}
	}
	var would []walk.End
	for _, e := range h.maps {
		x, ok := MappingOf(e.Read, hook)
		if !ok || x.gives(before, after, fl.Orig.Proto, f.host.local) != fact.No {
			return Stale{}
		}
		would = append(would, e)
	}
	what := "its destination is " + after.String()
	if hook == model.HookPostrouting || hook == model.HookInput {
		what = "it leaves as " + after.String()
	}
	switch {
	case len(would) == 0:
		return Stale{Kind: WouldMap, Words: what + ", and today no rule would translate it"}
	case len(would) == 1 && !h.plain:
		e := &would[0]
		x, _ := MappingOf(e.Read, hook)
		return Stale{Kind: WouldMap, Words: fmt.Sprintf("%s, and today %s would make it %s: %s", what, named(e), x.String(), e.Rule.Text),
			Rule: e.Rule, Table: e.Table, Chain: e.Chain}
	}
	var l []string
	for i := range would {
		l = append(l, named(&would[i]))
	}
	words := strings.Join(l, " or ")
	if h.plain {
		words += " or none at all"
	}
	return Stale{Kind: WouldMap, Words: what + ", and today's rules would not make it that, whichever of them it met: " + words}
}

// named is "rule 3 of nat PREROUTING (iptables-legacy)".
func named(e *walk.End) string {
	return fmt.Sprintf("rule %d of %s", e.Rule.Index, place(e.Table, e.Chain))
}

func place(t *model.Table, c *model.Chain) string {
	return fmt.Sprintf("%s %s (%s %s)", t.Name, c.Name, t.Backend, t.Family)
}

// String prints 10.0.0.1:80, or the address alone.
func (e end) String() string {
	if e.port == 0 {
		return e.addr.String()
	}
	return model.Tuple{Proto: model.ProtoTCP, Src: e.addr, SPort: e.port}.SrcString()
}
