package path

import (
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
)

// bases lists the base chains that packets of either IP family meet at a hook, in the
// kernel's order, as far as the text tells it or packets were seen to meet it; ingress goes
// before prerouting, egress behind postrouting.
func bases(rs *model.Ruleset, h model.Hook, o *orders) []ruleset.Base {
	at := func(h model.Hook) []ruleset.Base {
		of := func(f model.Family) []ruleset.Base { return ruleset.Settle(ruleset.Pipeline(rs, f, h), o.first) }
		return merge(of(model.FamilyIPv4), of(model.FamilyIPv6))
	}
	out := at(h)
	switch h {
	case model.HookPrerouting:
		out = append(at(model.HookIngress), out...)
	case model.HookPostrouting:
		out = append(out, at(model.HookEgress)...)
	}
	return out
}

// merge joins the two families' orders. Chains of inet tables are in both and stand
// once; what is only in one goes by its priority between them.
func merge(a, b []ruleset.Base) []ruleset.Base {
	in := func(list []ruleset.Base, c *model.Chain) int {
		return slices.IndexFunc(list, func(x ruleset.Base) bool { return x.Chain == c })
	}
	var out []ruleset.Base
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Chain == b[0].Chain:
			a[0].Sure = a[0].Sure && b[0].Sure
			out, a, b = append(out, a[0]), a[1:], b[1:]
		case in(b, a[0].Chain) < 0 && (in(a, b[0].Chain) >= 0 || a[0].Priority <= b[0].Priority):
			out, a = append(out, a[0]), a[1:]
		case in(a, b[0].Chain) < 0:
			out, b = append(out, b[0]), b[1:]
		default: // the families disagree on the order: the first one's stands
			i := in(b, a[0].Chain)
			a[0].Sure = false
			out, a, b = append(out, a[0]), a[1:], slices.Delete(slices.Clone(b), i, i+1)
		}
	}
	return append(append(out, a...), b...)
}

// orders are the orders of chains at one priority that packets proved; the newest stands.
type orders struct {
	seen map[[2]model.Called]bool
	next int // the number of the first journey that is not looked at
	last int // that of the newest one there was
	// here are the chains that there were when it was last looked.
	here map[model.Called]bool
}

// first reports whether one chain was seen to be called before another.
func (o *orders) first(a, b model.Called) bool { return o.seen[[2]model.Called{a, b}] }

// look takes what journeys prove that are new, and reports whether anything is new of that.
func (o *orders) look(list []*journey.Journey) (news bool) {
	if n := len(list); n == 0 || list[n-1].Number < o.next-1 { // another session, or one that was rewound
		news, *o = len(o.seen) > 0, orders{}
	}
	from := len(list)
	if from > 0 {
		o.last = list[from-1].Number
	}
	for from > 0 && list[from-1].Number >= o.next {
		from--
	}
	open := false
	for _, j := range list[from:] {
		if open = open || !j.Closed; !open {
			o.next = j.Number + 1
		}
		for _, p := range j.Orders {
			is, not := [2]model.Called{p.First, p.Then}, [2]model.Called{p.Then, p.First}
			if o.seen[is] {
				continue
			}
			if o.seen == nil {
				o.seen = map[[2]model.Called]bool{}
			}
			delete(o.seen, not)
			o.seen[is], news = true, true
		}
	}
	return news
}

// forget lets go of what was proved of chains that are gone: when they come again they are
// registered anew, and packets that began before prove nothing of that, whether or not
// anything of them was proved yet.
func (o *orders) forget(rs *model.Ruleset) {
	if rs == nil {
		return
	}
	here := map[model.Called]bool{}
	for _, h := range append(model.Hooks(), model.HookIngress, model.HookEgress) {
		for _, f := range []model.Family{model.FamilyIPv4, model.FamilyIPv6} {
			for _, b := range ruleset.Pipeline(rs, f, h) {
				c := model.CalledOf(b.Table, b.Chain)
				c.Table, c.Chain = strings.Clone(c.Table), strings.Clone(c.Chain) // they would hold the ruleset's text
				here[c] = true
			}
		}
	}
	for c := range o.here {
		if !here[c] {
			o.next = o.last + 1
		}
	}
	o.here = here
	for p := range o.seen {
		if !here[p[0]] || !here[p[1]] {
			delete(o.seen, p)
			o.next = o.last + 1
		}
	}
}
