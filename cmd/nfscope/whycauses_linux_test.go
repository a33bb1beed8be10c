package main

import (
	"fmt"
	"strings"
	"testing"

	"nfscope/trace/nettest"
)

// TestWhyNeighboursCut: a next hop that is not found since netfilter drops the question for it, or its
// answer, is no silent neighbour; and where nothing came, what it dropped of the client's is told.
func TestWhyNeighboursCut(t *testing.T) {
	nettest.Kernel(t, "nft", "ip", "sysctl")
	t.Parallel()
	n := nettest.NewRouted(t)
	n.FixNeighbours(t)
	nettest.Feed(t, n.Router, `table arp f { chain in { type filter hook input priority 0; policy drop; }; }
table ip6 f { chain in { type filter hook input priority 0; policy drop; }; }
`, "nft", "-f", "-")
	nettest.Run(t, n.Router, "sysctl", "-qw", "net.ipv4.neigh.r1.retrans_time_ms=600000", "net.ipv6.neigh.r1.retrans_time_ms=200") // one waits, one is given up
	var list []whyCase
	for _, e := range whyFamilies() {
		nettest.Run(t, n.Router, "ip", "neigh", "del", e.server, "dev", "r1")
		kind, by := "ARP", "by a rule or a policy that was not traced"
		if e.v6 {
			kind, by = "neighbour discovery", "likely by the policy of ip6 f/in (nftables)"
		}
		list = append(list, whyCase{name: e.name, at: n.Router, filter: "udp and dst host " + e.server + " and dst port 1017", args: []string{"--for", "2s"}, fire: sends(t, n, nettest.Frame{Src: e.client, Dst: e.server, SPort: 40017, DPort: 1017}),
			kind: "netfilter", confidence: "likely", status: exitDropped, do: "let ARP and neighbour discovery",
			sentence: "udp " + e.client + " > " + e.of(e.server, 1017) + " was not delivered: the next hop " + e.server + " on r1 is not found, since its answer by " + kind + " was dropped by netfilter in the input hook, " + by})
	}
	dead := sends(t, n, nettest.Frame{Src: "10.1.0.2", Dst: "10.2.0.99", SPort: 40019, DPort: 1019})
	list = append(list, whyCase{name: "another asks for it too", at: n.Router, filter: "udp and dst host 10.2.0.99 and dst port 1019", args: []string{"--for", "2s"}, kind: "kernel", confidence: "likely", status: exitDropped,
		fire: func(t *testing.T) {
			datagram(t, n.Server, "10.2.0.99:1019")
			dead(t)
		}, sentence: "udp 10.1.0.2 > 10.2.0.99:1019 was not delivered, no rule did it: likely it waits for the next hop 10.2.0.99 on r1, which does not answer ARP (INCOMPLETE)"})
	list = append(list, whyCase{name: "nothing comes", at: n.Router, filter: "udp and src host 10.1.0.2 and dst port 1018", args: []string{"--for", "2s"}, kind: "nothing", confidence: "certain",
		fire: func(t *testing.T) {
			nettest.Run(t, n.Client, "ip", "neigh", "del", "10.1.0.1", "dev", "c0")
			datagram(t, n.Client, "10.2.0.2:1018")
		}, do: "let ARP and neighbour discovery", says: "netfilter dropped, without which neighbours send nothing: arp who-has 10.1.0.1 tell 10.1.0.2",
		sentence: "nothing of this flow was seen here in * s: udp and src host 10.1.0.2 and dst port 1018"})
	answers(t, list)
}

