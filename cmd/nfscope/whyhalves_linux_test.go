package main

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// TestWhyHalves: of a flow of which conntrack has one direction, or each for itself, the answer
// says which direction it is, and why conntrack is at a loss.
func TestWhyHalves(t *testing.T) {
	nettest.Kernel(t, "nft", "ip")
	t.Parallel()
	n := nettest.NewRouted(t)
	n.FixNeighbours(t)
	nettest.Feed(t, n.Router, `table inet w {
	chain early {
		type filter hook prerouting priority -300
		udp dport 1071 notrack
		iifname "r0" udp dport 1072 ct zone set 7
	}
	chain through {
		type filter hook forward priority 0
		udp sport { 1071, 1072 } ct state != established drop
		tcp dport 1073 ct state invalid drop
	}
	chain blind {
		type filter hook prerouting priority -250
		tcp dport 1076 tcp flags ack drop
	}
}
`, "nft", "-f", "-")
	nettest.Echo(t, n.Server, 1071)
	nettest.Echo(t, n.Server, 1072)
	nettest.Feed(t, n.Router, "neigh add 10.2.0.98 lladdr 02:00:00:00:00:98 dev r1\nneigh add fd02::98 lladdr 02:00:00:00:00:98 dev r1\n", "ip", "-batch", "-")
	var list []whyCase
	for _, e := range whyFamilies() {
		for port, says := range map[int]string{
			1071: "conntrack takes the reply for a new connection: it was told not to track the request (NOTRACK)",
			1072: "conntrack takes the reply for a new connection: it has the request in another entry, as where the zones of the two directions differ",
		} {
			list = append(list, whyCase{name: fmt.Sprintf("%d %s", port, e.name), at: n.Router, filter: fmt.Sprintf("udp and dst host %s and dst port %d", e.server, port), fire: asks(n.Client, e.of(e.server, port)),
				kind: "rule", confidence: "certain", status: exitDropped, says: says,
				sentence: "udp " + e.client + " > " + e.of(e.server, port) + ": the request was delivered (sent out of r1), the reply was dropped by rule 1 of inet w/through (nftables): udp sport { 1071, 1072 } ct state != established drop"})
		}
		far := e.pick("10.2.0.98", "fd02::98") // its answers take another way
		for port, c := range map[uint16]struct{ rule, do string }{
			1073: {"rule 2 of inet w/through (nftables): tcp dport 1073 ct state invalid drop", "ip route get " + e.client + " on the server"},
			1076: {"rule 1 of inet w/blind (nftables): tcp dport 1076 tcp flags ack drop", "-"}, // asks for no state
		} {
			segment := func(flags uint8) func(*testing.T) {
				return sends(t, n, nettest.Frame{Src: e.client, Dst: far, Proto: unix.IPPROTO_TCP, SPort: 40000, DPort: port, TCPFlags: flags})
			}
			opens, goesOn := segment(0x02), segment(0x10)
			list = append(list, whyCase{name: fmt.Sprintf("one way %d %s", port, e.name), at: n.Router, filter: fmt.Sprintf("tcp and dst host %s and dst port %d", far, port), fire: func(t *testing.T) { opens(t); goesOn(t) }, stopped: true,
				kind: "rule", confidence: "certain", status: exitDropped, says: "the replies take another way, so conntrack sees half of the connection", do: c.do,
				sentence: "tcp " + e.client + " > " + e.of(far, int(port)) + " was dropped by " + c.rule + " (1 of 2 packets; 1 came through)"})
		}
	}
	answers(t, list)
}

