package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// monitors waits until somebody in a namespace listens to nf_tables' trace.
func monitors(t *testing.T, ns *netns.Handle) {
	t.Helper()
	waitFor(t, "nft to listen", func() error {
		list := nettest.Run(t, ns, "cat", "/proc/net/netlink")
		for l := range strings.Lines(list) {
			const netfilter, group = "12", 1 << 8 // NETLINK_NETFILTER, NFNLGRP_NFTRACE
			f := strings.Fields(l)
			if len(f) < 4 || f[1] != netfilter {
				continue
			}
			if bits, err := strconv.ParseUint(f[3], 16, 32); err == nil && bits&group != 0 {
				return nil
			}
		}
		return fmt.Errorf("nobody does:\n%s", list)
	})
}

// TestBesideMonitor runs a whole session beside `nft monitor trace`, where rules of the user
// trace as well: both see every packet, the user's rules are named and stay, and when the
// session is over nft goes on as before.
func TestBesideMonitor(t *testing.T) {
	nettest.Kernel(t, "nft", "stdbuf", "ip", "iptables-legacy-restore")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "*raw\n-A PREROUTING -p udp -m udp --dport 10 -j TRACE\nCOMMIT\n", "iptables-legacy-restore")
	nettest.Feed(t, n.Router, `table ip theirs { chain pre { type filter hook prerouting priority -310; udp dport 11 meta nftrace set 1; }; }
table inet fw { chain forward { type filter hook forward priority 0; udp dport 9 drop; udp dport 10 accept; udp dport 11 accept; }; }
`, "nft", "-f", "-")
	before := settled(t, n.Router)

	nft := launch(t, "ip", "netns", "exec", n.Router.Name(), "stdbuf", "-oL", "nft", "monitor", "trace")
	nft.hang.Stop() // until it is read
	monitors(t, n.Router)
	const each = 30
	ours := tracing(t, n.Router, "--json", "--rate", "10000", "--count", strconv.Itoa(2*each), "udp and dst portrange 9-10")
	note := ours.hears("rules that are not nfscope's trace too, and are left as they are")
	for _, want := range []string{"rule 1 of raw/PREROUTING (iptables-legacy): -A PREROUTING -p udp -m udp --dport 10 -j TRACE", "rule 1 of ip theirs/pre (nftables): udp dport 11 meta nftrace set 1"} {
		if !strings.Contains(note, want) {
			t.Errorf("no %q in %s", want, note)
		}
	}
	for range each {
		for _, port := range []int{11, 9, 10} {
			datagram(t, n.Client, fmt.Sprint("10.2.0.2:", port))
		}
	}
	out, errs := ours.ends(exitDone)
	list := objects(t, out)
	if s := endsWithStats(t, list); s["lost"] != 0.0 || s["journeys"] != float64(2*each) {
		t.Errorf("stats %v: %s", s, errs)
	}
	ends := map[string]int{}
	for _, j := range list[:len(list)-1] {
		if j["complete"] != true {
			t.Errorf("incomplete: %v", j)
		}
		ends[fmt.Sprint(at(j, "packet", "dport"), " ", at(j, "outcome", "verdict"))]++
	}
	if ends["9 dropped"] != each || ends["10 accepted"] != each {
		t.Errorf("nfscope told of %v", ends)
	}

	// What nft has told of: the rule that each packet met, once.
	met := regexp.MustCompile(`^trace id \S+ inet fw forward rule udp dport (\d+) .*\(verdict `)
	told := map[string]int{}
	hear := func(what string, ok func() bool) {
		t.Helper()
		nft.line(what, func(l string) bool {
			if m := met.FindStringSubmatch(l); m != nil {
				told[m[1]]++
			}
			return ok()
		})
	}
	// The last that was sent need not be the last that came: two processors may forward.
	hear("every packet's rule", func() bool { return told["9"] >= each && told["10"] >= each && told["11"] >= each })
	if told["9"] != each || told["10"] != each || told["11"] != each {
		t.Errorf("nft told of %v", told)
	}
	datagram(t, n.Client, "10.2.0.2:9") // nobody traces it any more
	datagram(t, n.Client, "10.2.0.2:11")
	hear("the rule for port 11", func() bool { return told["11"] > each })
	if told["9"] != each {
		t.Errorf("the session is over, and nft told of %v", told)
	}
	nft.signal(unix.SIGTERM)
	_ = nft.cmd.Wait()
	waitFor(t, "the namespace to be as it was", func() error {
		if after := settled(t, n.Router); after != before {
			return fmt.Errorf("before:\n%s\nafter:\n%s", before, after)
		}
		return nil
	})
}
