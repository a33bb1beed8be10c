package live

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"nfscope/model/fact"
	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/model/snapshot"
	"nfscope/trace/nettest"
)

// talk is a kind of traffic through the router.
type talk struct {
	name, filter string
	v6           bool
	// proto is the protocol that the rules are about.
	proto string
	// raw are rules of the raw table that are there from the beginning.
	raw string
	// begin makes a connection that is older than the rules, round sends again and anew.
	begin func(*testing.T, *nettest.Routed) (round func())
}

func talks() []talk {
	const zones = "-A PREROUTING -i r0 -j CT --zone 7\n-A PREROUTING -i r1 -j CT --zone 7\n"
	const halves = "-A PREROUTING -i r0 -j CT --zone-orig 7\n-A PREROUTING -i r1 -j CT --zone-reply 7\n"
	return []talk{
		{name: "udp", filter: "udp", proto: "udp", begin: datagrams("10.2.0.2")},
		{name: "udp over IPv6", filter: "udp", v6: true, proto: "udp", begin: datagrams("[fd02::2]")},
		{name: "udp in a zone", filter: "udp", proto: "udp", raw: zones, begin: datagrams("10.2.0.2")},
		{name: "udp in half a zone", filter: "udp", proto: "udp", raw: halves, begin: datagrams("10.2.0.2")},
		{name: "tcp", filter: "tcp", proto: "tcp", begin: streams("10.2.0.2")},
		{name: "tcp over IPv6", filter: "tcp", v6: true, proto: "tcp", begin: streams("[fd02::2]")},
		{name: "tcp in a zone", filter: "tcp", proto: "tcp", raw: zones, begin: streams("10.2.0.2")},
		{name: "icmp", filter: "icmp or udp", proto: "icmp", begin: echoes("ip4:icmp", "10.2.0.2", []byte{8, 0, 0, 0, 0, 7, 0, 0})},
		{name: "icmp of IPv6", filter: "icmp6 or udp", v6: true, proto: "ipv6-icmp", begin: echoes("ip6:ipv6-icmp", "fd02::2", []byte{128, 0, 0, 0, 0, 7, 0, 0})},
	}
}

