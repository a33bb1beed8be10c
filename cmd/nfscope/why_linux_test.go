package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
	"nfscope/trace/nettest"
	"nfscope/ui/speech"
)

// ends6 and ends4 are the addresses of a nettest.Routed, and of nobody.
type whyEnds struct {
	name, client, server, router, foreign, hole, missing, legacy string
	v6                                                           bool
}

func whyFamilies() []whyEnds {
	return []whyEnds{
		{"4", "10.1.0.2", "10.2.0.2", "10.1.0.1", "192.0.2.1", "198.51.100.1", "10.2.0.99", "iptables-legacy", false},
		{"6", "fd01::2", "fd02::2", "fd01::1", "fd99::1", "fd98::1", "fd02::99", "ip6tables-legacy", true},
	}
}

// of names an address with a port as a flow does.
func (e whyEnds) of(addr string, port int) string { return net.JoinHostPort(addr, fmt.Sprint(port)) }

// pick is the first word for IPv4, the second for IPv6.
func (e whyEnds) pick(four, six string) string {
	if e.v6 {
		return six
	}
	return four
}

// whyCase is a cause and the answer to it, word for word.
type whyCase struct {
	name string
	at   *netns.Handle
	// filter and more arguments.
	filter string
	args   []string
	fire   func(*testing.T)
	// stopped has it see nothing until all is over, so that it does not answer before.
	stopped bool
	// sentence is exact; a * stands for what differs from run to run.
	sentence string
	// says is among the evidence.
	says string
	// because is part of why it is so sure.
	because string
	// do begins what to do; where that is empty nothing is asked, and - is for nothing to do.
	do               string
	kind, confidence string
	status           int
}

// answers runs `why` for each case, several at once, makes the cause when it is armed, and
// holds the answer against what is expected.
func answers(t *testing.T, list []whyCase) {
	t.Helper()
	const few = 2 // of some hundred drops one is passed over
	var second atomic.Int32
	t.Run("", func(t *testing.T) { // it ends when all have
		for _, c := range list {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.answer(t, &second)
			})
		}
	})
	if n := second.Load(); n > few {
		t.Errorf("%d of %d were asked again: so many drops the kernel does not pass over", n, len(list))
	}
}

// ask runs `why` and makes the cause.
func (c *whyCase) ask(t *testing.T) (a, stats map[string]any, status int, said string) {
	why := launch(t, "nfscope", append(append([]string{"--netns", c.at.Name(), "why", "--json"}, c.args...), c.filter)...)
	why.hears("looking for")
	if c.stopped {
		nettest.Stop(t, why.cmd.Process.Pid)
	}
	if c.fire != nil {
		c.fire(t)
	}
	if c.stopped {
		why.signal(unix.SIGCONT)
	}
	status, out, errs := why.end()
	for _, o := range objects(t, out) {
		switch o["schema"] {
		case "nfscope/why/1":
			a = o
		case "nfscope/stats/1":
			stats = o
		}
	}
	if a == nil {
		t.Fatalf("no answer: %s%s", out, errs)
	}
	return a, stats, status, out + errs
}

// answer asks, and counts in second where it had to ask again.
func (c *whyCase) answer(t *testing.T, second *atomic.Int32) {
	a, stats, status, said := c.ask(t)
	// A drop of the kernel's that nobody was told of cannot be in the answer. It is made once
	// more, only where the answer knows of no drop at all and the kernel passed eBPF over
	// meanwhile. That is said of the whole host, and proves nothing of this packet: so few may
	// need it.
	if c.kind == "kernel" && a["dropped"] == false && stats["missed"] != nil {
		second.Add(1)
		t.Logf("the kernel passed eBPF over for %v drops of the host, and the answer is %v: asked again", stats["missed"], a["sentence"])
		a, _, status, said = c.ask(t)
	}
	if status != c.status {
		t.Errorf("exit status %d, want %d\n%s", status, c.status, said)
	}
	if got := a["sentence"].(string); !fits(c.sentence, got) || a["kind"] != c.kind || a["confidence"] != c.confidence {
		t.Errorf("%s %s:\n%s\nwant %s %s:\n%s\n%v\n%s", a["kind"], a["confidence"], got, c.kind, c.confidence, c.sentence, a["because"], said)
	}
	if e := fmt.Sprint(a["evidence"]); !strings.Contains(e, c.says) {
		t.Errorf("it does not say %q: %s", c.says, e)
	}
	if b := fmt.Sprint(a["because"]); !strings.Contains(b, c.because) {
		t.Errorf("because %q, want %q", b, c.because)
	}
	if do, _ := a["do"].(string); c.do == "-" && do != "" || c.do != "-" && !strings.HasPrefix(do, c.do) {
		t.Errorf("to do: %q, want %q", do, c.do)
	}
	chineseToo(t, a)
	if (c.status == exitDropped) != a["dropped"].(bool) {
		t.Errorf("status %d, dropped %v", c.status, a["dropped"])
	}
}

