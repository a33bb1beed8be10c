package store

import (
	"slices"
	"time"

	"nfscope/model"
)

// sparkLength is how many rates a spark has.
const sparkLength = 16

// chainKey names a chain over all generations of the rules.
type chainKey struct {
	backend      model.Backend
	family       model.Family
	table, chain string
}

// uneven is how many times longer than another a second of a spark may be. Where chains
// are read at one pace and then at another, the spark begins anew: it would lie about time.
const uneven = 3

// sparks are the last packet rates of the base chains. User chains have none: what
// goes through them is counted by the rules that call them.
type sparks struct {
	base []baseChain
	// view is what was handed out last, nil when the rates changed.
	view [][]float64
}

// baseChain is a base chain and what went through it.
type baseChain struct {
	chain  *model.Chain
	key    chainKey
	passed model.Counters // as it was last counted, at at
	at     time.Time
	rates  []float64
	step   time.Duration // of the last of rates
}

// reset begins with another ruleset. A chain that was there before keeps its rates.
func (s *sparks) reset(rs *model.Ruleset, c *model.Counts) {
	old := make(map[chainKey]*baseChain, len(s.base))
	for i := range s.base {
		old[s.base[i].key] = &s.base[i]
	}
	*s = sparks{}
	for _, t := range rs.Tables {
		for _, ch := range t.Chains {
			if ch.Base() {
				b := baseChain{chain: ch, key: chainKey{t.Backend, t.Family, t.Name, ch.Name}, passed: Passed(ch, c), at: c.Taken}
				if o := old[b.key]; o != nil {
					b.rates, b.step = o.rates, o.step
				}
				s.base = append(s.base, b)
			}
		}
	}
}

// add counts again: everything.
func (s *sparks) add(c *model.Counts) {
	for i := range s.base {
		if s.base[i].add(Passed(s.base[i].chain, c), c.Taken) {
			s.view = nil
		}
	}
}

// addPart counts the chains again that were read whole: their own counter, and each of
// their rules.
func (s *sparks) addPart(p *model.Partial) {
	byID := func(n model.Numbered, id int) int { return n.ID - id }
	for _, n := range p.Chains {
		i, ok := slices.BinarySearchFunc(s.base, n.ID, func(b baseChain, id int) int { return b.chain.ID - id })
		if !ok {
			continue
		}
		b := &s.base[i]
		var rules []model.Numbered
		if l := len(b.chain.Rules); l > 0 {
			from, _ := slices.BinarySearchFunc(p.Rules, b.chain.Rules[0].ID, byID)
			if from+l > len(p.Rules) || p.Rules[from].ID != b.chain.Rules[0].ID || p.Rules[from+l-1].ID != b.chain.Rules[l-1].ID {
				continue
			}
			rules = p.Rules[from:]
		}
		if b.add(passed(b.chain, n.Counters, func(i int) model.Counters { return rules[i].Counters }), p.Taken) {
			s.view = nil
		}
	}
}

// add notes how many packets have passed, and reports whether that gave a rate.
func (b *baseChain) add(now model.Counters, at time.Time) bool {
	was, step := b.passed, at.Sub(b.at)
	if step <= 0 {
		return false
	}
	if step < brief && len(b.rates) > 0 {
		return false // too short to tell a rate by; the next has more
	}
	b.passed, b.at = now, at
	if !was.Valid || !now.Valid || now.Packets < was.Packets {
		return false // a counter that falls is a table that is being replaced
	}
	switch {
	case step > uneven*b.step || b.step > uneven*step:
		b.rates = nil
	case len(b.rates) == sparkLength:
		// What was handed out is not written to: the tail moves to a new array.
		b.rates = append(make([]float64, 0, 2*sparkLength), b.rates[1:]...)
	}
	b.rates, b.step = append(b.rates, float64(now.Packets-was.Packets)/step.Seconds()), step
	return true
}

// list gives the rates by Chain.ID, as far as there are base chains: they mostly come first,
// and 36,000 others behind them. The answer never changes.
func (s *sparks) list() [][]float64 {
	if n := len(s.base); s.view == nil && n > 0 {
		s.view = make([][]float64, s.base[n-1].chain.ID+1)
		for i := range s.base {
			b := &s.base[i]
			s.view[b.chain.ID] = b.rates[:len(b.rates):len(b.rates)]
		}
	}
	return s.view
}

// Passed is how many packets went through a base chain, as far as counters tell, and
// at least. A packet that came to a rule was ended by none of those before it, so for
// each rule they count together; those that came to the end are the policy's.
func Passed(ch *model.Chain, c *model.Counts) model.Counters {
	return passed(ch, c.Chains[ch.ID], func(i int) model.Counters { return c.Rules[ch.Rules[i].ID] })
}

// passed is Passed of a chain by its own counter and those of its rules, by their place.
func passed(ch *model.Chain, own model.Counters, rule func(int) model.Counters) model.Counters {
	var ended, most model.Counters
	for i := range ch.Rules {
		r := &ch.Rules[i]
		n := rule(i)
		if !n.Valid {
			continue
		}
		most.Packets, most.Bytes = max(most.Packets, ended.Packets+n.Packets), max(most.Bytes, ended.Bytes+n.Bytes)
		most.Valid = true
		switch r.Verdict() {
		case model.VerdictAccept, model.VerdictDrop, model.VerdictReject, model.VerdictQueue, model.VerdictStolen:
			// A RETURN comes to the policy, and is counted there.
			ended.Packets += n.Packets
			ended.Bytes += n.Bytes
		}
	}
	if n := own; n.Valid {
		most.Packets, most.Bytes = max(most.Packets, ended.Packets+n.Packets), max(most.Bytes, ended.Bytes+n.Bytes)
		most.Valid = true
	}
	return most
}
