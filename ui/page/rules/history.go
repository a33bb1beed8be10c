package rules

import (
	"strings"
	"time"

	"nfscope/model/snapshot"
	"nfscope/ui/theme"
)

// trailLength is how many rates a rule's spark has.
const trailLength = 8

// history keeps the last rates of the rules that were in sight, by Rule.ID.
type history struct {
	of map[int]*trail
}

type trail struct {
	rates []float64
	// from and at are the readings that the last rate was made of.
	from, at time.Time
}

// uneven is how many times longer than another the time of a rate may be: sparks of both
// would lie about time.
const uneven = 3

// see adds the rate of a rule in sight, once for each reading of it. A rule that was out
// of sight in between begins anew: its spark would lie about time.
func (h *history) see(r snapshot.Tally) []float64 {
	if h.of == nil {
		h.of = map[int]*trail{}
	}
	t := h.of[r.ID]
	if t == nil {
		t = &trail{}
		h.of[r.ID] = t
	}
	rate := r.Rate()
	if rate < 0 || r.At.Equal(t.at) {
		return t.rates
	}
	step, was := r.At.Sub(r.Since), t.at.Sub(t.from)
	switch {
	case t.at.IsZero(): // the first, or the first of another ruleset
	case r.Since.Equal(t.from): // read again so soon that the two are one
		t.rates = t.rates[:max(0, len(t.rates)-1)]
	case !r.Since.Equal(t.at) || step > uneven*was || was > uneven*step:
		t.rates = nil
	}
	t.from, t.at = r.Since, r.At
	if len(t.rates) == trailLength {
		t.rates = append(t.rates[:0], t.rates[1:]...)
	}
	t.rates = append(t.rates, rate)
	if len(h.of) > mostTrails {
		h.forget(r.At)
	}
	return t.rates
}

// mostTrails is how many trails are kept before those of rules out of sight go.
const mostTrails = 512

// forget lets go of the rules that were not in sight for long.
func (h *history) forget(now time.Time) {
	for id, t := range h.of {
		if now.Sub(t.at) > time.Minute || len(h.of) > 2*mostTrails && t.at.Before(now) {
			delete(h.of, id)
		}
	}
}

// move carries the trails over to another ruleset; the readings between the two are
// not comparable, so the next rate joins on behind.
func (h *history) move(from, to *index) {
	old := h.of
	h.of = nil
	if from == nil || len(old) > 2*mostTrails {
		return
	}
	for id, t := range old {
		r, ok := from.rule(id)
		if !ok {
			continue
		}
		if r, ok = to.find(from.key(r)); !ok {
			continue
		}
		if h.of == nil {
			h.of = map[int]*trail{}
		}
		t.from, t.at = time.Time{}, time.Time{}
		h.of[to.row(r).rule.ID] = t
	}
}

// spark draws rates, newest at the right, in at most width cells: the highest of them
// is the top. Nothing is drawn where nothing passed.
func spark(th *theme.Theme, rates []float64, width int) string {
	rates = rates[max(0, len(rates)-width):]
	top := 0.0
	for _, r := range rates {
		top = max(top, r)
	}
	if top == 0 {
		return ""
	}
	marks := th.Glyphs.Sparks
	var b strings.Builder
	for _, r := range rates {
		b.WriteString(marks[min(int(r/top*float64(len(marks)-1)+0.5), len(marks)-1)])
	}
	return b.String()
}
