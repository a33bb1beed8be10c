package live

import (
	"slices"
	"strings"
	"testing"

	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

// TestNATPlaces: chains of nat that state odd priorities are called where conntrack translates,
// and their packet is one journey, of each backend beside them.
func TestNATPlaces(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	t.Parallel()
	const native = `table ip fw {
	chain nat { type nat hook prerouting priority 0; udp dport 99 dnat to 10.2.0.2:9; }
	chain pre { type filter hook prerouting priority -50; udp dport 9 counter; }
	chain post { type filter hook postrouting priority -5; counter; }
	chain out { type nat hook postrouting priority -101; masquerade; }
}
`
	old := "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n"
	for _, c := range []struct {
		name, legacy string
		steps        []string
	}{
		{"native", "", []string{"N fw/nat 1 accept", "N fw/pre 1 continue dst=10.2.0.2 dport=9", "N fw/pre policy accept", "N fw/post 1 continue", "N fw/post policy accept", "N fw/out 1 accept"}},
		{"beside legacy", old, []string{"L nat/PREROUTING policy accept", "N fw/nat 1 accept", "N fw/pre 1 continue dst=10.2.0.2 dport=9", "N fw/pre policy accept", "N fw/post 1 continue", "N fw/post policy accept", "N fw/out 1 accept"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			load(t, n.Router, "iptables-legacy-restore", c.legacy)
			load(t, n.Router, "nft", native)
			s := openOn(t, n.Router, guarded(t), Trace{Filter: parse(t, "udp and dst port 99")})
			udp(t, n.Client, "10.1.0.1:99")
			list := s.settled("the packet", func(list []*journey.Journey) bool { return len(list) > 0 })
			if len(list) != 1 {
				t.Errorf("%d journeys of one packet", len(list))
			}
			for _, j := range list {
				var got []string
				for i := range j.Steps {
					got = append(got, line(&j.Steps[i]))
				}
				if !j.Complete || !slices.Equal(got, c.steps) || slices.ContainsFunc(j.Assumptions, func(s string) bool { return strings.Contains(s, "priority") }) {
					t.Errorf("%q, %q, want %q\n%s", got, j.Assumptions, c.steps, describe(j))
				}
			}
			s.shut()
		})
	}
}
