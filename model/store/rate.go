package store

import (
	"time"

	"nfscope/model/flow"
)

// turnover is how many flows begin and end a second.
type turnover struct {
	at          time.Time
	n, m        uint64
	began, went float64
}

// tick closes a second that is over, and reports whether the rates changed.
func (r *turnover) tick(now time.Time, t *flow.Table) bool {
	d := now.Sub(r.at)
	if d >= 0 && d < time.Second {
		return false
	}
	n, m := t.Turnover()
	old := *r
	*r = turnover{at: now, n: n, m: m}
	if !old.at.IsZero() && d > 0 {
		r.began, r.went = float64(n-old.n)/d.Seconds(), float64(m-old.m)/d.Seconds()
	}
	return r.began != old.began || r.went != old.went
}

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
