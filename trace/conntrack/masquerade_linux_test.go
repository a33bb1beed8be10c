package conntrack

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// TestMasqueradeForgets: what MASQUERADE let out by an interface is forgotten when that is set
// down or loses the address, and only then; what SNAT let out stays, and so does what is not
// translated. The lesson of the lab snat says so.
func TestMasqueradeForgets(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "ip")
	t.Parallel()
	const unplug = "the other end is set down"
	const rules = "*nat\n-A POSTROUTING -o r1 -p udp -m udp --dport 8 -j SNAT --to-source 10.2.0.1\n-A POSTROUTING -p udp -m udp --dport 9:10 -j MASQUERADE\nCOMMIT\n"
	for name, c := range map[string]struct {
		do   []string
		left []uint16 // by their ports
	}{
		"the interface is set down": {do: []string{"link set r1 down"}, left: []uint16{7, 8}},
		"its address goes":          {do: []string{"addr del 10.2.0.1/24 dev r1"}, left: []uint16{7, 8}},
		// What went out by r0 is forgotten in all cases, behind what else is, and what came by it is not.
		"another address goes, and the cable is out": {do: []string{"addr del 10.2.0.77/24 dev r1", unplug}, left: []uint16{7, 8, 9}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			nettest.Feed(t, n.Router, rules, "iptables-legacy-restore")
			nettest.Run(t, n.Router, "ip", "addr", "add", "10.2.0.77/24", "dev", "r1")
			for _, port := range []int{7, 8, 9} {
				nettest.SendUDP(t, n.Client, 4000+port, fmt.Sprintf("10.2.0.2:%d", port))
			}
			nettest.SendUDP(t, n.Server, 4010, "10.1.0.2:10")
			r := open(t, n.Router)
			await(t, r, 7, 8, 9, 10)
			for _, do := range c.do {
				if do == unplug {
					ip(t, n.Server, "link set s0 down")
					do = "link show r1" // has the kernel take note of the carrier
				}
				ip(t, n.Router, do)
			}
			ip(t, n.Router, "link set r0 down")
			await(t, r, c.left...)
		})
	}
}

func ip(t *testing.T, ns *netns.Handle, args string) {
	t.Helper()
	nettest.Run(t, ns, "ip", strings.Fields(args)...)
}

// await waits until conntrack has the connections to these ports, in order, and no others
// that the test made.
func await(t *testing.T, r *Reader, ports ...uint16) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(nettest.InVain); ; <-again.C {
		var got []uint16
		flows, _ := list(t, r)
		for _, f := range flows {
			if o := f.Orig.Tuple; o.SPort == 4000+o.DPort {
				got = append(got, o.DPort)
			}
		}
		if slices.Sort(got); slices.Equal(got, ports) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("conntrack has %v, expected %v", got, ports)
		}
	}
}
