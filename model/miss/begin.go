package miss

import (
	"fmt"
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
)

// begin is where in a chain a rule of the user's switched the trace on: the rules up to the
// one numbered to were met before that, as far as it is known, and from next on each was
// looked at under the trace's eyes.
type begin struct{ to, next int }

// begins finds where in the chain of a journey's first step the trace began. No event tells
// of the rule that switches it on in the legacy raw table (no other takes -j TRACE, xt_TRACE.c);
// nf_tables tells of a rule when it has run.
func (f *Finder) begins(j *journey.Journey, t *model.Table, c *model.Chain, first *journey.Step) begin {
	last := len(c.Rules)
	if first.Kind == journey.KindRule {
		last = min(first.Rule, last)
	}
	if t.Backend != model.BackendLegacy {
		for i := last; i > 0; i-- {
			if traces(&c.Rules[i-1]) {
				return begin{i - 1, i}
			}
		}
		return begin{0, 1}
	}
	if first.Kind == journey.KindRule {
		last--
	}
	var may []int // the rules that may have done it
	for i := 1; i <= last; i++ {
		if r := &c.Rules[i-1]; traces(r) { // the raw table writes no headers
			if a, _ := f.rule(t, r).eval(&j.Packet, &fact.Facts{Backend: t.Backend}); a != fact.No {
				may = append(may, i)
			}
		}
	}
	switch n := len(may); n {
	case 0:
		return begin{0, 1}
	case 1:
		return begin{may[0] - 1, may[0] + 1}
	default: // one of them
		return begin{may[n-1], may[n-1] + 1}
	}
}

// start gives where in its first base chain a journey was that a rule of the user's began to
// trace, and what it met on the way there; nil where the way is not known. at is its first
// step there.
func (f *Finder) start(j *journey.Journey, t *model.Table, c *model.Chain, at int) (stack []level, met []gap) {
	first := &j.Steps[at]
	if to := t.Chain(first.Chain); to != c && (to == nil || !slices.ContainsFunc(to.Rules, func(r model.Rule) bool { return traces(&r) })) {
		return nil, nil // events were lost
	}
	hops, ok := way(j.Rules, c, t.Chain(first.Chain))
	unknown := []gap{{at: at, table: t, chain: c, from: 1, before: true}}
	if !ok {
		return nil, unknown
	}
	for i, h := range hops {
		met = append(met, gap{at: at, table: t, chain: h.Chain, depth: i, from: behindOurs(h.Chain), to: h.Rule.Index - 1, by: h.Rule, before: true})
		if !h.Goto {
			stack = append(stack, level{t, h.Chain, h.Rule.Index + 1})
		}
	}
	last := t.Chain(first.Chain)
	b := f.begins(j, t, last, first)
	g := gap{at: at, table: t, chain: last, depth: len(hops), from: behindOurs(last), to: b.to, before: true}
	if b.to < len(last.Rules) && traces(&last.Rules[b.to]) {
		g.by = &last.Rules[b.to]
	}
	if met = append(met, g); !f.since(&j.Packet, met) {
		return nil, unknown
	}
	met = slices.DeleteFunc(met, func(g gap) bool { return g.from > g.to })
	return append(stack, level{t, last, max(b.next, behindOurs(last))}), met
}

// way leads from a base chain down to a chain of its table. ok is false where not one rule
// alone of each can have, or another way than by its one jump.
func way(rules journey.Rules, base, to *model.Chain) (hops []ruleset.Call, ok bool) {
	for to != base {
		// Not of journey.Rules: ruleset's tests stand on packages that know journeys.
		index, known := rules.(interface{ Graph() *ruleset.Graph })
		if !known || index.Graph().Unread(to) != nil {
			return nil, false
		}
		callers := slices.DeleteFunc(index.Graph().Callers(to), func(c ruleset.Call) bool { return c.Chain.Base() && c.Chain != base })
		if len(callers) != 1 || callers[0].Rule.Jump == "" || len(hops) > len(callers[0].Table.Chains) {
			return nil, false
		}
		hops, to = slices.Insert(hops, 0, callers[0]), callers[0].Chain
	}
	return hops, true
}

// behindOurs is the number of the first rule behind those by which nfscope traces in the
// legacy raw table, where it must: no event tells of them.
func behindOurs(c *model.Chain) int {
	for i := len(c.Rules); i > 0; i-- {
		if strings.HasPrefix(c.Rules[i-1].Jump, journey.ProbePrefix) {
			return i + 1
		}
	}
	return 1
}

// traces reports whether a rule switches the trace on.
func traces(r *model.Rule) bool {
	return r.Target == "TRACE" || strings.Contains(r.Text, "nftrace set 1")
}

// ends reports whether a packet that matches the rule comes to no later one of its chain.
func ends(r *model.Rule) bool {
	switch r.Verdict() {
	case model.VerdictAccept, model.VerdictDrop, model.VerdictReject, model.VerdictReturn, model.VerdictGoto:
		return true
	}
	return false
}

// mostNamed is how many rules unheard names.
const mostNamed = 3

// unheard says of which rules nothing tells whether they matched, "" for none.
func unheard(g *gap, rules []int) string {
	switch {
	case g.before && g.to == 0:
		return "which rules of " + journey.Where(g.table.Backend, g.table.Family, g.table.Name, g.chain.Name) +
			" it met is not known: the trace was switched on in a chain, and by which rules it came there is not known"
	case len(rules) == 0:
		return ""
	}
	var names []string
	for _, n := range rules[:min(len(rules), mostNamed)] {
		names = append(names, fmt.Sprint(n))
	}
	s := "whether it matched rule " + strings.Join(names, ", ") + " of " + journey.Where(g.table.Backend, g.table.Family, g.table.Name, g.chain.Name)
	if n := len(rules) - mostNamed; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s + " is not known: that was before a rule that is not nfscope's switched the trace on"
}
