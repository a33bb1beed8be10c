package lab

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/docs/labs"
	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/model/journey"
)

// TestCheck: evidence as it should be satisfies the lab; each spoiled part is named.
func TestCheck(t *testing.T) {
	l, err := Load(labs.FS, "gateway")
	if err != nil {
		t.Fatal(err)
	}
	one := *l
	i := l.Step("in")
	one.Steps = slices.Clone(l.Steps[i : i+1])
	e := *one.Steps[0].Expect
	e.State, one.Steps[0].Expect = "NEW", &e
	packets := uint64(3)
	one.Counters = []Counter{{At: "filter/FORWARD 1", Packets: &packets}, {At: "filter/FORWARD policy", Least: 1}}

	start := time.Unix(100, 0)
	addr := netip.MustParseAddr
	orig := model.Tuple{Proto: model.ProtoTCP, Src: addr("198.51.100.7"), SPort: 40000, Dst: addr("203.0.113.1"), DPort: 80}
	sound := func() Evidence {
		pkt := model.Packet{Proto: orig.Proto, Src: orig.Src, SPort: orig.SPort, Dst: orig.Dst, DPort: orig.DPort, Transport: true}
		var steps []journey.Step
		for _, s := range []journey.Step{{Table: "nat", Chain: "PREROUTING", Rule: 1}, {Table: "mangle", Chain: "FORWARD", Rule: 9},
			{Table: "filter", Chain: "FORWARD", Rule: 3}, {Table: "filter", Chain: "SERVICES", Rule: 2}, {Table: "filter", Chain: "FORWARD", Rule: 1}} {
			s.Kind = journey.KindRule
			steps = append(steps, s)
		}
		return Evidence{
			Results: []Result{{Word: Answered, Attempts: []Attempt{{Tuple: orig, Start: start, Answer: "app on server: you are 198.51.100.7:40000"}}}},
			Journeys: []*journey.Journey{
				{Start: start.Add(-time.Second), Packet: pkt, Outcome: journey.Outcome{Verdict: journey.Dropped}}, // of a round before
				{Start: start.Add(2 * time.Second), Packet: pkt},                                                  // a later packet
				{Start: start.Add(time.Second), Packet: pkt, CTState: "NEW", Steps: steps, Outcome: journey.Outcome{Verdict: journey.Accepted}},
			},
			Flows: []*flow.Flow{{Orig: flow.Side{Tuple: orig}, NAT: flow.NAT{Class: []flow.Class{flow.ClassDNAT}},
				Reply: flow.Side{Tuple: model.Tuple{Proto: model.ProtoTCP, Src: addr("10.2.0.2"), SPort: 8080, Dst: orig.Src, DPort: 40000}}}},
			Rules: &model.Ruleset{Tables: []*model.Table{{Name: "filter", Family: model.FamilyIPv4, Chains: []*model.Chain{{Name: "FORWARD",
				Counters: model.Counters{Packets: 1, Valid: true}, Rules: []model.Rule{{Counters: model.Counters{Packets: 3, Valid: true}}}}}}}},
		}
	}
	for _, c := range []struct {
		want  string
		spoil func(*Evidence)
	}{
		{"", func(*Evidence) {}},
		{"", func(e *Evidence) { e.Journeys, e.Flows, e.Rules = nil, nil, nil }},
		{"result: the lab states answered, there was nothing", func(e *Evidence) { e.Results = []Result{} }},
		{"result: the lab states answered, there was timed out", func(e *Evidence) { e.Results[0].Word = TimedOut }},
		{"answer: ", func(e *Evidence) { e.Results[0].Attempts[0].Answer = "app on server: you are 10.2.0.1:1" }},
		{"journey: ", func(e *Evidence) { e.Journeys = e.Journeys[:1] }},
		{"outcome: the lab states accepted, there was dropped", func(e *Evidence) { e.Journeys[2].Outcome.Verdict = journey.Dropped }},
		{"state: the lab states NEW, there was UNTRACKED", func(e *Evidence) { e.Journeys[2].CTState = "UNTRACKED" }},
		{"", func(e *Evidence) { e.Journeys[2].CTState = "" }}, // a kernel that does not tell
		{"rules hit: ", func(e *Evidence) { e.Journeys[2].Steps = e.Journeys[2].Steps[1:] }},
		{"rules hit: ", func(e *Evidence) {
			s := e.Journeys[2].Steps
			s[2], s[3] = s[3], s[2]
		}},
		{"flow: ", func(e *Evidence) { e.Flows[0].Orig.Tuple.SPort++ }},
		{"NAT class: the lab states dnat", func(e *Evidence) { e.Flows[0].NAT.Class = nil }},
		{"the replies' source: the lab states 10.2.0.2:8080, there was 10.2.0.2:8081", func(e *Evidence) { e.Flows[0].Reply.Tuple.SPort++ }},
		{"filter/FORWARD 1: the lab states 3 packets, there was 4", func(e *Evidence) { e.Rules.Tables[0].Chains[0].Rules[0].Counters.Packets++ }},
		{"filter/FORWARD 1: the lab states 3 packets, there was 4", func(e *Evidence) { // and one of five was sent again
			e.Results[0].Attempts[0].Resent = 1
			e.Rules.Tables[0].Chains[0].Rules[0].Counters.Packets += 2
		}},
		{"", func(e *Evidence) {
			e.Results[0].Attempts[0].Resent = 1
			e.Rules.Tables[0].Chains[0].Rules[0].Counters.Packets++
		}},
		{"filter/FORWARD 1: the lab states 3 packets, there was 4", func(e *Evidence) { // what was sent again did not come there
			e.Results[0].Attempts[0].Resent = 1
			e.Journeys[2].Steps = e.Journeys[2].Steps[:4]
			e.Rules.Tables[0].Chains[0].Rules[0].Counters.Packets++
		}},
		{"filter/FORWARD policy: the lab states at least 1", func(e *Evidence) { e.Rules.Tables[0].Chains[0].Counters.Packets = 0 }},
		{"filter/FORWARD 1: the lab states a counter, there was no such rule", func(e *Evidence) { e.Rules.Tables[0].Chains[0].Rules = nil }},
		{"filter/FORWARD 1: the lab states a counter, there was a rule without one", func(e *Evidence) { e.Rules.Tables[0].Chains[0].Rules[0].Counters.Valid = false }},
	} {
		ev := sound()
		c.spoil(&ev)
		got := Check(&one, ev)
		switch {
		case c.want == "" && len(got) != 0:
			t.Errorf("sound evidence: %v", got)
		case c.want != "" && (len(got) != 1 || !strings.Contains(got[0].String(), c.want)):
			t.Errorf("%v, expected %q", got, c.want)
		}
	}
	ev := sound()
	ev.Counts = &model.Counts{Generation: "before"}
	if got := Check(&one, ev); len(got) != 2 || got[0].Have != "only one of older rules" || got[1].Have != got[0].Have {
		t.Errorf("counters of other rules: %v", got)
	}
}

