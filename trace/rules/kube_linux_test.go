package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/ruleset/rulesettest"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// kubeServices makes 5,000 rules.
const kubeServices = 600

// cluster is a namespace with a Kubernetes node's rules, and what a test needs of them.
func cluster(t *testing.T, variant string) *netns.Handle {
	t.Helper()
	nettest.Kernel(t, "iptables-"+variant+"-restore", "iptables-"+variant+"-save")
	ns := nettest.New(t, "kube")
	nettest.Feed(t, ns, rulesettest.Kube(kubeServices), "iptables-"+variant+"-restore", "-c")
	nettest.Run(t, ns, "ip", "route", "add", "10.0.0.0/8", "dev", "lo")
	return ns
}

// visit sends the first packets of connections to services through the rules.
func visit(t *testing.T, ns *netns.Handle, services ...int) {
	t.Helper()
	for _, s := range services {
		nettest.SYN(t, ns, fmt.Sprintf("10.96.%d.%d:80", s>>8, s&255))
	}
}

func backend(variant string) model.Backend {
	if variant == "nft" {
		return model.BackendIptablesNFT
	}
	return model.BackendLegacy
}

// TestKubeText: the generator's order of chains is what the programs print.
func TestKubeText(t *testing.T) {
	t.Parallel()
	want := saved(rulesettest.KubeSaved(kubeServices))
	for _, variant := range []string{"legacy", "nft"} {
		ns := cluster(t, variant)
		if got := saved(nettest.Run(t, ns, "iptables-"+variant+"-save", "-c")); !slices.Equal(got, want) {
			t.Errorf("%s prints other lines: %d of %d", variant, len(got), len(want))
		}
	}
}

// TestKubeCounts: after real packets every counter, by its place, is that of save -c.
func TestKubeCounts(t *testing.T) {
	t.Parallel()
	for _, variant := range []string{"legacy", "nft"} {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			ns := cluster(t, variant)
			r := open(t, ns)
			rs := clean(t, r)
			chains, rules := rs.Size()
			if wc, wr := rulesettest.KubeSize(kubeServices); chains < wc-1 || chains > wc || rules != wr {
				t.Fatalf("%d chains and %d rules, want %d and %d", chains, rules, wc, wr)
			}
			g := rs.Generation
			for round := range 2 {
				visit(t, ns, 3, 599, 3*round+1)
				rs := refreshed(t, r, rs)
				nat := rs.Table(backend(variant), model.FamilyIPv4, "nat")
				want := saved(nettest.Run(t, ns, "iptables-"+variant+"-save", "-c"))
				if got := printed(nat); !slices.Equal(got, want) {
					for i := range min(len(got), len(want)) {
						if got[i] != want[i] {
							t.Errorf("got  %s\nwant %s", got[i], want[i])
						}
					}
				}
				if n := nat.Chain("KUBE-SERVICES").Rules[3].Counters.Packets; n != uint64(3+round+1) {
					t.Errorf("service 3 counted %d packets", n)
				}
			}
			if other := generation(t, open(t, ns)); other != g {
				t.Errorf("another reader calls it generation %s, not %s", other, g)
			}
			// A change that leaves the sizes as they were.
			nettest.Run(t, ns, "iptables-"+variant, "-t", "nat", "-R", "KUBE-MARK-MASQ", "1", "-j", "MARK", "--set-xmark", "0x8000/0x8000")
			if _, err := r.Counts(t.Context(), rs); !errors.Is(err, ErrStale) {
				t.Errorf("Counts after a change: %v, want ErrStale", err)
			}
			agree(t, clean(t, r), backend(variant), model.FamilyIPv4, nettest.Run(t, ns, "iptables-"+variant+"-save", "-c"))
		})
	}
}

