package main

import (
	"strings"
	"testing"

	"nfscope/trace/nettest"
)

// TestBetweenWithoutBPF: where the kernel refuses the programs in the hooks, `trace --between`
// and a trace of the UI say so, and trace without them.
func TestBetweenWithoutBPF(t *testing.T) {
	nettest.Kernel(t, "ip", "setpriv", "nft")
	t.Parallel()
	ns := nettest.New(t, "unseen")
	nettest.Feed(t, ns, "table ip w { chain c { type filter hook output priority 0; udp dport 99 drop; }; }", "nft", "-f", "-")
	less := []string{"ip", "netns", "exec", ns.Name(), "setpriv", "--inh-caps=-all,+net_admin,+net_raw", "--bounding-set=-all,+net_admin,+net_raw", "nfscope"}
	tm := inTerminal(t, 80, 24, strings.Join(append(less, "--between"), " "))
	r := launch(t, less[0], append(less[1:], "trace", "--between", "--for", "10m", "--count", "1", "udp and dst port 99")...)
	r.hears("packets are not seen between the chains: make a map: operation not permitted")
	datagram(t, ns, "127.0.0.1:99")
	if out, errs := r.ends(exitDone); !strings.Contains(out, "dropped by rule 1 of ip w/c (nftables): udp dport 99 drop") {
		t.Errorf("%s%s", out, errs)
	}
	tm.see("udp dport 99")
	tm.keys("4")
	tm.see("no trace armed")
	tm.keys("a")
	tm.keys("udp", "Enter")
	tm.see("waiting for a packet", "packets are not seen between the chains: make a map: operation not permitted")
	tm.keys("q")
	tm.ended(exitDone)
}

// TestBetweenOnScreen: with --between a trace of the UI sees the packets before and behind each
// chain, and so names the one whose drop no tracer tells of, since a rule before it ended the trace.
func TestBetweenOnScreen(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	ns := nettest.New(t, "between")
	nettest.Feed(t, ns, "table ip w { chain c { type filter hook output priority 0; udp dport 99 meta nftrace set 0; udp dport 99 drop; }; }", "nft", "-f", "-")
	tm := inTerminal(t, 200, 40, "nfscope --netns "+ns.Name()+" --between")
	tm.see("drop udp dport 99")
	tm.keys("4")
	tm.see("no trace armed")
	tm.keys("a")
	tm.keys("udp and dst port 99", "Enter")
	tm.see("waiting for a packet")
	datagram(t, ns, "127.0.0.1:99")
	tm.see("dropped by ip w/c (nftables) in the output hook: it was seen before and not behind")
	tm.keys("q")
	tm.ended(exitDone)
}
