package live

import (
	"net"
	"strings"
	"testing"

	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/trace/arm"
	"nfscope/trace/nettest"
)

// TestEarlyChains: what a chain drops that runs before defragmentation, and so before
// the trace is usually armed, is seen all the same. Where it cannot be, a note says so.
func TestEarlyChains(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "iptables-legacy-restore")
	for _, c := range []struct {
		name, native, method string
		legacy               string // loaded before native
		from                 string // client or router
		sentence, note       string // either, a part of it
		not                  string // no note has this
	}{
		{name: "before defragmentation", from: "client",
			native:   "table ip fw { chain pre { type filter hook prerouting priority -400; policy accept; udp dport 9 drop\n}\n}\n",
			sentence: "dropped by rule 1 of ip fw/pre (nftables): udp dport 9 drop",
			note:     "the trace is armed at priority -401, before ip fw/pre (priority -400): IP fragments are not put together there", not: "not seen"},
		{name: "first of all", from: "client",
			native:   "table ip fw { chain pre { type filter hook prerouting priority -2147483648; policy accept; udp dport 9 drop\n}\n}\n",
			sentence: "dropped by rule 1 of ip fw/pre (nftables): udp dport 9 drop"},
		{name: "by policy", from: "client",
			native:   "table inet fw { chain pre { type filter hook prerouting priority -360; policy drop; ip6 nexthdr icmpv6 accept\n}\n}\n",
			sentence: "dropped by the policy of inet fw/pre (nftables)", not: "fragments"},
		{name: "own packets", from: "router",
			native:   "table ip fw { chain out { type filter hook output priority -500; policy accept; udp dport 9 drop\n}\n}\n",
			sentence: "dropped by rule 1 of ip fw/out (nftables): udp dport 9 drop", note: "armed at priority -501"},
		{name: "ingress", from: "client",
			native: "table netdev fw { chain in { type filter hook ingress device \"r0\" priority 0; policy accept; udp dport 9 drop\n}\n}\n",
			note:   "packets that netdev fw/in (ingress) drops are not seen: it runs before the trace is armed"},
		{name: "ingress of inet", from: "client",
			native: "table inet fw { chain in { type filter hook ingress device \"r0\" priority 0; policy accept; udp dport 9 drop\n}\n}\n",
			note:   "packets that inet fw/in (ingress) drops are not seen: it runs before the trace is armed"},
		{name: "a bridge, before it hands packets to the IP families", from: "client",
			native: "table bridge fw { chain pre { type filter hook prerouting priority -5; policy accept; udp dport 9 drop\n}\n}\n",
			note:   "packets that bridge fw/pre (priority -5) drops are not seen: it runs before the trace is armed"},
		{name: "a bridge, afterwards, and an empty chain before", from: "client",
			native: "table bridge fw { chain late { type filter hook prerouting priority 10; policy accept; udp dport 8 drop\n}\nchain pre { type filter hook prerouting priority -5; policy accept\n}\n}\n",
			not:    "bridge fw"},
		{name: "empty ingress and a dormant table", from: "client",
			native: "table netdev fw { chain in { type filter hook ingress device \"r0\" priority 0; policy accept\n}\n}\n" +
				"table ip off { flags dormant; chain pre { type filter hook prerouting priority -500; policy accept; udp dport 9 drop\n}\n}\n",
			sentence: "sent out of r1", not: "priority"},
		{name: "raw method", from: "client", method: arm.MethodRaw,
			native: "table ip fw { chain pre { type filter hook prerouting priority -400; policy accept; udp dport 9 drop\n}\n}\n",
			note:   "packets that ip fw/pre (priority -400) drops are not seen: it runs before the trace is armed"},
		{name: "raw method, in the same place", from: "client", method: arm.MethodRaw, legacy: "*raw\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n",
			native: "table ip fw { chain pre { type filter hook prerouting priority -300; policy accept; udp dport 9 drop\n}\n}\n",
			note:   "packets that ip fw/pre (priority -300) drops are not seen: it runs before the trace is armed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			if c.legacy != "" {
				nettest.Feed(t, n.Router, c.legacy, "iptables-legacy-restore")
			}
			nettest.Feed(t, n.Router, c.native, "nft", "-f", "-")
			s := open(t, n.Router, Trace{Filter: parse(t, "udp and dst port 9"), Method: c.method})
			var notes string
			s.wait("the trace's notes", func(snap *snapshot.Snapshot) bool {
				notes = strings.Join(snap.Trace.Notes, "\n")
				return snap.Trace.Armed && strings.Contains(notes, c.note)
			})
			if c.not != "" && strings.Contains(notes, c.not) {
				t.Errorf("%q is in the notes:\n%s", c.not, notes)
			}
			if c.sentence == "" {
				return
			}
			from := n.Client
			if c.from == "router" {
				from = n.Router
			}
			udp(t, from, "10.2.0.2:9")
			j := s.journey("the packet's end", func(*journey.Journey) bool { return true })
			if !strings.Contains(j.Outcome.Sentence, c.sentence) {
				t.Errorf("want %q:\n%s", c.sentence, describe(j))
			}
		})
	}
}

// TestEarlyFragments: armed before defragmentation, the first fragment is traced, and
// the packet that they become keeps the mark: it is a journey of its own.
func TestEarlyFragments(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "iptables-legacy-restore")
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "table ip fw { chain pre { type filter hook prerouting priority -500; policy accept; counter\n}\n}\n"+
		"table ip tracked { chain f { type filter hook forward priority 0; policy accept; ct state new udp dport 9 drop\n}\n}\n", "nft", "-f", "-")
	s := open(t, n.Router, Trace{Filter: parse(t, "udp and dst port 9")})
	nettest.Do(t, n.Client, func() error {
		c, err := net.Dial("udp", "10.2.0.2:9")
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write(make([]byte, 4000))
		return err
	})
	s.journey("the whole packet's end", func(j *journey.Journey) bool {
		return strings.Contains(j.Outcome.Sentence, "dropped by rule 1 of ip tracked/f (nftables)")
	})
}