// TestWhyVerdictMaps: of a rule that asks a verdict map the element is named that dropped the packet,
// or led to where it was dropped, and not only the rule.
func TestWhyVerdictMaps(t *testing.T) {
	nettest.Kernel(t, "nft", "ip")
	t.Parallel()
	n := nettest.NewRouted(t)
	n.FixNeighbours(t)
	nettest.Feed(t, n.Router, `table inet w {
	map ports {
		type inet_service : verdict
		flags interval
		elements = { 1080 : accept, 1081 : drop, 1082-1084 : goto bad }
	}
	chain bad {
		drop
	}
	chain through {
		type filter hook forward priority 0
		ct state vmap { established : accept, invalid : drop }
		udp dport vmap @ports
	}
}
`, "nft", "-f", "-")
	var list []whyCase
	for _, e := range whyFamilies() {
		for port, c := range map[int]struct{ element, rule string }{
			1081: {"1081 : drop", "rule 2 of inet w/through (nftables): udp dport vmap @ports"},
			1083: {"1082-1084 : goto bad", "rule 1 of inet w/bad (nftables): drop"},
		} {
			list = append(list, whyCase{name: fmt.Sprintf("%d %s", port, e.name), at: n.Router, filter: fmt.Sprintf("udp and dst host %s and dst port %d", e.server, port), fire: talks(n.Client, e.of(e.server, port), 5),
				kind: "rule", confidence: "certain", status: exitDropped, says: "in the map of rule 2 of inet w/through (nftables) it was the element " + c.element,
				sentence: "udp " + e.client + " > " + e.of(e.server, port) + " was dropped by " + c.rule})
		}
	}
	answers(t, list)
}

// TestWhyStalls: that a TCP connection opens does not mean that it works: where what the client sends
// is lost behind this host, that is said, and where nothing is sent, no more than that; of an answer
// that does not come the program is not blamed alone, and a reset is no answer. One that was open
// before is looked at in the same way.
func TestWhyStalls(t *testing.T) {
	nettest.Kernel(t, "nft", "ip")
	t.Parallel()
	n := nettest.NewRouted(t)
	n.FixNeighbours(t)
	nettest.Feed(t, n.Server, `table inet w {
	chain early { type filter hook prerouting priority -500; tcp dport 1085 tcp flags & psh == psh drop; tcp dport 1089 meta length > 1000 drop; }
	chain in { type filter hook input priority 0; tcp dport 1088 tcp flags & psh == psh reject with tcp reset; }
	chain out { type filter hook output priority 0; tcp sport 1087 tcp flags & psh == psh drop; }
}`, "nft", "-f", "-")
	for port := 1085; port <= 1089; port++ {
		nettest.Echo(t, n.Server, port)
	}
	var list []whyCase
	for _, e := range whyFamilies() {
		to, flow := func(port int) string { return fmt.Sprintf("tcp and dst host %s and dst port %d", e.server, port) }, func(port int) string { return "tcp " + e.client + " > " + e.of(e.server, port) }
		const stuck = ": the connection was answered and then stalled: the client sent the same segment * times, which came through here, and "
		already := alreadyOpen(t, n.Client, e.of(e.server, 1089))
		list = append(list,
			whyCase{name: "lost behind " + e.name, at: n.Router, filter: to(1085), args: []string{"--for", "3s"}, fire: says(n.Client, "tcp", e.of(e.server, 1085), "no"),
				kind: "stalled", confidence: "certain", do: "look there and on the way: does the segment arrive, and", sentence: flow(1085) + stuck + e.server + " was not heard to acknowledge it"},
			whyCase{name: "long ones are lost behind, open before " + e.name, at: n.Router, filter: to(1089), args: []string{"--for", "4s"}, fire: already("hello", strings.Repeat("a", 1300)),
				kind: "stalled", confidence: "certain", do: "look there and on the way: does the segment arrive (it is long: is the MTU of a link smaller?)", sentence: flow(1089) + stuck + e.server + " was not heard to acknowledge it"},
			whyCase{name: "idle " + e.name, at: n.Router, filter: to(1086), args: []string{"--for", "2s"}, fire: says(n.Client, "tcp", e.of(e.server, 1086)),
				kind: "works", confidence: "likely", sentence: flow(1086) + ": nothing of it was lost here, but behind its opening neither end sent anything"},
			whyCase{name: "the answer is lost before here " + e.name, at: n.Router, filter: to(1087), args: []string{"--for", "3s"}, fire: says(n.Client, "tcp", e.of(e.server, 1087), "no"),
				kind: "works", confidence: "likely", do: "ss -tio on the server", sentence: flow(1087) + ": nothing of it was lost here, but the server acknowledged what the client sent, and nothing of an answer came here in * s: its program sent none, or it was lost before here"},
			whyCase{name: "reset " + e.name, at: n.Router, filter: to(1088), fire: says(n.Client, "tcp", e.of(e.server, 1088), "no"),
				kind: "refused", confidence: "certain", do: "-", sentence: flow(1088) + ": nothing of it was lost here, but a TCP reset from " + e.server + " ended the connection before an answer came: its program, or a firewall there, broke it off"})
	}
	answers(t, list)
}

