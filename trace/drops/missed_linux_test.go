package drops

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// crossing is a namespace where a sender's own call loses datagrams, and interrupts come in the
// middle of that and lose others: a queue sends by a timer to a port where nobody listens.
type crossing struct {
	ns         *netns.Handle
	rule, port net.Conn
	sent       uint64 // to the port
}

func newCrossing(t *testing.T) *crossing {
	t.Helper()
	c := &crossing{ns: nettest.New(t, "missed")}
	nettest.Run(t, c.ns, "ip", "link", "set", "lo", "mtu", "1500")
	nettest.Run(t, c.ns, "tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "8mbit", "burst", "1600", "limit", "1000000")
	nettest.Feed(t, c.ns, "table inet t { counter n { }; chain o { type filter hook output priority 0; udp dport 11 counter name n drop; }; }", "nft", "-f", "-")
	nettest.Do(t, c.ns, func() (err error) {
		if c.rule, err = net.Dial("udp", "127.0.0.1:11"); err == nil {
			c.port, err = net.Dial("udp", "127.0.0.1:12")
		}
		return err
	})
	t.Cleanup(func() { _, _ = c.rule.Close(), c.port.Close() })
	return c
}

// until sends at least so many times, and until ok says yes.
func (c *crossing) until(t *testing.T, least int, ok func() bool) {
	t.Helper()
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	late := time.Now().Add(nettest.InVain)
	for n := 1; n < least || !ok(); n++ {
		if n%1000 == 0 { // others are tested meanwhile
			<-pause.C
		}
		for range 5 {
			_, _ = c.rule.Write([]byte("x")) // dropped in this call, which says so
		}
		if _, err := c.port.Write([]byte("x")); err == nil { // or is told of the one before
			c.sent++
		}
		if n%100 == 0 && time.Now().After(late) {
			t.Fatalf("of %d drops none was missed", 6*n)
		}
	}
}

// dropped is how many were, once the queue is empty, as the rule and the sockets count.
func (c *crossing) dropped(t *testing.T) uint64 {
	t.Helper()
	n := ruled(t, c.ns)
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	for late := time.Now().Add(nettest.InVain); noPorts(t, c.ns) < c.sent; <-pause.C {
		if time.Now().After(late) {
			t.Fatalf("of %d datagrams %d came", c.sent, noPorts(t, c.ns))
		}
	}
	return n + noPorts(t, c.ns)
}

// TestMissed: where an interrupt drops packets while the program tells of another, the kernel
// passes the program over, and in others it may. The Reader says so: what it told, held back,
// lost and missed is not less than what the rule and the sockets count themselves. It may be
// more by what was missed of others, for that is of the whole host. And all drops for which the
// program does not count a run are missed.
func TestMissed(t *testing.T) {
	nettest.Kernel(t, "nft", "tc", "ip")
	t.Parallel()
	c := newCrossing(t)
	w := watch(t, c.ns, Options{Rate: 1000, Burst: 10, Counters: 20 * time.Millisecond, NoFacts: true})
	needBPF(t, w.Watch())
	if w.probe.fired == nil {
		nettest.Skip(t, "perf counts nothing here")
	}
	was := w.missed(t)
	c.until(t, 8000, func() bool { return w.missed(t) != was })
	dropped := c.dropped(t)
	told := func(w drop.Watch) uint64 { return w.Told + w.Held + w.Lost }
	got := w.settled(t, func(w drop.Watch) bool { return told(w)+w.Missed >= dropped })
	if t.Logf("%d of %d, %d missed", told(got), dropped, got.Missed); told(got) > dropped {
		t.Errorf("%d drops, and %d are told: %+v", dropped, told(got), got)
	}
	// As if the kernel left the program out from now on, and counted nothing of that itself.
	w.mu.Lock()
	ran, err := w.probe.runs()
	w.probe.fired.runs = func() ([]uint64, error) { return ran, err }
	w.mu.Unlock()
	was = w.missed(t)
	const more = 500
	closedPort(t, c.ns, more)
	if c.sent += more; c.dropped(t) < dropped+more {
		t.Fatal("not all came")
	}
	if n := w.missed(t) - was; n < more {
		t.Errorf("%d missed, want all %d", n, more)
	}
}

// ruled is how many packets the rule's counter has.
func ruled(t *testing.T, ns *netns.Handle) (n uint64) {
	t.Helper()
	_, text, _ := strings.Cut(nettest.Run(t, ns, "nft", "list", "counters"), "packets ")
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// noPorts is how many datagrams came to ports where nobody listens.
func noPorts(t *testing.T, ns *netns.Handle) uint64 {
	t.Helper()
	p, err := openProc(ns)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c, err := p.read()
	if err != nil {
		t.Fatal(err)
	}
	return c["UdpNoPorts"]
}

// TestMissedWithoutPerf: where perf counts nothing the kernel's own count is what there is.
func TestMissedWithoutPerf(t *testing.T) {
	nettest.Kernel(t, "nft", "tc", "ip")
	t.Parallel()
	c := newCrossing(t)
	r, err := Open(c.ns, Options{Most: drop.StepBPF, NoFacts: true, Tracefs: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	needBPF(t, r.Watch())
	if r.probe.fired != nil {
		t.Fatal("perf counts")
	}
	own := func() uint64 {
		s, err := r.probe.prog.Stats()
		if err != nil {
			t.Fatal(err)
		}
		return s.RecursionMisses
	}
	c.until(t, 1, func() bool { return own() > 0 })
	least := own()
	n, err := r.probe.missed()
	if most := own(); err != nil || n < least || n > most {
		t.Errorf("%d missed, the kernel says %d to %d, %v", n, least, most, err)
	}
	// Of a CPU that came later perf counts nothing.
	r.probe.fired = &firings{runs: r.probe.runs}
	if n, err := r.probe.missed(); err != nil || n < least {
		t.Errorf("%d missed, the kernel says %d, %v", n, least, err)
	}
}

// TestFirings: of each CPU what perf was ahead of the program at first is none that was missed,
// and what was missed never falls.
func TestFirings(t *testing.T) {
	c := firing{began: -2}
	for _, n := range []struct{ fired, ran, missed uint64 }{
		{1, 3, 0}, {5, 7, 0},
		{5, 8, 0}, // the program was run since perf was asked
		{9, 8, 3}, {9, 9, 3}, {12, 10, 4},
		{12, 20, 4}, // the CPU went and came again
	} {
		if c.note(n.fired, n.ran); c.missed != n.missed {
			t.Errorf("fired %d, ran %d: %d missed, want %d", n.fired, n.ran, c.missed, n.missed)
		}
	}
}

// TestFiringsBegin: what perf was ahead at first is what two looks agree on, and the most of all
// where none do.
func TestFiringsBegin(t *testing.T) {
	for _, c := range []struct {
		fired []uint64 // at each look, of 100 runs
		began int64
	}{
		{[]uint64{107, 107}, 7},
		{[]uint64{106, 107, 107}, 7}, // the program had counted one that perf had not
		{[]uint64{109, 107, 107}, 7}, // dropped between the two
		{[]uint64{101, 103, 102, 104, 103, 101, 102, 101, 102, 101, 102, 101, 102, 101, 102, 101}, 4},
	} {
		fd, err := unix.MemfdCreate("fired", unix.MFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		var b []byte
		for _, n := range c.fired {
			b = binary.NativeEndian.AppendUint64(b, n)
		}
		if _, err := unix.Pwrite(fd, b, 0); err != nil {
			t.Fatal(err)
		}
		s := firings{cpus: []firing{{cpu: 1, fd: fd}}, runs: func() ([]uint64, error) { return []uint64{0, 100}, nil }}
		if err := s.begin(); err != nil || s.cpus[0].began != c.began {
			t.Errorf("%v: it began %d ahead, want %d, %v", c.fired, s.cpus[0].began, c.began, err)
		}
		if n, err := s.missed(); err == nil { // nothing more is there to be read
			t.Errorf("%v: %d are missed of a counter that gives no number", c.fired, n)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestFiringsRefused: where the counting cannot begin there is none.
func TestFiringsRefused(t *testing.T) {
	nettest.Kernel(t)
	for _, ran := range []func() ([]uint64, error){
		func() ([]uint64, error) { return nil, nil }, // on no CPU
		func() ([]uint64, error) { return nil, os.ErrClosed },
	} {
		if s, err := openFirings("", ran); s != nil || err == nil {
			t.Errorf("%+v, %v", s, err)
		}
	}
}

// TestMissedUnread: where the misses cannot be read they stay as they are, and the Reader
// goes on; where perf's cannot, the kernel's own count is left.
func TestMissedUnread(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	for _, tracefs := range []string{"", t.TempDir()} {
		r, err := Open(nettest.New(t, "unread"), Options{Most: drop.StepBPF, NoFacts: true, Tracefs: tracefs})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		needBPF(t, r.Watch())
		r.watch.Missed = 7
		if r.probe.fired != nil {
			for i := range r.probe.fired.cpus {
				if err := unix.Close(r.probe.fired.cpus[i].fd); err != nil {
					t.Fatal(err)
				}
				r.probe.fired.cpus[i].fd = -1
			}
			defer func() { r.probe.fired.cpus = nil }()
			if _, err := r.probe.fired.missed(); err == nil {
				t.Fatal("closed counters are read")
			}
			if n, err := r.probe.missed(); err != nil || n >= 7 {
				t.Fatalf("%d missed, %v", n, err)
			}
			if err := r.counted(func(feed.Item) {}); err != nil || r.watch.Missed != 7 {
				t.Errorf("%d missed, %v", r.watch.Missed, err)
			}
		}
		if err := r.probe.prog.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := r.probe.missed(); err == nil {
			t.Fatalf("%d are read of what is closed", n)
		}
		if err := r.counted(func(feed.Item) {}); err != nil || r.watch.Missed != 7 {
			t.Errorf("%d missed, %v", r.watch.Missed, err)
		}
	}
}
