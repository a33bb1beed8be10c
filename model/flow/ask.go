package flow

import (
	"iter"
	"net/netip"
	"slices"
	"time"

	"nfscope/model"
)

// List gives the flows in the order in which they were first seen, those gone since
// less than Linger among them. It makes all of them: who asks of a long Table uses a View
// or Each. A nil Table has none.
func (t *Table) List() []*Flow {
	if t == nil {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	rows := make([]Row, 0, t.slab.n)
	for i := uint32(1); i <= t.slab.used; i++ {
		if x := t.slab.at(i); x.flags&slotUsed != 0 {
			rows = append(rows, Row{i, uint32(x.born)})
		}
	}
	slices.SortFunc(rows, func(a, b Row) int {
		if t.slab.at(a.at).born < t.slab.at(b.at).born {
			return -1
		}
		return 1
	})
	out := make([]*Flow, len(rows))
	for i, r := range rows {
		out[i] = t.flow(t.slab.at(r.at))
	}
	return out
}

// TableOf makes a Table of flows, as tests want it.
func TableOf(l ...*Flow) *Table {
	t := &Table{}
	for _, f := range l {
		t.Apply(Event{Type: EventDump, Time: f.Seen, Flow: f})
	}
	return t
}

// All gives the flows one after another, in no order, made a few at a time.
func (t *Table) All() iter.Seq[*Flow] {
	return func(yield func(*Flow) bool) {
		for c := 0; ; c++ {
			l, more := t.some(c)
			for _, f := range l {
				if !yield(f) {
					return
				}
			}
			if !more {
				return
			}
		}
	}
}

// some gives the flows of one chunk; more is false behind the last.
func (t *Table) some(c int) (l []*Flow, more bool) {
	if t == nil {
		return nil, false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if c >= len(t.slab.chunks) {
		return nil, false
	}
	for k := range t.slab.chunks[c] {
		if x := &t.slab.chunks[c][k]; x.flags&slotUsed != 0 {
			l = append(l, t.flow(x))
		}
	}
	return l, true
}

// Each shows fn all flows until it gives false, in no order, and each as it is at its
// moment. The Look is fn's until it returns. fn must not feed the Table.
func (t *Table) Each(fn func(*Look) bool) {
	var l Look
	for c := 0; t.eachIn(c, &l, fn); c++ {
	}
}

// eachIn shows fn the flows of one chunk; it gives false behind the last.
func (t *Table) eachIn(c int, l *Look, fn func(*Look) bool) bool {
	if t == nil {
		return false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if c >= len(t.slab.chunks) {
		return false
	}
	for k := range t.slab.chunks[c] {
		if x := &t.slab.chunks[c][k]; x.flags&slotUsed != 0 {
			if t.look(x, l); !fn(l) {
				return false
			}
		}
	}
	return true
}

// Gone gives the flows that went less than Linger ago, those first that went first.
func (t *Table) Gone() (l []*Flow) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, g := range t.leaving {
		if x := t.find(g.row); x != nil {
			l = append(l, t.flow(x))
		}
	}
	return l
}

// Flow gives the flow of a row, nil where it has left the Table.
func (t *Table) Flow(r Row) *Flow {
	if t == nil {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if x := t.find(r); x != nil {
		return t.flow(x)
	}
	return nil
}

// Get finds a flow, nil where there is none.
func (t *Table) Get(k Key) *Flow {
	f, _ := t.Find(k)
	return f
}

// Find is Get, with the row.
func (t *Table) Find(k Key) (*Flow, Row) {
	if t == nil {
		return nil, Row{}
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.slab.n == 0 {
		return nil, Row{}
	}
	e := endOf(k.Orig)
	o := e.plain(k.Orig.Proto)
	i := t.lookup(t.slab.hash(&o), &o, k.ID, k.Zone)
	if i == 0 {
		return nil, Row{}
	}
	x := t.slab.at(i)
	return t.flow(x), Row{i, uint32(x.born)}
}

// ByID finds a flow by conntrack's ID, nil where there is none. Of many the one that lives
// and was first seen last.
func (t *Table) ByID(id uint32) *Flow {
	if t == nil {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.slab.n == 0 {
		return nil
	}
	var best *slot
	for i := t.slab.ids[t.slab.place(hashID(id))]; i != 0; {
		x := t.slab.at(i)
		if x.id == id {
			best = better(best, x)
		}
		i = x.nextID
	}
	return t.flow(best)
}

// ByTuple finds a flow by its original or its reply tuple, nil where there is none. Of many,
// such as of several zones, the one that lives and was first seen last.
func (t *Table) ByTuple(want model.Tuple) *Flow {
	if t == nil {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.slab.n == 0 {
		return nil
	}
	e := endOf(want)
	p := e.plain(want.Proto)
	h := t.slab.place(t.slab.hash(&p))
	var best *slot
	for i := t.slab.origs[h]; i != 0; {
		x := t.slab.at(i)
		if t.slab.is(x, 0, &p) {
			best = better(best, x)
		}
		i = x.nextOrig
	}
	for i := t.slab.replies[h]; i != 0; {
		x := t.slab.at(i)
		if t.slab.is(x, 1, &p) {
			best = better(best, x)
		}
		i = x.nextReply
	}
	return t.flow(best)
}

func better(a, b *slot) *slot {
	if a == nil || a.gone() && !b.gone() || a.gone() == b.gone() && b.born > a.born {
		return b
	}
	return a
}

// model is one side's tuple: the original's (0) or the reply's (1).
func (s *slab) model(x *slot, side int) model.Tuple {
	t := s.tuple(x, side)
	return model.Tuple{Proto: model.Proto(t.proto), Src: addr(AddrKind(t.kinds&3), &t.src), Dst: addr(AddrKind(t.kinds>>2), &t.dst),
		SPort: t.sport, DPort: t.dport}
}

// look fills l. A million are filled for one list: nothing is made first and copied then.
func (t *Table) look(x *slot, l *Look) {
	l.ID, l.Family, l.Status, l.Classes, l.Mark = x.id, model.Family(x.family), Status(x.status), x.classes, x.mark
	t.slab.fill(x, 0, &l.Orig)
	t.slab.fill(x, 1, &l.Reply)
	l.Zone, l.OrigZone, l.ReplyZone = x.zone, x.zone0, x.zone1
	l.Timeout = time.Duration(x.timeout) * time.Second
	l.Counted, l.Rate, l.Gone, l.Helped = x.flags&slotCounted != 0, -1, x.gone(), Status(x.status)&Helper != 0
	if l.State = State(x.state).String(); State(x.state) == StateOther {
		l.State = string(t.noted.at(x.notes).find(NoteState))
	}
	l.Sent, l.Back = model.Counters{}, model.Counters{}
	if l.Counted {
		l.Sent = model.Counters{Packets: x.count[0], Bytes: x.count[1], Valid: true}
		l.Back = model.Counters{Packets: x.count[2], Bytes: x.count[3], Valid: x.flags&slotCountedBack != 0}
	}
	if x.flags&slotRated != 0 {
		l.Rate = float64(x.rate)
	}
}

// fill makes one side's tuple, as model does.
func (s *slab) fill(x *slot, side int, t *model.Tuple) {
	if x.kinds>>(4*side)&15 != uint8(IPv4)|uint8(IPv4)<<2 || x.wide() {
		*t = s.model(x, side)
		return
	}
	t.Proto, t.SPort, t.DPort = model.Proto(x.proto), x.ports[2*side], x.ports[2*side+1]
	a := (*[8]byte)(x.addr[8*side:])
	t.Src, t.Dst = netip.AddrFrom4([4]byte(a[:4])), netip.AddrFrom4([4]byte(a[4:]))
}

// flow makes a Flow; nil of nil.
func (t *Table) flow(x *slot) *Flow {
	if x == nil {
		return nil
	}
	f := &Flow{ID: x.id, Family: model.Family(x.family), State: State(x.state).String(), Status: Status(x.status),
		Timeout: time.Duration(x.timeout) * time.Second, Mark: x.mark, Zone: x.zone, Use: x.use,
		Seen: timeOf(x.seen), Start: timeOf(x.start), Rate: -1,
		Orig:  Side{Tuple: t.slab.model(x, 0), Zone: x.zone0, TCP: TCPSide{x.tcp[0], x.tcp[1]}},
		Reply: Side{Tuple: t.slab.model(x, 1), Zone: x.zone1, TCP: TCPSide{x.tcp[2], x.tcp[3]}}}
	if x.flags&slotCounted != 0 {
		f.Orig.Count = model.Counters{Packets: x.count[0], Bytes: x.count[1], Valid: true}
	}
	if x.flags&slotCountedBack != 0 {
		f.Reply.Count = model.Counters{Packets: x.count[2], Bytes: x.count[3], Valid: true}
	}
	if x.flags&slotRated != 0 {
		f.Rate = float64(x.rate)
	}
	if x.gone() {
		f.Gone = timeOf(t.leaving[x.counted-t.went].gone)
	}
	t.noted.at(x.notes).words(f)
	f.NAT = nat(f, x.classes)
	f.TimeoutMax = t.max.Of(f)
	if l := t.expects[f.Orig.Tuple]; len(l) > 0 {
		zone := keyZone(x.zone, x.zone0)
		for _, e := range l {
			if !e.ZoneKnown || e.Zone == zone {
				f.Expects = append(f.Expects, e)
			}
		}
	}
	return f
}
