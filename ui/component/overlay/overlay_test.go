package overlay

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"nfscope/ui/component/line"
	"nfscope/ui/theme"
)

func TestPlaceKeepsEveryLineAsWide(t *testing.T) {
	th := theme.New(theme.Options{Color: true, Dark: true})
	base := make([]string, 10)
	for i := range base {
		base[i] = line.Fit(th.Good.Render("abc公网入口")+th.Bad.Render("defghij 二三四"), 30, "")
	}
	box := Box(th, "标题 title", []string{"one", "two 二"}, 14, 4)
	for x := range 17 {
		out := Place(base, box, x, 3)
		for i, l := range out {
			if line.Width(l) != 30 {
				t.Fatalf("x %d line %d is %d wide: %q", x, i, line.Width(l), ansi.Strip(l))
			}
		}
		if !strings.Contains(ansi.Strip(out[4]), "one") {
			t.Fatalf("x %d: the box is not there: %q", x, ansi.Strip(out[4]))
		}
	}
}

func TestPlaceOutside(t *testing.T) {
	base := []string{"abc", "def"}
	for _, p := range [][2]int{{-1, 0}, {3, 0}, {0, 5}, {0, -4}} {
		if got := Place(base, []string{"xx"}, p[0], p[1]); got[0] != "abc" || got[1] != "def" {
			t.Errorf("at %v: %q", p, got)
		}
	}
}
