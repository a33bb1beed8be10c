package collect

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
	"nfscope/model/snapshot"
	"nfscope/model/store"
)

var addrs = [2]netip.Addr{netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("203.0.113.10")}

// event is one line of the legacy tracer about packet number n.
func event(n int, now time.Time, hook model.Hook, table, chain string, num int) feed.Item {
	p := model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoTCP, Src: addrs[0], Dst: addrs[1], SPort: uint16(n >> 16), DPort: 80,
		Transport: true, IPID: uint16(n), Length: 60, Seq: uint32(n), Flags: model.SYN, TTL: 64}
	return feed.Item{Time: now, Event: &journey.Event{Source: journey.SourceLegacy, Time: now, Family: model.FamilyIPv4, Table: table, Chain: chain,
		Kind: journey.EventRule, Hook: hook, Num: num, Packet: &p, In: "eth0"}}
}

func rules(tb testing.TB, text string) feed.Item {
	tb.Helper()
	rs, _, problems := ruleset.ParseFile("test", []byte(text))
	if len(problems) > 0 {
		tb.Fatal(problems)
	}
	rs.Generation = "1"
	return feed.Item{Time: time.Now(), Rules: rs}
}

// running is a Collector at work, and the snapshots it published.
type running struct {
	*Collector
	mu    sync.Mutex
	snaps []*snapshot.Snapshot
	times []time.Time
	stop  context.CancelFunc
	ended chan struct{}
	fresh chan struct{}
}

func start(t *testing.T) *running {
	t.Helper()
	r := &running{Collector: New(store.New(journey.Options{}), time.Now), ended: make(chan struct{}), fresh: make(chan struct{}, 1)}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() {
		defer close(r.ended)
		r.Run(ctx, func(s *snapshot.Snapshot) {
			r.mu.Lock()
			r.snaps, r.times = append(r.snaps, s), append(r.times, time.Now())
			r.mu.Unlock()
			select {
			case r.fresh <- struct{}{}:
			default:
			}
		})
	}()
	t.Cleanup(func() { stop(); <-r.ended })
	return r
}

func (r *running) last() *snapshot.Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.snaps) == 0 {
		return nil
	}
	return r.snaps[len(r.snaps)-1]
}

// wait waits for a snapshot that ok accepts.
func (r *running) wait(t *testing.T, what string, ok func(*snapshot.Snapshot) bool) *snapshot.Snapshot {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		if s := r.last(); s != nil && ok(s) {
			return s
		}
		select {
		case <-r.fresh:
		case <-deadline:
			t.Fatalf("waited in vain for %s; the last: %+v", what, r.last())
		}
	}
}

// TestPace: at most thirty snapshots a second, and none when nothing changed.
func TestPace(t *testing.T) {
	t.Parallel()
	r := start(t)
	stop := time.Now().Add(500 * time.Millisecond)
	n := 0
	for time.Now().Before(stop) {
		r.Put(feed.Item{Time: time.Now(), Host: &feed.Host{Name: fmt.Sprint(n)}})
		n++
	}
	final := r.wait(t, "the newest", func(s *snapshot.Snapshot) bool { return s.Netns == fmt.Sprint(n-1) })
	r.mu.Lock()
	for i := 1; i < len(r.times); i++ {
		if r.snaps[i].Version <= r.snaps[i-1].Version {
			t.Errorf("version %d after %d", r.snaps[i].Version, r.snaps[i-1].Version)
		}
	}
	if most := 2 + int(r.times[len(r.times)-1].Sub(r.times[0])/Interval); len(r.snaps) > most {
		t.Errorf("%d snapshots of %d changes, at most %d were due", len(r.snaps), n, most)
	}
	count := len(r.snaps)
	r.mu.Unlock()
	quiet := time.NewTimer(5 * Interval)
	defer quiet.Stop()
	<-quiet.C
	r.mu.Lock()
	if len(r.snaps) != count {
		t.Errorf("%d snapshots though nothing changed", len(r.snaps)-count)
	}
	r.mu.Unlock()
	if r.last() != final {
		t.Error("the last snapshot is not the newest")
	}
}

