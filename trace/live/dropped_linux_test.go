package live

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/model/drop"
	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

// droppedCase is a packet of a client that the router's kernel drops, beside rules that let
// it on. Its port tells it from the others.
type droppedCase struct {
	port     int
	to, from string // from is "" for the client's own address
	ttl      int
	size     int // of a payload that may not be cut
	reason   string
	says     []string // parts of the sentence
	station  drop.Station
	at       string // the last step, "" for a packet that no chain saw
	v6, nat  bool
}

func droppedCases() []droppedCase {
	return []droppedCase{
		{port: 101, to: "192.0.2.1", reason: "IP_INNOROUTES", station: drop.StationRouting, at: "prerouting", says: []string{"no route leads to 192.0.2.1"}},
		// Not the first: the question for the router's address would come from 10.2.0.77, and have no answer.
		{port: 100, to: "10.2.0.2", from: "10.2.0.77", reason: "IP_RPFILTER", station: drop.StationRouting, at: "prerouting",
			says: []string{"dropped by the kernel at the routing decision (IP_RPFILTER): reverse path filter, strict", "net.ipv4.conf.r0.rp_filter is 1", "the way back to 10.2.0.77 is 10.2.0.77 dev r1"}},
		{port: 102, to: "198.51.100.1", reason: "NOT_SPECIFIED", station: drop.StationRouting, at: "prerouting",
			says: []string{"(NOT_SPECIFIED in ip_error)", "a route of kind blackhole throws away what goes to 198.51.100.1"}},
		{port: 103, to: "10.2.0.2", ttl: 1, reason: "IP_INHDR", station: drop.StationForward, at: "prerouting", says: []string{"where it was to be sent on", "its TTL ran out: it came with 1"}},
		{port: 104, to: "10.1.0.1", reason: "NO_SOCKET", station: drop.StationSocket, at: "input", says: []string{"at the socket", "nobody listens at udp port 104 of 10.1.0.1", "no socket of this host has that port"}},
		{port: 105, to: "203.0.113.1", reason: "OTHERHOST", station: drop.StationDeviceIn, says: []string{"where it came in, before any chain", "meant for another machine", "it was sent to 02:00:00:00:00:99"}},
		{port: 106, to: "10.2.0.2", size: 1400, reason: "PKT_TOO_BIG", station: drop.StationForward, at: "prerouting", says: []string{"the MTU of r1 is 1280"}},
		{port: 107, to: "10.1.0.1", reason: "NEIGH_FAILED", station: drop.StationDeviceOut, at: "postrouting", nat: true,
			says: []string{"at the interface it should leave by", "the next hop 10.2.0.99 on r1 does not answer ARP"}},
		{port: 111, to: "fd99::1", v6: true, reason: "IP_INNOROUTES", station: drop.StationRouting, at: "prerouting", says: []string{"no route leads to fd99::1"}},
		{port: 114, to: "fd01::1", v6: true, reason: "NO_SOCKET", station: drop.StationSocket, at: "input", says: []string{"nobody listens at udp port 114 of fd01::1"}},
	}
}

