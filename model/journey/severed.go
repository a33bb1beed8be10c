package journey

import (
	"iter"
	"slices"
	"time"
)

// severed is a journey that was closed before all its events had come, without its steps.
type severed struct {
	b  *builder
	at time.Time
}

// sever notes a closed journey whose last events may still come.
func (f *Fold) sever(b *builder) {
	if f.cuts >= maxOpen {
		clear(f.cut)
		f.cuts, f.torn = 0, f.now
	}
	// The journey itself is used again: what others may be held against is copied.
	n := &builder{key: b.key, keyed: true, bases: b.bases, way: b.way, sent: b.sent, probed: b.probed, assumed: b.assumed, walks: make([]*walk, len(b.walks))}
	for i, w := range b.walks { // where it was, and how it looked there
		c := &walk{family: w.family, place: w.place, verdict: w.verdict, in: w.in, out: w.out}
		if p := w.lastPacket(); p != nil {
			q := *p
			c.head = &q
		}
		n.walks[i] = c
	}
	f.cut[b.key] = append(slices.Clip(f.cut[b.key]), severed{n, f.now}) // a clone may have the same
	f.cuts++
}

// severedFrom gives the journeys of a key that an event may be late for, and forgets those
// that it is too late for.
func (f *Fold) severedFrom(k packetKey, at time.Time) iter.Seq[*builder] {
	list := f.cut[k]
	i := slices.IndexFunc(list, func(s severed) bool { return at.Sub(s.at) < 8*f.opt.Quiet })
	switch {
	case i < 0:
		f.cuts -= len(list)
		delete(f.cut, k)
		list = nil
	case i > 0:
		f.cuts -= i
		list = list[i:]
		f.cut[k] = list
	}
	return func(yield func(*builder) bool) {
		for _, s := range list {
			if !yield(s.b) {
				return
			}
		}
	}
}
