package live

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/trace/netns"
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
		{"broadcast, and a bridge's own chain", "", inet + "table bridge b {\n chain f { type filter hook forward priority 0; }\n}\n", "10.9.0.255:9", 3, 2, false, 2},
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
			awaitPorts(t, n.bridge, 3)
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

// TestFloodedBySender: what the host sends out of several ports of a bridge, made here or routed,
// is a packet for each: those that begin in the bridge's hooks are copies of the one that came
// there, and each has its own end.
func TestFloodedBySender(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	t.Parallel()
	const inet = "table inet fw {\n chain o { type filter hook output priority 0; udp dport 9 accept; }\n chain f { type filter hook forward priority 0; udp dport 9 accept; }\n}\n"
	const out = " chain out { type filter hook output priority 0; }\n"
	const bridge = "table bridge b {\n" + out + " chain post { type filter hook postrouting priority 0; oifname \"p2\" drop; }\n}\n"
	const masquerade = "table ip n {\n chain p { type nat hook postrouting priority 100; ip saddr 10.8.0.0/24 masquerade; }\n}\n"
	post := []string{"N b/post policy accept"}
	both := []string{"N b/out policy accept", "N b/post policy accept"}
	for _, c := range []struct {
		name, legacy, native string
		own                  []string // what each port's packet meets, for the one that is accepted
	}{
		{"output and postrouting", "", inet + bridge, both},
		{"postrouting alone", "", inet + strings.Replace(bridge, out, "", 1), post},
		{"output alone", "", inet + "table bridge b {\n chain out { type filter hook output priority 0; oifname \"p2\" drop; }\n}\n", both[:1]},
		{"legacy tables", "*mangle\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n" + accept4 + "-A OUTPUT -p udp -j ACCEPT\n-A FORWARD -p udp -j ACCEPT\nCOMMIT\n", bridge, both},
		{"masquerade", "", inet + masquerade + bridge, both},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newBridged(t)
			third := nettest.New(t, "third")
			nettest.Feed(t, n.bridge, "link add p3 type veth peer name e0 netns "+third.Name()+"\nlink set p3 master br0 up\nneigh add 10.9.0.99 lladdr 02:00:00:00:00:99 dev br0\nneigh del 10.8.0.2 dev x0\n", "ip", "-batch", "-")
			nettest.Feed(t, third, "link set e0 up\n", "ip", "-batch", "-")
			nettest.Feed(t, n.server, "addr add 10.8.0.2/24 dev e1\nroute add 10.9.0.99/32 via 10.8.0.1\n", "ip", "-batch", "-")
			load(t, n.bridge, "iptables-legacy-restore", c.legacy)
			load(t, n.bridge, "nft", c.native)
			awaitPorts(t, n.bridge, 3)
			s := open(t, n.bridge, Trace{Filter: parse(t, "udp and dst port 9")})
			for _, from := range []struct {
				ns   *netns.Handle
				path string
			}{{n.bridge, journey.PathOutput}, {n.server, journey.PathForward}} {
				udp(t, from.ns, "10.9.0.99:9")
			}
			list := s.settled("the copies", func(list []*journey.Journey) bool { return len(list) >= 6 })
			if len(list) != 6 {
				t.Errorf("%d journeys of two packets out of three ports", len(list))
			}
			ports := map[string]int{}
			for _, j := range list {
				copied := strings.Contains(j.Outcome.Sentence, fmt.Sprintf("it is a copy of #%d, which br0 sends out of several ports", j.CopyOf))
				of := j
				for _, o := range list {
					if o.Number == j.CopyOf {
						of = o
					}
				}
				want, n := journey.Accepted, len(c.own)
				if j.Out == "p2" {
					want = journey.Dropped
				}
				var met []string
				for i := range j.Steps {
					if st := &j.Steps[i]; st.Family == model.FamilyBridge {
						step, _, _ := strings.Cut(line(st), " src=") // the first that shows what translation did
						met = append(met, step)
					}
				}
				if want == journey.Accepted && !slices.Equal(met, c.own) || len(met) != n || j.Outcome.Verdict != want || !j.Complete || (j.CopyOf != 0) != copied || j.Path != of.Path ||
					copied && (len(j.Steps) != n || of.CopyOf != 0 || of.Packet.IPID != j.Packet.IPID) {
					t.Errorf("%s", describe(j))
				}
				ports[j.Path+" "+j.Out]++
			}
			if want := map[string]int{"output br0": 1, "output p2": 1, "output p3": 1, "forward br0": 1, "forward p2": 1, "forward p3": 1}; !maps.Equal(ports, want) {
				t.Errorf("out of %v, want %v", ports, want)
			}
		})
	}
}

// awaitPorts waits until so many ports of the bridge have a carrier: else they get no copy.
func awaitPorts(t *testing.T, bridge *netns.Handle, n int) {
	t.Helper()
	for deadline := time.Now().Add(nettest.InVain); strings.Count(nettest.Run(t, bridge, "ip", "-br", "link", "show", "master", "br0"), " UP ") < n; {
		if time.Now().After(deadline) {
			t.Fatal("the bridge's ports are not up")
		}
	}
}
