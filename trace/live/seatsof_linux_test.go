package live

import (
	"math"
	"testing"

	"nfscope/model"
)

// TestFirstSeats: packets are seen before the first chain of theirs, wherever that stands; one
// before which the kernel has no place left is not.
func TestFirstSeats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		family model.Family
		at     model.Priority
		want   model.Priority
	}{
		{model.FamilyIPv4, -100, usual + 1},
		{model.FamilyIPv4, -400, -401},
		{model.FamilyBridge, -400, usual + 1},
		{model.FamilyIPv4, math.MinInt32 + 5, math.MinInt32 + 4},
		{model.FamilyIPv4, math.MinInt32 + 4, usual + 1},
		{model.FamilyIPv4, math.MinInt32, usual + 1},
	} {
		for _, hook := range []model.Hook{model.HookPrerouting, model.HookOutput} {
			rs := &model.Ruleset{Tables: []*model.Table{{Family: c.family, Chains: []*model.Chain{{Name: "c", Hook: hook, Priority: c.at}}}}}
			n := 0
			for _, s := range seatsOf(rs) {
				want := model.Priority(usual + 1)
				if s.Hook == hook {
					want = c.want
				}
				if s.First {
					n++
					if s.Priority != want {
						t.Errorf("%v %v at %d: packets are seen from %d in %v, want %d", c.family, hook, c.at, s.Priority, s.Hook, want)
					}
				}
			}
			if n != 2 {
				t.Errorf("%d hooks have a first seat", n)
			}
		}
	}
}
