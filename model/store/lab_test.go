package store

import (
	"fmt"
	"testing"

	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
)

// Each step knows which packets were there before it, and a lab that begins again counts
// its rounds.
func TestLabSteps(t *testing.T) {
	s := New(journey.Options{})
	packets := func(from, to int) {
		for i := from; i < to; i++ {
			s.Apply(legacy(i, uint16(i+1), "INPUT", 2))
		}
	}
	now := func(current int) string {
		s.Apply(&feed.Item{Lab: &snapshot.Lab{Name: "l", Steps: make([]snapshot.LabStep, 3), Current: current}})
		l := s.Snapshot(t0).Lab
		text := fmt.Sprintf("round %d:", l.Round)
		for _, st := range l.Steps {
			text += fmt.Sprintf(" %d", st.After)
		}
		return text
	}
	for _, c := range []struct {
		current, from, to int
		want              string
	}{{0, 0, 2, "round 0: 0 -1 -1"}, {1, 2, 5, "round 0: 0 2 -1"}, {2, 5, 6, "round 0: 0 2 5"}, {3, 0, 0, "round 0: 0 2 5"}, {0, 6, 7, "round 1: 6 -1 -1"}, {2, 0, 0, "round 1: 6 7 7"}} {
		if got := now(c.current); got != c.want {
			t.Errorf("step %d: %q, want %q", c.current, got, c.want)
		}
		packets(c.from, c.to)
	}
}
