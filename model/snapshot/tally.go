package snapshot

import (
	"sort"
	"time"

	"nfscope/model"
)

// Tally is what was last counted of a rule or a chain, and what was read of it before.
type Tally struct {
	// ID is the rule's or the chain's.
	ID  int
	Now model.Counters
	// At is when Now was read; zero where nothing was yet.
	At     time.Time
	Before model.Counters
	// Since is when Before was read; zero where nothing was.
	Since time.Time
}

// Rate is how many packets a second were counted between the two; below 0 where it is
// not known: there are not two, no counter, or one that fell, as while a legacy table is
// replaced.
func (r *Tally) Rate() float64 {
	dt := r.At.Sub(r.Since).Seconds()
	if r.Since.IsZero() || dt <= 0 || !r.Now.Valid || !r.Before.Valid || r.Now.Packets < r.Before.Packets {
		return -1
	}
	return float64(r.Now.Packets-r.Before.Packets) / dt
}

// Apart are the readings of the rules and chains of which one of the last two was apart
// from that of everything else, by ID. It never changes.
type Apart struct {
	Rules, Chains []Tally
}

func find(l []Tally, id int) (Tally, bool) {
	i := sort.Search(len(l), func(i int) bool { return l[i].ID >= id })
	if i == len(l) || l[i].ID != id {
		return Tally{}, false
	}
	return l[i], true
}

// Counted reports whether the counters of the rules are known.
func (s *Snapshot) Counted() bool {
	return s.Counts != nil && s.Rules != nil && s.Counts.Generation == s.Rules.Generation
}

// Rule gives what was last read of a rule, by its ID. What is unknown is zero.
func (s *Snapshot) Rule(id int) Tally {
	if s.Apart != nil {
		if r, ok := find(s.Apart.Rules, id); ok {
			return r
		}
	}
	return s.whole(id, func(c *model.Counts) []model.Counters { return c.Rules })
}

// Chain gives what was last read of a chain's own counter, its policy's, by its ID.
func (s *Snapshot) Chain(id int) Tally {
	if s.Apart != nil {
		if r, ok := find(s.Apart.Chains, id); ok {
			return r
		}
	}
	return s.whole(id, func(c *model.Counts) []model.Counters { return c.Chains })
}

// whole gives the reading among those of everything.
func (s *Snapshot) whole(id int, of func(*model.Counts) []model.Counters) Tally {
	r := Tally{ID: id}
	if !s.Counted() {
		return r
	}
	if l := of(s.Counts); id >= 0 && id < len(l) {
		r.Now, r.At = l[id], s.Counts.Taken
	}
	if p := s.Previous; p != nil && p.Generation == s.Counts.Generation {
		if l := of(p); id >= 0 && id < len(l) {
			r.Before, r.Since = l[id], p.Taken
		}
	}
	return r
}

// Merged gives the newest counters of all rules and chains, of several moments where some
// were read apart; nil where nothing is known.
func (s *Snapshot) Merged() *model.Counts {
	if !s.Counted() || s.Apart == nil {
		if s.Counted() {
			return s.Counts
		}
		return nil
	}
	c := *s.Counts
	c.Rules, c.Chains = merge(c.Rules, s.Apart.Rules), merge(c.Chains, s.Apart.Chains)
	return &c
}

func merge(all []model.Counters, apart []Tally) []model.Counters {
	out := append([]model.Counters(nil), all...)
	for _, r := range apart {
		if r.ID < len(out) {
			out[r.ID] = r.Now
		}
	}
	return out
}
