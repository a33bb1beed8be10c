package flow

import (
	"sync"
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
// A flow takes some 160 bytes, and Flows are made of it for those who ask. So a Table is
// not copied for a picture of the session: any goroutine may ask it at any time. One
// goroutine at a time feeds it; another may say what the host is like. The zero Table is empty and ready. It has no clock.
type Table struct {
	// feeding is held, before mu, by who changes flows: what is about to be changed is read,
	// and copied, without keeping those out who ask.
	feeding sync.Mutex

	mu   sync.RWMutex
	host *Host
	max  Timeouts
	slab slab
	// noted holds what only some flows have.
	noted   noted
	expects map[model.Tuple][]Expectation
	// leaving are the flows that are gone, by the time they went; went is the number of the
	// first of them among all that ever did. It wraps.
	leaving []left
	went    uint32
	live    int
	born    uint64
	// began, dying count the flows that came by an event, and that went.
	began, died uint64
	// known are the classes that flows have had.
	known   map[Classes]bool
	saw1    Classes // the last of them
	version uint64

	dumping bool
	// round counts the dumps; an entry of an older round was not heard of since the
	// dump began.
	round  uint16
	inDump int

	// epoch is the time of the first Batch, now that of the last: what lies between two
	// times is asked of them, for the clock of a live session may be set (time.Time.Sub).
	epoch, now time.Time
	single     Batch // for Apply
	scratch    []byte
	hashes     []hashes // of the Batch that is applied
	warmed     uint32
}

// left is a flow that is gone, and when that was: since the epoch, and in nanoseconds since
// 1970 as it was told.
type left struct {
	row   Row
	since time.Duration
	gone  int64
}

// Row names a flow in a Table for as long as it is there.
type Row struct {
	at uint32
	// ID is never another flow's of the same Table.
	ID uint32
}

// SetHost says what the namespace is like, and classifies every flow anew. Without it
// a flow that comes classified keeps its class.
func (t *Table) SetHost(h Host) {
	t.feeding.Lock()
	defer t.feeding.Unlock()
	t.mu.Lock()
	t.host = &h
	t.version++
	t.mu.Unlock()
	t.sweep(func(_ uint32, x *slot) { x.classes = t.classify(x) })
}

// SetTimeouts says where timeouts begin.
func (t *Table) SetTimeouts(m Timeouts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.max = m
	t.version++
}

// SetExpectations says what is expected now.
func (t *Table) SetExpectations(l []Expectation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expects = map[model.Tuple][]Expectation{}
	for _, e := range l {
		t.expects[e.Master] = append(t.expects[e.Master], e)
	}
	t.version++
}

// sweep has fn change every flow. The lock is let go between chunks, so that who draws
// need not wait for all of them.
func (t *Table) sweep(fn func(i uint32, x *slot)) {
	for c := 0; ; c++ {
		t.mu.Lock()
		if c >= len(t.slab.chunks) {
			t.mu.Unlock()
			return
		}
		chunk := t.slab.chunks[c]
		for k := range chunk {
			if x := &chunk[k]; x.flags&slotUsed != 0 {
				fn(uint32(c<<chunkBits+k), x)
			}
		}
		t.mu.Unlock()
	}
}

// Apply takes one event. The event's flow is not changed.
func (t *Table) Apply(e Event) {
	switch e.Type {
	case EventDumpBegin:
		t.BeginDump(e.Flows)
	case EventDumpEnd:
		t.EndDump(e.Time, e.Flows)
	case EventDump, EventNew, EventUpdate, EventDestroy:
		if e.Flow != nil {
			b := &t.single
			b.Time, b.Records, b.notes = e.Time, b.Records[:0], b.notes[:0]
			b.Put(&e)
			t.ApplyBatch(b)
		}
	}
}

// ApplyBatch takes many events.
func (t *Table) ApplyBatch(b *Batch) {
	t.feeding.Lock()
	defer t.feeding.Unlock()
	more := t.slab.bigger(t.slab.n + len(b.Records))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.version++
	t.slab.adopt(more)
	t.slab.part(64 + 8*len(b.Records))
	t.at(b.Time)
	t.warm(b)
	for i := range b.Records {
		t.take(b, &b.Records[i], t.hashes[i])
	}
}

// warm makes the hashes of all records, and looks at what each will be held against. In a
// table of a million every look goes to memory: here they wait for no other, so that the
// processor makes them together.
func (t *Table) warm(b *Batch) {
	s := &t.slab
	t.hashes = t.hashes[:0]
	any := uint32(0)
	for i := range b.Records {
		r := &b.Records[i]
		o, p := r.Orig.plain(r.Proto), r.Reply.plain(r.Proto)
		h := hashes{s.hash(&o), s.hash(&p)}
		t.hashes = append(t.hashes, h)
		any |= s.origs[s.place(h.orig)] | s.replies[s.place(h.reply)] | s.ids[s.place(hashID(r.ID))]
	}
	for _, h := range t.hashes {
		if i := s.origs[s.place(h.orig)]; i != 0 {
			any |= s.at(i).id
		}
	}
	t.warmed = any // else the compiler leaves it all out
}

// at says what time it is.
func (t *Table) at(now time.Time) {
	if t.epoch.IsZero() {
		t.epoch = now
	}
	t.now = now
}

// hashes are those of a flow's tuples.
type hashes struct{ orig, reply uint32 }

// BeginDump says that the flows of a new reading of the whole table follow, about so many;
// 0 where nobody knows.
func (t *Table) BeginDump(about int) {
	t.feeding.Lock()
	defer t.feeding.Unlock()
	more := t.slab.bigger(min(about, 1<<22)) // a recording may say anything
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dumping, t.inDump = true, 0
	t.round++
	t.slab.adopt(more)
}

// EndDump says that the reading is done and had so many flows. What was not in it and
// was not heard of since is gone at that time. It does nothing where flows of the dump
// were lost on their way here, or where no dump has begun.
func (t *Table) EndDump(now time.Time, flows int) {
	t.feeding.Lock()
	defer t.feeding.Unlock()
	t.mu.Lock()
	whole := t.dumping && t.inDump >= flows
	t.dumping = false
	t.version++
	t.at(now)
	t.mu.Unlock()
	if whole {
		t.sweep(func(i uint32, x *slot) {
			if x.round != t.round && !x.gone() {
				t.goes(i, x, now.UnixNano())
			}
		})
	}
}

// Expire lets go of the flows that are gone for Linger, and tells how many. Times without
// a monotonic reading, as a recording has, may go back: by more than that they go at once.
func (t *Table) Expire(now time.Time) int {
	t.feeding.Lock()
	defer t.feeding.Unlock()
	n := 0
	for more := true; more; {
		n, more = t.expire(n, now)
	}
	t.mu.Lock()
	t.leaving = append(t.leaving[:0], t.leaving[n:]...)
	t.went += uint32(n)
	if n > 0 {
		t.version++
		t.slab.giveBack()
	}
	t.mu.Unlock()
	t.shrink()
	return n
}

// atOnce is how many flows are let go of while who draws must wait.
const atOnce = 512

// expire lets go of some, behind the first n of those that are leaving.
func (t *Table) expire(n int, now time.Time) (int, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := now.Sub(t.epoch)
	for end := min(n+atOnce, len(t.leaving)); n < end; n++ {
		l := t.leaving[n]
		if x := t.find(l.row); x != nil {
			if d := at - l.since; d < Linger && d > -Linger {
				return n, false
			}
			t.remove(l.row.at, x)
		}
	}
	return n, n < len(t.leaving)
}

// few is how many slots a Table may leave empty before it gives memory back, and how many
// are linked anew while who draws must wait.
const few = 1 << 16

// shrink gives memory back when most of it is empty.
func (t *Table) shrink() {
	old := &t.slab
	if old.used < few || old.n > int(old.used)/8 || t.dumping {
		return
	}
	var s slab
	s.adopt(s.bigger(old.n))
	moved := map[Row]uint32{} // of those that are gone
	for i := uint32(1); i <= old.used; i++ {
		x := old.at(i)
		if x.flags&slotUsed == 0 {
			continue
		}
		o, r := old.tuple(x, 0), old.tuple(x, 1)
		k := s.take()
		y := s.at(k)
		*y = *x
		s.setAddrs(y, &o, &r)
		s.link(k, y, s.hash(&o), s.hash(&r))
		if y.gone() {
			moved[Row{i, uint32(y.born)}] = k
		}
	}
	var leaving []left
	for _, l := range t.leaving {
		if k := moved[l.row]; k != 0 {
			s.at(k).counted = t.went + uint32(len(leaving))
			l.row.at = k
			leaving = append(leaving, l)
		}
	}
	t.mu.Lock()
	t.slab, t.leaving = s, leaving
	t.mu.Unlock()
}

// Live tells how many flows are not gone.
func (t *Table) Live() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.live
}

