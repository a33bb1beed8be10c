package journey

import (
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
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

// TestFollowedDropped: a chain is named for a drop only where the packet was last seen before it,
// in its hook, and no sight of it can be missing.
func TestFollowedDropped(t *testing.T) {
	t.Parallel()
	rules := rulesOf(legacyTable("raw", builtin("raw", "PREROUTING", "ACCEPT")), legacyTable("filter", builtin("filter", "FORWARD", "ACCEPT")))
	p := udp("10.2.0.2", 5)
	const forward, netfilter = "dropped by filter/FORWARD (iptables-legacy) in the forward hook", "dropped by netfilter in the forward hook, and no rule that was traced did it"
	for _, c := range []struct {
		name     string
		seen     int // of the seats up to forward's first, from behind
		lost     uint64
		sentence string
		want     string
	}{
		{"seen before it", 1, 0, forward, ""},
		{"sights were lost", 1, 2, netfilter, "2 events were lost while it was under way"},
		{"seen in another hook", 2, 0, netfilter, ""},
		{"seen in another hook, before a chain", 4, 0, netfilter, ""},
	} {
		f := NewFold(Options{})
		f.SetFollowing(true)
		f.SetRules(rules, time.Time{})
		f.SetDrops(true)
		var way []Seat
		for _, s := range Seats(rules.Ruleset(), armingPriority, armingPriority) {
			if s.Hook == model.HookPrerouting {
				way = append(way, s)
			}
		}
		way = append(way, seatOf(rules.Ruleset(), model.HookForward, 0))
		for _, s := range way[:max(1, len(way)-c.seen+1)] {
			f.Sight(&Sight{Seat: s, Time: began, Skb: 1, Follow: 1, New: s.First, Packet: *p, In: "r0"})
		}
		d := fallen(p, "NETFILTER_DROP", drop.StationNetfilter)
		d.Hook, d.Skb = model.HookForward, 1
		f.Drop(d)
		if c.lost > 0 {
			f.Sight(&Sight{Time: began, Lost: c.lost})
		}
		f.Flush()
		js := f.Journeys()
		if len(js) != 1 {
			t.Fatalf("%s: %d journeys", c.name, len(js))
		}
		if j := js[0]; !strings.HasPrefix(j.Outcome.Sentence, c.sentence) || j.Complete || c.want != "" && j.Why != c.want {
			t.Errorf("%s: %q, complete %v: %s", c.name, j.Outcome.Sentence, j.Complete, j.Why)
		}
	}
}
