package live

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/trace/arm"
	"nfscope/trace/nettest"
)

// packetCase is one packet, the rules it meets in the router, and its whole ladder.
type packetCase struct {
	name string
	// legacy, nft4, nft6 and native are rules for the router, each loaded if not "".
	legacy, legacy6, nft4, nft6, native string
	// from is client (through or to the router) or router (its own packet).
	from string
	to   string // address:port
	tcp  bool
	// verdict, sentence (a part of it) and path of the outcome.
	verdict, sentence, path string
	// steps is the ladder: every step in line's form, or nil where only the outcome counts.
	steps []string
	nat   string
}

const accept4 = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"

func packetCases() []packetCase {
	return []packetCase{
		{name: "legacy forwarded, accepted by rule", from: "client", to: "10.2.0.2:9",
			legacy:  accept4 + "-A FORWARD -p udp -m udp --dport 9 -j ACCEPT\nCOMMIT\n",
			verdict: "accepted", path: "forward",
			sentence: "sent out of r1, accepted by rule 1 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp -m udp --dport 9 -j ACCEPT",
			steps:    []string{"L filter/FORWARD 1 accept"}},
		{name: "legacy dropped by rule", from: "client", to: "10.2.0.2:9",
			legacy:  accept4 + "-A FORWARD -p tcp -j ACCEPT\n-A FORWARD -d 10.2.0.2/32 -j DROP\n-A FORWARD -p udp -j ACCEPT\nCOMMIT\n",
			verdict: "dropped", path: "forward",
			sentence: "dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -d 10.2.0.2/32 -j DROP",
			steps:    []string{"L filter/FORWARD 2 drop"}},
		{name: "legacy unconditional drop is the rule, not the policy", from: "client", to: "10.1.0.1:9",
			legacy:  accept4 + "-A INPUT -p tcp -j ACCEPT\n-A INPUT -j DROP\nCOMMIT\n",
			verdict: "dropped", path: "input",
			sentence: "dropped by rule 2 of filter/INPUT (iptables-legacy): -A INPUT -j DROP",
			steps:    []string{"L filter/INPUT 2 drop"}},
		{name: "legacy dropped by policy", from: "client", to: "10.1.0.1:9",
			legacy:  "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -j ACCEPT\nCOMMIT\n",
			verdict: "dropped", path: "input", sentence: "dropped by the policy of filter/INPUT (iptables-legacy)",
			steps: []string{"L filter/INPUT policy drop"}},
		{name: "legacy unconditional drop in a user chain", from: "client", to: "10.2.0.2:9",
			legacy:  accept4 + ":A - [0:0]\n:B - [0:0]\n-A FORWARD -p udp -j A\n-A A -p udp -j B\n-A A -j DROP\n-A B -p tcp -j DROP\nCOMMIT\n",
			verdict: "dropped", path: "forward", sentence: "dropped by rule 2 of filter/A (iptables-legacy): -A A -j DROP",
			steps: []string{"L filter/FORWARD 1 jump", " L filter/A 1 jump", "  L filter/B end return", " L filter/A 2 drop"}},
		{name: "legacy RETURN, goto and LOG", from: "client", to: "10.2.0.2:9",
			legacy: accept4 + ":A - [0:0]\n:B - [0:0]\n-A FORWARD -p udp -j A\n-A FORWARD -p udp -j ACCEPT\n" +
				"-A A -j NFLOG --nflog-group 7\n-A A -p udp -g B\n-A A -j DROP\n-A B -p udp -j RETURN\nCOMMIT\n",
			verdict: "accepted", path: "forward", sentence: "accepted by rule 2 of filter/FORWARD",
			steps: []string{"L filter/FORWARD 1 jump", " L filter/A 1 continue", " L filter/A 2 goto", " L filter/B 1 return", "L filter/FORWARD 2 accept"}},
		{name: "legacy rejected", from: "client", to: "10.2.0.2:9",
			legacy:  accept4 + "-A FORWARD -p udp -j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n",
			verdict: "rejected", path: "forward", sentence: "rejected by rule 1 of filter/FORWARD (iptables-legacy)",
			steps: []string{"L filter/FORWARD 1 reject"}},
		{name: "legacy DNAT and mangle", from: "client", to: "10.1.0.1:99",
			legacy: "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n" +
				"-A PREROUTING -p udp -m udp --dport 99 -j DNAT --to-destination 10.2.0.2:9\nCOMMIT\n" +
				"*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n" +
				"-A PREROUTING -j MARK --set-xmark 0x7/0xffffffff\nCOMMIT\n",
			verdict: "accepted", path: "forward", sentence: "sent out of r1", nat: "[dnat] dst [10.1.0.1:99 10.2.0.2:9]",
			steps: []string{"L mangle/PREROUTING 1 continue", "L mangle/PREROUTING policy accept mark=0x7", "L nat/PREROUTING 1 accept",
				"L mangle/FORWARD policy accept dst=10.2.0.2 dport=9", "L mangle/POSTROUTING policy accept", "L nat/POSTROUTING policy accept"}},
		{name: "legacy SNAT", from: "client", to: "10.2.0.2:9",
			legacy: "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n" +
				"-A POSTROUTING -o r1 -j SNAT --to-source 10.2.0.1\nCOMMIT\n",
			verdict: "accepted", path: "forward", sentence: "sent out of r1", nat: "[snat] src [10.1.0.2:PORT 10.2.0.1:PORT]",
			steps: []string{"L nat/PREROUTING policy accept", "L nat/POSTROUTING 1 accept"}},
		{name: "legacy local out", from: "router", to: "10.2.0.2:9",
			legacy:  accept4 + "-A OUTPUT -p udp -m udp --dport 9 -j DROP\nCOMMIT\n",
			verdict: "dropped", path: "output", sentence: "dropped by rule 1 of filter/OUTPUT (iptables-legacy)",
			steps: []string{"L filter/OUTPUT 1 drop"}},
		{name: "legacy IPv6 dropped by rule", from: "client", to: "[fd02::2]:9",
			legacy6: accept4 + "-A FORWARD -d fd02::2/128 -j DROP\nCOMMIT\n",
			verdict: "dropped", path: "forward", sentence: "dropped by rule 1 of filter/FORWARD (iptables-legacy, IPv6): -A FORWARD -d fd02::2/128 -j DROP",
			steps: []string{"L filter/FORWARD 1 drop"}},

		{name: "iptables-nft dropped by rule", from: "client", to: "10.2.0.2:9",
			nft4:    accept4 + ":A - [0:0]\n-A FORWARD -p udp -j A\n-A A -p tcp -j ACCEPT\n-A A -d 10.2.0.2/32 -j DROP\nCOMMIT\n",
			verdict: "dropped", path: "forward", sentence: "dropped by rule 2 of filter/A (iptables-nft): -A A -d 10.2.0.2/32 -j DROP",
			steps: []string{"I filter/FORWARD 1 jump", " I filter/A 2 drop"}},
		{name: "iptables-nft policy after a RETURN", from: "client", to: "10.1.0.1:9",
			nft4:    "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:A - [0:0]\n-A INPUT -j A\n-A A -p udp -j RETURN\n-A A -j ACCEPT\nCOMMIT\n",
			verdict: "dropped", path: "input", sentence: "dropped by the policy of filter/INPUT (iptables-nft)",
			steps: []string{"I filter/INPUT 1 jump", " I filter/A 1 return", "I filter/INPUT policy drop"}},
		{name: "iptables-nft rejected", from: "client", to: "10.2.0.2:9", tcp: true,
			nft4:    accept4 + "-A FORWARD -p tcp -j REJECT --reject-with tcp-reset\nCOMMIT\n",
			verdict: "rejected", path: "forward", sentence: "rejected by rule 1 of filter/FORWARD (iptables-nft)",
			steps: []string{"I filter/FORWARD 1 reject"}},
		{name: "iptables-nft MASQUERADE", from: "client", to: "10.2.0.2:9",
			nft4: "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n" +
				"-A POSTROUTING -o r1 -j MASQUERADE\nCOMMIT\n",
			verdict: "accepted", path: "forward", sentence: "sent out of r1", nat: "[masquerade] src [10.1.0.2:PORT 10.2.0.1:PORT]"},
		{name: "iptables-nft IPv6", from: "client", to: "[fd02::2]:9",
			nft6:    accept4 + "-A FORWARD -p udp -m udp --dport 9 -j DROP\nCOMMIT\n",
			verdict: "dropped", path: "forward", sentence: "dropped by rule 1 of filter/FORWARD (iptables-nft, IPv6)",
			steps: []string{"I filter/FORWARD 1 drop"}},

		{name: "native accept then drop in a later chain", from: "client", to: "10.2.0.2:9",
			native: `table inet fw {
				chain forward { type filter hook forward priority 0; policy accept; udp dport 9 counter accept; }
				chain late { type filter hook forward priority 10; policy accept; ip daddr 10.2.0.2 drop; }
			}`,
			verdict: "dropped", path: "forward", sentence: "dropped by rule 1 of inet fw/late (nftables): ip daddr 10.2.0.2 drop",
			steps: []string{"N fw/forward 1 accept", "N fw/late 1 drop"}},
		{name: "native policy, jump and end of a user chain", from: "client", to: "10.1.0.1:9",
			native: `table ip fw {
				chain sub { tcp dport 22 accept; }
				chain input { type filter hook input priority 0; policy drop; udp dport 9 jump sub; }
			}`,
			verdict: "dropped", path: "input", sentence: "dropped by the policy of ip fw/input (nftables)",
			steps: []string{"N fw/input 1 jump", " N fw/sub end return", "N fw/input policy drop"}},
		{name: "native rejected", from: "client", to: "10.2.0.2:9",
			native:  `table inet fw { chain forward { type filter hook forward priority 0; udp dport 9 reject; }; }`,
			verdict: "rejected", path: "forward", sentence: "rejected by rule 1 of inet fw/forward (nftables)",
			steps: []string{"N fw/forward 1 reject"}},
		{name: "native DNAT", from: "client", to: "10.1.0.1:99",
			native: `table ip n { chain pre { type nat hook prerouting priority -100; udp dport 99 dnat to 10.2.0.2:9; };
				chain post { type nat hook postrouting priority 100; oifname "r1" masquerade; }; }`,
			verdict: "accepted", path: "forward", sentence: "sent out of r1", nat: "[dnat masquerade] src [10.1.0.2:PORT 10.2.0.1:PORT] dst [10.1.0.1:99 10.2.0.2:9]",
			steps: []string{"N n/pre 1 accept", "N n/post 1 accept dst=10.2.0.2 dport=9"}},
		{name: "native IPv6 local in, accepted", from: "client", to: "[fd01::1]:9",
			native:  `table inet fw { chain input { type filter hook input priority 0; policy drop; udp dport 9 accept; icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept; }; }`,
			verdict: "accepted", path: "input", sentence: "delivered to this host, accepted by rule 1 of inet fw/input (nftables): udp dport 9 accept",
			steps: []string{"N fw/input 1 accept"}},
		{name: "native local out", from: "router", to: "10.2.0.2:9",
			native:  `table inet fw { chain out { type filter hook output priority 0; policy accept; udp dport 9 accept; }; }`,
			verdict: "accepted", path: "output", sentence: "sent out of r1, accepted by rule 1 of inet fw/out (nftables)",
			steps: []string{"N fw/out 1 accept"}},
		{name: "native SNAT of an IPv6 packet", from: "client", to: "[fd02::2]:9",
			native:  `table ip6 n { chain post { type nat hook postrouting priority 100; udp dport 9 snat to fd02::1; }; }`,
			verdict: "accepted", path: "forward", sentence: "sent out of r1", nat: "[snat] src [[fd01::2]:PORT [fd02::1]:PORT]",
			steps: []string{"N n/post 1 accept"}},
		{name: "native unconditional drop in a user chain", from: "client", to: "10.2.0.2:9",
			native: `table inet fw {
				chain sub { counter drop; }
				chain forward { type filter hook forward priority 0; policy accept; goto sub; }
			}`,
			verdict: "dropped", path: "forward", sentence: "dropped by rule 1 of inet fw/sub (nftables): counter drop",
			steps: []string{"N fw/forward 1 goto", "N fw/sub 1 drop"}},
		{name: "native dropped before routing", from: "client", to: "10.2.0.2:9",
			native:  `table ip fw { chain pre { type filter hook prerouting priority -300; udp dport 9 mark set 7 drop; }; }`,
			verdict: "dropped", path: "unknown", sentence: "dropped by rule 1 of ip fw/pre (nftables)",
			steps: []string{"N fw/pre 1 drop"}},
		{name: "iptables-nft SNAT and DNAT", from: "client", to: "10.1.0.1:99",
			nft4: "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n" +
				"-A PREROUTING -p udp -m udp --dport 99 -j DNAT --to-destination 10.2.0.2:9\n-A POSTROUTING -d 10.2.0.2/32 -j SNAT --to-source 10.2.0.1\nCOMMIT\n",
			verdict: "accepted", path: "forward", sentence: "sent out of r1", nat: "[dnat snat] src [10.1.0.2:PORT 10.2.0.1:PORT] dst [10.1.0.1:99 10.2.0.2:9]",
			steps: []string{"I nat/PREROUTING 1 accept", "I nat/POSTROUTING 1 accept dst=10.2.0.2 dport=9"}},
		{name: "iptables-nft unconditional drop in a user chain", from: "client", to: "10.2.0.2:9",
			nft4:    accept4 + ":A - [0:0]\n-A FORWARD -j A\n-A A -j DROP\nCOMMIT\n",
			verdict: "dropped", path: "forward", sentence: "dropped by rule 1 of filter/A (iptables-nft): -A A -j DROP",
			steps: []string{"I filter/FORWARD 1 jump", " I filter/A 1 drop"}},
		{name: "iptables-nft local out dropped by policy", from: "router", to: "10.2.0.2:9",
			nft4:    "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT DROP [0:0]\n-A OUTPUT -p tcp -j ACCEPT\nCOMMIT\n",
			verdict: "dropped", path: "output", sentence: "dropped by the policy of filter/OUTPUT (iptables-nft)",
			steps: []string{"I filter/OUTPUT policy drop"}},
		{name: "legacy local in, accepted by rule, TCP", from: "client", to: "10.1.0.1:9", tcp: true,
			legacy: "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n" +
				"*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 9 -j ACCEPT\nCOMMIT\n",
			verdict: "accepted", path: "input", sentence: "accepted by rule 1 of filter/INPUT (iptables-legacy): -A INPUT -p tcp -m tcp --dport 9 -j ACCEPT",
			steps: []string{"L mangle/PREROUTING policy accept", "L mangle/INPUT policy accept", "L filter/INPUT 1 accept"}},
		{name: "legacy IPv6 policy and DNAT", from: "client", to: "[fd01::1]:99",
			legacy6: "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n" +
				"-A PREROUTING -p udp -m udp --dport 99 -j DNAT --to-destination [fd02::2]:9\nCOMMIT\n" +
				"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n",
			verdict: "dropped", path: "forward", sentence: "dropped by the policy of filter/FORWARD (iptables-legacy, IPv6)", nat: "[dnat] dst [[fd01::1]:99 [fd02::2]:9]",
			steps: []string{"L nat/PREROUTING 1 accept", "L filter/FORWARD policy drop dst=fd02::2 dport=9"}},

		{name: "legacy accepts, nft drops", from: "client", to: "10.2.0.2:9",
			legacy:  accept4 + "-A FORWARD -p udp -j ACCEPT\nCOMMIT\n",
			native:  `table inet fw { chain forward { type filter hook forward priority 10; udp dport 9 drop; }; }`,
			verdict: "dropped", path: "forward", sentence: "dropped by rule 1 of inet fw/forward (nftables): udp dport 9 drop",
			steps: []string{"L filter/FORWARD 1 accept", "N fw/forward 1 drop"}},
		{name: "nft accepts, legacy drops, three backends", from: "client", to: "10.2.0.2:9",
			legacy:  "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n" + accept4 + "-A FORWARD -p udp -j DROP\nCOMMIT\n",
			nft4:    "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A FORWARD -p udp -j ACCEPT\nCOMMIT\n",
			native:  `table inet fw { chain forward { type filter hook forward priority -10; udp dport 9 accept; }; }`,
			verdict: "dropped", path: "forward", sentence: "dropped by rule 1 of filter/FORWARD (iptables-legacy)",
			steps: []string{"L raw/PREROUTING policy accept", "I mangle/PREROUTING policy accept", "I mangle/FORWARD 1 accept",
				"N fw/forward 1 accept", "L filter/FORWARD 1 drop"}},
	}
}

