package live

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

// TestAhead: a rule that accepts a packet names the chains that can still drop it, and
// whichever does is one of them; those that cannot, and those that the packet has behind it,
// are not named.
func TestAhead(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -p udp -j ACCEPT\nCOMMIT\n"+
		"*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -p udp -m udp --dport 10 -j DROP\nCOMMIT\n", "iptables-legacy-restore")
	nettest.Feed(t, n.Router, `table inet fw {
	chain early { type filter hook forward priority -10; udp dport 9 drop; }
	chain late { type filter hook forward priority 10; udp dport 8 drop; }
	chain counts { type filter hook forward priority 20; counter; }
	chain enters { type filter hook input priority 10; udp dport 8 drop; }
}
`, "nft", "-f", "-")
	s := open(t, n.Router, Trace{Filter: parse(t, "udp")})
	const want = "inet fw/late (nftables), mangle/POSTROUTING (iptables-legacy)"
	for _, c := range []struct{ port, end string }{{"7", ""}, {"8", "inet fw/late (nftables)"}, {"10", "mangle/POSTROUTING (iptables-legacy)"}} {
		udp(t, n.Client, "10.2.0.2:"+c.port)
		j := s.journey("port "+c.port, func(j *journey.Journey) bool { return strings.HasSuffix(j.Packet.Tuple().DstString(), ":"+c.port) })
		at := slices.IndexFunc(j.Steps, func(s journey.Step) bool { return s.Table == "filter" && s.Rule == 1 })
		if at < 0 || strings.Join(j.Steps[at].Ahead, ", ") != want {
			t.Errorf("port %s: not %q can still drop it\n%s", c.port, want, describe(j))
			continue
		}
		by := &j.Outcome.By
		if end := journey.Where(by.Backend, by.Family, by.Table, by.Chain); (j.Outcome.Verdict == journey.Dropped) != (c.end != "") || c.end != "" && (end != c.end || !slices.Contains(j.Steps[at].Ahead, end)) {
			t.Errorf("port %s ends at %s, expected %s, of %q\n%s", c.port, end, c.end, j.Steps[at].Ahead, describe(j))
		}
	}
}

// TestEntryBy: the conntrack entry of a packet is joined by the ID that the kernel tells, and
// where no event told one by the packet's addresses and ports; the journey says which.
func TestEntryBy(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "conntrack")
	t.Parallel()
	for _, c := range []struct {
		by     string
		misses bool // the kernel tells the entry, though no chain of nf_tables comes before the drop
	}{{journey.FlowByTuple, false}, {journey.FlowByID, true}} {
		t.Run(c.by, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			const filter = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -m conntrack --ctstate NEW\n"
			nettest.Feed(t, n.Router, filter+"COMMIT\n", "iptables-legacy-restore")
			silent(t, n)
			conn := caller(t, n, "10.2.0.2:9")
			send := func() {
				if _, err := conn.Write([]byte("hello")); err != nil {
					t.Fatal(err)
				}
			}
			send() // the connection is there before the trace
			nettest.Feed(t, n.Router, filter+"-A FORWARD -p udp -j DROP\nCOMMIT\n", "iptables-legacy-restore")
			s := open(t, n.Router, Trace{Filter: parse(t, "udp and dst port 9"), Misses: c.misses})
			send()
			j := s.journey("the packet", func(*journey.Journey) bool { return true })
			id := ""
			for f := range strings.FieldsSeq(nettest.Run(t, n.Router, "conntrack", "-L", "-p", "udp", "--dport", "9", "-o", "id")) {
				if v, ok := strings.CutPrefix(f, "id="); ok {
					id = v
				}
			}
			if j.FlowBy != c.by || j.Flow == 0 || id != strconv.Itoa(int(j.Flow)) || j.Outcome.Verdict != journey.Dropped {
				t.Errorf("the entry is %d by %q, expected %s by %q\n%s", j.Flow, j.FlowBy, id, c.by, describe(j))
			}
		})
	}
}
