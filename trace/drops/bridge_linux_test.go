package drops

import (
	"fmt"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// TestBridge: what a bridge's own chains drop is told with the bridge's hook, and the ports it
// came by and was to leave by each in its place.
func TestBridge(t *testing.T) {
	nettest.Kernel(t, "nft", "ip")
	t.Parallel()
	ns, client, server := nettest.New(t, "switch"), nettest.New(t, "left"), nettest.New(t, "right")
	for _, h := range []*netns.Handle{ns, client, server} { // whose addresses would be tentative for a while
		nettest.Sysctl(t, h, "net/ipv6/conf/default/disable_ipv6", "1")
	}
	nettest.Feed(t, ns, fmt.Sprintf("link add b0 type bridge\nlink add p0 type veth peer name c0 netns %s\nlink add p1 type veth peer name s0 netns %s\nlink set p0 master b0 up\nlink set p1 master b0 up\nlink set b0 up\n"+
		"addr add 10.9.0.1/24 dev b0\nneigh add 10.9.0.3 lladdr 02:00:00:00:00:03 dev b0 nud permanent\n", client.Name(), server.Name()), "ip", "-batch", "-")
	nettest.Run(t, client, "ip", "link", "set", "c0", "up")
	nettest.Run(t, server, "ip", "link", "set", "s0", "up")
	nettest.AwaitUp(t, ns, client, server)
	nettest.Feed(t, ns, `table bridge t {
	chain pre { type filter hook prerouting priority 0; udp dport 61 drop; }
	chain in { type filter hook input priority 0; udp dport 62 drop; }
	chain through { type filter hook forward priority 0; udp dport 63 drop; }
	chain out { type filter hook output priority 0; udp dport 64 drop; }
	chain post { type filter hook postrouting priority 0; udp dport 65 drop; }
}
`, "nft", "-f", "-")
	w := watch(t, ns, Options{NoFacts: true})
	needBPF(t, w.Watch())
	const other = "02:00:00:00:00:03"
	from := func(port uint16, mac string) func() {
		return func() {
			nettest.SendFrame(t, client, "c0", nettest.Frame{Src: "10.9.0.2", Dst: "10.9.0.3", SPort: 40000, DPort: port, ToMAC: mac})
		}
	}
	for _, c := range []struct {
		port uint16
		send func()
		hook model.Hook
		way  string
	}{
		{61, from(61, other), model.HookPrerouting, "p0>"},
		{62, from(62, nettest.MAC(t, ns, "b0")), model.HookInput, "b0>"},
		{63, from(63, other), model.HookForward, "p0>p1"},
		{64, func() { sendFrom(t, ns, "udp", "10.9.0.3:64", 1, false) }, model.HookOutput, ">p1"},
		{65, from(65, other), model.HookPostrouting, "p0>p1"},
	} {
		d, _ := w.fired(t, c.hook.String(), c.send, func(d *drop.Drop) bool { return strings.Contains(d.What(), fmt.Sprintf(":%d", c.port)) })
		if got := d.In + ">" + d.Out; d.Hook != c.hook || d.Station != drop.StationNetfilter || got != c.way {
			t.Errorf("%s by %s: %s", c.hook, c.way, line(d))
		}
	}
}
