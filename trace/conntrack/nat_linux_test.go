package conntrack

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// side holds the addresses of a family in a Routed network. service is an address
// that the router owns besides, pool one that nobody owns.
type side struct{ client, server, in, out, service, pool string }

var (
	ip4 = side{"10.1.0.2", "10.2.0.2", "10.1.0.1", "10.2.0.1", "203.0.113.1", "203.0.113.9"}
	ip6 = side{"fd01::2", "fd02::2", "fd01::1", "fd02::1", "2001:db8::1", "2001:db8::9"}
)

func (s *side) v6() bool { return strings.Contains(s.client, ":") }

func (s *side) host(a string) string {
	if s.v6() {
		return "[" + a + "]"
	}
	return a
}

// The ports of the test's services, one for each kind of translation.
const (
	portNone = 8001 + iota
	portSNAT
	portDNAT
	portMasquerade
	portRedirect
	portHairpin
	portBoth
	portPool
	portReal // what DNAT and REDIRECT lead to
)

// iptablesRules makes the rules for iptables-restore, and pretends the ruleset that a
// reader of rules would give.
func iptablesRules(s *side) (text string, rs *model.Ruleset) {
	rules := []model.Rule{}
	add := func(format string, args ...any) {
		for _, p := range []string{"tcp", "udp"} {
			r := strings.ReplaceAll(fmt.Sprintf(format, args...), "PROTO", p)
			text += r + "\n"
			rules = append(rules, model.Rule{Text: r})
		}
	}
	add("-A PREROUTING -p PROTO --dport %d -d %s -j DNAT --to-destination %s:%d", portDNAT, s.service, s.host(s.server), portReal)
	add("-A PREROUTING -p PROTO --dport %d -d %s -j DNAT --to-destination %s:%d", portBoth, s.service, s.host(s.server), portReal)
	add("-A PREROUTING -p PROTO --dport %d -d %s -j DNAT --to-destination %s:%d", portHairpin, s.service, s.host(s.client), portReal)
	add("-A PREROUTING -p PROTO --dport %d -j REDIRECT --to-ports %d", portRedirect, portReal)
	add("-A POSTROUTING -p PROTO --dport %d -o r1 -j SNAT --to-source %s", portSNAT, s.service)
	add("-A POSTROUTING -p PROTO --dport %d -o r1 -j SNAT --to-source %s:50000-50010", portPool, s.host(s.pool))
	add("-A POSTROUTING -p PROTO --dport %d -o r1 -j MASQUERADE", portMasquerade)
	add("-A POSTROUTING -p PROTO --dport %d -o r0 -j MASQUERADE", portReal)
	add("-A POSTROUTING -p PROTO --dport %d -m conntrack --ctorigdstport %d -o r1 -j MASQUERADE --to-ports 40000-40100", portReal, portBoth)
	icmp := "icmp"
	if s.v6() {
		icmp = "ipv6-icmp"
	}
	text += "-A POSTROUTING -p " + icmp + " -o r1 -j MASQUERADE\n"
	return "*nat\n" + text + "COMMIT\n", natTable(s, rules)
}

func natTable(s *side, rules []model.Rule) *model.Ruleset {
	f := model.FamilyIPv4
	if s.v6() {
		f = model.FamilyIPv6
	}
	return &model.Ruleset{Tables: []*model.Table{{Family: f, Name: "nat", Chains: []*model.Chain{{Name: "all", Rules: rules}}}}}
}

func nftRules(s *side) (text string, rs *model.Ruleset) {
	ip, icmp := "ip", "icmp"
	if s.v6() {
		ip, icmp = "ip6", "icmpv6"
	}
	both := "meta l4proto { tcp, udp } th dport"
	pre := []string{
		fmt.Sprintf("%s %d %s daddr %s dnat to %s:%d", both, portDNAT, ip, s.service, s.host(s.server), portReal),
		fmt.Sprintf("%s %d %s daddr %s dnat to %s:%d", both, portBoth, ip, s.service, s.host(s.server), portReal),
		fmt.Sprintf("%s %d %s daddr %s dnat to %s:%d", both, portHairpin, ip, s.service, s.host(s.client), portReal),
		fmt.Sprintf("%s %d redirect to :%d", both, portRedirect, portReal),
	}
	post := []string{
		fmt.Sprintf(`%s %d oifname "r1" snat to %s`, both, portSNAT, s.service),
		fmt.Sprintf(`%s %d oifname "r1" snat to %s:50000-50010`, both, portPool, s.host(s.pool)),
		fmt.Sprintf(`%s %d oifname "r1" masquerade`, both, portMasquerade),
		fmt.Sprintf(`%s %d oifname "r0" masquerade`, both, portReal),
		fmt.Sprintf(`%s %d ct original proto-dst %d oifname "r1" masquerade to :40000-40100`, both, portReal, portBoth),
		fmt.Sprintf(`meta l4proto %s oifname "r1" masquerade`, icmp),
	}
	text = "table " + ip + " n {\nchain pre { type nat hook prerouting priority -100;\n" + strings.Join(pre, "\n") +
		"\n}\nchain post { type nat hook postrouting priority 100;\n" + strings.Join(post, "\n") + "\n}\n}\n"
	var rules []model.Rule
	for _, r := range append(pre, post...) {
		rules = append(rules, model.Rule{Text: r})
	}
	return text, natTable(s, rules)
}

