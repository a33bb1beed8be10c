package rules

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
	"nfscope/model/ruleset/rulesettest"
	"nfscope/model/store"
	"nfscope/ui/component/player"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// busy is a session of which the rules are read in parts, on a large screen.
type busy struct {
	t      *testing.T
	s      *store.Store
	rs     *model.Ruleset
	p      *Page
	f      *page.Frame
	start  time.Time
	counts *model.Counts // as the kernel has them
}

// newBusy shows a chain of two hundred rules of a backend; all were read at 0 s and, each
// with 10 packets more, at 10 s.
func newBusy(t *testing.T, b model.Backend) *busy {
	t.Helper()
	rs, _, problems := ruleset.ParseFile("f", []byte(rulesettest.Kube(200)))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, tb := range rs.Tables {
		tb.Backend = b
	}
	x := &busy{t: t, s: store.New(journey.Options{}), rs: rs, p: New(), start: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC), counts: rs.Counts()}
	x.f = &page.Frame{Player: player.New(), Theme: theme.New(theme.Options{}), Width: 200, Height: 30}
	rs.Taken = x.start
	for i := range x.counts.Rules {
		x.counts.Rules[i].Packets = 0
	}
	x.s.Apply(&feed.Item{Time: x.start, Rules: rs})
	x.read(0)
	for i := range x.counts.Rules {
		x.counts.Rules[i].Packets = 10
	}
	x.read(10)
	nat := rs.Table(b, model.FamilyIPv4, "nat")
	x.p.ShowRule(nat.Chain("KUBE-SERVICES").Rules[0].ID, x.f)
	x.draw(10)
	return x
}

// draw shows what the store has at a second.
func (x *busy) draw(sec float64) string {
	at := x.time(sec)
	x.f.Snap, x.f.Now = x.s.Snapshot(at), at
	return text(x.p, x.f)
}

func (x *busy) time(sec float64) time.Time {
	return x.start.Add(time.Duration(sec * float64(time.Second)))
}

// read reads everything.
func (x *busy) read(sec float64) string {
	c := *x.counts
	c.Rules, c.Taken = slices.Clone(c.Rules), x.time(sec)
	x.s.Apply(&feed.Item{Time: c.Taken, Counts: &c})
	return x.draw(sec)
}

// look reads what the page says it shows, as the reader does.
func (x *busy) look(sec float64) string {
	var s page.Sight
	x.p.Visible(x.f, &s)
	slices.Sort(s.Rules)
	p := &model.Partial{Generation: x.rs.Generation, Taken: x.time(sec)}
	for _, id := range slices.Compact(s.Rules) {
		p.Rules = append(p.Rules, model.Numbered{ID: id, Counters: x.counts.Rules[id]})
	}
	x.s.Apply(&feed.Item{Time: p.Taken, Partial: p})
	return x.draw(sec)
}

// rule is a rule of the chain that is shown, by its number.
func (x *busy) rule(number int) *model.Rule {
	return &x.rs.Tables[0].Chain("KUBE-SERVICES").Rules[number-1]
}

func (x *busy) add(number int, packets uint64) {
	x.counts.Rules[x.rule(number).ID].Packets += packets
}

// cells are the words of a rule's row: number, packets, bytes, rate, trend, ...
func (x *busy) cells(screen string, number int) []string {
	x.t.Helper()
	for _, l := range strings.Split(screen, "\n") {
		if _, l, ok := strings.Cut(l, "│"); ok {
			if w := strings.Fields(strings.ReplaceAll(l, "•", " ")); len(w) > 4 && w[0] == strconv.Itoa(number) {
				return w
			}
		}
	}
	x.t.Fatalf("rule %d is not in sight:\n%s", number, screen)
	return nil
}

func (x *busy) wants(when, screen string, number int, packets, rate string) {
	x.t.Helper()
	w := x.cells(screen, number)
	got := w[3]
	if !strings.ContainsAny(got[:1], "0123456789") {
		got = ""
	}
	if w[1] != packets || got != rate {
		x.t.Errorf("%s: rule %d has %s packets, %q/s; want %s, %q: %v", when, number, w[1], got, packets, rate, w)
	}
}

