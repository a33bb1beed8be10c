package live

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/nat"
	"nfscope/model/ruleset"
	"nfscope/trace/conntrack"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
	"nfscope/trace/rules"
)

// TestNATRule sends connections of UDP, TCP and ICMP through random NAT rules of every backend and family, and
// holds the rule that is inferred for each half of the flow against the one that the
// kernel traced: it is named, and alone where no rule is left to chance. Then the rules are changed: a flow that is said to be stale must come
// out otherwise when it is deleted and begun anew.
func TestNATRule(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft", "conntrack")
	t.Parallel()
	var c tally
	t.Run("rules", func(t *testing.T) {
		for _, backend := range []string{"legacy", "nft", "native"} {
			for _, v6 := range []bool{false, true} {
				for _, seed := range nettest.Seeds(t, 0, 1) {
					t.Run(fmt.Sprintf("%s v6=%v %d", backend, v6, seed), func(t *testing.T) {
						t.Parallel()
						(&natRules{t: t, r: rand.New(rand.NewPCG(seed, 5)), backend: backend, v6: v6, tally: &c}).run()
					})
				}
			}
		}
	})
	t.Logf("halves translated by a rule %d, of which named alone %d; flows judged %d, said to be stale %d, changed and not said %d",
		c.made.Load(), c.alone.Load(), c.judged.Load(), c.stale.Load(), c.silent.Load())
	if c.made.Load() < 60 || c.alone.Load()*10 < c.made.Load()*8 || c.stale.Load() < 20 {
		t.Error("the test says too little: see the numbers")
	}
}

type tally struct{ made, alone, judged, stale, silent atomic.Int64 }

// natRules is one network with random NAT rules.
type natRules struct {
	t       *testing.T
	r       *rand.Rand
	backend string
	v6      bool
	tally   *tally
	n       *nettest.Routed
	texts   []string
	// ports are the source ports in use: a journey is found by its own.
	ports map[uint16]bool
	open  []int // sockets
}

// port is a source port that no connection had before.
func (x *natRules) port() uint16 {
	for {
		p := uint16(20000 + x.r.IntN(20000))
		if !x.ports[p] {
			x.ports[p] = true
			return p
		}
	}
}

func (x *natRules) pick(l ...string) string { return l[x.r.IntN(len(l))] }

func (x *natRules) addr(v4, v6 string) string {
	if x.v6 {
		return v6
	}
	return v4
}

func (x *natRules) run() {
	t := x.t
	x.n = nettest.NewRouted(t)
	x.ports = map[uint16]bool{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(strings.Join(x.texts, "\n---\n"))
		}
	})
	service := x.addr("203.0.113.1/32", "2001:db8::1/128")
	nettest.Run(t, x.n.Router, "ip", "addr", "add", service, "dev", "lo", "nodad")
	x.load()
	for _, h := range []*netns.Handle{x.n.Server, x.n.Router} {
		answer(t, h)
	}
	t.Cleanup(x.hangUp)
	s := open(t, x.n.Router, Trace{Filter: parse(t, "udp dst port 9 or 10 or tcp dst port 9 or 10 or "+x.addr("icmp", "icmp6")),
		Rate: 1000, For: 10 * time.Minute})
	sent := x.send(14)
	flows := x.flows()
	f := x.finder()
	for _, c := range sent {
		x.traced(s, f, c, flows)
	}
	x.load()
	x.hangUp()
	x.stale(sent, flows)
}

// a connection that was begun: from a host and a port to an end. The port of an ICMP echo is
// its identifier.
type conn struct {
	proto    model.Proto
	from     *netns.Handle
	local    netip.Addr
	to       netip.Addr
	src, dst uint16
}

// is tells a connection's first packet.
func (c *conn) is(p *model.Packet) bool {
	switch {
	case p.Proto != c.proto:
		return false
	case p.Proto.ICMP():
		return p.ICMPID == c.src && (p.ICMPType == 8 || p.ICMPType == 128)
	}
	return p.SPort == c.src && (p.Proto != model.ProtoTCP || p.Flags == model.SYN)
}

