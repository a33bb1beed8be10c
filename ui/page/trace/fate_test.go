package trace

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"nfscope/model/journey"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// TestFateColours: in the list a packet's fate, sign and word, has its own colour: green for
// what was accepted, red for what was dropped or rejected, yellow for what waits or is not
// known, and none of them for a packet under way.
func TestFateColours(t *testing.T) {
	const green, red, yellow, blue = "38;2;158;206;106", "38;2;247;118;142", "38;2;224;175;104", "38;2;125;207;255"
	f := uitest.Frame(theme.Options{Dark: true, Color: true}, 120, 40, time.Second)
	for _, c := range []struct {
		verdict, glyph, word, ink string
		open                      bool
	}{
		{journey.Accepted, "✓", "accepted", green, false},
		{journey.Dropped, "✕", "dropped", red, false},
		{journey.Rejected, "↩", "rejected", red, false},
		{journey.Queued, "≡", "queued", yellow, false},
		{journey.Unknown, "?", "unknown", yellow, false},
		{journey.Unknown, "●", "moving", blue, true},
	} {
		j := *f.Snap.Journeys[0]
		j.Outcome.Verdict, j.Closed = c.verdict, !c.open
		s := *f.Snap
		s.Journeys = []*journey.Journey{&j}
		f.Snap = &s
		row := strings.Split(New().View(f), "\n")[1]
		for _, text := range []string{c.glyph, c.word} {
			if got := inks(row, text); len(got) != 1 || !strings.Contains(got[0], c.ink) {
				t.Errorf("%s: %q is drawn with %q, want %s: %q", c.verdict, text, got, c.ink, row)
			}
		}
	}
}

// TestFateWords: a word stands whole; why, and by whom, only where there is room.
func TestFateWords(t *testing.T) {
	j := &journey.Journey{Closed: true, Outcome: journey.Outcome{Verdict: journey.Dropped, By: journey.Culprit{Kind: "kernel", Reason: "NO_SOCKET"}}}
	for w, want := range map[int]string{9: "dropped", 40: "dropped: NO_SOCKET"} {
		if got := fateWords(j, w); got != want {
			t.Errorf("in %d cells: %q, want %q", w, got, want)
		}
	}
}

// inks are the escape sequences that a text stands behind, wherever it stands.
func inks(line, text string) (list []string) {
	for _, m := range regexp.MustCompile(`\x1b\[([0-9;]*)m([^\x1b]*)`).FindAllStringSubmatch(line, -1) {
		if strings.Contains(m[2], text) {
			list = append(list, m[1])
		}
	}
	return list
}