// TestRatesOfParts: a rule in sight has the rate of the second, the others that of the
// last reading of everything; one that comes into sight that of the time since.
func TestRatesOfParts(t *testing.T) {
	x := newBusy(t, model.BackendIptablesNFT)
	x.wants("all", x.draw(10), 2, "10", "1.0")
	x.add(2, 30)
	x.add(150, 60)
	x.wants("in sight", x.look(11), 2, "40", "30")
	x.wants("in sight, idle", x.look(11), 3, "10", "")
	if _, rate := x.p.numbers(x.f).rule(x.rule(150)); rate != 1 {
		t.Errorf("out of sight: %v/s", rate)
	}
	x.p.ShowRule(x.rule(150).ID, x.f)
	x.wants("just come into sight", x.draw(12), 150, "10", "1.0")
	x.wants("in sight for a while", x.look(13), 150, "70", "20") // 60 in 3 s
	x.add(2, 90)
	x.add(150, 1)
	x.wants("all", x.read(20), 150, "71", "0.1") // 1 in 7 s
	x.p.ShowRule(x.rule(2).ID, x.f)
	x.wants("all, read apart before", x.draw(20), 2, "130", "13") // 90 in 7 s: its chain was in sight, in the tree
}

// TestTrailOfParts: a bar for each reading; bars of other lengths begin the trail anew.
func TestTrailOfParts(t *testing.T) {
	x := newBusy(t, model.BackendIptablesNFT)
	x.add(2, 400)
	x.look(11)
	x.add(2, 200)
	x.look(12)
	x.draw(12.2)
	x.add(2, 400)
	wants(t, strings.Join(x.cells(x.look(13), 2), " "), "█▅█")
	if got := x.cells(x.draw(13), 2)[4]; got != "█▅█" {
		t.Errorf("the trail is %q, want no bar of the 10 s before", got)
	}
	x.add(2, 4)
	x.read(13.01) // so little that it is one bar with the last
	if got := x.cells(x.draw(13.01), 2)[4]; got != "█▅█" {
		t.Errorf("the trail is %q after a reading 10 ms later", got)
	}
	x.add(2, 4000)
	if got := x.cells(x.read(30), 2)[4]; got != "█" {
		t.Errorf("the trail is %q after 17 s", got)
	}
}

// TestNeverHitOfParts: a rule in sight that is hit leaves the list of those never hit.
func TestNeverHitOfParts(t *testing.T) {
	x := newBusy(t, model.BackendIptablesNFT)
	do(t, x.p, x.f, "b", "*")
	x.draw(10)
	before := len(x.p.rows)
	if before < 200 {
		t.Fatalf("%d rules were never hit since now", before)
	}
	x.look(11)
	if len(x.p.rows) != before {
		t.Errorf("%d rows, want %d", len(x.p.rows), before)
	}
	made := x.p.version
	x.look(12)
	if x.p.version != made {
		t.Error("the list was made anew though nothing was hit")
	}
	x.add(2, 1)
	x.look(13)
	if len(x.p.rows) != before-1 || slices.ContainsFunc(x.p.rows, func(r ref) bool { return x.p.index.row(r).rule == x.rule(2) }) {
		t.Errorf("%d rows, want %d without rule 2", len(x.p.rows), before-1)
	}
}

// TestHottestOfParts: which is hottest is told by rates of one time, not by those of some.
func TestHottestOfParts(t *testing.T) {
	x := newBusy(t, model.BackendIptablesNFT)
	x.add(5, 500)
	x.read(20)
	do(t, x.p, x.f, "o", "g")
	x.draw(20)
	first := func() int { return x.p.index.row(x.p.rows[0]).rule.Index }
	if first() != 5 {
		t.Fatalf("the hottest is rule %d", first())
	}
	x.add(7, 60)
	x.look(21)
	if first() != 5 {
		t.Errorf("after a part, the hottest is rule %d", first())
	}
	x.add(7, 600)
	x.read(30)
	if first() != 7 {
		t.Errorf("after a reading of all, the hottest is rule %d", first())
	}
}

