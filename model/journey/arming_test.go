package journey

import (
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
