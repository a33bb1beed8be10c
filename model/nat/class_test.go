package nat_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/flow/flowtest"
	"nfscope/model/nat"
	"nfscope/model/ruleset"
)

// The words that the rules of TestClasses are made of: all that look at what a flow has.
var (
	legacyWords = []string{"-s 10.1.0.0/24", "! -s 10.1.0.2/32", "-d 203.0.113.1/32", "-d 10.2.0.0/16", "-d 0.0.0.0/0.0.0.3", "-p tcp", "-p udp", "-p icmp",
		"-p tcp -m tcp --dport 80", "-p udp -m udp --sport 1024:5000", "-p tcp -m multiport --dports 22,80:90,443", "-p udp -m multiport ! --ports 53,5353",
		"-m iprange --src-range 10.1.0.3-10.1.0.7", "-m addrtype --dst-type LOCAL", "-m addrtype ! --src-type MULTICAST", "-p icmp -m icmp --icmp-type 8",
		"-m conntrack --ctorigdst 203.0.113.1", "-m conntrack --ctstate NEW --ctorigdstport 53:80", "-m conntrack --ctstatus DNAT", "-o r1", "-m mark --mark 0x1",
		"-m comment --comment x", "-m limit --limit 1/s", "-m statistic --mode random --probability 0.5", "-m set --match-set s src", "-m u32 --u32 0&0xff=5"}
	nftWords = []string{"ip saddr 10.1.0.0/24", "ip daddr != 203.0.113.1", "ip daddr { 10.2.0.2, 10.2.0.4-10.2.0.9 }", "tcp dport 80", "tcp dport { 22, 80-90 }",
		"udp sport 1024-5000", "th dport < 1024", "meta l4proto udp", "ip protocol icmp", "icmp type echo-request", "fib daddr type local", "ct state new", "ct status dnat",
		"ct original ip daddr 203.0.113.1", "ct original proto-dst 53", "oifname \"r1\"", "ip saddr . tcp dport { 10.1.0.2 . 80, 10.1.0.3 . 443 }", "ip saddr @named",
		"meta mark & 0x4 == 0x4", "ip saddr & 0.0.0.3 == 0.0.0.1", "jhash ip saddr mod 2 == 1", "@th,16,16 > 80", "numgen random mod 2 == 0", "limit rate 1/second"}
	legacyEnds = map[string][]string{
		"filter": {"ACCEPT", "DROP", "REJECT", "RETURN", "LOG", "USER"},
		"dst":    {"DNAT --to-destination 10.2.0.2", "DNAT --to-destination 10.2.0.2-10.2.0.5:80-90", "REDIRECT --to-ports 5353", "ACCEPT", "NETMAP --to 10.2.0.0/24"},
		"src":    {"MASQUERADE", "SNAT --to-source 203.0.113.1:2000-2999", "SNAT --to-source 203.0.113.1-203.0.113.4", "ACCEPT"}}
	nftEnds = map[string][]string{
		"filter": {"accept", "drop", "return", "counter", "jump user", "tcp dport vmap { 80 : accept, 443 : drop }"},
		"dst":    {"dnat ip to 10.2.0.2", "dnat ip to 10.2.0.2:80-90", "redirect to :5353", "accept", "dnat ip to tcp dport map { 80 : 10.2.0.3 }"},
		"src":    {"masquerade", "snat ip to 203.0.113.1:2000-2999", "snat ip to 203.0.113.1-203.0.113.4", "accept"}}
)

// somePort and someAddr lie on both sides of what the rules compare with.
func somePort(r *rand.Rand) uint16 {
	return [...]uint16{0, 21, 22, 23, 52, 53, 54, 79, 80, 81, 90, 91, 443, 444, 1023, 1024, 2000, 2999, 3000, 5000, 5001, 5353, 65535}[r.IntN(23)]
}

func someAddr(r *rand.Rand) netip.Addr {
	return netip.MustParseAddr([...]string{"10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.7", "10.1.0.8", "10.1.1.2", "10.2.0.1", "10.2.0.2", "10.2.0.3", "10.2.0.5", "10.2.0.9", "10.2.1.1",
		"203.0.113.1", "203.0.113.4", "203.0.113.5", "224.0.0.1", "127.0.0.1", "0.0.0.0", "255.255.255.255", "192.0.2.9"}[r.IntN(20)])
}

