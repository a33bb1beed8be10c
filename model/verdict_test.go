package model

import "testing"

// TestTargetVerdict holds the targets whose verdict hangs on more than the rule.
func TestTargetVerdict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		target string
		want   Verdict
		known  bool
	}{
		{"SYNPROXY", VerdictStolen, true}, {"synproxy", VerdictStolen, true},
		{"TPROXY", VerdictUnknown, true}, {"tproxy", VerdictContinue, true},
		{"MYSTERY", VerdictUnknown, false}, {"ACCEPT", VerdictAccept, true},
	} {
		if v, k := TargetVerdict(c.target), KnownTarget(c.target); v != c.want || k != c.known {
			t.Errorf("%s: %s, known %v; want %s, %v", c.target, v, k, c.want, c.known)
		}
	}
}
