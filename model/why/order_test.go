package why

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/model/ruleset"
)

// TestProvedOrder: of two chains at one priority that both drop, the one that a traced packet
// proved to be called first is it, the newest packet's word before older ones'; where none
// proved it both may be, and it is said that the order is not known.
func TestProvedOrder(t *testing.T) {
	chain := func(name, policy string) *model.Chain {
		return &model.Chain{Name: name, Hook: model.HookForward, Policy: policy}
	}
	legacy := &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "filter", Chains: []*model.Chain{chain("FORWARD", "DROP")}}
	native := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "fw", Chains: []*model.Chain{chain("f", "drop")}}
	late := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "late", Chains: []*model.Chain{chain("f", "drop")}}
	late.Chains[0].Priority = 5
	rs := &model.Ruleset{Tables: []*model.Table{legacy, native, late}}
	rs.Number()
	l, n := model.CalledOf(legacy, legacy.Chains[0]), model.CalledOf(native, native.Chains[0])
	proof := func(first, then model.Called) *journey.Journey {
		return &journey.Journey{Orders: []journey.Order{{First: first, Then: then}}}
	}
	const byLegacy, byNative = "the policy of filter/FORWARD (iptables-legacy)", "the policy of inet fw/f (nftables)"
	f, err := filter.Parse("udp and src host 10.1.0.2 and dst host 10.2.0.2 and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	d := &drop.Drop{Source: drop.StepBPF, Reason: "NETFILTER_DROP", Station: drop.StationNetfilter, Hook: model.HookForward, In: "r0", Out: "r1", Count: 1,
		Packet: model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Transport: true, Src: netip.MustParseAddr("10.1.0.2"), Dst: netip.MustParseAddr("10.2.0.2"), SPort: 4000, DPort: 9}}
	for _, c := range []struct {
		name     string
		journeys []*journey.Journey
		suspects []string
	}{
		{"nothing is proved", nil, []string{byLegacy, byNative}},
		{"legacy first", []*journey.Journey{proof(l, n)}, []string{byLegacy}},
		{"nf_tables first", []*journey.Journey{{}, proof(n, l)}, []string{byNative}},
		{"it was the other way round before", []*journey.Journey{proof(n, l), proof(l, n)}, []string{byLegacy}},
		{"it was the other way round before that", []*journey.Journey{proof(l, n), proof(n, l)}, []string{byNative}},
	} {
		h := Host{Index: ruleset.NewIndex(rs), Local: []netip.Prefix{netip.MustParsePrefix("10.1.0.1/24")}, Journeys: c.journeys}
		var got []string
		for _, s := range SuspectsOf(d, h).List {
			got = append(got, s.Words())
		}
		if slices.Sort(got); !slices.Equal(got, c.suspects) {
			t.Errorf("%s: %q may have dropped it, want %q", c.name, got, c.suspects)
		}
		j := Simulate(f, h)
		guess := strings.Contains(strings.Join(j.Assumptions, "\n"), " stand at the same priority: which ran first is not known")
		if len(c.suspects) == 1 && j.Outcome.Sentence != "dropped by "+c.suspects[0] || guess != (len(c.suspects) > 1) || j.Outcome.Verdict != journey.Dropped {
			t.Errorf("%s: %s, assumed %q", c.name, j.Outcome.Sentence, j.Assumptions)
		}
	}
}

// TestConntracksPriority: what a chain before conntrack's priority asks of the connection finds
// none, behind it a new one; at conntrack's own priority the kernel may call either first.
func TestConntracksPriority(t *testing.T) {
	f, err := filter.Parse("udp and src host 10.1.0.2 and dst host 10.1.0.1 and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	for priority, want := range map[string][]string{"-201": nil, "-200": {journey.Accepted, journey.Dropped}, "-199": {journey.Dropped}} {
		rs := nftRules(t, "table inet a {\n\tchain c {\n\t\ttype filter hook prerouting priority "+priority+"; policy accept;\n\t\tct state new drop\n\t}\n\tchain f {\n\t\ttype filter hook input priority 0; policy accept;\n\t\tct state untracked drop\n\t}\n}\n")
		j := Simulate(f, Host{Index: ruleset.NewIndex(rs), Local: []netip.Prefix{netip.MustParsePrefix("10.1.0.1/24")}})
		got := j.Possible
		if j.Outcome.Verdict == journey.Dropped {
			got = []string{journey.Dropped}
		}
		if !slices.Equal(got, want) {
			t.Errorf("at %s: %s (%s), possible %v, want %v", priority, j.Outcome.Verdict, j.Outcome.Sentence, j.Possible, want)
		}
	}
}

// TestNearInOrder: the rules that the packet passed are told in the order in which it met them,
// before all other evidence.
func TestNearInOrder(t *testing.T) {
	d, found := ruleset.ParseSave("test", []byte("*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p udp --dport 10 -j DROP\n-A FORWARD -p udp --sport 7 -j DROP\n-A FORWARD -p udp --dport 9 -j DROP\n-A FORWARD -p udp -j DROP\nCOMMIT\n"), ruleset.Options{Backend: model.BackendLegacy, Family: model.FamilyIPv4})
	if len(found) > 0 {
		t.Fatal(found)
	}
	rs := &model.Ruleset{Tables: d.Tables()}
	rs.Number()
	r := &rs.Tables[0].Chains[0].Rules[2]
	st := journey.Step{Backend: model.BackendLegacy, Hook: model.HookForward, Family: model.FamilyIPv4, Table: "filter", Base: "FORWARD", Chain: "FORWARD", Kind: journey.KindRule, Rule: 3, Text: r.Text, Target: "DROP", Verdict: model.VerdictDrop, RuleID: r.ID, Time: begin}
	j := traced(10, udp(1), journey.Dropped, journey.CulpritOf(&st))
	j.Steps, j.Rules = []journey.Step{st}, ruleset.NewIndex(rs)
	f, err := filter.Parse("udp and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	a := Judge(&Seen{Filter: f, Began: begin, Over: true, Watch: drop.Watch{Step: drop.StepBPF}, Journeys: []*journey.Journey{j}})
	before := slices.Clone(a.Evidence)
	a.Near(miss.New(miss.Known{}), 0)
	const passed = "passed rule %d of filter/FORWARD (iptables-legacy) (miss: "
	if n := len(a.Evidence) - len(before); n != 2 || !strings.HasPrefix(a.Evidence[0], fmt.Sprintf(passed, 1)) || !strings.HasPrefix(a.Evidence[1], fmt.Sprintf(passed, 2)) || !slices.Equal(a.Evidence[n:], before) {
		t.Errorf("%q, before that %q", a.Evidence, before)
	}
}
