package rules

import (
	"strings"
	"testing"

	"nfscope/model/ruleset/rulesettest"
	"nfscope/ui/component/player"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

func largeFrame(services int) *page.Frame {
	return &page.Frame{Snap: uitest.KubeSnapshot(services), Player: player.New(), Theme: theme.New(theme.Options{Color: true, Dark: true}),
		Width: 200, Height: 55, Now: uitest.Now()}
}

// work does all work that the page has, as the root would, and counts the pieces.
func work(p *Page, f *page.Frame) (pieces int) {
	for run := p.Work(f); run != nil; run = p.Work(f) {
		p.Done(run(), f)
		pieces++
	}
	return pieces
}

func TestALargeSearchIsDoneInPieces(t *testing.T) {
	f := largeFrame(3000) // 25,000 rules
	p := New()
	p.View(f)
	work(p, f)
	do(t, p, f, "g", "enter", "j")
	f.Filter = "team-7/shop-107:"
	if got := text(p, f); !strings.Contains(got, "all rules") || !strings.Contains(got, "kubernetes service portals") {
		t.Fatalf("before anything was found the old view is not there:\n%s", got)
	}
	run := p.Work(f)
	if run == nil || p.Work(f) != nil {
		t.Fatal("one piece of work must be under way, and no more")
	}
	if got := text(p, f); !strings.Contains(got, `looking for "team-7/shop-107:": 0 %`) {
		t.Errorf("the search does not show:\n%s", got)
	}
	p.Done(run(), f)
	if got := text(p, f); !strings.Contains(got, ": 4") || !strings.Contains(got, "looking for") {
		t.Errorf("no progress shows:\n%s", got)
	}
	if n := work(p, f); n < 1 {
		t.Error("the search was over too soon")
	}
	got := text(p, f)
	for _, want := range []string{"8 rules found", "all that is found", "team-7/shop-107:http -> 10.244.0.", "KUBE-SERVICES", "by kube-proxy"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not shown:\n%s", want, got)
		}
	}
	if strings.Contains(got, "looking for") {
		t.Errorf("the search never ends:\n%s", got)
	}
}

func TestAStaleSearchIsThrownAway(t *testing.T) {
	f := largeFrame(1000)
	p := New()
	p.View(f)
	work(p, f)
	f.Filter = "shop-9"
	old := p.Work(f)
	f.Filter = "shop-99:"
	p.View(f)
	p.Done(old(), f)
	work(p, f)
	if got := text(p, f); !strings.Contains(got, "9 rules found") {
		t.Errorf("the answer is not that of the newer text:\n%s", got)
	}
	// and a search in rules that are gone
	f.Filter = "shop-98:"
	old = p.Work(f)
	next := *f.Snap
	next.Rules = uitest.KubeSnapshot(1001).Rules
	next.Counts = next.Rules.Counts()
	f.Snap = &next
	p.View(f)
	p.Done(old(), f)
	work(p, f)
	if p.hits.index != p.index || len(p.hits.rules) != 8 {
		t.Error("hits in a ruleset that is gone are shown")
	}
}

// What must not take longer than a frame takes time in proportion to what is seen.
func BenchmarkFirstFrame100k(b *testing.B) {
	f := largeFrame(rulesettest.KubeServices)
	b.ReportAllocs()
	for b.Loop() {
		p := New()
		p.View(f)
	}
}

func BenchmarkScroll100k(b *testing.B) {
	f := largeFrame(rulesettest.KubeServices)
	p := New()
	p.View(f)
	work(p, f)
	for name, press := range map[string][]keys.Action{"tree": {keys.Top}, "rules": {keys.Top, keys.Enter}} {
		b.Run(name, func(b *testing.B) {
			for _, a := range press {
				p.Do(a, f)
			}
			b.ReportAllocs()
			for b.Loop() {
				p.Do(keys.PageDown, f)
				p.View(f)
			}
		})
	}
}