// TestCountsOf: only what is asked for is refreshed, and it is right.
func TestCountsOf(t *testing.T) {
	t.Parallel()
	ns := cluster(t, "nft")
	r := open(t, ns)
	rs := clean(t, r)
	nat := rs.Table(model.BackendIptablesNFT, model.FamilyIPv4, "nat")
	portals := nat.Chain("KUBE-SERVICES")
	visit(t, ns, 3, 4, 5)
	masq := nat.Chain("KUBE-POSTROUTING")
	rules := []int{portals.Rules[5].ID, portals.Rules[3].ID, portals.Rules[3].ID, -1, 1 << 30}
	c, err := r.CountsOf(t.Context(), rs, []int{masq.ID, -1, 1 << 30}, rules)
	if err != nil {
		t.Fatal(err)
	}
	part := []int{portals.Rules[3].ID, portals.Rules[5].ID}
	for _, ru := range masq.Rules {
		part = append(part, ru.ID)
	}
	slices.Sort(part)
	if got := ids(c.Rules); !slices.Equal(got, part) {
		t.Errorf("read %v, want %v", got, part)
	}
	whole, err := r.Counts(t.Context(), rs)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range c.Rules {
		if n.Counters != whole.Rules[n.ID] {
			t.Errorf("rule %d: %+v, want %+v", n.ID, n.Counters, whole.Rules[n.ID])
		}
	}
	if a, b := c.Rules[0].Packets, portals.Rules[3].Counters.Packets; a <= b {
		t.Errorf("service 3 counted %d packets, before %d", a, b)
	}
	// All of it, by single rules and by chains: as Counts.
	var all, chains, short, base, busy []int
	for id := range whole.Rules {
		all = append(all, id)
	}
	for _, ch := range nat.Chains {
		chains = append(chains, ch.ID)
		if ch.Base() {
			base = append(base, ch.ID)
			if len(ch.Rules) > 0 {
				busy = append(busy, ch.ID)
			}
		}
		for i := range ch.Rules {
			if len(ch.Rules) <= dumpMost {
				short = append(short, ch.Rules[i].ID)
			}
		}
	}
	if len(portals.Rules) <= dumpMost {
		t.Fatal("no chain is long")
	}
	for _, w := range []struct{ chains, rules, want, own []int }{{nil, all, all, busy}, {chains, nil, short, base}} {
		c, err := r.CountsOf(t.Context(), rs, w.chains, w.rules)
		if err != nil {
			t.Fatal(err)
		}
		if got := ids(c.Rules); !slices.Equal(got, w.want) {
			t.Errorf("%d rules were read, want %d", len(got), len(w.want))
		}
		for _, n := range c.Rules {
			if n.Counters != whole.Rules[n.ID] {
				t.Errorf("rule %d: %+v, want %+v", n.ID, n.Counters, whole.Rules[n.ID])
			}
		}
		if got := ids(c.Chains); !slices.Equal(got, w.own) {
			t.Errorf("chains %v were read, want %v", got, w.own)
		}
		for _, n := range c.Chains {
			if n.Counters != whole.Chains[n.ID] {
				t.Errorf("chain %d: %+v, want %+v", n.ID, n.Counters, whole.Chains[n.ID])
			}
		}
	}
	nettest.Run(t, ns, "iptables-nft", "-t", "nat", "-A", "OUTPUT", "-j", "ACCEPT")
	if _, err := r.CountsOf(t.Context(), rs, nil, all); !errors.Is(err, ErrStale) {
		t.Errorf("after a change: %v, want ErrStale", err)
	}
}

func ids(l []model.Numbered) (out []int) {
	for _, n := range l {
		out = append(out, n.ID)
	}
	return out
}

// TestCountsOfLegacy: legacy counters are not read apart, and a change of the table's size is seen.
func TestCountsOfLegacy(t *testing.T) {
	t.Parallel()
	ns := cluster(t, "legacy")
	r := open(t, ns)
	rs := clean(t, r)
	visit(t, ns, 3)
	c, err := r.CountsOf(t.Context(), rs, []int{0, 1, 2}, []int{0, 1, 2})
	if err != nil || len(c.Rules) != 0 || len(c.Chains) != 0 {
		t.Errorf("%v was read: %v", c, err)
	}
	for _, change := range []string{"iptables-legacy -t nat -N NEW", "iptables-legacy -t raw -L", "ip6tables-legacy -L"} {
		rs := clean(t, r)
		f := strings.Fields(change)
		nettest.Run(t, ns, f[0], f[1:]...)
		if _, err := r.CountsOf(t.Context(), rs, nil, nil); !errors.Is(err, ErrStale) {
			t.Errorf("after %s: %v, want ErrStale", change, err)
		}
	}
}
