package path

import (
	"runtime"
	"testing"
	"time"
	"weak"

	"nfscope/model"
	"nfscope/ui/keys"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// TestRest: a page that is not shown any more does not keep rules that are gone.
func TestRest(t *testing.T) {
	pg := New()
	draw := func() weak.Pointer[model.Ruleset] {
		f := uitest.Frame(theme.Options{}, 120, 40, 1200*time.Millisecond)
		pg.View(f)
		for _, k := range []keys.Action{keys.Down, keys.Enter, keys.Down} {
			pg.Do(k, f)
			pg.View(f)
		}
		return weak.Make(f.Snap.Rules)
	}
	rules := draw()
	pg.Rest()
	runtime.GC()
	if rules.Value() != nil {
		t.Error("they are in memory yet")
	}
	draw() // and it is there again
	runtime.KeepAlive(pg)
}
