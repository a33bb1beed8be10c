package journey

import (
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

// filler is a table with so many rules.
func filler(n int) *model.Table {
	return &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "mangle",
		Chains: []*model.Chain{{Name: "X", Rules: make([]model.Rule, n)}}}
}
