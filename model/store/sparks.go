package store

import "nfscope/model"

// sparkLength is how many rates a spark has.
const sparkLength = 16

// chainKey names a chain over all generations of the rules.
type chainKey struct {
	backend      model.Backend
	family       model.Family
	table, chain string
}

// sparks are the last packet rates of the base chains. User chains have none: what
// goes through them is counted by the rules that call them.
type sparks struct {
	base   []*model.Chain
	keys   []chainKey
	passed []model.Counters // by base's place, as they were last counted
	rates  [][]float64      // by base's place
	chains int              // of the ruleset
	// view is what was handed out last, nil when the rates changed.
	view [][]float64
}

// reset begins with another ruleset. A chain that was there before keeps its rates.
func (s *sparks) reset(rs *model.Ruleset, c *model.Counts) {
	old := make(map[chainKey][]float64, len(s.keys))
	for i, k := range s.keys {
		old[k] = s.rates[i]
	}
	*s = sparks{}
	s.chains, _ = rs.Size()
	for _, t := range rs.Tables {
		for _, ch := range t.Chains {
			if ch.Base() {
				k := chainKey{t.Backend, t.Family, t.Name, ch.Name}
				s.base, s.keys = append(s.base, ch), append(s.keys, k)
				s.passed = append(s.passed, Passed(ch, c))
				s.rates = append(s.rates, old[k])
			}
		}
	}
}

// add counts again, dt seconds after the last time.
func (s *sparks) add(c *model.Counts, dt float64) {
	for i, ch := range s.base {
		a, b := s.passed[i], Passed(ch, c)
		s.passed[i] = b
		if dt <= 0 || !a.Valid || !b.Valid || b.Packets < a.Packets {
			continue // a counter that falls is a table that is being replaced
		}
		l := s.rates[i]
		if len(l) == sparkLength {
			// What was handed out is not written to: the tail moves to a new array.
			l = append(make([]float64, 0, 2*sparkLength), l[1:]...)
		}
		s.rates[i] = append(l, float64(b.Packets-a.Packets)/dt)
		s.view = nil
	}
}

// list gives the rates by Chain.ID. The answer never changes.
func (s *sparks) list() [][]float64 {
	if s.view == nil && s.chains > 0 {
		s.view = make([][]float64, s.chains)
		for i, ch := range s.base {
			s.view[ch.ID] = s.rates[i][:len(s.rates[i]):len(s.rates[i])]
		}
	}
	return s.view
}

// Passed is how many packets went through a base chain, as far as counters tell, and
// at least. A packet that came to a rule was ended by none of those before it, so for
// each rule they count together; those that came to the end are the policy's.
func Passed(ch *model.Chain, c *model.Counts) model.Counters {
	var ended, most model.Counters
	for i := range ch.Rules {
		r := &ch.Rules[i]
		n := c.Rules[r.ID]
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
	if n := c.Chains[ch.ID]; n.Valid {
		most.Packets, most.Bytes = max(most.Packets, ended.Packets+n.Packets), max(most.Bytes, ended.Bytes+n.Bytes)
		most.Valid = true
	}
	return most
}
