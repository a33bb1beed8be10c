package connections

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/nat"
	"nfscope/model/ruleset"
	"nfscope/model/snapshot"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// translated is a page with one connection, 10.1.0.5:51000 to 93.184.216.34:443 behind
// 10.2.0.1, and rules of nat POSTROUTING.
func translated(t *testing.T, rules string) (*Page, *page.Frame, *flow.Flow) {
	t.Helper()
	f := frame(theme.Options{}, 120, 40)
	d, found := ruleset.ParseSave("test", []byte("*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"+rules+"COMMIT\n"),
		ruleset.Options{Backend: model.BackendLegacy, Family: model.FamilyIPv4})
	if len(found) > 0 {
		t.Fatal(found)
	}
	rs := &model.Ruleset{Tables: d.Tables()}
	rs.Number()
	o := model.Tuple{Proto: model.ProtoTCP, Src: netip.MustParseAddr("10.1.0.5"), SPort: 51000, Dst: netip.MustParseAddr("93.184.216.34"), DPort: 443}
	r := o.Reverse()
	r.Dst = netip.MustParseAddr("10.2.0.1")
	fl := &flow.Flow{ID: 77, Family: model.FamilyIPv4, State: "ESTABLISHED", Status: flow.SeenReply | flow.Assured | flow.SrcNAT, Seen: f.Now,
		Orig: flow.Side{Tuple: o}, Reply: flow.Side{Tuple: r}}
	local := []netip.Prefix{netip.MustParsePrefix("10.1.0.1/24"), netip.MustParsePrefix("10.2.0.1/24")}
	tab := flow.TableOf(fl)
	tab.SetHost(flow.HostFrom(rs, local))
	f.Snap = &snapshot.Snapshot{Version: 1, Time: f.Now, ConntrackInUse: true, Rules: rs, Index: ruleset.NewIndex(rs), Local: local,
		Flows: snapshot.Flows{Table: tab, Ready: true}}
	return New(), f, tab.Get(fl.Key())
}

// work does what waits beside the screen.
func work(p *Page, f *page.Frame) {
	for range 6 {
		if run := p.Work(f); run != nil {
			p.Done(run(), f)
		}
	}
}

// sent are the messages of a command.
func sent(c tea.Cmd) (out []tea.Msg) {
	if c == nil {
		return nil
	}
	switch m := c().(type) {
	case tea.BatchMsg:
		for _, c := range m {
			out = append(out, sent(c)...)
		}
	default:
		out = append(out, m)
	}
	return out
}

// TestRuleOfAConnection: the rule that made a mapping is inferred, gone to, and exact when
// the first packet was traced, whose ladder p shows.
func TestRuleOfAConnection(t *testing.T) {
	p, f, fl := translated(t, "-A POSTROUTING -p tcp -m length --length 1400:1500 -j SNAT --to-source 10.2.0.1\n-A POSTROUTING -m connmark --mark 0x5 -j LOG\n"+
		"-A POSTROUTING -s 10.1.0.0/24 -p tcp -j MASQUERADE\n")
	if fl.NAT.String() != "snat" {
		t.Fatalf("the rules alone tell them apart: %s", fl.NAT)
	}
	work(p, f)
	if got := text(p, f); !strings.Contains(got, "rule 1 of nat POSTROUTING or rule 3 of nat POSTROUTING (inferred;") {
		t.Errorf("before it was traced:\n%s", got)
	}
	if got := sent(p.Do(keys.Packets, f)); len(got) != 1 || !strings.Contains(got[0].(page.Say).Text, "none of its packets was traced") {
		t.Errorf("%v", got)
	}
	rule := f.Snap.Rules.Tables[0].Chains[1].Rules[2]
	pk := model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoTCP, Src: fl.Orig.Tuple.Src, Dst: fl.Orig.Tuple.Dst, SPort: 51000, DPort: 443, Flags: model.SYN, Transport: true}
	s := *f.Snap
	s.Version++
	s.Journeys = []*journey.Journey{{Number: 4, Flow: 77, FlowBy: journey.FlowByID, CTState: "NEW", Packet: pk, Steps: []journey.Step{
		{Kind: journey.KindRule, Hook: model.HookPostrouting, Backend: model.BackendLegacy, Family: model.FamilyIPv4, Table: "nat", Chain: "POSTROUTING", Rule: 3, Target: "MASQUERADE", Text: rule.Text}}}}
	f.Snap = &s
	work(p, f)
	if got := text(p, f); !strings.Contains(got, "rule 3 of nat POSTROUTING (iptables-legacy), traced") || !strings.Contains(got, "1 packet of it traced") {
		t.Errorf("no rule that was traced:\n%s", got)
	}
	if got := sent(p.Do(keys.Packets, f)); len(got) != 1 || got[0] != (page.GotoJourney{Number: 4}) {
		t.Errorf("p: %v", got)
	}
	got := sent(p.Do(keys.ToRule, f))
	if len(got) != 2 || got[0] != (page.GotoRule{RuleID: rule.ID}) || got[1].(page.Say).Text != "the rule that translates it (traced)" {
		t.Errorf("r: %v", got)
	}
}