// TestCheckCulprit: the rule that a lab names must be the one that had the last word.
func TestCheckCulprit(t *testing.T) {
	l, err := Load(labs.FS, "close-the-door")
	if err != nil {
		t.Fatal(err)
	}
	one := *l
	one.Steps, one.Counters = l.Steps[l.Step("web"):l.Step("web")+1], nil
	tuple := model.Tuple{Proto: model.ProtoTCP, Src: netip.MustParseAddr("198.51.100.7"), SPort: 1, Dst: netip.MustParseAddr("203.0.113.10"), DPort: 80}
	j := &journey.Journey{Packet: model.Packet{Proto: tuple.Proto, Src: tuple.Src, SPort: 1, Dst: tuple.Dst, DPort: 80, Transport: true},
		Outcome: journey.Outcome{Verdict: journey.Dropped, Sentence: "dropped by rule 2 of filter/INPUT (iptables-nft): -A INPUT -d 203.0.113.10/32 -j DROP",
			By: journey.Culprit{Backend: model.BackendIptablesNFT, Table: "filter", Chain: "INPUT", Kind: "rule", Rule: 2}}}
	ev := Evidence{Results: []Result{{Word: TimedOut, Attempts: []Attempt{{Tuple: tuple}}}}, Journeys: []*journey.Journey{j}}
	if got := Check(one.With("iptables-legacy", "iptables-nft"), ev); len(got) != 0 {
		t.Errorf("with iptables-nft: %v", got)
	}
	if got := Check(&one, ev); len(got) != 2 { // backend and sentence
		t.Errorf("with iptables-legacy: %v", got)
	}
	j.Outcome.By.Rule = 3
	if got := Check(one.With("iptables-legacy", "iptables-nft"), ev); len(got) != 1 || got[0].Have != "rule 3" {
		t.Errorf("rule 3: %v", got)
	}
}