// TestApart: snapshots are an Interval apart, more where flows alone change, and more where
// they take long to make, that folding has its time. Between two calls of the clock stands
// what one took, so these bounds hold however slow the machine is.
func TestApart(t *testing.T) {
	t.Parallel()
	const slow = 10 * time.Millisecond
	for _, c := range []struct {
		name  string
		took  time.Duration
		item  feed.Item
		least time.Duration
	}{
		{"changes", 0, feed.Item{Problem: "x"}, Interval},
		{"flows alone", 0, feed.Item{Flows: &flow.Batch{Records: []flow.Record{{Type: flow.EventUpdate}}}}, calm * Interval},
		{"long to make", slow, feed.Item{Problem: "x"}, share * slow},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			col := New(store.New(journey.Options{}), func() time.Time {
				at := time.Now()
				if c.took > 0 {
					<-time.After(c.took)
				}
				return at
			})
			ctx, stop := context.WithCancel(context.Background())
			made, ran := make(chan time.Time), make(chan struct{})
			go func() {
				defer close(ran)
				col.Run(ctx, func(s *snapshot.Snapshot) {
					select {
					case made <- s.Time:
					case <-ctx.Done():
					}
				})
			}()
			defer func() { stop(); <-ran }()
			var last time.Time
			for n := 0; n < 3; {
				col.Put(c.item)
				select {
				case at := <-made:
					// The clock was asked up to a share of the pause late.
					if gap := at.Sub(last); n > 0 && gap < c.least*(share-1)/share {
						t.Errorf("a snapshot %s after the one before, want %s", gap, c.least)
					}
					last = at
					n++
				case <-time.After(time.Millisecond):
				}
			}
		})
	}
}

// TestEnd: what waits when Run is told to end is in the last snapshot.
func TestEnd(t *testing.T) {
	t.Parallel()
	r := start(t)
	r.Put(feed.Item{Problem: "one"})
	r.End()
	r.stop()
	<-r.ended
	s := r.last()
	if s == nil || !s.Ended || !slices.Equal(s.Problems, []string{"one"}) {
		t.Errorf("the last snapshot: %+v", s)
	}
}

// TestOverflow: the oldest packets and flows go and are counted; what must arrive
// arrives, in order, and memory has an end.
func TestOverflow(t *testing.T) {
	t.Parallel()
	st := store.New(journey.Options{Keep: maxEvents})
	c := New(st, time.Now)
	c.Put(rules(t, "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP\nCOMMIT\n"))
	now := time.Now()
	const events, flows, must = 3 * maxEvents, maxFlows + 1000, 32
	for i := range flows {
		c.Put(feed.Item{Time: now, Flow: &flow.Event{Type: flow.EventNew, Time: now, Flow: &flow.Flow{ID: uint32(i + 1), Orig: flow.Side{Tuple: model.Tuple{Proto: model.ProtoUDP, SPort: uint16(i), DPort: uint16(i >> 16)}}}}}) // no two of one tuple, as in the kernel
	}
	c.Put(feed.Item{Time: now, Flow: &flow.Event{Type: flow.EventGap, Time: now, Lost: 5}})
	c.Put(feed.Item{Time: now, Event: &journey.Event{Source: journey.SourceGap, Time: now, Lost: 7}})
	batch := journey.NewBatch(16)
	for i := range events {
		if it := event(i, now, model.HookInput, "filter", "INPUT", 1); i < events/2 { // as a live tracer hands them over
			batch.Add(it.Event)
			if batch.Full() {
				c.Put(feed.Item{Time: now, Events: batch.Events()})
				batch.Reset()
			}
		} else {
			c.Put(it)
		}
		if i%(events/must) == 0 {
			c.Put(feed.Item{Time: now, Problem: fmt.Sprint(i / (events / must))})
		}
	}
	if n := len(c.queue.entries); n > 2*(maxFlows+maxEvents/room+must+1024) {
		t.Errorf("%d places for %d flow changes and %d runs of events", n, maxFlows, maxEvents/room)
	}
	c.Drain()
	s := st.Snapshot(now)
	if st.Events() > maxEvents || st.Events() < maxEvents-2*room {
		t.Errorf("%d events came through, want the newest, %d at most", st.Events(), maxEvents)
	}
	if want := (snapshot.Loss{Trace: 7, Flows: 5, Dropped: events + flows - maxFlows - st.Events()}); s.Loss != want {
		t.Errorf("loss %+v, want %+v", s.Loss, want)
	}
	if s.Rules == nil || len(s.Problems) != must {
		t.Errorf("rules %v and %d problems: what must arrive did not", s.Rules != nil, len(s.Problems))
	}
	for i, p := range s.Problems {
		if p != fmt.Sprint(i) {
			t.Fatalf("problem %d is %s", i, p)
		}
	}
	for i, j := range s.Journeys[1:] { // what came is whole, and the newest
		if j.Packet.Seq != s.Journeys[i].Packet.Seq+1 || i == len(s.Journeys)-2 && j.Packet.Seq != events-1 {
			t.Fatalf("packet %d is followed by %d", s.Journeys[i].Packet.Seq, j.Packet.Seq)
		}
	}
	// The queue is as good as new.
	before, dropped := st.Events(), st.Loss().Dropped
	c.Put(event(events, now, model.HookInput, "filter", "INPUT", 1))
	c.Drain()
	if st.Events() != before+1 || st.Loss().Dropped != dropped {
		t.Errorf("after it: %d events, %d dropped", st.Events(), st.Loss().Dropped)
	}
}

