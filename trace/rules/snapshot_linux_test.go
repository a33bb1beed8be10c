package rules

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// registered is what the kernel has: the names of the legacy tables and all of nf_tables.
func registered(t *testing.T, ns *netns.Handle) string {
	t.Helper()
	var s []string
	nettest.Do(t, ns, func() error {
		for _, name := range []string{"ip_tables_names", "ip6_tables_names"} {
			b, err := os.ReadFile("/proc/thread-self/net/" + name)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			s = append(s, name+": "+strings.Join(strings.Fields(string(b)), " "))
		}
		return nil
	})
	return strings.Join(append(s, nettest.Run(t, ns, "nft", "-s", "list", "ruleset")), "\n")
}

func TestLookingCreatesNothing(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-save", "iptables-nft-save", "nft")
	for name, setup := range map[string]func(*netns.Handle){
		"fresh":       func(*netns.Handle) {},
		"legacy":      func(ns *netns.Handle) { nettest.Run(t, ns, "iptables-legacy", "-t", "raw", "-L") },
		"iptables":    func(ns *netns.Handle) { nettest.Run(t, ns, "iptables-nft", "-t", "nat", "-N", "X") },
		"nft":         func(ns *netns.Handle) { nettest.Run(t, ns, "nft", "add", "table", "inet", "x") },
		"legacy ipv6": func(ns *netns.Handle) { nettest.Run(t, ns, "ip6tables-legacy", "-t", "filter", "-L") },
	} {
		t.Run(name, func(t *testing.T) {
			ns := nettest.New(t, "look")
			setup(ns)
			before := registered(t, ns)
			r := open(t, ns)
			rs := clean(t, r)
			refreshed(t, r, rs)
			if after := registered(t, ns); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
			if want := map[bool]int{true: 0, false: 1}[name == "fresh"]; len(rs.Tables) != want {
				t.Errorf("%d tables, want %d", len(rs.Tables), want)
			}
		})
	}
}

func TestLegacy(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "ip6tables-legacy-restore")
	ns := nettest.New(t, "legacy")
	nettest.Feed(t, ns, filterRules, "iptables-legacy-restore")
	nettest.Feed(t, ns, filterRules, "ip6tables-legacy-restore")
	packets(t, ns, 3)
	r := open(t, ns)
	rs := clean(t, r)
	check := func(rs *model.Ruleset) {
		t.Helper()
		agree(t, rs, model.BackendLegacy, model.FamilyIPv4, nettest.Run(t, ns, "iptables-legacy-save", "-c"))
		agree(t, rs, model.BackendLegacy, model.FamilyIPv6, nettest.Run(t, ns, "ip6tables-legacy-save", "-c"))
	}
	check(rs)
	in := rs.Table(model.BackendLegacy, model.FamilyIPv4, "filter").Chain("INPUT")
	if in.Hook != model.HookInput || in.Policy != "ACCEPT" || in.Rules[0].Jump != "WEB" || in.Rules[0].Counters.Packets != 3 {
		t.Errorf("INPUT: %+v", in)
	}
	packets(t, ns, 5)
	after := refreshed(t, r, rs)
	check(after)
	if a, b := hits(rs, model.BackendLegacy), hits(after, model.BackendLegacy); a == 0 || b <= a {
		t.Errorf("%d, then %d packets counted", a, b)
	}
}

func TestIptablesNFT(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-nft-restore", "ip6tables-nft-restore", "nft")
	ns := nettest.New(t, "inft")
	nettest.Feed(t, ns, filterRules, "iptables-nft-restore")
	nettest.Feed(t, ns, filterRules, "ip6tables-nft-restore")
	packets(t, ns, 3)
	r := open(t, ns)
	rs := clean(t, r)
	check := func(rs *model.Ruleset) {
		t.Helper()
		agree(t, rs, model.BackendIptablesNFT, model.FamilyIPv4, nettest.Run(t, ns, "iptables-nft-save", "-c"))
		agree(t, rs, model.BackendIptablesNFT, model.FamilyIPv6, nettest.Run(t, ns, "ip6tables-nft-save", "-c"))
	}
	check(rs)
	for _, tab := range rs.Tables {
		for _, c := range tab.Chains {
			want := chainHandles(t, ns, tab, c)
			for i, ru := range c.Rules {
				if i >= len(want) || ru.Handle != want[i] {
					t.Errorf("%s %s %s rule %d has handle %d, nft says %v", tab.Family, tab.Name, c.Name, i+1, ru.Handle, want)
				}
			}
		}
	}
	packets(t, ns, 5)
	after := refreshed(t, r, rs)
	check(after)
	if a, b := hits(rs, model.BackendIptablesNFT), hits(after, model.BackendIptablesNFT); a == 0 || b <= a {
		t.Errorf("%d, then %d packets counted", a, b)
	}
}

