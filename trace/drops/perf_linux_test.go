package drops

import (
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/trace/nettest"
)

// What finds no room in a full ring is counted at once, not with the next record.
func TestPerfLost(t *testing.T) {
	nettest.Kernel(t)
	fs := tracefs(t)
	p, err := openPerf(fs, 1) // so that few drops fill it: others read those of the whole host too
	if err != nil {
		t.Fatal(err)
	}
	ns := nettest.New(t, "lost")
	closed := false
	defer func() {
		if !closed {
			_ = p.Close()
		}
	}()
	err = ns.Do(func() error {
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		if err != nil {
			return err
		}
		defer unix.Close(s)
		cpu := -1
		var was, one unix.CPUSet
		if err := unix.SchedGetaffinity(0, &was); err != nil {
			return err
		}
		for one.Count() == 0 {
			cpu++
			if was.IsSet(cpu) {
				one.Set(cpu)
			}
		}
		if err := unix.SchedSetaffinity(0, &one); err != nil { // one CPU, one ring
			return err
		}
		defer unix.SchedSetaffinity(0, &was)
		for range 300 { // nobody reads port 9: a drop each, and a ring of a page holds 73
			_ = unix.Sendto(s, nil, 0, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.drain(func(string, uint64, uint64) {}); err != nil {
		t.Fatal(err)
	}
	var told uint64
	for i := range p.cpus {
		told += p.cpus[i].lost
	}
	if t.Log(p.told, p.lost, told); p.lost <= told {
		t.Errorf("lost %d, of which the ring told %d, beside %d told", p.lost, told, p.told)
	}
	// A Reader says so, and that nothing is known of them.
	r, err := Open(ns, Options{Most: drop.StepPerf, NoFacts: true, Tracefs: fs})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.perf.Close(); err != nil {
		t.Fatal(err)
	}
	r.perf, closed = p, true
	if err := r.counted(func(feed.Item) {}); err != nil {
		t.Fatal(err)
	}
	if w := r.watch; w.Told != p.told || w.Lost != p.lost || w.Merged != p.lost || w.Untold() != 0 {
		t.Errorf("%+v of %d told and %d lost", w, p.told, p.lost)
	}
}
