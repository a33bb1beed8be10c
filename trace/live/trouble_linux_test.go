package live

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
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

// mute is a tracer's reader that ends at once.
type mute struct{ err error }

func (m mute) Run(context.Context, func([]journey.Event)) error { return m.err }
func (m mute) Heard() time.Time                                 { return time.Time{} }

// TestTellsOfTrouble: with the state of a trace it is told what its readers lost, and at once that
// one has ended, which nobody waits for then.
func TestTellsOfTrouble(t *testing.T) {
	t.Parallel()
	h := new(heap)
	s := &Session{put: h.put, ears: map[hearer]bool{}}
	tr := &tracing{armed: &following{}}
	s.listen(t.Context(), tr, "legacy trace", mute{errors.New("no more")}, func() (uint64, string, error) {
		return 2, "a note", errors.New("cut short")
	})
	tr.readers.Wait()
	if len(s.ears) > 0 {
		t.Error("a reader that has ended is waited for")
	}
	s.tell(tr, false)
	var said []string
	for _, it := range h.items {
		if it.Problem != "" {
			said = append(said, it.Problem)
		}
	}
	want := "the legacy trace ended early: no more\na message of the legacy trace could not be read and counts as lost: cut short\nevents of the legacy trace were lost: a note"
	if got := strings.Join(said, "\n"); got != want {
		t.Errorf("it says\n%s\nwant\n%s", got, want)
	}
}

// TestOthersAreCounted: of the user's rules that trace some are named, and the rest are counted.
func TestOthersAreCounted(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "", 3: "rule 3 of raw/PREROUTING (iptables-legacy): -A PREROUTING -p tcp -j TRACE", 5: "-j TRACE; and 2 more"} {
		rs, _, problems := ruleset.ParseFile("test", []byte("*raw\n:PREROUTING ACCEPT [0:0]\n"+strings.Repeat("-A PREROUTING -p tcp -j TRACE\n", n)+"COMMIT\n"))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		said := strings.Join(others(rs), "\n")
		if !strings.HasSuffix(said, want) || (said == "") != (n == 0) || strings.Contains(said, "rule 4") {
			t.Errorf("of %d it says %q", n, said)
		}
	}
}
