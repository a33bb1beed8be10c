package live

import (
	"slices"
	"strings"
	"testing"

	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/trace/nettest"
)

// TestMissDevices: which device a packet came in by is known at postrouting, and which it
// was to leave by at output, though it is routed anew there. The kernel's own counters
// tell that the rules did not match for just that.
func TestMissDevices(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	const rules = `table ip fw {
	chain nat { type nat hook output priority -100; ip daddr 10.1.0.77 udp dport 9 dnat to 10.2.0.2; }
	chain out { type filter hook output priority 0; udp dport 9 oifname "r1" counter drop; udp dport 9 oifname "r0" counter accept; }
	chain post { type filter hook postrouting priority 0; udp dport 9 iifname "r1" counter drop; udp dport 9 iifname "r0" counter accept; udp dport 9 oifname "r1" counter accept; }
}
`
	for _, c := range []struct {
		name, from, to string
		want           []string
	}{
		{"forwarded", "client", "10.2.0.2:9", []string{`fw/post 1: iifname r0, want "r1"`}},
		{"made here", "router", "10.2.0.2:9", []string{"fw/nat 1: ip daddr 10.2.0.2, want 10.1.0.77", `fw/out 1: oifname r1, want "r0"`, `fw/post 1: iifname none, want "r1"`, `fw/post 2: iifname none, want "r0"`}},
		{"made here and routed anew", "router", "10.1.0.77:9", []string{`fw/out 1: oifname r0, want "r1"`, `fw/post 1: iifname none, want "r1"`, `fw/post 2: iifname none, want "r0"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			text := rules
			if c.name == "made here" {
				text = strings.Replace(rules, `oifname "r1" counter drop; `, "", 1)
			}
			nettest.Feed(t, n.Router, text, "nft", "-f", "-")
			s := open(t, n.Router, Trace{Filter: parse(t, "udp and dst port 9")})
			from := n.Client
			if c.from == "router" {
				from = n.Router
			}
			udp(t, from, c.to)
			j := s.journey("the packet", func(j *journey.Journey) bool { return j.Closed })
			full := miss.New(miss.Known{}).Look(j, 0)
			if got := missed(full); !slices.Equal(got, c.want) {
				t.Errorf("the misses are\n  %s\nexpected\n  %s\n%s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "), describe(j))
			}
		})
	}
}
