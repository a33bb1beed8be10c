// Package labs is the page of lessons: the lesson on one side, the living network on the
// other. Each step asks first what will happen to its packet, then shows what did, then
// says why.
package labs

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/guess"
	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/model/snapshot"
	"nfscope/ui/component/network"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/speech"
)

// Pace is when the steps of a lab are sent. Its methods do not block.
type Pace interface {
	// Held reports whether each step waits for Send.
	Held() bool
	// Hold has every step wait.
	Hold()
	// Send lets the step of that index go; that behind the last one begins again.
	Send(step int)
}

// Options make a page.
type Options struct {
	// Pace is nil where the steps go by themselves.
	Pace Pace
	// List gives the labs that can be chosen, and may block; nil where none can. Open
	// builds one, and may block; where it gives no error the screen is left soon.
	List func() []snapshot.LabEntry
	Open func(name string) error
}

// phase is what is done about a step.
type phase int

// The phases of a step, and of a lab.
const (
	intro phase = iota
	asking
	choosing // the rule, behind the verdict
	showing
	telling
	finished
)

// Page is the page of lessons.
type Page struct {
	opt Options
	// lab and round are those that the rest belongs to.
	lab   string
	round int

	step  int
	phase phase
	// at is the choice under the cursor, answer what was said so far.
	at     int
	answer guess.Answer
	stage  *stage
	truth  *guess.Truth
	// seen is the journey that truth is of, as it was then; why what the kernel says of the
	// drop whyOf.
	seen  *journey.Journey
	whyOf *drop.Drop
	why   string
	words drop.Dictionary
	// told is what became of the steps that were shown, and what was answered.
	told []told
	// counted is the lab with the counts of what was shown so far.
	counted *snapshot.Lab
	// tally is what the rules had counted when a step was last told, before what they had
	// when the step under way was sent; nil where nothing was told or sent.
	tally, before *model.Counts
	// scroll is how far the lesson is scrolled.
	scroll int

	drawn   drawn
	list    list
	ladders speech.Ladders
	drops   speech.Drops
}

// New makes the page.
func New(o Options) *Page { return &Page{opt: o, words: drop.Meanings()} }

// Name is Labs.
func (*Page) Name() string { return "Labs" }

// held reports whether the steps wait for the teacher.
func (p *Page) held() bool { return p.opt.Pace != nil && p.opt.Pace.Held() }

// speech is the language that is spoken.
func (p *Page) speech(f *page.Frame) speech.Speech {
	return speech.In(f.Language())
}

// sync takes what is new in the snapshot.
func (p *Page) sync(f *page.Frame) *snapshot.Lab {
	l := f.Snap.Lab
	if l == nil || len(l.Steps) == 0 {
		return nil
	}
	if p.lab != l.Name {
		*p = Page{opt: p.opt, words: p.words, lab: l.Name, round: l.Round, list: p.list}
		p.list.open = false
		p.begin(l, 0)
		p.phase = intro
	}
	if !p.held() {
		p.watch(l, fresh(f.Snap))
	} else if p.round != l.Round {
		p.round = l.Round
		p.begin(l, 0)
	}
	if p.phase == telling && l.Steps[p.step].Result == "" {
		p.again(l, fresh(f.Snap)) // played back to before the end of the step
	}
	if p.phase != showing || p.counted == nil {
		p.counted = l
	}
	if p.phase == telling || p.phase == finished {
		p.tally = cmp.Or(fresh(f.Snap), p.tally)
	}
	if p.stage != nil {
		p.stage.net = &l.Net
		p.stage.feed(l, p.step, f.Snap.Journeys)
		if p.phase == telling && p.stage.first() != p.seen { // a drop that was told late is its end
			p.truth, p.seen = p.found(f), p.stage.first()
			p.told[len(p.told)-1].truth = p.truth
		}
	}
	return l
}

// watch follows the steps that go by themselves.
func (p *Page) watch(l *snapshot.Lab, counts *model.Counts) {
	at := min(l.Current, len(l.Steps)-1)
	if p.phase != showing && p.phase != telling || p.step != at || p.round != l.Round {
		p.round, p.step = l.Round, at
		p.again(l, counts)
	}
}

// again begins a step anew that was told: its packets are on their way again, or are asked
// about where each step waits.
func (p *Page) again(l *snapshot.Lab, counts *model.Counts) {
	p.begin(l, p.step)
	if !p.held() {
		p.stage, p.phase, p.before = newStage(l, p.step), showing, counts
	}
}

