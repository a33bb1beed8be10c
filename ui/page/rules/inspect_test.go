package rules

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"nfscope/model"
	"nfscope/model/filter"
	"nfscope/ui/component/line"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

const (
	toWeb   = `-A PREROUTING -d 203.0.113.1/32 -p tcp -m tcp --dport 443 -m comment --comment "公网入口 web" -j DNAT --to-destination 10.2.0.2:8443`
	strange = "-A INPUT -p tcp -m quantum --spin up -m conntrack [unsupported revision] -j ACCEPT"
)

// inspected opens the box on a rule.
func inspected(t *testing.T, f *page.Frame, rule string) *Page {
	t.Helper()
	p := New()
	p.ShowRule(ruleID(f, rule), f)
	do(t, p, f, "i")
	p.View(f)
	if p.box == nil {
		t.Fatal("no box is open")
	}
	return p
}

// sent runs a command and gives the message that it sends.
func sent(cmd tea.Cmd) tea.Msg {
	if cmd == nil {
		return nil
	}
	return cmd()
}

// press does a key and gives what it sends.
func press(p *Page, f *page.Frame, key string) tea.Msg {
	m := sent(p.Do(keys.Lookup("Rules", key), f))
	p.View(f)
	return m
}

func TestInspectGolden(t *testing.T) {
	for look, o := range uitest.Themes() {
		for _, s := range uitest.Sizes() {
			f := frame(o, s[0], s[1]-5)
			p := inspected(t, f, toWeb)
			uitest.Golden(t, fmt.Sprintf("inspect-%s-%dx%d", look, s[0], s[1]), p.View(f))
		}
	}
	f := frame(theme.Options{ASCII: true}, 80, 19)
	change(f, func(rs *model.Ruleset) {
		in := chainNamed(rs, "INPUT")
		in.Rules = append([]model.Rule{{Text: strange, Target: "ACCEPT"}}, in.Rules...)
	})
	p := inspected(t, f, strange)
	uitest.Golden(t, "inspect-unknown-80x24", p.View(f))
}

func TestInspectSays(t *testing.T) {
	f := frame(theme.Options{}, 120, 40)
	p := inspected(t, f, toWeb)
	wants(t, text(p, f), "rule 1 of nat/PREROUTING, iptables-legacy ip", "if    to 203.0.113.1/32", "and   protocol tcp", "and   to port 443",
		"then  rewrite the destination of the connection: to 10.2.0.2:8443", "37 packets")
	if m, ok := press(p, f, "y").(page.CopyRequest); !ok || m.Text != toWeb {
		t.Errorf("y sends %+v", m)
	}
	m, ok := press(p, f, "t").(page.ArmRequest)
	if !ok || m.Filter != "ip and dst host 203.0.113.1 and proto tcp and dst port 443 and table nat and chain PREROUTING and rule 1" {
		t.Errorf("t sends %+v", m)
	}
	if _, err := filter.Parse(m.Filter); err != nil {
		t.Error(err)
	}
	do(t, p, f, "esc")
	p.ShowRule(ruleID(f, "-A FORWARD -o br0 -j DOCKER"), f)
	m, ok = press(p, f, "t").(page.ArmRequest) // without the box too
	if !ok || m.Filter != "ip and table filter and chain FORWARD and rule 3" || !strings.Contains(m.Why, "does not fit -o br0") {
		t.Errorf("t sends %+v", m)
	}
	if p.box != nil || !p.inRows {
		t.Error("esc does not just close the box")
	}
}

func TestInspectLeadsOn(t *testing.T) {
	f := frame(theme.Options{}, 120, 40)
	p := inspected(t, f, "-A FORWARD -o br0 -j DOCKER")
	press(p, f, "enter") // the first way: the chain
	if p.box != nil || p.scope().Chain != "DOCKER" {
		t.Errorf("enter does not lead to the chain: %+v", p.scope())
	}
	press(p, f, "esc")
	if r, _ := p.selected(); r.rule == nil || r.rule.Jump != "DOCKER" {
		t.Errorf("esc does not lead back: %+v", r.rule)
	}
	// enter on a rule that jumps nowhere opens the box, i on any
	p.ShowRule(ruleID(f, toWeb), f)
	press(p, f, "enter")
	if p.box == nil {
		t.Fatal("enter does not open the box")
	}
	// a packet that hit the rule is a way
	hit := -1
	for _, j := range f.Snap.Journeys {
		for _, s := range j.Steps {
			if s.Text == toWeb {
				hit = j.Number
			}
		}
	}
	if hit < 0 {
		t.Fatal("no packet of the test session hit it")
	}
	wants(t, text(p, f), fmt.Sprintf("by packet #%d", hit))
	if m, ok := press(p, f, "enter").(page.GotoJourney); !ok || m.Number != hit {
		t.Errorf("enter sends %+v", m)
	}
}

