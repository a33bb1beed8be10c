package live

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/trace/arm"
	"nfscope/trace/between"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
	"nfscope/trace/nflog"
	"nfscope/trace/nftrace"
)

// heap keeps the items that a session puts.
type heap struct {
	mu    sync.Mutex
	items []feed.Item
}

func (h *heap) put(it feed.Item) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.items = append(h.items, it)
}

// last is the last item that ok accepts.
func (h *heap) last(ok func(*feed.Item) bool) (last feed.Item) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.items {
		if ok(&h.items[i]) {
			last = h.items[i]
		}
	}
	return last
}

// bare is a session that watches nothing, and what it puts.
func bare(t *testing.T, ns *netns.Handle) (*Session, *heap) {
	t.Helper()
	h := new(heap)
	s, err := Open(ns, guarded(t), About{}, h.put)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := s.Rules(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, h
}

// TestNamesAfterARawTrace: rules that the raw method makes are read before a packet is named
// by the numbers that they have moved.
func TestNamesAfterARawTrace(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore")
	t.Parallel()
	ns := nettest.New(t, "moved")
	load(t, ns, "iptables-legacy-restore", "*raw\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p udp -m udp --dport 9\nCOMMIT\n")
	s, h := bare(t, ns)
	if err := s.Arm(t.Context(), Trace{Filter: parse(t, "udp and dst port 9"), Method: arm.MethodRaw}); err != nil {
		t.Fatal(err)
	}
	read := h.last(func(it *feed.Item) bool { return it.Rules != nil }).Rules
	if _, n := read.Size(); n < 2 {
		t.Errorf("%d rules are known, ours is not among them", n)
	}
	if again, err := s.inForce(t.Context()); err != nil || again != read { // Watch counts by the pointer
		t.Errorf("the same rules are read anew: %v", err)
	}
}

// TestArmsOneAtATime: a trace that is armed ends before another begins.
func TestArmsOneAtATime(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	ns := nettest.New(t, "again")
	s, _ := bare(t, ns)
	var first <-chan struct{}
	for _, text := range []string{"udp and dst port 9", "udp and dst port 10"} {
		if err := s.Arm(t.Context(), Trace{Filter: parse(t, text)}); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = s.Done()
		}
	}
	select {
	case <-first:
	default:
		t.Error("the first goes on")
	}
	if out := nettest.Run(t, ns, "nft", "list", "tables"); strings.Count(out, "nfscope") != 1 {
		t.Errorf("tables:\n%s", out)
	}
}

// TestLastCount: what was held back since the last second is told when a trace ends.
func TestLastCount(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	ns := nettest.New(t, "count")
	s, h := bare(t, ns)
	if err := s.Arm(t.Context(), Trace{Filter: parse(t, "udp and dst port 9"), Rate: 1}); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		udp(t, ns, "127.0.0.1:9")
	}
	if err := s.Disarm(); err != nil {
		t.Fatal(err)
	}
	last := h.last(func(it *feed.Item) bool { return it.Trace != nil }).Trace
	if last.Armed || last.Held == 0 || last.Held > 40 { // each matches as it leaves and as it comes
		t.Errorf("armed %v, %d held back", last.Armed, last.Held)
	}
}

// TestEndWaitsForWhatIsQueued: a trace's readers go on after it is disarmed, as long as events
// wait, and not for ever.
func TestEndWaitsForWhatIsQueued(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy")
	t.Parallel()
	ns := nettest.New(t, "rest")
	log, err := nflog.Open(ns, nflog.TraceGroup, nflog.Options{StampLate: true})
	if err != nil {
		t.Fatal(err)
	}
	nettest.Run(t, ns, "iptables-legacy", "-A", "OUTPUT", "-p", "udp", "--dport", "9", "-j", "NFLOG")
	udp(t, ns, "127.0.0.1:9") // and nobody reads it
	armed := &following{done: make(chan struct{})}
	var stopped time.Time
	tr := &tracing{armed: armed, nflog: log, over: make(chan struct{}), stop: func() {
		stopped = time.Now()
		select {
		case <-armed.done:
		default:
			t.Error("the readers end before the trace")
		}
	}}
	begin := time.Now()
	if tr.end(); tr.err != nil {
		t.Error(tr.err)
	}
	if d := stopped.Sub(begin); d < drain {
		t.Errorf("the readers are stopped after %s, and an event waits", d)
	}
}

// TestTurnsAfterALoss: once an event of nf_tables is lost, none is counted as the next of its
// packet; a loss of the legacy tracer is none of these.
func TestTurnsAfterALoss(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	seats, err := between.Open(between.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer seats.Close()
	tr := &tracing{nft: new(nftrace.Reader), nflog: new(nflog.Reader)}
	tr.seats.Store(seats)
	gap := []journey.Event{{Source: journey.SourceGap, Lost: 1}}
	turn := func() uint32 {
		l := []journey.Event{{Source: journey.SourceNFT, ID: 7}}
		tr.name(tr.nft, l)
		return l[0].Turn
	}
	if n := turn(); n != 1 {
		t.Errorf("the first is number %d", n)
	}
	tr.name(tr.nflog, gap)
	if n := turn(); n != 2 {
		t.Errorf("the second is number %d", n)
	}
	tr.name(tr.nft, gap)
	if n := turn(); n != 0 {
		t.Errorf("after a loss one is number %d", n)
	}
}

// TestProgramsEndInTime: programs in the hooks follow packets no longer than was said.
func TestProgramsEndInTime(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	s, h := bare(t, nettest.New(t, "intime"))
	if err := s.Arm(t.Context(), Trace{Filter: parse(t, "udp"), Programs: true, For: 50 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if done := s.Done(); done != nil {
		select {
		case <-done:
		case <-time.After(nettest.InVain):
			t.Fatal("it goes on")
		}
	}
	if last := h.last(func(it *feed.Item) bool { return it.Trace != nil }).Trace; last.Armed || last.Method != snapshot.MethodPrograms {
		t.Errorf("it ends as %+v", last)
	}
}

// TestHostName: a session that was given no name is the host's.
func TestHostName(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	ns := nettest.New(t, "unnamed")
	for name, want := range map[string]string{"": "host", "x": "x"} {
		h := new(heap)
		s, err := Open(ns, nil, About{Name: name}, h.put)
		if err != nil {
			t.Fatal(err)
		}
		host := h.last(func(it *feed.Item) bool { return it.Host != nil }).Host
		if err := errors.Join(s.Close()); err != nil || host.Name != want {
			t.Errorf("%q is shown as %q, %v", name, host.Name, err)
		}
	}
}
