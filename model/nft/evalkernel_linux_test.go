package nft_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/nft"
	"nfscope/model/ruleset"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// shooter writes rules from so few values that random packets meet them.
type shooter struct {
	*rand.Rand
	// v6 is the packets' family, table that of the rules.
	v6    bool
	table string
}

func (g *shooter) pick(s ...string) string { return s[g.IntN(len(s))] }
func (g *shooter) fam(v4, v6 string) string {
	if g.v6 {
		return v6
	}
	return v4
}
func (g *shooter) one(l string) string { return g.pick(strings.Split(l, "|")...) }
func (g *shooter) op() string          { return g.pick("", "", "!= ") }

const (
	from4, to4 = "10.99.0.2|10.99.0.9|10.98.0.1", "10.99.0.1|10.99.0.3|10.99.0.4"
	from6, to6 = "fd99::2|fd99::9|fd98::1", "fd99::1|fd99::3|fd99::4"
)

// num writes what a small number is compared with.
func (g *shooter) num(hex bool, top int) string {
	n := func() string {
		if hex {
			return fmt.Sprintf("0x%x", g.IntN(top))
		}
		return fmt.Sprint(g.IntN(top))
	}
	lo := g.IntN(top - 1)
	switch g.IntN(6) {
	case 0:
		return g.op() + fmt.Sprintf("{ %d, %d }", lo, lo+1)
	case 1:
		return g.op() + fmt.Sprintf("{ %d-%d }", lo, top)
	case 2:
		return g.op() + fmt.Sprintf("%d-%d", lo, lo+1+g.IntN(top-lo))
	case 3:
		return g.pick("< ", "> ", "<= ", ">= ") + fmt.Sprint(1+g.IntN(top-1))
	}
	return g.op() + n()
}

func (g *shooter) addr(l, mask string) string {
	a := g.one(l)
	switch g.IntN(5) {
	case 0:
		return g.op() + "{ " + a + ", " + strings.Replace(a, "9", "7", 1) + " }"
	case 1:
		return g.op() + strings.Split(l, "|")[0] + mask
	case 2:
		return g.pick("", "!= ", "< ", ">= ") + a
	}
	return g.op() + a
}

