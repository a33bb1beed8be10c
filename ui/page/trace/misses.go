package trace

import (
	"strings"

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
	// at is the miss that is looked at, among the steps of full, while the packet is the
	// one that it is of and stands at step; 0 where none is.
	at, step int
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
	pg.misses.of, pg.misses.full, pg.misses.at = l.of, l.full, 0
}

// rungs are the rows of a journey's ladder, with its misses where they are known, and
// the step among them that the packet stands at, or the miss that is looked at.
func (pg *Page) rungs(j *journey.Journey, step int) ([]ladder.Row, int) {
	m := &pg.misses
	if m.of != j {
		return pg.say.Rows(j), step
	}
	rows := pg.say.Rows(m.full)
	if !m.open {
		return ladder.Folded(rows), ladder.At(m.full, step)
	}
	if _, at := m.looked(j, step); at >= 0 {
		return rows, at
	}
	return rows, ladder.At(m.full, step)
}

// looked gives the miss that is looked at and its place among the steps, nil and -1 where
// none is.
func (m *misses) looked(j *journey.Journey, step int) (*journey.Step, int) {
	if !m.open || m.of != j || m.step != step || m.at <= 0 || m.at > len(m.full.Steps) || m.full.Steps[m.at-1].Kind != journey.KindMiss {
		return nil, -1
	}
	return &m.full.Steps[m.at-1], m.at - 1
}

// Step goes through the misses between the steps, where they are shown one by one.
func (pg *Page) Step(on bool, f *page.Frame) bool {
	pg.prepare(f)
	m := &pg.misses
	j, step := pg.shown(f)
	fj, _ := f.Player.Focused()
	if !m.open || j == nil || m.of != j || fj == nil || fj.Number != j.Number || pg.mode != single || len(m.full.Steps) == 0 {
		return false
	}
	stands := ladder.At(m.full, step)
	_, at := m.looked(j, step)
	if at < 0 {
		at = stands
	}
	to := at - 1
	if on {
		to = at + 1
	}
	m.at, m.step = 0, step
	switch {
	case to < 0 || to >= len(m.full.Steps):
		return false
	case m.full.Steps[to].Kind == journey.KindMiss:
		m.at = to + 1
		return true
	}
	return to == stands // back at the step that the packet stands at
}

// whyMissed tells of the miss that is looked at: the rule, and each condition with what it
// wants, what the packet has, or the fact that is missing.
func whyMissed(s *journey.Step) []string {
	out := []string{"rule " + itoa(s.Rule) + " of " + journey.Where(s.Backend, s.Family, s.Table, s.Chain) + " did not match: " + s.Text}
	for _, b := range s.Because {
		have := b.Have
		if have == "" {
			have = "not known"
		}
		line := b.Match + ": " + b.Result
		if b.Want != "" {
			line += ", wants " + b.Want
		}
		switch {
		case b.Result == "unknown":
			line += ", what is missing: " + have
		case strings.HasPrefix(have, miss.Eliminated):
			line += "; it " + have
		default:
			line += ", has " + have
		}
		out = append(out, line)
	}
	if s.Note != "" {
		out = append(out, s.Note)
	}
	return out
}
