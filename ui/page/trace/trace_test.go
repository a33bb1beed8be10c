package trace

import (
	"flag"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
	"nfscope/model/snapshot"
	"nfscope/ui/component/player"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

var _ = flag.Bool("update", false, "write the goldens anew")

var (
	_ page.Page          = (*Page)(nil)
	_ page.Clicker       = (*Page)(nil)
	_ page.JourneyShower = (*Page)(nil)
	_ page.Deep          = (*Page)(nil)
)

func TestGolden(t *testing.T) {
	uitest.Looks(t, func(t *testing.T, name string, o theme.Options, w, h int) {
		f := uitest.Frame(o, w, h, time.Second)
		f.Player.Focus(14)
		f.Player.Step(6)
		uitest.Golden(t, "trace-"+name, New().View(f))
	})
	f := uitest.Frame(theme.Options{}, 120, 40, 0)
	f.Snap.Journeys = nil
	f.Player = player.New()
	uitest.Golden(t, "trace-waiting", New().View(f))
	f.Snap = &snapshot.Snapshot{}
	uitest.Golden(t, "trace-empty", New().View(f))
}

func TestEverySizeFits(t *testing.T) {
	f := uitest.Frame(theme.Options{}, 1, 1, 800*time.Millisecond)
	empty := *f
	empty.Snap, empty.Player = &snapshot.Snapshot{}, player.New()
	zoomed := *f
	zoomed.Zoomed = true
	pg := New()
	for w := 1; w <= 220; w += 1 + w/12 {
		for h := 1; h <= 70; h += 1 + h/12 {
			pg.Do(keys.Up, f)
			for _, f := range []*page.Frame{f, &empty, &zoomed} {
				f.Width, f.Height = w, h
				uitest.Fits(t, pg.View(f), w, h)
			}
		}
	}
}

func TestSelectionGoesByNumber(t *testing.T) {
	f := uitest.Frame(theme.Options{}, 120, 40, 5*time.Second)
	pg := New()
	pg.Do(keys.Up, f)
	if pg.selected != 18 {
		t.Fatalf("up from the newest selects %d", pg.selected)
	}
	// Older ones leave the ring, newer ones arrive: the selection stays.
	j := *f.Snap.Journeys[5]
	j.Number = 20
	s := *f.Snap
	s.Journeys = append(append([]*journey.Journey(nil), f.Snap.Journeys[2:]...), &j)
	f.Snap = &s
	if got, _ := pg.shown(f); got == nil || pg.selected != 18 || !strings.Contains(ansi.Strip(pg.View(f)), "its end was not seen") {
		t.Error("the selection moved")
	}
	pg.Do(keys.Enter, f)
	if j, _ := f.Player.Focused(); j.Number != 18 || f.Player.Following() {
		t.Error("enter does not focus the player")
	}
	pg.Do(keys.Follow, f)
	if !f.Player.Following() || pg.selected != 0 {
		t.Error("f does not follow")
	}
	pg.ShowJourney(16, f)
	if j, _ := pg.shown(f); j.Number != 16 {
		t.Error("GotoJourney shows another")
	}
}

func TestTheLadderFollowsThePlayer(t *testing.T) {
	f := uitest.Frame(theme.Options{}, 120, 40, 0)
	pg := New()
	f.Player.Focus(14)
	f.Player.Step(1)
	for want := range 5 {
		for _, l := range strings.Split(ansi.Strip(pg.View(f)), "\n") {
			if strings.HasPrefix(l, "◆") && !strings.Contains(l, "#14") && !strings.Contains(l, ladderRow[want]) {
				t.Errorf("at step %d the mark stands at %q", want, l)
			}
		}
		f.Player.Step(1)
	}
}

var ladderRow = []string{"raw/PREROUTING", "inet fw/pre", "nat/PREROUTING", "filter/FORWARD", "DOCKER-USER"}

func TestFilterNarrowsTheList(t *testing.T) {
	f := uitest.Frame(theme.Options{}, 120, 40, 0)
	f.Filter = "dst port 443"
	pg := New()
	pg.prepare(f)
	if len(pg.list) != 2 || pg.list[0].Number != 14 || pg.list[1].Number != 18 {
		t.Fatalf("%d packets: %v", len(pg.list), pg.list)
	}
	older := *f.Snap
	older.Forgotten = 7
	f.Snap = &older
	if !strings.Contains(ansi.Strip(pg.View(f)), "2 packets of 6, 7 older are forgotten, filter: dst port 443") {
		t.Error("the list does not say that it is narrowed")
	}
	f.Filter = ""
	if pg.prepare(f); len(pg.list) != 6 {
		t.Error("the filter stays")
	}
}

func TestCopyAndTrace(t *testing.T) {
	f := uitest.Frame(theme.Options{}, 120, 40, 5*time.Second)
	pg := New()
	c, ok := pg.Do(keys.Copy, f)().(page.CopyRequest)
	if !ok || !strings.Contains(c.Text, "dropped by rule 2 of filter/INPUT") || strings.Contains(c.Text, "\x1b") {
		t.Errorf("copied %q", c.Text)
	}
	r, ok := pg.Do(keys.TraceThis, f)().(page.TraceRequest)
	if !ok {
		t.Fatal("no trace request")
	}
	fl, err := filter.Parse(r.Filter)
	if err != nil {
		t.Fatalf("%q: %v", r.Filter, err)
	}
	if j, _ := pg.shown(f); !fl.Journey(j) {
		t.Errorf("%q does not match the packet it was made from", r.Filter)
	}
}

func TestClickSelects(t *testing.T) {
	f := uitest.Frame(theme.Options{}, 120, 40, 5*time.Second)
	pg := New()
	pg.View(f)
	pg.Click(5, 1, f)
	if pg.selected != 14 {
		t.Errorf("the first row selects %d", pg.selected)
	}
	pg.Click(5, 30, f)
	if pg.selected != 14 {
		t.Error("a click on the ladder selects a packet")
	}
}

// misses has the page find the misses of the packet it shows, as the root would.
func findMisses(t *testing.T, pg *Page, f *page.Frame) {
	t.Helper()
	w := pg.Work(f)
	if w == nil {
		t.Fatal("no work for a packet that was not looked at")
	}
	if pg.Work(f) != nil {
		t.Error("the same work twice")
	}
	pg.Done(w(), f)
	if pg.Work(f) != nil {
		t.Error("work that is done is begun anew")
	}
}

// TestMissesFold: the rules that did not match are one line, and one line each with the
// key; the mark stays at its step.
func TestMissesFold(t *testing.T) {
	f := uitest.Frame(theme.Options{}, 140, 60, time.Second)
	for _, j := range f.Snap.Journeys {
		j.Rules = ruleset.NewIndex(f.Snap.Rules)
	}
	f.Player.Focus(14)
	f.Player.Step(6)
	pg := New()
	plain := ansi.Strip(pg.View(f))
	findMisses(t, pg, f)
	folded := ansi.Strip(pg.View(f))
	pg.Do(keys.Misses, f)
	open := ansi.Strip(pg.View(f))
	if strings.Contains(plain, "did not match") || !strings.Contains(folded, "looked at did not match") || strings.Contains(folded, "miss:") {
		t.Errorf("folded:\n%s", folded)
	}
	if !strings.Contains(open, "miss: ") || strings.Contains(open, "looked at did not match") {
		t.Errorf("one by one:\n%s", open)
	}
	told := 0 // in the folded lines
	for _, m := range regexp.MustCompile(`(\d+) rules? looked at did not match`).FindAllStringSubmatch(folded, -1) {
		n, _ := strconv.Atoi(m[1])
		told += n
	}
	if n := strings.Count(open, "miss: "); told != n {
		t.Errorf("%d misses folded, %d one by one", told, n)
	}
	pg.Do(keys.Misses, f)
	if again := ansi.Strip(pg.View(f)); again != folded {
		t.Errorf("folded again:\n%s", again)
	}
	f.Snap.Lab = &snapshot.Lab{Lang: "zh"}
	folded = ansi.Strip(pg.View(f))
	pg.Do(keys.Misses, f)
	open = ansi.Strip(pg.View(f))
	copied := pg.Do(keys.Copy, f)().(page.CopyRequest).Text
	for _, c := range []struct{ text, want string }{{folded, "看过的 "}, {folded, "dnat：目的 203.0.113.1:443 变成 10.2.0.2:8443"}, {open, "不匹配：source 198"}, {open, " 不是 "}, {copied, "（内核告知）"}} {
		if !strings.Contains(c.text, c.want) {
			t.Errorf("in a Chinese lesson, no %q:\n%s", c.want, c.text)
		}
	}
	if m := regexp.MustCompile("miss: | is not |did not match| became |told by|can still drop").FindString(folded + open + copied); m != "" {
		t.Errorf("in a Chinese lesson, %q:\n%s%s%s", m, folded, open, copied)
	}
	mark := func(s string) (out string) {
		for _, l := range strings.Split(s, "\n") {
			if strings.HasPrefix(l, "◆") {
				w := strings.Fields(l) // hook and place may stand at a miss before it
				out = strings.Join(w[max(len(w)-2, 0):], " ")
			}
		}
		return out
	}
	if mark(plain) == "" || mark(folded) != mark(plain) || mark(open) != mark(plain) {
		t.Errorf("the mark stands at\n%s\n%s\n%s", mark(plain), mark(folded), mark(open))
	}
}

// TestMissIsLookedAt: one by one misses are stopped at like steps, on and back, and the one
// looked at tells its rule, what each condition wants and what the packet has.
func TestMissIsLookedAt(t *testing.T) {
	f := uitest.Frame(theme.Options{}, 140, 60, time.Second)
	for _, j := range f.Snap.Journeys {
		j.Rules = ruleset.NewIndex(f.Snap.Rules)
	}
	f.Player.Focus(14)
	f.Player.Step(-100)
	pg := New()
	findMisses(t, pg, f)
	if pg.Step(true, f) {
		t.Error("folded misses are stopped at")
	}
	pg.Do(keys.Misses, f)
	step := func(on bool) {
		if pg.Step(on, f) {
			return
		}
		if on {
			f.Player.Step(1)
		} else {
			f.Player.Step(-1)
		}
	}
	j, _ := f.Player.Focused()
	stands := func() (s *journey.Step) {
		_, n := f.Player.Focused()
		s, _ = pg.misses.looked(j, n)
		if s == nil {
			s = &j.Steps[n]
		}
		return s
	}
	full := pg.misses.full.Steps
	at := 0
	for i := range full { // where the packet begins to stand
		if full[i].Kind != journey.KindMiss {
			at = i
			break
		}
	}
	same := func(want *journey.Step) bool {
		s := stands()
		return s.Kind == want.Kind && s.Chain == want.Chain && s.Rule == want.Rule
	}
	misses := 0
	for i := at; i < len(full); i++ {
		if !same(&full[i]) {
			t.Fatalf("%d steps on it stands at %+v, want %+v", i-at, stands(), full[i])
		}
		if full[i].Kind == journey.KindMiss {
			misses++
			view := ansi.Strip(pg.View(f))
			because := full[i].Because[0]
			if !strings.Contains(view, "did not match: "+full[i].Text[:min(len(full[i].Text), 30)]) || !strings.Contains(view, because.Match+": "+because.Result) {
				t.Errorf("the miss is not told of: %+v\n%s", full[i], view)
			}
			f.Snap.Lab = &snapshot.Lab{Lang: "zh"}
			if view := ansi.Strip(pg.View(f)); !strings.Contains(view, "不匹配："+full[i].Text[:min(len(full[i].Text), 30)]) || !strings.Contains(view, because.Match+"："+because.Result) {
				t.Errorf("the miss is not told of in Chinese: %+v\n%s", full[i], view)
			}
			f.Snap.Lab = nil
		}
		if i < len(full)-1 {
			step(true)
		}
	}
	for i := len(full) - 1; i >= 0; i-- {
		if !same(&full[i]) {
			t.Fatalf("back at %d it stands at %s %d %s, want %s %d %s", i, stands().Chain, stands().Rule, stands().Kind, full[i].Chain, full[i].Rule, full[i].Kind)
		}
		step(false)
	}
	if misses == 0 {
		t.Error("the packet has no misses")
	}
}

// TestChineseGolden: in a lab whose language is Chinese, and for a user of that language
// outside of one, packets and their comparison are told in it.
func TestChineseGolden(t *testing.T) {
	t.Parallel()
	for _, s := range [][2]int{{80, 24}, {200, 60}} {
		f := uitest.Frame(theme.Options{}, s[0], s[1], 0)
		f.Snap, f.Player = uitest.Lab("zh", 3), player.New()
		f.Player.Feed(f.Snap.Journeys)
		f.Player.Focus(14)
		f.Player.Step(6)
		golden := func(name, text string) {
			uitest.Fits(t, text, s[0], s[1])
			uitest.Golden(t, fmt.Sprintf("%s-zh-%dx%d", name, s[0], s[1]), text)
		}
		golden("trace", New().View(f))
		f = talked(s[0], s[1], theme.Options{})
		f.Lang = "zh"
		pg := New()
		pg.selected = 21
		pg.Do(keys.Compare, f)
		work(pg, f)
		golden("compare", pg.View(f))
	}
}