// chineseToo holds an answer against its Chinese: without a word of English but for rules, filters,
// commands and names.
func chineseToo(t *testing.T, a map[string]any) {
	t.Helper()
	english := regexp.MustCompile(`\b(?:the|was|were|of|it|its|by|a|no|not|seen|dropped|which|likely|came|this|that|with)\b`)
	rule := regexp.MustCompile(`(?:的规则 \d+|的一条规则)[^：]*：[^；（]*`)
	say := speech.In("zh").Why()
	said := []any{a["sentence"], fmt.Sprint(a["confidence"], ": ", a["because"]), a["do"]}
	for _, s := range append(said, a["evidence"].([]any)...) {
		if s == nil || s == "" {
			continue
		}
		zh := say(s.(string))
		if left := english.FindString(rule.ReplaceAllString(zh, "")); left != "" {
			t.Errorf("%q is %q: %q", s, zh, left)
		}
	}
}

// fits compares with a text in which * stands for anything.
func fits(want, got string) bool {
	head, tail, wild := strings.Cut(want, "*")
	if !wild {
		return want == got
	}
	return strings.HasPrefix(got, head) && strings.HasSuffix(got, tail) && len(got) >= len(head)+len(tail)
}

// sends gives a function that sends a frame from the client to the router.
func sends(t *testing.T, n *nettest.Routed, f nettest.Frame) func(*testing.T) {
	if f.ToMAC == "" {
		f.ToMAC = nettest.MAC(t, n.Router, "r0")
	}
	return func(t *testing.T) { nettest.SendFrame(t, n.Client, "c0", f) }
}