// alreadyOpen opens a connection, and gives what makes a function that says something on it: of the
// last text no answer is waited for.
func alreadyOpen(t *testing.T, ns *netns.Handle, to string) func(texts ...string) func(*testing.T) {
	t.Helper()
	c, err := nettest.Dial(t, ns, "tcp", "", to, nettest.InVain)
	if err != nil {
		t.Fatal(err)
	}
	return func(texts ...string) func(*testing.T) {
		return func(t *testing.T) {
			_ = c.SetDeadline(time.Now().Add(nettest.InVain))
			for i, text := range texts {
				if _, err := c.Write([]byte(text)); err != nil {
					t.Fatal(err)
				}
				if i == len(texts)-1 {
					return
				}
				if _, err := io.ReadFull(c, make([]byte, len(text))); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestWhyUntracedReplies: -j TRACE does not trace what comes back to a translated request: of one
// that works nobody is blamed, and of one that gets no reply only that none was traced is said.
func TestWhyUntracedReplies(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "ip")
	t.Parallel()
	const public, port = "192.0.2.1", "10.2.0.2:1078"
	for _, c := range []struct {
		name, filter, to, network, rule     string
		kind, confidence, sentence, because string
	}{
		{"DNAT", "dst host " + public, public + ":80", "tcp", "-A PREROUTING -d " + public + " -j DNAT --to-destination " + port,
			"works", "likely", "nothing is wrong here: the request tcp 10.1.0.2 > " + public + ":80 (translated to " + port + ") was delivered (sent out of r1), and the reply came back", "and the client went on after it"},
		{"SNAT", "src host 10.1.0.2", port, "tcp", "-A POSTROUTING -o r1 -j SNAT --to-source 10.2.0.1",
			"works", "likely", "nothing is wrong here: the request tcp 10.1.0.2 > " + port + " was delivered (sent out of r1), and the reply came back", "and the client went on after it"},
		{"MASQUERADE", "src host 10.1.0.2", port, "tcp", "-A POSTROUTING -o r1 -j MASQUERADE",
			"works", "likely", "nothing is wrong here: the request tcp 10.1.0.2 > " + port + " was delivered (sent out of r1), and the reply came back", "and the client went on after it"},
		{"a datagram", "dst host " + public, public + ":80", "udp", "-A PREROUTING -d " + public + " -j DNAT --to-destination " + port,
			"unknown", "unknown", "udp 10.1.0.2 > " + public + ":80 (translated to " + port + "): the request was delivered (sent out of r1), and a reply came, which was not traced", "its end is not known"},
		{"no reply", "dst host " + public, public + ":80", "udp", "-A PREROUTING -d " + public + " -j DNAT --to-destination 10.2.0.98:80",
			"no-reply", "likely", "udp 10.1.0.2 > " + public + ":80 (translated to 10.2.0.98:80): the request was delivered (sent out of r1), and no reply was traced in *", "so that a reply may have come"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			n.FixNeighbours(t)
			nettest.Feed(t, n.Router, "neigh add 10.2.0.98 lladdr 02:00:00:00:00:98 dev r1\n", "ip", "-batch", "-")
			rule := strings.Replace(c.rule, " -j ", " -p "+c.network+" -j ", 1)
			nettest.Feed(t, n.Router, "*nat\n"+rule+"\nCOMMIT\n", "iptables-legacy-restore")
			nettest.Echo(t, n.Server, 1078)
			text := "hello"
			if c.name == "no reply" {
				text = "no"
			}
			answers(t, []whyCase{{name: "why", at: n.Router, filter: c.network + " and " + c.filter, args: []string{"--method", "raw", "--for", "2s"}, fire: says(n.Client, c.network, c.to, text),
				kind: c.kind, confidence: c.confidence, sentence: c.sentence, because: c.because, do: "-"}})
		})
	}
}

// TestWhyTooLongUnheard: a host that drops ICMP's word of a packet that is too long, by a rule
// that conntrack has no part in, is told so, though nothing traces that word.
func TestWhyTooLongUnheard(t *testing.T) {
	nettest.Kernel(t, "nft", "ip")
	t.Parallel()
	n := nettest.NewRouted(t)
	n.FixNeighbours(t)
	nettest.Run(t, n.Router, "ip", "link", "set", "r1", "mtu", "1280")
	nettest.Feed(t, n.Client, "table inet w { chain in { type filter hook input priority 0; icmp type destination-unreachable drop; icmpv6 type packet-too-big drop; }; }", "nft", "-f", "-")
	var list []whyCase
	for _, e := range whyFamilies() {
		long := e.pick("icmp type destination-unreachable drop", "icmpv6 type packet-too-big drop")
		list = append(list, whyCase{name: e.name, at: n.Client, filter: "udp and dst host " + e.server + " and dst port 1074", fire: talks(n.Client, e.of(e.server, 1074), 1400), args: []string{"--for", "4s"},
			kind: "netfilter", confidence: "likely", status: exitDropped,
			sentence: "udp " + e.client + " > " + e.of(e.server, 1074) + ": the request was sent out of c0, and the ICMP error about it from " + e.router + ", it is too large for the next link" +
				e.pick(", and may not be cut into fragments", "") + ", was dropped by netfilter in the input hook, likely by rule " + e.pick("1", "2") + " of inet w/in (nftables): " + long})
	}
	answers(t, list)
}

// TestWhyHairpin: of a connection that is sent back into the network that it came from, with its
// own source, the answer to it goes past this host.
func TestWhyHairpin(t *testing.T) {
	nettest.Kernel(t, "nft", "ip", "sysctl")
	t.Parallel()
	host, peer := nettest.New(t, "host"), nettest.New(t, "peer")
	nettest.Feed(t, host, "link add e0 type veth peer name p0 netns "+peer.Name()+"\nlink set e0 up\naddr add 10.9.0.1/24 dev e0\naddr add fd09::1/64 dev e0 nodad\n"+
		"neigh add 10.9.0.3 lladdr 02:00:00:00:00:03 dev e0\nneigh add fd09::3 lladdr 02:00:00:00:00:03 dev e0\n"+
		"neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev e0\nneigh add fd09::2 lladdr 02:00:00:00:00:02 dev e0\n", "ip", "-batch", "-")
	nettest.Run(t, peer, "ip", "link", "set", "p0", "up")
	nettest.AwaitUp(t, host, peer)
	nettest.Run(t, host, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.e0.send_redirects=0")
	nettest.Feed(t, host, "table inet w { chain pre { type nat hook prerouting priority -100; ip daddr 192.0.2.1 tcp dport 1075 dnat ip to 10.9.0.3:80; ip6 daddr 2001:db8::1 tcp dport 1075 dnat ip6 to [fd09::3]:80; }; }", "nft", "-f", "-")
	to := nettest.MAC(t, host, "e0")
	var list []whyCase
	for _, c := range []struct{ name, client, public, server string }{{"4", "10.9.0.2", "192.0.2.1", "10.9.0.3"}, {"6", "fd09::2", "2001:db8::1", "fd09::3"}} {
		e := whyEnds{}
		list = append(list, whyCase{name: c.name, at: host, filter: "tcp and dst host " + c.public + " and dst port 1075", args: []string{"--for", "4s"}, kind: "no-reply", confidence: "certain",
			fire: func(t *testing.T) {
				nettest.SendFrame(t, peer, "p0", nettest.Frame{Src: c.client, Dst: c.public, Proto: unix.IPPROTO_TCP, SPort: 40000, DPort: 1075, TCPFlags: 2, ToMAC: to})
			},
			sentence: "tcp " + c.client + " > " + e.of(c.public, 1075) + " (translated to " + e.of(c.server, 80) + "): the request was delivered (sent out of e0), and no reply came back in *: hairpin without SNAT, " +
				c.server + " answers " + c.client + " on e0 directly, so that the reply comes from an address that was not asked"})
	}
	answers(t, list)
}

// talks gives a function that sends a datagram of a length.
func talks(ns *netns.Handle, to string, length int) func(*testing.T) {
	return func(t *testing.T) {
		c, err := nettest.Dial(t, ns, "udp", "", to, nettest.InVain)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(make([]byte, length)); err != nil {
			t.Fatal(err)
		}
	}
}
