package path

import (
	"testing"

	"nfscope/model/ruleset/rulesettest"
	"nfscope/ui/component/player"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

func largeFrame() *page.Frame {
	return &page.Frame{Snap: uitest.KubeSnapshot(rulesettest.KubeServices), Player: player.New(),
		Theme: theme.New(theme.Options{Color: true, Dark: true}), Width: 200, Height: 55, Now: uitest.Now()}
}

// BenchmarkLarge is the map of 100,000 rules in 36,000 chains: the first frame behind a
// ruleset that is new to the page, a second with new counters, a frame in which nothing
// moved, and each key until the frame behind it. None may take 16 ms.
func BenchmarkLarge(b *testing.B) {
	f := largeFrame()
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			New().View(f)
		}
	})
	b.Run("counters", func(b *testing.B) {
		pg := New()
		pg.View(f)
		a, z := f.Snap.Rules.Counts(), f.Snap.Rules.Counts()
		for b.Loop() {
			s := *f.Snap
			a, z = z, a
			s.Counts = a
			f.Snap = &s
			pg.View(f)
		}
	})
	b.Run("frame", func(b *testing.B) {
		pg := New()
		pg.View(f)
		for b.Loop() {
			pg.View(f)
		}
	})
	press := func(name string, before []keys.Action, each ...keys.Action) {
		b.Run(name, func(b *testing.B) {
			pg := New()
			pg.View(f)
			for _, a := range before {
				pg.Do(a, f)
				pg.View(f)
			}
			i := 0
			for b.Loop() {
				pg.Do(each[i%len(each)], f)
				pg.View(f)
				i++
			}
		})
	}
	// PREROUTING's nat chain jumps to KUBE-SERVICES: 12,000 rules.
	chain := []keys.Action{keys.Down, keys.Down}
	press("move", chain, keys.Down, keys.Right, keys.Up, keys.Left)
	press("unfold", chain, keys.Enter, keys.Back)
	press("unfolded", append(chain, keys.Enter), keys.Down, keys.PageDown, keys.Bottom, keys.Up, keys.PageUp, keys.Top, keys.Down, keys.Down)
}
