package lab

import (
	"os"
	"testing"

	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// TestOwnPorts: each attempt has a port that none had before, of those that the kernel may
// choose; when all were used, one of them.
func TestOwnPorts(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	ns := nettest.New(t, "ports")
	nettest.Do(t, ns, func() error {
		return os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("40000 40007"), 0)
	})
	for _, do := range []string{"udp", "tcp"} {
		n := &Network{lab: &Lab{}, hosts: map[string]*netns.Handle{"one": ns}}
		seen := map[uint16]int{}
		for range 4 {
			r := n.Run(t.Context(), Step{From: "one", Do: do, To: "127.0.0.1:9", Count: 2, Timeout: nettest.InVain})
			for _, a := range r.Attempts {
				if a.Word != Refused || a.Tuple.SPort < 40000 || a.Tuple.SPort > 40007 {
					t.Errorf("%s from port %d: %v, %v", do, a.Tuple.SPort, a.Word, a.Err)
				}
				seen[a.Tuple.SPort]++
			}
		}
		if len(seen) != 8 {
			t.Errorf("%s: of eight ports eight attempts had %v", do, seen)
		}
		if r := n.Run(t.Context(), Step{From: "one", Do: do, To: "127.0.0.1:9", Timeout: nettest.InVain}); r.Word != Refused {
			t.Errorf("%s, the ninth: %v, %v", do, r, r.Attempts[0].Err)
		}
	}
}