// TestKernelDrops: packets that no rule drops and the kernel does, traced through the rules
// of each backend, end with the kernel's reason; one that a rule drops ends with that rule.
func TestKernelDrops(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	const (
		all    = "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n"
		nat    = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 107 -j DNAT --to-destination 10.2.0.99:107\nCOMMIT\n"
		filter = accept4 + "-A INPUT -p udp -m udp --dport 110 -j DROP\nCOMMIT\n"
	)
	for _, b := range []struct {
		name string
		load func(t *testing.T, n *nettest.Routed)
		rule string
	}{
		{"legacy", func(t *testing.T, n *nettest.Routed) {
			nettest.Feed(t, n.Router, all+nat+filter, "iptables-legacy-restore")
			nettest.Feed(t, n.Router, all, "ip6tables-legacy-restore")
		}, "dropped by rule 1 of filter/INPUT (iptables-legacy): -A INPUT -p udp -m udp --dport 110 -j DROP"},
		{"iptables-nft", func(t *testing.T, n *nettest.Routed) {
			nettest.Feed(t, n.Router, all+nat+filter, "iptables-nft-restore")
			nettest.Feed(t, n.Router, all, "ip6tables-nft-restore")
		}, "dropped by rule 1 of filter/INPUT (iptables-nft): -A INPUT -p udp -m udp --dport 110 -j DROP"},
		{"nftables", func(t *testing.T, n *nettest.Routed) {
			nettest.Feed(t, n.Router, `table inet fw {
				chain pre { type filter hook prerouting priority -150; }
				chain nat { type nat hook prerouting priority -100; ip protocol udp udp dport 107 dnat ip to 10.2.0.99:107; }
				chain in { type filter hook input priority 0; udp dport 110 drop; }
				chain forward { type filter hook forward priority 0; }
				chain post { type filter hook postrouting priority 0; }
			}`, "nft", "-f", "-")
		}, "dropped by rule 1 of inet fw/in (nftables): udp dport 110 drop"},
	} {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			b.load(t, n)
			nettest.Run(t, n.Router, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.r0.rp_filter=1", "net.ipv4.neigh.r1.retrans_time_ms=30000")
			nettest.Feed(t, n.Router, "route add blackhole 198.51.100.0/24\nlink set r1 mtu 1280\n", "ip", "-batch", "-")
			nettest.Feed(t, n.Client, "addr add 10.2.0.77/32 dev c0\nneigh replace 10.1.0.66 lladdr 02:00:00:00:00:99 dev c0 nud permanent\nroute add 203.0.113.0/24 via 10.1.0.66\n", "ip", "-batch", "-")
			s := openAll(t, n.Router, Trace{Filter: parse(t, "udp and dst portrange 100-120"), Between: b.name != "iptables-nft"})
			for _, c := range droppedCases() {
				fire(t, n, &c)
			}
			fire(t, n, &droppedCase{port: 110, to: "10.1.0.1"})
			// What waits for a neighbour is dropped when its journey is over.
			s.journey("the one that waits", func(j *journey.Journey) bool { return j.Packet.DPort == 107 && j.Closed })
			nettest.GiveUp(t, n.Router, "r1", "10.2.0.99")
			for _, c := range droppedCases() {
				what, is := fmt.Sprintf("port %d: %s", c.port, c.reason), func(j *journey.Journey) bool { return int(j.Packet.DPort) == c.port }
				if c.station == drop.StationDeviceOut { // by the command, long after its journey
					c.check(t, s.journey(what, func(j *journey.Journey) bool { return is(j) && j.Outcome.By.Reason != "" }))
					continue
				}
				c.check(t, s.dropped(what, c.at == "", is, func() { fire(t, n, &c) }))
			}
			j := s.journey("the rule's", func(j *journey.Journey) bool { return j.Packet.DPort == 110 })
			if j.Outcome.Sentence != b.rule || j.Outcome.By.Kind != "rule" || j.Outcome.By.Reason != "" || j.Drop != nil || !j.Complete {
				t.Errorf("a rule's drop: %+v\n%s", j.Outcome, describe(j))
			}
		})
	}
}

// TestReassembledDropped: what fragments became lies in pieces, and who tells of a drop sees the
// first one alone, less of it than the tracers show: it is the same packet all the same.
func TestReassembledDropped(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	t.Parallel()
	for program, rules := range map[string]string{
		"iptables-legacy-restore": accept4 + "-A FORWARD -m conntrack --ctstate NEW -j ACCEPT\nCOMMIT\n",
		"nft":                     "table ip fw { chain f { type filter hook forward priority 0; ct state new accept\n }\n }\n",
	} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			load(t, n.Router, program, rules)
			s := openAll(t, n.Router, Trace{Filter: parse(t, "udp and dst port 9")})
			send := func() {
				whole := append([]byte{0, 7, 0, 9, 0, 48, 0, 0}, "it came in pieces, and its TTL is one..."...)
				for at := 0; at < len(whole); at += 16 {
					more := byte(0x20)
					if at+16 >= len(whole) {
						more = 0
					}
					head := []byte{0x45, 0, 0, 36, 0x12, 0x34, more, byte(at / 8), 1, unix.IPPROTO_UDP, 0, 0, 10, 1, 0, 2, 10, 2, 0, 2}
					nettest.SendIP(t, n.Client, append(head, whole[at:at+16]...), 0)
				}
			}
			send()
			j := s.dropped("what fragments became", false, func(j *journey.Journey) bool { return j.Packet.Length == 68 }, send)
			if j.Outcome.By.Reason != "IP_INHDR" || !j.Complete || !strings.Contains(j.Outcome.Sentence, "its TTL ran out") {
				t.Errorf("%s", describe(j))
			}
		})
	}
}

