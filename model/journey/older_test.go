package journey

import (
	"slices"
	"testing"
	"time"

	"nfscope/model"
)

// TestOlderRules: journeys keep the rules they met, of former times only so many, and say
// so where they had to let them go.
func TestOlderRules(t *testing.T) {
	for _, c := range []struct{ size, kept int }{{1, maxOlder + 1}, {maxOlderRules / 4, 5}, {maxOlderRules + 1, 1}} {
		f := NewFold(Options{})
		targets := make([]string, c.size)
		for i := range targets {
			targets[i] = "ACCEPT"
		}
		now := began
		const generations = 40
		for g := range generations {
			now = now.Add(time.Second)
			f.SetRules(rulesOf(legacyTable("filter", builtin("filter", "FORWARD", "ACCEPT", target(targets[0]))), filler(c.size-1)), now)
			e := line("filter", "FORWARD", EventRule, 1, model.HookForward, udp("10.2.0.2", uint16(g)))
			e.Time = now
			f.Event(&e)
			f.Tick(now.Add(time.Second / 2))
		}
		kept := 0
		for i, j := range f.Journeys() {
			if j.Rules != nil {
				kept++
			}
			if gone := i < generations-c.kept; j.RulesGone != gone || (j.Rules == nil) != gone {
				t.Errorf("%d rules: journey %d of %d: gone %v", c.size, i+1, generations, j.RulesGone)
			}
		}
		if kept != c.kept {
			t.Errorf("%d rules: %d journeys have theirs, expected %d", c.size, kept, c.kept)
		}
	}
}

// TestRulesOfNobody: rules that no journey met are let go as soon as others are in force.
func TestRulesOfNobody(t *testing.T) {
	f := NewFold(Options{})
	rules := func() Rules {
		return rulesOf(legacyTable("filter", builtin("filter", "FORWARD", "ACCEPT", target("ACCEPT"))))
	}
	met, open, last := rules(), rules(), rules()
	send := func(port uint16, at time.Time) {
		e := line("filter", "FORWARD", EventRule, 1, model.HookForward, udp("10.2.0.2", port))
		e.Time = at
		f.Event(&e)
	}
	now := began
	for i, r := range []Rules{rules(), met, rules(), rules(), open, last} {
		now = now.Add(time.Second)
		switch f.SetRules(r, now); r {
		case met:
			send(1, now)
			f.Tick(now.Add(time.Second / 2))
		case open:
			send(2, now)
		}
		if n := len(f.older); n > 3 {
			t.Errorf("after change %d: %d rulesets are kept", i, n)
		}
	}
	if !slices.Equal(f.older, []Rules{met, open, last}) {
		t.Errorf("%d rulesets are kept, expected those of two journeys and those in force", len(f.older))
	}
}

// filler is a table with so many rules.
func filler(n int) *model.Table {
	return &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "mangle",
		Chains: []*model.Chain{{Name: "X", Rules: make([]model.Rule, n)}}}
}
