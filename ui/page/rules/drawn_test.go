package rules

import (
	"slices"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/snapshot"
	"nfscope/ui/component/player"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// The rows are drawn once while nothing of them changes, and anew when anything does:
// after each step the frame is the one of a page that kept none.
func TestRowsAreDrawnOnce(t *testing.T) {
	t.Parallel()
	th := theme.New(theme.Options{Color: true, Dark: true})
	f := &page.Frame{Snap: uitest.KubeSnapshot(20), Player: player.New(), Theme: th, Width: 160, Height: 30, Now: time.Unix(1_800_000_000, 0)}
	p := New()
	counted := func() {
		next := *f.Snap
		c := *next.Counts
		c.Taken, c.Rules = c.Taken.Add(time.Second), slices.Clone(c.Rules)
		for i := range c.Rules {
			c.Rules[i] = model.Counters{Packets: c.Rules[i].Packets + uint64(i%7), Bytes: c.Rules[i].Bytes + 99, Valid: true}
		}
		next.Previous, next.Counts = next.Counts, &c
		f.Snap, f.Now = &next, f.Now.Add(time.Second)
	}
	ruleInSight := func() *model.Rule {
		from, to := p.cursor.Window(p.height)
		for _, at := range p.rows[from:to] {
			if r := p.index.row(at); r.rule != nil {
				return r.rule
			}
		}
		t.Fatal("no rule is in sight")
		return nil
	}
	for _, step := range []struct {
		name string
		do   func()
		anew bool
	}{
		{"first", func() { do(t, p, f, "enter", "g") }, true},
		{"time", func() { f.Now = f.Now.Add(time.Second) }, false},
		{"statistics", func() {
			next := *f.Snap
			next.Version++
			f.Snap = &next
		}, false},
		{"counters", counted, true},
		{"counters again", counted, true},
		{"apart", func() {
			next, r := *f.Snap, ruleInSight()
			next.Apart = &snapshot.Apart{Rules: []snapshot.Tally{{ID: r.ID, Now: model.Counters{Packets: 123456, Valid: true}, At: f.Now}}}
			f.Snap = &next
		}, true},
		{"down", func() { do(t, p, f, "j") }, true},
		{"all rules", func() { do(t, p, f, "esc", "g") }, true},
		{"into the rules", func() { do(t, p, f, "enter") }, true},
		{"hottest", func() { do(t, p, f, "o") }, true},
		{"never hit", func() { do(t, p, f, "*") }, true},
		{"all again", func() { do(t, p, f, "*") }, true},
		{"baseline", func() { do(t, p, f, "b") }, true},
		{"narrower", func() { f.Width = 120 }, true},
		{"zoomed", func() { f.Zoomed = true }, true},
		{"lower", func() { f.Height = 20 }, true},
		{"other colours", func() { f.Theme = theme.New(theme.Options{Color: true}) }, true},
		{"a change", func() { p.glow = map[*model.Rule]glow{ruleInSight(): {until: f.Now.Add(glowTime)}} }, true},
		{"it fades", func() { f.Now = f.Now.Add(glowTime) }, true},
		{"filter", func() { f.Filter = "dport" }, true},
		{"time again", func() { f.Now = f.Now.Add(time.Minute) }, false},
	} {
		was := p.drawn.lines
		step.do()
		got := p.View(f)
		now := p.drawn.lines
		if anew := len(was) == 0 || len(now) == 0 || &was[0] != &now[0]; anew != step.anew {
			t.Errorf("%s: drawn anew %t, want %t", step.name, anew, step.anew)
		}
		p.drawn = drawn{}
		if want := p.View(f); got != want {
			t.Errorf("%s: the rows in sight are not those that there are:\n%s\nwant\n%s", step.name, got, want)
		}
	}
}
