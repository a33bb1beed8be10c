package live

import (
	"slices"
	"testing"

	"nfscope/model"
	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/trace/nettest"
	"nfscope/trace/rules"
)

// TestForRule: a trace with the filter that is made from a rule brings what hits the rule,
// before and behind NAT, and nothing else.
func TestForRule(t *testing.T) {
	nettest.Kernel(t, "nft", "iptables-legacy-restore")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, `*raw
-A PREROUTING -s 10.1.0.0/24 -d 10.1.0.1/32 -i r0 -p udp -m udp --dport 53
COMMIT
*nat
-A PREROUTING -d 10.1.0.1/32 -p udp -m udp --dport 53 -j DNAT --to-destination 10.2.0.2:9
-A POSTROUTING -s 10.1.0.2/32 -d 10.2.0.2/32 -p udp -m udp --dport 9 -j MASQUERADE
COMMIT
*filter
:NEXT - [0:0]
-A FORWARD -s 10.1.0.2/32 -d 10.2.0.2/32 -i r0 -o r1 -p udp -m multiport --dports 9,10 -j NEXT
-A NEXT -d 10.2.0.2/32 -p udp -m udp --dport 9 -j ACCEPT
COMMIT
`, "iptables-legacy-restore")
	nettest.Feed(t, n.Router, `table inet fw {
	chain pre { type filter hook prerouting priority -310; iifname "r*" ip daddr { 10.1.0.1, 10.9.0.0/16 } udp dport 50-60 counter; }
	chain forward { type filter hook forward priority 10; iifname != "lo" ip saddr 10.1.0.2 ip daddr 10.2.0.2 udp dport 9 counter; }
	chain post { type filter hook postrouting priority 300; ip saddr 10.2.0.1 meta l4proto { udp, icmp } counter; }
}
`, "nft", "-f", "-")
	r, err := rules.Open(n.Router)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rs, err := r.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, tb := range rs.Tables {
		for _, c := range tb.Chains {
			for i := range c.Rules {
				asked++
				tracesWhatHits(t, n, tb, c, &c.Rules[i])
			}
		}
	}
	if asked != 8 {
		t.Errorf("%d rules", asked)
	}
}

func tracesWhatHits(t *testing.T, n *nettest.Routed, tb *model.Table, c *model.Chain, r *model.Rule) {
	text, left := filter.ForRule(tb, c, r)
	t.Run(r.Text, func(t *testing.T) {
		t.Logf("%s, without %q", text, left)
		s := open(t, n.Router, Trace{Filter: parse(t, text)})
		udp(t, n.Client, "10.2.0.2:77") // another, first
		udp(t, n.Client, "10.1.0.1:53")
		s.journey("the packet that hit it", func(j *journey.Journey) bool {
			if j.Packet.DPort == 77 {
				t.Errorf("a packet that did not hit it: %s", describe(j))
			}
			return slices.ContainsFunc(j.Steps, func(s journey.Step) bool { return s.Text == r.Text && s.Chain == c.Name })
		})
	})
}
