package collect

import (
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/model/store"
)

// TestHeldUp: who is held up judges by a time that is held up as well, never goes back, and
// soon goes by the clock again.
func TestHeldUp(t *testing.T) {
	var p pace
	start := time.Unix(1000, 0)
	now, judged := start, start
	step := func(d time.Duration) time.Duration {
		now = now.Add(d)
		behind := p.tick(now)
		if at := now.Add(-behind); at.Before(judged) {
			t.Errorf("after %s it went back by %s", d, judged.Sub(at))
		} else {
			judged = at
		}
		return behind
	}
	for range 10 {
		if d := step(Interval); d != 0 {
			t.Errorf("in time, and %s behind", d)
		}
	}
	before := judged
	if step(400 * time.Millisecond); judged.Sub(before) > late {
		t.Errorf("held up for 400 ms, %s are believed", judged.Sub(before))
	}
	for range 15 {
		step(Interval)
	}
	if d := now.Sub(judged); d > 10*time.Millisecond {
		t.Errorf("half a second later it is still %s behind", d)
	}
	if step(time.Hour); now.Sub(judged) > longest {
		t.Errorf("after an hour it is %s behind", now.Sub(judged))
	}
	for range 100 { // a machine that is always busy: quiet has its end all the same
		step(3 * late)
	}
	if d := now.Sub(judged); d > 8*late {
		t.Errorf("always held up, it is %s behind", d)
	}
}

// TestWaitingIsNotQuiet: a packet of which events wait in the queue is not closed, however
// long they wait.
func TestWaitingIsNotQuiet(t *testing.T) {
	t.Parallel()
	start := time.Now()
	now := start
	st := store.New(journey.Options{})
	c := New(st, func() time.Time { return now })
	c.Put(rules(t, "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP\nCOMMIT\n"))
	c.Put(event(1, start, model.HookPrerouting, "raw", "PREROUTING", 1))
	c.Drain()
	now = start.Add(time.Minute)
	c.Put(feed.Item{Time: now, Problem: "newer than what is behind it"})
	c.Put(event(1, start.Add(time.Millisecond), model.HookInput, "filter", "INPUT", 1))
	c.tick(now)
	c.Drain()
	c.tick(now.Add(Interval))
	list := st.Snapshot(now).Journeys
	if len(list) != 1 || !list[0].Closed || len(list[0].Steps) != 2 {
		t.Errorf("%d journeys, the first: %+v", len(list), list[0])
	}
}

// TestHeldUpIsNotQuiet: a packet is not closed by a time in which this process was held up, and
// is soon after.
func TestHeldUpIsNotQuiet(t *testing.T) {
	t.Parallel()
	now := time.Now()
	st := store.New(journey.Options{})
	c := New(st, func() time.Time { return now })
	c.Put(rules(t, "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp\nCOMMIT\n"))
	c.Put(event(1, now, model.HookPrerouting, "raw", "PREROUTING", 1))
	c.Drain()
	c.tick(now)
	now = now.Add(400 * time.Millisecond)
	if c.tick(now); st.Snapshot(now).Journeys[0].Closed {
		t.Error("it is closed by a time in which nobody listened")
	}
	for range 30 {
		now = now.Add(Interval)
		c.tick(now)
	}
	if !st.Snapshot(now).Journeys[0].Closed {
		t.Error("it is not closed a second later")
	}
}

// TestReadLateIsNotQuiet: events that were read late and wait in the queue are as old as they
// may have come, however much the source has heard meanwhile.
func TestReadLateIsNotQuiet(t *testing.T) {
	t.Parallel()
	start := time.Now()
	now := start
	st := store.New(journey.Options{})
	c := New(st, func() time.Time { return now })
	c.Hear(func() time.Time { return now })
	c.Put(rules(t, "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP\nCOMMIT\n"))
	c.Put(event(1, start, model.HookPrerouting, "raw", "PREROUTING", 1))
	c.Drain()
	for range 60 { // a quiet machine
		now = now.Add(Interval)
		c.pace.tick(now)
	}
	c.Put(event(2, now, model.HookPrerouting, "raw", "PREROUTING", 1)) // the same run
	e := event(1, now, model.HookInput, "filter", "INPUT", 1)
	e.Event.Late = now.Sub(start)
	c.Put(e)
	c.tick(now)
	c.Drain()
	c.tick(now)
	if list := st.Snapshot(now).Journeys; len(list) != 2 || len(list[0].Steps) != 2 {
		t.Errorf("%d journeys, the first: %+v", len(list), list[0])
	}
}

// TestUnheardIsNotQuiet: a packet is not closed while a source has not read what came since,
// however long the source has no processor and the clock goes on; and soon when it has.
func TestUnheardIsNotQuiet(t *testing.T) {
	t.Parallel()
	start := time.Now()
	now, heard := start, start
	st := store.New(journey.Options{})
	c := New(st, func() time.Time { return now })
	c.Hear(func() time.Time { return heard })
	c.Put(rules(t, "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP\nCOMMIT\n"))
	first := func(ticks int, every time.Duration, want bool, steps int) {
		t.Helper()
		for range ticks {
			now = now.Add(every)
			c.tick(now)
		}
		if list := st.Snapshot(now).Journeys; len(list) != 1 || list[0].Closed != want || len(list[0].Steps) != steps {
			t.Errorf("%d journeys, the first: %+v", len(list), list[0])
		}
	}
	c.Put(event(1, start, model.HookPrerouting, "raw", "PREROUTING", 1))
	c.Drain()
	first(100, Interval, false, 1)
	first(1000, Interval, false, 1)
	first(20, 7*time.Second, false, 1) // all of us had none
	c.Put(event(1, now, model.HookInput, "filter", "INPUT", 1))
	c.Drain()
	heard = now
	first(1000, Interval, false, 2)
	heard = now
	first(30, Interval, true, 2)
}
