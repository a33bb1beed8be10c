package nat_test

import (
	"net/netip"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/model/nat"
	"nfscope/model/ruleset"
)

// gateway is a router: 10.1.0.1/24 on r0, 10.2.0.1/24 on r1, the service 203.0.113.1.
func gateway(t testing.TB, save string) *nat.Finder {
	t.Helper()
	d, found := ruleset.ParseSave("test", []byte(save), ruleset.Options{Backend: model.BackendLegacy, Family: model.FamilyIPv4})
	for _, p := range found {
		t.Error(p)
	}
	rs := &model.Ruleset{Tables: d.Tables()}
	rs.Number()
	return nat.NewFinder(ruleset.NewIndex(rs), gatewayHost())
}

func gatewayHost() nat.Host {
	route := func(to, dev string) model.Route { return model.Route{To: netip.MustParsePrefix(to), Device: dev} }
	return nat.Host{
		Local:  []netip.Prefix{netip.MustParsePrefix("10.1.0.1/24"), netip.MustParsePrefix("10.2.0.1/24"), netip.MustParsePrefix("203.0.113.1/32")},
		Routes: &model.Routes{List: []model.Route{route("10.1.0.0/24", "r0"), route("10.2.0.0/24", "r1"), route("0.0.0.0/0", "r1")}},
	}
}

