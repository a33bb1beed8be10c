package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/diff"
	"nfscope/model/ruleset"
	"nfscope/model/ruleset/rulesettest"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// chainNamed finds a chain of the legacy filter table.
func chainNamed(rs *model.Ruleset, name string) *model.Chain {
	return rs.Table(model.BackendLegacy, model.FamilyIPv4, "filter").Chain(name)
}

// change gives the frame another ruleset, as the reader would.
func change(f *page.Frame, edit func(*model.Ruleset)) {
	rs := uitest.Rules()
	edit(rs)
	rs.Generation += "x"
	rs.Number()
	next := *f.Snap
	next.Rules, next.Counts, next.Previous = rs, rs.Counts(), nil
	f.Snap = &next
}

func wants(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%q is not shown:\n%s", w, got)
		}
	}
}

func TestWhoJumpsHere(t *testing.T) {
	f := frame(theme.Options{}, 120, 30)
	p := New()
	p.ShowRule(ruleID(f, "-A LOGDROP -j DROP"), f)
	do(t, p, f, "u")
	wants(t, text(p, f), "1 rule jumps to LOGDROP", "filter/INPUT", "goto", "--dports 137,138,139,445")
	do(t, p, f, "enter")
	if r, _ := p.selected(); r.rule == nil || r.rule.Index != 4 || r.chain.Name != "INPUT" {
		t.Fatalf("enter does not lead to the caller: %+v", r.rule)
	}
	do(t, p, f, "esc")
	if r, _ := p.selected(); r.rule == nil || r.rule.Text != "-A LOGDROP -j DROP" {
		t.Errorf("esc does not lead back to where u was pressed: %+v", r.rule)
	}
	do(t, p, f, "u", "esc")
	if p.menu != nil || !p.inRows {
		t.Error("esc does not just close the list")
	}
	// the rules change while the list is open
	do(t, p, f, "u")
	change(f, func(rs *model.Ruleset) {
		in := chainNamed(rs, "INPUT")
		in.Rules = append([]model.Rule{{Text: "-A INPUT -i lo -j ACCEPT"}}, in.Rules...)
	})
	do(t, p, f, "enter")
	if r, _ := p.selected(); r.rule == nil || r.rule.Index != 5 || r.rule.Jump != "LOGDROP" {
		t.Errorf("after a change the list leads to %+v", r.rule)
	}
}

func TestUnusedChainsAndLoops(t *testing.T) {
	f := frame(theme.Options{}, 200, 40)
	change(f, func(rs *model.Ruleset) {
		tb := rs.Table(model.BackendLegacy, model.FamilyIPv4, "filter")
		jump := func(to string) []model.Rule { return []model.Rule{{Text: "-j " + to, Target: to, Jump: to}} }
		tb.Chains = append(tb.Chains, user("LONELY", jump("SECOND")...), user("SECOND", model.Rule{Text: "-j DROP", Target: "DROP"}),
			user("A", jump("B")...), user("B", jump("A")...))
	})
	p := New()
	got := text(p, f)
	for chain, says := range map[string]string{"LONELY": "nothing jumps here", "SECOND": "only unused chains jump here", "  A ": "loop: A > B > A", "  B ": "loop: A > B > A"} {
		ok := false
		for _, l := range strings.Split(got, "\n") {
			ok = ok || strings.Contains(l, chain) && strings.Contains(l, says)
		}
		if !ok {
			t.Errorf("%q is not said of %s:\n%s", says, chain, got)
		}
	}
	if strings.Count(got, "nothing jumps here") != 1 {
		t.Errorf("said of chains that are called:\n%s", got)
	}
	p.tree.Select(chainKey{model.BackendLegacy, model.FamilyIPv4, "filter", "LONELY", ""})
	if cmd := p.callers(); cmd == nil || p.menu != nil {
		t.Error("a list of no callers is opened")
	}
}

