package uitest

import "testing"

func TestSnapshotIsWhole(t *testing.T) {
	s := Snapshot()
	if s.Flows.Table.Len() != 12 || len(s.Journeys) != 6 {
		t.Fatalf("%d flows, %d journeys", s.Flows.Table.Len(), len(s.Journeys))
	}
	for _, j := range s.Journeys {
		for _, st := range j.Steps {
			if st.Rule > 0 && st.RuleID < 0 {
				t.Errorf("journey %d: step of %s has no rule", j.Number, st.Chain)
			}
		}
		if j.Outcome.Sentence == "" {
			t.Errorf("journey %d has no sentence", j.Number)
		}
	}
}
