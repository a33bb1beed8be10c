package live

import (
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/snapshot"
	"nfscope/trace/nettest"
)

// TestArmedByRulesOfNow: whether conntrack is at work is asked of the rules that are in
// force when the trace is armed, not of those that were read last: a rule of ours would
// switch it on.
func TestArmedByRulesOfNow(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	const tracking = "table ip fw { chain in { type filter hook input priority 0; ct state established accept; }; }\n"
	for _, gone := range []bool{true, false} {
		ns := nettest.New(t, "now")
		s := begin(t, ns)
		if gone {
			nettest.Feed(t, ns, tracking, "nft", "-f", "-")
		}
		if _, err := s.session.Rules(t.Context()); err != nil {
			t.Fatal(err)
		}
		if gone {
			nettest.Run(t, ns, "nft", "delete", "table", "ip", "fw")
		} else {
			nettest.Feed(t, ns, tracking, "nft", "-f", "-")
		}
		if err := s.session.Arm(t.Context(), Trace{Filter: parse(t, "udp and host 127.0.0.1"), Both: true}); err != nil {
			t.Fatal(err)
		}
		if on := tracks(t, ns); on == gone {
			t.Errorf("the rule gone %v: conntrack is at work: %v", gone, on)
		}
		snap := s.wait("the armed trace", func(snap *snapshot.Snapshot) bool { return snap.Trace.Armed })
		if known := slices.ContainsFunc(snap.Trace.Notes, func(n string) bool { return strings.Contains(n, "known by its connection alone") }); known == gone {
			t.Errorf("the rule gone %v: notes %q", gone, snap.Trace.Notes)
		}
		if tables := len(snap.Rules.Tables); tables != 1 && !gone || tables != 0 && gone {
			t.Errorf("the rule gone %v: %d tables are shown", gone, tables)
		}
	}
}

// TestOlderRules: what one reader began to read before another, and ended after it, does
// not take the place of what is newer.
func TestOlderRules(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	s := begin(t, nettest.New(t, "older"))
	now := time.Now()
	put := func(generation string, at time.Duration) *model.Ruleset {
		rs := &model.Ruleset{Generation: generation, Taken: now.Add(at)}
		s.session.put(feed.Item{Time: rs.Taken, Rules: rs})
		return rs
	}
	put("1", 0)
	newer := put("2", 2*time.Second)
	put("1", time.Second)
	s.session.put(feed.Item{Problem: "that was all"})
	if snap := s.wait("all", func(snap *snapshot.Snapshot) bool { return slices.Contains(snap.Problems, "that was all") }); snap.Rules != newer {
		t.Errorf("shown are %+v", snap.Rules)
	}
	same := put("2", 1500*time.Millisecond) // Watch counts by the pointer it gave
	s.wait("the same rules of another reader", func(snap *snapshot.Snapshot) bool { return snap.Rules == same })
	put("3", 3*time.Second)
	s.wait("newer ones", func(snap *snapshot.Snapshot) bool { return snap.Rules.Generation == "3" })
}
