// Package collect runs a store: it takes items from every source, folds them on
// one goroutine, and hands out a picture of the whole at most thirty times a second.
package collect

import (
	"context"
	"sync/atomic"
	"time"

	"nfscope/model/feed"
	"nfscope/model/snapshot"
	"nfscope/model/store"
)

const (
	// Interval is the least time between two snapshots.
	Interval = time.Second / 30
	// calm is how many Intervals are between two snapshots where flows alone changed: a
	// busy gateway has new ones in each.
	calm = 4
	// share is how many times as long as a snapshot took to make there is none after it: a
	// flood is folded, and then drawn.
	share = 14
	// piece is how many events are folded at a time, about: 5 ms.
	piece = 4096
)

// Collector is a bounded queue with a store behind it.
type Collector struct {
	clock func() time.Time
	store *store.Store
	queue queue
	wake  chan struct{}
	taken []entry // of fold
	pace  pace
	heard atomic.Pointer[func() time.Time]
}

// New makes a Collector over a store. clock is time.Now for live sources; a replay
// has a clock of its own.
func New(s *store.Store, clock func() time.Time) *Collector {
	return &Collector{clock: clock, store: s, wake: make(chan struct{}, 1)}
}

// Put hands over an item, from any goroutine. It never blocks: when too many wait,
// the oldest packets or flow changes are thrown away and counted; what must arrive
// stays. Events are copied.
func (c *Collector) Put(it feed.Item) {
	c.queue.put(&it)
	c.poke()
}

// Hear says how to ask a live source for the time before which nothing happened that was
// not Put: a packet of which events wait in the source's sockets is not quiet, however long
// they wait. No time of ours bounds that: a reader that has no processor cannot be told by the
// clock from one that never comes to an end, so a source says in a flood, too, how far it has
// come. It may be called at any time.
func (c *Collector) Hear(heard func() time.Time) { c.heard.Store(&heard) }

// End says that nothing more will come.
func (c *Collector) End() {
	c.queue.end()
	c.poke()
}

func (c *Collector) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run folds until ctx is done and publishes snapshots from its own goroutine. When
// it ends it publishes what came last.
func (c *Collector) Run(ctx context.Context, publish func(*snapshot.Snapshot)) {
	ticker := time.NewTicker(Interval)
	defer ticker.Stop()
	due, last := time.Time{}, time.Time{}
	for {
		select {
		case <-ctx.Done():
			c.Drain()
			publish(c.store.Snapshot(c.clock()))
			return
		case <-c.wake:
			if c.fold(); c.queue.waiting() > 0 {
				c.poke()
			}
		case <-ticker.C:
			c.tick(time.Now())
		}
		if now := time.Now(); c.store.Dirty() && !now.Before(due) && (!c.store.Idle() || now.Sub(last) >= calm*Interval) {
			last = now
			s := c.store.Snapshot(c.clock())
			due = now.Add(max(Interval, share*time.Since(now)))
			publish(s)
		}
	}
}

// tick tells the store what time it is: by the clock, but not before what waits, here or
// in a source, and not as if a process that was held up had listened.
func (c *Collector) tick(now time.Time) {
	at := c.clock().Add(-c.pace.tick(now))
	earliest := func(t time.Time) {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	if heard := c.heard.Load(); heard != nil { // asked before the queue: what was there has come here
		earliest((*heard)())
	}
	oldest, came := c.queue.since()
	earliest(came)
	earliest(oldest)
	c.store.Tick(at)
}

// Drain folds what waits now, on the caller's goroutine.
func (c *Collector) Drain() {
	for left := c.queue.waiting(); left > 0; {
		left -= max(1, c.fold())
	}
}

// fold folds a piece of what waits and gives how many places of the queue that was.
func (c *Collector) fold() int {
	var lost lost
	var ended bool
	c.taken, lost, ended = c.queue.take(c.taken[:0], piece)
	c.store.Dropped(lost.events, lost.flows, lost.drops, lost.sights)
	for i := range c.taken {
		if e := &c.taken[i]; e.item != nil {
			c.store.Apply(e.item)
		} else {
			c.store.Fold(e.run())
		}
	}
	n := len(c.taken)
	c.queue.free(c.taken)
	if ended {
		c.store.End()
	}
	return n
}