// TestWhyKernel: what the kernel and native nftables do to packets on a router and on a
// server, each made for real, and the one sentence about it.
func TestWhyKernel(t *testing.T) {
	nettest.Kernel(t, "nft", "ip", "sysctl")
	t.Parallel()
	n := nettest.NewRouted(t)
	n.FixNeighbours(t)
	nettest.Run(t, n.Router, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.r0.rp_filter=1", "net.ipv4.neigh.r1.retrans_time_ms=600000", "net.ipv6.neigh.r1.retrans_time_ms=600000")
	nettest.Feed(t, n.Router, "link set r1 mtu 1280\nroute add blackhole 198.51.100.0/24\nroute add blackhole fd98::/64\nrule add from 10.2.0.45 ipproto icmp blackhole\n", "ip", "-batch", "-")
	nettest.Run(t, n.Router, "ip", "-6", "rule", "add", "from", "fd02::45", "ipproto", "ipv6-icmp", "blackhole")
	nettest.Feed(t, n.Router, `table inet w {
	chain through {
		type filter hook forward priority 10
		ct state invalid tcp dport 1004 drop
		udp dport 1011 drop comment "block list"
		udp sport 1012 drop
		udp dport 1015 reject
		udp dport 1018 udp length 10 drop
		tcp dport 1019 meta length > 200 limit rate 1/hour burst 1 packets drop
		tcp dport 1020 meta length > 200 limit rate 1/hour burst 1 packets drop
		meta l4proto { 1, 58 } ct state related drop
	}
	chain strict {
		type filter hook forward priority 50; policy drop
		udp dport != 1013 accept
		meta l4proto != udp accept
	}
}
`, "nft", "-f", "-")
	nettest.Feed(t, n.Router, `table netdev w { chain early { type filter hook ingress device "r0" priority 0; udp dport 1044 drop; }; }`, "nft", "-f", "-")
	nettest.Echo(t, n.Server, 1012)
	for _, port := range []int{1017, 1018, 1019, 1020} {
		nettest.Echo(t, n.Server, port)
	}
	silent(t, n.Server, 1041, 1)
	silent(t, n.Server, 1042, 2)
	nettest.Feed(t, n.Server, "addr add 10.2.0.45/24 dev s0\naddr add fd02::45/64 dev s0 nodad preferred_lft 0\nroute del default\nroute add 10.1.0.0/24 via 10.2.0.1\nroute del default via fd02::1\nroute add fd01::/64 via fd02::1\n", "ip", "-batch", "-")
	var list []whyCase
	for _, e := range whyFamilies() {
		n.FillBacklog(t, e.v6, 1052)
		flow := func(port int) string { return "udp " + e.client + " > " + e.of(e.server, port) }
		to := func(port int) string { return fmt.Sprintf("udp and dst host %s and dst port %d", e.server, port) }
		add := func(c whyCase) {
			c.name += " " + e.name
			if c.at == nil {
				c.at = n.Router
			}
			if c.confidence == "" {
				c.confidence = "certain"
			}
			list = append(list, c)
		}
		frame := func(port uint16) nettest.Frame {
			return nettest.Frame{Src: e.client, Dst: e.server, SPort: 40000 + port, DPort: port}
		}
		const kernel = " was dropped by the kernel, no rule did it: "
		add(whyCase{name: "rule of nftables", filter: to(1011), fire: sends(t, n, frame(1011)), kind: "rule", status: exitDropped,
			sentence: flow(1011) + ` was dropped by rule 2 of inet w/through (nftables): udp dport 1011 drop comment "block list"`})
		add(whyCase{name: "policy", filter: to(1013), fire: sends(t, n, frame(1013)), kind: "policy", status: exitDropped,
			sentence: flow(1013) + " was dropped by the policy of inet w/strict (nftables)"})
		add(whyCase{name: "reject", filter: to(1015), fire: sends(t, n, frame(1015)), kind: "rule", status: exitDropped,
			sentence: flow(1015) + " was rejected by rule 4 of inet w/through (nftables): udp dport 1015 reject"})
		add(whyCase{name: "invalid", filter: fmt.Sprintf("tcp and dst host %s and dst port 1004", e.server), kind: "rule", status: exitDropped,
			fire:     sends(t, n, nettest.Frame{Src: e.client, Dst: e.server, Proto: unix.IPPROTO_TCP, SPort: 50000, DPort: 1004, TCPFlags: 0x12}),
			sentence: "the reply of tcp " + e.of(e.server, 1004) + " > " + e.of(e.client, 50000) + " was dropped by rule 1 of inet w/through (nftables): ct state invalid tcp dport 1004 drop"})
		add(whyCase{name: "reply dropped", filter: to(1012), fire: asks(n.Client, e.of(e.server, 1012)), kind: "rule", status: exitDropped,
			sentence: flow(1012) + ": the request was delivered (sent out of r1), the reply was dropped by rule 3 of inet w/through (nftables): udp sport 1012 drop"})
		add(whyCase{name: "before the trace", filter: to(1044), fire: sends(t, n, frame(1044)), kind: "netfilter", confidence: "likely", status: exitDropped, args: []string{"--for", "4s"},
			sentence: flow(1044) + " was dropped by netfilter in the ingress hook, likely by rule 1 of netdev w/early (nftables): udp dport 1044 drop"})
		add(whyCase{name: "the only answer dropped", filter: to(1043), fire: sends(t, n, frame(1043)), kind: "rule", status: exitDropped,
			sentence: flow(1043) + ": the request was delivered (sent out of r1), and the ICMP error about it from " + e.server + ", port unreachable (nobody listens there, or a firewall rejects it), was dropped by rule 8 of inet w/through (nftables): meta l4proto { icmp, ipv6-icmp } ct state related drop"})
		shut := e.pick("10.2.0.45", "fd02::45")
		add(whyCase{name: "the only answer dropped by the kernel", filter: "udp and dst host " + shut, fire: sends(t, n, nettest.Frame{Src: e.client, Dst: shut}), kind: "kernel", status: exitDropped,
			sentence: "udp " + e.client + " > " + e.of(shut, 9) + ": the request was delivered (sent out of r1), and the ICMP error about it from " + shut + ", port unreachable (nobody listens there, or a firewall rejects it), was dropped by the kernel, no rule did it: " +
				e.pick("its route says that it is to be thrown away: blackhole, prohibit or unreachable (NOT_SPECIFIED in ip_error)", "a route of kind blackhole throws away what goes to fd01::2 (NOT_SPECIFIED in dst_discard_out)")})
		add(whyCase{name: "works", filter: to(1017), fire: asks(n.Client, e.of(e.server, 1017)), kind: "works",
			sentence: "nothing is wrong here: the request " + flow(1017) + " was delivered (sent out of r1), and the reply came back"})
		add(whyCase{name: "works, a datagram lost", filter: to(1018), fire: says(n.Client, "udp", e.of(e.server, 1018), "a", "no", "c"), stopped: true, kind: "lossy",
			sentence: flow(1018) + " works, but 1 of 3 packets was dropped by rule 5 of inet w/through (nftables): udp dport 1018 udp length 10 drop"})
		again := e.pick("1019", "1020") // a limit of its own for each
		add(whyCase{name: "works, a segment sent again", filter: "tcp and dst host " + e.server + " and dst port " + again, fire: says(n.Client, "tcp", net.JoinHostPort(e.server, again), strings.Repeat("a", 300)), stopped: true, kind: "lossy",
			sentence: "tcp " + e.client + " > " + net.JoinHostPort(e.server, again) + " works, but 1 of * packets was dropped by rule " + e.pick("6", "7") + " of inet w/through (nftables): tcp dport " + again + " meta length > 200 limit rate 1/hour burst 1 packets drop"})
		add(whyCase{name: "no route", filter: "udp and dst host " + e.foreign, fire: sends(t, n, nettest.Frame{Src: e.client, Dst: e.foreign}), kind: "kernel", status: exitDropped,
			sentence: "udp " + e.client + " > " + e.of(e.foreign, 9) + kernel + "no route leads to " + e.foreign + " (IP_INNOROUTES)"})
		add(whyCase{name: "blackhole", filter: "udp and dst host " + e.hole, fire: sends(t, n, nettest.Frame{Src: e.client, Dst: e.hole}), kind: "kernel", status: exitDropped,
			sentence: "udp " + e.client + " > " + e.of(e.hole, 9) + kernel + "a route of kind blackhole throws away what goes to " + e.hole + " (NOT_SPECIFIED in " + e.pick("ip_error", "dst_discard_out") + ")"})
		add(whyCase{name: "TTL", filter: to(1030), fire: sends(t, n, nettest.Frame{Src: e.client, Dst: e.server, SPort: 40030, DPort: 1030, TTL: 1}), kind: "kernel", status: exitDropped,
			sentence: flow(1030) + kernel + "its " + e.pick("TTL", "hop limit") + " ran out: it came with 1 and this host would have to send it on (IP_INHDR)"})
		add(whyCase{name: "MTU", filter: to(1031), fire: sends(t, n, nettest.Frame{Src: e.client, Dst: e.server, SPort: 40031, DPort: 1031, Size: 1400, DF: true}), kind: "kernel", status: exitDropped,
			sentence: flow(1031) + kernel + "it has " + e.pick("1428", "1448") + " bytes, the MTU of r1 is 1280, and it may not be cut into fragments (PKT_TOO_BIG)"})
		lost := sends(t, n, nettest.Frame{Src: e.client, Dst: e.missing})
		add(whyCase{name: "neighbour", filter: "udp and dst host " + e.missing, kind: "kernel", status: exitDropped,
			fire: func(t *testing.T) {
				lost(t)
				nettest.GiveUp(t, n.Router, "r1", e.missing)
			},
			sentence: "udp " + e.client + " > " + e.of(e.missing, 9) + kernel + "the next hop " + e.missing + " on r1 does not answer " + e.pick("ARP (NEIGH_FAILED)", "neighbour discovery (NOT_SPECIFIED in neigh_invalidate)")})
		add(whyCase{name: "wrong MAC", filter: to(1032), fire: sends(t, n, nettest.Frame{Src: e.client, Dst: e.server, SPort: 40032, DPort: 1032, ToMAC: "02:00:00:00:00:99"}), kind: "kernel", status: exitDropped,
			sentence: flow(1032) + kernel + "its destination MAC address is not this interface's: the frame was meant for another machine (OTHERHOST)"})
		far := e.pick("203.0.113.5", "2001:db8::5")
		add(whyCase{name: "no way back", at: n.Server, filter: "tcp and src host " + far, kind: "no-reply", args: []string{"--for", "4s"},
			fire: func(t *testing.T) {
				nettest.SendFrame(t, n.Router, "r1", nettest.Frame{Src: far, Dst: e.server, Proto: unix.IPPROTO_TCP, SPort: 40000, DPort: 1017, TCPFlags: 2, ToMAC: nettest.MAC(t, n.Server, "s0")})
			},
			sentence: "tcp " + far + " > " + e.of(e.server, 1017) + ": the request was delivered, and no reply came: no route of this host leads back to " + far})
		if !e.v6 {
			add(whyCase{name: "rp_filter", filter: "udp and src host 10.2.0.77", fire: sends(t, n, nettest.Frame{Src: "10.2.0.77", Dst: e.server}), kind: "kernel", status: exitDropped,
				sentence: "udp 10.2.0.77 > 10.2.0.2:9" + kernel + "reverse path filter, strict: the answer to its sender would not go out of the interface it came by (IP_RPFILTER)"})
		}
		add(whyCase{name: "closed UDP port", at: n.Server, filter: to(1050), fire: sends(t, n, frame(1050)), kind: "kernel", status: exitDropped,
			sentence: flow(1050) + kernel + "nobody listens at udp port 1050 of " + e.server + " (NO_SOCKET)"})
		add(whyCase{name: "closed TCP port", at: n.Server, filter: fmt.Sprintf("tcp and dst host %s and dst port 1051", e.server), kind: "kernel", status: exitDropped,
			fire:     func(t *testing.T) { nettest.SYN(t, n.Client, e.of(e.server, 1051)) },
			sentence: "tcp " + e.client + " > " + e.of(e.server, 1051) + kernel + "nobody listens at tcp port 1051 of " + e.server + " (NO_SOCKET)"})
		add(whyCase{name: "full backlog", at: n.Server, filter: fmt.Sprintf("tcp and dst host %s and dst port 1052", e.server), kind: "backlog", status: exitDropped, args: []string{"--for", "4s"},
			fire:     func(t *testing.T) { nettest.SYN(t, n.Client, e.of(e.server, 1052)) },
			sentence: "tcp " + e.client + " > " + e.of(e.server, 1052) + kernel + "the accept queue of tcp " + e.of(e.pick("0.0.0.0", "::"), 1052) + " is full (1 connection waits, the limit is 0)"})
		mute := map[bool]int{false: 1041, true: 1042}[e.v6] // one socket, and two that share the port
		add(whyCase{name: "silent server", at: n.Server, filter: to(mute), fire: sends(t, n, frame(uint16(mute))), kind: "no-reply", args: []string{"--for", "4s"},
			sentence: flow(mute) + ": the request was delivered, and no reply came: the server's socket " + fmt.Sprintf("udp [::]:%d", mute) + " holds * bytes that its program does not read"})
		add(whyCase{name: "no reply", filter: to(1041), kind: "no-reply", args: []string{"--for", "4s"}, fire: sends(t, n, frame(1041)),
			sentence: flow(1041) + ": the request was delivered (sent out of r1), and no reply came back in *: look at " + e.server + " and at the way there"})
		add(whyCase{name: "nothing", filter: to(1011) + " and src host " + e.pick("10.1.0.77", "fd01::77"), kind: "nothing", args: []string{"--for", "1s"},
			sentence: "nothing of this flow was seen here in *; by the rules it would be dropped by rule 2 of inet w/through (nftables): udp dport 1011 drop comment \"block list\" (simulated)"})
	}
	slices.SortStableFunc(list, func(a, b whyCase) int { return cmp.Compare(len(b.args), len(a.args)) }) // those that wait for nothing to come begin
	answers(t, list)
}

// TestWhyRules: what rules of iptables-legacy do, one after the other, since only one
// reader may have the legacy trace; and a router that may not forward.
func TestWhyRules(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy", "ip6tables-legacy", "ip", "sysctl")
	t.Parallel()
	n := nettest.NewRouted(t)
	n.FixNeighbours(t)
	for _, e := range whyFamilies() {
		nettest.Feed(t, n.Router, `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -p udp -m udp --dport 22 -j ACCEPT
-A FORWARD -p udp -m udp --dport 1001 -m comment --comment "block list" -j DROP
-A FORWARD -p udp -m udp --dport 1002 -j REJECT
-A FORWARD -p udp -m udp --dport 1003 -j NFQUEUE --queue-num 7
COMMIT
`, e.legacy+"-restore")
	}
	for i, e := range whyFamilies() {
		flow := func(port int) string { return "udp " + e.client + " > " + e.of(e.server, port) }
		where := "filter/FORWARD (" + e.pick("iptables-legacy", "iptables-legacy, IPv6") + ")"
		ask := func(name string, port uint16, kind, sentence string) {
			answers(t, []whyCase{{name: name + " " + e.name, at: n.Router, filter: fmt.Sprintf("udp and dst host %s and dst port %d", e.server, port), kind: kind, confidence: "certain", status: exitDropped,
				fire: sends(t, n, nettest.Frame{Src: e.client, Dst: e.server, SPort: 40000, DPort: port}), sentence: flow(int(port)) + sentence}})
		}
		if i == 0 { // the same code for both families
			ask("rule", 1001, "rule", " was dropped by rule 2 of "+where+`: -A FORWARD -p udp -m udp --dport 1001 -m comment --comment "block list" -j DROP`)
		}
		ask("reject", 1002, "rule", " was rejected by rule 3 of "+where+": -A FORWARD -p udp -m udp --dport 1002 -j REJECT"+e.pick(" --reject-with icmp-port-unreachable", " --reject-with icmp6-port-unreachable"))
		ask("queue without listener", 1003, "queue", " was queued to user space, where no program reads, and so dropped by rule 4 of "+where+": -A FORWARD -p udp -m udp --dport 1003 -j NFQUEUE --queue-num 7")
	}
	nettest.Run(t, n.Router, "iptables-legacy", "-P", "FORWARD", "DROP")
	nettest.Run(t, n.Router, "sysctl", "-qw", "net.ipv6.conf.all.forwarding=0")
	e4, e6 := whyFamilies()[0], whyFamilies()[1]
	for _, c := range []whyCase{
		{name: "policy", at: n.Router, filter: "udp and dst port 1009", kind: "policy", confidence: "certain", status: exitDropped, fire: sends(t, n, nettest.Frame{Src: e4.client, Dst: e4.server, SPort: 40000, DPort: 1009}),
			sentence: "udp 10.1.0.2 > 10.2.0.2:1009 was dropped by the policy of filter/FORWARD (iptables-legacy)"},
		{name: "forwarding off", at: n.Router, filter: "udp and dst port 1010", kind: "kernel", confidence: "certain", status: exitDropped, fire: sends(t, n, nettest.Frame{Src: e6.client, Dst: e6.server, SPort: 40000, DPort: 1010}),
			sentence: "udp fd01::2 > [fd02::2]:1010 was dropped by the kernel, no rule did it: it is for another host, and forwarding is off here (IP_INADDRERRORS)"},
	} {
		answers(t, []whyCase{c})
	}
}

// TestWhySentIntoBridge: what a bridge's chain drops of what the host itself sends there is one
// packet, and the chain's rule is named.
func TestWhySentIntoBridge(t *testing.T) {
	nettest.Kernel(t, "nft", "ip")
	t.Parallel()
	host, peer := nettest.New(t, "host"), nettest.New(t, "peer")
	nettest.Feed(t, host, "link add br0 type bridge\nlink add p1 type veth peer name e0 netns "+peer.Name()+"\nlink set p1 master br0 up\nlink set br0 up\n"+
		"addr add 10.9.0.1/24 dev br0\nneigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev br0\n", "ip", "-batch", "-")
	nettest.Run(t, peer, "ip", "link", "set", "e0", "up")
	nettest.AwaitUp(t, host, peer)
	nettest.Feed(t, host, "table bridge b {\n chain out { type filter hook output priority 0; udp dport 1018 drop; }\n chain post { type filter hook postrouting priority 0; udp dport 1019 drop; }\n}\n", "nft", "-f", "-")
	var list []whyCase
	for port, chain := range map[int]string{1018: "out", 1019: "post"} {
		to := fmt.Sprintf("10.9.0.2:%d", port)
		list = append(list, whyCase{name: chain, at: host, filter: fmt.Sprintf("udp and dst port %d", port), fire: asks(host, to), kind: "rule", confidence: "certain", status: exitDropped,
			sentence: fmt.Sprintf("udp 10.9.0.1 > %s was dropped by rule 1 of bridge b/%s (nftables): udp dport %d drop", to, chain, port)})
	}
	answers(t, list)
}

// TestWhyMidway: a rule that is made while a connection works is named, and so are those of
// its packets that it dropped before anybody could read it.
func TestWhyMidway(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	n.FixNeighbours(t)
	nettest.Echo(t, n.Server, 1017)
	nettest.Feed(t, n.Router, "add table inet w; add chain inet w through { type filter hook forward priority 0; }", "nft", "-f", "-")
	answers(t, []whyCase{{name: "rule", at: n.Router, filter: "tcp and dst port 1017", kind: "rule", confidence: "certain", status: exitDropped,
		fire: func(t *testing.T) {
			c, err := nettest.Dial(t, n.Client, "tcp", "", "10.2.0.2:1017", nettest.InVain)
			if err != nil {
				t.Fatal(err)
			}
			_ = c.SetDeadline(time.Now().Add(nettest.InVain))
			if _, err := c.Write([]byte("works")); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
				t.Fatal(err)
			}
			nettest.Feed(t, n.Router, "add rule inet w through tcp dport 1017 drop", "nft", "-f", "-")
			if _, err := c.Write([]byte("lost")); err != nil {
				t.Fatal(err)
			}
		},
		sentence: "tcp 10.1.0.2 > 10.2.0.2:1017 was dropped by rule 1 of inet w/through (nftables): tcp dport 1017 drop (* came through)"}})
}

