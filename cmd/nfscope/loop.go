package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/snapshot"
	"nfscope/trace/lab"
	"nfscope/trace/record"
)

// rest is the pause before a recording begins again.
const rest = 3 * time.Second

// loop plays a lab's recording again and again, as the live lab repeats its steps: the
// clock, the packets' numbers and the counters go on.
type loop struct {
	name string
	data []byte
	// change makes of an item what is shown of it.
	change func(*feed.Item)
	// wait returns at a recorded time, or with the context's error.
	wait func(context.Context, time.Time) error

	// pace holds the steps; nil where they go by themselves.
	pace *class
	// hurry is true from when a step was let go until its first packet: what lay between is
	// not waited for.
	hurry bool

	mu sync.Mutex
	// start is when the playing began, moved on by the time that it stood since; stands is
	// since when it does, zero while it goes.
	start, stands time.Time
	base          time.Time // of the recording
	shift         time.Duration
	pass          int
	steps         int // how many the lab has
	// began and last are the counters at the recording's begin and at last; grown is what
	// the passes before this one have added.
	began, last, grown *model.Counts
	// shown are the rules at the recording's end, which stay; fits says that those which were in
	// force at this place of it are the same, though read at another generation.
	shown *model.Ruleset
	fits  bool
	trace *snapshot.Trace
}

func newLoop(name string, data []byte, change func(*feed.Item)) (*loop, error) {
	rr, err := record.NewReader(name, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	first, err := rr.Next()
	if err != nil {
		return nil, err
	}
	l := &loop{name: name, data: data, change: change, start: time.Now(), base: first.Time}
	l.wait = func(ctx context.Context, at time.Time) error { return pause(ctx, at.Sub(l.now())) }
	return l, nil
}

// now is the time in the recording's own terms; it goes on behind its end.
func (l *loop) now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stands.IsZero() {
		return l.base.Add(l.stands.Sub(l.start))
	}
	return l.base.Add(time.Since(l.start))
}

// stopped is since when the clock stands, zero while it goes.
func (l *loop) stopped() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stands
}

// hold stands until a step may go.
func (l *loop) hold(ctx context.Context, step int) error {
	if l.pace == nil {
		return nil
	}
	l.mu.Lock()
	l.stands = time.Now()
	l.mu.Unlock()
	waited, err := l.pace.wait(ctx, step)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.start, l.stands = l.start.Add(time.Since(l.stands)), time.Time{}
	l.hurry = waited
	return err
}

// skip goes on to a time at once.
func (l *loop) skip(to time.Time) {
	if ahead := to.Sub(l.now()); ahead > 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.start = l.start.Add(-ahead)
	}
}

// play gives the items to put, at the pace they were recorded at, until ctx is done.
func (l *loop) play(ctx context.Context, put func(feed.Item)) error {
	for ; ; l.pass++ {
		l.hurry = false
		end, err := l.once(ctx, put)
		if err != nil {
			return err
		}
		l.shift = end.Sub(l.base) + rest
		l.grow()
		if err := l.hold(ctx, l.steps); err != nil {
			return err
		}
	}
}

// once plays the recording to its end and tells when that is.
func (l *loop) once(ctx context.Context, put func(feed.Item)) (end time.Time, err error) {
	rr, err := record.NewReader(l.name, bytes.NewReader(l.data))
	if err != nil {
		return end, err
	}
	for {
		it, err := rr.Next()
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil {
			return end, err
		}
		later(&it, l.shift)
		end = it.Time
		if !l.wanted(&it) {
			continue
		}
		if l.hurry {
			l.skip(it.Time)
			l.hurry = it.Event == nil && it.Drop == nil && it.Lab == nil
		}
		if err := l.wait(ctx, it.Time); err != nil {
			return end, err
		}
		put(it)
		if it.Lab != nil {
			if l.steps = len(it.Lab.Steps); it.Lab.Current < l.steps {
				if err := l.hold(ctx, it.Lab.Current); err != nil {
					return end, err
				}
			}
		}
	}
}

