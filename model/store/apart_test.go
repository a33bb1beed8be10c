package store

import (
	"slices"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
)

// numbered are counters of the rules or chains with these IDs, each followed by its packets.
func numbered(idAndPackets ...int) (out []model.Numbered) {
	for i := 0; i < len(idAndPackets); i += 2 {
		n := uint64(idAndPackets[i+1])
		out = append(out, model.Numbered{ID: idAndPackets[i], Counters: model.Counters{Packets: n, Bytes: n * 100, Valid: true}})
	}
	return out
}

func part(ms int, rules, chains []model.Numbered) *feed.Item {
	return &feed.Item{Time: at(ms), Partial: &model.Partial{Generation: "1", Taken: at(ms), Rules: rules, Chains: chains}}
}

// want checks what a snapshot says of a rule; a rate below 0 is unknown.
func want(t *testing.T, s *snapshot.Snapshot, when string, id int, packets uint64, atMS int, rate float64) {
	t.Helper()
	r := s.Rule(id)
	if got := r.Rate(); r.Now.Packets != packets || !r.At.Equal(at(atMS)) || got != rate && (got >= 0 || rate >= 0) {
		t.Errorf("%s: rule %d has %d packets of %s, %v/s; want %d of %s, %v/s", when, id, r.Now.Packets, r.At.Sub(t0), got, packets, at(atMS).Sub(t0), rate)
	}
}

// TestApart: each rule has the rate of its own interval, whenever it was read.
func TestApart(t *testing.T) {
	t.Parallel()
	s := New(journey.Options{})
	rs := parse(t, "1", twoRules)
	s.Apply(&feed.Item{Time: t0, Rules: rs})
	s.Apply(&feed.Item{Time: at(10_000), Counts: counts(rs, at(10_000), 100, 50, 20, 7, 0)})
	all := s.Snapshot(at(10_000))
	want(t, all, "of all", 0, 100, 10_000, 10)
	want(t, all, "of all", 1, 50, 10_000, 5)

	s.Apply(part(11_000, numbered(1, 80), nil))
	snap := s.Snapshot(at(11_000))
	want(t, snap, "a part", 1, 80, 11_000, 30)
	want(t, snap, "not of the part", 0, 100, 10_000, 10) // not 0, and not of a second
	want(t, all, "the old snapshot", 1, 50, 10_000, 5)
	if snap.Counts != all.Counts {
		t.Error("a part has changed the counts of all")
	}
	if m := snap.Merged(); m.Rules[0].Packets != 100 || m.Rules[1].Packets != 80 || snap.Counts.Rules[1].Packets != 50 {
		t.Errorf("merged %+v of %+v", m.Rules, snap.Counts.Rules)
	}

	s.Apply(part(12_000, numbered(1, 90), nil))
	want(t, s.Snapshot(at(12_000)), "the second part", 1, 90, 12_000, 10)
	s.Apply(part(13_000, numbered(0, 130), nil)) // out of sight, and another in sight
	snap = s.Snapshot(at(13_000))
	want(t, snap, "out of sight", 1, 90, 12_000, 10)
	want(t, snap, "come into sight", 0, 130, 13_000, 10) // 30 in the 3 s since all were read
	s.Apply(part(13_050, numbered(0, 131), nil))
	want(t, s.Snapshot(at(13_050)), "read again at once", 0, 131, 13_050, 31/3.05) // not 1 in 50 ms

	s.Apply(&feed.Item{Time: at(20_000), Counts: counts(rs, at(20_000), 201, 106, 40, 17, 0)})
	snap = s.Snapshot(at(20_000))
	want(t, snap, "all again", 0, 201, 20_000, 70/6.95)
	want(t, snap, "all again", 1, 106, 20_000, 2)
	want(t, snap, "all again", 2, 40, 20_000, 2)
	s.Apply(&feed.Item{Time: at(30_000), Counts: counts(rs, at(30_000), 211, 116, 50, 27, 0)})
	snap = s.Snapshot(at(30_000))
	if want(t, snap, "nothing apart since", 0, 211, 30_000, 1); snap.Apart != nil {
		t.Errorf("still apart: %+v", snap.Apart)
	}

	s.Apply(part(31_000, numbered(0, 3), nil))
	want(t, s.Snapshot(at(31_000)), "a counter that fell", 0, 3, 31_000, -1)
}

// TestApartThatIsNot: what is of other rules, or cannot be, is not taken.
func TestApartThatIsNot(t *testing.T) {
	t.Parallel()
	s := New(journey.Options{})
	s.Apply(part(0, numbered(0, 1), nil))
	if s.Snapshot(t0).Apart != nil {
		t.Error("counters without rules")
	}
	rs := parse(t, "1", twoRules)
	s.Apply(&feed.Item{Time: t0, Rules: rs})
	s.Apply(&feed.Item{Time: at(1000), Counts: counts(rs, at(1000), 1, 2, 3, 4, 0)})
	other := part(2000, numbered(0, 9), nil)
	other.Partial.Generation = "0"
	s.Apply(other)
	want(t, s.Snapshot(at(2000)), "another generation", 0, 1, 1000, 1)
	s.Apply(part(2000, numbered(-1, 9, 1, 5, 1, 6, 0, 9, 3, 9, 1<<40, 9), numbered(-1, 9, 7, 9)))
	snap := s.Snapshot(at(2000))
	want(t, snap, "IDs in disorder", 1, 5, 2000, 3)
	want(t, snap, "IDs in disorder", 0, 1, 1000, 1)
	if len(snap.Apart.Rules) != 1 || len(snap.Apart.Chains) != 0 {
		t.Errorf("apart: %+v", snap.Apart)
	}
	s.Apply(part(1500, numbered(1, 4), nil))
	want(t, s.Snapshot(at(2000)), "older than what is known", 1, 5, 2000, 3)
	rs2 := parse(t, "2", twoRules)
	s.Apply(&feed.Item{Time: at(3000), Rules: rs2})
	if snap := s.Snapshot(at(3000)); snap.Apart != nil || snap.Rule(1).Now.Packets != 0 {
		t.Errorf("after other rules: %+v", snap.Apart)
	}
	for _, id := range []int{-1, 3, 1 << 40} {
		if r := snap.Rule(id); r.Now.Valid || r.Rate() >= 0 {
			t.Errorf("rule %d: %+v", id, r)
		}
	}
}

