package collect

import "time"

const (
	// late is how long after the last tick one comes that was held up.
	late = 2 * Interval
	// longest is how much of being held up is believed.
	longest = time.Second
)

// pace says how far the time by which quiet is judged is behind the clock. A tick that
// comes late says that the machine was too busy for this process: the readers were held
// up as well, and what they have not read yet is not quiet. They get the time back in
// the next half second.
type pace struct {
	last   time.Time
	behind time.Duration
}

func (p *pace) tick(now time.Time) time.Duration {
	if !p.last.IsZero() {
		p.behind = min(longest, p.behind*3/4+max(0, now.Sub(p.last)-late))
	}
	p.last = now
	return p.behind
}