// condition writes one condition on headers.
func (g *shooter) condition() string {
	ip := g.fam("ip", "ip6")
	if g.table == "inet" && g.IntN(8) == 0 {
		ip = g.fam("ip6", "ip") // which this packet is not
	}
	src, dst, mask := from4, to4, "/24"
	if ip == "ip6" {
		src, dst, mask = from6, to6, "/64"
	}
	icmp := g.fam("icmp", "icmpv6")
	flag := func() string { return g.pick("syn", "ack", "syn|ack", "psh", "fin") }
	l := []string{
		ip + " saddr " + g.addr(src, mask), ip + " daddr " + g.addr(dst, mask),
		ip + " saddr & " + map[string]string{"ip": "255.0.0.255 == 10.0.0.9", "ip6": "ffff::ffff == fd99::9"}[ip],
		ip + " dscp " + g.op() + g.pick("cs0", "0x04", "ef"), ip + " ecn " + g.pick("not-ect", "ect1", "ce"), ip + " length " + g.num(false, 90),
		ip + map[string]string{"ip": " ttl ", "ip6": " hoplimit "}[ip] + g.op() + fmt.Sprint(62+g.IntN(4)),
		"meta length " + g.pick("< 60", "> 60", "50-70", "!= 62"), "meta mark " + g.num(true, 4), "meta mark & 0x3 " + g.pick("==", "!=", "<") + " 0x2",
		"meta mark | 0x4 == " + g.pick("0x5", "0x7"), "meta mark ^ 0x1 == 0x2",
		"meta mark set meta mark << 1 meta mark " + g.pick("0x2", "0x4"), "meta mark set meta mark >> 1 meta mark 0x1",
		"meta l4proto " + g.op() + g.pick("tcp", "{ tcp, udp }", "47", g.fam("icmp", "ipv6-icmp")), "meta nfproto " + g.op() + g.pick("ipv4", "ipv6"),
		"oifname " + g.op() + g.pick(`"d0"`, `"d*"`, `{ "d0", "x" }`, `"lo"`), "oif " + g.op() + g.pick("d0", "lo"), "iifname " + g.op() + g.pick(`"d0"`, `"lo"`),
		"tcp " + g.pick("sport ", "dport ") + g.num(false, 6), "udp " + g.pick("sport ", "dport ") + g.num(false, 6),
		"meta l4proto { tcp, udp } th " + g.pick("sport ", "dport ") + g.num(false, 6),
		"tcp flags " + g.pick("syn", "!= syn", "== syn", "syn,ack", "! ack", "{ syn, syn|ack }", "& (syn|ack) == "+flag(), "& (fin|syn|rst|ack) != syn", "syn / syn,ack"),
		icmp + " type " + g.op() + g.pick("echo-request", "echo-reply", g.fam("destination-unreachable", "packet-too-big"), "{ echo-request, echo-reply }"),
		icmp + " code " + g.num(false, 5), icmp + " id " + g.num(false, 4), icmp + " sequence " + g.num(false, 4),
		"@th,16,16 " + g.num(false, 6), "@nh," + g.fam("8", "48") + ",8 " + g.op() + g.pick("0x10", "0x06", "0x11"), "@nh,0,4 " + g.fam("4", "6"),
		"ip" + g.fam("", "6") + " saddr . " + g.pick("tcp", "udp") + " dport " + g.op() + "{ " + g.fam("10.99.0.2 . 1, 10.99.0.9 . 1-3, 10.98.0.0/16 . 2-5", "fd99::2 . 1, fd99::9 . 1-3, fd98::/16 . 2-5") + " }",
		"meta mark . meta l4proto " + g.op() + "{ 0x1 . tcp, 0x2 . udp, 0x0-0x3 . 47 }",
		g.fam("ip", "ip6") + " saddr " + g.op() + "@near", g.fam("ip", "ip6") + " saddr . meta mark " + g.op() + "@pairs",
		"meta mark vmap { 0x0 : continue, 0x2-0x3 : continue }", g.pick("tcp", "udp") + " dport vmap { 0-2 : continue, 4 : continue, * : continue }",
		g.fam("ip", "ip6") + " saddr vmap { " + g.fam("10.99.0.2 : continue, 10.98.0.0/16 : continue", "fd99::2 : continue, fd98::/16 : continue") + " }",
		"meta mark set 0x2 meta mark " + g.num(true, 4), "meta mark set meta mark | 0x2 meta mark " + g.num(true, 4),
		"meta mark set " + g.pick("tcp", "udp") + " dport map { 1 : 0x1, 2-4 : 0x3 } meta mark " + g.num(true, 4),
		ip + " dscp set cs1 " + ip + " dscp " + g.pick("cs1", "cs0"),
		"numgen " + g.pick("inc", "random") + " mod 4 offset 10 " + g.pick("10-13", "!= 10-13", "9", "14", "> 13", "vmap { 10-12 : continue, 13 : continue }"),
		g.pick("symhash", "jhash "+ip+" saddr") + " mod 4 " + g.pick("0-3", "4", "> 3", "vmap { 0 : continue, 1-3 : continue }"),
		"fib daddr type " + g.op() + "local", "meta protocol " + g.op() + g.pick("ip", "ip6"),
	}
	if !g.v6 {
		l = append(l, "ip frag-off & 0x1fff "+g.pick("!= 0", "== 0"), "ip protocol "+g.op()+g.pick("tcp", "udp", "{ 47, icmp }"), "ip id < 30000", "ip version 4")
	} else {
		l = append(l, "ip6 nexthdr "+g.op()+g.pick("tcp", "udp", "47"), "exthdr frag "+g.pick("exists", "missing"), "exthdr hbh "+g.pick("exists", "missing"), "ip6 version 6")
	}
	return l[g.IntN(len(l))]
}

