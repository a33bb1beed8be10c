package rules

import (
	"slices"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
)

// rested is a watcher at rest after a reading of everything; the next is an hour away.
type rested struct {
	*watcher
	nat   *model.Table
	whole int
	parts []*model.Partial
}

func watch(t *testing.T, r *Reader, backend model.Backend) *rested {
	t.Helper()
	w := &rested{}
	w.watcher = &watcher{r: r, emit: func(i feed.Item) {
		switch {
		case i.Counts != nil:
			w.whole++
		case i.Partial != nil:
			w.parts = append(w.parts, i.Partial)
		}
	}, said: map[string]bool{}, patience: time.Hour}
	w.step(t.Context())
	w.step(t.Context())
	if w.whole != 1 || time.Until(w.watcher.whole) <= 0 || r.spent <= 0 {
		t.Fatalf("%d times all was counted, the next time at %s, spent %s", w.whole, w.watcher.whole, r.spent)
	}
	w.watcher.whole = time.Now().Add(time.Hour)
	w.nat = w.rs.Table(backend, model.FamilyIPv4, "nat")
	return w
}

// TestWatchFocus: where counting everything takes long, what is on the screen is counted
// in between.
func TestWatchFocus(t *testing.T) {
	t.Parallel()
	ns := cluster(t, "nft")
	r := open(t, ns)
	w := watch(t, r, model.BackendIptablesNFT)
	w.step(t.Context()) // nobody looks: nothing is counted
	if w.whole != 1 || len(w.parts) != 0 {
		t.Errorf("counted %d times, and %v", w.whole, w.parts)
	}
	rule := &w.nat.Chain("KUBE-SERVICES").Rules[3]
	// IDs belong to one ruleset: to another, even of the same text, nothing is said.
	other := *w.rs
	r.Focus(&other, nil, []int{rule.ID})
	w.step(t.Context())
	if len(w.parts) != 0 {
		t.Errorf("read %+v for another ruleset", w.parts[0])
	}
	r.Focus(w.rs, nil, []int{rule.ID, -1, 1 << 30})
	visit(t, ns, 3)
	w.step(t.Context())
	if len(w.parts) != 1 || len(w.parts[0].Rules) != 1 || w.parts[0].Rules[0].ID != rule.ID || w.parts[0].Rules[0].Packets <= rule.Counters.Packets {
		t.Fatalf("read %+v of rule %d, before %+v", w.parts, rule.ID, rule.Counters)
	}
	// A glance reads only what has waited: what came into sight.
	w.every = time.Hour
	w.ages.all = time.Now().Add(-2 * time.Hour)
	next := w.nat.Chain("KUBE-SERVICES").Rules[4].ID
	r.Focus(w.rs, nil, []int{rule.ID, next})
	w.glance(t.Context())
	if len(w.parts) != 2 || !slices.Equal(ids(w.parts[1].Rules), []int{next}) {
		t.Errorf("a glance read %+v, want rule %d", w.parts[1:], next)
	}
	w.glance(t.Context())
	if len(w.parts) != 2 {
		t.Errorf("another glance read %+v", w.parts[2:])
	}
	w.watcher.whole = time.Time{}
	w.step(t.Context())
	if w.whole != 2 {
		t.Errorf("%d times all was counted", w.whole)
	}
}

// TestWatchTurns: what has no room in one look is read in the next ones, all of it before
// anything is read again.
func TestWatchTurns(t *testing.T) {
	t.Parallel()
	ns := cluster(t, "nft")
	r := open(t, ns)
	w := watch(t, r, model.BackendIptablesNFT)
	var all []int
	for i := range w.nat.Chain("KUBE-SERVICES").Rules {
		all = append(all, w.nat.Chain("KUBE-SERVICES").Rules[i].ID)
	}
	r.Focus(w.rs, nil, all)
	w.ages.all = time.Now().Add(-2 * time.Hour)
	seen := map[int]int{}
	looks := 0
	for w.more = true; w.more; looks++ {
		before := len(w.parts)
		if looks > len(all) {
			t.Fatalf("%d looks, and %d of %d rules were read", looks, len(seen), len(all))
		}
		// Its time is over when it begins, as on a machine that is too slow: one request is made.
		if err := w.look(t.Context(), time.Now().Add(-spend), time.Hour); err != nil {
			t.Fatal(err)
		}
		for _, p := range w.parts[before:] {
			for _, n := range p.Rules {
				seen[n.ID]++
			}
		}
	}
	if len(seen) != len(all) || looks < 3 {
		t.Errorf("%d of %d rules were read in %d looks", len(seen), len(all), looks)
	}
	for id, n := range seen {
		if n > 1 {
			t.Errorf("rule %d was read %d times before the last was read once", id, n)
		}
	}
}

// TestWatchFocusLegacy: legacy tables can only be read whole; nothing is said of them.
func TestWatchFocusLegacy(t *testing.T) {
	t.Parallel()
	r := open(t, cluster(t, "legacy"))
	w := watch(t, r, model.BackendLegacy)
	r.Focus(w.rs, []int{0, 1, 2}, []int{0, 1, 2})
	w.step(t.Context())
	w.glance(t.Context())
	if len(w.parts) != 0 || w.more {
		t.Errorf("read %+v apart", w.parts)
	}
}
