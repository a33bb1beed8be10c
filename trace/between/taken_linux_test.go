package between

import (
	"testing"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

// TestTaken: where another has the priority of a seat the next one is taken, behind it for a
// hook's first and last, else before it; and what stands between two seats stays there.
func TestTaken(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	ns := nettest.New(t, "taken")
	seats := journey.Seats(&model.Ruleset{}, -350, -350)
	var got [2][]journey.Seat
	for i := range got {
		r, err := Open(Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if err := r.Sit(ns, "", seats); err != nil {
			t.Fatal(err)
		}
		if got[i] = r.Seats(); len(got[i]) != len(seats) || len(seats) == 0 {
			t.Fatalf("%d of %d seats: %+v", len(got[i]), len(seats), got[i])
		}
	}
	for i, s := range got[1] {
		next := model.Priority(-1)
		if s.First || s.Until == journey.LastSeat {
			next = 1
		}
		if s.Hook != seats[i].Hook || got[0][i].Priority != seats[i].Priority || s.Priority != seats[i].Priority+next {
			t.Errorf("%s: %d was asked for, %d and %d taken, want %d", s.Hook, seats[i].Priority, got[0][i].Priority, s.Priority, seats[i].Priority+next)
		}
	}
}