// Len tells how many flows there are, those gone since less than Linger among them. A nil
// Table has none.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.slab.n
}

// Version grows with every change; for a nil Table it is 0.
func (t *Table) Version() uint64 {
	if t == nil {
		return 0
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.version
}

// Turnover counts the flows that began, as far as events told, and those that went.
func (t *Table) Turnover() (began, went uint64) {
	if t == nil {
		return 0, 0
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.began, t.died
}

// find is the slot of a row, nil where the flow has left.
func (t *Table) find(r Row) *slot {
	if r.at == 0 || r.at > t.slab.used {
		return nil
	}
	if x := t.slab.at(r.at); x.flags&slotUsed != 0 && uint32(x.born) == r.ID {
		return x
	}
	return nil
}

// Clone gives a Table that goes on from where t is, apart from it.
func (t *Table) Clone() *Table {
	t.mu.RLock()
	defer t.mu.RUnlock()
	c := &Table{host: t.host, max: t.max, slab: t.slab.clone(), noted: t.noted.clone(), expects: t.expects, leaving: append([]left(nil), t.leaving...), went: t.went,
		live: t.live, born: t.born, began: t.began, died: t.died, known: map[Classes]bool{}, saw1: t.saw1, version: t.version,
		dumping: t.dumping, round: t.round, inDump: t.inDump, epoch: t.epoch, now: t.now}
	for k := range t.known {
		c.known[k] = true
	}
	return c
}