func someRules(r *rand.Rand, text, nft bool) *model.Ruleset {
	pick := func(l []string) string { return l[r.IntN(len(l))] }
	words, ends := legacyWords, legacyEnds
	if nft {
		words, ends = nftWords, nftEnds
	}
	if !text { // none of what makes classes impossible
		words = words[:len(words)-map[bool]int{false: 1, true: 5}[nft]]
	}
	id := 0
	chain := func(name, kind string, h model.Hook, at model.Priority, typ string) *model.Chain {
		c := &model.Chain{Name: name, Hook: h, Priority: at, Type: typ, Policy: pick([]string{"ACCEPT", "ACCEPT", "DROP"})}
		if typ == "nat" || h == model.HookNone {
			c.Policy = "ACCEPT"
		}
		for range r.IntN(4) {
			id++
			end := pick(ends[kind])
			if h == model.HookNone && strings.Contains(strings.ToLower(end), "user") {
				end = ends[kind][0]
			}
			t := strings.TrimSpace(strings.Join([]string{pick(words), pick(append([]string{""}, words...)), end}, " "))
			x := model.Rule{Index: len(c.Rules) + 1, Text: t}
			if !nft {
				x.Text = "-A " + name + " " + strings.TrimSuffix(t, end) + "-j " + end
			}
			c.Rules = append(c.Rules, x)
		}
		return c
	}
	rs := &model.Ruleset{}
	b := model.BackendLegacy
	if nft {
		b = model.BackendNFTables
	}
	rs.Tables = []*model.Table{
		{Backend: b, Family: model.FamilyIPv4, Name: "nat", Chains: []*model.Chain{chain("PREROUTING", "dst", model.HookPrerouting, -100, "nat"), chain("OUTPUT", "dst", model.HookOutput, -100, "nat"),
			chain("INPUT", "src", model.HookInput, 100, "nat"), chain("POSTROUTING", "src", model.HookPostrouting, 100, "nat")}},
		{Backend: b, Family: model.FamilyIPv4, Name: "filter", Chains: []*model.Chain{chain("INPUT", "filter", model.HookInput, 0, "filter"), chain("FORWARD", "filter", model.HookForward, 0, "filter"),
			chain("OUTPUT", "filter", model.HookOutput, 0, "filter"), chain(map[bool]string{false: "USER", true: "user"}[nft], "filter", model.HookNone, 0, "")}}}
	rs.Number()
	return rs
}

func someLook(r *rand.Rand) *flow.Look {
	protos := []model.Proto{model.ProtoTCP, model.ProtoUDP, model.ProtoICMP, model.ProtoGRE}
	l := &flow.Look{Family: model.FamilyIPv4, Status: flow.Confirmed, Orig: model.Tuple{Proto: protos[r.IntN(4)], Src: someAddr(r), Dst: someAddr(r), SPort: somePort(r), DPort: somePort(r)}}
	if l.Orig.Proto == model.ProtoICMP {
		l.Orig.DPort = [...]uint16{8 << 8, 0, 13 << 8}[r.IntN(3)]
	}
	if l.Orig.Proto == model.ProtoGRE {
		l.Orig.SPort, l.Orig.DPort = 0, 0
	}
	l.Reply = l.Orig.Reverse()
	if r.IntN(2) == 0 {
		l.Status |= flow.DstNAT
		if l.Reply.Src = someAddr(r); l.Orig.Proto.Ports() && r.IntN(2) == 0 {
			l.Reply.SPort = somePort(r)
		}
	}
	if r.IntN(2) == 0 {
		l.Status |= flow.SrcNAT
		if l.Reply.Dst = someAddr(r); l.Orig.Proto.Ports() && r.IntN(2) == 0 {
			l.Reply.DPort = somePort(r)
		}
	}
	if r.IntN(20) == 0 {
		l.Status |= flow.Expected
	}
	return l
}

