package journey

import (
	"cmp"
	"slices"
	"time"
)

const (
	// maxOpen is how many journeys are under way at once, unless more are to be kept.
	maxOpen = 4096
	// maxShown is how many of them are drawn: in a flood they are many, and over in a moment.
	maxShown = 500
	// maxOpenSteps is how many steps they have together, 35 MB.
	maxOpenSteps = 1 << 17
	// maxSame is how many of them may look the same.
	maxSame = 128
)

// filed is a journey that is closed. It is drawn when somebody looks at it, and many leave
// before anybody does: then it is still what was built.
type filed struct {
	number  int
	steps   int
	journey *Journey // nil while it is not drawn
	built   *builder // nil when it is
}

// Tick closes the journeys of which nothing was heard for a while, and reports
// whether there were any, or anything else changed.
func (f *Fold) Tick(now time.Time) (closed bool) {
	for f.going.head != nil && now.Sub(f.going.head.last) >= f.opt.Quiet {
		b := f.going.head
		if b.queued() && !f.fallen(b) || f.untold(b) {
			f.hold(b)
			continue
		}
		f.close(b)
		closed = true
	}
	for b := f.held.head; b != nil; {
		next, queued := b.next, b.queued() && !f.fallen(b)
		if late := now.Sub(b.last) >= f.opt.Held; late || !queued && !f.untold(b) {
			f.outwaited = f.outwaited || queued
			f.close(b)
			closed = true
		}
		b = next
	}
	closed = f.arrive(now, false) || closed
	closed = f.late(now, false) || closed
	return f.look(now) || closed
}

// Flush closes everything: the trace has ended.
func (f *Fold) Flush() {
	for f.open > 0 {
		f.close(f.longestQuiet())
	}
	if f.arrive(f.now, true) || f.late(f.now, true) {
		f.view = nil
	}
}

// Journeys lists all journeys kept, oldest first, and those under way, of which so many
// that a flood has the last that were heard of. What is handed out never changes.
func (f *Fold) Journeys() []*Journey {
	if f.view != nil {
		return f.view
	}
	under := make([]*builder, 0, min(f.open, maxShown))
	for _, l := range []lane{f.going, f.held} {
		for b := l.tail; b != nil && len(under) < maxShown; b = b.prev {
			under = append(under, b)
		}
	}
	// Who is drawn first is taken to have spoken first.
	slices.SortFunc(under, func(a, b *builder) int { return cmp.Compare(a.number, b.number) })
	open := make([]*Journey, len(under))
	for i, b := range under {
		open[i] = f.render(b)
	}
	f.view = make([]*Journey, 0, len(f.done)+len(open))
	for i := range f.done {
		for len(open) > 0 && open[0].Number < f.done[i].number {
			f.view, open = append(f.view, open[0]), open[1:]
		}
		f.view = append(f.view, f.draw(&f.done[i]))
	}
	f.view = append(f.view, open...)
	return f.view
}

// begin opens a journey.
func (f *Fold) begin(e *Event) *builder {
	for f.open >= max(f.opt.Keep, maxOpen) || f.openSteps > maxOpenSteps && f.open > 0 {
		f.hurry(f.longestQuiet())
	}
	f.number++
	b := f.pool.builder()
	b.number, b.first, b.last, b.delay, b.dirty, b.bases, b.rules = f.number, e.Time, e.Time, e.Late, true, f.bases, f.inForce
	b.probed, b.missed, b.late = f.opt.Probes, f.missed, !f.torn.IsZero() && e.Time.Sub(f.torn) < f.opt.Quiet
	if f.rules == nil {
		b.doubt = unlisted
	}
	f.notice(b, e)
	f.open++
	f.going.append(b)
	return b
}

// hurry closes a journey before its time, because too many are under way.
func (f *Fold) hurry(b *builder) {
	if !b.settled(f.opt.Probes) {
		f.torn = f.now // what comes of it still begins a journey in the middle
	}
	f.close(b)
}

// touch notes when a journey was last heard of.
func (f *Fold) touch(b *builder, at time.Time) {
	b.dirty = true
	if at.After(b.last) {
		b.last = at
	}
	if at.Before(b.first) { // of the tracer that is read later
		b.first = at
	}
	if b != f.going.tail {
		f.leave(b)
		f.going.append(b)
	}
}

// close ends a journey and files it, in the order of the numbers.
func (f *Fold) close(b *builder) {
	f.view = nil
	if b.alikes != nil {
		b.alikes.doubt()
	}
	b.closed, b.dirty = true, true
	if b.hasID && f.byID[b.id] == b {
		delete(f.byID, b.id)
	}
	f.unkey(b)
	f.leave(b)
	f.open--
	f.openSteps -= b.steps
	if b.rules != nil && !slices.Contains(f.older, b.rules) { // let go meanwhile
		b.rules, b.gone = nil, true
	}
	f.learn(b)
	f.ended(b)
	if b.keyed && b.mixed && !b.settled(f.opt.Probes) {
		f.sever(b)
	}
	if f.chose != nil && !(b.number > f.since && b.armedBy(f.ours)) && !f.chose(f.render(b)) {
		f.pool.give(b)
		return
	}
	if len(f.done) >= f.opt.Keep || f.steps+b.steps > f.opt.Steps {
		f.forget(b.steps)
	}
	i := f.file(filed{number: b.number, steps: b.steps, built: b})
	f.steps += b.steps
	f.await(b, b.firstPacket())
	if f.opt.Closed != nil {
		f.opt.Closed(f.draw(&f.done[i]))
	}
}

// file puts a closed journey among the others, and gives its place there.
func (f *Fold) file(d filed) int {
	i := len(f.done)
	for i > 0 && f.done[i-1].number > d.number {
		i--
	}
	f.done, f.view = slices.Insert(f.done, i, d), nil
	return i
}

// forget lets the oldest journeys go, by the quarter, so that moving the others is rare,
// and there is room for so many steps.
func (f *Fold) forget(steps int) {
	gone := 0
	for gone < len(f.done) && (len(f.done)-gone > f.opt.Keep*3/4 || f.steps+steps > f.opt.Steps*3/4) {
		d := &f.done[gone]
		if d.built != nil {
			f.pool.give(d.built)
		}
		f.steps -= d.steps
		gone++
	}
	n := copy(f.done, f.done[gone:])
	clear(f.done[n:])
	f.done = f.done[:n]
	f.forgotten += uint64(gone)
}

// draw gives a closed journey.
func (f *Fold) draw(d *filed) *Journey {
	if d.built != nil {
		d.journey = f.render(d.built)
		if d.built.gone {
			d.journey.detach()
		}
		f.pool.give(d.built)
		d.built = nil
	}
	return d.journey
}

// drawAll draws all that are closed: what decides how they look is about to change.
func (f *Fold) drawAll() {
	for i := range f.done {
		f.draw(&f.done[i])
	}
}