// TestWhyFullTable: where conntrack has no room for a connection no rule is blamed, and a rule
// that comes before conntrack is, full table or not.
func TestWhyFullTable(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	n.FixNeighbours(t)
	nettest.Feed(t, n.Router, `table inet w {
	chain early {
		type filter hook prerouting priority -300
		udp dport 1061 drop
	}
	chain through {
		type filter hook forward priority 0
		ct state invalid drop
		udp dport 1060 drop
	}
}
`, "nft", "-f", "-")
	nettest.FillTracked(t, n.Router)
	var list []whyCase
	for _, e := range whyFamilies() {
		ask := func(port uint16, kind, sentence string) {
			list = append(list, whyCase{name: kind + " " + e.name, at: n.Router, filter: fmt.Sprintf("udp and dst host %s and dst port %d", e.server, port), kind: kind, confidence: "certain", status: exitDropped,
				fire: sends(t, n, nettest.Frame{Src: e.client, Dst: e.server, SPort: 40000, DPort: port}), sentence: "udp " + e.client + " > " + e.of(e.server, int(port)) + " was dropped by " + sentence})
		}
		ask(1060, "conntrack", "conntrack, no rule did it: conntrack has no room for its connection")
		ask(1061, "rule", "rule 1 of inet w/early (nftables): udp dport 1061 drop")
	}
	answers(t, list)
}

