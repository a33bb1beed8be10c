package drops

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// blindly is a Reader on the step perf, that sees the drops of the whole host beside others that
// see those of their own namespaces by eBPF.
type blindly struct {
	stop    func() // and what perf told is there
	tracefs string
	mu      sync.Mutex
	// seen counts what it told, by reason and place, here what the others did; lost are those
	// that found no room in its rings.
	seen, here map[at]uint64
	first      map[at]*drop.Drop
	lost       uint64
	causes     map[*cause]at
}

// at is all that perf knows of a drop.
type at struct{ reason, place string }

// watchBlind begins with CAP_PERFMON and no other capability.
func watchBlind(t *testing.T) *blindly {
	t.Helper()
	b := &blindly{seen: map[at]uint64{}, here: map[at]uint64{}, first: map[at]*drop.Drop{}, causes: map[*cause]at{}}
	b.tracefs = tracefs(t)
	ns := nettest.New(t, "blind")
	// What the library learns of the kernel it keeps, so that it learns it with all capabilities.
	whole, err := Open(ns, Options{})
	if err == nil {
		err = whole.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	r := openWithout(t, ns, Options{Tracefs: b.tracefs, Counters: time.Hour}, unix.CAP_PERFMON)
	if w := r.Watch(); w.Step != drop.StepPerf || len(w.Lift) != 1 || !strings.Contains(w.Lift[0].Why, "it needs CAP_BPF and CAP_PERFMON") {
		t.Fatalf("%+v", w)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- r.Run(ctx, func(it feed.Item) {
			if d := it.Drop; d != nil && d.Source == drop.StepPerf {
				k := at{d.Reason, d.Place}
				if b.seen[k] += d.Count; b.first[k] == nil {
					b.first[k] = d
				}
			}
		})
	}()
	b.stop = sync.OnceFunc(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		b.lost = r.perf.lost
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(b.stop)
	return b
}

// told takes what eBPF told of a cause: d, and all that came.
func (b *blindly) told(c *cause, d *drop.Drop, all []*drop.Drop) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.causes[c] = at{d.Reason, d.Place}
	for _, d := range all {
		if d.Source == drop.StepBPF {
			b.here[at{d.Reason, d.Place}] += d.Count
		}
	}
}

// sayings are what is said of a drop by reason and place alone, where that is not what the
// reason means: as much as is sure of all that ends there.
func sayings() map[at]string {
	const (
		rule  = "a rule or a policy of netfilter dropped it"
		tcp   = "its connection is over and waits in TIME_WAIT, or its handshake is not finished"
		ended = "its TTL or hop limit ran out, and this host would have to send it on"
	)
	return map[at]string{
		{"NETFILTER_DROP", "nft_do_chain"}:    rule,
		{"NETFILTER_DROP", "nf_hook_slow"}:    rule + ", or conntrack did: its table is full, or another connection is in its way",
		{"NOT_SPECIFIED", "nf_queue"}:         "a rule handed it to user space (NFQUEUE), and no program reads that queue",
		{"NOT_SPECIFIED", "ip_error"}:         "its route says that it is to be thrown away: blackhole, prohibit or unreachable",
		{"NOT_SPECIFIED", "dst_discard_out"}:  "a route of kind blackhole throws it away",
		{"NOT_SPECIFIED", "neigh_invalidate"}: "the next hop does not answer ARP or neighbour discovery",
		{"NOT_SPECIFIED", "icmpv6_rcv"}:       "the kernel gave no reason; it happened in icmpv6_rcv",
		{"NOT_SPECIFIED", "tcp_v4_rcv"}:       tcp,
		{"NOT_SPECIFIED", "tcp_v6_rcv"}:       tcp,
		{"IP_INNOROUTES", "ip6_pkt_prohibit"}: "a route of kind prohibit throws it away",
		{"IP_INNOROUTES", "ip6_pkt_discard"}:  "no route leads to its destination, or one of kind unreachable",
		{"IP_INHDR", "ip_forward"}:            ended,
		{"IP_INHDR", "ip6_forward"}:           ended,
	}
}

// check: perf told of every drop that eBPF told of, and of each cause neither more than reason
// and place say nor anything else.
func (b *blindly) check(t *testing.T) {
	t.Helper()
	b.stop()
	for k, n := range b.here {
		if b.seen[k]+b.lost < n {
			t.Errorf("perf told %d times of %s in %s and lost %d, eBPF told of %d", b.seen[k], k.reason, k.place, b.lost, n)
		}
	}
	words := drop.Meanings()
	for c, k := range b.causes {
		d := b.first[k]
		if d == nil {
			continue // that was said
		}
		want, station := sayings()[k], c.station
		if want == "" {
			want = words.Of(c.reason).Says
		}
		if k.place == "dst_discard_out" { // of what is sent and of what is sent on
			station = drop.StationUnknown
		}
		e := words.Explain(d)
		if e.Sentence() != want || d.Station != station || d.Netfilter() != (c.by != drop.ByKernel) || (e.By == drop.ByKernel) != (c.by == drop.ByKernel) || d.HasPacket() || d.Netns != 0 {
			t.Errorf("%s: by %s, want %s: %q, want %q: %s", c.name, e.By, c.by, e.Sentence(), want, line(d))
		}
	}
}

// openWithout opens a Reader on a thread that has no capabilities in effect but these.
func openWithout(t *testing.T, ns *netns.Handle, o Options, keep ...uint) *Reader {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var all, few [2]unix.CapUserData
	if err := unix.Capget(&hdr, &all[0]); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		few[i] = all[i]
		few[i].Effective = 0
	}
	for _, c := range keep {
		few[c/32].Effective |= 1 << (c % 32)
	}
	if err := unix.Capset(&hdr, &few[0]); err != nil {
		t.Fatal(err)
	}
	r, err := Open(ns, o)
	if back := unix.Capset(&hdr, &all[0]); back != nil {
		t.Fatal(back)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}