// TestPackets checks the whole ladder of one packet against the real kernel, for every
// backend and fate, and the deciding rule's counter with it.
func TestPackets(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	t.Parallel()
	for _, c := range packetCases() {
		t.Run(c.name, func(t *testing.T) { onePacket(t, c, arm.MethodOwner) })
		if c.legacy+c.legacy6 != "" && c.nft4+c.nft6+c.native == "" {
			t.Run(c.name+", armed by raw", func(t *testing.T) { onePacket(t, c, arm.MethodRaw) })
		}
	}
}

func onePacket(t *testing.T, c packetCase, method string) {
	t.Parallel()
	n := nettest.NewRouted(t)
	for _, l := range []struct {
		text, program string
		args          []string
	}{{c.legacy, "iptables-legacy-restore", nil}, {c.legacy6, "ip6tables-legacy-restore", nil},
		{c.nft4, "iptables-nft-restore", nil}, {c.nft6, "ip6tables-nft-restore", nil}, {c.native, "nft", []string{"-f", "-"}}} {
		if l.text != "" {
			nettest.Feed(t, n.Router, l.text, l.program, l.args...)
		}
	}
	proto, from := "udp", n.Client
	if c.tcp {
		proto = "tcp"
	}
	if c.from == "router" {
		from = n.Router
	}
	port := c.to[strings.LastIndexByte(c.to, ':')+1:]
	nettest.Echo(t, n.Router, 9) // else the kernel drops what the rules let in
	s := open(t, n.Router, Trace{Filter: parse(t, proto+" and dst port "+port), Method: method})
	if c.tcp {
		_, _ = nettest.Dial(t, from, "tcp", "", c.to, 300*time.Millisecond)
	} else {
		udp(t, from, c.to)
	}
	j := s.journey("the packet", func(*journey.Journey) bool { return true })
	check(t, &c, method, j)
}

