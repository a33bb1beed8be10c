package journey

import (
	"slices"
	"testing"

	"nfscope/model"
)

func TestArmingPlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		chain, in, out string
		want           place
	}{
		{"trace", "eth0", "", place{model.HookPrerouting, -350}},
		{"trace_401_350", "eth0", "", place{model.HookPrerouting, -401}},
		{"trace_350_501", "", "eth0", place{model.HookOutput, -501}},
		{"trace_2147483648_350", "eth0", "", place{model.HookPrerouting, -1 << 31}},
		{"trace_2147483649_350", "eth0", "", place{model.HookPrerouting, -350}},
		{"trace_x_y", "eth0", "", place{model.HookPrerouting, -350}},
		{"trace_401", "eth0", "", place{model.HookPrerouting, -350}},
		{"trace_199_199", "eth0", "", place{model.HookPrerouting, -199}},
		{"prerouting_199", "eth0", "", place{model.HookPrerouting, -199}},
		{"output_199", "", "eth0", place{model.HookOutput, -199}},
		{"output", "", "eth0", place{model.HookOutput, -350}},
		{"input_5", "eth0", "", place{model.HookPrerouting, -350}},
	} {
		if got := (armings{}).place(&Event{Chain: c.chain, In: c.in, Out: c.out}); got != c.want {
			t.Errorf("%s: %v, want %v", c.chain, got, c.want)
		}
	}
}

// TestKnownBy: which of our tables traced a packet for its connection is told, and that its ladder
// begins behind conntrack, where no chain of ours met it before; and what our own table traced is
// kept unasked, whatever another's has.
func TestKnownBy(t *testing.T) {
	t.Parallel()
	p := udp("10.1.0.1", 5)
	by := func(table, chain string) Event {
		e := arming(p)
		e.Table, e.Chain = table, chain
		return e
	}
	headers, connection, passes := by("nfscope_1_1", "trace"), by("nfscope_1_2", "trace_199_199"), by("nfscope_1_2", "prerouting_199")
	for _, c := range []struct {
		name   string
		events []Event
		known  []string
		late   bool
		kept   []bool // for nfscope_1_1, nfscope_1_2 and no table of ours
	}{
		{"by its headers", []Event{headers}, nil, false, []bool{true, false, false}},
		{"by its connection", []Event{connection}, []string{"nfscope_1_2"}, true, []bool{false, true, false}},
		{"by both", []Event{headers, connection}, []string{"nfscope_1_2"}, false, []bool{true, true, false}},
		{"by its headers, and it passes the other's chain", []Event{headers, passes}, nil, false, []bool{true, false, false}},
		{"by none, and it passes a chain of ours", []Event{passes}, nil, false, []bool{false, false, false}},
	} {
		events := append(c.events, probe(model.HookInput, p))
		_, list := folded(rulesOf(), Options{Probes: true}, events...)
		if len(list) != 1 || !slices.Equal(list[0].KnownBy, c.known) || slices.Contains(list[0].Assumptions, byConnection) != c.late {
			t.Errorf("%s: %d journeys, known by %q, %q", c.name, len(list), list[0].KnownBy, list[0].Assumptions)
		}
		for i, ours := range []string{"nfscope_1_1", "nfscope_1_2", ""} {
			f := NewFold(Options{Probes: true})
			f.SetRules(rulesOf(), began)
			f.SetChosen(func(*Journey) bool { return false }, ours)
			for i := range events {
				f.Event(&events[i])
			}
			f.Flush()
			if kept := len(f.Journeys()) > 0; kept != c.kept[i] {
				t.Errorf("%s, ours is %q: kept %v", c.name, ours, kept)
			}
		}
	}
}