// A chain that a verdict map may call is not said to be unused where the map's elements
// were not read, nor is its rate known.
func TestChainsOfUnreadMaps(t *testing.T) {
	for _, terse := range []bool{true, false} {
		f := frame(theme.Options{}, 200, 60)
		change(f, func(rs *model.Ruleset) {
			rs.Terse = terse
			in := user("in", model.Rule{Text: "tcp dport vmap @ways", Target: "vmap"}, model.Rule{Text: "jump ssh", Target: "jump", Jump: "ssh"})
			in.Type, in.Hook = "filter", model.HookInput
			rs.Tables = append(rs.Tables, &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "ways",
				Extra: []string{"map ways {\n\ttype inet_service : verdict\n}"}, Chains: []*model.Chain{in, user("ssh"), user("web", model.Rule{Text: "drop", Target: "drop"})}})
		})
		p := New()
		text(p, f)
		p.tree.Select(chainKey{model.BackendNFTables, model.FamilyInet, "ways", "web", ""})
		do(t, p, f)
		got := text(p, f)
		if terse == strings.Contains(got, "nothing jumps here") || terse != strings.Contains(got, "map ways, which was not read, may call it") {
			t.Errorf("terse %v:\n%s", terse, got)
		}
		said := p.callers()().(page.Say).Text
		if terse == strings.Contains(said, "never asked") || terse != strings.Contains(said, "map ways, which was not read, may call it") {
			t.Errorf("terse %v: %s", terse, said)
		}
	}
}

// withMap has a table in which a rule asks map ways, whose elements were read with the
// rules; there are others where more says so.
func withMap(more bool) func(*model.Ruleset) {
	return func(rs *model.Ruleset) {
		rs.Terse = true
		in := user("in", model.Rule{Text: "tcp dport vmap @ways", Target: "vmap"})
		in.Type, in.Hook = "filter", model.HookInput
		tb := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "ways",
			Extra:  []string{"map ways {\n\ttype inet_service : verdict\n}"},
			Chains: []*model.Chain{in, user("ssh", model.Rule{Text: "drop", Target: "drop"}), user("web", model.Rule{Text: "drop", Target: "drop"}), user("lost")}}
		ruleset.PutElements(tb, model.VerdictMap{Name: "ways", Read: 2, More: more}, []string{"22 : goto ssh", "80 : jump web"})
		rs.Tables = append(rs.Tables, tb)
	}
}

// Of a verdict map whose elements were read it is known who calls whom: enter lets choose
// among the elements, u names the rule, and what was not read is told of.
func TestReadMaps(t *testing.T) {
	for _, more := range []bool{false, true} {
		f := frame(theme.Options{}, 200, 60)
		change(f, withMap(more))
		p := New()
		text(p, f)
		at := chainKey{model.BackendNFTables, model.FamilyInet, "ways", "lost", ""}
		p.tree.Select(at)
		if got := text(p, f); more == strings.Contains(got, "nothing jumps here") {
			t.Errorf("more %t:\n%s", more, got)
		}
		at.Chain = "web"
		p.tree.Select(at)
		do(t, p, f, "u")
		got := text(p, f)
		wants(t, got, "ways/in", "jump", "tcp dport vmap @ways", "1 rule jumps to web")
		if more != strings.Contains(got, "there may be more: map ways, of which 2 elements were read, may call it") {
			t.Errorf("more %t:\n%s", more, got)
		}
		do(t, p, f, "enter") // to the rule
		if r, _ := p.selected(); r.rule == nil || r.rule.Text != "tcp dport vmap @ways" {
			t.Fatalf("not at the rule: %+v", r)
		}
		do(t, p, f, "enter")
		got = text(p, f)
		wants(t, got, "rule 1 calls by 2 elements", "22", "goto", "ssh", "80", "jump", "web")
		if more != strings.Contains(got, "and by others of ways that were not read") || more != strings.Contains(got, "not read") {
			t.Errorf("more %t:\n%s", more, got)
		}
		do(t, p, f, "down", "enter")
		if p.scope().Chain != "web" {
			t.Errorf("enter led to %+v", p.scope())
		}
		do(t, p, f, "esc")
		if r, _ := p.selected(); p.scope().Chain != "in" || r.rule == nil || r.rule.Text != "tcp dport vmap @ways" {
			t.Errorf("esc led to %+v", p.scope())
		}
		do(t, p, f, "i")
		wants(t, text(p, f), "chains by 2 elements")
		do(t, p, f, "esc")
		p.tree.Select(chainKey{model.BackendNFTables, model.FamilyInet, "ways", "", "map ways"})
		do(t, p, f)
		got = text(p, f)
		wants(t, got, "22 : goto ssh", "80 : jump web")
		if more != strings.Contains(got, "the first 2 elements; the others were not read") || strings.Contains(got, "does not hold them") {
			t.Errorf("more %t:\n%s", more, got)
		}
	}
}

