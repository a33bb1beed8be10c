// Package collect runs a store: it takes items from every source, folds them on
// one goroutine, and hands out a picture of the whole at most thirty times a second.
package collect

import (
	"context"
	"sync"
	"time"

	"nfscope/model/feed"
	"nfscope/model/snapshot"
	"nfscope/model/store"
)

// Interval is the least time between two snapshots.
const Interval = 33 * time.Millisecond

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
	dropped uint64
	ended   bool
	wake    chan struct{}
}

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
			for c.items[c.head] == nil || c.items[c.head].Must() {
				c.head++
			}
			c.items[c.head] = nil
			c.head++
			c.dropped++
			c.lossy--
		}
		c.lossy++
	}
	c.items = append(c.items, &it)
	c.mu.Unlock()
	c.poke()
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
	c.items, c.head, c.lossy, c.dropped, c.ended = nil, 0, 0, 0, false
	c.mu.Unlock()
	c.store.Dropped(dropped)
	for _, it := range items {
		if it != nil {
			c.store.Apply(it)
		}
	}
	if ended {
		c.store.End()
	}
}
