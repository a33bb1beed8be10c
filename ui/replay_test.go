package ui

import (
	"strings"
	"testing"

	"nfscope/ui/page"
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

// A connection that is over is not traced: the bar opens for new ones like it.
func TestArmRequestOpensTheBar(t *testing.T) {
	s := newScreen(t, theme.Options{}, 80, 24)
	s.send(page.ArmRequest{Filter: "tcp and dst port 80", Why: "this connection is over"})
	s.wants("this connection is over; enter: trace for 30 s", "tcp and dst port 80")
	if len(s.actions.armed) != 0 {
		t.Fatalf("armed %q", s.actions.armed)
	}
	if s.press("enter"); len(s.actions.armed) != 1 {
		t.Error("enter does not arm")
	}
}
