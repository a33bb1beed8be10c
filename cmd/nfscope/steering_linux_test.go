package main

import (
	"strings"
	"testing"

	"nfscope/trace/nettest"
)

// TestHostileHost: what the comments of a host's rules and sets hold does not steer the
// terminal, whatever command prints them.
func TestHostileHost(t *testing.T) {
	nettest.Kernel(t, "nft", "iptables-legacy-restore")
	t.Parallel()
	ns := nettest.New(t, "steer")
	nettest.Run(t, ns, "ip", "link", "set", "lo", "up")
	const bad = "a\x1b[31mb\u009b2Jd\u202ee"
	nettest.Feed(t, ns, "*filter\n-A OUTPUT -p udp --dport 9 -m comment --comment \""+bad+"\" -j DROP\nCOMMIT\n*nat\n-A POSTROUTING -m comment --comment \""+bad+"\" -j SNAT --to-source 10.9.9.9\nCOMMIT\n", "iptables-legacy-restore")
	nettest.Feed(t, ns, "table inet t {\nset s { type ipv4_addr; elements = { 10.0.0.1 comment \""+bad+"\" }\n}\n}\n", "nft", "-f", "-")
	for _, c := range []struct {
		args   string
		status int
		quotes bool
	}{
		{"why --probe udp and dst host 127.0.0.1 and dst port 9", exitDropped, true},
		{"why --json --probe udp and dst host 127.0.0.1 and dst port 9", exitDropped, true},
		{"conns --pools", exitDone, true}, {"conns --pools --json", exitDone, true},
		{"sets inet t s", exitDone, true}, {"sets inet t s --json", exitDone, true}, {"sets --json", exitDone, false},
		{"rules", exitDone, true}, {"rules --format json", exitDone, true}, {"tables --json", exitDone, false},
	} {
		out, _ := launch(t, "nfscope", append([]string{"--netns", ns.Name()}, strings.Fields(c.args)...)...).ends(c.status)
		if s := steers(out); s != "" {
			t.Errorf("%s: %q steers", c.args, s)
		}
		if c.quotes && !strings.Contains(out, "[31mb") {
			t.Errorf("%s does not quote the comment: %s", c.args, out)
		}
	}
}