// TestImmutable reads every snapshot while the next ones are made; the race detector
// and the comparison at the end would see one that changes.
func TestImmutable(t *testing.T) {
	t.Parallel()
	c := New(store.New(journey.Options{Keep: 50}), time.Now)
	ctx, stop := context.WithCancel(context.Background())
	snaps := make(chan *snapshot.Snapshot, 1024)
	ran := make(chan struct{})
	var published atomic.Int64
	go func() {
		defer close(ran)
		c.Run(ctx, func(s *snapshot.Snapshot) {
			published.Add(1)
			snaps <- s
		})
	}()

	type seen struct {
		snap *snapshot.Snapshot
		text string
	}
	var all []seen
	read := make(chan struct{})
	go func() {
		defer close(read)
		for s := range snaps {
			all = append(all, seen{s, picture(s)})
		}
	}()
	ruleset := rules(t, "*filter\n:INPUT ACCEPT [0:0]\n[0:0] -A INPUT -j DROP\nCOMMIT\n")
	c.Put(ruleset)
	c.Put(feed.Item{Host: &feed.Host{Name: "x", Local: []string{"10.0.0.1/8"}}})
	deadline := time.Now().Add(time.Minute)
	for i := 0; published.Load() < 8 && time.Now().Before(deadline); i++ {
		now := time.Now()
		c.Put(event(i, now, model.HookPrerouting, "raw", "PREROUTING", 1))
		c.Put(event(i, now, model.HookInput, "filter", "INPUT", 1))
		f := &flow.Flow{ID: uint32(i%40 + 1), Orig: flow.Side{Tuple: model.Tuple{Proto: model.ProtoTCP, Src: addrs[0], Dst: addrs[1], SPort: uint16(i % 40)}}}
		f.Reply.Tuple = f.Orig.Tuple.Reverse()
		typ := flow.EventNew
		if i%3 == 0 {
			typ = flow.EventDestroy
		}
		c.Put(feed.Item{Time: now, Flow: &flow.Event{Type: typ, Time: now, Flow: f}})
		if i%20 == 0 {
			c.Put(feed.Item{Time: now, Counts: &model.Counts{Generation: "1", Taken: now,
				Rules: []model.Counters{{Packets: uint64(i), Valid: true}}, Chains: []model.Counters{{Valid: true}}}})
			c.Put(feed.Item{Time: now, Problem: fmt.Sprint(i % 70)})
		}
		if i%100 == 99 {
			c.Put(ruleset)
		}
		<-time.After(time.Millisecond)
	}
	stop()
	<-ran
	close(snaps)
	<-read
	if len(all) < 8 {
		t.Fatalf("%d snapshots", len(all))
	}
	for i, s := range all {
		if now := picture(s.snap); now != s.text {
			t.Fatalf("snapshot %d of %d has changed:\n%s\nwas:\n%s", i, len(all), now, s.text)
		}
	}
}

