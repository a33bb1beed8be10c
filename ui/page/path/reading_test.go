package path

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"nfscope/ui/component/player"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// While the first ruleset is read the map is there, says how far it is, and what is
// selected stays selected when the rules come.
func TestReading(t *testing.T) {
	f := &page.Frame{Snap: uitest.Reading(), Player: player.New(), Theme: theme.New(theme.Options{}), Now: uitest.Now()}
	pg := New()
	for _, s := range uitest.Sizes() {
		f.Width, f.Height = s[0], s[1]
		uitest.Golden(t, fmt.Sprintf("path-outline-%dx%d", s[0], s[1]), New().View(f))
	}
	for w := 1; w <= 220; w += 1 + w/9 {
		for h := 1; h <= 70; h += 1 + h/9 {
			f.Width, f.Height = w, h
			pg.Do(keys.Down, f)
			pg.Do(keys.Enter, f)
			uitest.Fits(t, pg.View(f), w, h)
		}
	}
	f.Width, f.Height = 200, 50
	pg = New()
	for range 3 {
		pg.Do(keys.Down, f)
	}
	before := pg.sel
	got := ansi.Strip(pg.View(f))
	for _, want := range []string{"INPUT", "of 33 rules", "iptables-nft-save prints the IPv4 rules, 3 s"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q:\n%s", want, got)
		}
	}
	f.Snap = uitest.Snapshot()
	if got = ansi.Strip(pg.View(f)); pg.sel != before || strings.Contains(got, "of 33 rules") {
		t.Errorf("selected %+v, before %+v:\n%s", pg.sel, before, got)
	}
}
