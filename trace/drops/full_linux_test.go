package drops

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/trace/nettest"
)

// TestConntrackFull: a full connection table is told from a rule, by the packet that has
// no connection and the counter that rose, and by the counter alone on the lowest step.
func TestConntrackFull(t *testing.T) {
	nettest.Kernel(t, "nft")
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "table inet t { chain c { type filter hook forward priority 0; ct state invalid counter; udp dport 11 drop; }; }", "nft", "-f", "-")
	most := nettest.FillTracked(t, n.Router)
	for _, step := range []drop.Step{drop.StepBPF, drop.StepProc} {
		w := watch(t, n.Router, Options{Most: step, Counters: 100 * time.Millisecond})
		nettest.SendFrame(t, n.Client, "c0", nettest.Frame{Src: "10.1.0.2", Dst: "10.2.0.2", ToMAC: nettest.MAC(t, n.Router, "r0")})
		d, _ := w.until(t, "the new connection", func(d *drop.Drop) bool {
			return d.Reason == "NETFILTER_DROP" && d.Packet.DPort == 9 || step == drop.StepProc && d.Reason == "nf_conntrack drop"
		})
		e := drop.Meanings().Explain(d)
		if e.By != drop.ByConntrack {
			t.Errorf("%s: by %s: %s", line(d), e.By, e.Sentence())
		}
		if step == drop.StepBPF && (d.Hook != model.HookPrerouting || !strings.Contains(e.Sentence(), "conntrack has no room for its connection") || !strings.Contains(e.Sentence(), " of "+strconv.Itoa(most)+" connections are in the table")) {
			t.Errorf("%s: %s", line(d), e.Sentence())
		}
	}
}
