package live

import (
	"errors"
	"strings"
	"testing"

	"nfscope/model/feed"
)

// TestTrouble: a message that could not be read is told of, once.
func TestTrouble(t *testing.T) {
	t.Parallel()
	var said []string
	s := &Session{put: func(it feed.Item) { said = append(said, it.Problem) }}
	tr := &tracing{}
	s.trouble(tr, "legacy trace", nil, 0, "a note")
	if said != nil {
		t.Errorf("nothing was wrong, and it says %q", said)
	}
	for range 3 {
		s.trouble(tr, "legacy trace", errors.New("prefix cut short"), 2, "raise net.core.rmem_max")
	}
	want := "a message of the legacy trace could not be read and counts as lost: prefix cut short\nevents of the legacy trace were lost: raise net.core.rmem_max"
	if got := strings.Join(said, "\n"); got != want {
		t.Errorf("it says\n%s\nwant\n%s", got, want)
	}
}
