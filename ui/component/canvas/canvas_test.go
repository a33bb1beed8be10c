package canvas

import (
	"strings"
	"testing"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

func TestPutCutsAtTheEdges(t *testing.T) {
	c := New(6, 2)
	c.Put(-2, 0, "abcdefghijkl", nil)
	c.Put(4, 1, "中文", nil)
	c.Put(0, 7, "gone", nil)
	if got := c.String(); got != "cdefgh\n    中" {
		t.Fatalf("got %q", got)
	}
}

func TestWideRunesAreNeverHalf(t *testing.T) {
	for x := range 5 {
		c := New(5, 1)
		c.Put(0, 0, "中文x", nil)
		c.Put(x, 0, "●", nil)
		if w := ansi.StringWidth(c.String()); w > 5 {
			t.Errorf("sprite at %d: %q is %d wide", x, c.String(), w)
		}
		if !strings.Contains(c.String(), "●") {
			t.Errorf("sprite at %d is not seen: %q", x, c.String())
		}
	}
	c := New(3, 1)
	c.Put(0, 0, "ab中", nil)
	if c.String() != "ab" {
		t.Errorf("half a rune at the edge: %q", c.String())
	}
}

func TestControlCharactersDoNotReachTheTerminal(t *testing.T) {
	c := New(40, 1)
	c.Put(0, 0, "a\x1b[2Jb\rc\x9bd\u009be\xff\nf", nil)
	for _, r := range c.String() {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			t.Fatalf("control character %U in %q", r, c.String())
		}
	}
}

func TestInkRunsAreClosed(t *testing.T) {
	red := NewInk(lipgloss.NewStyle().Foreground(lipgloss.Color("#ff0000")))
	c := New(10, 1)
	c.Put(0, 0, "ab", red)
	c.Put(2, 0, "cd", nil)
	if got := c.String(); !strings.HasSuffix(got, "\x1b[mcd") || strings.Count(got, "\x1b[") != 2 {
		t.Fatalf("got %q", got)
	}
	if NewInk(lipgloss.NewStyle()) != nil {
		t.Error("a plain style needs no ink")
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		in   string
		w    int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"中文字", 5, "中文…"}, {"abc", 0, ""}, {"中", 1, "…"}, {"", 4, ""}} {
		if got := Fit(c.in, c.w, "…"); got != c.want {
			t.Errorf("Fit(%q, %d) = %q, want %q", c.in, c.w, got, c.want)
		}
	}
}

func BenchmarkCanvas(b *testing.B) {
	inks := []*Ink{nil, NewInk(lipgloss.NewStyle().Bold(true)), NewInk(lipgloss.NewStyle().Foreground(lipgloss.Color("#7aa2f7")))}
	c := New(200, 60)
	for b.Loop() {
		c.Reset(200, 60)
		for y := range 60 {
			for x := 0; x < 200; x += 20 {
				c.Put(x, y, "filter ▂▅▇ -p tcp ok", inks[(x/20+y)%3])
			}
		}
		_ = c.String()
	}
}

// What joins signs to one, turns the writing round or is not seen at all is a question mark of
// one cell: terminals differ in how wide they draw it, and what stands behind it would move.
func TestSignsThatJoin(t *testing.T) {
	for text, want := range map[string]string{
		"a 👩\u200d👧 b":   "a 👩?👧 b",
		"x\u200d":        "x?",
		"abc\u202edef":   "abc?def",
		"e\u0301 \u00ad": "e\u0301 ?",
		"公网 ok":          "公网 ok",
		"a\u2028b\u2029": "a?b?",
	} {
		c := New(20, 1)
		end := c.Put(0, 0, text, nil)
		if got := c.String(); got != want || end != Width(text) || Width(text) != Width(want) {
			t.Errorf("%q: %q to column %d, %d wide, want %q", text, got, end, Width(text), want)
		}
	}
}
