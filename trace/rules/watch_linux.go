package rules

import (
	"context"
	"errors"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
)

// rest is how many times the duration of a Snapshot must pass before the next: a
// ruleset that never stands still must not eat a core.
const rest = 4

// Watch emits the ruleset, its counters every so often, and the ruleset again when it
// changed. What does not work is emitted as a sentence, once until it changes. Watch
// works on the caller's goroutine and returns when ctx is done.
func (r *Reader) Watch(ctx context.Context, every time.Duration, emit func(feed.Item)) {
	w := watcher{r: r, emit: emit, said: map[string]bool{}}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
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
	// failed is true while the last step failed.
	failed bool
	// notBefore is when the next Snapshot may be taken.
	notBefore time.Time
}

func (w *watcher) step(ctx context.Context) {
	if w.rs != nil {
		counts, err := w.r.Counts(ctx, w.rs)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			if w.failed {
				w.failed = false
				w.say(w.rs.Warnings)
			}
			w.emit(feed.Item{Time: counts.Taken, Counts: counts})
			return
		case !errors.Is(err, ErrStale):
			w.failed = true
			w.say([]string{err.Error()})
			return
		}
	}
	begin := time.Now()
	if begin.Before(w.notBefore) {
		return
	}
	rs, err := w.r.Snapshot(ctx)
	if ctx.Err() != nil {
		return
	}
	w.failed = err != nil
	w.notBefore = time.Now().Add(rest * time.Since(begin))
	if err != nil {
		w.say([]string{err.Error()})
		return
	}
	w.rs = rs
	w.emit(feed.Item{Time: rs.Taken, Rules: rs})
	w.say(rs.Warnings)
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
