package miss_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/model/ruleset"
)

func parse(tb testing.TB, text string) []*model.Table {
	tb.Helper()
	d, found := ruleset.ParseSave("test", []byte(text), ruleset.Options{Backend: model.BackendLegacy, Family: model.FamilyIPv4})
	for _, p := range found {
		tb.Error(p)
	}
	return d.Tables()
}

// long is a ruleset with one chain of n rules for one port each, and a packet to the port
// of the last; every tenth rule differs from the packet in one thing more.
func long(tb testing.TB, n int) *journey.Journey {
	tb.Helper()
	var b strings.Builder
	b.WriteString("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n")
	for i := 1; i <= n; i++ {
		s := " -s 10.9.0.0/16"
		if i%10 == 0 {
			s = ""
		}
		fmt.Fprintf(&b, "-A INPUT%s -p tcp -m tcp --dport %d -j ACCEPT\n", s, 1000+i)
	}
	b.WriteString("COMMIT\n")
	tables := parse(tb, b.String())
	rs := &model.Ruleset{Tables: tables}
	rs.Number()
	x := ruleset.NewIndex(rs)
	c := tables[0].Chain("INPUT")
	last := &c.Rules[n-1]
	return &journey.Journey{Closed: true, Complete: true, In: "eth0", Path: journey.PathInput, Rules: x, CTState: "NEW",
		Packet: model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoTCP, Src: netip.MustParseAddr("10.1.0.2"), Dst: netip.MustParseAddr("10.1.0.1"), SPort: 4,
			DPort: uint16(1000 + n), Transport: true},
		Steps: []journey.Step{{Backend: model.BackendLegacy, Hook: model.HookInput, Family: model.FamilyIPv4, Table: "filter", Base: "INPUT", Chain: "INPUT", Kind: journey.KindRule,
			Rule: n, Text: last.Text, Target: "ACCEPT", Verdict: model.VerdictAccept}}}
}

// TestBounds: of many misses the nearest stay, in the order of the chain, and all others
// are counted.
func TestBounds(t *testing.T) {
	const n = 30_000
	j := long(t, n)
	full := miss.New(miss.Known{}).Look(j, 0)
	if len(j.Steps) != 1 || len(full.Steps) != miss.MaxSteps+1 || full.MissesLeftOut != n-1-miss.MaxSteps {
		t.Fatalf("%d steps, %d left out", len(full.Steps), full.MissesLeftOut)
	}
	before := 0
	for i := range full.Steps[:miss.MaxSteps] {
		s := &full.Steps[i]
		if s.Rule <= before || s.Rule%10 != 0 || s.Rule <= n-miss.MaxRules {
			t.Fatalf("rule %d comes after %d", s.Rule, before)
		}
		if before = s.Rule; len(s.Because) != 1 || s.Because[0].Match != "tcp dport" || s.Because[0].Have != fmt.Sprint(1000+n) {
			t.Fatalf("%d: %v", s.Rule, s.Because)
		}
		if want := n - 1 - miss.MaxSteps; i == 0 && s.Beside != want || i > 0 && s.Beside != 0 {
			t.Fatalf("step %d: %d beside it", i, s.Beside)
		}
	}
	if before != n-10 || full.Steps[miss.MaxSteps].Kind != journey.KindRule {
		t.Errorf("the last miss is rule %d", before)
	}
}

// TestContradictionShows: a rule that should have matched and did not is never hidden.
func TestContradictionShows(t *testing.T) {
	j := long(t, 20)
	j.Packet.DPort = 1010 // rule 10 is for it, and the trace says that it was passed
	full := miss.New(miss.Known{}).Look(j, 0)
	s := &full.Steps[9]
	if s.Rule != 10 || !strings.HasPrefix(s.Note, "by its text it should have matched: ") || s.Because[0].Result != "unknown" {
		t.Errorf("%+v", s)
	}
	for i := range full.Steps {
		if i != 9 && full.Steps[i].Note != "" {
			t.Errorf("%+v", full.Steps[i])
		}
	}
}