// dial opens a socket of the client; the error is nil where it stands.
func dial(t *testing.T, n *nettest.Routed, network, to string, wait time.Duration) (c net.Conn, err error) {
	nettest.Do(t, n.Client, func() error {
		c, err = (&net.Dialer{Timeout: wait}).Dial(network, to)
		return nil
	})
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

func mustDial(t *testing.T, n *nettest.Routed, network, to string) net.Conn {
	t.Helper()
	c, err := dial(t, n, network, to, nettest.InVain)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answered writes and waits for something to come back.
func answered(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(nettest.InVain))
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
}

// datagrams are sent to one who answers, and to one who does not.
func datagrams(server string) func(*testing.T, *nettest.Routed) func() {
	return func(t *testing.T, n *nettest.Routed) func() {
		nettest.Echo(t, n.Server, 9)
		nettest.Do(t, n.Server, func() error {
			mute, err := net.ListenPacket("udp", ":8")
			if err == nil {
				t.Cleanup(func() { _ = mute.Close() })
			}
			return err
		})
		var conns []net.Conn
		for _, port := range []string{":9", ":8", ":9", ":8"} {
			conns = append(conns, mustDial(t, n, "udp", server+port))
		}
		answered(t, conns[0], []byte("hello"))
		if _, err := conns[1].Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		return func() {
			for _, c := range conns {
				_, _ = c.Write([]byte("hello"))
			}
		}
	}
}

// streams are one connection that stands, one that is opened, used and closed, one that is
// reset in the middle and one that is refused.
func streams(server string) func(*testing.T, *nettest.Routed) func() {
	return func(t *testing.T, n *nettest.Routed) func() {
		nettest.Echo(t, n.Server, 9)
		old := mustDial(t, n, "tcp", server+":9")
		answered(t, old, []byte("hello"))
		_ = old.SetDeadline(time.Time{})
		return func() {
			_, _ = old.Write([]byte("hello"))
			var all sync.WaitGroup
			for i, port := range []string{":9", ":9", ":10"} {
				all.Go(func() {
					c, err := dial(t, n, "tcp", server+port, 300*time.Millisecond)
					if err != nil {
						return // refused, or a rule drops it
					}
					_ = c.SetDeadline(time.Now().Add(100 * time.Millisecond))
					_, _ = c.Write([]byte("hello"))
					_, _ = c.Read(make([]byte, 100))
					if i == 1 {
						_ = c.(*net.TCPConn).SetLinger(0)
					}
					_ = c.Close()
				})
			}
			all.Wait()
		}
	}
}

// echoes are asked and answered, and datagrams to a closed port refused by an ICMP error.
func echoes(network, server string, head []byte) func(*testing.T, *nettest.Routed) func() {
	return func(t *testing.T, n *nettest.Routed) func() {
		c := mustDial(t, n, network, server)
		refused := mustDial(t, n, "udp", net.JoinHostPort(server, "11"))
		seq := byte(0)
		ask := func() {
			seq++
			b := slices.Clone(head)
			b[7] = seq
			if b[0] == 8 { // of ICMPv6 the kernel reckons the checksum
				sum := 0xffff - (int(b[0])<<8 + 7 + int(seq))
				b[2], b[3] = byte(sum>>8), byte(sum)
			}
			_, _ = c.Write(b)
			_, _ = refused.Write([]byte("hello"))
		}
		ask()
		_ = c.SetReadDeadline(time.Now().Add(nettest.InVain))
		if _, err := c.Read(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		return ask
	}
}

// TestNoStateContradicts: with random rules that ask for the connection, what is reckoned
// of its state fits what the kernel matched, and what it told.
func TestNoStateContradicts(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "ip6tables-legacy-restore", "iptables-nft-restore", "ip6tables-nft-restore", "nft")
	t.Parallel()
	for _, k := range talks() {
		seeds := []uint64{1, 2, 6}
		if k.name == "udp" { // in the last one replies are dropped before conntrack tells that it saw them
			seeds = append(seeds, 3, 4, 5, 12253885907566872217)
		}
		for _, seed := range nettest.Seeds(t, seeds...) {
			t.Run(fmt.Sprintf("%s %d", k.name, seed), func(t *testing.T) { t.Parallel(); noStateContradiction(t, k, seed) })
		}
	}
}

// in writes rules for a kind of traffic.
func (k *talk) in(rules string) string {
	if k.v6 {
		rules = strings.NewReplacer("10.1.0.0/24", "fd01::/64", "10.1.0.2", "fd01::2", "-m ttl --ttl-gt", "-m hl --hl-gt",
			"table ip fw", "table ip6 fw", "rule ip fw", "rule ip6 fw", "ip saddr", "ip6 saddr").Replace(rules)
	}
	if k.proto == "tcp" {
		rules = strings.ReplaceAll(rules, "udp", "tcp")
	}
	return rules
}

func (k *talk) program(name string) string {
	if k.v6 {
		return strings.Replace(name, "iptables", "ip6tables", 1)
	}
	return name
}

func noStateContradiction(t *testing.T, k talk, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 12))
	n := nettest.NewRouted(t)
	save := []string{"-m conntrack --ctstate NEW", "-m conntrack --ctstate RELATED,ESTABLISHED", "-m conntrack ! --ctstate INVALID,NEW", "-m conntrack --ctstate ESTABLISHED --ctdir REPLY",
		"-m conntrack --ctdir ORIGINAL", "-m conntrack --ctstatus SEEN_REPLY", "-m conntrack --ctstatus NONE", "-m conntrack ! --ctstatus CONFIRMED", "-m conntrack --ctstatus ASSURED,SEEN_REPLY",
		"-m state --state UNTRACKED,INVALID", "-m conntrack --ctorigsrc 10.1.0.2 --ctstate NEW,ESTABLISHED", "-m conntrack --ctreplsrcport 9",
		"-m pkttype --pkt-type broadcast", "-m pkttype ! --pkt-type unicast"}
	native := []string{"ct state new", "ct state established,related", "ct state != invalid", "ct state { new, untracked }", "ct direction reply", "ct direction original ct state established",
		"ct status seen-reply", "ct status confirmed", "ct status & (seen-reply | assured) == 0", "ct original ip saddr 10.1.0.2", "ct state vmap { established : continue, invalid : drop }", "ct mark 0",
		"meta pkttype host", "meta pkttype != broadcast"}
	// Some connections are older than the rules, and in half of the rulesets nothing is dropped.
	nettest.Feed(t, n.Router, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -m conntrack --ctstate NEW\nCOMMIT\n", k.program("iptables-legacy-restore"))
	if k.raw != "" {
		nettest.Feed(t, n.Router, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"+k.raw+"COMMIT\n", k.program("iptables-legacy-restore"))
	}
	round := k.begin(t, n)
	tame := strings.NewReplacer()
	if seed%2 == 0 {
		tame = strings.NewReplacer("-j DROP", "", " DROP ", " ACCEPT ", "policy drop", "policy accept", "counter drop", "counter")
	}
	nettest.Feed(t, n.Router, k.in(tame.Replace([]string{"", "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n"}[r.IntN(2)]+
		randomSave(r, "filter", save...)+randomSave(r, "mangle", save...))), k.program("iptables-legacy-restore"))
	nettest.Feed(t, n.Router, k.in(tame.Replace(randomSave(r, "filter", save...))), k.program("iptables-nft-restore"))
	nettest.Feed(t, n.Router, k.in(tame.Replace(randomNative(r, native...))), "nft", "-f", "-")
	s := open(t, n.Router, Trace{Filter: parse(t, k.filter), Rate: 1000, Misses: true})
	f := miss.New(miss.Known{})
	known, told, late, seen, states := 0, 0, 0, map[int]bool{}, map[string]int{}
	for rounds := 0; late < 12 && rounds < 8; rounds++ {
		round()
		snap := s.wait("the packets", func(snap *snapshot.Snapshot) bool {
			return slices.ContainsFunc(snap.Journeys, func(j *journey.Journey) bool { return j.Closed && !seen[j.Number] })
		})
		for _, j := range snap.Journeys {
			if !j.Closed || seen[j.Number] {
				continue
			}
			seen[j.Number] = true
			if j.Track.Before != nil {
				late++
			}
			truth := fact.StateOf(j.CTState)
			if states[j.CTState]++; truth != 0 {
				told++
			}
			for _, x := range []*journey.Journey{j, blind(j)} {
				left := f.States(x)
				if truth != 0 && left&truth == 0 {
					t.Errorf("seed %d: the state is %s, and %s was reckoned: %+v\n%s", seed, truth, left, x.Track, describe(x))
				}
				if left != fact.AnyState {
					known++
				}
				full := looked(snap, x)
				for i := range full.Steps {
					if st := &full.Steps[i]; st.Kind == journey.KindMiss && st.Note != "" {
						t.Errorf("seed %d: %s %s: %v %s (%s reckoned)", seed, st.Chain, st.Text, st.Because, st.Note, left)
					}
				}
				if slices.ContainsFunc(full.Assumptions, func(a string) bool { return strings.Contains(a, "contradict") }) {
					t.Errorf("seed %d: no state is left, of %q\n%s", seed, j.CTState, describe(x))
				}
			}
		}
	}
	if told != len(seen) {
		t.Errorf("of %d packets the state of %d was told: %v", len(seen), told, states)
	}
	if len(seen) == 0 || k.name == "udp" && late == 0 {
		t.Errorf("%d packets, %d of an older connection", len(seen), late)
	}
	t.Logf("%d packets, %d told, %v, %d with an older entry; %d states reckoned", len(seen), told, states, late, known)
}
