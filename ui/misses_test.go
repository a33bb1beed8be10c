package ui

import (
	"strings"
	"testing"

	"nfscope/model/ruleset"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// TestStepsStopAtMisses: the keys that step stop at a rule that did not match, where these
// are shown one by one, and tell why.
func TestStepsStopAtMisses(t *testing.T) {
	s := newScreen(t, theme.Options{}, 150, 60)
	snap := uitest.Snapshot()
	for _, j := range snap.Journeys {
		j.Rules = ruleset.NewIndex(snap.Rules)
	}
	s.send(SnapshotMsg{snap})
	s.settle()
	s.press("4")
	s.player.Focus(14)
	s.player.Step(-100)
	s.press("n")
	for range 30 {
		if strings.Contains(s.text(), "did not match:") {
			s.wants("wants @blocked; it does not hold")
			return
		}
		s.press(".")
	}
	t.Errorf("no miss is stopped at:\n%s", s.text())
}
