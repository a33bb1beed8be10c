package rules

import (
	"context"
	"slices"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
)

const (
	// soon is the least time between two looks at what is on the screen: somebody who
	// scrolls sees figures while they do.
	soon = 250 * time.Millisecond
	// spend is the time that one look may take, so that with soon it is 1 % of a core. The
	// kernel looks for a rule from its chain's head: 60 rules at the end of a chain of 12,000
	// take 22 ms, and are read in turn, the one that waited longest first.
	spend = 2 * time.Millisecond
	// atOnce is how many rules are read before looking at the time that it took.
	atOnce = 64
)

// sight is what is on the screen.
type sight struct {
	of            *model.Ruleset
	chains, rules []int
}

// Focus tells Watch what is on the screen, whenever that changes: chains by Chain.ID and
// single rules by Rule.ID, of a ruleset that was emitted; with another than the last
// nothing is done. Where there are so many rules that all cannot be counted every time,
// Watch counts these every time, and what comes into sight within a quarter of a second.
// It keeps the slices. It may be called from any goroutine, and does not block.
func (r *Reader) Focus(of *model.Ruleset, chains, rules []int) {
	r.sight.Store(&sight{of, chains, rules})
	select {
	case r.looked <- struct{}{}:
	default:
	}
}

// ages are when what is on the screen was read.
type ages struct {
	all           time.Time // everything
	chains, rules map[int]time.Time
}

func newAges(all time.Time) ages {
	return ages{all, map[int]time.Time{}, map[int]time.Time{}}
}

func (a *ages) of(m map[int]time.Time, id int) time.Time {
	if t, ok := m[id]; ok {
		return t
	}
	return a.all
}

// due gives what of the screen was not read since a moment: all chains, and the rules
// that have waited longest. Legacy tables are left out.
func (w *watcher) due(since time.Time) (chains, rules []int) {
	v, j := w.r.sight.Load(), w.r.join
	if v == nil || v.of != w.rs || j == nil || j.rs != w.rs {
		return nil, nil
	}
	for _, id := range v.chains {
		if id >= 0 && id < len(j.owner) && j.owner[id].Backend != model.BackendLegacy && !w.ages.of(w.ages.chains, id).After(since) {
			chains = append(chains, id)
		}
	}
	for _, id := range v.rules {
		if !w.ages.of(w.ages.rules, id).After(since) {
			if c, _ := j.place(id); c >= 0 && j.owner[c].Backend != model.BackendLegacy {
				rules = append(rules, id)
			}
		}
	}
	age := func(i int) time.Time { return w.ages.of(w.ages.rules, rules[i]) }
	slices.SortStableFunc(rules, func(a, b int) int {
		return w.ages.of(w.ages.rules, a).Compare(w.ages.of(w.ages.rules, b))
	})
	// They are read in the order of the ruleset, so those that were read later wait apart.
	n := 0
	for n < min(len(rules), atOnce) && age(n).Before(age(0).Add(soon)) {
		n++
	}
	return chains, rules[:n]
}

// look emits the counters of what is on the screen and was last read longer ago than age. However
// late it is when it has found what to ask for, it asks once: else a machine that is too slow for
// that would never read anything.
func (w *watcher) look(ctx context.Context, now time.Time, age time.Duration) error {
	since, end := now.Add(-age), now.Add(spend)
	w.more = false
	for asked := false; ; asked = true {
		chains, rules := w.due(since)
		if len(chains)+len(rules) == 0 {
			return nil
		}
		left := time.Until(end)
		if left <= 0 && asked {
			w.more = true
			return nil
		}
		part, err := w.r.countsOf(ctx, w.rs, chains, rules, left)
		if err != nil {
			return err
		}
		read := time.Now()
		for _, n := range part.Chains {
			w.ages.chains[n.ID] = read
		}
		for _, n := range part.Rules {
			w.ages.rules[n.ID] = read
		}
		if read.Before(end) { // what did not come has no counter of its own
			for _, id := range chains {
				w.ages.chains[id] = read
			}
			for _, id := range rules {
				w.ages.rules[id] = read
			}
		}
		if len(part.Chains)+len(part.Rules) > 0 {
			w.emit(feed.Item{Time: part.Taken, Partial: part})
		}
	}
}

// glance is a look between two steps. What goes wrong is told by the next step.
func (w *watcher) glance(ctx context.Context) {
	w.more = false
	if now := time.Now(); w.rs != nil && !w.moved && now.Before(w.whole) {
		_ = w.look(ctx, now, w.every)
	}
}
