package live

import (
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// backends6 are rules for IPv6 that every packet meets, one ruleset for each backend.
var backends6 = []struct{ name, program, text string }{
	{"legacy", "ip6tables-legacy-restore", accept4 + "-A OUTPUT -p ipv6-icmp -j ACCEPT\nCOMMIT\n"},
	{"iptables-nft", "ip6tables-nft-restore", accept4 + "-A OUTPUT -p ipv6-icmp -j ACCEPT\nCOMMIT\n"},
	{"native", "nft", "table ip6 fw {\n chain out { type filter hook output priority 0; icmpv6 type nd-neighbor-solicit accept; }\n chain post { type filter hook postrouting priority 0; }\n}\n"},
}

func load(t *testing.T, ns *netns.Handle, program, text string) {
	t.Helper()
	if program == "nft" {
		nettest.Feed(t, ns, text, program, "-f", "-")
	} else if text != "" {
		nettest.Feed(t, ns, text, program)
	}
}

// TestNeighbours traces what the kernel itself makes: neighbour discovery leaves with
// the device set that it goes out by, so that postrouting shows it as the one it came
// in by (ndisc_send_skb, ip6_output).
func TestNeighbours(t *testing.T) {
	nettest.Kernel(t, "ip6tables-legacy-restore", "ip6tables-nft-restore", "nft")
	t.Parallel()
	for _, b := range backends6 {
		for _, text := range []string{"icmp6", "ip6"} {
			t.Run(b.name+", "+text, func(t *testing.T) {
				t.Parallel()
				n := nettest.NewRouted(t)
				load(t, n.Router, b.program, b.text)
				s := open(t, n.Router, Trace{Filter: parse(t, text)})
				// A neighbour that is not known yet: who has it is asked first.
				udp(t, n.Router, "[fd02::2]:9")
				seen := func(snap *snapshot.Snapshot, want func(*journey.Journey) bool) bool {
					return slices.ContainsFunc(snap.Journeys, func(j *journey.Journey) bool { return j.Closed && want(j) })
				}
				snap := s.wait("the neighbour's question and answer", func(snap *snapshot.Snapshot) bool {
					return seen(snap, func(j *journey.Journey) bool { return j.Path == journey.PathOutput && j.Packet.ICMPType == 135 }) &&
						seen(snap, func(j *journey.Journey) bool { return j.Path == journey.PathInput && j.Packet.ICMPType == 136 })
				})
				for _, j := range snap.Journeys {
					if !j.Closed || j.Path == journey.PathUnknown && j.In != "" { // another's question, which is not for us
						continue
					}
					if strings.Contains(j.Outcome.Sentence, "no rule dropped it") || j.Path == journey.PathForward || !j.Complete ||
						j.Path == journey.PathOutput && (j.In != "" || j.Outcome.Verdict != journey.Accepted) {
						t.Errorf("%s", describe(j))
					}
				}
			})
		}
	}
}

// bridged are two hosts on one bridge; its namespace calls iptables for bridged packets.
type bridged struct{ client, bridge, server *netns.Handle }

func newBridged(t *testing.T) *bridged {
	t.Helper()
	n := &bridged{nettest.New(t, "client"), nettest.New(t, "bridge"), nettest.New(t, "server")}
	// A bridge joins a group of its own (224.0.0.106) and would say so now and then.
	nettest.Run(t, n.bridge, "sysctl", "-qw", "net.ipv4.igmp_link_local_mcast_reports=0")
	nettest.Feed(t, n.bridge, "link add br0 type bridge\nlink set br0 up\naddr add 10.9.0.3/24 dev br0\n"+
		"link add p1 type veth peer name e0 netns "+n.client.Name()+"\nlink add p2 type veth peer name e0 netns "+n.server.Name()+"\n"+
		"link set p1 master br0 up\nlink set p2 master br0 up\n", "ip", "-batch", "-")
	nettest.Feed(t, n.bridge, "link add x0 type veth peer name e1 netns "+n.server.Name()+"\nlink set x0 up\naddr add 10.8.0.1/24 dev x0\nneigh add 10.8.0.2 lladdr 02:00:00:00:00:02 dev x0\n", "ip", "-batch", "-")
	nettest.Run(t, n.bridge, "sysctl", "-qw", "net.ipv4.ip_forward=1")
	nettest.Feed(t, n.client, "addr add 10.9.0.1/24 dev e0\nlink set e0 up\nroute add default via 10.9.0.3\n", "ip", "-batch", "-")
	nettest.Feed(t, n.server, "addr add 10.9.0.2/24 dev e0\nlink set e0 up\nlink set e1 up\n", "ip", "-batch", "-")
	if _, err := n.bridge.Output(t.Context(), nil, "sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1"); err != nil {
		nettest.Skip(t, "needs br_netfilter: "+err.Error())
	}
	nettest.AwaitUp(t, n.client, n.bridge, n.server) // before, a bridge sends nothing to its ports, and what goes there meets no chain
	return n
}

// TestBridged traces a packet that a bridge hands to iptables (br_netfilter): the
// device is the bridge at every hook, and none at all at postrouting.
func TestBridged(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	t.Parallel()
	const accept = accept4 + "-A FORWARD -p udp -j ACCEPT\nCOMMIT\n"
	const physdev = accept4 + "-A FORWARD -p udp -m physdev --physdev-in p1 --physdev-out p2 -j ACCEPT\nCOMMIT\n"
	const bridge = "table bridge b {\n chain pre { type filter hook prerouting priority 10; }\n chain in { type filter hook input priority 0; }\n" +
		" chain f { type filter hook forward priority 0; }\n chain late { type filter hook forward priority 10; }\n chain post { type filter hook postrouting priority 0; }\n}\n"
	const inet = "table inet fw {\n chain f { type filter hook forward priority 0; udp dport 9 accept; }\n chain p { type filter hook postrouting priority 0; }\n}\n"
	for _, c := range []struct {
		name, legacy, nft, native string
		to, verdict, path         string
		sentence                  string
		steps                     []string
	}{
		{"legacy", accept, "", "", "10.9.0.2:9", "accepted", "forward", "sent out of br0, accepted by rule 1 of filter/FORWARD (iptables-legacy)", []string{"L filter/FORWARD 1 accept"}},
		{"legacy, by port", physdev, "", "", "10.9.0.2:9", "accepted", "forward", "accepted by rule 1 of filter/FORWARD (iptables-legacy)", []string{"L filter/FORWARD 1 accept"}},
		{"legacy dropped", strings.ReplaceAll(physdev, "ACCEPT\nCOMMIT", "DROP\nCOMMIT"), "", "", "10.9.0.2:9", "dropped", "forward", "dropped by rule 1 of filter/FORWARD (iptables-legacy)", []string{"L filter/FORWARD 1 drop"}},
		{"legacy mangle to the end", "*mangle\n:PREROUTING ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n" + accept, "", "", "10.9.0.2:9", "accepted", "forward",
			"sent out of br0, accepted by rule 1 of filter/FORWARD (iptables-legacy)",
			[]string{"L mangle/PREROUTING policy accept", "L mangle/FORWARD policy accept", "L filter/FORWARD 1 accept", "L mangle/POSTROUTING policy accept"}},
		{"iptables-nft", "", accept, "", "10.9.0.2:9", "accepted", "forward", "sent out of br0, accepted by rule 1 of filter/FORWARD (iptables-nft)", []string{"I filter/FORWARD 1 accept"}},
		{"native", "", "", inet, "10.9.0.2:9", "accepted", "forward", "sent out of br0, accepted by rule 1 of inet fw/f (nftables)", []string{"N fw/f 1 accept", "N fw/p policy accept"}},
		{"all", accept, accept, inet, "10.9.0.2:9", "accepted", "forward", "sent out of br0, accepted by rule 1 of", nil},
		{"to the bridge itself", accept, "", inet, "10.9.0.3:9", "accepted", "input", "delivered to this host", []string{"L filter/INPUT policy accept"}},
		{"to the bridge itself, native", "", "", strings.ReplaceAll(inet, "hook forward", "hook input"), "10.9.0.3:9", "accepted", "input", "delivered to this host, accepted by rule 1 of inet fw/f", []string{"N fw/f 1 accept"}},
		{"routed from the bridge, legacy alone", accept, "", "", "10.8.0.2:9", "accepted", "forward", "sent out of x0, accepted by rule 1 of filter/FORWARD (iptables-legacy)", []string{"L filter/FORWARD 1 accept"}},
		{"routed from the bridge, postrouting alone", "", "", strings.Split(inet, "\n")[0] + "\n chain p { type filter hook postrouting priority 0; }\n}\n", "10.8.0.2:9", "accepted", "forward", "sent out of x0", []string{"N fw/p policy accept"}},
		{"routed from the bridge", accept, accept, inet, "10.8.0.2:9", "accepted", "forward", "sent out of x0, accepted by rule 1 of", nil},
		{"a bridge's own chains", "", "", inet + bridge, "10.9.0.2:9", "accepted", "forward", "sent out of br0, accepted by rule 1 of inet fw/f",
			[]string{"N b/pre policy accept", "N b/f policy accept", "N fw/f 1 accept", "N b/late policy accept", "N b/post policy accept", "N fw/p policy accept"}},
		{"a bridge's own chains, to itself", "", "", inet + bridge, "10.9.0.3:9", "accepted", "input", "delivered to this host", []string{"N b/pre policy accept", "N b/in policy accept"}},
		{"a bridge's own chains, routed", accept, "", inet + bridge, "10.8.0.2:9", "accepted", "forward", "sent out of x0", nil},
		{"a bridge's chain drops", accept, "", inet + strings.Replace(bridge, "forward priority 0; }", "forward priority 0; ip protocol udp drop; }", 1), "10.9.0.2:9", "dropped", "forward",
			"dropped by rule 1 of bridge b/f (nftables): ip protocol udp drop", []string{"N b/pre policy accept", "N b/f 1 drop"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newBridged(t)
			load(t, n.bridge, "iptables-legacy-restore", c.legacy)
			load(t, n.bridge, "iptables-nft-restore", c.nft)
			if c.native != "" {
				load(t, n.bridge, "nft", c.native)
			}
			nettest.Echo(t, n.bridge, 9) // else the kernel's own drop, of NO_SOCKET, is told now and then before the end
			s := open(t, n.bridge, Trace{Filter: parse(t, "udp and dst port 9")})
			udp(t, n.client, c.to)
			j := s.journey("the packet", func(*journey.Journey) bool { return true })
			var got []string
			for i := range j.Steps {
				got = append(got, line(&j.Steps[i]))
			}
			if j.Outcome.Verdict != c.verdict || !strings.Contains(j.Outcome.Sentence, c.sentence) || j.Path != c.path || !j.Complete || j.In != "br0" ||
				c.steps != nil && !slices.Equal(got, c.steps) {
				t.Errorf("%s", describe(j))
			}
			if snap := s.wait("a snapshot", func(*snapshot.Snapshot) bool { return true }); len(snap.Journeys) != 1 {
				for _, j := range snap.Journeys {
					t.Errorf("one of %d journeys of one packet: %s", len(snap.Journeys), describe(j))
				}
			}
		})
	}
}

// TestExtended sends packets with IPv6 extension headers: nf_tables' trace cuts off
// what stands behind them, and they are shown nevertheless.
func TestExtended(t *testing.T) {
	nettest.Kernel(t, "nft", "ip6tables-legacy-restore")
	t.Parallel()
	for _, c := range []struct {
		name   string
		option int
	}{{"destination options", unix.IPV6_DSTOPTS}, {"hop-by-hop", unix.IPV6_HOPOPTS}} {
		for _, b := range []struct{ name, program, text, steps string }{
			{"native", "nft", "table ip6 fw {\n chain f { type filter hook forward priority 0; udp dport 9 drop; }\n}\n", "N fw/f 1 drop"},
			{"legacy", "ip6tables-legacy-restore", accept4 + "-A FORWARD -p udp -m udp --dport 9 -j DROP\nCOMMIT\n", "L filter/FORWARD 1 drop"},
		} {
			t.Run(c.name+", "+b.name, func(t *testing.T) {
				t.Parallel()
				n := nettest.NewRouted(t)
				load(t, n.Router, b.program, b.text)
				s := open(t, n.Router, Trace{Filter: parse(t, "udp and dst port 9")})
				nettest.Do(t, n.Client, func() error { return sendExtended(c.option, net.ParseIP("fd02::2"), 9) })
				j := s.journey("the packet", func(*journey.Journey) bool { return true })
				if !j.Packet.Extended || j.Packet.Dst.String() != "fd02::2" || j.Outcome.Verdict != journey.Dropped || !j.Complete ||
					len(j.Steps) != 1 || line(&j.Steps[0]) != b.steps {
					t.Errorf("%s", describe(j))
				}
			})
		}
	}
}

// sendExtended sends a datagram behind an extension header of one PadN option
// (RFC 8200, 4.2), as the sticky option of ipv6(7) makes it.
func sendExtended(option int, to net.IP, port int) error {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	header := string([]byte{0, 0, 1, 4, 0, 0, 0, 0}) // next header (the kernel's), length 0, PadN of 6
	if err := unix.SetsockoptString(fd, unix.IPPROTO_IPV6, option, header); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	sa := &unix.SockaddrInet6{Port: port}
	copy(sa.Addr[:], to.To16())
	return os.NewSyscallError("sendto", unix.Sendto(fd, []byte("hello"), 0, sa))
}

// TestBridgedBoth: over a bridge, too, what comes back is traced where the filter names one
// direction, and where a rule has conntrack at work is shown beside what it answers.
func TestBridgedBoth(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	t.Parallel()
	for _, c := range []struct {
		name, legacy, native string
		direction            string // of what comes back
	}{
		{"legacy", accept4 + "-A FORWARD -p udp -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT\nCOMMIT\n", "", journey.Reply},
		{"native", "", "table inet fw {\n chain f { type filter hook forward priority 0; ct state new,established accept; }\n}\n", journey.Reply},
		{"a bridge's own chain", "", "table bridge fw {\n chain f { type filter hook forward priority 0; ether type ip accept; }\n}\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newBridged(t)
			load(t, n.bridge, "iptables-legacy-restore", c.legacy)
			if c.native != "" {
				load(t, n.bridge, "nft", c.native)
			}
			nettest.Echo(t, n.server, 9)
			s := openAll(t, n.bridge, Trace{Filter: parse(t, "udp and src host 10.9.0.1 and dst port 9"), Both: true})
			conn, err := nettest.Dial(t, n.client, "udp4", "", "10.9.0.2:9", patience)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			exchange(t, conn)
			there := s.journey("the packet", func(j *journey.Journey) bool { return j.Packet.DPort == 9 })
			back := s.journey("the answer", func(j *journey.Journey) bool { return j.Packet.SPort == 9 })
			for _, j := range []*journey.Journey{there, back} {
				if !j.Complete || j.Outcome.Verdict != journey.Accepted || j.Path != journey.PathForward || len(j.Steps) != 1 {
					t.Errorf("%s", describe(j))
				}
			}
			if back.Direction != c.direction || (back.Answers == there.Number) != (c.direction == journey.Reply) {
				t.Errorf("answers #%d as %q, want #%d as %q: %s", back.Answers, back.Direction, there.Number, c.direction, describe(back))
			}
			s.shut()
		})
	}
}