func check(t *testing.T, c *packetCase, method string, j *journey.Journey) {
	t.Helper()
	bad := func(what string, got, want any) {
		t.Errorf("%s: %v, want %v\n%s", what, got, want, describe(j))
	}
	if j.Outcome.Verdict != c.verdict {
		bad("verdict", j.Outcome.Verdict, c.verdict)
	}
	// Without the owner table's probes nobody sees where an accepted packet went.
	if raw := method == arm.MethodRaw && c.verdict == "accepted"; !raw && !strings.Contains(j.Outcome.Sentence, c.sentence) {
		bad("sentence", j.Outcome.Sentence, c.sentence)
	}
	if j.Path != c.path {
		bad("path", j.Path, c.path)
	}
	if !j.Complete {
		bad("complete", j.Why, "true")
	}
	if c.steps != nil {
		var got []string
		for i := range j.Steps {
			if st := &j.Steps[i]; method != arm.MethodRaw || st.Table != "raw" {
				got = append(got, line(st))
			} else if strings.HasPrefix(st.Chain, journey.ProbePrefix) {
				bad("a step of our own", line(st), "none")
			}
		}
		if strings.Join(got, "\n") != strings.Join(c.steps, "\n") {
			bad("steps", strings.Join(got, " | "), strings.Join(c.steps, " | "))
		}
	}
	nat := ""
	if j.NAT != nil {
		nat = fmt.Sprint(j.NAT.Class)
		if j.NAT.Src != nil {
			nat += fmt.Sprint(" src ", j.NAT.Src)
		}
		if j.NAT.Dst != nil {
			nat += fmt.Sprint(" dst ", j.NAT.Dst)
		}
		nat = strings.ReplaceAll(nat, fmt.Sprintf(":%d", j.Packet.SPort), ":PORT")
	}
	if nat != c.nat {
		bad("nat", nat, c.nat)
	}
}

// TestOthersPackets traces beside a rule of the user that traces other packets: the
// kernel shows both to us, and we keep our own.
func TestOthersPackets(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "table ip theirs {\n chain pre { type filter hook prerouting priority -310; udp dport 10 meta nftrace set 1\n }\n}\n", "nft", "-f", "-")
	s := open(t, n.Router, Trace{Filter: parse(t, "udp and dst port 9")})
	udp(t, n.Client, "10.2.0.2:10")
	udp(t, n.Client, "10.2.0.2:9")
	snap := s.wait("our packet", func(snap *snapshot.Snapshot) bool {
		return slices.ContainsFunc(snap.Journeys, func(j *journey.Journey) bool { return j.Closed && j.Packet.DPort == 9 })
	})
	for _, j := range snap.Journeys {
		if j.Closed && j.Packet.DPort != 9 {
			t.Errorf("another's packet was kept: %s", describe(j))
		}
	}
}
