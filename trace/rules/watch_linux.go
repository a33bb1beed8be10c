package rules

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	picture "nfscope/model/snapshot"
)

const (
	// rest is how many times the duration of a Snapshot, or of a Counts, must pass before the
	// next: a ruleset that never stands still must not eat a core.
	rest = 4
	// calm is how many times the processor time of a Counts must pass before the next:
	// however many rules there are, counting takes 1.7 % of a core, and the collector and the
	// page, which have all of them to go through, their share.
	calm = 60
	// slow is the time for a Counts from which the memory for it is given back in between.
	slow = 50 * time.Millisecond
	// settle is how long a change is left before it is read: what loads rules in several
	// transactions has often made the next by then.
	settle = 20 * time.Millisecond
	// patientFrom and patientTo bound how long a text that could not be read is left
	// before it is tried again.
	patientFrom, patientTo = 10 * time.Second, 5 * time.Minute
	// lapsing is how often the ruleset is read again at most because elements of its
	// verdict maps have ended.
	lapsing = 10 * time.Second
)

// Watch emits the ruleset, its counters every so often, and the ruleset again when it
// changed. Where counting everything takes long it is done less often, and in between
// only what Focus tells of is counted (model.Partial). What does not work is emitted as a
// sentence, once until it changes, and tried again. How far a reading is that takes more
// than a moment, and why the rules in sight are not the newest, is emitted as a Reading;
// that may come from another goroutine, one at a time. Watch works on the caller's goroutine
// and returns when ctx is done.
func (r *Reader) Watch(ctx context.Context, every time.Duration, emit func(feed.Item)) {
	w := watcher{r: r, emit: emit, said: map[string]bool{}, patience: patientFrom, every: every}
	w.listen()
	defer w.deaf()
	r.progress.tell = w.reading
	timer := time.NewTimer(0)
	defer timer.Stop()
	var next, last, glance time.Time // when the next step is due, the last was, a glance is
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.told():
			if !w.moved {
				w.moved = true
				next = time.Now().Add(max(settle, time.Until(w.notBefore)))
			}
		case <-r.looked:
			if glance.IsZero() {
				glance = last.Add(soon)
			}
		case <-timer.C:
			if now := time.Now(); !now.Before(next) {
				w.step(ctx)
				next = time.Now().Add(every)
			} else if !glance.IsZero() && !now.Before(glance) {
				w.glance(ctx)
			}
			last, glance = time.Now(), time.Time{}
			if w.more {
				glance = last.Add(soon)
			}
		}
		wait := time.Until(next)
		if !glance.IsZero() {
			wait = min(wait, time.Until(glance))
		}
		timer.Reset(max(0, wait))
	}
}

type watcher struct {
	r    *Reader
	emit func(feed.Item)
	rs   *model.Ruleset
	said map[string]bool
	// commits tells who changes nf_tables; nil where that cannot be heard. moved is true
	// from when it told of a change until the ruleset was read.
	commits *commits
	moved   bool
	// failed is true while the last step failed, since is when that began.
	failed bool
	since  time.Time
	// right is when the rules in sight were last known to be those in force.
	right time.Time
	// busy is true while a reading that is not over was told of.
	busy bool
	// notBefore is when the next Snapshot may be taken, whole when all may be counted.
	notBefore, whole time.Time
	// again is when text that could not be read is tried again, patience how long after
	// the next time.
	again    time.Time
	patience time.Duration
	// every is the time between two steps. ages are when things were read; more is true
	// where the last look had no time for all that is on the screen.
	every time.Duration
	ages  ages
	more  bool
}

