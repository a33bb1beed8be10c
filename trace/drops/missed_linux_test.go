package drops

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// TestMissed: where an interrupt drops packets while the program tells of another, the kernel
// passes the program over, and in others it may. The Reader says so: what it told, held back,
// lost and missed is not less than what the rule and the sockets count themselves. It may be
// more by what was missed of others, for that is of the whole host.
func TestMissed(t *testing.T) {
	nettest.Kernel(t, "nft", "tc", "ip")
	t.Parallel()
	ns := nettest.New(t, "missed")
	// The queue sends by a timer, whose interrupt delivers to a port where nobody listens.
	nettest.Run(t, ns, "ip", "link", "set", "lo", "mtu", "1500")
	nettest.Run(t, ns, "tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "8mbit", "burst", "1600", "limit", "1000000")
	nettest.Feed(t, ns, "table inet t { counter n { }; chain o { type filter hook output priority 0; udp dport 11 counter name n drop; }; }", "nft", "-f", "-")
	w := watch(t, ns, Options{Rate: 1000, Burst: 10, Counters: 20 * time.Millisecond, NoFacts: true})
	needBPF(t, w.Watch())
	if w.probe.fired == nil {
		nettest.Skip(t, "perf counts nothing here")
	}
	var rule, port net.Conn
	nettest.Do(t, ns, func() (err error) {
		if rule, err = net.Dial("udp", "127.0.0.1:11"); err == nil {
			port, err = net.Dial("udp", "127.0.0.1:12")
		}
		return err
	})
	defer rule.Close()
	defer port.Close()
	const least = 8000
	sent, was := uint64(0), w.missed(t)
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	late := time.Now().Add(nettest.InVain)
	for n := 1; n < least || w.missed(t) == was; n++ {
		if n%1000 == 0 { // others are tested meanwhile
			<-pause.C
		}
		for range 5 {
			_, _ = rule.Write([]byte("x")) // dropped in this call, which says so
		}
		if _, err := port.Write([]byte("x")); err == nil { // or is told of the one before
			sent++
		}
		if n%100 == 0 && time.Now().After(late) {
			t.Fatalf("of %d drops none was missed", 6*n)
		}
	}
	dropped := ruled(t, ns)
	for noPorts(t, ns) < sent { // the queue is not yet empty
		<-pause.C
		if time.Now().After(late) {
			t.Fatalf("of %d datagrams %d came", sent, noPorts(t, ns))
		}
	}
	dropped += noPorts(t, ns)
	told := func(w drop.Watch) uint64 { return w.Told + w.Held + w.Lost }
	got := w.settled(t, func(w drop.Watch) bool { return told(w)+w.Missed >= dropped })
	if t.Logf("%d of %d, %d missed", told(got), dropped, got.Missed); told(got) > dropped {
		t.Errorf("%d drops, and %d are told: %+v", dropped, told(got), got)
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
	nettest.Kernel(t)
	t.Parallel()
	r, err := Open(nettest.New(t, "recursion"), Options{Most: drop.StepBPF, NoFacts: true, Tracefs: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	needBPF(t, r.Watch())
	n, err := r.probe.missed()
	s, err2 := r.probe.prog.Stats()
	if err := errors.Join(err, err2); err != nil || r.probe.fired != nil || n > s.RecursionMisses {
		t.Errorf("%d missed, the kernel says %+v, %v", n, s, err)
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
		{0, 20, 4}, // the CPU went
	} {
		if c.note(n.fired, n.ran); c.missed != n.missed {
			t.Errorf("fired %d, ran %d: %d missed, want %d", n.fired, n.ran, c.missed, n.missed)
		}
	}
}

// TestMissedUnread: where the misses cannot be read they stay as they are, and the Reader
// goes on.
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
		} else if err := r.probe.prog.Close(); err != nil {
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
