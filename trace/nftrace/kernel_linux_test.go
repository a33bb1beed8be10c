package nftrace

import (
	"flag"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"nfscope/model/journey"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// armed is the table by which tests trace UDP to port 4000 in a namespace. Port 4999
// is the sentinel: its drop in this table is the last event of a test.
const armed = `table inet arm {
	chain pre { type filter hook prerouting priority -350; udp dport 4000 meta nftrace set 1; udp dport 4999 meta nftrace set 1 drop; }
	chain out { type filter hook output priority -350; udp dport 4000 meta nftrace set 1; udp dport 4999 meta nftrace set 1 drop; }
}
`

// listener collects the events of a namespace.
type listener struct {
	*nettest.Events
	r *Reader
}

func listen(t testing.TB, ns *netns.Handle, o Options) *listener {
	t.Helper()
	r, err := Open(ns, o)
	if err != nil {
		t.Fatal(err)
	}
	return &listener{nettest.Listen(t, r), r}
}

// untilSentinel gives the events up to the sentinel's drop.
func (l *listener) untilSentinel(t testing.TB) []journey.Event {
	t.Helper()
	return l.Until(t, func(e *journey.Event) bool {
		return e.Packet != nil && e.Packet.DPort == 4999 || e.Table == "arm" && e.Verdict.String() == "drop"
	})
}

var (
	handles  = regexp.MustCompile(`(?m)^\s*(.*) # handle (\d+)$`)
	tracked  = regexp.MustCompile(` \| ct .*`)
	counters = regexp.MustCompile(`counter packets \d+ bytes \d+`)
)

// rules gives the text of every rule of a namespace, by table and handle.
func rules(t testing.TB, ns *netns.Handle) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for line := range strings.Lines(nettest.Run(t, ns, "nft", "list", "tables")) {
		table := strings.TrimPrefix(strings.TrimSpace(line), "table ")
		args := append([]string{"-a", "list", "table"}, strings.Fields(table)...)
		for _, m := range handles.FindAllStringSubmatch(nettest.Run(t, ns, "nft", args...), -1) {
			if !strings.HasSuffix(m[1], "{") {
				texts[table+" "+m[2]] = counters.ReplaceAllString(m[1], "counter")
			}
		}
	}
	return texts
}

type scenario struct {
	name string
	// nft or iptables holds the rules of the router.
	nft, iptables, ip6tables string
	// from sends to an address; the router and the client can.
	from, to string
	want     string
}

var update = flag.Bool("update", false, "write testdata from what the kernel sends")

// about is the head of the scenario's testdata.
func (s *scenario) about() string {
	return fmt.Sprintf("%s, from %s to %s; written by go test -run TestSequences -update\n", s.name, s.from, s.to) + s.nft + s.iptables + s.ip6tables
}

func TestSequences(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "iptables-nft-restore")
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			nettest.Feed(t, n.Router, armed+strings.ReplaceAll(s.nft, "}", "\n}\n"), "nft", "-f", "-")
			if s.iptables != "" {
				nettest.Feed(t, n.Router, s.iptables, "iptables-nft-restore")
			}
			if s.ip6tables != "" {
				nettest.Feed(t, n.Router, s.ip6tables, "ip6tables-nft-restore")
			}
			texts := rules(t, n.Router)
			var cap nettest.Capture
			l := listen(t, n.Router, Options{tap: cap.Add})
			from, sentinel := n.Client, "10.1.0.1:4999"
			if s.from == "router" {
				from, sentinel = n.Router, "10.2.0.2:4999"
			} else if s.to[0] == '[' { // the same neighbour, or it could overtake
				sentinel = "[fd01::1]:4999"
			}
			nettest.SendUDP(t, from, 5000, s.to)
			nettest.SendUDP(t, from, 0, sentinel)
			var got []string
			for _, e := range l.untilSentinel(t) {
				if e.Seq == 0 || e.Time.IsZero() || e.Source != journey.SourceNFT {
					t.Errorf("event without time or number: %+v", e)
				}
				if e.Table != "arm" {
					got = append(got, show(e, texts))
				}
			}
			g, w := strings.Join(got, "\n"), strings.TrimSpace(s.want)
			if !strings.Contains(g, "| ct ") { // Linux before 6.16
				w = tracked.ReplaceAllString(w, "")
			}
			if g != w {
				t.Errorf("got:\n%s\nwant:\n%s", g, w)
			} else if *update {
				cap.Write(t, s.name, s.about(), func(b []byte) (string, error) {
					var d Decoder
					e, err := d.Decode(MsgType, b)
					return show(e, nil), err
				})
			}
			if st := l.r.Stats(); st.Lost+st.Malformed+st.Unknown+st.Headers > 0 {
				t.Errorf("stats: %+v", st)
			}
		})
	}
}

func TestCloseUnblocks(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "ip")
	ns := nettest.New(t, "close")
	nettest.CloseUnblocks(t, func() (nettest.Source, error) { return Open(ns, Options{}) })
}
