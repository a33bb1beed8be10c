package nettest

import "time"

// beat is how often a Patience looks at the clock.
const beat = 100 * time.Millisecond

// Patience tells when a test has waited in vain: after InVain, of which time in which this
// process had no processor does not count, for nothing can come in that. C ticks while it lasts.
type Patience struct {
	C    <-chan time.Time
	Stop func()
	left time.Duration
	last time.Time
}

// NewPatience begins to wait. Who is done calls Stop.
func NewPatience() *Patience {
	tick := time.NewTicker(beat)
	return &Patience{C: tick.C, Stop: tick.Stop, left: InVain, last: time.Now()}
}

// Over reports whether it is over. It is asked at each tick; one that comes late was held up, as
// all of the process was.
func (p *Patience) Over() bool { return p.over(time.Now()) }

func (p *Patience) over(now time.Time) bool {
	p.left -= min(now.Sub(p.last), 2*beat)
	p.last = now
	return p.left <= 0
}
