package live

import (
	"errors"
	"net"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

// TestTunnelled: what a tunnel sends is made here, though postrouting names the tunnel as the
// device that it came in by (ip_output). It is one journey, of both tracers.
func TestTunnelled(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	t.Parallel()
	const (
		save   = "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n"
		native = "table ip fw {\n chain o { type filter hook output priority 0; }\n chain p { type filter hook postrouting priority 0; }\n}\n"
	)
	for _, c := range []struct {
		name  string
		loads map[string]string // rules by the program that reads them
		steps int
	}{
		{"legacy", map[string]string{"iptables-legacy-restore": save}, 2},
		{"iptables-nft", map[string]string{"iptables-nft-restore": save}, 2},
		{"native", map[string]string{"nft": native}, 2},
		{"legacy and native", map[string]string{"iptables-legacy-restore": save, "nft": native}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			tunnel(t, n)
			for program, rules := range c.loads {
				load(t, n.Router, program, rules)
			}
			s := openOn(t, n.Router, guarded(t), Trace{Filter: parse(t, "udp and dst port 4789")})
			udp(t, n.Router, "192.168.9.2:9")
			list := s.settled("the tunnel's packet", func(list []*journey.Journey) bool { return len(list) > 0 })
			if len(list) != 1 {
				t.Errorf("%d journeys of one packet", len(list))
			}
			for _, j := range list {
				if !j.Complete || j.Path != journey.PathOutput || j.In != "" || j.Out != "r1" || len(j.Steps) != c.steps || j.Outcome.Verdict != journey.Accepted {
					t.Errorf("%s", describe(j))
				}
			}
			s.shut()
		})
	}
}

// tunnel makes a tunnel from the router to the server, behind which is 192.168.9.2.
func tunnel(t *testing.T, n *nettest.Routed) {
	t.Helper()
	nettest.Sysctl(t, n.Router, "net/ipv6/conf/all/disable_ipv6", "1") // what it sends would be wrapped too
	nettest.Do(t, n.Router, func() error {
		err := netlink.LinkAdd(&netlink.Vxlan{LinkAttrs: netlink.LinkAttrs{Name: "vx0"}, VxlanId: 9, SrcAddr: net.ParseIP("10.2.0.1"), Group: net.ParseIP("10.2.0.2"), Port: 4789})
		if errors.Is(err, unix.EOPNOTSUPP) {
			nettest.Skip(t, "the kernel has no vxlan")
		}
		return err
	})
	nettest.Feed(t, n.Router, "addr add 192.168.9.1/24 dev vx0\nlink set vx0 up\nneigh replace 192.168.9.2 lladdr 02:00:00:00:00:09 dev vx0 nud permanent\n", "ip", "-batch", "-")
}