// look makes a flow from "udp 10.1.0.2:5 > 203.0.113.1:53" and the reply's ends.
func look(t testing.TB, src, dst, back, to string) *flow.Look {
	t.Helper()
	ap := func(s string) netip.AddrPort {
		a, err := netip.ParseAddrPort(s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	s, d, b, r := ap(src), ap(dst), ap(back), ap(to)
	l := &flow.Look{Family: model.FamilyIPv4, Status: flow.Confirmed | flow.SrcNATDone | flow.DstNATDone,
		Orig:  model.Tuple{Proto: model.ProtoUDP, Src: s.Addr(), SPort: s.Port(), Dst: d.Addr(), DPort: d.Port()},
		Reply: model.Tuple{Proto: model.ProtoUDP, Src: b.Addr(), SPort: b.Port(), Dst: r.Addr(), DPort: r.Port()}}
	if b != d {
		l.Status |= flow.DstNAT
	}
	if r != s {
		l.Status |= flow.SrcNAT
	}
	return l
}

const head = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"

// TestStaleAfterChange is the classic: the DNAT of a DNS server is changed, and the
// resolver goes on with the entry of before.
func TestStaleAfterChange(t *testing.T) {
	fl := look(t, "10.1.0.2:5353", "203.0.113.1:53", "10.2.0.2:53", "10.1.0.2:5353")
	for _, c := range []struct{ name, rules, kind, words string }{
		{"the rule that made it", "-A PREROUTING -p udp --dport 53 -j DNAT --to-destination 10.2.0.2", "", ""},
		{"another backend", "-A PREROUTING -p udp --dport 53 -j DNAT --to-destination 10.2.0.3", nat.WouldMap, "today rule 1 of nat PREROUTING (iptables-legacy ip) would make it 10.2.0.3"},
		{"the rule is gone", "-A PREROUTING -p tcp --dport 53 -j DNAT --to-destination 10.2.0.2", nat.WouldMap, "no rule would translate it"},
		{"one of two backends", "-A PREROUTING -p udp -m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.2.0.3\n-A PREROUTING -p udp -j DNAT --to-destination 10.2.0.2", "", ""},
		{"neither of two", "-A PREROUTING -p udp -m statistic --mode random --probability 0.5 -j DNAT --to-destination 10.2.0.3\n-A PREROUTING -p udp -j DNAT --to-destination 10.2.0.4", nat.WouldMap, "rule 1 of nat PREROUTING (iptables-legacy ip) or rule 2"},
		{"an interface nobody knows", "-A PREROUTING -i r1 -p udp -j DNAT --to-destination 10.2.0.3\n-A PREROUTING -p udp -j DNAT --to-destination 10.2.0.2", "", ""},
		{"what a set holds is not known", "-A PREROUTING -m set --match-set s src -j DNAT --to-destination 10.2.0.3\n-A PREROUTING -p udp -j DNAT --to-destination 10.2.0.2", "", ""},
		{"its source is translated too", "-A PREROUTING -p udp --dport 53 -j DNAT --to-destination 10.2.0.2\n-A POSTROUTING -o r1 -j MASQUERADE", nat.WouldMap, "the address of the interface it leaves by"},
		{"translated, but out of another", "-A PREROUTING -p udp --dport 53 -j DNAT --to-destination 10.2.0.2\n-A POSTROUTING -o r0 -j MASQUERADE", "", ""},
		{"a drop", "-A PREROUTING -p udp --dport 53 -j DNAT --to-destination 10.2.0.2\nCOMMIT\n*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A FORWARD -d 10.2.0.2 -j DROP", nat.WouldDrop, "rule 2 of filter FORWARD"},
		{"a drop before the translation", "-A PREROUTING -p udp --dport 53 -j DNAT --to-destination 10.2.0.2\nCOMMIT\n*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp --dport 53 -j DROP", nat.WouldDrop, "rule 1 of mangle PREROUTING"},
		{"a drop behind all", "-A PREROUTING -p udp --dport 53 -j DNAT --to-destination 10.2.0.2\nCOMMIT\n*mangle\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -d 10.2.0.2 -p udp -j DROP", nat.WouldDrop, "rule 1 of mangle POSTROUTING"},
		{"a policy", "-A PREROUTING -p udp --dport 53 -j DNAT --to-destination 10.2.0.2\nCOMMIT\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT", nat.WouldDrop, "the policy of filter FORWARD"},
		{"a drop that only may", "-A PREROUTING -p udp --dport 53 -j DNAT --to-destination 10.2.0.2\nCOMMIT\n*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m length --length 0:100 -j DROP", "", ""},
		{"a drop on a way that it may not go", "-A PREROUTING -p udp -m statistic --mode random --probability 0.5 -j REDIRECT\n-A PREROUTING -p udp --dport 53 -j DNAT --to-destination 10.2.0.2\nCOMMIT\n*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p udp -j DROP", "", ""},
		{"a drop on the way to one of two", "-A PREROUTING -p udp --dport 53 -j DNAT --to-destination 10.2.0.2-10.2.0.3\nCOMMIT\n*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p udp -j DROP", "", ""},
		{"not tracked", "-A PREROUTING -p udp --dport 53 -j DNAT --to-destination 10.2.0.2\nCOMMIT\n*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -j NOTRACK", nat.NotTracked, "would not track it"},
	} {
		s := gateway(t, head+c.rules+"\nCOMMIT\n").Stale(fl)
		if s.Kind != c.kind || !strings.Contains(s.Words, c.words) {
			t.Errorf("%s: %q %q, expected %q %q", c.name, s.Kind, s.Words, c.kind, c.words)
		}
	}
	expected := *fl
	expected.Status |= flow.Expected
	if s := gateway(t, head+"COMMIT\n").Stale(&expected); s.Kind != "" {
		t.Errorf("a helper's connection is judged by rules: %s", s.Words)
	}
	zoned := *fl
	zoned.Zone = 7
	if s := gateway(t, head+"COMMIT\n").Stale(&zoned); s.Kind != "" {
		t.Errorf("a connection of Open vSwitch is judged by rules: %s", s.Words)
	}
}

// TestLook: the rule is named alone where only it can have made the mapping, with all
// others that can where it is not known, and not at all where none did.
func TestLook(t *testing.T) {
	f := gateway(t, head+`-A PREROUTING -i r1 -p udp -j DNAT --to-destination 10.2.0.2
-A PREROUTING -i r0 -p udp --dport 53 -j DNAT --to-destination 10.2.0.2
-A POSTROUTING -s 10.1.0.0/24 -m statistic --mode random --probability 0.5 -j SNAT --to-source 203.0.113.1:5000-6000
-A POSTROUTING -s 10.1.0.0/24 -j SNAT --to-source 203.0.113.1:5500-7000
COMMIT
`)
	numbers := func(m nat.Made) (l []int) {
		for _, r := range m.Rules {
			l = append(l, r.Rule.Index)
		}
		return l
	}
	for _, c := range []struct {
		fl       *flow.Look
		dst, src []int
		plain    bool
	}{
		{look(t, "10.1.0.2:5353", "203.0.113.1:53", "10.2.0.2:53", "203.0.113.1:5001"), []int{2}, []int{1}, false},
		{look(t, "10.1.0.2:5353", "203.0.113.1:53", "10.2.0.2:53", "203.0.113.1:6999"), []int{2}, []int{2}, false},
		{look(t, "10.1.0.2:5353", "203.0.113.1:53", "10.2.0.2:53", "203.0.113.1:5600"), []int{2}, []int{1, 2}, false},
		{look(t, "10.2.0.9:5353", "10.1.0.2:53", "10.1.0.2:53", "10.2.0.9:1024"), nil, nil, true},
	} {
		o := f.Look(c.fl)
		if d, s := numbers(o.Dst), numbers(o.Src); !equal(d, c.dst) || !equal(s, c.src) || o.Src.Plain != c.plain || o.Unknown != "" {
			t.Errorf("%s: destination by %v, source by %v, plain %v, %s", c.fl.Reply, d, s, o.Src.Plain, o.Unknown)
		}
	}
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestPoolRules: a pool names the rules that may fill it, not those of the same address for
// another protocol or far end.
func TestPoolRules(t *testing.T) {
	f := gateway(t, head+`-A POSTROUTING -p icmp -o r1 -j MASQUERADE
-A POSTROUTING -d 10.2.0.9 -o r1 -j MASQUERADE
-A POSTROUTING -p udp -m multiport --dports 1:99,500 -o r1 -j MASQUERADE
-A POSTROUTING -o r1 -j MASQUERADE
COMMIT
`)
	s := nat.NewSources(f.Index(), nat.Host{Local: []netip.Prefix{netip.MustParsePrefix("10.2.0.1/24")}})
	for dst, want := range map[string][]int{"10.2.0.2:53": {3, 4}, "10.2.0.2:100": {4}, "10.2.0.9:500": {2, 3, 4}} {
		fl := look(t, "10.1.0.2:5353", dst, dst, "10.2.0.1:5353")
		fl.Status |= flow.SrcNAT
		pools := s.Pools(func(yield func(*flow.Look) bool) { yield(fl) }, 10)
		var got []int
		for _, r := range pools[0].Rules {
			got = append(got, r.Rule.Index)
		}
		if !equal(got, want) {
			t.Errorf("to %s: rules %v, expected %v", dst, got, want)
		}
	}
}

// TestPoolUplinks: a router masquerades on two uplinks, and its ways out are chosen by policy: a
// pool names the rules of the uplink that has its address, and its ports are of the range that
// these give; and a rule for an interface without an address, which takes that of another one.
func TestPoolUplinks(t *testing.T) {
	legacy := head + `-A POSTROUTING -o wan0 -j MASQUERADE
-A POSTROUTING -p udp -o wan1 -j MASQUERADE --to-ports 2000-2999
-A POSTROUTING ! -o wan1 -j MASQUERADE
-A POSTROUTING -o wan+ -j MASQUERADE
-A POSTROUTING -o tun0 -j MASQUERADE
-A POSTROUTING -o other -j MASQUERADE
COMMIT
`
	prefix := netip.MustParsePrefix
	route := func(to, dev string) model.Route { return model.Route{To: prefix(to), Device: dev} }
	h := nat.Host{Local: []netip.Prefix{prefix("198.51.100.2/24"), prefix("203.0.113.2/24"), prefix("192.0.2.1/32")},
		Routes: &model.Routes{Policy: true, List: []model.Route{route("0.0.0.0/0", "wan0"), route("198.51.100.0/24", "wan0"), route("203.0.113.0/24", "wan1"), route("10.9.0.0/16", "tun0"), route("192.0.2.1/32", "wan0")}}}
	rules := nft4(t, `oifname "wan0" masquerade
oifname { "wan1", "lan" } masquerade
oifname != "wan1" masquerade`)
	for _, c := range []struct {
		index *ruleset.Index
		addr  string
		want  []int
		ports string
	}{
		{gateway(t, legacy).Index(), "198.51.100.2", []int{1, 3, 4, 5, 6}, "1024-65535"},
		{gateway(t, legacy).Index(), "203.0.113.2", []int{2}, "2000-2999"},
		{gateway(t, strings.Replace(legacy, "2000", "2900", 1)).Index(), "203.0.113.2", []int{3, 4, 5, 6}, "1024-65535"},
		{gateway(t, legacy).Index(), "192.0.2.1", []int{2}, "2000-2999"}, // whose it is no route tells, not even one to it
		{rules, "198.51.100.2", []int{1, 3}, "1024-65535"},
		{rules, "203.0.113.2", []int{2, 3}, "1024-65535"}, // the third is for tun0 too
	} {
		fl := look(t, "10.1.0.2:2500", "192.0.2.9:53", "192.0.2.9:53", c.addr+":2500")
		pools := nat.NewSources(c.index, h).Pools(func(yield func(*flow.Look) bool) { yield(fl) }, 10)
		var got []int
		for _, r := range pools[0].Rules {
			got = append(got, r.Rule.Index)
		}
		if !equal(got, c.want) || pools[0].Ports.String() != c.ports {
			t.Errorf("%s: rules %v, ports %v, expected %v, %s", c.addr, got, pools[0].Ports, c.want, c.ports)
		}
	}
}

// nft4 is a table of nftables with a postrouting chain.
func nft4(t *testing.T, rules string) *ruleset.Index {
	t.Helper()
	c := &model.Chain{Name: "post", Type: "nat", Hook: model.HookPostrouting}
	for r := range strings.SplitSeq(rules, "\n") {
		c.Rules = append(c.Rules, model.Rule{Text: r, Target: "masquerade"})
	}
	rs := &model.Ruleset{Tables: []*model.Table{{Family: model.FamilyIPv4, Backend: model.BackendNFTables, Name: "n", Chains: []*model.Chain{c}}}}
	rs.Number()
	return ruleset.NewIndex(rs)
}
