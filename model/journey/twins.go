package journey

import (
	"fmt"
	"slices"

	"nfscope/model"
)

// alikes are journeys under way whose packets look the same, so that an event of one may
// have been taken for another's. When all of them have all their events it shows whether
// that matters: where each has the same steps, each packet made just these, whichever
// event was whose (even). Else nobody can tell.
type alikes struct {
	of     []*builder
	behind int // of them that events are still to come of
}

// pair notes that events of two journeys may be mixed up.
func (f *Fold) pair(a, b *builder) {
	if a == b || a.alikes != nil && a.alikes == b.alikes {
		return
	}
	into, from := a.alikes, b.alikes
	if into == nil {
		into = &alikes{}
		f.enter(into, a)
	}
	if from == nil {
		f.enter(into, b)
	} else {
		for _, o := range slices.Clone(from.of) {
			f.enter(into, o)
		}
	}
	if len(into.of) > maxSame {
		into.doubt()
	}
}

// guess is pair where an event was taken for that of one of them.
func (f *Fold) guess(a, b *builder) {
	a.guessed, b.guessed = true, true
	f.pair(a, b)
}

func (f *Fold) enter(g *alikes, b *builder) {
	b.alikes, b.dirty = g, true
	b.behind = !b.settled(f.opt.Probes)
	if g.of = append(g.of, b); b.behind {
		g.behind++
	}
}

// heard looks at a journey that has a new event, and at those it may be mixed up with
// when nothing more is to come of any of them.
func (f *Fold) heard(b *builder) {
	g := b.alikes
	if g == nil {
		return
	}
	if now := !b.settled(f.opt.Probes); now != b.behind {
		if b.behind = now; now {
			g.behind++
		} else {
			g.behind--
		}
	}
	if g.behind > 0 {
		return
	}
	if g.named() {
		g.release()
		return
	}
	one, known := g.natted()
	switch {
	case !known:
		return
	case !one || !f.even(g):
		g.doubt()
		return
	}
	for _, b := range g.of {
		b.alikes, b.dirty = nil, true
		b.even = max(b.even, len(g.of))
	}
}

// doubt gives up: it will never be known whose events are whose, unless that is told of each.
func (g *alikes) doubt() {
	if g.named() {
		g.release()
		return
	}
	for _, b := range g.of {
		b.alikes = nil
		b.suspect(twins)
	}
}

// even reports whether the journeys are whole and the legacy tracer told the same of each.
// A packet comes to a rule of a base chain once at most, and so it does to one of a user
// chain that it is sent to once. So where n packets made n events of each rule, each packet
// made one of each. What nf_tables told has its packet's id, and need not be the same. Nor
// need chains of nat, which the first packet of a connection meets alone: where one of the
// journeys has all their events, they were one packet's.
func (f *Fold) even(g *alikes) bool {
	parted := slices.ContainsFunc(g.of, func(b *builder) bool { return b.flooded != "" })
	told := func(b *builder) []*walk {
		l := b.told(false)
		if parted { // what a bridge copies was one packet before
			l = slices.DeleteFunc(l, func(w *walk) bool { return w.place.hook == model.HookPrerouting })
		}
		return l
	}
	first := told(g.of[0])
	if slices.ContainsFunc(first, (*walk).returns) {
		return false
	}
	same, shown := (*walk).even, g.of[0].toldByNFT()
	if g.of[0].key.behind { // the legacy tracer's are surely one fragment's, and so are nf_tables'
		same = (*walk).sameSteps
	}
	for _, b := range g.of {
		at, _ := b.reach()
		if b.doubt != "" || b.torn || f.missed != b.missed || f.unbegun(b) || b.contradicted() || b.vague() ||
			b.unfinished(at) != nil || b.missing(at) != nil || !slices.EqualFunc(told(b), first, same) ||
			b.key.behind && !slices.EqualFunc(b.toldByNFT(), shown, (*walk).sameSteps) {
			return false
		}
	}
	return true
}

// natted reports whether at most one of the journeys has events of nat's legacy chains, and
// that one all. known is false while some may still come.
func (g *alikes) natted() (one, known bool) {
	var which *builder
	n, fresh := 0, 0
	for _, b := range g.of {
		if len(b.told(true)) > 0 {
			which = b
			n++
		}
		if b.unconfirmed() {
			fresh++
		}
	}
	switch {
	case n == 0:
		return true, true
	case n > 1 || fresh > 1 || fresh == 1 && !which.unconfirmed() || slices.ContainsFunc(which.told(true), (*walk).returns):
		return false, true
	}
	reach, _ := which.reach()
	reach = reach.above()
	for _, c := range which.bases.nat {
		if c.family.Carries(which.key.family) && c.place.before(reach) && which.passes(c.hook, reach) && !which.walked(&c) {
			return false, false
		}
	}
	return true, true
}

// told are the walks that the legacy tracer told of, through chains of nat or others.
func (b *builder) told(nat bool) (out []*walk) {
	for _, w := range b.walks {
		if w.source == SourceLegacy && (w.table == "nat") == nat {
			out = append(out, w)
		}
	}
	return out
}

// toldByNFT are the walks through the user's own chains that nf_tables' trace told of.
func (b *builder) toldByNFT() (out []*walk) {
	for _, w := range b.walks {
		if w.source == SourceNFT && !w.hidden {
			out = append(out, w)
		}
	}
	return out
}

// even reports whether two walks are through one chain, with the same steps and headers.
func (w *walk) even(o *walk) bool {
	return w.sameSteps(o) && samePacket(w.head, o.head) &&
		slices.EqualFunc(w.steps, o.steps, func(a, b step) bool { return samePacket(a.packet, b.packet) })
}

// sameSteps reports whether two walks are through one chain, with the same steps.
func (w *walk) sameSteps(o *walk) bool {
	return w.family == o.family && w.table == o.table && w.base == o.base && w.place == o.place && w.verdict == o.verdict &&
		slices.EqualFunc(w.steps, o.steps, func(a, b step) bool {
			return a.chain == b.chain && a.depth == b.depth && a.kind == b.kind && a.rule == b.rule && a.num == b.num && a.handle == b.handle &&
				a.verdict == b.verdict && a.target == b.target && a.note == b.note
		}) && w.in == o.in && w.out == o.out
}

func samePacket(a, b *model.Packet) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// returns reports whether a walk may have come to one rule twice: to a chain that several
// rules send it to, or to the whole hook, where user space said so.
func (w *walk) returns() bool {
	seen := map[string]bool{}
	for i := range w.steps {
		s := &w.steps[i]
		if s.verdict == model.VerdictQueue {
			return true
		}
		if s.verdict != model.VerdictJump && s.verdict != model.VerdictGoto {
			continue
		}
		to := s.target
		if s.rule != nil && s.rule.Jump != "" {
			to = s.rule.Jump
		}
		if seen[to] {
			return true
		}
		seen[to] = true
	}
	return false
}

// evenly says what is assumed of a journey that was resolved by even.
func (b *builder) evenly() string {
	if b.key.behind {
		return fmt.Sprintf("%d fragments were under way of which nf_tables' trace shows no header: which of its events was whose is not known, but each has all, and the same", b.even)
	}
	return fmt.Sprintf("%d packets with the same headers were under way: which event was whose is not known, but of those that legacy tables tell each had all", b.even)
}
