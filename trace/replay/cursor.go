package replay

import (
	"context"
	"time"

	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/model/store"
	"nfscope/trace/record"
)

// cursor is a place in a recording, and what the items before it add up to.
type cursor struct {
	file   *record.File
	change func(*feed.Item)
	store  *store.Store
	// block is the next one to read; items are what is left of the one before it.
	block int
	items []feed.Item
	// ahead is the block that is read while this one is folded, nil where none is.
	ahead chan read
	// now is the newest time of what was folded.
	now   time.Time
	ended bool
}

type read struct {
	items []feed.Item
	err   error
}

func begin(f *record.File, change func(*feed.Item), o journey.Options) *cursor {
	return &cursor{file: f, change: change, store: store.New(o)}
}

// from gives a cursor that goes on from a keyframe.
func (k *keyframe) from(c *cursor) *cursor {
	return &cursor{file: c.file, change: c.change, store: k.store.Clone(), block: k.block, now: k.at}
}

// fill reads the next block where nothing is left of the one before.
func (c *cursor) fill() error {
	for len(c.items) == 0 && c.block < c.file.Blocks() {
		var r read
		if c.ahead != nil {
			r = <-c.ahead
		} else {
			r.items, r.err = c.file.Block(c.block)
		}
		if c.ahead = nil; r.err != nil {
			return r.err
		}
		c.items = r.items
		if c.block++; c.block < c.file.Blocks() {
			c.ahead = make(chan read, 1)
			go func(ch chan read, n int) {
				items, err := c.file.Block(n)
				ch <- read{items, err}
			}(c.ahead, c.block)
		}
	}
	return nil
}

// next is the time of the next item, and whether there is one. One that has no time of its
// own comes at once.
func (c *cursor) next() (at time.Time, more bool, err error) {
	if err := c.fill(); err != nil || len(c.items) == 0 {
		return at, false, err
	}
	return c.items[0].Time, true, nil
}

// fold folds the next item.
func (c *cursor) fold() {
	it := &c.items[0]
	if it.Time.IsZero() {
		it.Time = c.now
	}
	if it.Time.After(c.now) {
		c.now = it.Time
	}
	if c.change != nil {
		c.change(it)
	}
	c.store.Tick(c.now)
	c.store.Apply(it)
	c.items = c.items[1:]
}

// to folds all items that are not newer than at. It ends early, and says so, when ctx
// is done or stop tells it to; stop is asked now and then, and may be nil.
func (c *cursor) to(ctx context.Context, at time.Time, stop func() bool) (whole bool, err error) {
	for n := 1; ; n++ {
		t, more, err := c.next()
		if err != nil {
			return false, err
		}
		if !more || t.After(at) {
			break
		}
		c.fold()
		if n%1024 == 0 && (ctx.Err() != nil || stop != nil && stop()) {
			return false, ctx.Err()
		}
	}
	c.store.Tick(at)
	return true, nil
}

// over reports whether nothing is left; then the store is told so, once.
func (c *cursor) over() bool {
	if c.block < c.file.Blocks() || len(c.items) > 0 {
		return false
	}
	if !c.ended {
		c.ended = true
		if c.file.Cut != "" {
			c.store.Apply(&feed.Item{Time: c.now, Problem: c.file.Cut})
		}
		c.store.End()
	}
	return true
}
