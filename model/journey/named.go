package journey

import "slices"

// Programs between the chains give a packet a number when it comes (Sight.Follow), and tell
// with each event of the legacy tracer which number's it is, and which id nf_tables' tracer
// has for it. Where both are known nothing is left to headers and order: packets that are the
// same in all come apart.

// note takes from an event of the legacy tracer whose it is.
func (b *builder) note(e *Event) {
	switch {
	case e.Follow == 0:
		b.guessed = true
	case b.follow == 0:
		b.follow = e.Follow
	}
	if b.wants == 0 {
		b.wants, b.wantsTurn = e.ID, e.Turn
	}
}

// turned notes an event of nf_tables' tracer.
func (b *builder) turned(e *Event) {
	if e.Turn == 0 || e.ID != b.firstID {
		return
	}
	if b.turn == 0 {
		b.turn = e.Turn
	}
	b.turns = e.Turn
}

// has reports whether that event of nf_tables' tracer is one of the packet's.
func (b *builder) has(id, turn uint32) bool {
	return b.hasID && turn != 0 && b.firstID == id && b.turn != 0 && b.turn <= turn && turn <= b.turns
}

// others reports whether an event is surely not of the packet.
func (b *builder) others(e *Event) bool {
	switch {
	case e.Follow != 0 && b.follow != 0:
		return e.Follow != b.follow
	case e.Turn == 0:
		return false
	case e.Source == SourceLegacy && b.turn != 0:
		return !b.has(e.ID, e.Turn)
	case e.Source == SourceNFT && b.wantsTurn != 0:
		return e.ID != b.wants || e.Turn > b.wantsTurn
	}
	return false
}

// whose finds the journey of the packet that an event of the legacy tracer is known to be of;
// it is nil where that has none yet, or no number.
func (f *Fold) whose(e *Event, k packetKey) *builder {
	if e.Follow == 0 {
		return nil
	}
	for b := f.byKey[k]; b != nil; b = b.same {
		if b.follow == e.Follow || b.follow == 0 && b.has(e.ID, e.Turn) {
			return b
		}
	}
	return nil
}

// apartFrom reports whether of every event of two journeys it is known whose it is.
func (b *builder) apartFrom(o *builder) bool { return b.named() && o.named() && b.follow != o.follow }

func (b *builder) named() bool { return b.follow != 0 && !b.guessed }

// named reports whether that is so of all of them.
func (g *alikes) named() bool {
	return !slices.ContainsFunc(g.of, func(b *builder) bool { return !b.named() })
}

// release lets journeys go of which nothing is in doubt any more.
func (g *alikes) release() {
	for _, b := range g.of {
		b.alikes, b.dirty = nil, true
	}
}

// met notes that a packet that nf_tables' tracer told of is followed.
func (f *Fold) met(s *Sight) {
	if b := f.byID[s.ID]; b != nil && b.follow == 0 && b.has(s.ID, s.Turn) {
		b.follow = s.Follow
		f.heard(b)
	}
}
