package nat

import (
	"net/netip"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/flow"
	"nfscope/model/nft"
	"nfscope/model/walk"
)

// TestMapping: what a rule translates to in words, and which ends it can make of which: yes, no,
// or maybe, where the rule takes it from what is not known here.
func TestMapping(t *testing.T) {
	t.Parallel()
	own := func(a netip.Addr) fact.Answer { return fact.Is(a == netip.MustParseAddr("10.2.0.1")) }
	for _, c := range []struct {
		rule, want string
		class      flow.Class
		hook       model.Hook
		gives      string
	}{
		{"-j SNAT --to-source 203.0.113.1:1024-2047", "203.0.113.1:1024-2047", flow.ClassSNAT, model.HookPostrouting,
			"10.1.0.2:5 203.0.113.1:1024 yes, 10.1.0.2:5 203.0.113.1:2047 yes, 10.1.0.2:5 203.0.113.1:2048 no, 10.1.0.2:5 203.0.113.1:1023 no, 10.1.0.2:5 203.0.113.2:1024 no"},
		{"-j SNAT --to-source 203.0.113.1-203.0.113.3", "203.0.113.1-203.0.113.3", flow.ClassSNAT, model.HookInput,
			"10.1.0.2:5 203.0.113.3:5 yes, 10.1.0.2:5 203.0.113.3:9 yes, 10.1.0.2:5 203.0.113.4:5 no"},
		{"-j DNAT --to-destination 10.2.0.2", "10.2.0.2", flow.ClassDNAT, model.HookPrerouting, "203.0.113.1:53 10.2.0.2:53 yes, 203.0.113.1:53 10.2.0.2:54 no"},
		{"-j DNAT --to-destination :5300", "its own address, port 5300", flow.ClassDNAT, model.HookPrerouting, "203.0.113.1:53 203.0.113.1:5300 yes, 203.0.113.1:53 10.2.0.2:5300 no"},
		{"-j MASQUERADE --to-ports 6000-6100", "the address of the interface it leaves by, port 6000-6100", flow.ClassMasquerade, model.HookPostrouting,
			"10.1.0.2:5 10.2.0.1:6000 yes, 10.1.0.2:5 10.2.0.1:5 no, 10.1.0.2:5 10.2.0.9:6000 no"},
		{"-j MASQUERADE", "the address of the interface it leaves by", flow.ClassMasquerade, model.HookPostrouting, "10.1.0.2:5 10.2.0.1:9 yes"},
		{"-j REDIRECT", "this host", flow.ClassRedirect, model.HookPrerouting, "203.0.113.1:53 10.2.0.1:53 yes, 203.0.113.1:53 10.2.0.1:54 no, 203.0.113.1:53 10.2.0.2:53 no"},
		{"-j NETMAP --to 10.5.0.0/16", "10.5.0.0-10.5.255.255", flow.ClassDNAT, model.HookPrerouting, "203.0.113.7:1 10.5.113.7:1 yes, 203.0.113.7:1 10.5.113.8:1 no, 203.0.113.7:1 10.6.113.7:1 no, 203.0.113.7:1 10.5.113.7:2 no"},
		{"-j NETMAP --to 10.5.3.4/16", "10.5.0.0-10.5.255.255", flow.ClassSNAT, model.HookPostrouting, "10.1.0.7:1 10.5.0.7:1 yes"},
		{"-j NETMAP --to 10.5.0.0/16", "10.5.0.0-10.5.255.255", flow.ClassSNAT, model.HookInput, "10.1.0.7:1 10.5.0.7:9 yes"},
		{"-j DNAT --to-destination 10.2.0.2 --frobnicate 3", "what a map says", flow.ClassDNAT, model.HookPrerouting, "203.0.113.1:53 10.9.0.2:53 maybe"},
		{"-j SNAT --to-source [2001:db8::1]:80-90", "[2001:db8::1]:80-90", flow.ClassSNAT, model.HookPostrouting, "[fd00::1]:5 [2001:db8::1]:80 yes, [fd00::1]:5 [2001:db8::2]:80 no"},
		{"snat prefix to 203.0.113.0/28", "203.0.113.0-203.0.113.15", flow.ClassSNAT, model.HookPostrouting, "10.1.0.2:5 203.0.113.2:5 yes, 10.1.0.2:5 203.0.113.3:5 no"},
		{"dnat to 10.2.0.2-10.2.0.5:80-90", "10.2.0.2-10.2.0.5:80-90", flow.ClassDNAT, model.HookPrerouting, "203.0.113.1:53 10.2.0.5:90 yes, 203.0.113.1:53 10.2.0.6:90 no, 203.0.113.1:53 10.2.0.5:91 no"},
		{"dnat to tcp dport map { 80 : 10.2.0.3, 81 : 10.2.0.5 }", "10.2.0.3 or 10.2.0.5", flow.ClassDNAT, model.HookPrerouting,
			"203.0.113.1:80 10.2.0.3:80 yes, 203.0.113.1:80 10.2.0.5:80 yes, 203.0.113.1:80 10.2.0.4:80 no"},
		{"dnat ip addr . port to tcp dport map { 80 : 10.2.0.3 . 8080, 81 : 10.2.0.4 . 8081 }", "10.2.0.3 or 10.2.0.4:8080-8081", flow.ClassDNAT, model.HookPrerouting,
			"203.0.113.1:80 10.2.0.3:8080 yes, 203.0.113.1:80 10.2.0.3:80 no"},
		{"dnat to tcp dport map @m", "what a map says", flow.ClassDNAT, model.HookPrerouting, "203.0.113.1:80 10.9.0.3:99 maybe"},
		{"redirect to :tcp dport map { 81 : 8081, 80 : 8080 }", "this host, port 8080-8081", flow.ClassRedirect, model.HookPrerouting, "203.0.113.1:80 10.2.0.1:8080 yes, 203.0.113.1:80 10.2.0.1:80 no"},
		{"redirect to :tcp dport map @m", "what a map says", flow.ClassRedirect, model.HookPrerouting, "203.0.113.1:80 10.2.0.1:99 maybe"},
		{"dnat to jhash ip saddr mod 2 map { 0 : 10.2.0.2, 1 : 10.2.0.3 }", "10.2.0.2 or 10.2.0.3", flow.ClassDNAT, model.HookPrerouting, "203.0.113.1:80 10.2.0.3:80 yes"},
	} {
		family := model.FamilyIPv4
		if strings.Contains(c.rule, "::") {
			family = model.FamilyIPv6
		}
		tb, r := &model.Table{Family: family, Backend: model.BackendNFTables}, &model.Rule{Text: c.rule}
		if strings.HasPrefix(c.rule, "-j") {
			tb.Backend, r.Text = model.BackendLegacy, "-A C -p udp "+c.rule
		}
		m, ok := MappingOf(walk.ReadRule(tb, r), c.hook)
		if !ok || m.String() != c.want || m.Class != c.class {
			t.Errorf("%s: %s %q, expected %s %q", c.rule, m.Class, m.String(), c.class, c.want)
		}
		for _, g := range strings.Split(c.gives, ", ") {
			w := strings.Fields(g)
			before, after := netip.MustParseAddrPort(w[0]), netip.MustParseAddrPort(w[1])
			a := m.gives(end{before.Addr(), before.Port()}, end{after.Addr(), after.Port()}, model.ProtoUDP, own)
			if got := map[fact.Answer]string{fact.Yes: "yes", fact.No: "no", fact.Unsure: "maybe"}[a]; got != w[2] {
				t.Errorf("%s: %s to %s: %s, expected %s", c.rule, w[0], w[1], got, w[2])
			}
		}
	}
	if _, ok := MappingOf(walk.ReadRule(&model.Table{}, &model.Rule{Text: "-A C -j ACCEPT"}), model.HookPostrouting); ok {
		t.Error("ACCEPT translates")
	}
	if m := nftMapping(&nft.NAT{Kind: "snat", Flags: []string{"netmap"}}); !m.Net {
		t.Error("netmap keeps no host's part")
	}
}
