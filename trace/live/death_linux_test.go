package live

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"nfscope/model/snapshot"
	"nfscope/trace/nettest"
)

// TestLostGuardEndsTheTrace: a trace that nobody would clean up after does not go on.
func TestLostGuardEndsTheTrace(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	ns := nettest.New(t, "lost")
	nettest.Feed(t, ns, accept4+"COMMIT\n", "iptables-legacy-restore")
	sysctl := func() string { return nettest.Run(t, ns, "cat", "/proc/sys/net/netfilter/nf_log/2") }
	before := sysctl()
	s := open(t, ns, Trace{For: time.Minute})
	over := s.session.Done()
	if sysctl() == before {
		t.Fatal("the trace has changed nothing, so there is nothing to guard")
	}
	s.wait("the armed trace", func(snap *snapshot.Snapshot) bool {
		if snap.Trace.Armed && snap.Trace.NoLegacy {
			t.Error("legacy tables do not count as traced")
		}
		return snap.Trace.Armed
	})
	g := s.session.guard
	deadline := time.After(nettest.InVain)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for lost, last := false, 0; !lost; {
		select {
		case <-g.Lost():
			lost = true
		case <-deadline:
			t.Fatal("the guard is never given up")
		case <-tick.C:
			if pid := g.PID(); pid != 0 && pid != last {
				last = pid
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	s.wait("a problem", func(snap *snapshot.Snapshot) bool {
		return strings.Contains(strings.Join(snap.Problems, "\n"), "the trace ends early, so that it cannot outlive a killed nfscope: the guard, which")
	})
	select {
	case <-over:
	case <-deadline:
		t.Fatal("the trace goes on")
	}
	if now := sysctl(); now != before {
		t.Errorf("the sysctl holds %s, held %s", now, before)
	}
	if err := s.session.Arm(t.Context(), Trace{}); err == nil || !strings.Contains(err.Error(), "start nfscope anew") {
		t.Errorf("arming without a guard: %v", err)
	}
}

// TestQuietTraceEndsAtOnce: where nothing is on its way the readers know it, so that the end
// of a trace does not wait for them (TestDry).
func TestQuietTraceEndsAtOnce(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	s := open(t, nettest.New(t, "quiet"), Trace{})
	if n := s.session.armed.queued(); n != 0 {
		t.Errorf("nothing was traced, and %d bytes wait", n)
	}
}
