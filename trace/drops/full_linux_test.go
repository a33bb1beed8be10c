package drops

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/trace/nettest"
)

// TestConntrackFull: a full connection table is told from a rule, by the packet that has
// no connection and the counter that rose, and by the counter alone on the lowest step; of more
// flows too than the host is asked about.
func TestConntrackFull(t *testing.T) {
	nettest.Kernel(t, "nft")
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "table inet t { chain c { type filter hook forward priority 0; ct state invalid counter; udp dport 11 drop; }; }", "nft", "-f", "-")
	most := nettest.FillTracked(t, n.Router)
	mac := nettest.MAC(t, n.Router, "r0")
	const flows = factsEvery + 10
	for _, step := range []drop.Step{drop.StepBPF, drop.StepProc} {
		w := watch(t, n.Router, Options{Most: step, Counters: 100 * time.Millisecond})
		for _, a := range []struct{ src, dst string }{{"10.1.0.2", "10.2.0.%d"}, {"fd01::2", "fd02::%d"}} {
			fire := func() {
				for i := range flows {
					nettest.SendFrame(t, n.Client, "c0", nettest.Frame{Src: a.src, Dst: fmt.Sprintf(a.dst, 2+i), ToMAC: mac})
				}
			}
			left, told := flows, map[string]bool{}
			wait := w.fired
			if step == drop.StepProc { // nothing is passed over
				wait = func(t testing.TB, what string, fire func(), ok func(*drop.Drop) bool) (*drop.Drop, []*drop.Drop) {
					fire()
					return w.until(t, what, ok)
				}
			}
			wait(t, "the new connections to "+a.dst, fire, func(d *drop.Drop) bool {
				switch {
				case step == drop.StepProc:
					if d.Reason != "nf_conntrack drop" {
						return false
					}
					left -= int(d.Count)
				case d.Reason != "NETFILTER_DROP" || d.Packet.DPort != 9:
					return false
				case !told[d.What()]: // one may be made again
					told[d.What()] = true
					left--
				}
				e := drop.Meanings().Explain(d)
				if e.By != drop.ByConntrack {
					t.Errorf("%s: by %s: %s", line(d), e.By, e.Sentence())
				}
				if step == drop.StepBPF && (d.Hook != model.HookPrerouting || !strings.Contains(e.Sentence(), "conntrack has no room for its connection") || !strings.Contains(e.Sentence(), " of "+strconv.Itoa(most)+" connections are in the table")) {
					t.Errorf("%s: %s", line(d), e.Sentence())
				}
				return left <= 0
			})
		}
	}
}
