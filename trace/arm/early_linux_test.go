package arm

import (
	"errors"
	"strings"
	"testing"
)

// TestUnlistedChains: where the chains before the trace are not known, a note says what that means.
func TestUnlistedChains(t *testing.T) {
	t.Parallel()
	pre, out, notes := early{err: errors.New("no room")}.place()
	if pre != priority || out != priority || len(notes) != 1 || !strings.Contains(notes[0], "could not be listed (no room): packets that they drop are not seen") {
		t.Errorf("%d, %d, %q", pre, out, notes)
	}
}