// TestBaselineOfParts: b counts a rule from its own last reading, and says which is which.
func TestBaselineOfParts(t *testing.T) {
	x := newBusy(t, model.BackendIptablesNFT)
	x.add(2, 30)
	x.add(150, 5)
	x.look(15)
	do(t, x.p, x.f, "b")
	got := x.draw(15)
	x.wants("at the baseline", got, 2, "0", "6.0")
	wants(t, got, "since 10:00:15 (what was not in sight: 10:00:10)")
	x.add(2, 2)
	x.wants("after it", x.look(16), 2, "2", "2.0")
	if c, _ := x.p.numbers(x.f).rule(x.rule(150)); c.Packets != 0 {
		t.Errorf("rule 150 counts %d before it is read", c.Packets)
	}
	x.read(20)
	if c, _ := x.p.numbers(x.f).rule(x.rule(150)); c.Packets != 5 {
		t.Errorf("rule 150 counts %d since 10:00:10, want 5", c.Packets)
	}
}

// TestAgeIsSaid: counters in sight that are not of now are said to be old; legacy ones all
// the time where they are read seldom.
func TestAgeIsSaid(t *testing.T) {
	x := newBusy(t, model.BackendIptablesNFT)
	says := func(when, screen, want string) {
		t.Helper()
		_, got, ok := strings.Cut(screen, "counters of ")
		if !ok && want != "" || want != "" && !strings.HasPrefix(got, want) || ok && want == "" {
			t.Errorf("%s: want %q:\n%s", when, want, screen)
		}
	}
	says("just read", x.draw(10), "")
	says("read 5 s ago", x.draw(15), "10:00:10")
	says("read apart", x.look(15), "")
	says("that is 5 s ago", x.draw(20), "10:00:15")
	says("all were read", x.read(20), "")

	x = newBusy(t, model.BackendLegacy)
	says("just read, as every 10 s", x.draw(10), "10:00:10")
	says("12 s later", x.draw(22), "10:00:10")
	x.read(23)
	says("every second from now on", x.read(24), "")
}

// TestVisible: what the page says it shows is what it draws, and costs little memory.
func TestVisible(t *testing.T) {
	x := newBusy(t, model.BackendIptablesNFT)
	screen := x.draw(10)
	var s page.Sight
	x.p.Visible(x.f, &s)
	rules := 0
	for n := 1; n <= len(x.rs.Tables[0].Chain("KUBE-SERVICES").Rules); n++ {
		shown := false
		for _, l := range strings.Split(screen, "\n") {
			if _, l, ok := strings.Cut(l, "│"); ok {
				if w := strings.Fields(l); len(w) > 4 && w[0] == strconv.Itoa(n) {
					shown = true
				}
			}
		}
		if shown {
			rules++
			if !slices.Contains(s.Rules, x.rule(n).ID) {
				t.Errorf("rule %d is drawn and not said to be", n)
			}
		}
	}
	if rules < 15 || len(s.Rules) > 3*x.f.Height {
		t.Errorf("%d rules are drawn, %d said to be:\n%s", rules, len(s.Rules), screen)
	}
	if n := testing.AllocsPerRun(50, func() {
		s.Chains, s.Rules = s.Chains[:0], s.Rules[:0]
		x.p.Visible(x.f, &s)
	}); n > float64(x.f.Height) { // one for each chain of the tree, for its callers
		t.Errorf("%v allocations a frame", n)
	}
	// The tree's rates are made of rules that call its chains.
	svc := x.rule(1).Jump
	tb := x.rs.Tables[0]
	x.p.goTo(keyOf(tb, tb.Chain(svc)), ref{}, false)
	x.p.inRows = false
	x.draw(10)
	s = page.Sight{}
	x.p.Visible(x.f, &s)
	if !slices.Contains(s.Rules, x.rule(1).ID) {
		t.Errorf("%s is selected; the rule that calls it, %d, is not among %v", svc, x.rule(1).ID, s.Rules)
	}
	if slices.ContainsFunc(s.Chains, func(id int) bool { return !x.p.index.rs.Tables[0].Chains[id].Base() }) {
		t.Errorf("chains %v have no counter of their own", s.Chains)
	}
}

// TestNoNewsOfParts: readings without news change no cell.
func TestNoNewsOfParts(t *testing.T) {
	x := newBusy(t, model.BackendIptablesNFT)
	x.look(11)
	before := x.look(12)
	for sec := 13.0; sec < 20; sec++ {
		if got := x.look(sec); got != before {
			t.Fatalf("at %v s:\n%s\nbefore:\n%s", sec, got, before)
		}
	}
}
