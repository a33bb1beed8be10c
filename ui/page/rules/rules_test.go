package rules

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"nfscope/model"
	"nfscope/model/snapshot"
	"nfscope/ui/component/player"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

var _ = flag.Bool("update", false, "write the golden files anew")

// frame makes a frame of the test session, after every packet came to its end.
func frame(o theme.Options, w, h int) *page.Frame {
	f := uitest.Frame(o, w, h, 0)
	for f.Player.Moving() {
		f.Player.Advance(1e9)
	}
	return f
}

// do presses keys as the keymap has them.
func do(t *testing.T, p *Page, f *page.Frame, pressed ...string) {
	t.Helper()
	for _, k := range pressed {
		a := keys.Lookup("Rules", k)
		if a == "" {
			t.Fatalf("key %q does nothing", k)
		}
		p.Do(a, f)
	}
}

// text is the page without colours.
func text(p *Page, f *page.Frame) string { return ansi.Strip(p.View(f)) }

// TestChineseGolden: what the list says of itself is Chinese, the rules' texts stay.
func TestChineseGolden(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*Page, *page.Frame){
		"changes": func(p *Page, f *page.Frame) {
			p.ShowRule(ruleID(f, "-A FORWARD -o br0 -j DOCKER"), f)
			shift(f)
			text(p, f)
			do(t, p, f, "D")
		},
		"callers": func(p *Page, f *page.Frame) {
			p.ShowRule(ruleID(f, "-A LOGDROP -j DROP"), f)
			text(p, f)
			do(t, p, f, "u")
		},
		"moved": func(p *Page, f *page.Frame) {
			name := func(rs *model.Ruleset) *model.Chain {
				c := chainNamed(rs, "FORWARD")
				c.Rules[2].Text = `-A FORWARD --comment "host has no agent" -j DROP`
				return c
			}
			change(f, func(rs *model.Ruleset) { name(rs) })
			*p = *New()
			text(p, f)
			change(f, func(rs *model.Ruleset) {
				c := name(rs)
				rs.Generation += "y"
				c.Rules = append([]model.Rule{c.Rules[2]}, append(slices.Clone(c.Rules[:2]), c.Rules[3:]...)...)
			})
			text(p, f)
			do(t, p, f, "D")
			wants(t, text(p, f), `1 已移动：--comment "host has no agent"`)
		},
		"waiting": func(p *Page, f *page.Frame) {
			f.Snap = &snapshot.Snapshot{Netns: "edge", Source: "live", Problems: []string{
				"the rules could not be read: reading the rules of network namespace edge needs CAP_NET_ADMIN there and CAP_SYS_ADMIN to enter it: run nfscope as root, or with sudo (operation not permitted)"}}
		},
		"words": func(p *Page, f *page.Frame) { // the user's comment is in Chinese too, and stays as it is
			p.ShowRule(ruleID(f, toWeb), f)
			text(p, f)
			do(t, p, f, "i")
		},
		"inspect": func(p *Page, f *page.Frame) {
			p.ShowRule(ruleID(f, "-A LOGDROP -j DROP"), f)
			text(p, f)
			do(t, p, f, "i")
		},
	} {
		for _, s := range [][2]int{{80, 24}, {200, 60}} {
			f := frame(theme.Options{}, s[0], s[1]-5)
			f.Lang = "zh"
			p := New()
			text(p, f)
			open(p, f)
			got := p.View(f)
			uitest.Exact(t, got, f.Width, f.Height)
			uitest.Golden(t, fmt.Sprintf("rules-zh-%s-%dx%d", name, s[0], s[1]), got)
		}
	}
}

