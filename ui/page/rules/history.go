package rules

import (
	"strings"

	"nfscope/model"
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
	seen  *model.Counts // of the last rate
}

// see adds the rate of a rule in sight, once for each reading of the counters. A rule
// that was out of sight in between begins anew: its spark would lie about time.
func (h *history) see(id int, rate float64, n *numbers) []float64 {
	if h.of == nil {
		h.of = map[int]*trail{}
	}
	t := h.of[id]
	if t == nil {
		t = &trail{}
		h.of[id] = t
	}
	if n.now == nil || n.now == t.seen || rate < 0 {
		return t.rates
	}
	if t.seen != nil && t.seen != n.before {
		t.rates = nil
	}
	t.seen = n.now
	if len(t.rates) == trailLength {
		t.rates = append(t.rates[:0], t.rates[1:]...)
	}
	t.rates = append(t.rates, rate)
	if len(h.of) > 512 {
		h.forget(n)
	}
	return t.rates
}

func (h *history) forget(n *numbers) {
	for id, t := range h.of {
		if t.seen != n.now && t.seen != n.before {
			delete(h.of, id)
		}
	}
}

// move carries the trails over to another ruleset; the readings between the two are
// not comparable, so the next rate joins on behind.
func (h *history) move(from, to *index) {
	old := h.of
	h.of = nil
	if from == nil || len(old) > 512 {
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
		t.seen = nil
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
