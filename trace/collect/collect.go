// Package collect runs a store: it takes items from every source, folds them on
// one goroutine, and hands out a picture of the whole at most thirty times a second.
package collect

import (
	"context"
	"slices"
	"sync"
	"time"

	"nfscope/model/feed"
	"nfscope/model/snapshot"
	"nfscope/model/store"
)

// Interval is the least time between two snapshots.
const Interval = time.Second / 30

// limit is how many packets and flow changes wait at most; then the oldest goes.
const limit = 1 << 16

// Collector is a bounded queue with a store behind it.
type Collector struct {
	clock func() time.Time
	store *store.Store

	mu      sync.Mutex
	items   []*feed.Item // nil where one was thrown away
	head    int          // no lossy item stands before it
	lossy   int
	holes   int // how many of items are nil
	dropped lost
	ended   bool
	wake    chan struct{}
}

// lost counts what was thrown away.
type lost struct{ events, flows uint64 }

// New makes a Collector over a store. clock is time.Now for live sources; a replay
// has a clock of its own.
func New(s *store.Store, clock func() time.Time) *Collector {
	return &Collector{clock: clock, store: s, wake: make(chan struct{}, 1)}
}

// Put hands over an item, from any goroutine. It never blocks: when too many wait,
// the oldest packet or flow change is thrown away and counted; what must arrive
// stays.
func (c *Collector) Put(it feed.Item) {
	c.mu.Lock()
	if !it.Must() {
		if c.lossy == limit {
			c.drop()
		}
		c.lossy++
	}
	c.items = append(c.items, &it)
	c.mu.Unlock()
	c.poke()
}

// drop throws the oldest lossy item away.
func (c *Collector) drop() {
	for c.items[c.head] == nil || c.items[c.head].Must() {
		c.head++
	}
	if c.items[c.head].Event != nil {
		c.dropped.events++
	} else {
		c.dropped.flows++
	}
	c.items[c.head] = nil
	c.head++
	c.lossy--
	c.holes++
	if c.holes >= limit { // a reader that stands still must not cost memory without end
		c.items = slices.DeleteFunc(c.items, func(it *feed.Item) bool { return it == nil })
		c.head, c.holes = 0, 0
	}
}

// End says that nothing more will come.
func (c *Collector) End() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
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
	last := time.Time{}
	for {
		select {
		case <-ctx.Done():
			c.Drain()
			publish(c.store.Snapshot(c.clock()))
			return
		case <-c.wake:
			c.Drain()
		case <-ticker.C:
			c.store.Tick(c.clock())
		}
		if now := time.Now(); c.store.Dirty() && now.Sub(last) >= Interval {
			last = now
			publish(c.store.Snapshot(c.clock()))
		}
	}
}

// Drain folds what waits now, on the caller's goroutine.
func (c *Collector) Drain() {
	c.mu.Lock()
	items, dropped, ended := c.items, c.dropped, c.ended
	c.items, c.head, c.lossy, c.holes, c.dropped, c.ended = nil, 0, 0, 0, lost{}, false
	c.mu.Unlock()
	c.store.Dropped(dropped.events, dropped.flows)
	for _, it := range items {
		if it != nil {
			c.store.Apply(it)
		}
	}
	if ended {
		c.store.End()
	}
}
