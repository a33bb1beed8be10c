package help

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"nfscope/ui/theme"
)

// On a terminal of the usual width no key and no word of the help is cut.
func TestWhole(t *testing.T) {
	t.Parallel()
	th := theme.New(theme.Options{})
	got := ansi.Strip(strings.Join(New("Connections", nil).View(th, 80, 400), "\n"))
	if !strings.Contains(got, ") shift+right  on along") || !strings.Contains(got, "the rule that made its translation; again: the other one") {
		t.Fatal(got)
	}
	for l := range strings.Lines(got) {
		if strings.Contains(l, th.Glyphs.Dots) {
			t.Errorf("cut: %s", l)
		}
	}
}