// TestSparksOfParts: a chain that was read whole gets its rate, with its own interval; one
// that was read in part, or not, gets none.
func TestSparksOfParts(t *testing.T) {
	t.Parallel()
	s := New(journey.Options{})
	rs := parse(t, "1", twoRules)
	s.Apply(&feed.Item{Time: t0, Rules: rs})
	sec := func(n int) int { return n * 1000 }
	s.Apply(&feed.Item{Time: at(sec(1)), Counts: counts(rs, at(sec(1)), 0, 10, 0, 0, 0)})
	s.Apply(part(sec(2), numbered(1, 30), nil))                    // one rule alone
	s.Apply(part(sec(2)+1, numbered(1, 30), numbered(0, 0)))       // not all rules
	s.Apply(part(sec(2)+2, numbered(0, 0, 1, 30), nil))            // not its own counter
	s.Apply(part(sec(2)+3, numbered(0, 0, 1, 30), numbered(1, 0))) // another chain
	if got, want := spark(s.Snapshot(at(sec(2))), "INPUT"), []float64{10}; !slices.Equal(got, want) {
		t.Fatalf("spark %v, want %v", got, want)
	}
	s.Apply(part(sec(3), numbered(0, 0, 1, 50), numbered(0, 0)))
	first := s.Snapshot(at(sec(3)))
	if got, want := spark(first, "INPUT"), []float64{10, 20}; !slices.Equal(got, want) {
		t.Errorf("spark %v, want %v", got, want)
	}
	s.Apply(&feed.Item{Time: at(sec(4)), Counts: counts(rs, at(sec(4)), 0, 55, 0, 0, 0)})
	if got, want := spark(s.Snapshot(at(sec(4))), "INPUT"), []float64{10, 20, 5}; !slices.Equal(got, want) {
		t.Errorf("spark %v, want %v", got, want)
	}
	if got, want := spark(first, "INPUT"), []float64{10, 20}; !slices.Equal(got, want) {
		t.Errorf("the old snapshot's spark became %v", got)
	}
	// All at once again 4 ms later: no rate of so little, and nothing is lost.
	s.Apply(part(sec(4)+4, numbered(0, 0, 1, 57), numbered(0, 0)))
	s.Apply(part(sec(5), numbered(0, 0, 1, 58), numbered(0, 0)))
	if got, want := spark(s.Snapshot(at(sec(5))), "INPUT"), []float64{10, 20, 5, 3}; !slices.Equal(got, want) {
		t.Errorf("spark %v, want %v", got, want)
	}
	// Nobody looked for 20 s: a bar of that beside bars of a second would lie about time.
	s.Apply(&feed.Item{Time: at(sec(25)), Counts: counts(rs, at(sec(25)), 0, 98, 0, 0, 0)})
	if got, want := spark(s.Snapshot(at(sec(25))), "INPUT"), []float64{2}; !slices.Equal(got, want) {
		t.Errorf("spark %v, want %v", got, want)
	}
}

// FuzzParts: whatever is read apart, no rate is false: never of packets that the rule did
// not count in the time said, and never of another ruleset.
func FuzzParts(f *testing.F) {
	f.Add([]byte{1, 2, 3, 250, 7, 9, 0, 1, 80, 4, 5, 6})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, script []byte) {
		s := New(journey.Options{})
		rs := parse(t, "1", twoRules)
		s.Apply(&feed.Item{Time: t0, Rules: rs})
		// The truth: what each rule has counted at each moment.
		type moment struct {
			at time.Time
			n  uint64
		}
		truth := [3]map[moment]bool{}
		for id := range truth {
			truth[id] = map[moment]bool{{t0, 0}: true}
		}
		var n [3]uint64
		ms := 0
		for i := 0; i+2 < len(script); i += 3 {
			ms += int(script[i])*16 + 1
			for id := range n {
				n[id] += uint64(script[i+1]) * uint64(id+1)
				truth[id][moment{at(ms), n[id]}] = true
			}
			what := script[i+2]
			if what&8 != 0 {
				s.Apply(&feed.Item{Time: at(ms), Counts: counts(rs, at(ms), n[0], n[1], n[2], 0, 0)})
			} else {
				var p []model.Numbered
				for id := range n {
					if what&(1<<id) != 0 {
						p = append(p, numbered(id, int(n[id]))...)
					}
				}
				s.Apply(part(ms, p, nil))
			}
			snap := s.Snapshot(at(ms))
			for id := range n {
				r := snap.Rule(id)
				if !truth[id][moment{r.At, r.Now.Packets}] || !r.Since.IsZero() && !truth[id][moment{r.Since, r.Before.Packets}] {
					t.Fatalf("rule %d: %+v was never so", id, r)
				}
				if !r.Since.IsZero() && !r.Since.Before(r.At) {
					t.Fatalf("rule %d: %+v goes back in time", id, r)
				}
			}
		}
	})
}