// TestWhyText: the sentence comes first, then what it rests on; Ctrl-C gives what there is,
// a probe is sent only where that is asked for, and what it needs is said.
func TestWhyText(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Echo(t, n.Server, 7)
	nettest.Feed(t, n.Client, "table inet w { chain out { type filter hook output priority 0; tcp dport 22 accept; tcp dport 81 drop; udp dport 81 drop; }; }", "nft", "-f", "-")
	probe := func(args ...string) *running {
		return launch(t, "nfscope", append([]string{"--netns", n.Client.Name(), "why", "--probe"}, args...)...)
	}
	works, dropped, refused, echo, echo4 := probe("tcp", "and", "dst", "host", "10.2.0.2", "and", "dst", "port", "7"), probe("tcp", "and", "dst", "host", "fd02::2", "and", "dst", "port", "81"),
		probe("udp", "and", "dst", "host", "10.2.0.2", "and", "dst", "port", "9"), probe("icmpv6", "and", "dst", "host", "fd02::2"), probe("icmp", "and", "dst", "host", "10.2.0.2")
	begins := func(r *running, status int, lines ...string) {
		t.Helper()
		out, errs := r.ends(status)
		if !strings.HasPrefix(out, lines[0]+"\n") {
			t.Errorf("it does not begin with %q:\n%s%s", lines[0], out, errs)
		}
		for _, l := range lines[1:] {
			if !strings.Contains(out, "\n"+l+"\n") {
				t.Errorf("%q is not there:\n%s%s", l, out, errs)
			}
		}
	}
	begins(works, exitDone, "nothing is wrong here: the request tcp 10.1.0.2 > 10.2.0.2:7 was sent out of c0, and the reply came back", "  certain: request and reply were seen to the end of their way", "  - lost: nothing")
	begins(dropped, exitDropped, "tcp fd01::2 > [fd02::2]:81 was dropped by rule 2 of inet w/out (nftables): tcp dport 81 drop",
		"  certain: the trace is whole, and the kernel says that netfilter dropped it in output", "  - passed rule 1 of inet w/out (nftables) (miss: tcp dport 81 is not 22): tcp dport 22 accept")
	begins(refused, exitDone, "udp 10.1.0.2 > 10.2.0.2:9: the request was sent out of c0, and an error came back: connection refused", "  certain: the probe's socket was told so", "  - probe: UDP datagram to 10.2.0.2:9: connection refused")
	begins(echo4, exitDone, "nothing is wrong here: the request icmp 10.1.0.2 > 10.2.0.2 was sent out of c0, and the reply came back", "  - probe: ICMP echo to 10.2.0.2: answered")
	begins(echo, exitDone, "nothing is wrong here: the request icmpv6 fd01::2 > fd02::2 was sent out of c0, and the reply came back", "  - probe: ICMP echo to fd02::2: answered")

	quiet := launch(t, "nfscope", "--netns", n.Client.Name(), "why", "udp", "and", "dst", "port", "4000")
	quiet.hears("looking for")
	quiet.signal(os.Interrupt)
	if out, errs := quiet.ends(exitInterrupted); !strings.HasPrefix(out, "nothing of this flow was seen here in ") {
		t.Errorf("%s%s", out, errs)
	}
	cut := launch(t, "nfscope", "--netns", n.Client.Name(), "why", "udp", "and", "dst", "port", "81")
	cut.hears("looking for")
	nettest.Stop(t, cut.cmd.Process.Pid) // else it may have ended by itself, with the status of a drop
	datagram(t, n.Client, "10.2.0.2:81")
	cut.signal(os.Interrupt)
	cut.signal(unix.SIGCONT)
	begins(cut, exitInterrupted, "udp 10.1.0.2 > 10.2.0.2:81 was dropped by rule 3 of inet w/out (nftables): udp dport 81 drop")
	for _, c := range []struct{ filter, says string }{
		{"tcp and dst port 80", "--probe: the filter names no destination: expected `dst host ADDRESS`"},
		{"tcp and dst host 10.2.0.2", "--probe: the filter names no destination port: expected `dst port N`"},
		{"dst host 10.2.0.2", "--probe: the filter names no protocol that can be sent: expected tcp, udp, icmp or icmpv6"},
		{"udp and in r0 and dst host 10.2.0.2 and dst port 9", "leave `in` and `mark` out"},
		{"udp and src host 10.9.9.9 and dst host 10.2.0.2 and dst port 9", "10.9.9.9 is no address of this host"},
	} {
		if _, errs := probe(c.filter).ends(exitUsage); !strings.Contains(errs, c.says) {
			t.Errorf("%s: %s", c.filter, errs)
		}
	}
	if out := nettest.Run(t, n.Client, "nft", "list", "tables"); strings.Contains(out, "nfscope") {
		t.Errorf("left behind: %s", out)
	}
}