func TestGolden(t *testing.T) {
	uitest.Looks(t, func(t *testing.T, name string, o theme.Options, w, h int) {
		f := frame(o, w, h-5)
		p := New()
		do(t, p, f, "enter", "j")
		uitest.Golden(t, "rules-"+name, p.View(f))
	})
	for name, open := range map[string]func(*Page, *page.Frame){
		"callers": func(p *Page, f *page.Frame) {
			p.ShowRule(ruleID(f, "-A LOGDROP -j DROP"), f)
			do(t, p, f, "u")
		},
		"changes": func(p *Page, f *page.Frame) {
			p.ShowRule(ruleID(f, "-A FORWARD -o br0 -j DOCKER"), f)
			shift(f)
			p.View(f)
			do(t, p, f, "D")
		},
		"changed": func(p *Page, f *page.Frame) {
			p.ShowRule(ruleID(f, "-A FORWARD -o br0 -j DOCKER"), f)
			shift(f)
			p.View(f)
			do(t, p, f, "o")
		},
		"found": func(p *Page, f *page.Frame) { f.Filter = "10.2.0.2" },
	} {
		for _, s := range uitest.Sizes() {
			name := fmt.Sprintf("%s-%dx%d", name, s[0], s[1])
			t.Run(name, func(t *testing.T) {
				f := frame(theme.Options{}, s[0], s[1]-5)
				p := New()
				open(p, f)
				uitest.Golden(t, name, p.View(f))
			})
		}
	}
	t.Run("all", func(t *testing.T) {
		f := frame(theme.Options{}, 120, 70)
		p := New()
		do(t, p, f, "g")
		uitest.Golden(t, "rules-all", p.View(f))
	})
}

// shift changes the rules under the page: two come in, one goes, a set grows, and a
// chain that nothing jumps to is there.
func shift(f *page.Frame) {
	change(f, func(rs *model.Ruleset) {
		c := chainNamed(rs, "FORWARD")
		c.Rules = append([]model.Rule{{Text: "-A FORWARD -s 192.0.2.1/32 -j DROP", Target: "DROP"}, {Text: "-A FORWARD -s 192.0.2.2/32 -j DROP", Target: "DROP"}}, c.Rules[:4]...)
		last := rs.Tables[len(rs.Tables)-1]
		last.Extra[0] = strings.Replace(last.Extra[0], "192.0.2.0/24", "192.0.2.0/24, 203.0.113.7", 1)
		first := rs.Table(model.BackendLegacy, model.FamilyIPv4, "filter")
		first.Chains = append(first.Chains, user("LONELY", model.Rule{Text: "-A LONELY -j DROP", Target: "DROP"}))
	})
}

func TestEverySizeIsExact(t *testing.T) {
	p := New()
	for w := 1; w <= 220; w += 11 {
		for h := 1; h <= 70; h += 6 {
			for _, zoom := range []bool{false, true} {
				f := frame(theme.Options{Color: true, Dark: true}, w, h)
				f.Zoomed = zoom
				do(t, p, f, "enter", "j")
				if h%4 == 0 {
					do(t, p, f, "g", "u")
				}
				uitest.Exact(t, p.View(f), w, h)
			}
		}
	}
}

func TestJumpAndBack(t *testing.T) {
	f := frame(theme.Options{}, 120, 30)
	p := New()
	p.sync(f)
	p.ShowRule(ruleID(f, "-A FORWARD -o br0 -j DOCKER"), f)
	if !strings.Contains(text(p, f), "filter/FORWARD") {
		t.Fatal("the chain of the rule is not shown")
	}
	do(t, p, f, "enter")
	if got := text(p, f); !strings.Contains(got, "filter/DOCKER ") || !strings.Contains(got, "from FORWARD") {
		t.Fatalf("the jump was not followed:\n%s", got)
	}
	do(t, p, f, "esc")
	if r, _ := p.selected(); r.rule == nil || r.rule.Jump != "DOCKER" {
		t.Errorf("esc does not lead back to the rule that jumped: %+v", r.rule)
	}
	do(t, p, f, "esc")
	if p.Deep() {
		t.Error("esc does not lead out to the tree")
	}
}

func ruleID(f *page.Frame, text string) int {
	for _, t := range f.Snap.Rules.Tables {
		for _, c := range t.Chains {
			for i := range c.Rules {
				if c.Rules[i].Text == text {
					return c.Rules[i].ID
				}
			}
		}
	}
	return -1
}

func TestSelectionFollowsTheRule(t *testing.T) {
	f := frame(theme.Options{}, 120, 30)
	p := New()
	p.ShowRule(ruleID(f, "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT"), f)
	if r, _ := p.selected(); r.rule == nil || r.rule.Index != 3 {
		t.Fatal("rule 3 is not selected")
	}
	// somebody puts two rules in at the top, one with the very same text
	rs := uitest.Rules()
	in := rs.Table(model.BackendLegacy, model.FamilyIPv4, "filter").Chain("INPUT")
	in.Rules = append([]model.Rule{{Text: "-A INPUT -s 10.9.9.9/32 -j DROP"}, {Text: "-A INPUT -i lo -j ACCEPT"}}, in.Rules...)
	rs.Generation = "gen-8"
	rs.Number()
	f.Snap.Rules, f.Snap.Counts, f.Snap.Previous = rs, rs.Counts(), nil
	p.View(f)
	if r, _ := p.selected(); r.rule == nil || r.rule.Index != 5 || !strings.Contains(r.rule.Text, "--dport 80") {
		t.Errorf("the selection is at %+v", r.rule)
	}
}

