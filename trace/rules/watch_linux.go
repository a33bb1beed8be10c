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
	// rest is how many times the duration of a Snapshot must pass before the next: a
	// ruleset that never stands still must not eat a core.
	rest = 4
	// calm is how many times the processor time of a Counts must pass before the next:
	// however many rules there are, counting takes 2.5 % of a core, and the collector its share.
	calm = 40
	// slow is the time for a Counts from which the memory for it is given back in between.
	slow = 50 * time.Millisecond
	// settle is how long a change is left before it is read: what loads rules in several
	// transactions has often made the next by then.
	settle = 20 * time.Millisecond
	// patientFrom and patientTo bound how long a text that could not be read is left
	// before it is tried again.
	patientFrom, patientTo = 10 * time.Second, 5 * time.Minute
)

// Focus tells Watch what is on the screen: whole chains by Chain.ID, and single rules by
// Rule.ID, of the ruleset that was emitted last. Where there are so many rules that all
// cannot be counted every time, Watch counts these every time. visible is called from
// Watch's goroutine.
func (r *Reader) Focus(visible func() (chains, rules []int)) { r.visible.Store(&visible) }

// Watch emits the ruleset, its counters every so often, and the ruleset again when it
// changed. Where counting everything takes long it is done less often, and in between
// only what Focus tells of is counted (Counts.Part). What does not work is emitted as a
// sentence, once until it changes, and tried again. How far a reading is that takes more
// than a moment, and why the rules in sight are not the newest, is emitted as a Reading;
// that may come from another goroutine, one at a time. Watch works on the caller's goroutine
// and returns when ctx is done.
func (r *Reader) Watch(ctx context.Context, every time.Duration, emit func(feed.Item)) {
	w := watcher{r: r, emit: emit, said: map[string]bool{}, patience: patientFrom}
	w.listen()
	defer w.deaf()
	r.progress.tell = w.reading
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.told():
			if !w.moved {
				w.moved = true
				timer.Reset(max(settle, time.Until(w.notBefore)))
			}
			continue
		case <-timer.C:
		}
		w.step(ctx)
		timer.Reset(every)
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
}

func (w *watcher) step(ctx context.Context) {
	begin := time.Now()
	retry := w.rs != nil && w.r.unread && begin.After(w.again)
	if w.rs != nil && !retry && !w.moved {
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
		w.over()
		return // nothing came of it
	}
	w.attribute(ctx, rs)
	w.rs, w.whole, w.busy = rs, time.Time{}, false
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
	w.say([]string{err.Error()})
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
	var counts *model.Counts
	var err error
	if now.Before(w.whole) {
		var chains, rules []int
		if visible := w.r.visible.Load(); visible != nil && *visible != nil {
			chains, rules = (*visible)()
		}
		if counts, err = w.r.CountsOf(ctx, w.rs, chains, rules); err == nil && len(counts.Part) == 0 {
			return nil // nothing was counted, but the ruleset is the same
		}
	} else if counts, err = w.r.Counts(ctx, w.rs); err == nil {
		w.whole = time.Now().Add(calm * w.r.spent)
		if w.r.spent > slow {
			w.r.rest()
		}
	}
	if err == nil {
		w.emit(feed.Item{Time: counts.Taken, Counts: counts})
	}
	return err
}

// say emits the sentences that did not stand in the last list.
func (w *watcher) say(sentences []string) {
	now := map[string]bool{}
	for _, s := range sentences {
		if !w.said[s] && !now[s] {
			w.emit(feed.Item{Time: time.Now(), Problem: s})
		}
		now[s] = true
	}
	w.said = now
}