// TestIptablesNFTChains: iptables-nft-save prints built-in chains that do not exist.
func TestIptablesNFTChains(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-nft", "nft")
	ns := nettest.New(t, "chains")
	nettest.Run(t, ns, "iptables-nft", "-t", "nat", "-A", "POSTROUTING", "-j", "MASQUERADE")
	rs := clean(t, open(t, ns))
	nat := rs.Table(model.BackendIptablesNFT, model.FamilyIPv4, "nat")
	if nat == nil || len(nat.Chains) != 1 || nat.Chains[0].Name != "POSTROUTING" || nat.Chains[0].Priority != model.PrioritySrcNAT || nat.Chains[0].Type != "nat" {
		t.Fatalf("nat: %+v", nat)
	}
	if c := nat.Chains[0]; c.Counters.Valid || !c.Rules[0].Counters.Valid {
		t.Errorf("a base chain that -A made has no counter (the program prints [0:0]): %+v", c)
	}
}

func TestNative(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "native")
	nettest.Feed(t, ns, nativeRules, "nft", "-f", "-")
	packets(t, ns, 2)
	r := open(t, ns)
	rs := clean(t, r)
	nftAgrees(t, rs, nettest.Run(t, ns, "nft", "-a", "-y", "list", "ruleset"))
	if len(rs.Tables) != 6 {
		t.Errorf("%d tables, want 6: nfscope's own must be left out", len(rs.Tables))
	}
	ing := rs.Table(model.BackendNFTables, model.FamilyNetdev, "d").Chains[0]
	if ing.Hook != model.HookIngress || ing.Device != "lo" {
		t.Errorf("netdev chain: %+v", ing)
	}
	out := rs.Table(model.BackendNFTables, model.FamilyInet, "fw").Chain("out")
	if out.Hook != model.HookOutput || out.Priority != -5 || out.Type != "filter" || out.Policy != "accept" {
		t.Errorf("out: %+v", out)
	}
	packets(t, ns, 4)
	after := refreshed(t, r, rs)
	nftAgrees(t, after, nettest.Run(t, ns, "nft", "-a", "-y", "list", "ruleset"))
	if a, b := hits(rs, model.BackendNFTables), hits(after, model.BackendNFTables); a == 0 || b <= a {
		t.Errorf("%d, then %d packets counted", a, b)
	}
}

// TestWrittenByNFT: a table under iptables' name is native when iptables-nft refuses
// it or when a rule has no counter, which iptables-nft never writes.
func TestWrittenByNFT(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "iptables-nft")
	ns := nettest.New(t, "bynft")
	nettest.Feed(t, ns, `table ip filter {
	chain INPUT {
		type filter hook input priority 0; policy accept;
		tcp dport 22 accept
	}
}
table ip6 filter {
	chain INPUT {
		type filter hook input priority 7; policy accept;
		counter
	}
}
`, "nft", "-f", "-")
	nettest.Run(t, ns, "iptables-nft", "-t", "nat", "-A", "POSTROUTING", "-j", "MASQUERADE")
	rs := clean(t, open(t, ns))
	for _, f := range legacyFamilies() {
		if rs.Table(model.BackendNFTables, f, "filter") == nil {
			t.Errorf("table %s filter is not taken for nft's", f)
		}
	}
	if rs.Table(model.BackendIptablesNFT, model.FamilyIPv4, "nat") == nil || len(rs.Tables) != 3 {
		t.Errorf("%d tables, and nat must be one of iptables-nft's", len(rs.Tables))
	}
	if ru := rs.Table(model.BackendNFTables, model.FamilyIPv4, "filter").Chains[0].Rules[0]; ru.Counters.Valid {
		t.Errorf("a rule without counter has %+v", ru.Counters)
	}
}

func TestAllTogether(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	ns := nettest.New(t, "all")
	for _, p := range []string{"iptables-legacy-restore", "ip6tables-legacy-restore", "iptables-nft-restore", "ip6tables-nft-restore"} {
		nettest.Feed(t, ns, filterRules, p)
	}
	nettest.Feed(t, ns, strings.ReplaceAll(nativeRules, "table ip filter", "table ip mine"), "nft", "-f", "-")
	packets(t, ns, 2)
	r := open(t, ns)
	rs := clean(t, r)
	packets(t, ns, 2)
	for _, rs := range []*model.Ruleset{clean(t, r), refreshed(t, r, rs)} {
		agree(t, rs, model.BackendLegacy, model.FamilyIPv4, nettest.Run(t, ns, "iptables-legacy-save", "-c"))
		agree(t, rs, model.BackendLegacy, model.FamilyIPv6, nettest.Run(t, ns, "ip6tables-legacy-save", "-c"))
		agree(t, rs, model.BackendIptablesNFT, model.FamilyIPv4, nettest.Run(t, ns, "iptables-nft-save", "-c"))
		agree(t, rs, model.BackendIptablesNFT, model.FamilyIPv6, nettest.Run(t, ns, "ip6tables-nft-save", "-c"))
		nftAgrees(t, rs, nettest.Run(t, ns, "nft", "-a", "-y", "list", "ruleset"))
	}
	if len(rs.Tables) != 14 {
		t.Errorf("%d tables, want 14", len(rs.Tables))
	}
}

