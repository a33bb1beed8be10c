package live

import (
	"strings"
	"testing"
	"time"

	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

// TestFlooded: a frame that a bridge sends out of several ports is as many packets. Those
// that begin there are copies of the one that came in, and whole.
func TestFlooded(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	t.Parallel()
	const mangle = "*mangle\n:PREROUTING ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n-A PREROUTING -p udp\nCOMMIT\n"
	const inet = "table inet fw {\n chain f { type filter hook forward priority 0; udp dport 9 counter accept; }\n}\n"
	for _, c := range []struct {
		name, legacy, native, to string
		journeys, copies         int  // -1 where that is not known
		torn                     bool // all are incomplete
		steps                    int  // of each copy
	}{
		{"no rules", "", "", "10.9.0.99:9", 2, 1, false, 0},
		{"native", "", inet, "10.9.0.99:9", 2, 1, false, 1},
		{"a bridge's own chain", "", inet + "table bridge b {\n chain f { type filter hook forward priority 0; }\n}\n", "10.9.0.99:9", 2, 1, false, 2},
		{"legacy", mangle + accept4 + "-A FORWARD -p udp -j ACCEPT\nCOMMIT\n", "", "10.9.0.99:9", 2, 1, false, 3},
		// Which of them a rule of a legacy table dropped no event tells.
		{"legacy, by port", accept4 + "-A FORWARD -p udp -m physdev --physdev-out p3 -j DROP\n-A FORWARD -p udp -j ACCEPT\nCOMMIT\n", "", "10.9.0.99:9", 2, -1, true, 1},
		{"broadcast, to the bridge itself too", "", inet, "10.9.0.255:9", 3, 2, false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newBridged(t)
			third := nettest.New(t, "third")
			nettest.Feed(t, n.bridge, "link add p3 type veth peer name e0 netns "+third.Name()+"\nlink set p3 master br0 up\n", "ip", "-batch", "-")
			nettest.Feed(t, third, "link set e0 up\n", "ip", "-batch", "-")
			nettest.Feed(t, n.client, "neigh add 10.9.0.99 lladdr 02:00:00:00:00:99 dev e0\n", "ip", "-batch", "-") // that no port has
			load(t, n.bridge, "iptables-legacy-restore", c.legacy)
			if c.native != "" {
				load(t, n.bridge, "nft", c.native)
			}
			// A port that has no carrier yet gets no copy.
			for deadline := time.Now().Add(nettest.InVain); strings.Count(nettest.Run(t, n.bridge, "ip", "-br", "link", "show", "master", "br0"), " UP ") < 3; {
				if time.Now().After(deadline) {
					t.Fatal("the bridge's ports are not up")
				}
			}
			s := open(t, n.bridge, Trace{Filter: parse(t, "udp and dst port 9")})
			udp(t, n.client, c.to)
			list := s.settled("the copies", func(list []*journey.Journey) bool { return len(list) >= c.journeys })
			copies := 0
			for _, j := range list {
				if j.CopyOf != 0 && !c.torn {
					copies++
					if j.CopyOf != list[0].Number || !strings.Contains(j.Outcome.Sentence, "it is a copy of #1, which br0 sends out of several ports") || j.Path != journey.PathForward ||
						j.In != "br0" || j.Out != "br0" || len(j.Steps) != c.steps {
						t.Errorf("%s", describe(j))
					}
				}
				if j.Complete == c.torn {
					t.Errorf("%s", describe(j))
				}
			}
			if copies != c.copies && c.copies >= 0 || len(list) != c.journeys {
				t.Errorf("%d of %d are copies, want %d of %d", copies, len(list), c.copies, c.journeys)
			}
		})
	}
}
