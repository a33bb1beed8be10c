package journey

import (
	"fmt"

	"nfscope/model"
	"nfscope/model/fact"
)

// other says who changed a field that no rule of the steps wrote: conntrack, the router,
// user space, or a rule of nf_tables that wrote and then did not match, of which no event
// tells.
func (w *writes) other(steps []Step, at int, c Change, old *model.Packet) string {
	switch c.Field {
	case "src", "dst", "sport", "dport", "icmp_id":
		return ByConntrack
	}
	since := w.since
	if c.Field == "mark" {
		since = w.marked
	}
	if by := w.unmatched(steps, since, at, c, old); by != "" {
		return by
	}
	if c.Field == "ttl" {
		return ByForwarding
	}
	for i := min(at, len(steps)-1); i >= max(since, 0); i-- {
		if steps[i].Verdict == model.VerdictQueue {
			return ByUserSpace
		}
	}
	return ""
}

// unmatched names the rule that wrote a field and did not match after that, or those of
// which one did; "" where none can have.
func (w *writes) unmatched(steps []Step, since, at int, c Change, old *model.Packet) string {
	if w.rules == nil || at >= len(steps) {
		return ""
	}
	type rule struct {
		name string
		made string // what it makes of the field, "" where that is not known
	}
	var may []rule
	p := *old
	for _, l := range looks(w.rules, steps, since, at) {
		for n := l.from; n <= l.to; n++ {
			r := &l.chain.Rules[n-1]
			d := w.ch.text(l.table.Backend, l.table.Family, r.Text)
			if !d.changes(c.Field) {
				continue
			}
			was := valueOf(&p, c.Field)
			after, facts, sure := d.nft.Passed(&p, &fact.Facts{Backend: l.table.Backend, Mark: fact.Of(p.Mark)})
			if after.Mark = facts.Mark.Value; !facts.Mark.Known {
				sure = false
			}
			x := rule{name: fmt.Sprintf("rule %d of %s/%s", n, l.table.Name, l.chain.Name)}
			if sure {
				if x.made = valueOf(&after, c.Field); x.made == was {
					continue
				}
				p = after
			}
			may = append(may, x)
		}
	}
	n := len(may)
	switch {
	case n == 0:
		return ""
	case n == 1 || may[n-1].made == c.Value:
		return may[n-1].name + ", which did not match after that"
	}
	return "one of the rules from " + may[0].name + " to " + may[n-1].name + ", which did not match after that"
}

// look is a run of rules of a chain that were looked at and not hit.
type look struct {
	table    *model.Table
	chain    *model.Chain
	from, to int
}

// looks lists what was looked at behind the step since and before the step at, in chains of
// nf_tables.
func looks(rules Rules, steps []Step, since, at int) (out []look) {
	type spot struct {
		chain string
		next  int
	}
	begin := since
	for begin > 0 && sameBase(&steps[begin-1], &steps[begin]) {
		begin--
	}
	var way []spot // by depth
	for i := begin; i <= at; i++ {
		s := &steps[i]
		if i > begin && !sameBase(&steps[i-1], s) {
			way = way[:0]
		}
		for len(way) <= s.Depth {
			way = append(way, spot{s.Chain, 1})
		}
		way = way[:s.Depth+1]
		here := &way[s.Depth]
		left := here.chain != s.Chain // by goto
		if left {
			*here = spot{s.Chain, 1}
		}
		t, c := rules.Chain(s.Backend, s.Family, s.Table, s.Chain)
		if s.Backend != model.BackendNFTables || c == nil {
			continue
		}
		to := len(c.Rules)
		switch {
		case s.Kind == KindRule:
			to = s.Rule - 1
		case s.Kind == KindPolicy && (left || i > begin && steps[i-1].Depth == 0 && steps[i-1].Verdict == model.VerdictReturn):
			to = 0
		}
		if to = min(to, len(c.Rules)); (i > since || i == begin && i == at) && here.next <= to {
			out = append(out, look{t, c, here.next, to})
		}
		if here.next = s.Rule + 1; s.Kind != KindRule {
			here.next = len(c.Rules) + 1
		}
	}
	return out
}

func sameBase(a, b *Step) bool {
	return a.Backend == b.Backend && a.Family == b.Family && a.Table == b.Table && a.Base == b.Base && a.Hook == b.Hook
}
