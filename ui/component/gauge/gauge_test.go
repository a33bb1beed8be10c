package gauge

import (
	"testing"

	"github.com/charmbracelet/x/ansi"

	"nfscope/ui/theme"
)

func TestView(t *testing.T) {
	th := theme.New(theme.Options{ASCII: true})
	for share, want := range map[float64]string{0: "[........]", 0.001: "[#.......]", 0.5: "[####....]", 0.99: "[#######.]", 1: "[########]", 3: "[########]", -1: "[........]"} {
		if got := ansi.Strip(View(th, share, 10, 0.8, 0.9)); got != want {
			t.Errorf("%v: %s, expected %s", share, got, want)
		}
	}
	if View(th, 1, 2, 0, 0) != "" {
		t.Error("there is no room for it")
	}
}