// TestNoSocketTookIt: the legacy tracer does not tell whether TPROXY dropped a packet. That it did
// is known by the kernel's drop in that hook, since nothing behind the rule told of the packet.
func TestNoSocketTookIt(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore")
	t.Parallel()
	n := nettest.NewRouted(t)
	const rule = "-A PREROUTING -p udp -m udp --dport 9 -j TPROXY --on-port 99 --on-ip 0.0.0.0 --tproxy-mark 0x1/0xffffffff"
	load(t, n.Router, "iptables-legacy-restore", mangle4+rule+"\nCOMMIT\n")
	s := openAll(t, n.Router, Trace{Filter: parse(t, "udp and dst port 9")})
	send := func() { udp(t, n.Client, "10.2.0.2:9") }
	send()
	j := s.dropped("what no socket took", false, func(j *journey.Journey) bool { return j.Packet.DPort == 9 }, send)
	if want := "dropped by rule 1 of mangle/PREROUTING (iptables-legacy): " + rule + " (no socket took it)"; j.Outcome.Sentence != want || !j.Complete || j.Possible != nil || j.Outcome.By.Kind != "rule" {
		t.Errorf("%s\nwant %s", describe(j), want)
	}
}

// TestRoutedFromABridge: the chain of a bridge's input hook does not say that a packet is for this
// host: it may be routed on, and what the kernel drops there has its reason.
func TestRoutedFromABridge(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "addr flush dev r0\nlink add br0 type bridge mcast_snooping 0\nlink set r0 master br0\naddr add 10.1.0.1/24 dev br0\nlink set br0 up\n", "ip", "-batch", "-")
	load(t, n.Router, "iptables-legacy-restore", accept4+"COMMIT\n")
	load(t, n.Router, "nft", "table bridge b { chain in { type filter hook input priority 0; counter\n }\n }\n")
	nettest.AwaitUp(t, n.Router)
	nettest.Sysctl(t, n.Router, "net/bridge/bridge-nf-call-iptables", "1")
	s := openAll(t, n.Router, Trace{Filter: parse(t, "udp and dst port 103")})
	c := droppedCase{port: 103, to: "10.2.0.2", ttl: 1, reason: "IP_INHDR", station: drop.StationForward, at: "input", says: []string{"where it was to be sent on", "its TTL ran out: it came with 1"}}
	fire(t, n, &c)
	j := s.dropped("what is routed", false, func(j *journey.Journey) bool { return j.Packet.DPort == 103 }, func() { fire(t, n, &c) })
	c.check(t, j)
	if j.Path == journey.PathInput || j.In != "br0" {
		t.Errorf("%s", describe(j))
	}
}

func (c *droppedCase) check(t *testing.T, j *journey.Journey) {
	t.Helper()
	o := &j.Outcome
	if o.Verdict != journey.Dropped || o.By.Kind != "kernel" || o.By.Reason != c.reason || o.By.Station != c.station.String() || !j.Complete || j.Possible != nil || j.Drop == nil {
		t.Errorf("port %d: %+v\n%s", c.port, o, describe(j))
	}
	for _, want := range c.says {
		if !strings.Contains(o.Sentence, want) {
			t.Errorf("port %d: %q is not said: %s", c.port, want, o.Sentence)
		}
	}
	if (j.NAT != nil) != c.nat {
		t.Errorf("port %d: translated: %v", c.port, j.NAT)
	}
	at := ""
	if len(j.Steps) > 0 {
		at = j.Steps[len(j.Steps)-1].Hook.String()
	}
	if at != c.at {
		t.Errorf("port %d: last seen in %q, want %q\n%s", c.port, at, c.at, describe(j))
	}
	for _, text := range []string{"reason " + c.reason, "dropped and reason " + strings.ToLower(c.reason)} {
		if !parse(t, text).Journey(j) {
			t.Errorf("port %d: the filter %q leaves it out", c.port, text)
		}
	}
}

// fire sends the packet of a case.
func fire(t *testing.T, n *nettest.Routed, c *droppedCase) {
	t.Helper()
	nettest.Do(t, n.Client, func() error {
		d := net.Dialer{Control: func(_, _ string, r syscall.RawConn) (err error) {
			e := r.Control(func(fd uintptr) {
				if c.ttl > 0 {
					err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_TTL, c.ttl)
				}
				if c.size > 0 {
					err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
				}
			})
			if e != nil {
				return e
			}
			return err
		}}
		if c.from != "" {
			d.LocalAddr = &net.UDPAddr{IP: net.ParseIP(c.from)}
		}
		u, err := d.Dial("udp", net.JoinHostPort(c.to, fmt.Sprint(c.port)))
		if err != nil {
			return err
		}
		defer u.Close()
		_, err = u.Write(make([]byte, max(c.size, 5)))
		return err
	})
}
