package drops

import (
	"context"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/trace/nettest"
)

// TestHeardInFlood: drops that are told while others come are heard, though the kernel's buffer
// is never empty; what is being told is not. The counters are told meanwhile, and a flood that
// goes on keeps no Reader from its end.
func TestHeardInFlood(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	ns := nettest.New(t, "heard")
	r, err := Open(ns, Options{Most: drop.StepBPF, NoFacts: true, Rate: 1 << 20, Burst: 1 << 20, Counters: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	needBPF(t, r.Watch())
	const more, all, late, first = 16, 400, 4000, 1000 // that wait always, in the end, and if there is none; the first one's port
	var sent []time.Time                               // by port
	fd := -1
	nettest.Do(t, ns, func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		return err
	})
	defer unix.Close(fd)
	send := func() {
		if err := unix.Sendto(fd, []byte("x"), 0, &unix.SockaddrInet4{Port: first + len(sent), Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			t.Error(err)
		}
		sent = append(sent, time.Now())
	}
	for range more {
		send()
	}
	began, told, counted := time.Now(), 0, uint64(0)
	ctx, stop := context.WithTimeout(t.Context(), nettest.InVain)
	defer stop()
	if err := r.Run(ctx, func(it feed.Item) {
		if it.Drops != nil && told < all {
			counted = it.Drops.Told
		}
		if it.Drop == nil || it.Drop.Reason != "NO_SOCKET" {
			return
		}
		mine := sent[it.Drop.Packet.DPort-first]
		if at := r.Heard(); at.After(mine) {
			t.Errorf("told is what was sent before %v, heard what was %v later", mine, at.Sub(mine))
		}
		send()
		if told++; told == late {
			t.Fatalf("it goes on for %d drops after its end", late-all)
		}
		if told != all {
			return
		}
		if stop(); counted == 0 {
			t.Errorf("after %v and %d drops none is counted", time.Since(began), told)
		}
		if !r.Heard().After(began) {
			t.Errorf("after %v and %d drops none is heard", time.Since(began), told)
		}
	}); err != nil {
		t.Error(err)
	}
	if told < all {
		t.Errorf("told are %d of %d", told, len(sent))
	}
}
