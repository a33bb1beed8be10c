package drops

import (
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/ti-mo/conntrack"

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
	var most int
	nettest.Do(t, n.Router, func() error {
		b, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_max")
		if err == nil {
			most, err = strconv.Atoi(strings.TrimSpace(string(b)))
		}
		return err
	})
	if most > 1<<19 { // only the first namespace may set it
		nettest.Skip(t, "nf_conntrack_max is "+strconv.Itoa(most)+", too many to fill")
	}
	c, err := conntrack.Dial(&netlink.Config{NetNS: n.Router.NetNS()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	src, dst := netip.MustParseAddr("198.51.100.0").As4(), netip.MustParseAddr("203.0.113.1")
	made := 0
	for i := range most + 1 {
		src[2], src[3] = byte(i>>16), byte(i>>24)
		f := conntrack.NewFlow(uint8(model.ProtoUDP), conntrack.StatusAssured|conntrack.StatusSeenReply|conntrack.StatusConfirmed, netip.AddrFrom4(src), dst, uint16(i), 53, 600, 0)
		if err := c.Create(f); err != nil {
			break // it is full
		}
		made++
	}
	if made < most-100 {
		t.Fatalf("%d of %d connections could be made", made, most)
	}
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
