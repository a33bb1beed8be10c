package journey

import (
	"slices"
	"time"

	"nfscope/model"
)

// chainKey names a chain.
type chainKey struct {
	backend      model.Backend
	family       model.Family
	table, chain string
}

// moved is what differs between two rulesets: a step in a chain that is the same in both
// says the same by either.
type moved struct {
	all  bool // base chains came or went
	same map[chainKey]bool
}

func movedBetween(a, b Rules) *moved {
	if a == nil || b == nil || a.Ruleset() == nil || b.Ruleset() == nil {
		return &moved{all: true}
	}
	m := &moved{same: map[chainKey]bool{}}
	old := map[chainKey]*model.Chain{}
	bases := 0
	for _, t := range a.Ruleset().Tables {
		for _, c := range t.Chains {
			old[chainKey{t.Backend, t.Family, t.Name, c.Name}] = c
			if c.Base() {
				bases++
			}
		}
	}
	for _, t := range b.Ruleset().Tables {
		for _, c := range t.Chains {
			key := chainKey{t.Backend, t.Family, t.Name, c.Name}
			was := old[key]
			if c.Base() {
				bases--
				if was == nil || was.Hook != c.Hook || was.Priority != c.Priority {
					m.all = true
				}
			}
			m.same[key] = was != nil && was.Policy == c.Policy && slices.EqualFunc(was.Rules, c.Rules, func(r, s model.Rule) bool {
				return r.Handle == s.Handle && r.Text == s.Text
			})
		}
	}
	m.all = m.all || bases != 0
	return m
}

// touches reports whether a step may have been read by the wrong one of the two rulesets,
// the first of which was in force at confirmed.
func (m *moved) touches(j *Journey, confirmed time.Time) bool {
	return slices.ContainsFunc(j.Steps, func(s Step) bool {
		return s.Time.After(confirmed) && (m.all || !m.same[chainKey{s.Backend, s.Family, s.Table, s.Chain}])
	})
}

// touchesStanding reports whether what stands in the hooks, by the first of the two rulesets,
// is not the same in the other.
func (m *moved) touchesStanding(stands []standing) bool {
	return m.all || slices.ContainsFunc(stands, func(s standing) bool {
		b := s.base
		return b != nil && !m.same[chainKey{b.backend, b.family, b.table, b.name}]
	})
}

// touchesUnderWay is touches of a journey that is under way.
func (m *moved) touchesUnderWay(b *builder, confirmed time.Time) bool {
	if !b.last.After(confirmed) {
		return false
	}
	return m.all || slices.ContainsFunc(b.walks, func(w *walk) bool {
		return !w.hidden && slices.ContainsFunc(w.steps, func(s step) bool {
			return s.at.After(confirmed) && !m.same[chainKey{w.backend, w.family, w.table, s.chain}]
		})
	})
}
