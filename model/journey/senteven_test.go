package journey

import (
	"slices"
	"testing"

	"nfscope/model"
)

// TestSentIntoBridgeEven: of packets that look the same and are in a bridge already, one whose way
// through nat's chains is not told to its end is not told apart.
func TestSentIntoBridgeEven(t *testing.T) {
	p := func() *model.Packet { return udp("10.0.0.9", 0) }
	nat := func(chain string, h model.Hook) Event {
		return between(line("nat", chain, EventPolicy, 1, h, p()), "", "br0", 0)
	}
	local := func(id uint32) []Event {
		return []Event{between(arming(p()), "", "br0", id), between(probe(model.HookPostrouting, p()), "", "br0", id), between(bridgeChain("out", model.VerdictAccept, p(), "", "p1"), "", "p1", id)}
	}
	rules := rulesOf(legacyTable("nat", builtin("nat", "OUTPUT", "ACCEPT"), builtin("nat", "POSTROUTING", "ACCEPT")),
		&model.Table{Backend: model.BackendNFTables, Family: model.FamilyBridge, Name: "b", Chains: []*model.Chain{chainOf("out", model.HookOutput, 0, "accept")}})
	for _, whole := range []bool{true, false} {
		events := slices.Concat(local(1), local(2), []Event{nat("OUTPUT", model.HookOutput)})
		if whole {
			events = append(events, nat("POSTROUTING", model.HookPostrouting))
		}
		_, list := folded(rules, Options{Probes: true}, events...)
		if len(list) != 2 {
			t.Fatalf("%d journeys", len(list))
		}
		for _, j := range list {
			if j.Complete != whole || !whole && j.Why != twins {
				t.Errorf("all of nat told %v: complete %v (%s)", whole, j.Complete, j.Why)
			}
		}
	}
}
