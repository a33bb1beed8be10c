package ruleset

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nfscope/model"
)

const calls = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:a - [0:0]
:b - [0:0]
:c - [0:0]
:lost - [0:0]
:loop1 - [0:0]
:loop2 - [0:0]
:self - [0:0]
-A INPUT -j a
-A INPUT -p tcp -j a
-A FORWARD -g b
-A a -j b
-A b -j c
-A loop1 -j loop2
-A loop2 -j ACCEPT
-A loop2 -j loop1
-A self -j self
COMMIT
`

func load(t *testing.T, text string) *model.Ruleset {
	t.Helper()
	rs, _, found := ParseFile("f", []byte(text))
	for _, p := range found {
		if p.Fatal {
			t.Fatal(p)
		}
	}
	return rs
}

func TestGraph(t *testing.T) {
	rs := load(t, calls)
	x := NewIndex(rs)
	tb := rs.Tables[0]
	var callers []string
	for _, c := range x.Callers(tb.Chain("b")) {
		callers = append(callers, c.Chain.Name+" "+c.Rule.Text+map[bool]string{true: " goto"}[c.Goto])
	}
	if d := cmp.Diff([]string{"FORWARD -A FORWARD -g b goto", "a -A a -j b"}, callers); d != "" {
		t.Error(d)
	}
	g := x.Graph()
	for name, want := range map[string]int{"INPUT": 0, "a": 1, "b": 1, "c": 2, "lost": -1, "loop1": -1} {
		if got := g.Depth(tb.Chain(name)); got != want {
			t.Errorf("depth of %s: %d, want %d", name, got, want)
		}
	}
	if n := g.CallerCount(tb.Chain("a")); n != 2 {
		t.Errorf("callers of a: %d", n)
	}
	var lost, loops []string
	for _, n := range g.Unreachable() {
		lost = append(lost, n.Chain.Name)
	}
	for _, l := range g.Loops() {
		loops = append(loops, l.String())
	}
	if d := cmp.Diff([]string{"lost", "loop1", "loop2", "self"}, lost); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"filter: loop1 > loop2 > loop1", "filter: self > self"}, loops); d != "" {
		t.Error(d)
	}
}

// Verdict maps call chains too, those in the rule and those with a name.
func TestGraphOfMaps(t *testing.T) {
	rs := load(t, listed)
	x := NewIndex(rs)
	fw := rs.Tables[1]
	for chain, want := range map[string]int{"u2": 3, "mapped": 1} { // u2 by a jump and a goto of one rule
		if got := x.Callers(fw.Chain(chain)); len(got) != want {
			t.Errorf("%s has callers %v", chain, got)
		}
	}
}

// What a verdict map calls is not known where its elements were left in the kernel: the
// chain is not said to be unused then.
func TestGraphOfUnreadMaps(t *testing.T) {
	const text = `table inet fw {
	map ways {
		type inet_service : verdict
	}
	chain in {
		type filter hook input priority 0; policy accept;
		tcp dport vmap @ways
	}
	chain ssh {
		drop
	}
}
table inet plain {
	chain lost {
		drop
	}
}
`
	rs := load(t, text)
	for _, terse := range []bool{true, false} {
		rs.Terse = terse
		g := NewIndex(rs).Graph()
		var want []string
		if terse {
			want = []string{"map ways, which was not read,"}
		}
		if d := cmp.Diff(want, g.Unread(rs.Tables[0].Chain("ssh"))); d != "" {
			t.Errorf("terse %v: %s", terse, d)
		}
		for _, c := range []*model.Chain{rs.Tables[0].Chain("in"), rs.Tables[1].Chain("lost")} {
			if m := g.Unread(c); m != nil {
				t.Errorf("terse %v: %s is called by %v", terse, c.Name, m)
			}
		}
		lost := 2 // ssh and lost
		if terse {
			lost = 1
		}
		if got := g.Unreachable(); len(got) != lost {
			t.Errorf("terse %v: unreachable are %v", terse, got)
		}
		var tree, dot strings.Builder
		if err := errors.Join(WriteTree(&tree, rs, nil, 0), WriteDot(&dot, rs)); err != nil {
			t.Fatal(err)
		}
		if terse == strings.Contains(tree.String(), "ssh  never called") || strings.Count(dot.String(), "fontcolor=gray") != lost {
			t.Errorf("terse %v:\n%s%s", terse, &tree, &dot)
		}
	}
}

// unread says what may call a chain of the first table.
func unread(rs *model.Ruleset, chain string) string {
	return strings.Join(NewIndex(rs).Graph().Unread(rs.Tables[0].Chain(chain)), " ")
}

// What the elements of a verdict map call is known once they were read, jumps apart from
// gotos; of a map that was cut, what was read is known and the rest is not.
func TestGraphOfReadMaps(t *testing.T) {
	const text = `table inet fw {
	map ways {
		type inet_service : verdict
	}
	chain in {
		type filter hook input priority 0; policy accept;
		tcp dport vmap @ways
		udp dport vmap { 1 : jump ssh, 2 comment "a, : goto lost" : goto web, 3 : drop }
		jump { ip saddr vmap @ways }
	}
	chain ssh {
	}
	chain web {
	}
	chain lost {
	}
}
`
	for _, more := range []bool{false, true} {
		rs := load(t, text)
		rs.Terse = true
		tb := rs.Tables[0]
		if got := unread(rs, "lost"); got != "map ways, which was not read," {
			t.Errorf("before it is read: %q", got)
		}
		if d := cmp.Diff([]string{"ways"}, VerdictMaps(tb)); d != "" {
			t.Error(d)
		}
		read := model.VerdictMap{Name: "ways", Read: 3, More: more}
		if !PutElements(tb, read, []string{"22 : jump ssh", "80 comment \"a b\" : goto web", "81 : jump web"}) {
			t.Fatal("there is no such map")
		}
		x := NewIndex(rs)
		var got []string
		for _, c := range x.Graph().Calls(tb.Chain("in")) {
			got = append(got, fmt.Sprintf("%d %s %t", c.Rule.Index, c.To.Name, c.Goto))
		}
		want := []string{"1 ssh false", "1 web false", "1 web true", "2 ssh false", "2 web true", "3 ssh false", "3 web false", "3 web true"}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		var names []string
		for _, c := range x.Chosen(tb, &tb.Chain("in").Rules[0]) {
			names = append(names, c.Name)
		}
		if d := cmp.Diff([]string{"ssh", "web"}, names); d != "" {
			t.Error(d)
		}
		why, lost := "", 1
		if more {
			why, lost = "map ways, of which 3 elements were read,", 0
		}
		if got := unread(rs, "lost"); got != why {
			t.Errorf("cut %t: %q", more, got)
		}
		if n := len(x.Graph().Unreachable()); n != lost {
			t.Errorf("cut %t: %d are not reachable", more, n)
		}
		if got := UnreadMaps(rs, tb, &tb.Chain("in").Rules[0]); (len(got) == 1) != more {
			t.Errorf("cut %t: %v", more, got)
		}
		choices := Choices(tb, &tb.Chain("in").Rules[0])
		if d := cmp.Diff([]Choice{{"22", "ways", "ssh", false}, {"80", "ways", "web", true}, {"81", "ways", "web", false}}, choices); d != "" {
			t.Error(d)
		}
		choices = Choices(tb, &tb.Chain("in").Rules[1])
		if d := cmp.Diff([]Choice{{"1", "", "ssh", false}, {"2", "", "web", true}}, choices); d != "" {
			t.Error(d)
		}
	}
}

// Where the text of a rule could not be had, no chain of its table is said to be unused.
func TestGraphOfRulesWithoutText(t *testing.T) {
	rs := load(t, "*filter\n:INPUT ACCEPT [0:0]\n:a - [0:0]\n-A INPUT -j DROP\n-A a -j DROP\nCOMMIT\n")
	in := rs.Tables[0].Chain("INPUT")
	if got := unread(rs, "a"); got != "" {
		t.Error(got)
	}
	in.Rules[0] = model.Rule{Text: "# text unknown", Index: 1}
	if got := unread(rs, "a"); got != "the rule whose text is not known" || len(NewIndex(rs).Graph().Unreachable()) != 0 {
		t.Error(got)
	}
}

func TestIndex(t *testing.T) {
	rs := load(t, listed)
	x := NewIndex(rs)
	id := 0
	for _, tb := range rs.Tables {
		for _, c := range tb.Chains {
			if gt, gc := x.Owner(c.ID); gt != tb || gc != c {
				t.Errorf("Owner(%d) is %s", c.ID, gc.Name)
			}
			if gt, gc := x.Chain(tb.Backend, tb.Family, tb.Name, c.Name); gt != tb || gc != c {
				t.Errorf("Chain %s %s", tb.Name, c.Name)
			}
			if gt, gc := x.NFTChain(tb.Family, tb.Name, c.Name); gt != tb || gc != c {
				t.Errorf("NFTChain %s %s", tb.Name, c.Name)
			}
			for i := range c.Rules {
				if gt, gc, r := x.Rule(id); gt != tb || gc != c || r != &c.Rules[i] {
					t.Errorf("Rule(%d)", id)
				}
				if h := c.Rules[i].Handle; h != 0 {
					if gt, gc, r := x.ByHandle(tb.Family, tb.Name, c.Name, h); gt != tb || gc != c || r != &c.Rules[i] {
						t.Errorf("ByHandle %d", h)
					}
				}
				id++
			}
		}
	}
	for _, id := range []int{-1, id} {
		if _, _, r := x.Rule(id); r != nil {
			t.Errorf("Rule(%d) is %v", id, r)
		}
	}
	if _, c := x.Chain(model.BackendNFTables, model.FamilyIPv4, "filter", "INPUT"); c != nil {
		t.Error("a chain of iptables-nft given for nftables")
	}
	if tb, c, r := x.ByHandle(model.FamilyInet, "fw", "u", 999); tb == nil || c == nil || r != nil {
		t.Error("an unknown handle hides its chain")
	}
	if tb, _, _ := x.ByHandle(model.FamilyInet, "fw", "none", 1); tb != nil {
		t.Error("a table given for an unknown chain")
	}
	// A long chain, whose handles have a map.
	var b strings.Builder
	b.WriteString("table ip t {\n\tchain c {\n")
	for i := range 2 * longChain {
		b.WriteString("\t\tcounter packets 0 bytes 0 # handle " + string(rune('1'+i%9)) + strings.Repeat("0", i/9) + "\n")
	}
	rs = load(t, b.String()+"\t}\n}\n")
	x = NewIndex(rs)
	for i := range rs.Tables[0].Chains[0].Rules {
		want := &rs.Tables[0].Chains[0].Rules[i]
		if _, _, r := x.ByHandle(model.FamilyIPv4, "t", "c", want.Handle); r != want {
			t.Errorf("ByHandle %d is %v", want.Handle, r)
		}
	}
}

// place names a Base: table/chain@priority, with a ? where it is not sure.
func placeName(b Base) string {
	s := b.Table.Backend.Mark() + " " + b.Table.Name + "/" + b.Chain.Name + "@" + b.Priority.String()
	if !b.Sure {
		s += "?"
	}
	return s
}

func TestPipeline(t *testing.T) {
	legacy, _ := ParseSave("l", []byte("*filter\n:OUTPUT ACCEPT\nCOMMIT\n*nat\n:OUTPUT ACCEPT\nCOMMIT\n*raw\n:OUTPUT ACCEPT\nCOMMIT\n"), Options{})
	native, _ := ParseNFT("n", []byte(`table inet t { # handle 2
	chain f { # handle 1
		type filter hook output priority filter; policy accept;
	}
	chain g { # handle 2
		type filter hook output priority 20; policy accept;
	}
	chain h { # handle 3
		type filter hook output priority 20; policy accept;
	}
	chain n { # handle 4
		type nat hook output priority -110; policy accept;
	}
	chain e { # handle 5
		type filter hook output priority -105; policy accept;
	}
	chain in { # handle 6
		type filter hook input priority 0; policy accept;
	}
}
table ip6 six { # handle 3
	chain f { # handle 1
		type filter hook output priority 1; policy accept;
	}
}
table ip asleep { # handle 4
	flags dormant
	chain f { # handle 1
		type filter hook output priority 1; policy accept;
	}
}
`))
	rs := &model.Ruleset{Tables: append(legacy.Tables(), native...)}
	rs.Number()
	for family, want := range map[model.Family][]string{
		model.FamilyIPv4: {"L raw/OUTPUT@-300", "N t/e@-105", "N t/n@-100", "L nat/OUTPUT@-100", "L filter/OUTPUT@0?", "N t/f@0?", "N t/h@20", "N t/g@20"},
		model.FamilyIPv6: {"N t/e@-105", "N t/n@-100", "N t/f@0", "N six/f@1", "N t/h@20", "N t/g@20"},
	} {
		bases := Pipeline(rs, family, model.HookOutput)
		var got []string
		for _, b := range bases {
			got = append(got, placeName(b))
			if b.Sure != (b.Why == "") {
				t.Errorf("%s: %q", placeName(b), b.Why)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", family, d)
		}
	}
	bases := Pipeline(rs, model.FamilyIPv4, model.HookOutput)
	if at, ok := ConntrackAt(model.HookOutput, bases); !ok || at != 1 {
		t.Errorf("conntrack at %d, %v", at, ok)
	}
	if _, ok := ConntrackAt(model.HookForward, nil); ok {
		t.Error("conntrack in FORWARD")
	}
}