// wanted reports whether an item is to be shown in this pass, and makes it fit: the
// namespace and its rules are told once, the trace ends when the playing does.
func (l *loop) wanted(it *feed.Item) bool {
	switch {
	case it.Host != nil, it.Problem != "":
		return l.pass == 0 && l.changed(it)
	case it.Rules != nil:
		c := it.Rules.Counts()
		if l.began == nil {
			l.began = c
		}
		if l.pass == 0 {
			l.shown, l.last, l.fits = it.Rules, c, true
			return true
		}
		if l.fits = sameRules(it.Rules, l.shown); !l.fits {
			return false
		}
		c.Taken = c.Taken.Add(l.shift)
		it.Rules, it.Counts = nil, c // they tell what they count too
		l.count(it.Counts)
	case it.Counts != nil:
		l.count(it.Counts)
	case it.Partial != nil:
		return false // of what was on another's screen; the next Counts tell it too
	case it.Trace != nil:
		if l.trace = it.Trace; !it.Trace.Armed {
			return false
		}
	}
	return l.changed(it)
}

// count makes counters of this pass those of all.
func (l *loop) count(c *model.Counts) {
	l.last = clone(c)
	add(c, l.grown, 1)
	if l.pass > 0 && l.fits {
		c.Generation = l.shown.Generation
	}
}

// sameRules reports whether two rulesets have the same rules at the same places.
func sameRules(a, b *model.Ruleset) bool {
	return slices.EqualFunc(a.Tables, b.Tables, func(a, b *model.Table) bool {
		return a.Backend == b.Backend && a.Family == b.Family && a.Name == b.Name && slices.EqualFunc(a.Chains, b.Chains, func(a, b *model.Chain) bool {
			return a.Name == b.Name && slices.EqualFunc(a.Rules, b.Rules, func(a, b model.Rule) bool { return a.Text == b.Text })
		})
	})
}

func (l *loop) changed(it *feed.Item) bool {
	l.change(it)
	return true
}

// grow notes what a pass has added to the counters.
func (l *loop) grow() {
	if l.last == nil {
		return
	}
	g := clone(l.last)
	add(g, l.began, -1)
	add(g, l.grown, 1)
	l.grown = g
}

// over is the item that ends the trace.
func (l *loop) over() feed.Item {
	t := snapshot.Trace{}
	if l.trace != nil {
		t = *l.trace
	}
	t.Armed = false
	return feed.Item{Time: l.now(), Trace: &t}
}

func clone(c *model.Counts) *model.Counts {
	n := *c
	n.Rules, n.Chains = append([]model.Counters(nil), c.Rules...), append([]model.Counters(nil), c.Chains...)
	return &n
}

// add adds the counters of b, which may be nil, to those of a; sign is 1 or -1.
func add(a, b *model.Counts, sign int64) {
	if b == nil || len(a.Rules) != len(b.Rules) || len(a.Chains) != len(b.Chains) {
		return
	}
	for _, s := range [][2][]model.Counters{{a.Rules, b.Rules}, {a.Chains, b.Chains}} {
		for i := range s[0] {
			s[0][i].Packets += uint64(sign) * s[1][i].Packets
			s[0][i].Bytes += uint64(sign) * s[1][i].Bytes
		}
	}
}

// later moves an item in time, whatever it carries.
func later(it *feed.Item, d time.Duration) {
	move := func(ts ...*time.Time) {
		for _, t := range ts {
			if !t.IsZero() {
				*t = t.Add(d)
			}
		}
	}
	move(&it.Time)
	if e := it.Event; e != nil {
		move(&e.Time, &e.Stamp)
	}
	if e := it.Flow; e != nil {
		move(&e.Time)
		if e.Flow != nil {
			move(&e.Flow.Start, &e.Flow.Stop, &e.Flow.Seen, &e.Flow.Gone)
		}
	}
	if p := it.Drop; p != nil {
		move(&p.Time)
	}
	if s := it.Sight; s != nil {
		move(&s.Time)
	}
	if h := it.Heard; h != nil {
		move(&h.Before)
	}
	if c := it.Counts; c != nil {
		move(&c.Taken)
	}
	if p := it.Partial; p != nil {
		move(&p.Taken)
	}
}

// spoken puts a lab's title, lesson and steps into a language. The lab must be the one
// that was recorded; where it is another, what was recorded stands.
func spoken(l *lab.Lab, lang string) func(*feed.Item) {
	return func(it *feed.Item) {
		if it.Lab == nil || it.Lab.Name != l.Name || len(it.Lab.Steps) != len(l.Steps) {
			return
		}
		v := l.View(lang, it.Lab.Current, nil)
		for i, s := range it.Lab.Steps {
			if v.Steps[i].Result = s.Result; s.Result != "" {
				v.Steps[i].Says = l.Steps[i].Says.In(lang)
			}
		}
		v.Queues, v.Counts = it.Lab.Queues, it.Lab.Counts
		it.Lab = v
	}
}