// TestWhyWithoutBPF: where eBPF and perf are refused, rules are as certain as ever, and
// what the kernel did is likely, by its counters.
func TestWhyWithoutBPF(t *testing.T) {
	nettest.Kernel(t, "setpriv", "nft", "sysctl")
	t.Parallel()
	n := nettest.NewRouted(t)
	n.FixNeighbours(t)
	nettest.Run(t, n.Router, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.r0.rp_filter=1")
	nettest.Feed(t, n.Router, "table inet w { chain through { type filter hook forward priority 0; udp dport 1001 drop; }; }", "nft", "-f", "-")
	type refused struct {
		at                                 *netns.Handle
		filter, kind, confidence, sentence string
		frame                              nettest.Frame
	}
	ask := func(t *testing.T, c *refused) {
		fire := sends(t, n, c.frame)
		cmd := exec.Command("setpriv", "--inh-caps=-all,+net_admin,+net_raw", "--bounding-set=-all,+net_admin,+net_raw", "nfscope", "why", "--json", "--for", "3s", c.filter)
		var out bytes.Buffer
		cmd.Stdout = &out
		armed := &signalWriter{want: "looking for", seen: make(chan struct{})}
		cmd.Stderr = armed
		if err := c.at.Start(cmd); err != nil {
			t.Fatal(err)
		}
		select {
		case <-armed.seen:
		case <-time.After(nettest.InVain):
			t.Fatalf("not armed: %s", armed.all.String())
		}
		fire(t)
		_ = cmd.Wait() // its status is looked at
		if got := cmd.ProcessState.ExitCode(); got != exitDropped {
			t.Errorf("%s: status %d: %s", c.filter, got, armed.all.String())
		}
		for _, a := range objects(t, out.String()) {
			if a["schema"] == "nfscope/why/1" && (a["sentence"] != c.sentence || a["kind"] != c.kind || a["confidence"] != c.confidence || a["drops_by"] != "proc") {
				t.Errorf("%s:\n%s\nwant %s, %s", c.filter, out.String(), c.confidence, c.sentence)
			}
		}
	}
	for _, list := range [][]refused{ // the counters are those of a namespace: one after the other in each
		{
			{n.Router, "udp and dst port 1001", "rule", "certain", "udp 10.1.0.2 > 10.2.0.2:1001 was dropped by rule 1 of inet w/through (nftables): udp dport 1001 drop", nettest.Frame{Src: "10.1.0.2", Dst: "10.2.0.2", SPort: 40000, DPort: 1001}},
			{n.Router, "udp and src host 10.2.0.77", "kernel", "likely", "udp 10.2.0.77 > 10.2.0.2:9 was dropped by the kernel, no rule did it: likely the reverse path filter dropped packets (TcpExtIPReversePathFilter)", nettest.Frame{Src: "10.2.0.77", Dst: "10.2.0.2"}},
			{n.Router, "udp and dst host fd99::1", "kernel", "likely", "udp fd01::2 > [fd99::1]:9 was dropped by the kernel, no rule did it: likely packets came to which no route leads on (Ip6InNoRoutes)", nettest.Frame{Src: "fd01::2", Dst: "fd99::1"}},
		}, {
			{n.Server, "udp and dst port 1050", "kernel", "likely", "udp 10.1.0.2 > 10.2.0.2:1050 was dropped by the kernel, no rule did it: likely datagrams came to ports where nobody listens (UdpNoPorts)", nettest.Frame{Src: "10.1.0.2", Dst: "10.2.0.2", SPort: 40000, DPort: 1050}},
			{n.Server, "udp and dst port 1051", "kernel", "likely", "udp fd01::2 > [fd02::2]:1051 was dropped by the kernel, no rule did it: likely datagrams came to ports where nobody listens (Udp6NoPorts)", nettest.Frame{Src: "fd01::2", Dst: "fd02::2", SPort: 40000, DPort: 1051}},
		},
	} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for i := range list {
				ask(t, &list[i])
			}
		})
	}
}

