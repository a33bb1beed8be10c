package why

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
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