func TestInspectSets(t *testing.T) {
	f := frame(theme.Options{}, 120, 40)
	change(f, func(rs *model.Ruleset) {
		for _, tb := range rs.Tables {
			if tb.Backend == model.BackendNFTables {
				tb.Extra = append(tb.Extra, "set bad {\n\ttype ipv4_addr\n}")
				tb.Chains[0].Rules = append(tb.Chains[0].Rules, model.Rule{Handle: 900, Text: "ip saddr @bad counter drop", Target: "drop"},
					model.Rule{Handle: 901, Text: "ip saddr @gone drop", Target: "drop"})
			}
		}
		in := chainNamed(rs, "INPUT")
		in.Rules = append(in.Rules, model.Rule{Text: "-A INPUT -m set --match-set ips src -j DROP", Target: "DROP"})
	})
	p := inspected(t, f, "ip saddr @bad counter drop")
	press(p, f, "enter")
	if p.scope().Extra != "set bad" || p.box != nil {
		t.Errorf("enter leads to %+v", p.scope())
	}
	p = inspected(t, f, "ip saddr @gone drop")
	if m, ok := press(p, f, "enter").(page.Say); !ok || !strings.Contains(m.Text, "gone") || p.box == nil {
		t.Errorf("a set that is not there: %+v", m)
	}
	p = inspected(t, f, "-A INPUT -m set --match-set ips src -j DROP")
	press(p, f, "enter")
	if p.scope().Extra != "ipset ips" {
		t.Errorf("enter leads to %+v", p.scope())
	}
}

// What nobody here knows is marked without colour, in the list and in the box.
func TestInspectUnknown(t *testing.T) {
	f := frame(theme.Options{ASCII: true}, 120, 40)
	change(f, func(rs *model.Ruleset) {
		in := chainNamed(rs, "INPUT")
		in.Rules = append([]model.Rule{{Text: strange, Target: "ACCEPT"}}, in.Rules...)
	})
	p := New()
	p.ShowRule(ruleID(f, strange), f)
	marked := false
	for _, l := range strings.Split(text(p, f), "\n") {
		if strings.Contains(l, "-m quantum") && strings.Contains(l, "? ") {
			marked = true
		}
	}
	if !marked {
		t.Errorf("not marked in the list:\n%s", text(p, f))
	}
	do(t, p, f, "i")
	wants(t, text(p, f), "-m quantum --spin up", "not known to nfscope: a match that nfscope does not know", "made by a newer program", "shown as the program prints it")
	// and the rule that goes away while the box is open
	change(f, func(*model.Ruleset) {})
	wants(t, text(p, f), "this rule is not there any more")
	press(p, f, "enter")
	press(p, f, "t")
	press(p, f, "y")
	press(p, f, "esc")
	if p.box != nil {
		t.Error("the box stays")
	}
}

// At every size every line is exactly as wide as the page, and every line of the box can
// be scrolled to.
func TestInspectFits(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		w, h := 40+rnd.IntN(120), 7+rnd.IntN(40)
		f := frame(theme.Options{Color: rnd.IntN(2) == 0}, w, h)
		all := f.Snap.Rules
		_, n := all.Size()
		p := New()
		p.ShowRule(rnd.IntN(n), f)
		do(t, p, f, "i")
		seen := map[string]bool{}
		for range 40 {
			lines := strings.Split(p.View(f), "\n")
			if len(lines) != h {
				t.Fatalf("%dx%d: %d lines", w, h, len(lines))
			}
			for _, l := range lines {
				if line.Width(l) != w {
					t.Fatalf("%dx%d: a line of %d cells: %q", w, h, line.Width(l), ansi.Strip(l))
				}
				seen[ansi.Strip(l)] = true
			}
			press(p, f, "j")
		}
		if p.box.top+p.box.height < p.box.lines || p.box.chosen != len(p.box.ways)-1 {
			t.Errorf("%dx%d: the end is out of reach: top %d, height %d of %d, way %d of %d", w, h, p.box.top, p.box.height, p.box.lines, p.box.chosen, len(p.box.ways))
		}
		for range 40 {
			press(p, f, "k")
		}
		if p.box.top != 0 {
			t.Errorf("%dx%d: the beginning is out of reach", w, h)
		}
	}
}
