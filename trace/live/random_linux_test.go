package live

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/trace/guard"
	"nfscope/trace/nettest"
)

// TestRandomRules sends single packets through random rulesets of every backend, and
// holds the ladder against the counters that the kernel kept: a rule is in the ladder
// exactly as often as its counter says. What becomes of the packet is held against who
// got it.
func TestRandomRules(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "ip6tables-legacy-restore", "iptables-nft-restore", "ip6tables-nft-restore", "nft")
	t.Parallel()
	var wg sync.WaitGroup
	slots := make(chan struct{}, 12)
	run := func(name string, fn func(t *testing.T)) {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			t.Run(name, fn)
		})
	}
	for _, family := range matrixFamilies {
		for _, path := range []string{"in", "forward", "out", "bridge", "loopback"} {
			for _, backends := range []string{"legacy", "iptables-nft", "native", "legacy iptables-nft native", ""} {
				what := backends
				if what == "" {
					what = "any"
				}
				run(fmt.Sprintf("%s %s %s", family, path, what), func(t *testing.T) {
					n := newMatrixNet(t, family, path == "bridge")
					g := guarded(t)
					for _, seed := range nettest.Seeds(t, 0, 1) {
						t.Run(fmt.Sprint(seed), func(t *testing.T) { randomRules(t, n, g, path, backends, seed) })
					}
				})
			}
		}
	}
	wg.Wait()
}

// randomRules sends packets through a random ruleset of some backends; where these are ""
// they are random too.
func randomRules(t *testing.T, n *matrixNet, g *guard.Guard, path, backends string, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 7))
	if backends == "" {
		for backends == "" {
			for _, b := range []string{"legacy", "iptables-nft", "native"} {
				if r.IntN(2) == 0 {
					backends += " " + b
				}
			}
		}
	}
	w := n.wire(path, "none")
	to, ip, v6 := n.randomly(&w), "ip", n.family == model.FamilyIPv6
	if v6 {
		ip = "ip6"
	}
	var text strings.Builder
	feed := func(program, rules string, args ...string) {
		fmt.Fprintf(&text, "%s:\n%s\n", program, rules)
		nettest.Feed(t, n.router, rules, program, args...)
	}
	// What a ruleset before this one left is empty.
	empty := "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n*mangle\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\nCOMMIT\n"
	nettest.Feed(t, n.router, empty, ip+"tables-legacy-restore")
	native := "flush ruleset\n"
	if v6 {
		native += quiet
	}
	if strings.Contains(backends, "native") {
		native += to.Replace(randomNative(r))
		if n.bridged {
			native += to.Replace(randomBridge(r))
		}
	}
	feed("nft", native, "-f", "-")
	if strings.Contains(backends, "legacy") {
		feed(ip+"tables-legacy-restore", to.Replace(randomSave(r, "filter")+randomSave(r, "mangle")))
	}
	if strings.Contains(backends, "iptables-nft") {
		feed(ip+"tables-nft-restore", to.Replace(randomSave(r, "filter")))
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d\n%s", seed, text.String())
		}
	})
	s := openOn(t, n.router, g, Trace{Rate: 10_000, Filter: parse(t, "udp and dst portrange 9001-9199")})
	defer s.shut()
	c := newCounted(t, n.router)
	halves := 1
	if path == "loopback" {
		halves = 2
	}
	var all []*sent
	var told []turn
	for _, fate := range []string{"accept", "drop"} { // but names for ports here
		p := n.send(t, &matrixCase{backend: backends, path: path, nat: "none", fate: fate, family: n.family}, &w)
		s.through(p, halves)
		all, told = append(all, p), append(told, turn{name: fmt.Sprintf("port %d", p.to.Port()), after: c.read(t)})
	}
	main := map[*sent][]*journey.Journey{}
	s.settled(backends+" "+path, func(list []*journey.Journey) bool {
		clear(main)
		for _, j := range list {
			for _, p := range all {
				if p.is(j) {
					main[p] = append(main[p], j)
				}
			}
		}
		return !slices.ContainsFunc(all, func(p *sent) bool {
			l := main[p]
			return len(l) != halves && (len(l) != 1 || l[0].Outcome.Verdict == journey.Accepted)
		})
	})
	var bad []string
	var fresh []*journey.Journey
	for i, p := range all {
		fresh, told[i].journeys = append(fresh, main[p]...), main[p]
		_, heard := n.heard.of(p.payload)
		switch last := main[p][len(main[p])-1]; {
		case last.Outcome.Verdict == journey.Accepted:
			if _, ok := p.heard.wait(p.payload); !ok {
				bad = append(bad, fmt.Sprintf("#%d is said to be accepted, and nobody got it", last.Number))
			}
		case last.Outcome.Verdict != journey.Dropped:
			bad = append(bad, fmt.Sprintf("#%d is %s", last.Number, last.Outcome.Verdict))
		case heard:
			bad = append(bad, fmt.Sprintf("#%d is said to be dropped, and somebody has it", last.Number))
		}
	}
	bad = append(bad, c.compareEach(told, nil)...)
	for _, j := range fresh {
		if bad = append(bad, c.ordered(j)...); !j.Complete {
			bad = append(bad, fmt.Sprintf("#%d is incomplete: %s", j.Number, j.Why))
		}
	}
	if len(bad) > 0 {
		var b strings.Builder
		for _, j := range fresh {
			b.WriteString(describe(j))
		}
		t.Errorf("%s\n%s", strings.Join(bad, "\n"), b.String())
	}
}