// connection writes one condition on the connection.
func (g *shooter) connection() string {
	ip := g.fam("ip", "ip6")
	src, dst, mask := g.fam(from4, from6), g.fam(to4, to6), g.fam("/24", "/64")
	return g.pick("ct state "+g.op()+g.pick("new", "established", "untracked", "invalid", "established,related", "new,untracked", "{ new, invalid }"),
		"ct state vmap { new : continue, untracked : continue }", "ct direction "+g.op()+g.pick("original", "reply"), "ct status "+g.pick("! dnat", "seen-reply", "snat", "! expected,assured"),
		"ct original "+ip+" saddr "+g.addr(src, mask), "ct reply "+ip+" saddr "+g.addr(dst, mask), "ct original "+ip+" daddr "+g.addr(dst, mask),
		"meta l4proto udp ct original proto-dst "+g.num(false, 6), "meta l4proto udp ct reply proto-src "+g.num(false, 6), "ct protocol "+g.op()+g.pick("udp", "tcp", "{ tcp, udp }"),
		"ct l3proto "+g.op()+g.pick("ipv4", "ipv6"), "ct mark "+g.num(true, 3), "ct mark set 0x1 ct mark "+g.num(true, 3), "ct mark & 0x1 == "+g.pick("0x0", "0x1"),
		"ct zone "+g.pick("0", "1"), "ct helper "+g.op()+`"ftp"`, "notrack ct state untracked", "ct mark set meta mark ct mark "+g.num(true, 4),
		"meta mark set ct mark meta mark "+g.num(true, 4), "ct state . meta l4proto { new . udp, untracked . 47 }")
}

// hides reports whether nft 1.0.6 would list the condition wrongly when another
// follows. It leaves out what it thinks that one needs anyway ("ct l3proto ipv6 ip saddr
// 10.0.0.1" is listed as "ip saddr 10.0.0.1"), and makes a range of "<" and ">" whatever
// they are about (netlink_delinearize.c).
func hides(s string) bool {
	return slices.ContainsFunc([]string{"ct l3proto", "ct protocol", "meta protocol", "nfproto", "meta l4proto", "nexthdr", "ip protocol", "@nh", "<"},
		func(w string) bool { return strings.Contains(s, w) })
}

// TestEvalAgrees sends random packets through random rules: a rule's counter must move
// when Eval says yes, and stand still when it says no.
func TestEvalAgrees(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "ip")
	for _, c := range []struct {
		table string
		v6    bool
	}{{"ip", false}, {"ip6", true}, {"inet", false}, {"inet", true}} {
		for _, about := range []string{"headers", "connection"} {
			for _, seed := range nettest.Seeds(t, 1) {
				t.Run(fmt.Sprintf("%s/v6=%v/%s %d", c.table, c.v6, about, seed), func(t *testing.T) {
					t.Parallel()
					agree(t, c.table, c.v6, about == "connection", seed)
				})
			}
		}
	}
}