// picture is all of a snapshot that a page may look at.
func picture(s *snapshot.Snapshot) string {
	text := fmt.Sprintf("%d %s %v %v %v %v %+v %v\n", s.Version, s.Netns, s.Counts, s.Previous, s.Sparks, s.Problems, s.Loss, s.EventsPerSecond)
	for _, j := range s.Journeys {
		text += fmt.Sprintf("%+v\n", *j)
	}
	return text
}

// BenchmarkCollector tells how many trace events a second the collector absorbs, with
// a snapshot thirty times a second beside it: each packet is seen in four base chains,
// and a connection is made for every tenth.
func BenchmarkCollector(b *testing.B) {
	text := "*raw\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n*mangle\n:PREROUTING ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\nCOMMIT\n*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -d 203.0.113.10/32 -j DROP\nCOMMIT\n"
	places := []struct {
		hook         model.Hook
		table, chain string
	}{{model.HookPrerouting, "raw", "PREROUTING"}, {model.HookPrerouting, "mangle", "PREROUTING"}, {model.HookForward, "mangle", "FORWARD"}, {model.HookForward, "filter", "FORWARD"}}
	for _, c := range []struct {
		name string
		more int // user chains besides, with a rule each
	}{{"few rules", 0}, {"36000 chains", 36_000}} {
		b.Run(c.name, func(b *testing.B) {
			var big strings.Builder
			big.WriteString(text)
			if c.more > 0 {
				big.WriteString("*nat\n:PREROUTING ACCEPT [0:0]\n")
				for i := range c.more {
					fmt.Fprintf(&big, ":KUBE-SVC-%d - [0:0]\n", i)
				}
				for i := range c.more {
					fmt.Fprintf(&big, "[0:0] -A KUBE-SVC-%d -j RETURN\n", i)
				}
				big.WriteString("COMMIT\n")
			}
			st := store.New(journey.Options{})
			col := New(st, time.Now)
			col.Put(rules(b, big.String()))
			ctx, stop := context.WithCancel(context.Background())
			ran := make(chan struct{})
			snaps := 0
			go func() { defer close(ran); col.Run(ctx, func(*snapshot.Snapshot) { snaps++ }) }()
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				now := time.Now()
				p := places[i%4]
				col.Put(event(i/4, now, p.hook, p.table, p.chain, 1))
				if i%40 == 0 {
					f := &flow.Flow{ID: uint32(i/40%5000 + 1), Orig: flow.Side{Tuple: model.Tuple{Proto: model.ProtoTCP, Src: addrs[0], Dst: addrs[1], SPort: uint16(i / 40 % 5000)}}}
					f.Reply.Tuple = f.Orig.Tuple.Reverse()
					col.Put(feed.Item{Time: now, Flow: &flow.Event{Type: flow.EventUpdate, Time: now, Flow: f}})
				}
				for i%4096 == 0 && col.waiting() > maxFlows/2 { // no faster than it can be folded
					<-time.After(time.Millisecond)
				}
			}
			for col.waiting() > 0 {
				<-time.After(time.Millisecond)
			}
			b.StopTimer()
			stop()
			<-ran
			if d := st.Loss().Dropped; d > 0 {
				b.Errorf("%d items were dropped", d)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(snaps)/b.Elapsed().Seconds(), "snapshots/s")
		})
	}
}

func (c *Collector) waiting() int {
	c.queue.mu.Lock()
	defer c.queue.mu.Unlock()
	return max(c.queue.events, c.queue.flows)
}
