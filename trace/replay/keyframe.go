package replay

import (
	"context"
	"sort"
	"sync"
	"time"

	"nfscope/model/store"
)

const (
	// keyframes is how many states are kept at most: each holds some thousand journeys and
	// all connections, 40 MB where these are 70,000.
	keyframes = 4
	// apart is how many items are between two at least: so many are folded at once in
	// no time.
	apart = 20_000
)

// keyframe is the state before a block.
type keyframe struct {
	block int
	at    time.Time
	store *store.Store
}

// index is what is known of a recording from folding it once, beside the playing.
type index struct {
	// apart is how many items are between two keyframes at least.
	apart int

	mu     sync.Mutex
	frames []*keyframe
	// begins are the times at which journeys began, by number less one, Unix nanoseconds.
	begins []int64
	done   bool
}

// make folds the whole recording and notes keyframes.
func (x *index) make(ctx context.Context, c *cursor) error {
	every := max(int(c.file.Items())/keyframes, x.apart)
	n := 0
	for ctx.Err() == nil {
		if len(c.items) == 0 && n >= every && c.block < c.file.Blocks() {
			n = 0
			k := &keyframe{c.block, c.now, c.store.Clone()}
			x.mu.Lock()
			x.frames = append(x.frames, k)
			x.mu.Unlock()
		}
		_, more, err := c.next()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		c.fold()
		n++
		if b := c.store.Begun(); b > len(x.begins) { // only this goroutine writes it
			x.mu.Lock()
			for len(x.begins) < b {
				x.begins = append(x.begins, c.now.UnixNano())
			}
			x.mu.Unlock()
		}
	}
	x.mu.Lock()
	x.done = ctx.Err() == nil
	x.mu.Unlock()
	return ctx.Err()
}

// before gives the last keyframe that has nothing newer than at, nil where there is none.
func (x *index) before(at time.Time) *keyframe {
	x.mu.Lock()
	defer x.mu.Unlock()
	i := sort.Search(len(x.frames), func(i int) bool { return x.frames[i].at.After(at) })
	if i == 0 {
		return nil
	}
	return x.frames[i-1]
}

// journey gives the time at which n more journeys than at the time at have begun, and
// nothing of the one behind them. Journeys that were read in one moment come together: on
// the way forward all of them are there, on the way back none. ok is false where the
// recording, as far as it is known, has none.
func (x *index) journey(at time.Time, n int) (to time.Time, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	ns := at.UnixNano()
	k := sort.Search(len(x.begins), func(i int) bool { return x.begins[i] > ns }) + n
	for n > 0 && k > 0 && k < len(x.begins) && x.begins[k] == x.begins[k-1] {
		k++
	}
	switch {
	case k < 0 || k > len(x.begins) || k == len(x.begins) && n > 0 && !x.done:
		return to, false
	case k == len(x.begins):
		return time.Unix(0, 1<<62), true
	}
	return time.Unix(0, x.begins[k]-1), true
}