// randomly makes of random rules for the network of nettest.NewRouted and port 9 those for
// the packets of a wire.
func (m *matrixNet) randomly(w *wire) *strings.Replacer {
	list := []string{"--dport 10", "--dport 9002", "--dport 9", "--dport 9001", "udp dport 10", "udp dport 9002", "udp dport 9", "udp dport 9001", "{ 9, 10 }", "{ 9001, 9002 }"}
	from := netip.PrefixFrom(netip.MustParseAddr(w.src), 24)
	if m.family == model.FamilyIPv6 {
		from = netip.PrefixFrom(from.Addr(), 64)
		list = append(list, "-m ttl --ttl-gt", "-m hl --hl-gt", "ip saddr", "ip6 saddr", "table ip fw", "table ip6 fw", "add rule ip fw", "add rule ip6 fw", "ether type ip ", "ether type ip6 ")
	}
	list = append(list, "10.1.0.0/24", from.Masked().String(), "10.1.0.2", w.src)
	if m.bridged {
		list = append(list, "-i r0", "-i br0", "-o r1", "-o br0", "iifname \"r0\"", "iifname \"br0\"")
	}
	return strings.NewReplacer(list...)
}

// users is how many user chains there are; a chain calls only later ones.
const users = 4

// randomSave makes one iptables table in save form.
func randomSave(r *rand.Rand, table string, more ...string) string {
	var b strings.Builder
	hooks := []string{"INPUT", "FORWARD", "OUTPUT"}
	if table == "mangle" {
		hooks = []string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}
	}
	fmt.Fprintf(&b, "*%s\n", table)
	for _, h := range hooks {
		policy := "ACCEPT"
		if r.IntN(4) == 0 && table == "filter" {
			policy = "DROP"
		}
		fmt.Fprintf(&b, ":%s %s [0:0]\n", h, policy)
	}
	for i := range users {
		fmt.Fprintf(&b, ":U%d - [0:0]\n", i)
	}
	matches := []string{"", "", "-p udp", "-p tcp", "-p udp -m udp --dport 9", "-p udp -m udp --dport 10", "-s 10.1.0.0/24", "! -s 10.1.0.2", "-i r0", "-m ttl --ttl-gt 3"}
	matches = append(matches, more...)
	rule := func(chain string, first int) {
		target := []string{"", "-j ACCEPT", "-j RETURN", "-j MARK --set-xmark 0x7/0xffffffff", "-j DROP", "-j NFLOG --nflog-group 9"}[r.IntN(6)]
		if first < users && r.IntN(2) == 0 {
			target = fmt.Sprintf("-%s U%d", []string{"j", "j", "g"}[r.IntN(3)], first+r.IntN(users-first))
		}
		if strings.Contains(target, "MARK") && table != "mangle" || target == "-j DROP" && r.IntN(2) == 0 {
			target = ""
		}
		match := matches[r.IntN(len(matches))]
		if match == "-i r0" && (chain == "OUTPUT" || chain == "POSTROUTING") {
			match = "-o r1"
		}
		fmt.Fprintf(&b, "-A %s %s %s\n", chain, match, target)
	}
	for _, h := range hooks {
		for range r.IntN(4) {
			rule(h, 0)
		}
	}
	for i := range users {
		for range r.IntN(4) {
			rule(fmt.Sprintf("U%d", i), i+1)
		}
	}
	b.WriteString("COMMIT\n")
	return b.String()
}