// TestWhyWaits: a packet that left the last chain and waits for a neighbour is not delivered,
// though no drop is told within the time; and a request that is answered is not, where it is the
// answer that waits.
func TestWhyWaits(t *testing.T) {
	nettest.Kernel(t, "sysctl")
	t.Parallel()
	n := nettest.NewRouted(t)
	n.FixNeighbours(t)
	nettest.Run(t, n.Router, "sysctl", "-qw", "net.ipv4.neigh.r1.retrans_time_ms=600000", "net.ipv6.neigh.r1.retrans_time_ms=600000",
		"net.ipv4.neigh.r0.retrans_time_ms=600000", "net.ipv6.neigh.r0.retrans_time_ms=600000")
	nettest.Echo(t, n.Server, 1017)
	var list []whyCase
	for _, e := range whyFamilies() {
		list = append(list, whyCase{name: e.name, at: n.Router, filter: "udp and dst host " + e.missing, args: []string{"--for", "4s"}, fire: sends(t, n, nettest.Frame{Src: e.client, Dst: e.missing}),
			kind: "kernel", confidence: "likely", status: exitDropped,
			sentence: "udp " + e.client + " > " + e.of(e.missing, 9) + " was not delivered, no rule did it: likely it waits for the next hop " + e.missing + " on r1, which does not answer " + e.pick("ARP", "neighbour discovery") + " (INCOMPLETE)"})
		gone := e.pick("10.1.0.66", "fd01::66")
		list = append(list, whyCase{name: "reply " + e.name, at: n.Router, filter: "udp and src host " + gone, args: []string{"--for", "4s"}, fire: sends(t, n, nettest.Frame{Src: gone, Dst: e.server, SPort: 40017, DPort: 1017}),
			kind: "kernel", confidence: "likely", status: exitDropped,
			sentence: "udp " + gone + " > " + e.of(e.server, 1017) + ": the request was delivered (sent out of r1), the reply was not delivered, no rule did it: likely it waits for the next hop " + gone + " on r0, which does not answer " + e.pick("ARP", "neighbour discovery") + " (INCOMPLETE)"})
	}
	answers(t, list)
}