// send begins connections of one packet each, where nobody answers.
func (x *natRules) send(n int) (out []conn) {
	icmp := model.ProtoICMP
	if x.v6 {
		icmp = model.ProtoICMPv6
	}
	for range n {
		c := conn{from: x.n.Client, src: x.port(), dst: uint16(9 + x.r.IntN(2)), proto: [...]model.Proto{model.ProtoUDP, model.ProtoUDP, model.ProtoTCP, icmp}[x.r.IntN(4)]}
		host := x.addr("10.1.0.2", "fd01::2")
		if x.r.IntN(4) == 0 {
			c.from, host = x.n.Router, x.addr("10.2.0.1", "fd02::1")
		}
		c.to = netip.MustParseAddr(x.addr(x.pick("10.2.0.2", "203.0.113.1", "10.2.0.9"), x.pick("fd02::2", "2001:db8::1", "fd02::9")))
		c.local = netip.MustParseAddr(host)
		x.begin(c)
		out = append(out, c)
	}
	return out
}

// answer listens for TCP where translations lead: a refusal would end the flow.
func answer(t *testing.T, h *netns.Handle) {
	t.Helper()
	nettest.Do(t, h, func() error {
		for port := 9; port <= 12; port++ {
			l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
			if err != nil {
				return err
			}
			t.Cleanup(func() { _ = l.Close() })
		}
		return nil
	})
}

// begin sends the first packet; a rule of the host itself may refuse it. Nobody waits for
// what comes back.
func (x *natRules) begin(c conn) {
	x.t.Helper()
	nettest.Do(x.t, c.from, func() error {
		family, kind := unix.AF_INET, unix.SOCK_DGRAM
		if x.v6 {
			family = unix.AF_INET6
		}
		at := func(a netip.Addr, port uint16) unix.Sockaddr {
			if c.proto.ICMP() {
				port = 0
			}
			if x.v6 {
				return &unix.SockaddrInet6{Addr: a.As16(), Port: int(port)}
			}
			return &unix.SockaddrInet4{Addr: a.As4(), Port: int(port)}
		}
		data := []byte("hello")
		switch {
		case c.proto == model.ProtoTCP:
			kind = unix.SOCK_STREAM
		case c.proto.ICMP():
			kind, data = unix.SOCK_RAW, echoRequest(c.proto, c.src)
		}
		fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, int(c.proto))
		if err != nil {
			return err
		}
		x.open = append(x.open, fd)
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return err
		}
		if err := unix.Bind(fd, at(c.local, c.src)); err != nil {
			return err
		}
		if c.proto == model.ProtoTCP {
			_ = unix.Connect(fd, at(c.to, c.dst))
		} else {
			_ = unix.Sendto(fd, data, 0, at(c.to, c.dst))
		}
		return nil
	})
}

// hangUp forgets the sockets; a connection ends by a reset.
func (x *natRules) hangUp() {
	for _, fd := range x.open {
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		_ = unix.Close(fd)
	}
	x.open = nil
}

// echoRequest is an ICMP message; the kernel makes the sum of ICMPv6's.
func echoRequest(p model.Proto, id uint16) []byte {
	typ := byte(8)
	if p == model.ProtoICMPv6 {
		typ = 128
	}
	m := []byte{typ, 0, 0, 0, byte(id >> 8), byte(id), 0, 1}
	binary.BigEndian.PutUint16(m[2:], ^(uint16(typ)<<8 + id + 1))
	return m
}

// flows reads conntrack's table, by the source port of the original direction.
func (x *natRules) flows() map[uint16]*flow.Flow {
	x.t.Helper()
	out := map[uint16]*flow.Flow{}
	for _, f := range flowsOf(x.t, x.n.Router) {
		out[f.Orig.Tuple.SPort] = f
	}
	return out
}

