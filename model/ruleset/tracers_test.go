package ruleset

import (
	"strings"
	"testing"

	"nfscope/model"
)

// TestTracers: rules that trace are told from those that only speak of it, and from ours.
func TestTracers(t *testing.T) {
	rs := &model.Ruleset{}
	for _, tb := range []struct {
		backend      model.Backend
		table, chain string
		rules        []model.Rule
	}{
		{model.BackendLegacy, "raw", "PREROUTING", []model.Rule{
			{Text: "-A PREROUTING -p udp -j TRACE", Target: "TRACE"},
			{Text: "-A PREROUTING -m comment --comment TRACE -j ACCEPT", Target: "ACCEPT"},
			{Text: "-A PREROUTING -j TRACE", Target: "TRACE", Jump: "TRACE"}, // a chain of that name
		}},
		{model.BackendLegacy, "raw", "nfscope_17_1", []model.Rule{{Text: "-A nfscope_17_1 -j TRACE", Target: "TRACE"}}},
		{model.BackendNFTables, "t", "c", []model.Rule{
			{Text: "udp dport 9 meta nftrace set 1"},
			{Text: "udp dport 9 meta nftrace set 0"},
			{Text: `udp dport 9 counter comment "meta nftrace set 1"`},
		}},
		{model.BackendNFTables, "nfscope_17_1", "trace", []model.Rule{{Text: "meta nftrace set 1"}}},
	} {
		rs.Tables = append(rs.Tables, &model.Table{Backend: tb.backend, Name: tb.table, Chains: []*model.Chain{{Name: tb.chain, Rules: tb.rules}}})
	}
	var got []string
	for _, tr := range Tracers(rs, "nfscope_") {
		got = append(got, tr.Table.Name+"/"+tr.Chain.Name+": "+tr.Rule.Text)
	}
	want := "raw/PREROUTING: -A PREROUTING -p udp -j TRACE\nt/c: udp dport 9 meta nftrace set 1"
	if s := strings.Join(got, "\n"); s != want {
		t.Errorf("%s\nwant %s", s, want)
	}
	if len(Tracers(nil, "")) > 0 {
		t.Error("rules of no ruleset")
	}
}
