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
		{"by the rule that shows it, of what a router lowered", []write{{step: 2, field: "ttl", value: "64", lowered: "48"}}, Change{"ttl", "48"}, Delta{{"ttl", "63"}}, Delta{{"ttl", "48"}}, [3]Delta{nil, nil, {{"ttl", "48"}}}, ByForwarding},
		{"by two, a router perhaps between them", []write{{step: 0, field: "ttl", value: "50"}, {step: 2, field: "ttl", value: "30", lowered: "30"}}, Change{"ttl", "30"}, nil, Delta{{"ttl", "30"}}, [3]Delta{{{"ttl", "50"}}, nil, {{"ttl", "30"}}}, ""},
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

// TestMarkTold: the mark that an event tells of behind its rule is what the rule wrote, and
// nothing is said of other fields: those it does not show. A probe that shows headers behind
// the last step leaves what is open to the next step, whose event shows the same.
func TestMarkTold(t *testing.T) {
	steps := []Step{{Backend: model.BackendNFTables, Family: model.FamilyIPv4, Kind: KindRule, Text: "meta mark set ct mark"}, {Kind: KindPolicy}}
	five := uint32(5)
	w := writes{ch: &changes{}, packet: model.Packet{TTL: 64, Mark: 1}, open: []write{{field: "ttl", value: "65"}}}
	w.rule(steps, 0, &five, false)
	if n := len(w.open); n != 2 || w.open[1] != (write{field: "mark", value: "0x5"}) || w.packet.Mark != 5 {
		t.Fatalf("open %+v, mark %d", w.open, w.packet.Mark)
	}
	old, now := model.Packet{TTL: 64, Mark: 1}, model.Packet{TTL: 64, Mark: 5}
	if before, own := w.shown(steps, 2, &old, &now, true); !slices.Equal(before, Delta{{"mark", "0x5"}}) || own != nil || len(w.open) != 2 {
		t.Errorf("behind the last step: %v, %v, open %+v", before, own, w.open)
	}
	before, own := w.shown(steps, 1, &old, &now, true)
	if !slices.Equal(before, Delta{{"mark", "0x5"}}) || own != nil || len(steps[1].By) > 0 || !slices.Equal(steps[0].Did, Delta{{"mark", "0x5"}}) {
		t.Errorf("%v, %v by %v; the rule did %v", before, own, steps[1].By, steps[0].Did)
	}
	if len(w.open) != 1 || w.open[0].field != "ttl" || w.marked != 1 || w.since != 0 || w.packet.Mark != 5 {
		t.Errorf("open %+v, %+v", w.open, w)
	}
}

// TestReckoned: what a rule of nf_tables wrote is sure only where all of it can be reckoned; of
// a mark that cannot be, the one that the packet had stays.
func TestReckoned(t *testing.T) {
	for _, c := range []struct {
		text string
		mark uint32
		ttl  uint8
		sure bool
	}{
		{"meta mark set 0x7 ip ttl set 9", 7, 9, true},
		{"meta mark set ct mark ip ttl set 9", 3, 9, false},
		{"ip daddr set numgen inc mod 4 map { 0 : 10.0.0.1, 1 : 10.0.0.2 } ip ttl set 9", 3, 9, false},
	} {
		p := model.Packet{Family: model.FamilyIPv4, Mark: 3, TTL: 64}
		d := (&changes{}).text(model.BackendNFTables, model.FamilyIPv4, c.text)
		if after, sure := d.effect(model.BackendNFTables, &p); sure != c.sure || after.Mark != c.mark || after.TTL != c.ttl {
			t.Errorf("%s: sure %v, mark %d, ttl %d", c.text, sure, after.Mark, after.TTL)
		}
	}
}