// silent opens UDP sockets that share a port and are never read.
func silent(t *testing.T, ns *netns.Handle, port, sockets int) {
	t.Helper()
	shared := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		cerr := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return cmp.Or(cerr, err)
	}}
	for range sockets {
		nettest.Do(t, ns, func() error {
			u, err := shared.ListenPacket(t.Context(), "udp", fmt.Sprintf(":%d", port))
			if err == nil {
				t.Cleanup(func() { _ = u.Close() })
			}
			return err
		})
	}
}

// asks gives a function that sends a datagram from a socket.
func asks(ns *netns.Handle, to string) func(*testing.T) {
	return func(t *testing.T) { datagram(t, ns, to) }
}

// says gives a function that sends texts by one socket to a server that sends them back, and
// waits for what comes; "no" is not waited for.
func says(ns *netns.Handle, network, to string, texts ...string) func(*testing.T) {
	return func(t *testing.T) {
		c, err := nettest.Dial(t, ns, network, "", to, nettest.InVain)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(nettest.InVain))
		for _, text := range texts {
			if _, err := c.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			if text == "no" {
				continue
			}
			if _, err := io.ReadFull(c, make([]byte, len(text))); err != nil {
				t.Fatalf("%s %s: no answer to %.10q: %v", network, to, text, err)
			}
		}
	}
}

// TestWhyInTerminal: w on a row of the Drops page looks for the next packet like it and
// says who drops it; esc ends a search, and nothing stays armed.
func TestWhyInTerminal(t *testing.T) {
	nettest.Kernel(t, "tmux", "iptables-legacy")
	t.Parallel()
	ns := nettest.New(t, "why")
	nettest.Run(t, ns, "iptables-legacy", "-A", "OUTPUT", "-p", "udp", "--dport", "4001", "-j", "DROP")
	tm := inTerminal(t, 120, 40, "nfscope --netns "+ns.Name())
	tm.see("DROP udp dport 4001", "lost 0")
	tm.keys("5")
	tm.see("watching each packet with its reason")
	datagram(t, ns, "127.0.0.1:4001")
	tm.see("NETFILTER_DROP")
	tm.keys("w")
	tm.see("looking for udp and src host 127.0.0.1", "still looking")
	datagram(t, ns, "127.0.0.1:4001")
	tm.see("udp 127.0.0.1 > 127.0.0.1:4001 was dropped by rule 1 of filter/OUTPUT (iptables-legacy): -A OUTPUT", "--dport 4001 -j DROP",
		"certain: the trace is whole, and the kernel says that netfilter dropped it in output", "1 packet seen, 1 dropped")
	tm.leave("certain")
	tm.see("dropped by rule 1 of filter/OUTPUT (iptables-legacy)", "traced #1") // in the inspector, now that it is known
	tm.keys("w")
	tm.see("still looking")
	tm.leave("still looking")
	tm.keys("q")
	tm.ended(exitDone)
	if out := nettest.Run(t, ns, "nft", "list", "tables"); strings.Contains(out, "nfscope") {
		t.Errorf("left behind: %s", out)
	}
}
