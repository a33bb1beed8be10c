package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/trace/drops"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// TestFirstDrop: nothing is traced before the kernel tells of what it drops, so the very first
// packet that nobody listens for is not said to be delivered.
func TestFirstDrop(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	ns := nettest.New(t, "first-drop")
	nettest.Feed(t, ns, "table inet fw { chain in { type filter hook input priority 0; }; }", "nft", "-f", "-")
	s := begin(t, ns)
	if _, err := s.session.Rules(t.Context()); err != nil {
		t.Fatal(err)
	}
	slow, opened := make(chan struct{}), make(chan drop.Step, 1)
	s.session.drops = func(ns *netns.Handle) (*drops.Reader, error) {
		<-slow
		r, err := drops.Open(ns, drops.Options{})
		if err == nil {
			opened <- r.Watch().Step
		}
		close(opened)
		return r, err
	}
	s.session.Watch(t.Context())
	trace := Trace{Filter: parse(t, "udp and dst port 9")}
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := s.session.Arm(short, trace); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("armed before drops are watched: %v", err)
	}
	s.session.watched = time.Millisecond
	if err := s.session.Arm(t.Context(), trace); err != nil {
		t.Fatalf("who cannot watch drops cannot trace: %v", err)
	}
	s.wait("the note", func(snap *snapshot.Snapshot) bool {
		return snap.Trace.Armed && strings.Contains(strings.Join(snap.Trace.Notes, "; "), "does not yet tell of what it drops")
	})
	s.session.watched = nettest.InVain
	close(slow)
	if err := s.session.Arm(t.Context(), trace); err != nil {
		t.Fatal(err)
	}
	if step := <-opened; step != drop.StepBPF {
		nettest.Skip(t, fmt.Sprintf("only eBPF tells of each packet, and drops are watched by %q", step))
	}
	udp(t, ns, "127.0.0.1:9")
	j := s.dropped("the packet that came in", false, func(j *journey.Journey) bool { return j.Path == journey.PathInput }, func() { udp(t, ns, "127.0.0.1:9") })
	if !strings.Contains(j.Outcome.Sentence, "nobody listens at udp port 9 of 127.0.0.1") {
		t.Errorf("%s", describe(j))
	}
}

// TestFirstDropIsTold: drops are watched only when their reader tells of them: before that it
// reads the kernel's symbols, on a busy machine for longer than a packet's end is waited for.
func TestFirstDropIsTold(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	ns := nettest.New(t, "told-drop")
	tells, on := make(chan struct{}), make(chan struct{})
	first := sync.OnceFunc(func() { close(tells); <-on })
	s, err := Open(ns, guarded(t), About{Name: ns.Name(), Source: "test"}, func(it feed.Item) {
		if it.Drops != nil {
			first()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.watched = nettest.InVain
	s.Watch(t.Context())
	<-tells
	trace := Trace{Filter: parse(t, "udp and dst port 9")}
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := s.Arm(short, trace); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("armed before drops are told: %v", err)
	}
	close(on)
	if err := s.Arm(t.Context(), trace); err != nil {
		t.Error(err)
	}
}