// begin asks about a step.
func (p *Page) begin(l *snapshot.Lab, step int) {
	p.step, p.phase, p.at, p.answer, p.stage, p.truth = step, asking, 0, guess.Answer{}, nil, nil
	if p.before = nil; step == 0 {
		p.tally = nil
	}
	p.told = slices.DeleteFunc(p.told, func(t told) bool { return t.step >= step })
}

// Move moves the packet that is shown.
func (p *Page) Move(d time.Duration, f *page.Frame) {
	l := p.sync(f)
	if l == nil || p.stage == nil {
		return
	}
	p.stage.move(time.Duration(float64(d)*f.Player.Speed()), p.network(f, l))
	p.tell(f, l)
}

// tell goes on to the explanation when everything of the step was shown.
func (p *Page) tell(f *page.Frame, l *snapshot.Lab) {
	if p.phase != showing || p.stage.part != over {
		return
	}
	p.phase, p.truth, p.seen = telling, p.found(f), p.stage.first()
	p.told = append(p.told, told{p.step, p.truth, p.answer})
}

// told is what became of a step's packet, and what was said before.
type told struct {
	step   int
	truth  *guess.Truth
	answer guess.Answer
}

// marks are how many of the answers were right, of how many: of those that are known to be
// right or wrong.
func (p *Page) marks() (right, of int) {
	for _, t := range p.told {
		if t.answer.Verdict == "" || t.truth.Verdict == guess.Unknown {
			continue
		}
		of++
		if v, where := t.truth.Fits(t.answer); v && where {
			right++
		}
	}
	return right, of
}

// found is what became of the step's packet, with near misses.
func (p *Page) found(f *page.Frame) *guess.Truth {
	j := p.stage.first()
	if j != nil {
		j = miss.New(miss.In(f.Snap)).Look(j, miss.MaxSteps)
	}
	t := guess.Of(j, p.stage.step.Answered() || j != nil && p.stage.step.Reached())
	return &t
}

// Moving reports whether a packet is on its way.
func (p *Page) Moving(f *page.Frame) bool {
	return p.sync(f) != nil && p.stage != nil && p.phase == showing && (p.stage.moving() || p.stage.part == over)
}

// Pause stops the packet, or lets it go on.
func (p *Page) Pause(*page.Frame) {
	if p.stage != nil {
		p.stage.paused = !p.stage.paused
	}
}

// Step goes on by one place of the packet's way, or back.
func (p *Page) Step(on bool, f *page.Frame) bool {
	if l := p.sync(f); l != nil && p.stage != nil && p.phase == showing {
		p.stage.single(on, p.network(f, l))
		p.tell(f, l)
	}
	return true
}

// choices is how many there are to choose from now.
func (p *Page) choices(f *page.Frame) int {
	switch p.phase {
	case asking:
		return len(guess.Verdicts(f.Snap.Rules)) + 1
	case choosing:
		return len(guess.Places(f.Snap.Rules, p.answer.Verdict)) + 1
	}
	return 0
}

// Do carries out an action.
func (p *Page) Do(a keys.Action, f *page.Frame) tea.Cmd {
	l := p.sync(f)
	if l == nil || p.list.open {
		return p.doList(a, f)
	}
	n := p.choices(f)
	switch a {
	case keys.Down, keys.Up:
		by := map[keys.Action]int{keys.Down: 1, keys.Up: -1}[a]
		if n > 0 {
			p.at = (p.at + by + n) % n
			return nil
		}
		p.scroll = max(0, p.scroll+by)
	case keys.PageDown:
		p.scroll += 5
	case keys.PageUp:
		p.scroll = max(0, p.scroll-5)
	case keys.Top:
		p.at, p.scroll = 0, 0
	case keys.Bottom:
		p.at = max(0, n-1)
	case keys.GoOn, keys.Enter:
		p.goOn(f, l)
	case keys.Back:
		switch {
		case p.phase == choosing:
			p.phase, p.at, p.answer = asking, 0, guess.Answer{}
		case p.opt.List != nil:
			p.list.open = true
		}
	}
	return nil
}

