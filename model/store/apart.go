package store

import (
	"time"

	"nfscope/model"
	"nfscope/model/snapshot"
)

// brief is the shortest time that a rate is made of. A rule that was read less than that
// before keeps the reading in front of it to be held against: one packet in 20 ms is not
// 50 packets a second.
const brief = 250 * time.Millisecond

// setPart takes counters that were read apart from the others. Each is held against the
// last reading of the same rule, so that its rate has the interval that it was counted in.
func (s *Store) setPart(p *model.Partial) {
	if s.rules == nil || p.Generation != s.rules.Generation {
		return // of a ruleset that is gone, or not here yet
	}
	old := s.apart
	if old == nil {
		old = &snapshot.Apart{}
	}
	s.apart = &snapshot.Apart{
		Rules:  join(old.Rules, p.Rules, p.Taken, s.counts.Rules, s.counts.Taken),
		Chains: join(old.Chains, p.Chains, p.Taken, s.counts.Chains, s.counts.Taken),
	}
	s.confirmed = p.Taken
	s.sparks.addPart(p)
}

// join gives old and what was read now, by ID. whole is what was read of everything at at.
func join(old []snapshot.Tally, now []model.Numbered, taken time.Time, whole []model.Counters, at time.Time) []snapshot.Tally {
	out := make([]snapshot.Tally, 0, len(old)+len(now))
	last := -1
	for _, n := range now {
		if n.ID <= last || n.ID >= len(whole) {
			continue // a recording may say anything
		}
		last = n.ID
		for len(old) > 0 && old[0].ID < n.ID {
			out, old = append(out, old[0]), old[1:]
		}
		was := snapshot.Tally{ID: n.ID, Now: whole[n.ID], At: at}
		if len(old) > 0 && old[0].ID == n.ID {
			was, old = old[0], old[1:]
		}
		out = append(out, again(was, n.Counters, taken))
	}
	return append(out, old...)
}

// again is a reading after another.
func again(was snapshot.Tally, now model.Counters, at time.Time) snapshot.Tally {
	if !at.After(was.At) {
		return was
	}
	next := snapshot.Tally{ID: was.ID, Now: now, At: at, Before: was.Now, Since: was.At}
	if !was.Since.IsZero() && at.Sub(was.At) < brief {
		next.Before, next.Since = was.Before, was.Since
	}
	return next
}

// afterAll carries over what was read apart since the last reading of everything, to the
// next: those rules have another interval than all others. nil where there are none.
func afterAll(old *snapshot.Apart, last, now *model.Counts) *snapshot.Apart {
	if old == nil {
		return nil
	}
	keep := func(old []snapshot.Tally, values []model.Counters) (out []snapshot.Tally) {
		for _, was := range old {
			if was.At.After(last.Taken) {
				out = append(out, again(was, values[was.ID], now.Taken))
			}
		}
		return out
	}
	a := &snapshot.Apart{Rules: keep(old.Rules, now.Rules), Chains: keep(old.Chains, now.Chains)}
	if len(a.Rules)+len(a.Chains) == 0 {
		return nil
	}
	return a
}
