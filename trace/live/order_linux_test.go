package live

import (
	"slices"
	"testing"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
	"nfscope/model/snapshot"
	"nfscope/trace/nettest"
)

// TestOrders: which of two chains at one priority the kernel calls first hangs on which was
// loaded last, and nothing tells that but the packets: one that is dropped tells it, either
// way, and one that two tables of nf_tables let pass.
func TestOrders(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	t.Parallel()
	type table struct {
		backend model.Backend
		program string
		text    string
	}
	legacy := func(rule string) table {
		return table{model.BackendLegacy, "iptables-legacy-restore", accept4 + rule + "COMMIT\n"}
	}
	variant := func(rule string) table {
		return table{model.BackendIptablesNFT, "iptables-nft-restore", accept4 + rule + "COMMIT\n"}
	}
	native := table{model.BackendNFTables, "nft", "table inet a { chain c { type filter hook forward priority 0; }; }"}
	const drop = "-A FORWARD -p udp -j DROP\n"
	for _, c := range []struct {
		name   string
		tables [2]table
		told   bool
	}{
		{"legacy drops", [2]table{legacy(drop), variant("")}, true},
		{"iptables-nft drops", [2]table{legacy(""), variant(drop)}, true},
		{"both drop", [2]table{legacy(drop), variant(drop)}, true},
		{"both accept", [2]table{legacy(""), variant("")}, false},
		{"two of nf_tables accept", [2]table{native, variant("")}, true},
		{"one of two of nf_tables drops", [2]table{native, variant(drop)}, true},
	} {
		for _, turned := range []bool{false, true} {
			name := c.name
			if turned {
				slices.Reverse(c.tables[:])
				name += ", loaded the other way round"
			}
			tables := c.tables
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				n := nettest.NewRouted(t)
				for _, x := range tables {
					load(t, n.Router, x.program, x.text)
				}
				s := open(t, n.Router, Trace{Filter: parse(t, "udp")})
				udp(t, n.Client, "10.2.0.2:9")
				j := s.journey("the packet", func(*journey.Journey) bool { return true })
				snap := s.wait("the rules", func(snap *snapshot.Snapshot) bool { return snap.Rules != nil })
				bases := ruleset.Settle(ruleset.Pipeline(snap.Rules, model.FamilyIPv4, model.HookForward), func(a, b model.Called) bool {
					return slices.Contains(j.Orders, journey.Order{First: a, Then: b})
				})
				if len(bases) != 2 {
					t.Fatalf("%d chains", len(bases))
				}
				for i, b := range bases {
					if b.Sure != c.told || c.told && b.Table.Backend != tables[1-i].backend {
						t.Errorf("called %d.: %s, sure %v (%s); the one loaded last, of %s, runs first\n%v\n%s", i+1, b.Table.Backend, b.Sure, b.Why, tables[1].backend, j.Orders, describe(j))
					}
				}
			})
		}
	}
}
