package connections

import "time"

// breather has long work let the screen go first. To yield is not enough: Go looks into
// another processor's queue, and at its clocks, when one runs out of work, and who yields is
// work. A key waited there for as long as the other one's thread was in the kernel.
type breather struct{ since time.Time }

const (
	// burst is how long there is work without a rest.
	burst = 2 * time.Millisecond
	// breath is the rest: as long as those take who come in between, the events above all, so
	// that the processor does run out of work.
	breath = time.Millisecond
)

// breathe is called often, and rests after a burst.
func (b *breather) breathe() {
	now := time.Now()
	if b.since.IsZero() {
		b.since = now
	}
	if now.Sub(b.since) >= burst {
		time.Sleep(breath)
		b.since = time.Now()
	}
}