// TestRulesInTurn: of several rules that may have made a translation r goes to one after another,
// and begins anew with another connection; where none is known yet, or none is left, it says so.
func TestRulesInTurn(t *testing.T) {
	t.Parallel()
	p, f, fl := translated(t, "-A POSTROUTING -p tcp -m length --length 1400:1500 -j SNAT --to-source 10.2.0.1\n-A POSTROUTING -s 10.1.0.0/24 -p tcp -j MASQUERADE\n")
	other := *fl
	other.ID, other.Orig.Tuple.SPort, other.Reply.Tuple.DPort = 78, 51001, 51001
	f.Snap.Flows.Table = flow.TableOf(fl, &other)
	rules := f.Snap.Rules.Tables[0].Chains[1].Rules
	goes := func(id int, says string) {
		t.Helper()
		if got := sent(p.Do(keys.ToRule, f)); len(got) != 2 || got[0] != (page.GotoRule{RuleID: id}) || got[1] != (page.Say{Text: says}) {
			t.Errorf("%v, expected rule %d, %q", got, id, says)
		}
	}
	says := func(want string) {
		t.Helper()
		if got := sent(p.Do(keys.ToRule, f)); len(got) != 1 || got[0] != (page.Say{Text: want}) {
			t.Errorf("%v, expected %q", got, want)
		}
	}
	says("its rules are being looked for")
	work(p, f)
	text(p, f)
	work(p, f)
	goes(rules[0].ID, "rule 1 of 2 that translate it, or may (inferred)")
	goes(rules[1].ID, "rule 2 of 2 that translate it, or may (inferred)")
	goes(rules[0].ID, "rule 1 of 2 that translate it, or may (inferred)")
	p.Do(keys.Down, f)
	goes(rules[0].ID, "rule 1 of 2 that translate it, or may (inferred)")
	if text(p, f); p.nature.stale != 0 || p.nature.looked != 2 {
		t.Errorf("%d of %d are stale", p.nature.stale, p.nature.looked)
	}
	_, without, _ := translated(t, "")
	s := *f.Snap
	s.Version++
	s.Rules, s.Index = without.Snap.Rules, without.Snap.Index
	f.Snap = &s
	work(p, f)
	says("no rule of now made its translation")
	if got := text(p, f); !strings.Contains(got, "source by  a rule that is not there any more") || !strings.Contains(got, "! 2 connections stale") {
		t.Errorf("with other rules:\n%s", got)
	}
	s.Version++
	s.Rules, s.Index = f.Snap.Rules, nil // read anew
	again := *s.Rules
	s.Rules = &again
	f.Snap = &s
	p.Work(f) // nobody has looked yet
	if got := text(p, f); strings.Contains(got, "stale") || strings.Contains(got, "source by") {
		t.Errorf("what other rules said stands there:\n%s", got)
	}
}

