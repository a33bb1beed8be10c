package arm

import (
	"testing"
	"time"

	"nfscope/model/filter"
	"nfscope/trace/nettest"
)

// TestKernelsDeadline: the kernel ends a trace by itself, and what comes after that counts as
// held back.
func TestKernelsDeadline(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	f, err := filter.Parse("udp and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPlan(f, false)
	if err != nil {
		t.Fatal(err)
	}
	p.prerouting = nil // over loopback a packet would count twice
	ns := nettest.New(t, "deadline")
	for _, c := range []struct {
		span         time.Duration
		traced, held uint64
	}{{time.Minute, 1, 0}, {-2 * grace, 0, 1}} {
		w, _, err := armOwner(ns, p, Options{For: c.span, Rate: 10, Burst: 10})
		if err != nil {
			t.Fatal(err)
		}
		nettest.SendUDP(t, ns, 0, "127.0.0.1:9")
		if traced, held, err := w.counters(t.Context()); err != nil || traced != c.traced || held != c.held {
			t.Errorf("for %v: traced %d, held %d, %v, want %d and %d", c.span, traced, held, err, c.traced, c.held)
		}
		if err := w.close(func() {}); err != nil {
			t.Error(err)
		}
	}
}