// TestOpenAndForeign: a packet that is under way, and one whose rules are others, have no
// misses that are guessed.
func TestOpenAndForeign(t *testing.T) {
	j := long(t, 20)
	j.Steps[0].Text = "-A INPUT -j SOMETHING"
	if full := miss.New(miss.Known{}).Look(j, 0); len(full.Steps) != 1 {
		t.Errorf("misses of another ruleset: %d steps", len(full.Steps))
	}
	j = long(t, 20)
	j.Closed = false
	if full := miss.New(miss.Known{}).Look(j, 0); len(full.Steps) != 1 {
		t.Errorf("misses of a packet under way: %d steps", len(full.Steps))
	}
	j = long(t, 20)
	j.Complete, j.Why = false, "3 events were lost while it was under way"
	if full := miss.New(miss.Known{}).Look(j, 0); len(full.Assumptions) != 1 || !strings.Contains(full.Assumptions[0], "3 events were lost") {
		t.Errorf("assumed %q", full.Assumptions)
	}
}

// TestKnown: sets and local addresses are asked for. Where nobody knows, the one condition
// that can have failed did.
func TestKnown(t *testing.T) {
	text := "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -m set --match-set bad src -j DROP\n-A INPUT -m addrtype ! --dst-type LOCAL -j DROP\n-A INPUT -j ACCEPT\nCOMMIT\n"
	tables := parse(t, text)
	rs := &model.Ruleset{Tables: tables}
	rs.Number()
	j := long(t, 3)
	j.Rules = ruleset.NewIndex(rs)
	j.Steps[0].Text = tables[0].Chain("INPUT").Rules[2].Text
	full := miss.New(miss.Known{
		InSet: func(t *model.Table, set string, key []string) fact.Answer {
			return fact.Is(t.Name != "filter" || set != "bad" || len(key) != 1 || key[0] != "10.1.0.2 tcp:4 eth0  0x0")
		},
		Local: func(a netip.Addr) fact.Answer { return fact.Is(a.String() == "10.1.0.1") },
	}).Look(j, 0)
	if len(full.Steps) != 3 || full.Steps[0].Because[0].Have != "10.1.0.2" || full.Steps[0].Because[0].Result != "no" || len(full.Assumptions) > 0 || full.Steps[1].Because[0].Result != "no" {
		t.Errorf("%+v", full.Steps)
	}
	if blind := miss.New(miss.Known{}).Look(j, 0); blind.Steps[0].Because[0].Have != miss.Eliminated || blind.Steps[1].Because[0].Have != miss.Eliminated {
		t.Errorf("%+v", blind.Steps)
	}
}

// FuzzLook: steps that do not fit the rules give no panic, and each miss is of a rule
// that is there.
func FuzzLook(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0, 200, 7, 7, 9})
	tables := parse(f, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:A - [0:0]\n:B - [0:0]\n-A INPUT -j A\n-A INPUT -p tcp -g B\n-A INPUT -j DROP\n-A A -j B\n-A A -p udp\n-A B -m mark --mark 1 -j MARK --set-mark 7\n-A B -j RETURN\nCOMMIT\n")
	rs := &model.Ruleset{Tables: tables}
	rs.Number()
	x := ruleset.NewIndex(rs)
	f.Fuzz(func(t *testing.T, b []byte) {
		j := &journey.Journey{Closed: true, Rules: x, Packet: model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP}}
		for ; len(b) >= 3; b = b[3:] {
			s := journey.Step{Backend: model.BackendLegacy, Hook: model.HookInput, Family: model.FamilyIPv4, Table: "filter", Base: "INPUT",
				Chain: []string{"INPUT", "A", "B", "C"}[b[0]&3], Kind: []journey.Kind{journey.KindRule, journey.KindEnd, journey.KindPolicy, journey.KindReturn}[b[1]&3],
				Rule: int(b[2] & 7), Verdict: model.Verdict(b[1] >> 4), Target: []string{"A", "B", "INPUT", "C"}[b[0]>>2&3]}
			if _, c := x.Chain(s.Backend, s.Family, s.Table, s.Chain); c != nil && s.Rule >= 1 && s.Rule <= len(c.Rules) {
				s.Text = c.Rules[s.Rule-1].Text
			}
			j.Steps = append(j.Steps, s)
		}
		kept := 0
		for _, s := range miss.New(miss.Known{}).Look(j, 5).Steps {
			if s.Kind != journey.KindMiss {
				kept++
				continue
			}
			if _, c := x.Chain(s.Backend, s.Family, s.Table, s.Chain); c == nil || s.Rule < 1 || s.Rule > len(c.Rules) {
				t.Errorf("a miss of no rule: %+v", s)
			}
		}
		if kept != len(j.Steps) {
			t.Errorf("%d steps of %d are left", kept, len(j.Steps))
		}
	})
}

