package store

import "time"

// rate counts events by whole seconds.
type rate struct {
	start time.Time
	n     uint64
	last  float64
}

func (r *rate) add(at time.Time, n uint64) {
	if r.start.IsZero() {
		r.start = at
	}
	r.n += n
}

// tick closes a second that is over, and reports whether the shown rate changed.
func (r *rate) tick(now time.Time) bool {
	if r.start.IsZero() || now.Sub(r.start) < time.Second {
		return false
	}
	v := float64(r.n) / now.Sub(r.start).Seconds()
	changed := v != r.last
	r.last, r.n, r.start = v, 0, now
	return changed
}
