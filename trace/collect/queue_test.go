package collect

import (
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/model/store"
)

// TestLostByKind: what is thrown away is counted as what it was. Lost flow changes alone make
// conntrack's table one that is not known as a whole, and a packet without an entry in it one
// of which nothing is said.
func TestLostByKind(t *testing.T) {
	t.Parallel()
	const half = maxFlows / 2
	pool, records := flow.NewPool(4), make([]flow.Record, half)
	for i := range records {
		records[i].Type = flow.EventUpdate
	}
	batch := func() feed.Item {
		b := pool.Get(time.Now())
		b.Records = records
		return feed.Item{Flows: b}
	}
	oldest := batch()
	for _, c := range []struct {
		name   string
		old    feed.Item // put so many times, before as many flow changes as there is place for
		times  int
		want   lost
		absent bool
	}{
		{"flows", feed.Item{Flow: &flow.Event{Type: flow.EventUpdate, Flow: &flow.Flow{ID: 1}}}, 3, lost{flows: 3}, false},
		{"many flows", oldest, 1, lost{flows: half}, false},
		{"drops", feed.Item{Drop: &drop.Drop{Count: 1}}, 3, lost{drops: 3}, true},
		{"sights", feed.Item{Sight: &journey.Sight{Follow: 1}}, 3, lost{sights: 3}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Now()
			st := store.New(journey.Options{})
			col := New(st, func() time.Time { return now })
			col.Put(rules(t, "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp\nCOMMIT\n"))
			col.Put(feed.Item{Time: now, Table: &snapshot.Flows{Told: true}})
			for _, typ := range []flow.EventType{flow.EventDumpBegin, flow.EventDumpEnd} {
				col.Put(feed.Item{Time: now, Flow: &flow.Event{Type: typ, Time: now}})
			}
			col.Drain()
			for range c.times {
				col.Put(c.old)
			}
			for range 2 {
				col.Put(batch())
			}
			if col.queue.lost != c.want {
				t.Errorf("lost %+v, want %+v", col.queue.lost, c.want)
			}
			if c.name == "many flows" && pool.Get(now) != oldest.Flows {
				t.Error("the flows thrown away did not go back to where they are of")
			}
			col.Drain()
			if n := col.waiting(); n != 0 {
				t.Errorf("nothing waits, and %d are counted", n)
			}
			if got, want := st.Loss().Dropped, c.want.flows+c.want.drops+c.want.sights; got != want {
				t.Errorf("%d are told as dropped, want %d", got, want)
			}
			now = now.Add(time.Second)
			col.Put(event(1<<20, now, model.HookPrerouting, "raw", "PREROUTING", 1))
			col.Drain()
			for range 2 { // it is quiet, and then conntrack had its time to tell
				now = now.Add(1500 * time.Millisecond)
				st.Tick(now)
			}
			list := st.Snapshot(now).Journeys
			if j := list[len(list)-1]; !j.Closed || j.Track.Absent != c.absent {
				t.Errorf("closed %v, without an entry of conntrack %v, want %v", j.Closed, j.Track.Absent, c.absent)
			}
		})
	}
}

// TestPlacesHaveAnEnd: a reader that stands still costs no memory, however much is thrown
// away meanwhile; what must arrive and lies between stays, in order.
func TestPlacesHaveAnEnd(t *testing.T) {
	t.Parallel()
	c := New(store.New(journey.Options{}), time.Now)
	records := make([]flow.Record, maxFlows/2)
	for i := range records {
		records[i].Type = flow.EventUpdate
	}
	const n, each = 20_000, 1000
	for i := range n {
		c.Put(feed.Item{Flows: &flow.Batch{Records: records}})
		if i%each == 0 {
			c.Put(feed.Item{Problem: string(rune('a' + i/each))})
		}
	}
	if got := len(c.queue.entries); got > 3*1024 {
		t.Errorf("%d places for 2 items that may go and %d that may not", got, n/each)
	}
	if w := c.queue.waiting(); w != 2+n/each {
		t.Errorf("%d wait, want %d", w, 2+n/each)
	}
	c.Drain()
	if got := c.store.Snapshot(time.Now()).Problems; len(got) != n/each || got[0] != "a" || got[n/each-1] != string(rune('a'+n/each-1)) {
		t.Errorf("problems %q", got)
	}
}

// TestFoldsAllOfIt: what waits is folded in pieces until nothing does, though nobody puts more.
func TestFoldsAllOfIt(t *testing.T) {
	t.Parallel()
	r := start(t)
	events := make([]journey.Event, 2*piece+1)
	for i := range events {
		events[i] = *event(i, time.Now(), model.HookInput, "filter", "INPUT", 1).Event
	}
	r.Put(feed.Item{Events: events})
	r.wait(t, "all events", func(s *snapshot.Snapshot) bool { return s.Events == uint64(len(events)) })
}

// TestEndBehindTheRest: the end is told behind all that was put before it, in however many
// pieces that is folded, and also where nothing else waits.
func TestEndBehindTheRest(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, piece + 1} {
		st := store.New(journey.Options{})
		c := New(st, time.Now)
		for i := range n {
			c.Put(event(i, time.Now(), model.HookInput, "filter", "INPUT", 1))
		}
		c.End()
		for range 10 {
			if c.queue.waiting() == 0 {
				break
			}
			if s := st.Snapshot(time.Now()); s.Ended {
				t.Errorf("of %d events %d were folded when the end was told", n, s.Events)
			}
			c.fold()
		}
		if s := st.Snapshot(time.Now()); !s.Ended || s.Events != uint64(n) {
			t.Errorf("ended %v behind %d events, want %d", s.Ended, s.Events, n)
		}
	}
}
