package path

import (
	"slices"
	"sort"

	"nfscope/model"
	"nfscope/model/journey"
)

// leaf is one rule below a base chain, in the tree that jumps make of it.
type leaf struct {
	rule  int // Rule.ID
	chain *model.Chain
	depth int
	// order is its place among the leaves of its base chain.
	order int
	// gap is true where rules before this one are left out.
	gap bool
	// by is the name of the rule's chain where an element of a verdict map leads to it: the
	// rule above does not tell it.
	by string
}

const (
	deepest = 4   // jumps that are followed
	widest  = 400 // leaves of one base chain that are looked at
	nearby  = 16  // rules around a hit, and at a chain's head, that are looked at
)

// leaves lists the rules below a base chain in the order in which a packet meets
// them: of long chains those at the head and around the hits. hits holds Rule.IDs.
func (w *world) leaves(e *entry, hits map[int]bool) []leaf {
	var out []leaf
	var walk func(c *model.Chain, depth int, way []*model.Chain)
	walk = func(c *model.Chain, depth int, way []*model.Chain) {
		var at []int
		if len(c.Rules) > 3*nearby {
			for id := range hits {
				if p := w.place(id); p.chain == c {
					at = append(at, p.rule.Index-1)
				}
			}
		}
		gap := false
		for i := range c.Rules {
			near := len(c.Rules) <= 3*nearby || i < nearby ||
				slices.ContainsFunc(at, func(h int) bool { return i >= h-nearby && i <= h+nearby })
			if !near || len(out) >= widest {
				gap = true
				continue
			}
			r := &c.Rules[i]
			out = append(out, leaf{rule: r.ID, chain: c, depth: depth, order: len(out), gap: gap})
			gap = false
			if depth >= deepest {
				continue
			}
			for _, u := range w.calls(e.table, r) {
				if len(out) >= widest || slices.Contains(way, u) {
					continue
				}
				first := len(out)
				walk(u, depth+1, append(way, u))
				if r.Jump == "" && first < len(out) {
					out[first].by = u.Name
				}
			}
		}
	}
	walk(e.chain, 0, []*model.Chain{e.chain})
	return out
}

// window picks n of the leaves: those that were hit, then those next to them, rules
// of the base chain before those of the chains it calls.
func window(ls []leaf, n int, hit []int) []leaf {
	if n <= 0 {
		return nil
	}
	if len(ls) <= n {
		return ls
	}
	type cost struct{ at, cost int }
	cs := make([]cost, len(ls))
	for i := range ls {
		k := i + 1000*ls[i].depth
		if len(hit) > 0 {
			k = 1 << 20
			for _, h := range hit {
				d := max(i-h, h-i) * 2
				if i > h {
					d-- // what comes behind tells a little more than what is before
				}
				if ls[i].chain != ls[h].chain {
					d += 24
				}
				k = min(k, d)
			}
		}
		cs[i] = cost{i, k}
	}
	sort.SliceStable(cs, func(i, j int) bool { return cs[i].cost < cs[j].cost })
	cs = cs[:n]
	sort.Slice(cs, func(i, j int) bool { return cs[i].at < cs[j].at })
	out := make([]leaf, 0, n)
	last := map[*model.Chain]int{} // the place behind the last leaf of each chain
	for _, c := range cs {
		l := ls[c.at]
		for i := last[l.chain]; i < c.at && !l.gap; i++ {
			l.gap = ls[i].chain == l.chain
		}
		out = append(out, l)
		last[l.chain] = c.at + 1
	}
	return out
}

// trail is the way of one journey through one base chain: for each of its steps the
// leaf it stands on, -1 for the chain itself.
func (w *world) trail(j *journey.Journey, e *entry, ls []leaf) map[int]int {
	out := map[int]int{}
	at := -1
	for i := range j.Steps {
		s := &j.Steps[i]
		if st, en := w.at(s); st < 0 || en < 0 || w.stations[st].entries[en].chain != e.chain {
			continue
		}
		id := w.resolve(s)
		out[i] = -1
		if id < 0 {
			if s.Depth > 0 { // the end of a user chain: it stands by its last rule
				out[i] = at
			}
			continue
		}
		for pass := range 2 { // onward from the last hit; else anywhere
			found := -1
			for k := range ls {
				if ls[k].rule == id && (pass == 1 || k > at) {
					found = k
					break
				}
			}
			if found >= 0 {
				out[i], at = found, found
				break
			}
		}
	}
	return out
}
