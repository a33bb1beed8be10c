package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/trace/nettest"
)

// TestStoppedTraceEnds: an nfscope that is stopped cannot end its trace; the kernel does.
func TestStoppedTraceEnds(t *testing.T) {
	nettest.Kernel(t, "nft", "iptables-legacy", "ip6tables-legacy")
	t.Parallel()
	for _, c := range []struct {
		method, list string
		// What was traced, and what was not because the time is over. -j TRACE has a
		// counter of all instead.
		traced, late *regexp.Regexp
		all          bool
		most         string // --count, in the kernel
	}{
		{"owner", "nft list ruleset", regexp.MustCompile(`limit rate .*counter packets (\d+)`), regexp.MustCompile(`meta time .*counter packets (\d+)`), false, "limit rate 1/hour burst 7000 packets"},
		{"raw", "iptables-legacy -t raw -S -v", regexp.MustCompile(`-c (\d+) \d+ -j TRACE`), regexp.MustCompile(`(?m)^-A nfscope_.*"? -c (\d+) \d+$`), true, "--quota 458745000"},
	} {
		t.Run(c.method, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			r := tracing(t, n.Router, "--for", "6s", "--count", "1000", "--rate", "5000", "--method", c.method, "udp and dst port 9")
			datagram(t, n.Client, "10.2.0.2:9")
			sent := 1
			nettest.Stop(t, r.cmd.Process.Pid)
			counts := func() (late, traced int) {
				text := nettest.Run(t, n.Router, "sh", "-c", c.list)
				x, y := c.late.FindStringSubmatch(text), c.traced.FindStringSubmatch(text)
				if x == nil || y == nil || !strings.Contains(text, c.most) {
					t.Fatalf("no such rules:\n%s", text)
				}
				late, _ = strconv.Atoi(x[1])
				traced, _ = strconv.Atoi(y[1])
				if c.all {
					late -= traced
				}
				return late, traced
			}
			// A datagram may come to the router when its sender has gone on.
			arrived := func() (late, traced int) {
				waitFor(t, "the kernel to count every datagram", func() error {
					if late, traced := counts(); late+traced != sent {
						return fmt.Errorf("of %d it traced %d, and %d came late", sent, traced, late)
					}
					return nil
				})
				return counts() // again: one may have come between the reads of the two counters
			}
			var l, tr int
			waitFor(t, "the kernel to end the trace", func() error {
				datagram(t, n.Client, "10.2.0.2:9")
				sent++
				if l, tr = arrived(); l == 0 {
					return fmt.Errorf("it traced %d, and none came late", tr)
				}
				return nil
			})
			for range 5 {
				datagram(t, n.Client, "10.2.0.2:9")
				sent++
			}
			if l2, tr2 := arrived(); l2 != l+5 || tr2 != tr || tr == 0 {
				t.Errorf("traced %d, then %d; after the end %d, then %d", tr, tr2, l, l2)
			}
			r.signal(unix.SIGCONT)
			r.ends(exitDone)
		})
	}
}
