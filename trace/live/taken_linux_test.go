package live

import (
	"slices"
	"strings"
	"testing"

	"nfscope/model/snapshot"
	"nfscope/trace/arm"
	"nfscope/trace/nettest"
)

// TestTakenAway: where another program takes what traces out of the raw table, that is said and the
// trace is over: it saw nothing any more, and passed for a trace to which nothing came.
func TestTakenAway(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy")
	t.Parallel()
	ns := nettest.New(t, "taken")
	s := open(t, ns, Trace{Filter: parse(t, "udp and dst port 9"), Method: arm.MethodRaw})
	done := s.session.Done()
	nettest.Run(t, ns, "iptables-legacy", "-t", "raw", "-F")
	last := s.wait("the end", func(snap *snapshot.Snapshot) bool { return len(apart(snap.Problems)) > 0 && !snap.Trace.Armed })
	<-done
	if want := "the trace is over: another program took the rules that trace out of the raw table (iptables-legacy), and what came since was not traced"; strings.Join(apart(last.Problems), "\n") != want {
		t.Errorf("the problems are %q", last.Problems)
	}
	if err := s.session.Disarm(); err != nil {
		t.Error(err)
	}
}

// TestSilenced: where another program has the legacy tracer's lines go elsewhere that is said,
// once, while the trace goes on, and its setting stays.
func TestSilenced(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy", "sysctl")
	t.Parallel()
	ns := nettest.New(t, "silenced")
	s := open(t, ns, Trace{Filter: parse(t, "udp and dst port 9"), Method: arm.MethodRaw})
	nettest.Sysctl(t, ns, "net/netfilter/nf_log/2", "NONE")
	s.wait("a word", func(snap *snapshot.Snapshot) bool { return len(apart(snap.Problems)) > 0 && snap.Trace.Armed })
	if err := s.session.Disarm(); err != nil {
		t.Error(err)
	}
	last := s.wait("the end", func(snap *snapshot.Snapshot) bool { return !snap.Trace.Armed })
	if want := "another program has set net.netfilter.nf_log.2 to NONE: legacy tables tell of no packet of that family any more"; strings.Join(apart(last.Problems), "\n") != want {
		t.Errorf("the problems are %q", last.Problems)
	}
	if now := strings.TrimSpace(nettest.Run(t, ns, "sysctl", "-n", "net.netfilter.nf_log.2")); now != "NONE" {
		t.Errorf("it is set to %s", now)
	}
}

// apart are the problems but for that of rules which change while they are read: arming and what the
// other program does change them, and on a busy machine a reading lasts as long.
func apart(problems []string) []string {
	return slices.DeleteFunc(slices.Clone(problems), func(p string) bool {
		return strings.HasPrefix(p, "the ruleset kept changing while it was read")
	})
}
