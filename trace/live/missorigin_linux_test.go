package live

import (
	"net"
	"slices"
	"strings"
	"testing"

	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/model/snapshot"
	"nfscope/trace/nettest"
)

// TestMissOrigin: who sent a packet, and the link layer's addresses of one that came.
func TestMissOrigin(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft", "setpriv")
	t.Parallel()
	const filter = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	var mac string
	for _, c := range []struct {
		name, legacy, native string
		own                  bool // sent by the router
		want                 []string
	}{
		{name: "legacy: owner", own: true, legacy: filter + "-A OUTPUT -p udp -m owner --uid-owner 1000 -j DROP\n-A OUTPUT -p udp -m owner --gid-owner 0-900 -j DROP\n-A OUTPUT -p udp -m owner ! --uid-owner 0-999 -j DROP\nCOMMIT\n",
			want: []string{"filter/OUTPUT 1: owner uid-owner 1234, want 1000", "filter/OUTPUT 2: owner gid-owner 1235, want 0-900"}},
		// Only legacy tables tell who sent a packet.
		{name: "native: owner", own: true, legacy: filter + "COMMIT\n", native: "table ip fw {\n\tchain out {\n\t\ttype filter hook output priority 5;\n\t\tmeta skuid 1000 meta skgid 1235 drop\n\t\tmeta skuid 1234 drop\n\t}\n}\n",
			want: []string{"fw/out 1: skuid 1234, want 1000"}},
		{name: "legacy: link layer", legacy: filter + "-A FORWARD -m mac --mac-source 02:00:00:00:00:99 -j DROP\n-A FORWARD -m pkttype --pkt-type broadcast -j DROP\n-A FORWARD -p udp -j DROP\nCOMMIT\n",
			want: []string{"filter/FORWARD 1: mac mac-source MAC, want 02:00:00:00:00:99", "filter/FORWARD 2: pkttype pkt-type unicast, want broadcast"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := nettest.NewRouted(t)
			nettest.Feed(t, n.Router, c.legacy, "iptables-legacy-restore")
			if c.native != "" {
				nettest.Feed(t, n.Router, c.native, "nft", "-f", "-")
			}
			nettest.Do(t, n.Client, func() error {
				l, err := net.Interfaces()
				for _, i := range l {
					if i.Name != "lo" {
						mac = i.HardwareAddr.String()
					}
				}
				return err
			})
			s := open(t, n.Router, Trace{Filter: parse(t, "udp")})
			if c.own {
				nettest.Feed(t, n.Router, "echo hello > /dev/udp/10.2.0.2/9 || true\n", "setpriv", "--reuid", "1234", "--regid", "1235", "--clear-groups", "bash")
			} else {
				udp(t, n.Client, "10.2.0.2:9")
			}
			var j *journey.Journey
			s.wait("the packet", func(snap *snapshot.Snapshot) bool {
				for _, x := range snap.Journeys {
					if x.Closed {
						j = x
					}
				}
				return j != nil
			})
			full := miss.New(miss.Known{}).Look(j, 0)
			for i := range c.want {
				c.want[i] = strings.Replace(c.want[i], "MAC", mac, 1)
			}
			if got := missed(full); !slices.Equal(got, c.want) {
				t.Errorf("the misses are\n  %s\nexpected\n  %s\n%s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "), describe(full))
			}
		})
	}
}