// BenchmarkSwap100k is the frame after somebody changed the rules; what is made beside
// the screen (the diff, the jump graph) is not part of it.
func BenchmarkSwap100k(b *testing.B) {
	f := largeFrame(rulesettest.KubeServices)
	other := largeFrame(rulesettest.KubeServices)
	p := New()
	p.View(f)
	work(p, f)
	p.Do(keys.Baseline, f)
	for b.Loop() {
		f, other = other, f
		p.View(f)
		b.StopTimer()
		work(p, f)
		b.StartTimer()
	}
}

// BenchmarkFilter100k measures a key in the filter bar until the frame behind it, and
// beside that the whole search.
func BenchmarkFilter100k(b *testing.B) {
	f := largeFrame(rulesettest.KubeServices)
	p := New()
	p.View(f)
	work(p, f)
	texts := []string{"s", "sh", "sho", "shop-7", "10.244.7.9", "8080", "shop-77", "tcp and dst port 80", "kube-proxy", ""}
	b.Run("key", func(b *testing.B) {
		i := 0
		for b.Loop() {
			f.Filter = texts[i%len(texts)]
			i++
			run := p.Work(f) // the root asks, then draws
			p.View(f)
			if run != nil {
				b.StopTimer()
				p.Done(run(), f)
				b.StartTimer()
			}
		}
	})
	for _, text := range texts[:len(texts)-1] {
		b.Run("whole/"+strings.ReplaceAll(text, " ", "_"), func(b *testing.B) {
			for b.Loop() {
				f.Filter = ""
				p.View(f)
				f.Filter = text
				work(p, f)
				p.View(f)
			}
		})
	}
}

// BenchmarkCounters100k is a second at rest: new counters of all rules, one frame.
func BenchmarkCounters100k(b *testing.B) {
	f := largeFrame(rulesettest.KubeServices)
	for name, press := range map[string][]string{"chain": nil, "all": {"g", "enter"}, "all-never-hit": {"g", "enter", "*"}, "all-hottest": {"g", "enter", "o"}} {
		b.Run(name, func(b *testing.B) {
			p := New()
			p.View(f)
			work(p, f)
			for _, k := range press {
				p.Do(keys.Lookup("Rules", k), f)
			}
			a, z := f.Snap.Rules.Counts(), f.Snap.Rules.Counts()
			for b.Loop() {
				s := *f.Snap
				a, z = z, a
				s.Counts, s.Previous = a, z
				f.Snap = &s
				p.View(f)
			}
		})
	}
}

// BenchmarkKeys100k is each key of the page until the frame behind it, over all rules
// and in the longest chain. What is worked on beside the screen is not part of it; that
// every key is under 16 ms is.
func BenchmarkKeys100k(b *testing.B) {
	f := largeFrame(rulesettest.KubeServices)
	all := []string{"g", "enter"}
	in := []string{"g", "enter", "G", "k"} // the last chain's rules
	for _, c := range []struct {
		name   string
		before []string
		each   []string
	}{
		{"tree-j-k", []string{"g"}, []string{"j", "k"}},
		{"tree-G-g", nil, []string{"G", "g"}},
		{"tree-pgdown", []string{"g"}, []string{"pgdown"}},
		{"rules-j-k", all, []string{"j", "k"}},
		{"rules-G-g", all, []string{"G", "g"}},
		{"rules-pgdown", all, []string{"pgdown"}},
		{"never-hit", all, []string{"*"}},
		{"hottest", all, []string{"o"}},
		{"never-hit-hottest", append(all, "*"), []string{"o"}},
		{"baseline", all, []string{"b"}},
		{"baseline-hottest", append(all, "o"), []string{"b"}},
		{"callers-esc", in, []string{"u", "esc"}},
		{"changes", all, []string{"D", "esc"}},
		{"jump-esc", append(all, "j"), []string{"enter", "esc"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := New()
			p.View(f)
			work(p, f)
			press := func(k string) {
				p.Do(keys.Lookup("Rules", k), f)
				p.View(f)
			}
			for _, k := range c.before {
				press(k)
			}
			i := 0
			for b.Loop() {
				press(c.each[i%len(c.each)])
				i++
			}
		})
	}
}
