package journey

import (
	"slices"
	"testing"

	"nfscope/model"
)

// TestWhoWrote: who made a field what it is: the rule of which it can be reckoned, the router
// besides, the only rule that writes it, or one of several.
func TestWhoWrote(t *testing.T) {
	for _, c := range []struct {
		name        string
		open        []write
		shows       Change
		before, own Delta
		did         [3]Delta // of each step; the last is the one that shows it
		by          string
	}{
		{"one, not reckoned", []write{{step: 0, field: "tos"}}, Change{"tos", "0x8"}, Delta{{"tos", "0x8"}}, nil, [3]Delta{{{"tos", "0x8"}}}, ""},
		{"one of two, not reckoned", []write{{step: 0, field: "tos"}, {step: 1, field: "tos"}}, Change{"tos", "0x8"}, Delta{{"tos", "0x8"}}, nil, [3]Delta{}, "one of the rules from rule 1 of fw/pre to rule 2 of fw/pre"},
		{"reckoned, and it stayed what it was", []write{{step: 0, field: "ttl", value: "30"}}, Change{"ttl", "64"}, nil, nil, [3]Delta{}, ""},
		{"reckoned, and put back", []write{{step: 0, field: "ttl", value: "30"}, {step: 1, field: "ttl", value: "64"}}, Change{"ttl", "64"}, nil, nil, [3]Delta{{{"ttl", "30"}}, {{"ttl", "64"}}}, ""},
		{"by two, the second of which shows it", []write{{step: 0, field: "ttl", value: "50"}, {step: 2, field: "ttl", value: "40"}}, Change{"ttl", "40"}, Delta{{"ttl", "50"}}, Delta{{"ttl", "40"}},
			[3]Delta{{{"ttl", "50"}}, nil, {{"ttl", "40"}}}, ""},
		{"by the rule that shows it, and a router", []write{{step: 2, field: "ttl", value: "62"}}, Change{"ttl", "61"}, Delta{{"ttl", "63"}}, Delta{{"ttl", "61"}}, [3]Delta{nil, nil, {{"ttl", "61"}}}, ByForwarding},
	} {
		steps := make([]Step, 3)
		for i := range steps {
			steps[i] = Step{Table: "fw", Chain: "pre", Kind: KindRule, Rule: i + 1}
		}
		w := writes{ch: &changes{}, open: c.open}
		before, own := w.field(steps, 2, c.shows, &model.Packet{TTL: 64})
		by := ""
		if len(steps[2].By) == 1 {
			by = steps[2].By[0].By
		}
		if !slices.Equal(before, c.before) || !slices.Equal(own, c.own) || by != c.by {
			t.Errorf("%s: before %v, itself %v, by %q", c.name, before, own, by)
		}
		for i := range steps {
			if !slices.Equal(steps[i].Did, c.did[i]) {
				t.Errorf("%s: step %d did %v, want %v", c.name, i, steps[i].Did, c.did[i])
			}
		}
	}
}

// TestWroteAtTheEnd: what rules wrote and no event showed any more is told as far as it can be
// reckoned.
func TestWroteAtTheEnd(t *testing.T) {
	steps := make([]Step, 3)
	w := writes{open: []write{{step: 0, field: "mark", value: "0x7"}, {step: 1, field: "tos"}, {step: 2, field: "tos", value: "0x8"}, {step: 2, field: "ttl", value: "64"}}}
	w.end(steps, &model.Packet{TTL: 64})
	if !slices.Equal(steps[0].Did, Delta{{"mark", "0x7"}}) || steps[1].Did != nil || steps[2].Did != nil {
		t.Errorf("the rules did %v, %v, %v", steps[0].Did, steps[1].Did, steps[2].Did)
	}
}