func BenchmarkLook10000(b *testing.B) {
	j := long(b, 10_000)
	f := miss.New(miss.Known{})
	for b.Loop() {
		f.Look(j, 0)
	}
}

func BenchmarkLookFirst10000(b *testing.B) {
	j := long(b, 10_000)
	for b.Loop() {
		miss.New(miss.Known{}).Look(j, 0)
	}
}

// TestSetsAreOfNow: what a set holds now counts only where it does not have the packet, and
// is told to be of now where the trace alone does not prove it.
func TestSetsAreOfNow(t *testing.T) {
	text := "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -m set --match-set bad src -m limit --limit 1/hour --limit-burst 1 -j DROP\n-A INPUT -m set --match-set bad src -j DROP\n-A INPUT -j ACCEPT\nCOMMIT\n"
	tables := parse(t, text)
	rs := &model.Ruleset{Tables: tables}
	rs.Number()
	j := long(t, 3)
	j.Rules = ruleset.NewIndex(rs)
	j.Steps[0].Text = tables[0].Chain("INPUT").Rules[2].Text
	for _, c := range []struct {
		in      fact.Answer
		first   string // Have and Result of the first rule's, then of the second's
		second  string
		assumed int
	}{
		{fact.No, "10.1.0.2 no", "10.1.0.2 no", 1},
		{fact.Yes, fact.Missing + "the members of the set unknown", miss.Eliminated + " no", 0},
		{fact.Unsure, fact.Missing + "the members of the set unknown", miss.Eliminated + " no", 0},
	} {
		full := miss.New(miss.Known{InSet: func(*model.Table, string, []string) fact.Answer { return c.in }}).Look(j, 0)
		a, b := full.Steps[0].Because[0], full.Steps[1].Because[0]
		if got := a.Have + " " + a.Result; got != c.first {
			t.Errorf("%s: the first is %q", c.in, got)
		}
		if got := b.Have + " " + b.Result; got != c.second || full.Steps[1].Note != "" {
			t.Errorf("%s: the second is %q %s", c.in, got, full.Steps[1].Note)
		}
		if len(full.Assumptions) != c.assumed {
			t.Errorf("%s: assumed %q", c.in, full.Assumptions)
		}
	}
}

// TestUnshown: of a fragment without headers nobody knows why a rule did not match.
func TestUnshown(t *testing.T) {
	j := long(t, 3)
	j.Packet = model.Packet{Family: model.FamilyIPv6, Extended: true, Unshown: true}
	steps := miss.New(miss.Known{}).Look(j, 0).Steps
	if len(steps) != 3 {
		t.Fatalf("%d steps", len(steps))
	}
	for _, s := range steps[:2] {
		if len(s.Because) > 0 || !strings.Contains(s.Note, "shows no header of this fragment") {
			t.Errorf("%s: %q, %+v", s.Text, s.Note, s.Because)
		}
	}
}
