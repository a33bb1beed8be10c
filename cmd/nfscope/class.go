package main

import (
	"context"
	"sync"
)

// class is the pace of a lab's steps: they go by themselves, or each waits for a teacher.
// It is safe for concurrent use.
type class struct {
	mu   sync.Mutex
	held bool
	// sent is the index of the step that was let go, -1 for none.
	sent int
	// changed is closed, and made anew, at every change.
	changed chan struct{}
}

func newClass(held bool) *class { return &class{held: held, sent: -1, changed: make(chan struct{})} }

// Held reports whether each step waits for Send.
func (c *class) Held() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held
}

// Hold has every step wait.
func (c *class) Hold() { c.set(func() { c.held = true }) }

// Send lets the step of that index go.
func (c *class) Send(step int) { c.set(func() { c.sent = step }) }

func (c *class) set(fn func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn()
	close(c.changed)
	c.changed = make(chan struct{})
}

// wait waits until a step may go, or gives ctx's error. It tells whether it had to wait.
func (c *class) wait(ctx context.Context, step int) (waited bool, err error) {
	for {
		c.mu.Lock()
		may, changed := !c.held || c.sent == step, c.changed
		c.mu.Unlock()
		if may {
			return waited, ctx.Err()
		}
		waited = true
		select {
		case <-changed:
		case <-ctx.Done():
			return waited, ctx.Err()
		}
	}
}