func agree(t *testing.T, table string, v6, conn bool, seed uint64) {
	ns := nettest.New(t, "eval")
	nettest.Feed(t, ns, "link add d0 type veth peer name d1\nlink set d0 arp off\nlink set d1 up\naddr add 10.99.0.2/24 dev d0\naddr add fd99::2/64 dev d0 nodad\nlink set d0 up\n", "ip", "-batch", "-")
	g := &shooter{rand.New(rand.NewPCG(seed, 5)), v6, table}
	var b strings.Builder
	fmt.Fprintf(&b, "table %s t {\nset near { type %s; elements = { %s } }\n", table, g.fam("ipv4_addr", "ipv6_addr"), g.fam("10.99.0.9, 10.99.0.5", "fd99::9, fd99::5"))
	fmt.Fprintf(&b, "set pairs { type %s . mark; flags interval; elements = { %s } }\n", g.fam("ipv4_addr", "ipv6_addr"),
		g.fam("10.99.0.0/24 . 0x1, 10.98.0.1 . 0x0-0x2", "fd99::/64 . 0x1, fd98::1 . 0x0-0x2"))
	const rules = 350
	var list []rule
	source := map[string]string{}
	for i := range rules {
		text := g.condition()
		if conn {
			text = g.connection()
		}
		if g.IntN(2) == 0 && !hides(text) {
			text += " " + g.condition()
		}
		list = append(list, rule{fmt.Sprintf("%s r%d", table, i), text + " counter"})
		source[fmt.Sprint("r", i)] = text
		fmt.Fprintf(&b, "chain r%d {\n}\n", i)
	}
	b.WriteString("chain tested {\n}\nchain early { type filter hook output priority -300; oifname d0 meta l4proto 47 notrack\n}\n" +
		"chain out { type filter hook output priority 0; oifname d0 " + g.fam("ip daddr 10.99.0.0/24", "ip6 daddr fd99::/64") + " jump tested\n}\n}\n")
	nettest.Feed(t, ns, b.String(), "nft", "-f", "-")
	refused := 0
	(&host{ns}).loadAll(t, list, func(rule, error) { refused++ }) // conflicts of what chance put together
	if refused > rules/3 {
		t.Errorf("nft takes only %d rules of %d", rules-refused, rules)
	}
	text := survives(t, ns, table, source)
	tables, found := ruleset.ParseNFT("nft", []byte(text))
	if len(found) > 0 || len(tables) != 1 {
		t.Fatalf("%d tables, %v", len(tables), found)
	}
	parsed := map[string]*nft.Rule{}
	sets := map[string]*nft.Block{}
	for _, x := range tables[0].Extra {
		s := nft.ParseSet(x, tables[0].Family)
		sets[s.Name] = s
	}
	var pure, dirty []string
	strange := 0
	for _, c := range tables[0].Chains {
		if c.Name[0] == 'r' && len(c.Rules) > 0 {
			r := nft.Parse(c.Rules[0].Text, tables[0].Family)
			if len(r.Unknown) > 0 { // nft prints "[invalid type]", and a mask as 1536/8
				strange++
				continue
			}
			parsed[c.Name] = r
			if strings.Contains(r.String(), " set ") || strings.Contains(r.String(), "notrack") {
				dirty = append(dirty, c.Name)
			} else {
				pure = append(pure, c.Name)
			}
		}
	}
	if strange > rules/20 {
		t.Errorf("%d rules of %d are not understood", strange, rules)
	}
	answers := map[fact.Answer]int{}
	unsure, used := map[string]int{}, map[model.Tuple]bool{}
	before := counters(t, ns)
	for n := 0; n < 30; {
		raw, mark := nettest.RandomPacket(g.Rand, strings.Split(g.fam(from4, from6), "|"), strings.Split(g.fam(to4, to6), "|"))
		family := model.FamilyIPv4
		if v6 {
			family = model.FamilyIPv6
		}
		packet, err := model.DecodePacket(family, raw, nil)
		if err != nil {
			t.Fatal(err)
		}
		facts := &fact.Facts{Backend: model.BackendNFTables, In: fact.Of(""), Out: fact.Of("d0"), Mark: fact.Of(mark),
			InSet: func(set string, key []string) fact.Answer {
				if s := sets[set]; s != nil {
					return s.Holds(key)
				}
				return fact.Unsure
			},
			Local: func(a netip.Addr) fact.Answer { return fact.Is(a.String() == g.fam("10.99.0.2", "fd99::2")) }}
		if conn {
			if packet.Proto != model.ProtoUDP && packet.Proto != model.ProtoGRE || packet.FragOffset > 0 ||
				packet.Proto == model.ProtoUDP && (packet.SPort == 0 || packet.DPort == 0) {
				continue // conntrack has an opinion of its own on those
			}
			if used[packet.Tuple()] {
				continue // its connection may have been changed by a rule
			}
			used[packet.Tuple()] = true
			c := &fact.Connection{State: fact.Untracked}
			if packet.Proto == model.ProtoUDP { // nobody answers: each is the first of its kind
				c = &fact.Connection{State: fact.New, Status: fact.Of([]string{}), Reply: fact.Of(false), Mark: fact.Of(uint32(0)), Zone: fact.Of(uint16(0)), Helper: fact.Of(""),
					Original: fact.Of(packet.Tuple()), Answered: fact.Of(packet.Tuple().Reverse())}
			}
			facts.Connection = fact.Of(c)
		}
		n++
		// What a rule changes stays changed: all rules that change nothing are met, and then
		// one that does.
		chosen := pure
		if len(dirty) > 0 {
			chosen = append(chosen[:len(chosen):len(chosen)], dirty[n%len(dirty)])
		}
		var all strings.Builder
		fmt.Fprintf(&all, "flush chain %s t tested\n", table)
		for _, c := range chosen {
			fmt.Fprintf(&all, "add rule %s t tested jump %s\n", table, c)
		}
		nettest.Feed(t, ns, all.String(), "nft", "-f", "-")
		nettest.SendIP(t, ns, raw, mark)
		after := counters(t, ns)
		for _, name := range chosen {
			r := parsed[name]
			if joined.MatchString(source[name]) && !strings.Contains(r.String(), ">=") {
				continue // nft lists the two comparisons as a range of the second field, which is another rule
			}
			a, why := r.Eval(&packet, facts)
			if moved := after[name] != before[name]; a != fact.Unsure && moved != (a == fact.Yes) {
				t.Errorf("%s\n  written as %s\n  packet %s, %+v\n  we say %v, the counter moved: %v\n  %v", r, source[name], &packet, packet, a, moved, why)
			}
			if packet.FragOffset == 0 {
				if answers[a]++; a == fact.Unsure {
					unsure[fmt.Sprint(r, " : ", why)]++
				}
			}
		}
		if t.Failed() {
			return
		}
		before = after
	}
	total := answers[fact.Yes] + answers[fact.No] + answers[fact.Unsure]
	t.Logf("%d answers: %v, %.1f %% unknown", total, answers, 100*float64(answers[fact.Unsure])/float64(total))
	shown := 0
	for s, n := range unsure {
		if shown++; shown < 12 {
			t.Logf("unknown %d times: %s", n, s)
		}
	}
	if answers[fact.Yes] < 300 || answers[fact.No] < 300 {
		t.Errorf("%v: too few of one kind to prove anything", answers)
	}
	if answers[fact.Unsure]*100 > total*6 {
		t.Errorf("%v: too much is unknown", answers)
	}
}