// flowsOf reads the conntrack table of a namespace.
func flowsOf(t *testing.T, ns *netns.Handle) (out []*flow.Flow) {
	t.Helper()
	r, err := conntrack.Open(ns)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	err = r.List(t.Context(), func(it feed.Item) {
		it.Split(func(it feed.Item) {
			if it.Flow != nil && it.Flow.Flow != nil {
				out = append(out, it.Flow.Flow)
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// finder goes by the rules in force.
func (x *natRules) finder() *nat.Finder {
	x.t.Helper()
	return finderOf(x.t, x.n.Router, nil)
}

// finderOf goes by the rules of a namespace as they are now.
func finderOf(t *testing.T, ns *netns.Handle, in nat.InSet) *nat.Finder {
	t.Helper()
	r, err := rules.Open(ns)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rs, err := r.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	a, err := conntrack.ReadAround(ns)
	if err != nil {
		t.Fatal(err)
	}
	return nat.NewFinder(ruleset.NewIndex(rs), nat.Host{Local: a.Local, Routes: a.Routes, InSet: in})
}

// traced compares what is inferred of a flow with what was traced.
func (x *natRules) traced(s *scope, f *nat.Finder, c conn, flows map[uint16]*flow.Flow) {
	t := x.t
	t.Helper()
	j := s.journey(fmt.Sprintf("the %s from %s, %d", c.proto, c.local, c.src), func(j *journey.Journey) bool { return c.is(&j.Packet) })
	fl := flows[c.src]
	if fl == nil {
		return // dropped
	}
	l := fl.Look()
	if st := f.Stale(&l); st.Kind != "" {
		t.Errorf("%s was just made by these rules and is said to be stale: %s", fl.Line(), st.Words)
	}
	o := f.Look(&l)
	if o.Unknown != "" {
		t.Errorf("%s: nothing is inferred: %s", fl.Line(), o.Unknown)
		return
	}
	for _, half := range []struct {
		source bool
		made   nat.Made
	}{{false, o.Dst}, {true, o.Src}} {
		var hit *journey.Step
		for i := range j.Steps {
			st := &j.Steps[i]
			at := st.Hook == model.HookPostrouting || st.Hook == model.HookInput
			if st.Kind == journey.KindRule && translates(st) && at == half.source {
				hit = st
			}
		}
		if !nat.Translated(&l, half.source) {
			continue
		}
		if hit == nil {
			if !half.made.Plain {
				t.Errorf("%s (source %v): no rule was traced, and it is not said that none need be: %d rules", fl.Line(), half.source, len(half.made.Rules))
			}
			continue
		}
		x.tally.made.Add(1)
		if len(half.made.Rules) == 1 {
			x.tally.alone.Add(1)
		}
		at := slices.IndexFunc(half.made.Rules, func(r nat.Rule) bool {
			return r.Table.Name == hit.Table && r.Chain.Name == hit.Chain && r.Rule.Index == hit.Rule
		})
		// A rule before it might have translated, and a rule behind it, by chance alone.
		wrong := at < 0
		for i, r := range half.made.Rules {
			wrong = wrong || i < at && !byChance(r.Rule.Text) || i > at && !byChance(hit.Text)
		}
		if wrong {
			var l []string
			for _, r := range half.made.Rules {
				l = append(l, fmt.Sprintf("%s %s %d: %s", r.Table.Name, r.Chain.Name, r.Rule.Index, r.Rule.Text))
			}
			t.Errorf("%s (source %v): traced rule %d of %s %s, inferred\n %s\n%s", fl.Line(), half.source, hit.Rule, hit.Table, hit.Chain, strings.Join(l, "\n "), describe(j))
		}
	}
}

// byChance tells rules of which nobody knows afterwards whether they matched.
func byChance(text string) bool {
	return strings.Contains(text, "--mode random") || strings.Contains(text, "numgen random")
}

func translates(s *journey.Step) bool {
	return slices.Contains([]string{"snat", "dnat", "masquerade", "redirect", "netmap"}, strings.ToLower(s.Target))
}

// stale judges flows by the new rules, and begins those that it says are stale again.
func (x *natRules) stale(sent []conn, old map[uint16]*flow.Flow) {
	f := x.finder()
	said := map[uint16]nat.Stale{}
	for _, c := range sent {
		if fl := old[c.src]; fl != nil {
			x.tally.judged.Add(1)
			l := fl.Look()
			said[c.src] = f.Stale(&l)
		}
	}
	nettest.Run(x.t, x.n.Router, "conntrack", "-F")
	for _, c := range sent {
		x.begin(c)
	}
	now := x.flows()
	for src, st := range said {
		before, after := old[src], now[src]
		same := after != nil && after.Reply.Tuple == before.Reply.Tuple
		switch {
		case st.Kind == "" && !same:
			x.tally.silent.Add(1)
		case st.Kind != "":
			x.tally.stale.Add(1)
			if same {
				x.t.Errorf("%s was said to be stale, and came out the same: %s", before.Line(), st.Words)
			}
			if st.Kind == nat.WouldDrop && after != nil {
				x.t.Errorf("%s was said to be dropped today, and was not: %s", before.Line(), st.Words)
			}
		}
	}
}

// load puts random rules in force.
func (x *natRules) load() {
	x.t.Helper()
	var text string
	if x.backend == "native" {
		text = x.native()
		x.texts = append(x.texts, text)
		nettest.Feed(x.t, x.n.Router, text, "nft", "-f", "-")
		return
	}
	text = x.save()
	x.texts = append(x.texts, text)
	nettest.Feed(x.t, x.n.Router, text, x.addr("iptables-", "ip6tables-")+x.backend+"-restore")
}

// targets are what a NAT rule of a hook may do, in iptables' words.
func (x *natRules) target(source, inHook, portless bool) string {
	ports := func(a string) string {
		if x.r.IntN(2) == 0 || portless {
			return a
		}
		if x.v6 {
			a = "[" + a + "]"
		}
		if source {
			return a + ":" + x.pick("5000-5100", "30000-30001")
		}
		return a + ":" + x.pick("9", "10", "10-12")
	}
	if source {
		switch x.r.IntN(4) {
		case 0:
			return "-j SNAT --to-source " + ports(x.addr("10.2.0.1", "fd02::1"))
		case 1:
			return "-j SNAT --to-source " + ports(x.addr("203.0.113.7", "2001:db8::7"))
		case 2:
			return "-j NETMAP --to " + x.addr("203.0.113.0/28", "2001:db8:5::/64")
		}
		if inHook {
			return "-j SNAT --to-source " + x.addr("10.9.0.9", "fd09::9")
		}
		if portless {
			return x.pick("-j MASQUERADE", "-j MASQUERADE --random")
		}
		return x.pick("-j MASQUERADE", "-j MASQUERADE --to-ports 6000-6100", "-j MASQUERADE --random")
	}
	switch x.r.IntN(4) {
	case 0:
		return "-j DNAT --to-destination " + ports(x.addr("10.2.0.2", "fd02::2"))
	case 1:
		return "-j DNAT --to-destination " + ports(x.addr(x.pick("10.2.0.9", "10.2.0.2-10.2.0.3"), x.pick("fd02::9", "fd02::2")))
	case 2:
		return "-j NETMAP --to " + x.addr("10.2.0.0/28", "fd02::/64")
	}
	if portless {
		return "-j REDIRECT"
	}
	return x.pick("-j REDIRECT", "-j REDIRECT --to-ports 10-11")
}

// portless tells a protocol without ports.
func portless(p string) bool { return strings.HasSuffix(p, "icmp") }

func (x *natRules) save() string {
	var b strings.Builder
	if x.r.IntN(2) == 0 {
		fmt.Fprintf(&b, "*mangle\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n")
		fmt.Fprintf(&b, "-A PREROUTING -p udp --dport 9 -j MARK --set-mark 7\n-A OUTPUT -p udp --dport 10 -j MARK --set-mark 7\nCOMMIT\n")
	}
	if x.r.IntN(3) == 0 {
		fmt.Fprintf(&b, "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp --dport %s -j NOTRACK\nCOMMIT\n", x.pick("9", "10", "11"))
	}
	fmt.Fprintf(&b, "*filter\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:U - [0:0]\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n")
	if x.r.IntN(2) == 0 {
		fmt.Fprintf(&b, "-A FORWARD -p "+x.pick("udp", "tcp")+" --dport %s -j U\n-A U -s %s -j RETURN\n-A U -j %s\n", x.pick("9", "10"),
			x.addr(x.pick("10.1.0.2", "10.1.0.3"), x.pick("fd01::2", "fd01::3")), x.pick("DROP", "REJECT", "ACCEPT", "RETURN"))
	}
	// Behind the translation: what is translated passes, as it is then.
	fmt.Fprintf(&b, "-A OUTPUT -m conntrack --ctstate DNAT -j ACCEPT\n-A OUTPUT -p udp --dport 9 -j DROP\n")
	b.WriteString("COMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n:D - [0:0]\n:S - [0:0]\n")
	rule := func(chain string, source, in bool) {
		ms := []string{"", "--dport 9", "--dport 10", "-s " + x.addr("10.1.0.0/24", "fd01::/64"), "! -s " + x.addr("10.1.0.2", "fd01::2"),
			"-d " + x.addr("203.0.113.1", "2001:db8::1"), "-m mark --mark 7", "-m statistic --mode random --probability 0.5", "--sport 1:65535 --dport 10:12",
			"-m length --length 0:20", "--sport 1:29999", "-m addrtype --dst-type LOCAL", "-m conntrack --ctorigdstport 9",
			"-m conntrack --ctstate DNAT"}
		if chain == "PREROUTING" {
			ms = append(ms, "-i r0", "-i r1")
		}
		if chain == "POSTROUTING" {
			ms = append(ms, "-o r0", "-o r1", "-o lo")
		}
		p := x.pick("udp", "udp", "tcp", x.addr("icmp", "ipv6-icmp"))
		if portless(p) {
			ms = slices.DeleteFunc(ms, func(m string) bool { return strings.Contains(m, "port") })
		}
		fmt.Fprintf(&b, "-A %s -p %s %s %s\n", chain, p, x.pick(ms...), x.target(source, in, portless(p)))
	}
	for range 3 {
		rule("PREROUTING", false, false)
		rule("POSTROUTING", true, false)
	}
	rule("OUTPUT", false, false)
	rule("INPUT", true, true)
	if x.r.IntN(2) == 0 {
		fmt.Fprintf(&b, "-I PREROUTING %d -j D\n-A D -p udp --dport %s -j RETURN\n", 1+x.r.IntN(3), x.pick("9", "10"))
		rule("D", false, false)
		fmt.Fprintf(&b, "-I POSTROUTING %d %s S\n", 1+x.r.IntN(3), x.pick("-j", "-g"))
		fmt.Fprintf(&b, "-A S -p udp --dport %s -j %s\n", x.pick("9", "10"), x.pick("RETURN", "ACCEPT"))
	}
	b.WriteString("COMMIT\n")
	return b.String()
}

func (x *natRules) native() string {
	ip := x.addr("ip", "ip6")
	var b strings.Builder
	fmt.Fprintf(&b, "flush ruleset\ntable %s n {\n", ip)
	to := func(a, p string) string {
		if p == "" {
			return a
		}
		if x.v6 {
			a = "[" + a + "]"
		}
		return a + ":" + p
	}
	match := func(p, hook string) string {
		ms := []string{"", p + " dport 9", p + " dport 10", p + " dport { 9, 11 }", ip + " saddr " + x.addr("10.1.0.0/24", "fd01::/64"),
			ip + " daddr != " + x.addr("203.0.113.1", "2001:db8::1"), "meta mark 7", "numgen random mod 2 0", "meta length < 20", p + " sport 1-29999",
			"fib daddr type local", "ct original proto-dst 9", "ct status dnat"}
		if hook == "prerouting" {
			ms = append(ms, `iifname "r0"`, `iifname { "r0", "r1" }`)
		}
		if hook == "postrouting" {
			ms = append(ms, `oifname "r1"`, `oifname != "r1"`)
		}
		if portless(p) {
			ms = slices.DeleteFunc(ms, func(m string) bool { return strings.Contains(m, "port ") || strings.Contains(m, "proto-dst") })
		}
		return x.pick(ms...)
	}
	dst := func(p string) string {
		a := x.addr(x.pick("10.2.0.2", "10.2.0.9"), x.pick("fd02::2", "fd02::9"))
		switch x.r.IntN(4) {
		case 0:
			if portless(p) {
				return "redirect"
			}
			return "redirect" + x.pick("", " to :10", " to :10-11")
		case 1:
			return fmt.Sprintf("dnat to numgen inc mod 2 map { 0 : %s, 1 : %s }", x.addr("10.2.0.2", "fd02::2"), x.addr("10.2.0.9", "fd02::9"))
		}
		if portless(p) {
			return "dnat to " + a
		}
		return "dnat to " + to(a, x.pick("", "9", "10", "10-12"))
	}
	src := func(p string, in bool) string {
		if x.r.IntN(2) == 0 && !in {
			if portless(p) {
				return "masquerade"
			}
			return "masquerade" + x.pick("", " to :6000-6100", " random", " fully-random,persistent")
		}
		if portless(p) {
			return "snat to " + x.addr("10.2.0.1", "fd02::1")
		}
		return "snat to " + to(x.addr(x.pick("10.2.0.1", "203.0.113.7", "203.0.113.7-203.0.113.9"), x.pick("fd02::1", "2001:db8::7")), x.pick("", "5000-5100"))
	}
	fmt.Fprintf(&b, " chain m { type filter hook prerouting priority -150;\n  udp dport 9 meta mark set %s\n }\n", x.pick("7", "8", "0"))
	fmt.Fprintf(&b, " chain f { type filter hook forward priority 0;\n  ct state established accept\n")
	if x.r.IntN(2) == 0 {
		fmt.Fprintf(&b, "  %s "+x.pick("udp", "tcp")+" dport vmap { 9 : %s, 10 : accept }\n", x.pick("", ip+" saddr "+x.addr("10.1.0.2", "fd01::2")), x.pick("drop", "accept", "continue"))
	}
	b.WriteString(" }\n")
	for _, h := range []struct {
		name string
		prio int
	}{{"prerouting", -100}, {"output", -100}, {"postrouting", 100}, {"input", 100}} {
		fmt.Fprintf(&b, " chain %s { type nat hook %s priority %d;\n", h.name, h.name, h.prio)
		for range 3 {
			p := x.pick("udp", "udp", "tcp", x.addr("icmp", "ipv6-icmp"))
			if h.prio < 0 {
				fmt.Fprintf(&b, "  meta l4proto %s %s %s\n", p, match(p, h.name), dst(p))
			} else {
				fmt.Fprintf(&b, "  meta l4proto %s %s %s\n", p, match(p, h.name), src(p, h.name == "input"))
			}
		}
		b.WriteString(" }\n")
	}
	// Behind the translation: what is translated passes, as it is then.
	fmt.Fprintf(&b, " chain l { type filter hook prerouting priority 0;\n  ct status dnat accept\n  udp dport 9 drop\n }\n")
	fmt.Fprintf(&b, " chain o { type filter hook output priority 0;\n  %s daddr %s accept\n  udp dport 9 drop\n }\n", ip, x.addr("10.2.0.2", "fd02::2"))
	fmt.Fprintf(&b, " chain p { type filter hook postrouting priority 150;\n  ct status snat accept\n  tcp dport 10 drop\n }\n")
	b.WriteString("}\n")
	return b.String()
}