// goOn takes the choice, sends the packet, or goes to the next step.
func (p *Page) goOn(f *page.Frame, l *snapshot.Lab) {
	if !p.held() {
		p.takeOver(l)
		return
	}
	switch p.phase {
	case intro:
		p.begin(l, 0)
	case asking:
		vs := guess.Verdicts(f.Snap.Rules)
		if p.at >= len(vs) {
			p.send(f, l)
			return
		}
		p.answer.Verdict, p.at = vs[p.at], 0
		if len(guess.Places(f.Snap.Rules, p.answer.Verdict)) == 0 {
			p.send(f, l)
			return
		}
		p.phase = choosing
	case choosing:
		if places := guess.Places(f.Snap.Rules, p.answer.Verdict); p.at < len(places) {
			p.answer.Where = &places[p.at]
		}
		p.send(f, l)
	case showing:
		p.stage.finish(p.network(f, l))
		p.tell(f, l)
	case telling:
		if p.step+1 < len(l.Steps) {
			p.begin(l, p.step+1)
			return
		}
		p.phase = finished
	case finished:
		p.opt.Pace.Send(len(l.Steps))
	}
}

// takeOver has the steps wait from now on, and asks about the one that is due.
func (p *Page) takeOver(l *snapshot.Lab) {
	if p.opt.Pace == nil {
		return
	}
	p.opt.Pace.Hold()
	p.begin(l, min(l.Current, len(l.Steps)-1))
}

func (p *Page) send(f *page.Frame, l *snapshot.Lab) {
	p.phase, p.stage, p.before = showing, newStage(l, p.step), fresh(f.Snap)
	p.opt.Pace.Send(p.step)
}

// Deep is true where Back has something to leave.
func (p *Page) Deep() bool { return true }

// Says is the line above the page: where in the lab it is. What became of a packet stands
// there on other pages, and would answer the question.
func (p *Page) Says(f *page.Frame) string {
	l := p.sync(f)
	if l == nil {
		return ""
	}
	say := p.speech(f)
	if p.phase == intro || p.phase == finished {
		return l.Title
	}
	dot := " · "
	if f.Theme.ASCII {
		dot = " - "
	}
	return l.Title + dot + say.Step(p.step+1, len(l.Steps))
}

// network is the drawing at the present size.
func (p *Page) network(f *page.Frame, l *snapshot.Lab) *network.Map {
	a := p.areas(f)
	inside, _ := p.inside(f, nil)
	key := fmt.Sprint(l.Name, l.Lang, a.netW, a.netH, inside)
	if p.drawn.key != key {
		var from []string
		for i := range l.Steps {
			from = append(from, l.Steps[i].From)
		}
		p.drawn = drawn{key, network.New(&l.Net, from, inside, a.netW, a.netH)}
	}
	return p.drawn.m
}

// drawn is the network as it was last laid out.
type drawn struct {
	key string
	m   *network.Map
}

// fell finds the drop that ended the step's packet; nil where none is known. What
// happens on every healthy host, such as to what is left of a closed connection, is none.
func (p *Page) fell(f *page.Frame) *drop.Drop {
	j := p.stage.first()
	if j != nil && j.Drop != nil {
		return j.Drop
	}
	for _, r := range slices.Backward(f.Snap.Drops.Rows) {
		d := r.Last
		switch {
		case d == nil || !d.HasPacket() || d.Netfilter() || d.Packet.Dst.IsMulticast():
		case j != nil && (d.Packet.Src != j.Packet.Src || d.Packet.Dst != j.Packet.Dst || d.Packet.DPort != j.Packet.DPort || d.Time.Before(j.Start.Add(-time.Second))):
		case j == nil && p.stage.net.Host(d.Packet.Src) != p.stage.step.From:
		case p.words.Explain(d).Grade == drop.Usual:
		default:
			return d
		}
	}
	return nil
}

// reason is what the kernel says of that drop, and nfscope of it; "" where there is none.
func (p *Page) reason(f *page.Frame) string {
	if p.truth.Journey == nil && p.truth.Verdict == guess.Accepted { // nothing dropped it
		return ""
	}
	d := p.fell(f)
	if d == nil {
		return ""
	}
	if d != p.whyOf {
		x := p.words.Explain(d)
		if x.Without != "" && p.truth.By.Kind == guess.Kernel { // no rule did it
			x.Words = x.Without
		}
		p.whyOf, p.why = d, p.speech(f).Reason(d.Reason, d.Where(), x, p.drops.In(p.speech(f)))
	}
	return p.why
}
