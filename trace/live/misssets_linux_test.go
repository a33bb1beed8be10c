package live

import (
	"slices"
	"strings"
	"testing"

	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/model/snapshot"
	"nfscope/trace/nettest"
	"nfscope/trace/sets"
)

// TestMissSets: that a set does not have the packet is asked of the kernel; that it has it
// now, though the rule was passed, is no reason.
func TestMissSets(t *testing.T) {
	nettest.Kernel(t, "ipset", "iptables-legacy-restore", "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "create blocked hash:net\nadd blocked 10.66.0.0/16\ncreate late hash:ip\ncreate pairs hash:ip,port\nadd pairs 10.2.0.2,udp:10\n", "ipset", "restore")
	nettest.Feed(t, n.Router, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"+
		"-A FORWARD -m set --match-set blocked src -m statistic --mode random --probability 0.5 -j DROP\n"+
		"-A FORWARD -m set --match-set blocked src -j DROP\n"+
		"-A FORWARD -m set --match-set pairs dst,dst -j DROP\n"+
		"-A FORWARD -m set --match-set late src -j DROP\n"+
		"-A FORWARD -p udp -j ACCEPT\nCOMMIT\n", "iptables-legacy-restore")
	nettest.Feed(t, n.Router, `table inet fw {
	set near { type ipv4_addr; flags interval; elements = { 10.7.0.0/24 }
	}
	map ways { type ipv4_addr . inet_service : verdict; elements = { 10.1.0.2 . 10 : drop }
	}
	chain forw {
		type filter hook forward priority 5;
		ip saddr @near limit rate 1/hour drop
		ip saddr . udp dport vmap @ways
		udp dport 9 drop
	}
}
`, "nft", "-f", "-")
	s := open(t, n.Router, Trace{Filter: parse(t, "udp")})
	udp(t, n.Client, "10.2.0.2:9")
	var j *journey.Journey
	s.wait("the packet", func(snap *snapshot.Snapshot) bool {
		for _, x := range snap.Journeys {
			if x.Closed {
				j = x
			}
		}
		return j != nil
	})
	nettest.Run(t, n.Router, "ipset", "add", "late", "10.1.0.2")
	r, err := sets.Open(n.Router)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	full := miss.New(miss.Known{InSet: sets.NewLookup(r).In}).Look(j, 0)
	want := []string{"filter/FORWARD 1: set match-set 10.1.0.2, want blocked src", "filter/FORWARD 2: set match-set 10.1.0.2, want blocked src",
		"filter/FORWARD 3: set match-set 10.2.0.2,10.2.0.2, want pairs dst,dst",
		"filter/FORWARD 4: set match-set " + miss.Eliminated + ", want late src",
		"fw/forw 1: ip saddr 10.1.0.2, want @near", "fw/forw 2: ip saddr . udp dport 10.1.0.2 . 9, want @ways"}
	if got := missed(full); !slices.Equal(got, want) {
		t.Errorf("the misses are\n  %s\nexpected\n  %s\n%s", strings.Join(got, "\n  "), strings.Join(want, "\n  "), describe(full))
	}
	if !slices.ContainsFunc(full.Assumptions, func(a string) bool { return strings.Contains(a, "as of now") }) {
		t.Errorf("assumed %q", full.Assumptions)
	}
}
