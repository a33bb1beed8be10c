package main

import (
	"regexp"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/nettest"
)

// TestStoppedTraceEnds: an nfscope that is stopped cannot end its trace; the kernel does.
func TestStoppedTraceEnds(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	r := tracing(t, n.Router, "--for", "1s", "udp and dst port 9")
	r.signal(unix.SIGSTOP)
	late, traced := regexp.MustCompile(`meta time .*counter packets (\d+)`), regexp.MustCompile(`limit rate .*counter packets (\d+)`)
	counts := func() (l, tr int) {
		text := nettest.Run(t, n.Router, "nft", "list", "ruleset")
		x, y := late.FindStringSubmatch(text), traced.FindStringSubmatch(text)
		if x == nil || y == nil {
			t.Fatalf("no such rules:\n%s", text)
		}
		l, _ = strconv.Atoi(x[1])
		tr, _ = strconv.Atoi(y[1])
		return l, tr
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		datagram(t, n.Client, "10.2.0.2:9")
		if l, _ := counts(); l > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the kernel goes on tracing")
		}
	}
	l, tr := counts()
	for range 5 {
		datagram(t, n.Client, "10.2.0.2:9")
	}
	if l2, tr2 := counts(); l2 != l+5 || tr2 != tr || tr == 0 {
		t.Errorf("traced %d, then %d; after the end %d, then %d", tr, tr2, l, l2)
	}
	r.signal(unix.SIGCONT)
	r.ends(exitDone)
}
