package uitest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"nfscope/ui/component/line"
	"nfscope/ui/component/player"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// Frame makes a frame of the session for a page of w times h cells, after its packets ran
// for a while.
func Frame(o theme.Options, w, h int, ran time.Duration) *page.Frame {
	s := Snapshot()
	p := player.New()
	p.Feed(s.Journeys)
	for ; ran > 0; ran -= 33 * time.Millisecond {
		p.Advance(33 * time.Millisecond)
	}
	return &page.Frame{Snap: s, Player: p, Theme: theme.New(o), Width: w, Height: h, Now: now}
}

// Looks runs a test in every look at every size, under a name such as "ascii-80x24".
func Looks(t *testing.T, run func(t *testing.T, name string, o theme.Options, w, h int)) {
	t.Helper()
	for look, o := range Themes() {
		for _, s := range Sizes() {
			name := fmt.Sprintf("%s-%dx%d", look, s[0], s[1])
			t.Run(name, func(t *testing.T) { run(t, name, o, s[0], s[1]) })
		}
	}
}

// Exact holds a text against a size in cells: as many lines, each as wide.
func Exact(t *testing.T, text string, w, h int) {
	t.Helper()
	sized(t, text, w, h, func(n int) bool { return n == w })
}

// Fits holds a text against a size in cells: as many lines, none wider.
func Fits(t *testing.T, text string, w, h int) {
	t.Helper()
	sized(t, text, w, h, func(n int) bool { return n <= w })
}

func sized(t *testing.T, text string, w, h int, good func(width int) bool) {
	t.Helper()
	lines := strings.Split(text, "\n")
	if len(lines) != h {
		t.Fatalf("%dx%d: %d lines", w, h, len(lines))
	}
	for i, l := range lines {
		if n := line.Width(l); !good(n) {
			t.Fatalf("%dx%d: line %d is %d wide: %q", w, h, i, n, ansi.Strip(l))
		}
	}
}
