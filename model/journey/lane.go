package journey

import "nfscope/model"

// lane is a line of journeys under way, the one longest quiet first.
type lane struct{ head, tail *builder }

func (l *lane) append(b *builder) {
	if b.prev = l.tail; b.prev == nil {
		l.head = b
	} else {
		b.prev.next = b
	}
	l.tail = b
}

func (l *lane) remove(b *builder) {
	if b.prev == nil {
		l.head = b.next
	} else {
		b.prev.next = b.next
	}
	if b.next == nil {
		l.tail = b.prev
	} else {
		b.next.prev = b.prev
	}
	b.prev, b.next = nil, nil
}

// underWay gives every journey under way.
func (f *Fold) underWay(yield func(*builder) bool) {
	for _, l := range []lane{f.held, f.going} {
		for b := l.head; b != nil; b = b.next {
			if !yield(b) {
				return
			}
		}
	}
}

// longestQuiet is the journey under way that was not heard of for longest; nil where there
// is none. One that is held is quieter than any that goes.
func (f *Fold) longestQuiet() *builder {
	if f.held.head != nil {
		return f.held.head
	}
	return f.going.head
}

// hold puts a journey among those that wait for user space or conntrack.
func (f *Fold) hold(b *builder) {
	f.leave(b)
	b.waits = true
	f.held.append(b)
}

// leave takes a journey out of its lane.
func (f *Fold) leave(b *builder) {
	if b.waits {
		b.waits = false
		f.held.remove(b)
		return
	}
	f.going.remove(b)
}

// queued reports whether the last that was heard of the packet is that it was sent to user
// space, which may drop it, let it on, or have it go through the hook's chains again.
func (b *builder) queued() bool {
	n := len(b.walks)
	return n > 0 && b.walks[n-1].verdict == model.VerdictQueue
}

// untold reports whether the packet is through the chains of its last hook, and what
// became of its new connection behind them is still to be told: by conntrack, or by the
// kernel's drop.
func (f *Fold) untold(b *builder) bool {
	if f.flows == nil || !f.flows.Followed() || !b.unconfirmed() || b.took(f.flows.ByID(b.ct.ID)) {
		return false
	}
	through := false
	for _, w := range b.walks {
		if w.verdict.Ends() && len(w.steps) > 0 {
			return false
		}
		through = through || w.probe == model.HookInput || w.probe == model.HookPostrouting
	}
	return through && !f.fallen(b)
}

// again reports whether a walk of the same chain can follow this one: user space had the
// packet go through it once more (NF_REPEAT).
func (w *walk) again(o *walk) bool {
	return w.verdict == model.VerdictQueue && w.place == o.place && w.table == o.table && w.family == o.family && w.base == o.base
}
