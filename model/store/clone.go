package store

import "slices"

// Clone gives a Store that goes on from where s is, apart from it: a replay keeps some,
// so that it need not begin at the first item to come to a moment.
func (s *Store) Clone() *Store {
	c := *s
	c.flows = s.flows.Clone()
	c.drops = s.drops.Clone()
	c.index.Table = c.flows
	c.fold = s.fold.Clone()
	c.fold.SetFlows(&c.index)
	c.problems = slices.Clone(s.problems)
	c.sparks.base = slices.Clone(s.sparks.base)
	for i := range c.sparks.base {
		b := &c.sparks.base[i]
		b.rates = slices.Clip(b.rates) // the next rate goes to an array of its own
	}
	return &c
}

// Begun counts the journeys that have begun so far.
func (s *Store) Begun() int { return s.fold.Count() }
