package path

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/ui/component/player"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// While it is stepped, the map shows the packet in focus alone, and the sign of its
// end where its end is.
func TestSteppingShowsOnePacket(t *testing.T) {
	f := uitest.Frame(theme.Options{}, 200, 60, 300*time.Millisecond)
	var j *journey.Journey
	for _, k := range f.Snap.Journeys {
		if k.Closed && k.Outcome.Verdict == journey.Accepted && len(k.Steps) > 2 {
			j = k
		}
	}
	f.Player.Focus(j.Number)
	f.Player.Step(-100)
	signs := func() (moving, passed int) {
		f.Zoomed = true // no legend, which has the signs too, and no ladder
		lines := strings.Split(ansi.Strip(New().View(f)), "\n")
		s := strings.Join(lines[2:], "\n")
		return strings.Count(s, "●"), strings.Count(s, "✓")
	}
	for i := range j.Steps {
		if m, p := signs(); m != 1 || p != 0 {
			t.Fatalf("step %d of %d: %d packets on the map, %d passed:\n%s", i+1, len(j.Steps), m, p, ansi.Strip(New().View(f)))
		}
		if _, at := f.Player.Focused(); at != i {
			t.Fatalf("at step %d, want %d", at, i)
		}
		f.Player.Step(1)
	}
	if m, p := signs(); m != 0 || p != 1 {
		t.Errorf("out of here: %d packets on the map, %d passed:\n%s", m, p, ansi.Strip(New().View(f)))
	}
	if f.Player.Step(-1); true {
		if m, p := signs(); m != 1 || p != 0 {
			t.Errorf("back: %d packets on the map, %d passed", m, p)
		}
	}
}

// deadly is a frame in which n packets died in the rule-th rule of a chain of rules, or
// by its policy where rule is 0.
func deadly(rules []model.Rule, rule, n, w, h int) *page.Frame {
	rs := &model.Ruleset{Tables: []*model.Table{{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "filter", Chains: []*model.Chain{
		{Name: "INPUT", Hook: model.HookInput, Policy: "ACCEPT", Rules: rules}}}}}
	rs.Number()
	s := &snapshot.Snapshot{Rules: rs, Counts: rs.Counts()}
	for i := range n {
		by := journey.Step{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Hook: model.HookInput, Table: "filter", Base: "INPUT", Chain: "INPUT",
			Kind: journey.KindPolicy, RuleID: -1, Verdict: model.VerdictDrop}
		if rule > 0 {
			by.Kind, by.Rule, by.RuleID, by.Text = journey.KindRule, rule, rule-1, rules[rule-1].Text
		}
		j := &journey.Journey{Number: i + 1, Closed: true, Steps: []journey.Step{by}}
		j.Outcome.Verdict = journey.Dropped
		j.Outcome.By.Kind, j.Outcome.By.Rule = string(by.Kind), rule
		s.Journeys = append(s.Journeys, j)
	}
	p := player.New()
	p.Feed(s.Journeys)
	for range 300 {
		p.Advance(33 * time.Millisecond)
	}
	return &page.Frame{Snap: s, Player: p, Theme: theme.New(theme.Options{}), Width: w, Height: h, Now: uitest.Now()}
}

// row is the line of a screen that begins with a word.
func row(t *testing.T, pg *Page, f *page.Frame, word string) string {
	t.Helper()
	for _, l := range strings.Split(ansi.Strip(pg.View(f)), "\n") {
		if strings.Contains(l, word) {
			return l
		}
	}
	t.Fatalf("no %q:\n%s", word, ansi.Strip(pg.View(f)))
	return ""
}

func TestDeathsOfHiddenRulesAreNotThePolicys(t *testing.T) {
	var rules []model.Rule
	for range 3 {
		rules = append(rules, model.Rule{Index: len(rules) + 1, Text: "-A INPUT -p tcp -j DROP", Target: "DROP"})
	}
	f := deadly(rules, 2, 2, 80, 24)
	pg := New()
	pg.View(f)
	v := pg.view(f)
	v.c.Reset(80, 24)
	v.geo[stInput] = geo{x: 1, w: 78, shown: true}
	v.block(stInput) // with no room for rules
	got := ansi.Strip(strings.Join(v.c.Lines(0, 24), "\n"))
	if !strings.Contains(got, "… 1 rule ✕2") || strings.Contains(got, "ACCEPT✕") || strings.Contains(got, "ACCEPT ✕") {
		t.Errorf("the chain without its rules:\n%s", got)
	}
	for _, w := range []int{80, 120, 200} {
		if l := row(t, New(), deadly(rules, 0, 2, w, 30), "ACCEPT"); !strings.Contains(l, "ACCEPT ✕2") {
			t.Errorf("width %d: the policy's deaths: %q", w, l)
		}
	}
	if l := row(t, New(), deadly(rules, 0, 2, 40, 20), "ACCEPT"); !strings.Contains(l, "ACCEPT ✕2") {
		t.Errorf("the policy's deaths: %q", l)
	}
}

