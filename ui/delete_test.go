package ui

import (
	"errors"
	"strings"
	"testing"

	"nfscope/model/flow"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// TestDelete: nothing is deleted without a yes, nothing at all where it is read-only, and
// what the kernel refuses is said.
func TestDelete(t *testing.T) {
	s := newScreen(t, theme.Options{}, 100, 30)
	s.send(SnapshotMsg{uitest.Snapshot()})
	s.press("3")
	seen := func() string { return s.text() }
	s.press("d")
	if s.open != nil || !strings.Contains(seen(), "--readonly=false") {
		t.Fatalf("read-only, and asked:\n%s", seen())
	}
	var deleted []*flow.Flow
	fail := error(nil)
	s.opt.Delete = func(f *flow.Flow) error { deleted = append(deleted, f); return fail }
	for _, no := range []string{"n", "esc", "enter", "q"} {
		s.press("d")
		if s.open == nil || !strings.Contains(seen(), "delete this connection?") {
			t.Fatalf("not asked:\n%s", seen())
		}
		if s.press(no); s.open != nil || len(deleted) > 0 {
			t.Fatalf("%s: open %v, deleted %d", no, s.open != nil, len(deleted))
		}
	}
	s.press("d", "x", "y")
	if len(deleted) != 1 || s.open != nil || !strings.Contains(seen(), "deleted: tcp 198.51.100.7:40312") {
		t.Fatalf("deleted %d:\n%s", len(deleted), seen())
	}
	fail = errors.New("it is not there any more")
	s.press("d", "y")
	if !strings.Contains(seen(), "not deleted: it is not there any more") {
		t.Errorf("a failure is not told:\n%s", seen())
	}
}