// TestRuleByASet: of two rules that match on sets the one is named whose set has the client,
// as far as the sets can be asked; what changes in them is seen a moment later. What
// addresses alone take for SNAT is called what the rule is.
func TestRuleByASet(t *testing.T) {
	const rules = "-A POSTROUTING -m set --match-set vip src -j SNAT --to-source 10.2.0.1\n-A POSTROUTING -m set --match-set lan src -j MASQUERADE\n"
	p, f, _ := translated(t, rules)
	work(p, f)
	if got := text(p, f); !strings.Contains(got, "rule 1 of nat POSTROUTING or rule 2 of nat POSTROUTING (inferred; which of them depends on what is not known)") {
		t.Errorf("without sets:\n%s", got)
	}
	p, f, _ = translated(t, rules)
	in, open := "lan", false
	p.Sets(func() nat.InSet {
		return func(_ *model.Table, set string, _ []string) fact.Answer {
			if open {
				return fact.Unsure
			}
			return fact.Is(set == in)
		}
	})
	work(p, f)
	if got := text(p, f); !strings.Contains(got, "rule 2 of nat POSTROUTING (iptables-legacy), inferred") || !strings.Contains(got, "MASQUERADE lets it leave") {
		t.Errorf("in lan:\n%s", got)
	}
	in = "vip"
	work(p, f)
	if !strings.Contains(text(p, f), "rule 2 of nat") {
		t.Error("the sets are asked all the time")
	}
	f.Now = f.Now.Add(setsAgain)
	work(p, f)
	if got := text(p, f); !strings.Contains(got, "rule 1 of nat POSTROUTING (iptables-legacy), inferred") || strings.Contains(got, "MASQUERADE lets it leave") {
		t.Errorf("in vip:\n%s", got)
	}
	in = "none of both"
	f.Now = f.Now.Add(time.Minute)
	work(p, f)
	if got := text(p, f); !strings.Contains(got, "stale: it leaves as 10.2.0.1:51000, and today no rule would translate it") || !strings.Contains(got, "! 1 connection stale") {
		t.Errorf("in no set:\n%s", got)
	}
	open = true
	f.Now = f.Now.Add(time.Minute)
	work(p, f)
	if got := text(p, f); strings.Contains(got, "stale") || !p.nature.least || !strings.Contains(got, "which of them depends on what is not known") {
		t.Errorf("the sets do not answer:\n%s", got)
	}
}

// TestSetsUnasked: of a list that a filter makes by asking sets it is told that there may be
// more in it where they did not answer; with answers, and without sets, it is not.
func TestSetsUnasked(t *testing.T) {
	t.Parallel()
	const note = "at least 0 of 1 connections  by age"
	for answer, want := range map[fact.Answer]bool{fact.Unsure: true, fact.No: false, fact.Yes: false} {
		p, f, _ := translated(t, "-A POSTROUTING -m set --match-set vip src -j SNAT --to-source 10.2.0.1\n")
		p.Sets(func() nat.InSet {
			return func(*model.Table, string, []string) fact.Answer { return answer }
		})
		f.Filter = "stale"
		finish(p, f)
		if got := text(p, f); strings.Contains(got, note) != want || strings.Contains(got, "! sets were not asked about all of them") != want {
			t.Errorf("the sets say %v:\n%s", answer, got)
		}
	}
}

// TestDoubtfulClasses: where rules of two kinds may have made a translation, the groups by NAT
// say so; elsewhere they do not.
func TestDoubtfulClasses(t *testing.T) {
	t.Parallel()
	const masquerade, note = "-A POSTROUTING -o eth1 -j MASQUERADE\n", "some of snat may be masquerade: rules of both kinds fit"
	for rules, want := range map[string]bool{
		"-A POSTROUTING -s 10.1.0.0/24 -j SNAT --to-source 10.2.0.1\n" + masquerade:     true,
		"-A POSTROUTING -s 10.1.0.0/24 -j SNAT --to-source 198.51.100.1\n" + masquerade: false,
		masquerade: false,
	} {
		p, f, _ := translated(t, rules)
		for p.order.want.kind != flow.OfNATClass {
			p.Do(keys.Group, f)
		}
		finish(p, f)
		if got := text(p, f); strings.Contains(got, note) != want {
			t.Errorf("%s\n%s", rules, got)
		}
		for f.Height = 20; p.height >= 3; f.Height-- {
			text(p, f)
		}
		if got := text(p, f); strings.Contains(got, note) {
			t.Errorf("where the groups have hardly room:\n%s", got)
		}
	}
}
