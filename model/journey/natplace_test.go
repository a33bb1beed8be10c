package journey

import (
	"slices"
	"testing"

	"nfscope/model"
)

// TestNATPlaces: the chains of nat are called where conntrack translates, whatever priority they
// state; among themselves they are called by that.
func TestNATPlaces(t *testing.T) {
	nat := func(name string, h model.Hook, p model.Priority) *model.Chain {
		c := chainOf(name, h, p, "accept", target("dnat"))
		c.Type = "nat"
		return c
	}
	p := udp("10.1.0.1", 5)
	to := *p
	to.Dst = p.Dst.Next()
	rule := func(chain string, p *model.Packet) Event {
		return message(chain, EventRule, 10, model.VerdictAccept, p)
	}
	policy := func(chain string, p *model.Packet) Event {
		return message(chain, EventPolicy, 0, model.VerdictAccept, p)
	}
	old := legacyTable("nat", builtin("nat", "PREROUTING", "ACCEPT"))
	oldPolicy := line("nat", "PREROUTING", EventPolicy, 1, model.HookPrerouting, p)
	const open = "nat/PREROUTING (iptables-legacy) and inet fw/nat (nftables) stand at the same priority: which ran first is not known"
	for _, c := range []struct {
		name    string
		rules   Rules
		events  []Event
		steps   []string
		assumes []string
		changes int // the step before which the destination changed
	}{
		{"nat says filter, and comes before a chain of filter", rulesOf(nftTable("fw", nat("nat", model.HookPrerouting, 0), chainOf("pre", model.HookPrerouting, -50, "accept"))),
			[]Event{arming(p), rule("nat", p), policy("pre", &to)}, []string{"N fw/nat 1 accept", "N fw/pre policy accept"}, nil, 1},
		{"nat says raw, and comes behind mangle", rulesOf(nftTable("fw", nat("nat", model.HookPrerouting, -300), chainOf("pre", model.HookPrerouting, -150, "accept"))),
			[]Event{arming(p), policy("pre", p), rule("nat", p)}, []string{"N fw/pre policy accept", "N fw/nat 1 accept"}, nil, -1},
		{"of postrouting", rulesOf(nftTable("fw", nat("nat", model.HookPostrouting, -101), chainOf("post", model.HookPostrouting, -5, "accept"))),
			[]Event{arming(p), policy("post", p), rule("nat", p)}, []string{"N fw/post policy accept", "N fw/nat 1 accept"}, nil, -1},
		{"two tracers, nft's own priority is lower", rulesOf(old, nftTable("fw", nat("nat", model.HookPrerouting, -101))),
			[]Event{arming(p), oldPolicy, policy("nat", p)}, []string{"N fw/nat policy accept", "L nat/PREROUTING policy accept"}, nil, -1},
		{"two tracers, it is higher", rulesOf(old, nftTable("fw", nat("nat", model.HookPrerouting, 0))),
			[]Event{arming(p), policy("nat", p), oldPolicy}, []string{"L nat/PREROUTING policy accept", "N fw/nat policy accept"}, nil, -1},
		{"two tracers, it is the same", rulesOf(old, nftTable("fw", nat("nat", model.HookPrerouting, -100))),
			[]Event{arming(p), policy("nat", p), oldPolicy}, []string{"L nat/PREROUTING policy accept", "N fw/nat policy accept"}, []string{open}, -1},
		{"a trace that begins in a user chain of it", rulesOf(nftTable("fw", nat("nat", model.HookPostrouting, 120), chainOf("u", 0, 0, ""), chainOf("post", model.HookPostrouting, 110, "accept"))),
			[]Event{message("u", EventRule, 0, model.VerdictContinue, p), message("nat", EventPolicy, 0, model.VerdictAccept, nil), policy("post", p)}, []string{"N fw/u end return", "N fw/nat policy accept", "N fw/post policy accept"}, nil, -1},
	} {
		_, list := folded(c.rules, Options{Probes: true}, c.events...)
		if len(list) != 1 || !slices.Equal(rungs(list[0]), c.steps) || !slices.Equal(list[0].Assumptions, c.assumes) {
			t.Errorf("%s: %d journeys, %q, %q, want %q", c.name, len(list), rungs(list[0]), list[0].Assumptions, c.steps)
			continue
		}
		for i, s := range list[0].Steps {
			if changed := len(s.Packet) == 1 && s.Packet[0] == (Change{"dst", to.Dst.String()}); changed != (i == c.changes) {
				t.Errorf("%s: before step %d changed %v", c.name, i, s.Packet)
			}
		}
	}
}