// counters reads the counter of each chain's rule.
func counters(t *testing.T, ns *netns.Handle) map[string]uint64 {
	t.Helper()
	tables, _ := ruleset.ParseNFT("nft", []byte(nettest.Run(t, ns, "nft", "-a", "-y", "list", "ruleset")))
	m := map[string]uint64{}
	for _, c := range tables[0].Chains {
		if c.Name[0] == 'r' && len(c.Rules) > 0 {
			m[c.Name] = c.Rules[0].Counters.Packets
		}
	}
	return m
}

// survives lists the ruleset. nft 1.0.6 ends in an assertion over some rules that it
// took itself (payload.c, payload_expr_complete): those are taken out.
func survives(t *testing.T, ns *netns.Handle, table string, source map[string]string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if out, err := ns.Output(ctx, nil, "nft", "-a", "-y", "list", "ruleset"); err == nil {
		return string(out)
	}
	for name, text := range source {
		if _, err := ns.Output(ctx, nil, "nft", "list", "chain", table, "t", name); err != nil {
			t.Logf("nft cannot list %s", text)
			nettest.Run(t, ns, "nft", "flush", "chain", table, "t", name)
		}
	}
	return nettest.Run(t, ns, "nft", "-a", "-y", "list", "ruleset")
}

// joined finds "icmp code >= 2 ip length <= 55", which nft 1.0.6 lists as "ip length 2-55".
var joined = regexp.MustCompile(`>= \S+ \w+ \w+ <= `)
