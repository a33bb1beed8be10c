package labs

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/ui/keys"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// A rule stands with what it has counted when a step is told, and what of that is the
// step's; not before it was told, and not as it was read before the packet.
func TestRulesCounted(t *testing.T) {
	t.Parallel()
	p := New(Options{Pace: &pace{held: true}})
	f := frame(nil, theme.Options{}, 200, 55)
	reading := func(current int, packets uint64, late time.Duration) {
		f.Snap = uitest.Lab("en", current)
		f.Snap.Rules = &model.Ruleset{Tables: f.Snap.Rules.Tables[1:2]}
		f.Snap.Counts = &model.Counts{Generation: f.Snap.Rules.Generation, Taken: f.Snap.Journeys[len(f.Snap.Journeys)-1].Start.Add(late), Rules: make([]model.Counters, 100)}
		for i := range f.Snap.Counts.Rules {
			f.Snap.Counts.Rules[i] = model.Counters{Packets: packets, Valid: true}
		}
	}
	hidden := func(what string) {
		t.Helper()
		if strings.Contains(text(p, f), what) {
			t.Fatalf("%q tells too early:\n%s", what, text(p, f))
		}
	}
	reading(1, 70000, time.Second)
	do(p, f, keys.GoOn)
	hidden(" 70000 ")
	p.begin(f.Snap.Lab, 1)
	do(p, f, keys.Bottom, keys.GoOn)
	hidden(" 70000 ")
	reading(2, 70000, -time.Second)
	run(t, p, f)
	hidden(" 70000 ")
	reading(2, 70003, time.Second)
	wants(t, p, f, " 70003 +3 ")
	do(p, f, keys.GoOn)
	reading(2, 70009, time.Second)
	wants(t, p, f, " 70003 ")
	hidden("+3")
	hidden(" 70009 ")
	do(p, f, keys.Bottom, keys.GoOn)
	reading(3, 70009, time.Second)
	run(t, p, f)
	do(p, f, keys.GoOn)
	wants(t, p, f, " 70009 ")
	p.begin(f.Snap.Lab, 0)
	hidden(" 70009 ")
}

// The rules stand in the watched host's box where there is room, and the one that the packet
// is at is marked; where they are many they do not.
func TestRulesInside(t *testing.T) {
	t.Parallel()
	p := New(Options{Pace: &pace{held: true}})
	f := frame(uitest.Lab("en", 1), theme.Options{Color: true, Dark: true}, 200, 55)
	if text(p, f); p.drawn.m.Inside() {
		t.Fatalf("too many rules stand in the box:\n%s", text(p, f))
	}
	last := f.Snap.Journeys[0].Outcome.By
	c := &model.Chain{Name: last.Chain, Policy: "ACCEPT"}
	for i := range 3 {
		c.Rules = append(c.Rules, model.Rule{Index: i + 1, Text: fmt.Sprintf("-A %s -p %d", last.Chain, i)})
	}
	f.Snap.Rules = &model.Ruleset{Tables: []*model.Table{{Backend: last.Backend, Family: last.Family, Name: last.Table, Chains: []*model.Chain{c}}}}
	wants(t, p, f, "1 -p 0", "3 -p 2")
	if !p.drawn.m.Inside() {
		t.Fatalf("three rules do not stand in the box:\n%s", text(p, f))
	}
	do(p, f, keys.GoOn, keys.Bottom, keys.GoOn)
	if at := p.spot(f); at != nil {
		t.Errorf("the packet stands at %+v before it came", at)
	}
	run(t, p, f)
	if _, line := p.inside(f, p.spot(f)); line != last.Rule+1 {
		t.Errorf("line %d is marked: %+v", line, last)
	}
}