// TestWhyAround: what happens around a connection and is told by no drop of its packets alone: a server
// that is gone in the middle of it, one that refuses after it answered, a route in a circle, an ICMP
// error that a rule here keeps from the client, an echo that is not answered.
func TestWhyAround(t *testing.T) {
	nettest.Kernel(t, "nft", "ip", "sysctl")
	t.Parallel()
	n := nettest.NewRouted(t)
	n.FixNeighbours(t)
	// What the server says of its neighbours is lost there: the router asks in vain.
	nettest.Feed(t, n.Server, `table arp f { chain in { type filter hook input priority 0; policy drop; }; }
table inet f {
	chain in { type filter hook input priority 0; icmpv6 type nd-neighbor-solicit drop; udp dport 1093 limit rate over 1/hour burst 1 packets reject; udp dport 1094 limit rate over 1/hour burst 1 packets reject; }
}
`, "nft", "-f", "-")
	nettest.Feed(t, n.Router, `table inet f {
	chain through { type filter hook forward priority 0; ct state invalid counter; } # so that ICMP errors are known
	chain out { type filter hook output priority 0; icmp code frag-needed drop; icmpv6 type packet-too-big drop; }
}
`, "nft", "-f", "-")
	nettest.Run(t, n.Router, "sysctl", "-qw", "net.ipv4.neigh.r1.retrans_time_ms=600000", "net.ipv6.neigh.r1.retrans_time_ms=600000", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")
	nettest.Run(t, n.Router, "ip", "link", "set", "r1", "mtu", "1400")
	nettest.Run(t, n.Server, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.icmp_echo_ignore_all=1", "net.ipv6.icmp.echo_ignore_all=1",
		"net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")
	for port := 1091; port <= 1094; port++ {
		nettest.Echo(t, n.Server, port)
	}
	var list, gone []whyCase
	for i, e := range whyFamilies() {
		to := func(proto string, port int) string {
			return fmt.Sprintf("%s and dst host %s and dst port %d", proto, e.server, port)
		}
		nettest.Run(t, n.Router, "ip", "route", "add", e.foreign, "via", e.server)
		asks := nettest.Frame{Src: e.client, Dst: e.server, ToMAC: nettest.MAC(t, n.Router, "r0"), Proto: 1}
		no, sysctl, echo := "no-reply", "net.ipv4.icmp_echo_ignore_all", ": the request was delivered, and no reply came: this host answers no echo, net.ipv4.icmp_echo_ignore_all is 1"
		status := 0
		if e.v6 {
			asks.Proto = 58
			no, sysctl, echo, status = "kernel", "net.ipv6.icmp.echo_ignore_all", " was dropped by the kernel, no rule did it: this host answers no echo (NOT_SPECIFIED in icmpv6_rcv)", exitDropped
		}
		list = append(list,
			whyCase{name: "refused after an answer " + e.name, at: n.Router, filter: to("udp", 1093+i) + " and src host " + e.client, args: []string{"--for", "2s"}, stopped: true,
				fire: says(n.Client, "udp", e.of(e.server, 1093+i), "a", "no"), kind: "refused", confidence: "certain",
				sentence: "udp " + e.client + " > " + e.of(e.server, 1093+i) + ": it was answered, and behind that an ICMP error came back from " + e.server + ": port unreachable (nobody listens there, or a firewall rejects it)"},
			whyCase{name: "in a circle " + e.name, at: n.Router, filter: "udp and dst host " + e.foreign, args: []string{"--for", "2s"}, fire: sends(t, n, nettest.Frame{Src: e.client, Dst: e.foreign}),
				kind: "refused", confidence: "certain", says: " times by r1, where they had left, with a smaller TTL: a route leads in a circle", do: "ip route get " + e.foreign + " here and on the next hop behind r1",
				sentence: "udp " + e.client + " > " + e.of(e.foreign, 9) + ": the request was delivered (sent out of r1), and an ICMP error came back from " + e.server + ": its " + e.pick("TTL", "hop limit") + " ran out on the way"},
			whyCase{name: "too long, and untold " + e.name, at: n.Router, filter: to("tcp", 1092), args: []string{"--for", "3s"}, fire: alreadyOpen(t, n.Client, e.of(e.server, 1092))("hello", strings.Repeat("a", 1440)),
				kind: "rule", confidence: "certain", status: exitDropped,
				sentence: "tcp " + e.client + " > " + e.of(e.server, 1092) + ": packets that are too long for the way on are dropped here, and the ICMP error from " + e.router + " that tells the client was dropped by rule " + fmt.Sprint(i+1) + " of inet f/out (nftables): " + e.pick("icmp code frag-needed drop", "icmpv6 type packet-too-big drop") + "*"},
			whyCase{name: "no echo " + e.name, at: n.Server, filter: e.pick("icmp", "icmp6") + " and dst host " + e.server, args: []string{"--for", "2s"}, fire: func(t *testing.T) { nettest.SendFrame(t, n.Client, "c0", asks) },
				kind: no, confidence: "certain", status: status, do: "sysctl -w " + sysctl + "=0", sentence: e.pick("icmp ", "icmpv6 ") + e.client + " > " + e.server + echo})
		already := alreadyOpen(t, n.Client, e.of(e.server, 1091))
		gone = append(gone, whyCase{name: "gone " + e.name, at: n.Router, filter: to("tcp", 1091), args: []string{"--for", "3s"}, fire: func(t *testing.T) {
			already("hello", "")(t)
			nettest.Run(t, n.Router, "ip", "neigh", "del", e.server, "dev", "r1")
			already("no")(t)
		}, kind: "kernel", confidence: "likely", status: exitDropped,
			sentence: "tcp " + e.client + " > " + e.of(e.server, 1091) + " was not delivered, no rule did it: likely it waits for the next hop " + e.server + " on r1, which does not answer " + e.pick("ARP", "neighbour discovery") + " (INCOMPLETE) (1 of *"})
	}
	answers(t, list)
	answers(t, gone)
}
