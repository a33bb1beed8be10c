package flow

import (
	"time"

	"nfscope/model"
)

// Linger is how long a destroyed flow stays in a Table.
const Linger = 5 * time.Second

// Table is the store of flows: it folds events into what the kernel's table holds.
//
// Events come in the order in which the kernel sent them. A dump runs beside them on
// a socket of its own, so what it says of a flow may be older than an event that came
// since the dump began: such an event wins, and a flow destroyed since is not raised
// again. A flow that the dump did not have, and that no event spoke of since the dump
// began, is gone. After a loss the next dump puts everything right.
//
// The zero Table is empty and ready. It has no lock and no clock.
type Table struct {
	host  *Host
	flows map[Key]*entry
	// order holds every entry by the time it was first seen; dead ones are taken out
	// when they are many.
	order []*entry
	dead  int
	live  int

	dumping bool
	// round counts the dumps; an entry of an older round was not heard of since the
	// dump began.
	round  uint64
	inDump int
}

type entry struct {
	flow *Flow
	// round is the dump in which an event or the dump spoke of the flow; byEvent is
	// true where it was an event.
	round   uint64
	byEvent bool
	dead    bool
}

// SetHost says what the namespace is like, and classifies every flow anew. Without it
// a flow that comes classified keeps its class.
func (t *Table) SetHost(h Host) {
	t.host = &h
	for _, e := range t.order {
		if !e.dead {
			f := *e.flow
			f.NAT = Classify(&f, h)
			e.flow = &f
		}
	}
}

// Apply takes one event. The event's flow is not changed.
func (t *Table) Apply(e Event) {
	switch e.Type {
	case EventDumpBegin:
		t.BeginDump()
	case EventDumpEnd:
		t.EndDump(e.Time, e.Flows)
	case EventDump:
		if e.Flow != nil {
			t.inDump++
			t.dumped(e.Flow)
		}
	case EventNew, EventUpdate, EventDestroy:
		if e.Flow != nil {
			t.changed(e)
		}
	}
}

// BeginDump says that the flows of a new reading of the whole table follow.
func (t *Table) BeginDump() {
	t.dumping, t.inDump = true, 0
	t.round++
}

// EndDump says that the reading is done and had so many flows. What was not in it and
// was not heard of since is gone at that time. It does nothing where flows of the dump
// were lost on their way here, or where no dump has begun.
func (t *Table) EndDump(now time.Time, flows int) {
	whole := t.dumping && t.inDump >= flows
	t.dumping = false
	if !whole {
		return
	}
	for _, e := range t.order {
		if !e.dead && e.round != t.round && e.flow.Gone.IsZero() {
			f := *e.flow
			f.Gone = now
			e.flow = &f
			t.live--
		}
	}
}

// Expire lets go of the flows that are gone for Linger, and tells how many.
func (t *Table) Expire(now time.Time) int {
	n := 0
	for _, e := range t.order {
		if !e.dead && !e.flow.Gone.IsZero() && now.Sub(e.flow.Gone) >= Linger {
			t.remove(e)
			n++
		}
	}
	t.compact()
	return n
}

// List gives the flows in the order in which they were first seen, those gone since
// less than Linger among them. The slice is the caller's.
func (t *Table) List() []*Flow {
	out := make([]*Flow, 0, len(t.flows))
	for _, e := range t.order {
		if !e.dead {
			out = append(out, e.flow)
		}
	}
	return out
}

// Live tells how many flows are not gone.
func (t *Table) Live() int { return t.live }

// Get finds a flow, nil where there is none.
func (t *Table) Get(k Key) *Flow {
	if e := t.flows[k]; e != nil {
		return e.flow
	}
	return nil
}

func (t *Table) dumped(f *Flow) {
	e := t.flows[f.Key()]
	switch {
	case e == nil:
		t.insert(f, false)
	case e.round == t.round && e.byEvent && t.dumping:
		// The event may be the newer of the two. What events leave out is taken over.
		if e.flow.Gone.IsZero() {
			e.flow = t.join(e.flow, f)
		}
	case !e.flow.Gone.IsZero():
		t.remove(e)
		t.insert(f, false)
	default:
		e.flow = t.classified(f, e.flow)
		e.round, e.byEvent = t.round, false
	}
}

func (t *Table) changed(ev Event) {
	f := ev.Flow
	e := t.flows[f.Key()]
	if e != nil && !e.flow.Gone.IsZero() && ev.Type != EventDestroy { // the kernel uses the ID again
		t.remove(e)
		e = nil
	}
	if ev.Type == EventDestroy && f.Gone.IsZero() {
		gone := *f
		gone.Gone = ev.Time
		f = &gone
	}
	if e == nil {
		t.insert(f, true)
		return
	}
	if e.flow.Gone.IsZero() != f.Gone.IsZero() {
		t.live--
	}
	e.flow = t.join(f, e.flow)
	e.round, e.byEvent = t.round, true
}

func (t *Table) insert(f *Flow, byEvent bool) {
	if t.flows == nil {
		t.flows = map[Key]*entry{}
	}
	e := &entry{flow: t.classified(f, nil), round: t.round, byEvent: byEvent}
	t.flows[f.Key()] = e
	t.order = append(t.order, e)
	if f.Gone.IsZero() {
		t.live++
	}
}

func (t *Table) remove(e *entry) {
	if e.flow.Gone.IsZero() {
		t.live--
	}
	delete(t.flows, e.flow.Key())
	e.dead = true
	t.dead++
}

// compact takes the dead out of the order when they are more than the living.
func (t *Table) compact() {
	if t.dead < 64 || t.dead*2 < len(t.order) {
		return
	}
	kept := t.order[:0]
	for _, e := range t.order {
		if !e.dead {
			kept = append(kept, e)
		}
	}
	clear(t.order[len(kept):])
	t.order, t.dead = kept, 0
}

// join is the newer picture of a flow, with what it does not speak of taken from the
// other one: an event has no counters and no start, and names state, helper and labels
// only when they changed (ctnetlink_conntrack_event in nf_conntrack_netlink.c).
func (t *Table) join(newer, other *Flow) *Flow {
	f := *newer
	if f.State == "" {
		f.State = other.State
	}
	if f.Helper == "" {
		f.Helper = other.Helper
	}
	if f.Labels == nil {
		f.Labels = other.Labels
	}
	if f.Start.IsZero() {
		f.Start = other.Start
	}
	if f.Timeout == 0 { // offloaded, or destroyed
		f.Timeout = other.Timeout
	}
	f.Orig.Count = joinCount(f.Orig.Count, other.Orig.Count)
	f.Reply.Count = joinCount(f.Reply.Count, other.Reply.Count)
	return t.classified(&f, other)
}

func joinCount(newer, other model.Counters) model.Counters {
	if newer.Valid {
		return newer
	}
	return other
}

// classified gives f its NAT class. The class of an older picture holds on where
// neither tuples nor status bits that count have changed.
func (t *Table) classified(f, older *Flow) *Flow {
	if t.host == nil && f.NAT.Client != "" {
		return f
	}
	c := *f
	const nat = SrcNAT | DstNAT
	if older != nil && older.NAT.Client != "" && older.Status&nat == f.Status&nat && older.Reply.Tuple == f.Reply.Tuple {
		c.NAT = older.NAT
		return &c
	}
	var h Host
	if t.host != nil {
		h = *t.host
	}
	c.NAT = Classify(&c, h)
	return &c
}