// A rule opened from a list stands in its own chain: that is not where esc goes.
func TestOpenedFromAList(t *testing.T) {
	f := frame(theme.Options{}, 160, 30)
	p := New()
	f.Filter = "10.2.0.3"
	p.View(f)
	do(t, p, f, "enter", "enter")
	got := text(p, f)
	wants(t, got, "nat/POSTROUTING", "from a list, esc goes back")
	if strings.Contains(got, "from POSTROUTING") {
		t.Errorf("the chain is said to come from itself:\n%s", got)
	}
}

// A rule that does not count is not known to be hit.
func TestNeverHitOfNoCounter(t *testing.T) {
	f := frame(theme.Options{}, 200, 60)
	change(f, func(rs *model.Ruleset) {
		rs.Tables = []*model.Table{{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "fw", Chains: []*model.Chain{user("c", model.Rule{Text: "drop", Target: "drop"})}}}
	})
	p := New()
	do(t, p, f, "*")
	wants(t, text(p, f), "every rule here that counts was hit")
}

func user(name string, rules ...model.Rule) *model.Chain {
	return &model.Chain{Name: name, Rules: rules}
}

func TestHottestFirst(t *testing.T) {
	f := frame(theme.Options{}, 150, 30)
	p := New()
	p.ShowRule(ruleID(f, "-A FORWARD -i eth1 -o eth0 -j ACCEPT"), f)
	do(t, p, f, "o")
	wants(t, text(p, f), "hottest first")
	var order []int
	for _, r := range p.rows {
		if r.n >= 0 {
			order = append(order, p.index.row(r).rule.Index)
		}
	}
	if len(order) != 5 || order[0] != 1 || order[1] != 2 || order[2] != 5 || p.rows[5].n != endOf {
		t.Errorf("the order is %v", order)
	}
	if r, _ := p.selected(); r.rule.Index != 5 {
		t.Errorf("the selection went to rule %d", r.rule.Index)
	}
	// another rule gets hot: it comes up, the selection stays
	next := *f.Snap
	c := *next.Counts
	c.Rules = append([]model.Counters(nil), c.Rules...)
	c.Taken = c.Taken.Add(time.Second)
	c.Rules[ruleID(f, "-A FORWARD -o br0 -j DOCKER")].Packets += 1e6
	next.Counts, next.Previous = &c, next.Counts
	f.Snap = &next
	p.View(f)
	if r := p.index.row(p.rows[0]); r.rule.Jump != "DOCKER" {
		t.Errorf("the hottest is %+v", r.rule)
	}
	if r, _ := p.selected(); r.rule.Index != 5 {
		t.Errorf("the selection went to rule %d", r.rule.Index)
	}
	do(t, p, f, "o")
	if r := p.index.row(p.rows[0]); r.rule.Index != 1 {
		t.Error("o does not lead back to the kernel's order")
	}
}

