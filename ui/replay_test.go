package ui

import (
	"strings"
	"testing"

	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// A replay is not taken for a live trace, at 80x24 either.
func TestReplayIsNamed(t *testing.T) {
	for _, source := range []string{"recording: trace: tcp and dst port 80", "recording: lab close-the-door"} {
		s := newScreen(t, theme.Options{}, 80, 24)
		snap := uitest.Snapshot()
		snap.Source = source
		s.send(SnapshotMsg{snap})
		s.wants("REPLAY")
	}
	s := newScreen(t, theme.Options{}, 200, 60)
	s.send(SnapshotMsg{uitest.Snapshot()})
	if strings.Contains(s.text(), "REPLAY") {
		t.Errorf("a live trace is no replay:\n%s", s.text())
	}
}
