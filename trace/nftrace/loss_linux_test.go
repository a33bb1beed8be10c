package nftrace

import (
	"context"
	"encoding/binary"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

// flooded drops UDP to port 4000 in its one traced rule: one packet, one event.
const flooded = `table inet flood {
	chain out { type filter hook output priority 0; udp dport 4000 meta nftrace set 1 counter drop; }
}
`

var dropped = regexp.MustCompile(`counter packets (\d+)`)

// number finds the packet's number in a message.
func number(payload []byte) int {
	for b := payload[4:]; len(b) > 0; {
		typ, v, rest, err := next(b)
		if err != nil {
			return -1
		}
		if typ == attrTransportHeader {
			return int(binary.BigEndian.Uint32(v[8:]))
		}
		b = rest
	}
	return -1
}

// Every event that a small buffer could not take is counted, and the gap stands where
// the events are missing.
func TestLoss(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "loss")
	nettest.Feed(t, ns, flooded, "nft", "-f", "-")
	const packets = 20_000
	var events, lost, gaps, misplaced atomic.Int64
	last, pending := -1, 0 // the last packet seen, and the losses told since
	r, err := Open(ns, Options{Buffer: 100 << 10, tap: func(b []byte) {
		n := number(b)
		if n-last-1 != pending {
			misplaced.Add(1)
		}
		last, pending = n, 0
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	done := make(chan error, 1)
	end, started, release := make(chan bool), make(chan bool), make(chan bool)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		done <- r.Run(ctx, nettest.EachEvent(func(e journey.Event) {
			if events.Load()+lost.Load() == 0 { // the kernel has time to fill the buffer
				close(started)
				<-release
			}
			if e.Source == journey.SourceGap {
				gaps.Add(1)
				lost.Add(int64(e.Lost))
				pending += int(e.Lost)
			} else {
				events.Add(1)
			}
			if events.Load()+lost.Load() == packets {
				close(end)
			}
		}))
	}()
	nettest.SendNumbers(t, ns, 0, 1)
	select {
	case <-started:
	case <-time.After(nettest.InVain):
		t.Fatal("no first event")
	}
	nettest.SendNumbers(t, ns, 1, 5000) // runs over while nothing is read
	close(release)
	nettest.SendNumbers(t, ns, 5000, packets)
	select {
	case <-end:
	case <-time.After(nettest.InVain):
		t.Errorf("%d events and %d lost of %d", events.Load(), lost.Load(), packets)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if m := dropped.FindStringSubmatch(nettest.Run(t, ns, "nft", "list", "ruleset")); m == nil || m[1] != "20000" {
		t.Errorf("the kernel counted %v packets", m)
	}
	t.Logf("%d events, %d lost in %d gaps, %d gaps beside their place", events.Load(), lost.Load(), gaps.Load(), misplaced.Load())
	if lost.Load() == 0 || gaps.Load() == 0 {
		t.Error("the buffer was too large to lose anything")
	}
	if r.Lost() != uint64(lost.Load()) {
		t.Errorf("Lost is %d, the gaps say %d", r.Lost(), lost.Load())
	}
}

// With the buffer that a live trace asks for, the same flood is taken whole, each event
// later than the one before it.
func TestNoLoss(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "whole")
	nettest.Feed(t, ns, flooded, "nft", "-f", "-")
	l := listen(t, ns, Options{})
	if s := l.r.Stats(); s.Note != "" {
		nettest.Skip(t, s.Note)
	}
	go nettest.SendNumbers(t, ns, 0, 20_000)
	deadline := time.After(nettest.InVain)
	var last time.Time
	for i := range 20_000 {
		select {
		case e := <-l.C:
			if e.Source == journey.SourceGap || e.Seq != uint64(i+1) || !e.Time.After(last) {
				t.Fatalf("event %d after %v: %+v", i, last, e)
			}
			last = e.Time
		case <-deadline:
			t.Fatalf("%d events came", i)
		}
	}
}

// The gap comes after what was queued when the buffer ran over, and before the rest.
func TestGapInItsPlace(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "place")
	nettest.Feed(t, ns, flooded, "nft", "-f", "-")
	var order []int // packet numbers, and losses as negative numbers
	r, err := Open(ns, Options{Buffer: 100 << 10, tap: func(b []byte) { order = append(order, number(b)) }})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	first, release, told, last := make(chan bool), make(chan bool), make(chan bool), make(chan bool)
	over := false
	go func() {
		_ = r.Run(context.Background(), nettest.EachEvent(func(e journey.Event) {
			switch {
			case e.Source == journey.SourceGap:
				order = append(order, -int(e.Lost))
				close(told)
			case len(order) == 1:
				close(first)
				<-release
			case order[len(order)-1] == 2009 && !over: // the tap is ahead of events read together
				over = true
				close(last)
			}
		}))
	}()
	wait := func(c chan bool, what string) {
		t.Helper()
		select {
		case <-c:
		case <-time.After(nettest.InVain):
			t.Fatalf("%s did not come", what)
		}
	}
	nettest.SendNumbers(t, ns, 0, 1)
	wait(first, "the first event")
	nettest.SendNumbers(t, ns, 1, 2000)
	close(release)
	wait(told, "the gap")
	nettest.SendNumbers(t, ns, 2000, 2010)
	wait(last, "the last event")
	next := 0
	for _, n := range order {
		if n < 0 {
			next -= n
		} else if n != next {
			t.Fatalf("packet %d where %d is due: %v", n, next, order)
		} else {
			next++
		}
	}
}

// Events that nobody read when the trace ended are told as a gap.
func TestUnreadAtTheEnd(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "unread")
	nettest.Feed(t, ns, flooded, "nft", "-f", "-")
	r, err := Open(ns, Options{})
	if err != nil {
		t.Fatal(err)
	}
	nettest.TellsUnread(t, ns, r)
}
