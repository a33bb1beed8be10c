package compare

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
)

func step(table, chain string, n int, text string, v model.Verdict) journey.Step {
	s := journey.Step{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Hook: model.HookForward, Table: table, Base: chain, Chain: chain, Kind: journey.KindRule, Rule: n, Text: text, Verdict: v}
	if n == 0 {
		s.Kind = journey.KindPolicy
	}
	switch chain {
	case "PREROUTING":
		s.Hook = model.HookPrerouting
	case "INPUT":
		s.Hook = model.HookInput
	}
	return s
}

func way(number int, dport uint16, outcome string, steps ...journey.Step) *journey.Journey {
	return &journey.Journey{Number: number, Steps: steps, Complete: true, Family: model.FamilyIPv4, In: "eth0", CTState: "NEW",
		Packet:  model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoTCP, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), SPort: 1, DPort: dport, Transport: true, Length: 60, TTL: 64},
		Outcome: journey.Outcome{Verdict: outcome, Sentence: outcome + " somewhere"}}
}

func TestSentence(t *testing.T) {
	t.Parallel()
	accept := step("filter", "FORWARD", 4, "-A FORWARD -p tcp -m tcp --dport 8080 -j ACCEPT", model.VerdictAccept)
	policy := step("filter", "FORWARD", 0, "", model.VerdictDrop)
	first := step("filter", "FORWARD", 1, "-A FORWARD -j LOG", model.VerdictContinue)
	miss := accept
	miss.Kind, miss.Verdict = journey.KindMiss, model.VerdictUnknown
	miss.Because = []journey.Because{{Match: "proto", Result: "yes"}, {Match: "dport", Want: "8080", Have: "8443", Result: "no"}}
	not := miss
	not.Because = []journey.Because{{Match: "conntrack ctstate", Want: "not DNAT", Have: "DNAT", Result: "no"}, {Match: "time 9:00", Have: "not known: the time", Result: "unknown"}}
	earlier := first
	earlier.Kind, earlier.Verdict = journey.KindMiss, model.VerdictUnknown
	limit, limited := first, first
	limit.Verdict, limited.Verdict = model.VerdictAccept, model.VerdictDrop
	dnat := step("nat", "PREROUTING", 1, "-A PREROUTING -j DNAT", model.VerdictAccept)
	changed := accept
	changed.Packet = journey.Delta{{Field: "dst", Value: "10.9.9.9"}}
	counted := step("filter", "FORWARD", 4, "-A FORWARD -m recent --name x -j ACCEPT", model.VerdictAccept)
	later := way(7, 8080, "accepted", accept)
	later.CTState = "ESTABLISHED"
	cut := way(7, 80, journey.Unknown)
	cut.Complete = false
	torn := way(7, 8080, journey.Unknown, first)
	torn.Complete = false
	elsewhere := way(7, 8080, "dropped", first)
	elsewhere.Outcome.Sentence = "dropped elsewhere"
	second := step("filter", "FORWARD", 2, "-A FORWARD -p sctp -j ACCEPT", model.VerdictAccept)
	for _, c := range []struct {
		name string
		a, b *journey.Journey
		part int
		want string
	}{
		{"by what they differ in", way(3, 8080, "accepted", first, accept), way(7, 8443, "dropped", first, policy), 1,
			"#3 and #7 go the same way until filter/FORWARD rule 4: #3 matches (-p tcp -m tcp --dport 8080 -j ACCEPT), #7 does not: dport is 8443, not 8080; it comes to the policy"},
		{"the other way round", way(7, 8443, "dropped", first, policy), way(3, 8080, "accepted", first, accept), 1,
			"#7 and #3 go the same way until filter/FORWARD rule 4: #3 matches (-p tcp -m tcp --dport 8080 -j ACCEPT), #7 does not: dport is 8443, not 8080; it comes to the policy"},
		{"by a near miss", way(3, 8080, "accepted", first, accept), way(7, 8443, "dropped", first, miss, policy), 1,
			"#3 and #7 go the same way until filter/FORWARD rule 4: #3 matches (-p tcp -m tcp --dport 8080 -j ACCEPT), #7 does not: dport 8443 is not 8080"},
		{"by what a rule does not want", way(3, 8080, "accepted", first, accept), way(7, 8443, "dropped", first, not, policy), 1,
			"#3 and #7 go the same way until filter/FORWARD rule 4: #3 matches (-p tcp -m tcp --dport 8080 -j ACCEPT), #7 does not: conntrack ctstate is DNAT; time 9:00 is not known: the time"},
		{"behind a rule that neither matched", way(3, 8080, "accepted", earlier, accept), way(7, 8443, "dropped", earlier, policy), 1,
			"#3 and #7 part at the first step, filter/FORWARD rule 4: #3 matches (-p tcp -m tcp --dport 8080 -j ACCEPT), #7 does not: dport is 8443, not 8080; it comes to the policy"},
		{"nothing to see", way(3, 80, "accepted", counted), way(7, 80, "dropped", policy), 0,
			"#3 and #7 part at the first step, filter/FORWARD rule 4: #3 matches (-m recent --name x -j ACCEPT), #7 does not: the packets differ in nothing that the rule is seen to ask for; it may count, or ask a set or the connection; it comes to the policy"},
		{"verdict", way(3, 80, "accepted", limit), way(7, 80, "dropped", limited), 0,
			"#3 and #7 part at the first step, filter/FORWARD rule 1 (-j LOG): the same rule does accept to #3 and drop to #7"},
		{"headers", way(3, 8080, "accepted", changed), way(7, 8080, "accepted", accept), 0,
			"#3 and #7 part at the first step, filter/FORWARD rule 4 (-p tcp -m tcp --dport 8080 -j ACCEPT): it finds or leaves other headers: #3 dst 10.9.9.9, #7 none"},
		{"nat", way(3, 8080, "accepted", dnat, accept), later, 0,
			"#3 and #7 part at the first step, nat/PREROUTING rule 1 (-j DNAT): #3 comes there, #7 does not: chains of nat see only the first packet of a connection"},
		{"routing", way(3, 8080, "accepted", first, accept), way(7, 8080, "dropped", step("filter", "INPUT", 0, "", model.VerdictDrop)), 0,
			"#3 and #7 part at the first step, filter/FORWARD: #3 goes to forward, #7 to input"},
		{"one ends", way(3, 8080, "accepted", first, accept), way(7, 8080, "dropped", first), 1,
			"#3 and #7 go the same way until filter/FORWARD: #3 goes on to rule 4 (-p tcp -m tcp --dport 8080 -j ACCEPT); #7 was dropped somewhere"},
		{"not all seen", way(3, 8080, "accepted", first, accept), torn, 1,
			"#3 and #7 go the same way until filter/FORWARD: #3 goes on to rule 4 (-p tcp -m tcp --dport 8080 -j ACCEPT); #7 was unknown somewhere. Not all of #7 was seen"},
		{"the same", way(3, 8080, "accepted", first, accept), way(7, 8080, "accepted", first, accept), -1, "#3 and #7 go the same way, and both were accepted somewhere"},
		{"two ends of one kind", way(3, 8080, "dropped", first), elsewhere, -1, "#3 and #7 go the same way, but #3 was dropped somewhere and #7 was dropped elsewhere"},
		{"an end that was not seen", way(3, 8080, "accepted", first), torn, -1, "#3 and #7 go the same way, but #3 was accepted somewhere and #7 was unknown somewhere. Not all of #7 was seen"},
		{"other rules missed", way(3, 8080, "accepted", earlier, policy), way(7, 8080, "accepted", missed(second), policy), -1,
			"#3 and #7 go the same way, and both were accepted somewhere"},
		{"another end", way(3, 8080, "accepted", accept), way(7, 8080, "unknown", accept), -1, "#3 and #7 go the same way, but #3 was accepted somewhere and #7 was unknown somewhere"},
		{"nothing known", way(3, 80, "unknown"), cut, -1, "of #3 and #7 no step is known. Not all of #7 was seen"},
	} {
		got := Journeys(c.a, c.b)
		if got.Sentence != c.want || got.Part != c.part {
			t.Errorf("%s: part %d\n%s\nwant %d\n%s", c.name, got.Part, got.Sentence, c.part, c.want)
		}
	}
}