// randomNative makes a native table; every rule counts.
func randomNative(r *rand.Rand, more ...string) string {
	var b strings.Builder
	b.WriteString("table ip fw {\n")
	for i := range users {
		fmt.Fprintf(&b, " chain u%d {\n }\n", i)
	}
	matches := []string{"", "meta l4proto udp", "meta l4proto tcp", "udp dport 9", "udp dport { 9, 10 }", "udp dport 10", "ip saddr 10.1.0.0/24", "iifname \"r0\"", "ip saddr != 10.1.0.2"}
	matches = append(matches, more...)
	rule := func(first int) string {
		verdict := []string{"", "accept", "return", "meta mark set 0x9", "drop", "continue"}[r.IntN(6)]
		if first < users && r.IntN(2) == 0 {
			verdict = fmt.Sprintf("%s u%d", []string{"jump", "jump", "goto"}[r.IntN(3)], first+r.IntN(users-first))
		}
		if verdict == "drop" && r.IntN(2) == 0 {
			verdict = ""
		}
		return fmt.Sprintf("  %s counter %s\n", matches[r.IntN(len(matches))], verdict)
	}
	for _, c := range []struct {
		hook string
		prio int
	}{{"prerouting", -160}, {"input", 5}, {"forward", -5}, {"forward", 7}, {"output", -155}, {"output", 6}, {"postrouting", 3}} {
		policy := "accept"
		if r.IntN(5) == 0 {
			policy = "drop"
		}
		fmt.Fprintf(&b, " chain %s%d {\n  type filter hook %s priority %d; policy %s;\n", c.hook, c.prio+1000, c.hook, c.prio, policy)
		for range r.IntN(4) {
			b.WriteString(rule(0))
		}
		b.WriteString(" }\n")
	}
	b.WriteString("}\n")
	// User chains get their rules last: a chain must be there before it is called.
	for i := range users {
		for range r.IntN(4) {
			fmt.Fprintf(&b, "add rule ip fw u%d %s\n", i, strings.TrimSpace(rule(i+1)))
		}
	}
	return b.String()
}

// randomBridge makes a table of a bridge's own chains, behind where a bridge hands packets
// to the IP families at prerouting, for that is where they are first traced; every rule
// counts, and none but what is sent: ARP comes along too.
func randomBridge(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString("table bridge b {\n")
	for i, hook := range []string{"prerouting", "forward", "postrouting"} {
		fmt.Fprintf(&b, " chain %s {\n  type filter hook %s priority %d; policy accept;\n", hook, hook, []int{5, 10, -5, -300}[r.IntN(2+2*min(i, 1))]+i)
		for range r.IntN(4) {
			match := []string{"", "udp dport 9", "udp dport 10", "ether type ip ", "iifname \"p1\"", "iifname \"p2\""}[r.IntN(6)]
			fmt.Fprintf(&b, "  meta l4proto udp %s counter %s\n", match, []string{"", "accept", "meta mark set 0x5", "drop", "continue", "return"}[r.IntN(6)])
		}
		b.WriteString(" }\n")
	}
	b.WriteString("}\n")
	return b.String()
}
