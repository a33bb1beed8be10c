package main

import (
	"strings"
	"testing"

	"nfscope/trace/nettest"
)

// TestTraceHints: a trace that asks for what nat makes of packets sees none, and says why.
func TestTraceHints(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	t.Parallel()
	for _, c := range []struct{ name, program, rules, want string }{
		{"legacy", "iptables-legacy-restore", "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp --dport 80 -j DNAT --to-destination 10.2.0.2:99\nCOMMIT\n",
			"rule 1 of nat/PREROUTING (iptables-legacy) turns port 80 into 10.2.0.2:99; try `udp and dst port 80`"},
		{"iptables-nft", "iptables-nft-restore", "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp --dport 80 -j REDIRECT --to-ports 99\nCOMMIT\n",
			"rule 1 of nat/PREROUTING (iptables-nft) turns port 80 into port 99; try `udp and dst port 80`"},
		{"native", "nft", "table ip n {\n chain pre { type nat hook prerouting priority -100; udp dport 80 dnat to 10.2.0.2:99; }\n}\n",
			"rule 1 of ip n/pre (nftables) turns port 80 into 10.2.0.2:99; try `udp and dst port 80`"},
		{"by a map, told by conntrack", "nft", "table ip n {\n chain pre { type nat hook prerouting priority -100; dnat to udp dport map { 80 : 10.2.0.2 . 99 }; }\n}\n",
			" > 10.1.0.1:80 and leaves as 10.1.0.2:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			args := []string{}
			if c.program == "nft" {
				args = []string{"-f", "-"}
			}
			nettest.Feed(t, n.Router, c.rules, c.program, args...)
			datagram(t, n.Client, "10.1.0.1:80") // whose entry is there, however late the next one is
			r := tracing(t, n.Router, "--for", "700ms", "udp and dst port 99")
			datagram(t, n.Client, "10.1.0.1:80")
			_, errs := r.ends(exitDone)
			if !strings.Contains(errs, "\nnfscope: the filter is held against packets as they enter: ") || !strings.Contains(errs, c.want) {
				t.Errorf("it said %s", errs)
			}
		})
	}
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp --dport 80 -j DNAT --to-destination 10.2.0.2:99\nCOMMIT\n", "iptables-legacy-restore")
	r := tracing(t, n.Router, "--count", "1", "udp and dst port 99")
	datagram(t, n.Client, "10.2.0.2:99")
	if _, errs := r.ends(exitDone); strings.Contains(errs, "as they enter") {
		t.Errorf("a packet was seen, and it said %s", errs)
	}
}