// missed is a step's rule where it did not match.
func missed(s journey.Step) journey.Step {
	s.Kind, s.Verdict = journey.KindMiss, model.VerdictContinue
	s.Because = []journey.Because{{Match: "protocol", Want: "sctp", Have: "udp", Result: "no"}}
	return s
}

// under gives a journey the rules that were in force: of each chain in their order.
func under(j *journey.Journey, generation string, chains ...*model.Chain) *journey.Journey {
	rs := &model.Ruleset{Generation: generation}
	for _, c := range chains {
		table := map[string]string{"FORWARD": "filter", "PREROUTING": "nat", "RAW": "raw"}[c.Name]
		if c.Name == "RAW" {
			c.Name = "PREROUTING"
		}
		rs.Tables = append(rs.Tables, &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: table, Chains: []*model.Chain{c}})
	}
	rs.Number()
	j.Rules = ruleset.NewIndex(rs)
	return j
}

func chain(name string, hook model.Hook, at model.Priority, texts ...string) *model.Chain {
	c := &model.Chain{Name: name, Hook: hook, Priority: at}
	for _, t := range texts {
		c.Rules = append(c.Rules, model.Rule{Text: t})
	}
	return c
}

// TestRulesChanged: of packets under different rules a rule that has another number is the
// same one, and one that was not there matched nobody.
func TestRulesChanged(t *testing.T) {
	t.Parallel()
	const sctp, web = "-A FORWARD -p sctp -j ACCEPT", "-A FORWARD -p tcp -m tcp --dport 8080 -j ACCEPT"
	now := func(texts ...string) *model.Chain { return chain("FORWARD", model.HookForward, 0, texts...) }
	first, second := step("filter", "FORWARD", 1, web, model.VerdictAccept), step("filter", "FORWARD", 2, web, model.VerdictAccept)
	third := step("filter", "FORWARD", 3, web, model.VerdictAccept)
	const all = "-A FORWARD -j ACCEPT"
	rest, rest2 := step("filter", "FORWARD", 1, all, model.VerdictAccept), step("filter", "FORWARD", 2, all, model.VerdictAccept)
	log, again := step("filter", "FORWARD", 1, "-A FORWARD -j LOG", model.VerdictContinue), step("filter", "FORWARD", 2, "-A FORWARD -j LOG", model.VerdictContinue)
	policy := step("filter", "FORWARD", 0, "", model.VerdictDrop)
	for _, c := range []struct {
		name string
		a, b *journey.Journey
		want string
	}{
		{"another number", under(way(3, 8080, "accepted", first), "1", now(web)), under(way(7, 8080, "accepted", missed(step("filter", "FORWARD", 1, sctp, 0)), second), "2", now(sctp, web)),
			"#3 and #7 go the same way, and both were accepted somewhere"},
		{"the same rules", under(way(3, 8080, "accepted", first), "1", now(web, web)), under(way(7, 8080, "accepted", second), "1", now(web, web)),
			"#3 and #7 part at the first step, filter/FORWARD rule 1: #3 matches (-p tcp -m tcp --dport 8080 -j ACCEPT), #7 does not: the packets differ in nothing that the rule is seen to ask for; it may count, or ask a set or the connection; it comes to rule 2"},
		{"a new rule", under(way(3, 8080, "dropped", policy), "1", now(sctp)), under(way(7, 8080, "accepted", second), "2", now(sctp, web)),
			"#3 and #7 part at the first step, filter/FORWARD rule 2: #7 matches (-p tcp -m tcp --dport 8080 -j ACCEPT), #3 does not: the rules changed between them, and that one was not there then; it comes to the policy"},
		{"a rule that reads otherwise now", under(way(3, 8080, "accepted", first), "1", now(web)), under(way(7, 8080, "dropped", step("filter", "FORWARD", 1, "-A FORWARD -j DROP", model.VerdictDrop)), "2", now("-A FORWARD -j DROP")),
			"#3 and #7 part at the first step, filter/FORWARD rule 1: #7 matches (-j DROP), #3 does not: the rules changed between them, and that one was not there then; it comes to rule 1"},
		{"one of two that read alike", under(way(3, 8080, "accepted", first), "1", now(web, web)), under(way(7, 8080, "accepted", second), "2", now(web, web)),
			"#3 and #7 part at the first step, filter/FORWARD rule 1: #3 matches (-p tcp -m tcp --dport 8080 -j ACCEPT), #7 does not: the packets differ in nothing that the rule is seen to ask for; it may count, or ask a set or the connection; it comes to rule 2"},
		{"two that read alike behind a new one", under(way(3, 8080, "accepted", second), "1", now(web, web)), under(way(7, 8080, "accepted", third), "2", now(sctp, web, web)),
			"#3 and #7 go the same way, and both were accepted somewhere"},
		{"the second one is new", under(way(3, 8080, "accepted", log, policy), "1", now(log.Text)), under(way(7, 8080, "accepted", log, again, policy), "2", now(log.Text, log.Text)),
			"#3 and #7 go the same way until filter/FORWARD rule 2: #7 matches (-j LOG), #3 does not: the rules changed between them, and that one was not there then; it comes to the policy"},
		{"another order", under(way(3, 8080, "accepted", first), "1", now(web, all)), under(way(7, 8080, "accepted", rest), "2", now(all, web)),
			"#3 and #7 part at the first step, filter/FORWARD: the rules were put in another order between them; #3 matches rule 1 (-p tcp -m tcp --dport 8080 -j ACCEPT) first, #7 rule 1 (-j ACCEPT)"},
		{"another order, and a step more", under(way(3, 8080, "accepted", log, second), "1", now(log.Text, web)), under(way(7, 8080, "accepted", first), "2", now(web, log.Text)),
			"#3 and #7 part at the first step, filter/FORWARD: the rules were put in another order between them; #3 matches rule 1 (-j LOG) first, #7 rule 1 (-p tcp -m tcp --dport 8080 -j ACCEPT)"},
		{"another number, and passed", under(way(3, 8080, "accepted", second), "1", now(sctp, web)), under(way(7, 8443, "accepted", rest2), "2", now(web, all)),
			"#3 and #7 part at the first step, filter/FORWARD rule 2: #3 matches (-p tcp -m tcp --dport 8080 -j ACCEPT), #7 does not: dport is 8443, not 8080; it comes to rule 2"},
		{"a new one, the old one is behind it", under(way(3, 8080, "accepted", rest), "1", now(all, sctp, web)), under(way(7, 8080, "accepted", first), "2", now(web, sctp)),
			"#3 and #7 part at the first step, filter/FORWARD rule 1: #3 matches (-j ACCEPT), #7 does not: the rules changed between them, and that one was not there then; it comes to rule 1"},
	} {
		if got := Journeys(c.a, c.b).Sentence; got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// TestNotTracked: raw comes before nat, whichever packet was there, and what is not tracked
// is no later packet of a connection.
func TestNotTracked(t *testing.T) {
	t.Parallel()
	const notrack = "-A PREROUTING -p tcp -m tcp --dport 9 -j CT --notrack"
	raw := step("raw", "PREROUTING", 1, notrack, model.VerdictContinue)
	nat := step("nat", "PREROUTING", 0, "", model.VerdictAccept)
	accept := step("filter", "FORWARD", 0, "", model.VerdictAccept)
	rules := func() []*model.Chain {
		return []*model.Chain{chain("RAW", model.HookPrerouting, -300, notrack), chain("PREROUTING", model.HookPrerouting, -100)}
	}
	free, bound := way(7, 9, "accepted", raw, accept), way(3, 8080, "accepted", nat, accept)
	none := func() []*model.Chain { return nil }
	for _, rules := range []func() []*model.Chain{rules, none} { // iptables' own tables have their order without it
		free, bound := under(free, "1", rules()...), under(bound, "1", rules()...)
		if c := Journeys(bound, free); c.Part != 0 || c.Rows[0].A != -1 || c.Rows[0].B != 0 {
			t.Errorf("they part at row %d, %+v: %s", c.Part, c.Rows[0], c.Sentence)
		}
	}
	bound = under(way(3, 8080, "accepted", nat, accept), "1")
	free = under(way(7, 9, "accepted", accept), "1")
	free.CTState = "UNTRACKED"
	if got, want := Journeys(bound, free).Sentence, "#3 and #7 part at the first step, nat/PREROUTING the policy: #3 comes there, #7 does not: chains of nat see no packet that is not tracked"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	// Where both were in the chain, the rule that one of them passed is told of.
	policy := step("raw", "PREROUTING", 0, "", model.VerdictAccept)
	if got, want := Journeys(way(7, 9, "accepted", raw, policy), way(3, 8080, "accepted", policy)).Sentence,
		"#7 and #3 part at the first step, raw/PREROUTING rule 1: #7 matches (-p tcp -m tcp --dport 9 -j CT --notrack), #3 does not: dport is 8080, not 9; it comes to the policy"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestUnseenByNAT: that nat sees only the first packet is said of a later packet of the same
// family alone.
func TestUnseenByNAT(t *testing.T) {
	t.Parallel()
	nat, accept := step("nat", "PREROUTING", 1, "-A PREROUTING -j DNAT", model.VerdictAccept), step("filter", "FORWARD", 0, "", model.VerdictAccept)
	bridged := nat
	bridged.Backend, bridged.Family = model.BackendIptablesNFT, model.FamilyBridge
	over := accept
	over.Backend, over.Family = model.BackendIptablesNFT, model.FamilyBridge
	const only, none = "see only the first packet of a connection", "see no packet that is not tracked"
	for _, c := range []struct {
		name        string
		nat, accept journey.Step
		edit        func(j, k *journey.Journey)
		want        string
	}{
		{"new", nat, accept, func(_, k *journey.Journey) { k.CTState = "NEW" }, ""},
		{"a later one of the same flow", nat, accept, func(j, k *journey.Journey) { j.Flow, k.Flow = 5, 5 }, only},
		{"of another flow", nat, accept, func(j, k *journey.Journey) { j.Flow, k.Flow = 5, 6 }, ""},
		{"an answer", nat, accept, func(_, k *journey.Journey) { k.Direction = journey.Reply }, only},
		{"established", nat, accept, func(_, k *journey.Journey) { k.CTState = "ESTABLISHED" }, only},
		{"an error of a connection", nat, accept, func(_, k *journey.Journey) { k.CTState, k.Packet.Proto = "RELATED", model.ProtoICMP }, only},
		{"the first of a second connection", nat, accept, func(_, k *journey.Journey) { k.CTState = "RELATED" }, ""},
		{"invalid", nat, accept, func(_, k *journey.Journey) { k.CTState = "INVALID" }, ""},
		{"not tracked", nat, accept, func(_, k *journey.Journey) { k.CTState = "UNTRACKED" }, none},
		{"another family", nat, accept, func(_, k *journey.Journey) { k.CTState, k.Family = "ESTABLISHED", model.FamilyIPv6 }, ""},
		{"ebtables", bridged, accept, func(_, k *journey.Journey) { k.CTState = "ESTABLISHED" }, ""},
		{"bridged only", nat, over, func(_, k *journey.Journey) { k.CTState = "ESTABLISHED" }, ""},
	} {
		j, k := way(3, 8080, "accepted", c.nat), way(7, 8080, "accepted", c.accept)
		c.edit(j, k)
		if got := unseenByNAT(j, k, &c.nat, &c.accept); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if got := Journeys(j, k).Sentence; strings.Contains(got, "chains of nat") != (c.want != "") {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// TestSooner: a device's hooks lie around those of IP, and a bridge's own before and behind
// them, whatever the priorities.
func TestSooner(t *testing.T) {
	t.Parallel()
	type spot struct {
		family model.Family
		hook   model.Hook
		at     model.Priority
	}
	ip, br, dev, arpt, inet := model.FamilyIPv4, model.FamilyBridge, model.FamilyNetdev, model.FamilyARP, model.FamilyInet
	for _, c := range []struct {
		a, b   spot
		ab, ba bool // whether a is surely first, or b
		why    string
	}{
		{spot{dev, model.HookIngress, 500}, spot{ip, model.HookPrerouting, -300}, true, false, "ingress"},
		{spot{inet, model.HookIngress, 500}, spot{ip, model.HookInput, -300}, true, false, "ingress of inet"},
		{spot{dev, model.HookIngress, 1}, spot{inet, model.HookIngress, 2}, true, false, "two at ingress"},
		{spot{ip, model.HookPostrouting, 300}, spot{dev, model.HookEgress, -300}, true, false, "egress"},
		{spot{dev, model.HookIngress, 300}, spot{dev, model.HookEgress, -300}, true, false, "a device's own"},
		{spot{ip, model.HookPrerouting, 300}, spot{ip, model.HookForward, -300}, true, false, "hooks"},
		{spot{ip, model.HookInput, -300}, spot{ip, model.HookForward, 300}, false, false, "two ways"},
		{spot{ip, model.HookForward, -1}, spot{inet, model.HookForward, 300}, true, false, "priorities"},
		{spot{br, model.HookPrerouting, -100}, spot{ip, model.HookPrerouting, -300}, true, false, "bridge first"},
		{spot{br, model.HookPrerouting, 100}, spot{ip, model.HookPrerouting, -300}, false, false, "perhaps within the bridge"},
		{spot{br, model.HookPrerouting, 100}, spot{ip, model.HookForward, -300}, true, false, "before IP's next hook"},
		{spot{br, model.HookInput, 0}, spot{ip, model.HookPrerouting, 0}, false, false, "br_netfilter turns them"},
		{spot{br, model.HookPrerouting, 300}, spot{br, model.HookForward, -300}, true, false, "a bridge's own"},
		{spot{ip, model.HookOutput, 300}, spot{br, model.HookPostrouting, -300}, true, false, "out by a bridge"},
		{spot{ip, model.HookPostrouting, 300}, spot{br, model.HookPostrouting, -300}, false, false, "perhaps within it"},
		{spot{dev, model.HookIngress, 0}, spot{br, model.HookPrerouting, 0}, false, false, "the port's or the bridge's"},
		{spot{arpt, model.HookInput, 0}, spot{ip, model.HookInput, 5}, false, false, "arp"},
	} {
		of := func(s spot) (*journey.Step, journey.Rules) {
			tb := &model.Table{Backend: model.BackendNFTables, Family: s.family, Name: "t", Chains: []*model.Chain{{Name: "c", Hook: s.hook, Priority: s.at}}}
			rs := &model.Ruleset{Tables: []*model.Table{tb}}
			rs.Number()
			return &journey.Step{Backend: tb.Backend, Family: s.family, Hook: s.hook, Table: "t", Base: "c", Chain: "c"}, ruleset.NewIndex(rs)
		}
		a, x := of(c.a)
		b, y := of(c.b)
		if got := (&pairing{x: y, y: x}).sooner(b, a); got != c.ab {
			t.Errorf("%s: the first is surely first: %t", c.why, got)
		}
		if got := (&pairing{x: x, y: y}).sooner(a, b); got != c.ba {
			t.Errorf("%s: the second is surely first: %t", c.why, got)
		}
	}
	ebtables := &journey.Step{Backend: model.BackendIptablesNFT, Family: model.FamilyBridge, Table: "nat", Base: "PREROUTING"}
	if p, ok := priority(nil, ebtables); ok {
		t.Errorf("ebtables' nat is at %s, as that of IP is", p)
	}
}

// TestRows: each step stands in one row, in its order; and who is compared with whom
// changes nothing but the sides.
func TestRows(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	random := func() []journey.Step {
		var out []journey.Step
		for range rng.IntN(12) {
			s := step("filter", []string{"FORWARD", "INPUT", "PREROUTING"}[rng.IntN(3)], rng.IntN(3), "x", model.VerdictContinue)
			s.Depth = rng.IntN(2)
			out = append(out, s)
		}
		return out
	}
	for range 500 {
		a, b := way(1, 1, "x", random()...), way(2, 2, "x", random()...)
		c := Journeys(a, b)
		x, y := 0, 0
		for _, r := range c.Rows {
			if r.A >= 0 {
				if r.A != x {
					t.Fatalf("step %d of the first, want %d", r.A, x)
				}
				x++
			}
			if r.B >= 0 {
				if r.B != y {
					t.Fatalf("step %d of the second, want %d", r.B, y)
				}
				y++
			}
			if r.A >= 0 && r.B >= 0 && !same(&a.Steps[r.A], &b.Steps[r.B]) || r.A < 0 && r.B < 0 {
				t.Fatalf("row %+v", r)
			}
		}
		if x != len(a.Steps) || y != len(b.Steps) || c.Sentence == "" {
			t.Fatalf("%d and %d steps in rows, want %d and %d: %q", x, y, len(a.Steps), len(b.Steps), c.Sentence)
		}
		if back := Journeys(b, a); (back.Part < 0) != (c.Part < 0) || len(back.Fields) != len(c.Fields) {
			t.Fatalf("%d and back %d", c.Part, back.Part)
		}
		if self := Journeys(a, way(3, 1, "x", a.Steps...)); self.Part != -1 {
			t.Fatalf("it parts from itself at %d: %s", self.Part, self.Sentence)
		}
	}
}

// TestLong: ladders without an end are still compared.
func TestLong(t *testing.T) {
	t.Parallel()
	var a, b []journey.Step
	for i := range 3000 {
		a = append(a, step("filter", "FORWARD", i+1, "x", model.VerdictContinue))
		b = append(b, step("filter", "FORWARD", i+2, "x", model.VerdictContinue))
	}
	if c := Journeys(way(1, 1, "x", a...), way(2, 1, "x", b...)); len(c.Rows) != 6000 || c.Part != 0 {
		t.Errorf("%d rows, part %d", len(c.Rows), c.Part)
	}
}

// TestApply: the changes between two packets make the one of the other.
func TestApply(t *testing.T) {
	t.Parallel()
	a := way(1, 80, "x").Packet
	b := a
	b.Src, b.Dst, b.SPort, b.DPort, b.TTL, b.Mark, b.TOS, b.Length = netip.MustParseAddr("10.5.5.5"), netip.MustParseAddr("10.6.6.6"), 9, 8, 63, 0x20, 4, 50
	got := a
	journey.Diff(&a, &b).Apply(&got)
	if !reflect.DeepEqual(got, b) {
		t.Errorf("%+v, want %+v", got, b)
	}
	for _, f := range fields(way(1, 80, "x"), way(2, 80, "x"), &a, &b) {
		if len(words(f.Name)) == 0 || strings.TrimSpace(f.Name) == "" {
			t.Errorf("no rule asks for %q", f.Name)
		}
	}
}
