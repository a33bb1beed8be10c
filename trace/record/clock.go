package record

import (
	"context"
	"sync"
	"time"
)

// Clock is the time inside a recording: it runs from the first item on, at a speed.
type Clock struct {
	mu sync.Mutex
	// speed is recorded seconds per second; 0 does not wait at all.
	speed float64
	base  time.Time // recorded time at start
	start time.Time
	last  time.Time
}

// NewClock makes a Clock. A speed of 0 plays as fast as items can be read.
func NewClock(speed float64) *Clock { return &Clock{speed: speed} }

// Now is the recorded time that it is now.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.speed == 0 || c.base.IsZero() {
		return c.last
	}
	return c.base.Add(time.Duration(float64(time.Since(c.start)) * c.speed))
}

// wait returns when it is at, or with ctx's error.
func (c *Clock) wait(ctx context.Context, at time.Time) error {
	c.mu.Lock()
	if at.After(c.last) {
		c.last = at
	}
	if c.base.IsZero() {
		c.base, c.start = at, time.Now()
	}
	speed := c.speed
	d := time.Duration(0)
	if speed > 0 {
		d = time.Duration(float64(at.Sub(c.base))/speed) - time.Since(c.start)
	}
	c.mu.Unlock()
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
