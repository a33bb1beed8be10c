package live

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/trace/nettest"
	"nfscope/trace/nflog"
)

// TestTakenLines: where another program has group 0, that is named, nf_tables is traced without it,
// and it is said whether that program gets lines of what we trace; which is so.
func TestTakenLines(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	t.Parallel()
	const gets = "until then it gets a line for each rule of theirs that a traced packet meets"
	for _, c := range []struct {
		name   string
		logger string // as ulogd sets it when it starts
		lines  bool
	}{{"set", "nfnetlink_log", true}, {"unset", "NONE", false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			nettest.Feed(t, n.Router, accept4+"COMMIT\n", "iptables-legacy-restore")
			nettest.Feed(t, n.Router, "table ip t { chain f { type filter hook forward priority 5; }; }", "nft", "-f", "-")
			nettest.Sysctl(t, n.Router, "net/netfilter/nf_log/2", c.logger)
			other, err := nflog.Open(n.Router, nflog.TraceGroup, nflog.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			got := make(chan string, 64)
			go func() {
				_ = other.Run(context.Background(), func(l []journey.Event) {
					for i := range l {
						got <- l[i].Table + "/" + l[i].Chain
					}
				})
			}()
			s := openAll(t, n.Router, Trace{Filter: parse(t, "udp and dst port 99")})
			fire(t, n, &droppedCase{port: 99, to: "10.2.0.2"})
			j := s.journey("the packet", func(j *journey.Journey) bool { return j.Packet.DPort == 99 })
			if !slices.ContainsFunc(j.Steps, func(s journey.Step) bool { return s.Table == "t" && s.Chain == "f" }) {
				t.Errorf("nf_tables is not traced:\n%s", describe(j))
			}
			note := ""
			s.wait("the note", func(snap *snapshot.Snapshot) bool {
				for _, n := range snap.Trace.Notes {
					if strings.HasPrefix(n, "legacy tables are not traced: NFLOG group is taken: group 0 in namespace ") {
						note = n
					}
				}
				if note != "" && !snap.Trace.NoLegacy {
					t.Error("legacy tables count as traced")
				}
				return note != ""
			})
			if strings.Contains(note, gets) != c.lines {
				t.Errorf("lines %v: %q", c.lines, note)
			}
			if c.lines {
				select {
				case first := <-got:
					if first != "filter/FORWARD" {
						t.Errorf("the other program's first line is of %s", first)
					}
				case <-time.After(nettest.InVain):
					t.Error("the other program got no line")
				}
			} else if len(got) > 0 {
				t.Errorf("the other program got lines: %s", <-got)
			}
		})
	}
}