func TestSparksOfRulesInSight(t *testing.T) {
	f := frame(theme.Options{}, 180, 30)
	p := New()
	p.ShowRule(ruleID(f, "-A FORWARD -i eth1 -o eth0 -j ACCEPT"), f)
	second := func(hits uint64) {
		next := *f.Snap
		c := *next.Counts
		c.Rules = append([]model.Counters(nil), c.Rules...)
		c.Taken = c.Taken.Add(time.Second)
		c.Rules[ruleID(f, "-A FORWARD -i eth1 -o eth0 -j ACCEPT")].Packets += hits
		next.Counts, next.Previous = &c, next.Counts
		f.Snap = &next
		p.View(f)
		p.View(f) // drawn twice: counted once
	}
	next := *f.Snap
	next.Previous = next.Counts
	f.Snap = &next
	p.View(f)
	for _, n := range []uint64{100, 200, 0, 400} {
		second(n)
	}
	wants(t, text(p, f), "▃▅▁█")
	if strings.Contains(text(p, f), "▃▅▁██") {
		t.Error("a reading is counted twice")
	}
	// a ruleset with a rule put in above keeps the spark
	change(f, func(rs *model.Ruleset) {
		c := chainNamed(rs, "FORWARD")
		c.Rules = append([]model.Rule{{Text: "-A FORWARD -i lo -j ACCEPT", Counters: model.Counters{Valid: true}}}, c.Rules...)
	})
	p.View(f)
	second(400)
	wants(t, text(p, f), "▃▅▁██")
}

func TestProvenance(t *testing.T) {
	f := frame(theme.Options{}, 160, 40)
	p := New()
	p.ShowRule(ruleID(f, "-A FORWARD -o br0 -j DOCKER"), f)
	got := text(p, f)
	wants(t, got, " by ", "made by   docker")
	for _, l := range strings.Split(got, "\n") {
		if strings.Contains(l, "▸DOCKER ") && !strings.Contains(l, "docker") {
			t.Errorf("no badge: %q", l)
		}
		if strings.Contains(l, "any packet") && strings.Contains(l, "RETURN") && strings.Contains(l, "docker") {
			t.Errorf("a badge too many: %q", l)
		}
	}
	f.Filter = "docker"
	got = text(p, f)
	wants(t, got, "-o br0", "10.2.0.3/32", "by docker")
	if strings.Contains(got, "abuse 2026") == false {
		t.Error("the chain's name finds its rules, whoever made them")
	}
	if strings.Contains(got, "--dport 22") {
		t.Errorf("rules of nobody are found:\n%s", got)
	}
}