// TestNAT sends real connections through every kind of translation, in every backend,
// and holds each flow against what conntrack(8) prints and against the class that the
// rule had in mind.
func TestNAT(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "conntrack", "iptables-legacy-restore", "iptables-nft-restore", "nft")
	for _, backend := range []string{"legacy", "nft", "native"} {
		for name, s := range map[string]*side{"v4": &ip4, "v6": &ip6} {
			t.Run(backend+"/"+name, func(t *testing.T) {
				t.Parallel()
				testNAT(t, backend, s)
			})
		}
	}
}

func testNAT(t *testing.T, backend string, s *side) {
	n := nettest.NewRouted(t)
	length := "32"
	if s.v6() {
		length = "128"
	}
	nettest.Run(t, n.Router, "sysctl", "-qw", "net.netfilter.nf_conntrack_acct=1", "net.netfilter.nf_conntrack_timestamp=1")
	nettest.Run(t, n.Router, "ip", "addr", "add", s.service+"/"+length, "dev", "lo")
	var rs *model.Ruleset
	if backend == "native" {
		var text string
		text, rs = nftRules(s)
		nettest.Feed(t, n.Router, text, "nft", "-f", "-")
	} else {
		var text string
		text, rs = iptablesRules(s)
		nettest.Feed(t, n.Router, text, map[bool]string{false: "iptables-", true: "ip6tables-"}[s.v6()]+backend+"-restore")
	}
	for _, p := range []int{portNone, portSNAT, portMasquerade, portPool, portReal} {
		nettest.Echo(t, n.Server, p)
	}
	nettest.Echo(t, n.Router, portReal)
	nettest.Echo(t, n.Client, portReal)

	want := map[int]struct{ to, class, backend string }{
		portNone:       {s.server, "", ""},
		portSNAT:       {s.server, "snat", ""},
		portPool:       {s.server, "snat", ""},
		portMasquerade: {s.server, "masquerade", ""},
		portDNAT:       {s.service, "dnat", s.server},
		portRedirect:   {s.server, "redirect", s.in},
		portHairpin:    {s.service, "dnat+masquerade+hairpin", s.client},
		portBoth:       {s.service, "dnat+masquerade", s.server},
	}
	for _, port := range slices.Sorted(maps.Keys(want)) {
		for _, network := range []string{"tcp", "udp"} {
			talk(t, n.Client, network, fmt.Sprintf("%s:%d", s.host(want[port].to), port))
		}
	}
	ping(t, n.Client, s.server, 4242)

	local, err := LocalAddrs(n.Router)
	if err != nil {
		t.Fatal(err)
	}
	host := flow.HostFrom(rs, local)
	printed, asxml := conntrackL(t, n.Router), conntrackXML(t, n.Router)
	flows, tab := list(t, open(t, n.Router))
	if !tab.Table.Accounting || !tab.Table.Timestamps || tab.Table.Max == 0 || tab.Table.Count < len(flows) {
		t.Errorf("the table as a whole: %+v, with %d flows", tab.Table, len(flows))
	}
	again, _ := list(t, open(t, n.Router))
	counted := map[flow.Key]uint64{}
	for _, f := range again {
		counted[f.Key()] = f.Orig.Count.Packets
	}
	seen := map[string]bool{}
	for _, f := range flows {
		if c, ok := counted[f.Key()]; ok && c < f.Orig.Count.Packets {
			t.Errorf("%s: %d packets, and %d when read again: reading zeroes the kernel's counters", f.Line(), f.Orig.Count.Packets, c)
		}
		l, ok := printed[f.ID]
		if !ok { // neighbour discovery goes on by itself
			if f.Orig.Tuple.Proto != model.ProtoICMPv6 {
				t.Errorf("conntrack does not print %s with id %d", f.Line(), f.ID)
			}
			continue
		}
		same(t, f, l)
		sameXML(t, f, asxml[f.ID])
		delete(printed, f.ID)
		f.NAT = flow.Classify(f, host)
		tup := f.Orig.Tuple
		switch {
		case tup.Proto.ICMP() && tup.SPort == 4242:
			seen["ping"] = true
			if f.NAT.String() != "masquerade" {
				t.Errorf("%s: class %q, expected masquerade", f.Line(), f.NAT)
			}
		case tup.Proto.ICMP():
		case tup.Src.String() == s.client:
			w := want[int(tup.DPort)]
			seen[fmt.Sprint(tup.Proto, tup.DPort)] = true
			if f.NAT.String() != w.class {
				t.Errorf("%s: class %q, expected %q", f.Line(), f.NAT, w.class)
			}
			service := net.JoinHostPort(w.to, fmt.Sprint(tup.DPort))
			wantLine := net.JoinHostPort(s.client, fmt.Sprint(tup.SPort)) + " -> " + service
			if w.backend != "" {
				wantLine += " -> " + net.JoinHostPort(w.backend, fmt.Sprint(portReal))
			}
			if f.Line() != wantLine {
				t.Errorf("%q, expected %q", f.Line(), wantLine)
			}
		default:
			t.Errorf("unexpected flow %s", f.Line())
		}
	}
	if len(seen) != 2*len(want)+1 {
		t.Errorf("%d of the %d flows were seen: %v", len(seen), 2*len(want)+1, seen)
	}
	for id, l := range printed {
		if l.proto != "icmpv6" {
			t.Errorf("flow %d that conntrack prints was not read: %+v", id, l)
		}
	}
}

// setUp makes a router that tracks connections and a server that echoes on port 7.
func setUp(t testing.TB) (*nettest.Routed, *netns.Handle) {
	t.Helper()
	nettest.Kernel(t, "conntrack", "nft")
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "table inet track { chain c { type filter hook forward priority 0; ct state new counter; }; }", "nft", "-f", "-")
	nettest.Echo(t, n.Server, 7)
	return n, n.Router
}
