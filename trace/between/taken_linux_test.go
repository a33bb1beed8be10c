package between

import (
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

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

// TestLastTaken: where no place is left for a hook's last seat, the one before has all behind it, and
// who is seen there has not left the hook.
func TestLastTaken(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	ns := nettest.New(t, "last")
	var others []journey.Seat
	for i := range model.Priority(tries) {
		others = append(others, journey.Seat{Hook: model.HookPostrouting, Priority: 10 + i, Until: 11 + i})
	}
	for i, seats := range [][]journey.Seat{others, {{Hook: model.HookPostrouting, Priority: -20, Until: 10}, {Hook: model.HookPostrouting, Priority: 10, Until: journey.LastSeat}}} {
		r, err := Open(Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if err := r.Sit(ns, "", seats); err != nil {
			t.Fatal(err)
		}
		if got := r.Seats(); i == 1 && (len(got) != 1 || got[0].Priority != -20 || got[0].Until <= 10+tries || got[0].Until == journey.LastSeat) {
			t.Errorf("seats %+v", got)
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
	const behind, short, long = 20, "hello", "hello again"
	var taken atomic.Bool
	sent := make(chan error, 1)
	go nettest.Do(t, n.Client, func() error { // until the seats are taken, and some behind that
		pace := time.NewTicker(200 * time.Microsecond) // there is room for 5,957 sights
		defer pace.Stop()
		c, err := net.Dial("udp", "10.1.0.1:53")
		for left := behind; err == nil && left > 0; <-pace.C {
			text := short
			if taken.Load() {
				text = long
			}
			switch _, err = c.Write([]byte(text)); {
			case errors.Is(err, unix.ECONNREFUSED): // nobody listens to the one before; this one was not sent
				err = nil
			case text == long:
				left--
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
	open, passed, last := map[uint64]journey.Seat{}, 0, 0
	patience := nettest.NewPatience()
	defer patience.Stop()
	for last < behind || len(open) > 0 { // some may be on their way still
		if err := r.drain(func(it feed.Item) {
			switch s := it.Sight; {
			case s.Lost > 0:
				t.Errorf("%d sights were lost: of nobody is it known where it was seen last", s.Lost)
			case s.Hook == model.HookInput && s.Until == journey.LastSeat:
				delete(open, s.Follow)
				passed++
				if s.Packet.Length == 28+len(long) {
					last++
				}
			case s.Packet.Proto == model.ProtoUDP:
				open[s.Follow] = s.Seat
			}
		}); err != nil {
			t.Fatal(err)
		}
		if <-patience.C; t.Failed() || patience.Over() {
			break
		}
	}
	if passed == 0 || last < behind || len(open) > 0 {
		t.Errorf("%d were seen at the last seat, %d of the last %d, and %d not, though all were let through: %v", passed, last, behind, len(open), open)
	}
}