// TestClasses: what is found of one flow of a class holds for all of it, whatever the rules
// look at.
func TestClasses(t *testing.T) {
	t.Parallel()
	h := nat.Host{Local: []netip.Prefix{netip.MustParsePrefix("10.1.0.1/24"), netip.MustParsePrefix("10.2.0.1/24"), netip.MustParsePrefix("203.0.113.1/32")},
		Routes: &model.Routes{List: []model.Route{{To: netip.MustParsePrefix("10.1.0.0/24"), Device: "r0"}, {To: netip.MustParsePrefix("0.0.0.0/0"), Device: "r1"}}}}
	// A set holds whatever has a 2 in its key.
	inSet := func(_ *model.Table, _ string, key []string) fact.Answer {
		return fact.Is(strings.Contains(key[0], "2"))
	}
	stale, made := 0, 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 7))
		rs := someRules(r, seed%3 == 0, seed%2 == 0)
		if h.InSet = nil; seed%5 != 0 {
			h.InSet = inSet
		}
		many, each := nat.NewFinder(ruleset.NewIndex(rs), h), nat.NewFinder(ruleset.NewIndex(rs), h)
		for range 300 {
			l := someLook(r)
			want := each.Stale(l)
			if got := many.IsStale(l); got != (want.Kind != "") {
				t.Fatalf("seed %d: %v, %v: %v as one of its class, alone %q\n%s", seed, l.Orig, l.Reply, got, want.Words, printed(rs))
			}
			places, alone := nat.Ruling{Finder: many}.Made(l), []filter.Place(nil)
			o := each.Look(l)
			for i, m := range []nat.Made{o.Dst, o.Src} {
				for _, x := range m.Rules {
					if nat.Translated(l, i == 1) {
						alone = append(alone, filter.Place{Table: x.Table.Name, Chain: x.Chain.Name, Rule: x.Rule.Index})
					}
				}
			}
			if !slices.Equal(places, alone) {
				t.Fatalf("seed %d: %v, %v: made by %v as one of its class, alone %v\n%s", seed, l.Orig, l.Reply, places, alone, printed(rs))
			}
			if want.Kind != "" {
				stale++
			}
			if len(places) > 0 {
				made++
			}
		}
	}
	if stale < 1000 || made < 100 {
		t.Errorf("%d stale, %d with a rule: the flows do not try the rules", stale, made)
	}
}

func printed(rs *model.Ruleset) string {
	var b strings.Builder
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			fmt.Fprintln(&b, t.Name, c.Name, c.Policy)
			for i := range c.Rules {
				fmt.Fprintln(&b, "   ", c.Rules[i].Text)
			}
		}
	}
	return b.String()
}

// gatewayRules are those of a gateway: sources translated, some services, a filter.
const gatewayRules = head + `-A PREROUTING -d 203.0.113.1/32 -p tcp -m tcp --dport 8443 -j DNAT --to-destination 10.2.0.2:443
-A PREROUTING -d 203.0.113.1/32 -p udp -m udp --dport 53 -j REDIRECT --to-ports 5353
-A POSTROUTING -s 10.0.0.0/8 -o r1 -j SNAT --to-source 203.0.113.1-203.0.113.6
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -s 10.0.0.0/12 -p tcp -m multiport --dports 80,443,8000:8100 -j ACCEPT
-A FORWARD -d 10.2.0.2/32 -p tcp -m tcp --dport 443 -m comment --comment "web" -j ACCEPT
COMMIT
`

// BenchmarkStaleMillion is how long it takes to know which of a million connections are
// stale: with the rules of a gateway, and behind 5,000 services more.
func BenchmarkStaleMillion(b *testing.B) {
	t := flowtest.Gateway(1_000_000, false)
	var services strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&services, "-A PREROUTING -d 203.0.%d.%d/32 -p tcp -m tcp --dport %d -j DNAT --to-destination 10.3.%d.%d:8080\n", 114+i/250, i%250, 1000+i, i/250, i%250)
	}
	for _, c := range []struct{ name, rules string }{{"gateway", gatewayRules}, {"services", strings.Replace(gatewayRules, "-A POSTROUTING", services.String()+"-A POSTROUTING", 1)}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				f, n := gateway(b, c.rules), 0
				t.Each(func(l *flow.Look) bool {
					if f.IsStale(l) {
						n++
					}
					return true
				})
				b.ReportMetric(float64(n), "stale")
			}
		})
	}
}