// chainHandles are the handles of a chain's rules as nft lists them.
func chainHandles(t *testing.T, ns *netns.Handle, tab *model.Table, c *model.Chain) []uint64 {
	t.Helper()
	out := nettest.Run(t, ns, "nft", "-a", "list", "chain", tab.Family.String(), tab.Name, c.Name)
	var list []uint64
	for line := range strings.Lines(out) {
		if m := handled.FindStringSubmatch(strings.TrimSpace(line)); m != nil && strings.HasPrefix(line, "\t\t") {
			list = append(list, number(t, m[1]))
		}
	}
	return list
}

// TestMissingPrograms: what cannot be printed is shown all the same, with its
// counters, and a sentence names the program and the package.
func TestMissingPrograms(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	ns := nettest.New(t, "missing")
	nettest.Feed(t, ns, filterRules, "iptables-legacy-restore")
	nettest.Feed(t, ns, filterRules, "ip6tables-nft-restore")
	nettest.Feed(t, ns, nativeRules, "nft", "-f", "-")
	packets(t, ns, 2)
	r := open(t, ns)
	whole := clean(t, r)
	blind := open(t, ns)
	blind.programs.find = func(string) (string, error) { return "", errors.New("none") }
	rs := snapshot(t, blind)
	said := strings.Join(rs.Warnings, "\n")
	for _, want := range []string{"iptables-legacy-save is not installed", "ip6tables-nft-save is not installed", "nft is not installed", "apt install nftables", "apt install iptables"} {
		if !strings.Contains(said, want) {
			t.Errorf("nothing says %q in:\n%s", want, said)
		}
	}
	wc, wr := whole.Size()
	if c, n := rs.Size(); c != wc || n != wr {
		t.Errorf("%d chains and %d rules without programs, %d and %d with", c, n, wc, wr)
	}
	for _, b := range []model.Backend{model.BackendLegacy, model.BackendIptablesNFT, model.BackendNFTables} {
		if a, b := hits(whole, b), hits(rs, b); a == 0 || a != b {
			t.Errorf("%d packets with programs, %d without", a, b)
		}
	}
	devices := 0
	for _, tab := range rs.Tables {
		w := whole.Table(tab.Backend, tab.Family, tab.Name)
		for _, c := range tab.Chains {
			if c.Device != w.Chain(c.Name).Device {
				t.Errorf("chain %s is on %q, want %q", c.Name, c.Device, w.Chain(c.Name).Device)
			} else if c.Device != "" {
				devices++
			}
			for _, ru := range c.Rules {
				if ru.Marked == "" || ru.Text == "" {
					t.Errorf("%s %s %d is not marked: %+v", tab.Name, c.Name, ru.Index, ru)
				}
			}
		}
	}
	if devices == 0 {
		t.Error("no chain has a device")
	}
	refreshed(t, blind, rs)
}

// TestOneExecEach counts the programs run for one snapshot, and for one after a
// change in nf_tables only.
func TestOneExecEach(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	ns := nettest.New(t, "execs")
	nettest.Feed(t, ns, filterRules, "iptables-legacy-restore")
	nettest.Feed(t, ns, filterRules, "iptables-nft-restore")
	nettest.Run(t, ns, "nft", "add", "table", "inet", "a")
	nettest.Run(t, ns, "nft", "add", "table", "inet", "b")
	r := open(t, ns)
	var ran []string
	run := r.programs.run
	r.programs.run = func(ctx context.Context, path string, args ...string) (*printout, error) {
		ran = append(ran, path[strings.LastIndexByte(path, '/')+1:])
		return run(ctx, path, args...)
	}
	for _, step := range []struct {
		change []string
		want   string
	}{
		{nil, "iptables-legacy-save iptables-nft-save nft"},
		{nil, ""},
		{[]string{"nft", "add", "table", "inet", "c"}, "iptables-nft-save nft"},
		{[]string{"iptables-legacy", "-A", "OUTPUT"}, "iptables-legacy-save"},
	} {
		if step.change != nil {
			nettest.Run(t, ns, step.change[0], step.change[1:]...)
		}
		ran = nil
		rs := clean(t, r)
		if got := strings.Join(ran, " "); got != step.want {
			t.Errorf("after %v ran %q, want %q", step.change, got, step.want)
		}
		if rs.Table(model.BackendLegacy, model.FamilyIPv4, "filter").Chain("INPUT") == nil {
			t.Error("filter/INPUT is lost")
		}
	}
}