func TestNeverHitAndBaseline(t *testing.T) {
	f := frame(theme.Options{}, 150, 40)
	p := New()
	do(t, p, f, "g", "*")
	got := text(p, f)
	if !strings.Contains(got, "--dport 80 ") || strings.Contains(got, "203.0.113.10/32") {
		t.Errorf("never-hit shows\n%s", got)
	}
	if strings.Contains(got, "admin only") {
		t.Error("a rule without a counter is taken for one that was never hit")
	}
	do(t, p, f, "*", "b")
	if got := text(p, f); strings.Contains(got, "10344") || !strings.Contains(got, "since 03:15:09") {
		t.Errorf("the baseline is not taken off:\n%s", got)
	}
	// the text changes: rules keep their baseline
	rs := uitest.Rules()
	rs.Table(model.BackendLegacy, model.FamilyIPv4, "raw").Chains[0].Rules = []model.Rule{{Text: "-A PREROUTING -j NOTRACK"}}
	rs.Generation = "gen-8"
	rs.Number()
	c := rs.Counts()
	next := *f.Snap
	next.Rules, next.Counts = rs, c
	c.Rules[ruleID(&page.Frame{Snap: &next}, "-A INPUT -d 203.0.113.10/32 -j DROP")].Packets += 5
	f.Snap = &next
	p.ShowRule(ruleID(f, "-A INPUT -d 203.0.113.10/32 -j DROP"), f)
	seen := 0
	for _, l := range strings.Split(text(p, f), "\n") {
		if !strings.Contains(l, "-A INPUT") && strings.Contains(l, "DROP") && strings.Contains(l, "-d 203.0.113.10/32 ") {
			if seen++; !strings.Contains(l, " 5 ") {
				t.Errorf("after a new generation the baseline is lost: %q", l)
			}
		}
	}
	if seen == 0 {
		t.Errorf("the rule is not in sight:\n%s", text(p, f))
	}
}

func TestFilterByTextAndByExpression(t *testing.T) {
	f := frame(theme.Options{}, 150, 50)
	p := New()
	f.Filter = "smb"
	if got := text(p, f); !strings.Contains(got, "no SMB from outside") || strings.Contains(got, "--dport 22") {
		t.Errorf("text:\n%s", got)
	}
	f.Filter = "table nat"
	if got := text(p, f); !strings.Contains(got, "MASQUERADE") || strings.Contains(got, "REJECT") {
		t.Errorf("expression:\n%s", got)
	}
	f.Filter = "nothing has this"
	if got := text(p, f); !strings.Contains(got, `no rule here is found by "nothing has this"`) {
		t.Errorf("nothing:\n%s", got)
	}
}

func TestAHitLightsUpAndADeathStays(t *testing.T) {
	f := frame(theme.Options{}, 150, 30)
	f.Player = player.New()
	p := New()
	find := func() string {
		for _, l := range strings.Split(text(p, f), "\n") {
			if strings.Contains(l, "DROP") && strings.Contains(l, "-d 203.0.113.10/32 ") {
				return l
			}
		}
		return ""
	}
	if l := find(); strings.Contains(l, f.Theme.Glyphs.Dead) {
		t.Errorf("marked before anything died: %q", l)
	}
	f.Player.Feed(f.Snap.Journeys)
	lit := false
	for f.Player.Moving() {
		f.Player.Advance(33e6)
		lit = lit || strings.Contains(find(), f.Theme.Glyphs.Hit)
	}
	if !lit {
		t.Error("the hit never lit up")
	}
	if l := find(); !strings.Contains(l, f.Theme.Glyphs.Dead) {
		t.Errorf("the place of death is not marked: %q", l)
	}
}

func TestNoRulesYet(t *testing.T) {
	f := frame(theme.Options{}, 60, 10)
	f.Snap = &snapshot.Snapshot{}
	p := New()
	do(t, p, f, "j", "enter", "esc", "b", "y")
	if !strings.Contains(text(p, f), "reading the rules") {
		t.Error("an empty session does not say what it waits for")
	}
}
