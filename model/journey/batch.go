package journey

import "nfscope/model"

// Batch holds events that come together, with what they point to, and is filled again
// and again: a flood makes no garbage. It never grows, so that what points into it stays
// right.
type Batch struct {
	events  []Event
	packets []model.Packet
	cts     []CT
}

// NewBatch makes a Batch for so many events.
func NewBatch(events int) *Batch {
	return &Batch{make([]Event, 0, events), make([]model.Packet, 0, events), make([]CT, 0, events)}
}

// Events are those of the batch. They are gone when it is filled again: who keeps one
// keeps a Clone of it.
func (b *Batch) Events() []Event { return b.events }

// Full reports whether no event has room.
func (b *Batch) Full() bool { return len(b.events) == cap(b.events) }

// Next gives the event that is filled next, as a zero Event.
func (b *Batch) Next() *Event {
	b.events = b.events[:len(b.events)+1]
	e := &b.events[len(b.events)-1]
	*e = Event{}
	return e
}

// Packet gives the packet for the newest event, which has none yet.
func (b *Batch) Packet() *model.Packet {
	b.packets = b.packets[:len(b.packets)+1]
	p := &b.packets[len(b.packets)-1]
	b.events[len(b.events)-1].Packet = p
	return p
}

// CT sets the newest event's conntrack part.
func (b *Batch) CT(ct CT) {
	b.cts = append(b.cts, ct)
	b.events[len(b.events)-1].CT = &b.cts[len(b.cts)-1]
}

// Undo takes the newest event back.
func (b *Batch) Undo() {
	last := &b.events[len(b.events)-1]
	if last.Packet != nil {
		b.packets = b.packets[:len(b.packets)-1]
	}
	if last.CT != nil {
		b.cts = b.cts[:len(b.cts)-1]
	}
	b.events = b.events[:len(b.events)-1]
}

// Add copies an event.
func (b *Batch) Add(e *Event) {
	b.events = append(b.events, *e)
	if e.Packet != nil {
		*b.Packet() = *e.Packet
	}
	if e.CT != nil {
		b.CT(*e.CT)
	}
}

// Reset empties the batch.
func (b *Batch) Reset() { b.events, b.packets, b.cts = b.events[:0], b.packets[:0], b.cts[:0] }

// Clone is the event with all that may be filled again.
func (e *Event) Clone() *Event {
	c := *e
	if e.Packet != nil {
		p := *e.Packet
		c.Packet = &p
	}
	if e.CT != nil {
		ct := *e.CT
		c.CT = &ct
	}
	return &c
}