func TestTheRulesChangeUnderYou(t *testing.T) {
	f := frame(theme.Options{}, 120, 30)
	p := New()
	p.ShowRule(ruleID(f, "-A FORWARD -o br0 -j DOCKER"), f)
	do(t, p, f, "D")
	if p.menu != nil {
		t.Error("a list of no changes is opened")
	}
	change(f, func(rs *model.Ruleset) {}) // another generation, the same rules
	if got := text(p, f); strings.Contains(got, "rules changed") {
		t.Errorf("nothing changed:\n%s", got)
	}
	change(f, func(rs *model.Ruleset) {
		c := chainNamed(rs, "FORWARD")
		c.Rules = append([]model.Rule{{Text: "-A FORWARD -s 192.0.2.1/32 -j DROP", Target: "DROP"}, {Text: "-A FORWARD -s 192.0.2.2/32 -j DROP", Target: "DROP"}}, c.Rules[:4]...)
	})
	p.View(f)
	f.Now = f.Now.Add(3 * time.Second)
	got := text(p, f)
	wants(t, got, "rules changed 3 s ago: +2 -1 in filter/FORWARD (press D)")
	for _, l := range strings.Split(got, "\n") {
		if strings.Contains(l, "192.0.2.") && !strings.Contains(l, "│ + ") {
			t.Errorf("a new rule does not glow: %q", l)
		}
	}
	if r, _ := p.selected(); r.rule == nil || r.rule.Jump != "DOCKER" {
		t.Errorf("the selection went to %+v", r.rule)
	}
	do(t, p, f, "D")
	wants(t, text(p, f), "changes of the rules", "+2 -1 in filter/FORWARD", "-s 192.0.2.2/32", "-i eth1 -o eth0")
	do(t, p, f, "j", "enter")
	if r, _ := p.selected(); r.rule == nil || !strings.Contains(r.rule.Text, "192.0.2.2") {
		t.Errorf("enter leads to %+v", r.rule)
	}
	f.Now = f.Now.Add(newsTime)
	if got := text(p, f); strings.Contains(got, "rules changed") || strings.Contains(got, "│ + ") {
		t.Errorf("old news:\n%s", got)
	}
	// what is gone leads nowhere, and says so
	change(f, func(rs *model.Ruleset) {})
	p.View(f)
	do(t, p, f, "D")
	wants(t, text(p, f), "+1 -2 in filter/FORWARD")
	do(t, p, f, "G")
	do(t, p, f, "k", "k") // to an added rule of the older batch
	if cmd := p.doMenu("open"); cmd == nil || p.menu == nil {
		t.Error("a rule that is gone is gone to")
	}
}

// TestBaselineStays: what a rule and a chain counted before the baseline stays off where
// another rule comes in above, bytes as well; a counter that the kernel set back is shown
// as it is.
func TestBaselineStays(t *testing.T) {
	f := frame(theme.Options{}, 150, 40)
	p := New()
	p.View(f)
	do(t, p, f, "b")
	const hit, zeroed = "-A INPUT -d 203.0.113.10/32 -j DROP", "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"
	change(f, func(rs *model.Ruleset) {
		in := chainNamed(rs, "INPUT")
		in.Rules = append([]model.Rule{{Text: "-A INPUT -s 10.9.9.9/32 -j DROP", Target: "DROP"}}, in.Rules...)
	})
	in := chainNamed(f.Snap.Rules, "INPUT")
	rule := func(text string) *model.Rule {
		return &in.Rules[slices.IndexFunc(in.Rules, func(r model.Rule) bool { return r.Text == text })]
	}
	counts := f.Snap.Counts
	if counts.Rules[rule(hit).ID].Packets == 0 || counts.Chains[in.ID].Packets == 0 || counts.Rules[rule(zeroed).ID].Packets <= 2 {
		t.Fatal("nothing was counted before")
	}
	for _, c := range []*model.Counters{&counts.Rules[rule(hit).ID], &counts.Chains[in.ID]} {
		c.Packets, c.Bytes = c.Packets+5, c.Bytes+300
	}
	counts.Rules[rule(zeroed).ID] = model.Counters{Packets: 2, Bytes: 1 << 40, Valid: true}
	p.View(f)
	n := p.numbers(f)
	for name, want := range map[string]model.Counters{
		hit: {Packets: 5, Bytes: 300, Valid: true}, zeroed: {Packets: 2, Bytes: 1 << 40, Valid: true}} {
		if got, _ := n.rule(rule(name)); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if got, _ := n.of(row{chain: in}); got != (model.Counters{Packets: 5, Bytes: 300, Valid: true}) {
		t.Errorf("the chain: %+v", got)
	}
}

// TestEveryChangeIsNamed: the list of changes says of each what was and what is, and of
// those that are too many to keep how many they are.
func TestEveryChangeIsNamed(t *testing.T) {
	f := frame(theme.Options{}, 160, 60)
	p := New()
	p.View(f)
	change(f, func(rs *model.Ruleset) {
		chainNamed(rs, "INPUT").Policy = "DROP"
		c := chainNamed(rs, "FORWARD")
		c.Rules = append([]model.Rule{c.Rules[2]}, append(slices.Clone(c.Rules[:2]), c.Rules[3:]...)...)
		native := rs.Tables[len(rs.Tables)-1]
		for _, c := range native.Chains {
			for i := range c.Rules {
				if c.Rules[i].Handle == 5 {
					c.Rules[i].Text = "ip saddr @blocked counter accept"
				}
			}
		}
		more := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "zz", Chains: []*model.Chain{user("one", model.Rule{Text: "drop"})}}
		rs.Tables = append(rs.Tables, more)
	})
	p.View(f)
	do(t, p, f, "D")
	wants(t, text(p, f), "policy ACCEPT is now DROP", "moved: ", "ip saddr @blocked counter accept   (before: ip saddr @blocked counter drop)", "the table was added, 1 rule")
	do(t, p, f, "D")
	change(f, func(rs *model.Ruleset) {
		c := chainNamed(rs, "FORWARD")
		for i := range keptChanges {
			c.Rules = append(c.Rules, model.Rule{Text: fmt.Sprintf("-A FORWARD -m mark --mark %#x -j DROP", i+1)})
		}
	})
	p.View(f)
	do(t, p, f, "D")
	want := fmt.Sprintf("and %d more changes", p.news[len(p.news)-1].more)
	p.menu.cursor.Move(keptChanges, p.menu.at)
	if got := text(p, f); want == "and 0 more changes" || !strings.Contains(got, want) {
		t.Errorf("%q is not in\n%s", want, got)
	}
}

