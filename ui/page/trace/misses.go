package trace

import (
	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/ui/component/ladder"
	"nfscope/ui/page"
)

// misses holds the rules that did not match of the packet whose ladder is shown. They
// are found beside the screen: a chain may have 20,000 rules.
type misses struct {
	// of is the journey that full belongs to, asked the one that is being worked on.
	of, asked *journey.Journey
	full      *journey.Journey
	// open shows them one by one; else a run of them is one line.
	open bool
	// inSet looks into the host's sets; nil where nobody can.
	inSet func(t *model.Table, set string, key []string) fact.Answer
}

// Sets says how to look into the host's sets as they are now. in runs in another goroutine
// and may block.
func (pg *Page) Sets(in func(t *model.Table, set string, key []string) fact.Answer) {
	pg.misses.inSet = in
}

// looked is the answer of a piece of work.
type looked struct{ of, full *journey.Journey }

// Work finds the misses of the packet that is shown, once it is closed, compares, and filters
// what is too much for a frame.
func (pg *Page) Work(f *page.Frame) func() any {
	pg.prepare(f)
	if run := pg.lookWork(); run != nil {
		return run
	}
	if run := pg.compareWork(f); run != nil {
		return run
	}
	j, _ := pg.shown(f)
	m := &pg.misses
	if j == nil || !j.Closed || j == m.of || j == m.asked {
		return nil
	}
	m.asked = j
	known := miss.In(f.Snap)
	known.InSet = m.inSet
	return func() any { return looked{j, miss.New(known).Look(j, miss.MaxSteps)} }
}

// Done takes what Work found.
func (pg *Page) Done(answer any, _ *page.Frame) {
	if n, ok := answer.(narrowed); ok {
		pg.picked.looked(n)
		return
	}
	if c, ok := answer.(compared); ok {
		if pg.compare.asked == c.of {
			pg.compare.asked = [2]*journey.Journey{}
		}
		pg.compare.of, pg.compare.got = c.of, c.c
		return
	}
	l, ok := answer.(looked)
	if !ok {
		return
	}
	if pg.misses.asked == l.of {
		pg.misses.asked = nil
	}
	pg.misses.of, pg.misses.full = l.of, l.full
}

// rungs are the rows of a journey's ladder, with its misses where they are known, and
// the step among them that the packet stands at.
func (pg *Page) rungs(j *journey.Journey, step int) ([]ladder.Row, int) {
	m := &pg.misses
	if m.of != j {
		return ladder.Rows(j), step
	}
	rows := ladder.Rows(m.full)
	if !m.open {
		rows = ladder.Folded(rows)
	}
	return rows, ladder.At(m.full, step)
}
