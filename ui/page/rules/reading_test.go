package rules

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"nfscope/model/snapshot"
	"nfscope/ui/component/line"
	"nfscope/ui/component/player"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// reading is a frame while the first ruleset is read.
func reading(o theme.Options, w, h int) *page.Frame {
	return &page.Frame{Snap: uitest.Reading(), Player: player.New(), Theme: theme.New(o), Width: w, Height: h, Now: uitest.Now()}
}

func TestReadingGolden(t *testing.T) {
	for _, s := range uitest.Sizes() {
		uitest.Golden(t, fmt.Sprintf("reading-%dx%d", s[0], s[1]), New().View(reading(theme.Options{}, s[0], s[1]-5)))
	}
	uitest.Golden(t, "reading-ascii-80x24", New().View(reading(theme.Options{ASCII: true}, 80, 19)))
}

// The outline is a page like any other, at every size and whatever is pressed; when the
// ruleset comes the selection stays and nothing is called news.
func TestOutlineBecomesRuleset(t *testing.T) {
	f := reading(theme.Options{}, 150, 40)
	p := New()
	wants(t, text(p, f), "KUBE-FW", "reading ", "of 33 rules", "iptables-nft-save prints the IPv4 rules, 3 s")
	if k := p.scope(); k.Chain != "INPUT" {
		t.Errorf("the page opens on %+v", k)
	}
	for _, k := range []string{"enter", "j", "k", "G", "g", "*", "*", "o", "o", "D", "b", "u", "y", "esc"} {
		do(t, p, f, k)
		if got := text(p, f); strings.Count(got, "\n") != f.Height-1 {
			t.Fatalf("after %s there are %d lines", k, strings.Count(got, "\n")+1)
		}
	}
	for w := 20; w < 200; w += 13 {
		for h := 1; h < 40; h += 3 {
			g := *f
			g.Width, g.Height = w, h
			for _, l := range strings.Split(text(p, &g), "\n") {
				if line.Width(l) > w {
					t.Fatalf("%dx%d: %q", w, h, l)
				}
			}
		}
	}
	k := chainKey{}
	for _, c := range p.index.chains {
		if c.chain.Name == "KUBE-FW" {
			k = keyOf(c.table, c.chain)
		}
	}
	p.tree.Select(k)
	p.touched = true
	text(p, f)
	next := uitest.Snapshot()
	f.Snap = next
	got := text(p, f)
	if p.scope() != k || p.outline || p.older != nil || len(p.news) != 0 || strings.Contains(got, "rules changed") || strings.Contains(got, "reading") {
		t.Errorf("selected %+v, news %v:\n%s", p.scope(), p.news, got)
	}
	if p.marks == nil || p.marks.index != p.index {
		t.Error("who jumps where was not looked at in the ruleset")
	}
}

// While a ruleset is read again the old one stays, marked, from the first moment on that
// anybody would notice.
func TestReadAgain(t *testing.T) {
	f := frame(theme.Options{}, 150, 40)
	p := New()
	plain := text(p, f)
	s := *f.Snap
	s.Reading = &snapshot.Reading{What: "nft prints the rules", Since: f.Now.Add(-100 * time.Millisecond), Total: 10}
	f.Snap = &s
	if text(p, f) != plain {
		t.Error("a moment's reading is shown")
	}
	s.Reading = &snapshot.Reading{What: "nft prints the rules", Since: f.Now.Add(-2 * time.Second), Done: 5, Total: 10}
	wants(t, text(p, f), " 50 %  5 of 10 rules", "the rules changed, these are stale: nft prints the rules, 2 s", "LOGDROP")
	s.Reading = &snapshot.Reading{Failed: "out of memory", Since: f.Now.Add(-70 * time.Second)}
	wants(t, text(p, f), "stale for 70 s, tried again: out of memory", "LOGDROP")
}