func TestAFilterLeadsBack(t *testing.T) {
	f := frame(theme.Options{}, 120, 30)
	p := New()
	p.ShowRule(ruleID(f, "-A DOCKER -d 10.2.0.3/32 -p tcp -m tcp --dport 8080 -j ACCEPT"), f)
	for _, s := range []string{"s", "sm", "smb"} {
		f.Filter = s
		p.View(f)
	}
	wants(t, text(p, f), "all that is found")
	f.Filter = ""
	p.View(f)
	if r, _ := p.selected(); r.rule == nil || r.chain.Name != "DOCKER" || r.rule.Index != 1 || !p.inRows {
		t.Errorf("a filter that is given up leads to %+v", r.rule)
	}
	f.Filter = "smb"
	p.View(f)
	do(t, p, f, "G")
	f.Filter = ""
	p.View(f)
	if r, _ := p.selected(); r.rule == nil || r.chain.Name == "DOCKER" {
		t.Errorf("what was selected under the filter is let go of: %+v", r)
	}
}

func TestAJumpLeadsOutOfTheFilter(t *testing.T) {
	f := frame(theme.Options{}, 140, 30)
	p := New()
	f.Filter = "-o br0"
	p.View(f)
	do(t, p, f, "enter", "j")
	if r, _ := p.selected(); r.rule == nil || r.rule.Jump != "DOCKER" {
		t.Fatalf("selected %+v", r.rule)
	}
	do(t, p, f, "enter")
	wants(t, text(p, f), "filter/DOCKER", "10.2.0.3/32", "10.2.0.2/32", "from ")
	do(t, p, f, "esc")
	if r, _ := p.selected(); r.rule == nil || r.rule.Jump != "DOCKER" || !strings.Contains(text(p, f), "1 rule found") {
		t.Errorf("esc does not lead back to what was found: %+v", r.rule)
	}
	p.ShowRule(ruleID(f, "-A DOCKER-USER -j RETURN"), f) // from another page
	if r, _ := p.selected(); r.rule == nil || r.rule.Text != "-A DOCKER-USER -j RETURN" {
		t.Errorf("a rule that the filter hides is not shown: %+v", r.rule)
	}
}

