package rcvbuf

import (
	"sync"
	"sync/atomic"
	"time"
)

// least is the least memory that a message takes in a receive buffer: a struct sk_buff and a
// struct skb_shared_info, 576 bytes on machines of 64 bits and more than 400 on those of 32.
const least = 400

// Progress tells how far the reader of a socket has come that never finds it empty. What waited
// at a moment is done with when as many messages were read since as can have been in the
// buffer then: no clock is asked, so a reader without a processor has not come on.
//
// Took and Done are for the reader's goroutine, Heard for any.
type Progress struct {
	taken, done atomic.Uint64 // messages

	mu    sync.Mutex
	at    time.Time // the moment that is waited for, zero where there is none
	need  uint64    // messages that are done with then
	heard time.Time
}

// Took notes that messages were read.
func (p *Progress) Took(n int) { p.taken.Add(uint64(n)) }

// Done notes that the reader is done with all it took, but for the last n.
func (p *Progress) Done(n int) { p.done.Store(p.taken.Load() - uint64(n)) }

// Heard is the latest moment known of which all that had come is done with, zero where none
// is. queued tells the memory of what waits after now, most is how many messages a call reads.
func (p *Progress) Heard(now time.Time, most int, queued func() (uint32, error)) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.at.IsZero() && p.done.Load() >= p.need {
		p.heard, p.at = p.at, time.Time{}
	}
	if p.at.IsZero() {
		need := p.taken.Load() + uint64(most) // a call may have read them, and not said so
		if bytes, err := queued(); err == nil {
			p.at, p.need = now, need+uint64(bytes)/least
		}
	}
	return p.heard
}
