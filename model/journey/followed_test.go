package journey

import (
	"testing"
	"time"

	"nfscope/model"
)

// TestFollowedRulesMove: a packet that programs follow is said to have passed what stood in the
// hooks of its namespace while it was seen there, and no change of another's rules is one of its
// own.
func TestFollowedRulesMove(t *testing.T) {
	t.Parallel()
	old := rulesOf(nftTable("fw", chainOf("pre", model.HookPrerouting, -100, "accept"), chainOf("in", model.HookInput, 0, "accept")))
	more := rulesOf(append(old.Ruleset().Tables, nftTable("new", chainOf("late", model.HookInput, 0, "accept")))...)
	const before, while, after = "before", "while", "after"
	for _, c := range []struct {
		name, netns, changed, seen string
		filed, complete            bool
	}{
		{"it left before", "", "", before, false, true},
		{"it may have met them", "", "", while, false, false},
		{"it went on", "", "", after, false, false},
		{"it was filed", "", "", while, true, false},
		{"another's rules, and it was filed", "beside", "", while, true, true},
		{"another's rules", "beside", "", while, false, true},
		{"its own, beside", "beside", "beside", while, false, false},
		{"those beside", "", "beside", while, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := NewFold(Options{})
			f.SetFollowing(true)
			f.SetRules(old, time.Time{})
			f.SetBeside("beside", old.Ruleset())
			confirmed, now := began.Add(time.Second), began
			if c.seen == while {
				now = confirmed.Add(time.Millisecond)
			}
			see := func(seats ...Seat) {
				for _, s := range seats {
					f.Sight(&Sight{Seat: s, Time: now, Netns: c.netns, Skb: 1, Follow: 1, New: s.First, Packet: *udp("10.0.0.9", 1), In: "r0"})
				}
			}
			var way, end []Seat
			for _, s := range Seats(old.Ruleset(), armingPriority, armingPriority) {
				switch s.Hook {
				case model.HookPrerouting:
					way = append(way, s)
				case model.HookInput:
					end = append(end, s)
				}
			}
			see(way...)
			if c.seen != after {
				see(end...)
			}
			if c.filed {
				f.Flush()
			}
			if c.changed == "" {
				f.SetRules(more, confirmed)
			} else {
				f.SetBeside(c.changed, more.Ruleset())
			}
			if c.seen == after {
				now = confirmed.Add(time.Millisecond)
				see(end...)
			}
			f.Flush()
			js := f.Journeys()
			if len(js) != 1 {
				t.Fatalf("%d journeys", len(js))
			}
			j := js[0]
			if j.Complete != c.complete || !c.complete && j.Why != rulesMoved {
				t.Errorf("complete %v: %s", j.Complete, j.Why)
			}
			var met string
			for i := range j.Steps {
				met += " " + j.Steps[i].Base
			}
			if met != " pre in" {
				t.Errorf("it met%s", met)
			}
		})
	}
}
