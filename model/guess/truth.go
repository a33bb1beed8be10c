package guess

import (
	"slices"

	"nfscope/model/drop"
	"nfscope/model/journey"
)

// Truth is what became of a packet.
type Truth struct {
	Verdict Verdict
	// By had the last word; its Kind is "" where nobody knows who had.
	By Place
	// Asked is true where a program in user space was asked, so that the rule alone did not
	// decide.
	Asked bool
	// Journey is the packet's way, with the rules that did not match among its steps where
	// they are known; nil where none was traced: no hook saw it, and the kernel's drops are
	// not watched, or, where it was accepted all the same, the trace did not look at it.
	Journey *journey.Journey
}

// Of says what became of a packet: of its way, nil where none was traced, and whether
// something answered it, which tells what a program in user space decided, and that a
// packet without a way was only not traced. Where its end was not seen, and neither an answer
// nor a drop tells it, it is Unknown: it may have gone on. What the kernel dropped ahead of
// the first hook is Unseen, whether or not the drop was watched.
func Of(j *journey.Journey, reached bool) Truth {
	t := Truth{Verdict: Unseen, Journey: j}
	if j == nil {
		if reached {
			t.Verdict = Accepted
		}
		return t
	}
	o := &j.Outcome
	t.By = Place{Kind: Kind(o.By.Kind), Backend: o.By.Backend, Family: o.By.Family, Table: o.By.Table, Chain: o.By.Chain, Rule: o.By.Rule, Text: o.By.Text}
	if ahead(j) {
		t.By.Kind = Kernel
		return t
	}
	switch o.Verdict {
	case journey.Accepted:
		t.Verdict = Accepted
	case journey.Rejected:
		t.Verdict = Rejected
	case journey.Dropped:
		t.Verdict = Dropped
	default:
		t.Verdict, t.Asked = Unknown, o.Verdict == journey.Queued
		switch {
		case j.Drop != nil:
			t.Verdict = Dropped
		case reached:
			t.Verdict = Accepted
		}
		if t.Verdict != Unknown && t.By.Kind == "" {
			t.By.Kind = Kernel
		}
	}
	for i := range j.Steps {
		if s := &j.Steps[i]; s.Kind == journey.KindRule && s.Verdict.String() == "queue" {
			t.Asked = true
		}
	}
	return t
}

// ahead reports whether a packet came to its end before the first hook: only the kernel's
// drops tell of such a one.
func ahead(j *journey.Journey) bool {
	return len(j.Steps) == 0 && j.Drop != nil && j.Drop.Station == drop.StationDeviceIn
}

// Fits says whether an answer was right: its verdict, and who decided. A packet that gets
// through meets several that let it, and each of them is right; where no rule was named,
// or its way is not known, that part is not wrong. Where the truth is Unknown no answer is
// right, and none is wrong: nothing is to be asked here.
func (t *Truth) Fits(a Answer) (verdict, where bool) {
	verdict = a.Verdict == t.Verdict
	switch {
	case a.Where == nil, verdict && t.Verdict == Accepted && t.Journey == nil:
		return verdict, true
	case t.Verdict == Accepted && a.Where.Kind != Kernel:
		return verdict, t.hit(a.Where)
	case a.Where.Kind == Kernel || t.By.Kind == Kernel:
		return verdict, a.Where.Kind == t.By.Kind
	}
	b := t.By
	return verdict, a.Where.Kind == b.Kind && a.Where.Backend == b.Backend && a.Where.Family == b.Family && a.Where.Table == b.Table &&
		a.Where.Chain == b.Chain && a.Where.Rule == b.Rule
}

// hit reports whether the packet matched a rule, or came to a policy.
func (t *Truth) hit(p *Place) bool {
	for i := range t.steps() {
		if s := &t.Journey.Steps[i]; s.Kind != journey.KindMiss && p.same(s) {
			return true
		}
	}
	return false
}

func (t *Truth) steps() []journey.Step {
	if t.Journey == nil {
		return nil
	}
	return t.Journey.Steps
}

// Why says how a packet and a place had to do with each other.
type Why int

// The ways. Elsewhere is a chain that the packet never came to.
const (
	Elsewhere Why = iota
	Matched
	Missed
	Later // the walk of the chain ended before
)

// About says how the packet had to do with a place. Of a rule that was looked at and did
// not match the step tells the reasons.
func (t *Truth) About(p *Place) (Why, *journey.Step) {
	came := Elsewhere
	for i := range t.steps() {
		s := &t.Journey.Steps[i]
		switch {
		case p.same(s) && s.Kind == journey.KindMiss:
			return Missed, s
		case p.same(s):
			return Matched, s
		case s.Backend == p.Backend && s.Family == p.Family && s.Table == p.Table && s.Chain == p.Chain:
			came = Later
		}
	}
	return came, nil
}

// Near gives the rules that stood before the last word in the same chain, were looked at
// and did not match: the nearest n, in their order. A rule for another protocol is never
// near where there are others: what else it asks was not looked at.
func (t *Truth) Near(n int) []*journey.Step {
	var near, far []*journey.Step
	for i := range t.steps() {
		s := &t.Journey.Steps[i]
		if s.Kind != journey.KindMiss || s.Backend != t.By.Backend || s.Family != t.By.Family || s.Table != t.By.Table || s.Chain != t.By.Chain {
			continue
		}
		if slices.ContainsFunc(s.Because, func(b journey.Because) bool { return b.Match == "protocol" }) {
			far = append(far, s)
		} else {
			near = append(near, s)
		}
	}
	if len(near) == 0 {
		near = far
	}
	return near[max(0, len(near)-n):]
}