// A packet of which nobody told which rule dropped it did not die by the policy of the chain
// that it was seen in last: what is known, the chain or the hook, has the mark.
func TestDeathsThatNobodyToldOf(t *testing.T) {
	accept := journey.Step{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Hook: model.HookInput, Table: "filter", Base: "INPUT", Chain: "INPUT",
		Kind: journey.KindPolicy, RuleID: -1, Verdict: model.VerdictAccept}
	chain := journey.Culprit{Kind: "unknown", Backend: model.BackendLegacy, Family: model.FamilyIPv4, Table: "filter", Chain: "INPUT"}
	for _, c := range []struct {
		name string
		by   journey.Culprit
	}{
		{"a chain", chain},
		{"one of several", journey.Culprit{Kind: "unknown", Station: "netfilter"}},
		{"conntrack", journey.Culprit{Kind: "kernel", Station: "netfilter"}},
	} {
		f := deadly(nil, 0, 0, 120, 30)
		f.Player = player.New()
		for i := range 2 {
			j := &journey.Journey{Number: i + 1, Closed: true, Steps: []journey.Step{accept}, Outcome: journey.Outcome{Verdict: journey.Dropped, By: c.by},
				Drop: &drop.Drop{Hook: model.HookInput}}
			f.Snap.Journeys = append(f.Snap.Journeys, j)
		}
		f.Player.Feed(f.Snap.Journeys)
		for range 300 {
			f.Player.Advance(33 * time.Millisecond)
		}
		f.Zoomed = true // no ladder, which says the rest
		l := row(t, New(), f, " filter ")
		if strings.Contains(l, "…✕2") != (c.by == chain) || strings.Contains(l, "ACCEPT ✕") {
			t.Errorf("%s: the chain: %q", c.name, l)
		}
		if l := row(t, New(), f, " INPUT "); strings.Contains(l, "INPUT ✕") != (c.by != chain) {
			t.Errorf("%s: the hook: %q", c.name, l)
		}
	}
}

func TestRuleWithoutVerdictShowsItsText(t *testing.T) {
	for text, want := range map[string]string{
		"counter packets 5 bytes 300":            "counter",
		"counter":                                "counter",
		"meta mark set 0x1":                      "meta mark set 0x1",
		"tcp dport 80 counter packets 1 bytes 2": "tcp dport 80",
	} {
		f := deadly([]model.Rule{{Index: 1, Text: text}}, 0, 1, 120, 40)
		f.Snap.Rules.Tables[0].Backend = model.BackendNFTables
		if l := row(t, New(), f, "│  1 "); !strings.Contains(l, "1 "+want+" ") || strings.Contains(l, "1 - ") {
			t.Errorf("%q is drawn as %q", text, l)
		}
	}
}

// Where one column's rules ask for more than its part and the others leave some, they
// are read whole.
func TestSpareWidthGoesToLongRules(t *testing.T) {
	long := model.Rule{Index: 1, Target: "DROP", Text: "-A INPUT -s 198.51.100.0/24 -d 203.0.113.10/32 -i eth0 -p tcp -m tcp --dport 8080 -j DROP"}
	f := deadly([]model.Rule{long}, 0, 1, 200, 60)
	if l := row(t, New(), f, " 1 DROP"); !strings.Contains(l, "dport 8080") || strings.Contains(l, "…") {
		t.Errorf("cut with room beside it: %q", l)
	}
}

// A name of fifteen cells, the longest that an interface has, is whole where there is room.
func TestLongInterfaceNames(t *testing.T) {
	for _, c := range []struct {
		w        int
		in, out  string
		name, to string
	}{
		{200, "lan-customers-1 ─", "▶ uplink-internet", "lan-customers-1", "uplink-internet"},
		{104, "lan…", "", "lan-customers-1", "uplink-internet"},
		{120, "eth0 ─", "", "eth0", "uplink-internet"},
		{80, "lan-customers… ─", "▶ uplink-intern…", "lan-customers-1", "uplink-internet"},
		{80, "eth0 ─", "▶ uplink-internet", "eth0", "uplink-internet"},
		{80, "lan-customers-1 ─", "▶ eth1", "lan-customers-1", "eth1"},
	} {
		f := deadly(nil, 0, 1, c.w, 30)
		j := f.Snap.Journeys[0]
		j.In, j.Out, j.Outcome = c.name, c.to, journey.Outcome{Verdict: journey.Accepted}
		got := ansi.Strip(New().View(f))
		if !strings.Contains(got, c.in) || !strings.Contains(got, c.out) {
			t.Errorf("%d wide, %s to %s:\n%s", c.w, c.name, c.to, got)
		}
	}
}
