package journey

import (
	"slices"
	"strings"

	"nfscope/model"
)

// stop is a base chain that can end a packet's way: by its policy, or by a rule that can
// be reached from it.
type stop struct {
	base
	words string
}

// stopsOf lists the base chains of a ruleset that can end a packet's way, by hook and
// in the order of their places. Those of nat can too in nf_tables.
func stopsOf(rs *model.Ruleset) (all [model.HookPostrouting + 1][]stop) {
	for _, t := range rs.Tables {
		if dormant(t) || below(t.Family) {
			continue
		}
		var ends []bool
		for i, c := range t.Chains {
			if c.Hook == model.HookNone || int(c.Hook) >= len(all) {
				continue
			}
			if c.PolicyVerdict() != model.VerdictDrop {
				if ends == nil {
					ends = ending(t)
				}
				if !ends[i] {
					continue
				}
			}
			all[c.Hook] = append(all[c.Hook], stop{
				base{placeIn(t, c), t.Backend, t.Family, t.Name, c.Name},
				Where(t.Backend, t.Family, t.Name, c.Name)})
		}
	}
	for _, l := range all {
		slices.SortStableFunc(l, func(a, b stop) int {
			switch {
			case a.before(b.place):
				return -1
			case b.before(a.place):
				return 1
			}
			return 0
		})
	}
	return all
}

func dormant(t *model.Table) bool {
	return strings.Contains(t.Flags, "dormant") || strings.HasPrefix(t.Name, ProbePrefix)
}

// ending tells of the chains of a table, by their places in it, in which, or in a chain
// that they lead to, a packet's way can end. A verdict map may lead anywhere in its table,
// and so may a rule that nobody understands.
func ending(t *model.Table) []bool {
	ends := make([]bool, len(t.Chains))
	places := make(map[string]int32, len(t.Chains))
	for i, c := range t.Chains {
		places[c.Name] = int32(i)
	}
	// calls hang together by the chain called: 36,000 chains would be as many lists.
	type call struct{ from, next int32 }
	var calls []call
	last := make([]int32, len(t.Chains)) // the last call, from 1; 0 where there is none
	var open []int32
	mark := func(at int32) {
		if !ends[at] {
			ends[at] = true
			open = append(open, at)
		}
	}
	for i, c := range t.Chains {
		for k := range c.Rules {
			r := &c.Rules[k]
			switch {
			case r.Jump != "":
				if to, ok := places[r.Jump]; ok {
					calls = append(calls, call{int32(i), last[to]})
					last[to] = int32(len(calls))
				}
			case r.Verdict().Ends(), r.Marked != "", t.Backend == model.BackendNFTables && strings.Contains(r.Text, " vmap "):
				mark(int32(i))
			}
		}
	}
	for len(open) > 0 {
		at := open[len(open)-1]
		open = open[:len(open)-1]
		for k := last[at]; k > 0; k = calls[k-1].next {
			mark(calls[k-1].from)
		}
	}
	return ends
}

// aheadKey is what the chains still to come depend on.
type aheadKey struct {
	place
	family model.Family
	way    model.Hook
}

// ahead names the chains that can still drop a packet which a step of the walk accepted.
// An accept ends only the base chain it is in (nft(8), "accept").
func (b *builder) ahead(k int) []string {
	w := b.walks[k]
	if b.bases == nil || w.vague {
		return nil
	}
	key := aheadKey{w.place, b.key.family, b.way}
	list, ok := b.bases.ahead[key]
	if !ok {
		list = b.bases.after(&key)
		b.bases.ahead[key] = list
	}
	if len(list.beside) == 0 {
		return list.later
	}
	var out []string
	for _, s := range list.beside {
		// At one place only the trace tells which comes first.
		if !slices.ContainsFunc(b.walks[:k+1], func(o *walk) bool { return o.through(&s.base) }) {
			out = append(out, s.words)
		}
	}
	if len(out) == 0 {
		return list.later
	}
	return append(out, list.later...)
}

// stops are chains to come: those that stand where the packet is, and the names of those
// behind.
type stops struct {
	beside []*stop
	later  []string
}

// after lists the chains that a packet may meet from a place on.
func (all *bases) after(k *aheadKey) (list stops) {
	for _, h := range hooksAfter(k.hook, k.way) {
		if int(h) >= len(all.stops) {
			continue
		}
		for i := range all.stops[h] {
			s := &all.stops[h][i]
			switch {
			case !s.family.Carries(k.family) || s.before(k.place):
			case s.place == k.place:
				list.beside = append(list.beside, s)
			default:
				list.later = append(list.later, s.words)
			}
		}
	}
	list.later = slices.Clip(list.later) // many journeys share it
	return list
}

// hooksAfter are the hooks from h on to the end of a packet's way.
func hooksAfter(h, way model.Hook) []model.Hook {
	switch h {
	case model.HookPrerouting:
		switch way {
		case model.HookInput:
			return []model.Hook{h, way}
		case model.HookForward:
			return []model.Hook{h, model.HookForward, model.HookPostrouting}
		}
	case model.HookForward, model.HookOutput:
		return []model.Hook{h, model.HookPostrouting}
	}
	return []model.Hook{h}
}

// lookAhead names at each accept of a rule, and at the last of a policy, what is still to
// come. A nat chain's accept decides nothing.
func (b *builder) lookAhead(j *Journey) {
	i := 0
	for k, w := range b.walks {
		for n := range w.steps {
			s := &j.Steps[i]
			if i++; n == len(w.steps)-1 && s.Verdict == model.VerdictAccept && (s.Kind == KindRule || s.Kind == KindPolicy) && !translates(s) {
				s.Ahead = b.ahead(k)
			}
		}
	}
}

func translates(s *Step) bool {
	_, nat := natTargets[s.Target]
	return nat || s.Backend != model.BackendNFTables && s.Table == "nat"
}