func TestASetOfManyIsCutInTheTree(t *testing.T) {
	f := frame(theme.Options{}, 120, 30)
	change(f, func(rs *model.Ruleset) {
		tb := rs.Tables[len(rs.Tables)-1]
		tb.Extra = []string{"set many {\n" + strings.Repeat("\t10.0.0.1,\n", 100_000) + "}"}
	})
	p := New()
	p.View(f)
	if n := len(p.nodeList(nil)); n > 300 {
		t.Errorf("a set of 100,000 lines makes %d rows of the tree", n)
	}
	k := chainKey{model.BackendNFTables, model.FamilyInet, "fw", "", "set many"}
	if !p.tree.Select(k) {
		t.Fatal("the set is not there")
	}
	wants(t, text(p, f), "10.0.0.1,")
	if len(p.rows) != 100_002 {
		t.Errorf("the panel has %d lines of the set", len(p.rows))
	}
}

// A rule that asks a verdict map is not for any packet: its box says for which.
func TestInspectVerdictMap(t *testing.T) {
	f := frame(theme.Options{}, 140, 60)
	change(f, withMap(false))
	p := New()
	text(p, f)
	p.ShowRule(ruleID(f, "tcp dport vmap @ways"), f)
	do(t, p, f, "i")
	got := text(p, f)
	wants(t, got, "if    the TCP destination port is in the map ways", "then  what the map ways says of it")
	if strings.Contains(got, "any packet") {
		t.Error(got)
	}
}

// A table that comes without a rule is told of by its name.
func TestEmptyTableIsNews(t *testing.T) {
	empty := diff.Change{Kind: diff.Added, What: diff.Table, Table: "nat"}
	for want, changes := range map[string][]diff.Change{
		"table nat added, without a rule":     {empty},
		"chain nat/X removed, without a rule": {{Kind: diff.Removed, What: diff.Chain, Table: "nat", Chain: "X"}},
		"2 places, without a rule":            {empty, {Kind: diff.Added, What: diff.Chain, Table: "nat", Chain: "X"}},
		"+3 in 2 places":                      {empty, {Kind: diff.Added, What: diff.Chain, Table: "nat", Chain: "X", Rules: 3}},
	} {
		if got := summary(changes); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A rule whose number the text does not have counts all the same.
func TestNoNumber(t *testing.T) {
	f := frame(theme.Options{}, 140, 60)
	change(f, func(rs *model.Ruleset) {
		rs.Tables = []*model.Table{
			{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "fw", Chains: []*model.Chain{user("c", model.Rule{Text: "drop", Target: "drop"}, model.Rule{Text: "counter accept", Target: "accept"})}},
			{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "filter", Chains: []*model.Chain{user("INPUT", model.Rule{Text: "-A INPUT -j DROP", Target: "DROP"})}}}
	})
	for rule, want := range map[string]string{
		"drop":             "counter     none: the rule does not count",
		"counter accept":   "counter     not known: the text was printed without numbers",
		"-A INPUT -j DROP": "counter     not known: the text was printed without numbers",
	} {
		p := New()
		p.View(f)
		p.ShowRule(ruleID(f, rule), f)
		do(t, p, f, "i")
		wants(t, text(p, f), want)
	}
}

// The tree tells of a Kubernetes chain which service it is for.
func TestServiceInTheTree(t *testing.T) {
	f := frame(theme.Options{}, 200, 60)
	change(f, func(rs *model.Ruleset) {
		kube, _, _ := ruleset.ParseFile("kube", []byte(rulesettest.Kube(1)))
		rs.Tables = kube.Tables
	})
	p, named := New(), false
	for _, l := range strings.Split(text(p, f), "\n") {
		tree, _, _ := strings.Cut(l, "│")
		named = named || strings.Contains(tree, "KUBE-SVC-") && strings.HasSuffix(strings.TrimSpace(tree), " shop-0:http")
	}
	if !named {
		t.Error(text(p, f))
	}
	f.Filter = "KUBE-SVC-" // the headings of what is found
	wants(t, text(p, f), "/shop-0:http, by kube-proxy;")
}