func (w *watcher) step(ctx context.Context) {
	begin := time.Now()
	retry := w.rs != nil && w.r.unread && begin.After(w.again)
	lapsed := w.rs != nil && !w.r.lapses.IsZero() && begin.After(w.r.lapses) && begin.Sub(w.rs.Taken) > lapsing
	if w.rs != nil && !retry && !w.moved && !lapsed {
		err := w.count(ctx, begin)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			w.right = begin
			if w.failed {
				w.failed = false
				w.say(w.rs.Warnings)
			}
			w.over()
			return
		case !errors.Is(err, ErrStale):
			w.fail(err)
			return
		}
	}
	if begin.Before(w.notBefore) {
		if w.rs != nil && !retry && !w.failed {
			w.stale(fmt.Sprintf("they changed again, and reading them takes long: the next time is %s", w.notBefore.Format("15:04:05")))
		}
		return
	}
	w.moved = false
	rs, err := w.r.Snapshot(ctx)
	if ctx.Err() != nil {
		return
	}
	w.notBefore = time.Now().Add(rest * time.Since(begin))
	if err != nil {
		w.fail(err)
		return
	}
	w.failed, w.right = false, rs.Taken
	if w.r.unread {
		w.again, w.patience = time.Now().Add(w.patience), min(2*w.patience, patientTo)
	} else {
		w.patience = patientFrom
	}
	if retry && rs.Generation == w.rs.Generation && slices.Equal(rs.Warnings, w.rs.Warnings) {
		w.whole = time.Time{} // counting is by the ruleset that was read last
		w.over()
		return // nothing came of it
	}
	w.attribute(ctx, rs)
	w.rs, w.whole, w.ages, w.busy = rs, time.Time{}, newAges(time.Now()), false
	w.emit(feed.Item{Time: rs.Taken, Rules: rs})
	w.say(rs.Warnings)
}

// fail tells of an error: in the list of problems once, and as the reason why what is in
// sight is not the newest for as long as it stays.
func (w *watcher) fail(err error) {
	if !w.failed {
		w.failed, w.since = true, time.Now()
	}
	w.stale(err.Error())
	var all []string
	if w.rs != nil {
		all = slices.Clone(w.rs.Warnings)
	}
	w.say(append(all, err.Error()))
}

// stale says why the rules in sight, or that there are none, is all there is.
func (w *watcher) stale(why string) {
	since := w.right
	if w.rs == nil {
		since = w.since
	}
	w.reading(w.r.progress.failed(why, since))
}

// over says that the rules in sight are those in force.
func (w *watcher) over() {
	if w.busy {
		w.reading(picture.Reading{})
	}
}

func (w *watcher) reading(r picture.Reading) {
	w.busy = !r.Over()
	w.emit(feed.Item{Time: time.Now(), Reading: &r})
}

// count emits counters: all of them, or those on the screen where it is not yet time.
func (w *watcher) count(ctx context.Context, now time.Time) error {
	w.more = false
	if now.Before(w.whole) {
		if chains, rules := w.due(now.Add(-w.every / 2)); len(chains)+len(rules) > 0 {
			return w.look(ctx, now, w.every/2)
		}
		_, err := w.r.CountsOf(ctx, w.rs, nil, nil) // it tells whether the ruleset is the same
		return err
	}
	begin := time.Now()
	counts, err := w.r.Counts(ctx, w.rs)
	if err != nil {
		return err
	}
	// On a busy machine it lasts longer than it costs.
	w.whole, w.ages = time.Now().Add(max(calm*w.r.spent, rest*time.Since(begin))), newAges(time.Now())
	if w.r.spent > slow {
		w.r.rest()
	}
	w.emit(feed.Item{Time: counts.Taken, Counts: counts})
	return nil
}

// say emits the sentences that did not stand in the last list, and takes back those that
// did and do not any more.
func (w *watcher) say(sentences []string) {
	now := map[string]bool{}
	for _, s := range sentences {
		if !w.said[s] && !now[s] {
			w.emit(feed.Item{Time: time.Now(), Problem: s})
		}
		now[s] = true
	}
	for s := range w.said {
		if !now[s] {
			w.emit(feed.Item{Time: time.Now(), Solved: s})
		}
	}
	w.said = now
}
