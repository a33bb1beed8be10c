package between

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

// TestTaken: where another has the priority of a seat the next one is taken, behind it for a
// hook's first and last, else before it; and what stands between two seats stays there.
func TestTaken(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	ns := nettest.New(t, "taken")
	seats := journey.Seats(&model.Ruleset{}, -350, -350)
	var got [2][]journey.Seat
	for i := range got {
		r, err := Open(Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if err := r.Sit(ns, "", seats); err != nil {
			t.Fatal(err)
		}
		if got[i] = r.Seats(); len(got[i]) != len(seats) || len(seats) == 0 {
			t.Fatalf("%d of %d seats: %+v", len(got[i]), len(seats), got[i])
		}
	}
	for i, s := range got[1] {
		next := model.Priority(-1)
		if s.First || s.Until == journey.LastSeat {
			next = 1
		}
		if s.Hook != seats[i].Hook || got[0][i].Priority != seats[i].Priority || s.Priority != seats[i].Priority+next {
			t.Errorf("%s: %d was asked for, %d and %d taken, want %d", s.Hook, seats[i].Priority, got[0][i].Priority, s.Priority, seats[i].Priority+next)
		}
	}
}

// TestTakenWhilePacketsCome: of packets that come while the seats are taken, one that was let
// through is seen at the last seat of its way, or nowhere: seen at the first alone it would pass
// for dropped by the chain behind that.
func TestTakenWhilePacketsCome(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, `table inet fw {
		chain arm { type filter hook prerouting priority -350; udp dport 53 meta nftrace set 1; }
		chain input { type filter hook input priority 0; udp dport 53 accept; }
	}`, "nft", "-f", "-")
	r, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var taken atomic.Bool
	sent := make(chan error, 1)
	go nettest.Do(t, n.Client, func() error { // until the seats are taken, and some behind that
		c, err := net.Dial("udp", "10.1.0.1:53")
		for left := 20; err == nil && left > 0; {
			if taken.Load() {
				left--
			}
			if _, err = c.Write([]byte("hello")); errors.Is(err, unix.ECONNREFUSED) { // nobody listens
				err = nil
			}
		}
		sent <- err
		return nil
	})
	err = r.Sit(n.Router, "", journey.Seats(&model.Ruleset{}, -350, -350))
	taken.Store(true)
	if err := errors.Join(err, <-sent); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop() // it tells what came until now
	open, passed := map[uint64]journey.Seat{}, 0
	if err := r.Run(ctx, func(it feed.Item) {
		switch s := it.Sight; {
		case s.Lost > 0: // of nobody is it known where it was seen last
			clear(open)
		case s.Hook == model.HookInput && s.Until == journey.LastSeat:
			delete(open, s.Follow)
			passed++
		case s.Packet.Proto == model.ProtoUDP:
			open[s.Follow] = s.Seat
		}
	}); err != nil {
		t.Fatal(err)
	}
	if passed == 0 || len(open) > 0 {
		t.Errorf("%d were seen at the last seat, %d not, though all were let through: %v", passed, len(open), open)
	}
}
