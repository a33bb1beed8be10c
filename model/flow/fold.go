package flow

import (
	"math"
	"time"

	"nfscope/model"
)

// take folds one record in.
func (t *Table) take(b *Batch, r *Record, h hashes) {
	o := r.Orig.plain(r.Proto)
	i := t.lookup(h.orig, &o, r.ID, keyZone(r.Zone, r.Orig.Zone))
	if r.Type == EventDump {
		t.inDump++
		t.dumped(b, r, i, h, &o)
		return
	}
	t.changed(b, r, i, h, &o)
}

// keyZone is the zone that tells a flow apart.
func keyZone(zone, orig uint16) uint16 {
	if zone == 0 {
		return orig
	}
	return zone
}

// lookup finds a flow by its key, 0 where there is none; h is its original tuple's hash.
func (t *Table) lookup(h uint32, o *tuple, id uint32, zone uint16) uint32 {
	if t.slab.n == 0 {
		return 0
	}
	i := t.slab.origs[t.slab.place(h)]
	for i != 0 {
		x := t.slab.at(i)
		if x.id == id && keyZone(x.zone, x.zone0) == zone && t.slab.is(x, 0, o) {
			break
		}
		i = x.nextOrig
	}
	return i
}

// is reports whether one side of a flow is this tuple.
func (s *slab) is(x *slot, side int, t *tuple) bool {
	if x.proto != t.proto || x.ports[2*side] != t.sport || x.ports[2*side+1] != t.dport || x.kinds>>(4*side)&15 != t.kinds {
		return false
	}
	if x.wide() {
		return *s.addrAt(x, 2*side) == t.src && *s.addrAt(x, 2*side+1) == t.dst
	}
	return [4]byte(x.addr[8*side:]) == [4]byte(t.src[:4]) && [4]byte(x.addr[8*side+4:]) == [4]byte(t.dst[:4])
}

func (t *Table) dumped(b *Batch, r *Record, i uint32, h hashes, o *tuple) {
	if i == 0 {
		t.insert(b, r, h, o, 0)
		return
	}
	x := t.slab.at(i)
	switch {
	case x.round == t.round && x.flags&slotByEvent != 0 && t.dumping:
		// The event may be the newer of the two. What events leave out is taken over.
		if !x.gone() {
			t.complete(b, r, x)
		}
	case x.gone():
		t.remove(i, x)
		t.insert(b, r, h, o, 0)
	default:
		t.setNotes(x, b.about(r))
		t.set(r, i, x)
		x.state = uint8(r.State)
		x.round, x.flags = t.round, x.flags&^slotByEvent
	}
}

func (t *Table) changed(b *Batch, r *Record, i uint32, h hashes, o *tuple) {
	destroyed := r.Type == EventDestroy
	if i != 0 && !destroyed && t.slab.at(i).gone() { // the kernel uses the ID again
		t.remove(i, t.slab.at(i))
		i = 0
	}
	if r.Type == EventNew {
		t.began++
	}
	if i == 0 {
		i = t.insert(b, r, h, o, slotByEvent)
	} else {
		x := t.slab.at(i)
		t.update(b, r, i, x)
		x.round, x.flags = t.round, x.flags|slotByEvent
	}
	gone := r.Gone
	if gone == 0 && destroyed {
		gone = b.Time.UnixNano()
	}
	if x := t.slab.at(i); gone != 0 && !x.gone() {
		t.goes(i, x, gone)
	}
}

// update takes a newer picture of a flow. What an event does not speak of stays: it has
// no counters and no start while the flow lives, and names state, helper and labels only
// when they changed (ctnetlink_conntrack_event in nf_conntrack_netlink.c).
func (t *Table) update(b *Batch, r *Record, i uint32, x *slot) {
	if l := b.about(r); len(l) > 0 {
		if old := t.noted.at(x.notes); len(old) > 0 {
			t.scratch = l.over(old, t.scratch[:0])
			l = t.scratch
		}
		t.setNotes(x, l)
	}
	start, timeout, tcp, use := x.start, x.timeout, x.tcp, x.use
	t.set(r, i, x)
	if r.State != NoState {
		x.state = uint8(r.State)
	} else {
		x.tcp = tcp
	}
	if x.start == 0 {
		x.start = start
	}
	if x.use == 0 {
		x.use = use
	}
	if x.timeout == 0 { // offloaded, or destroyed
		x.timeout = timeout
	}
}

// complete takes over from a dump what an event that came since it began left out. The
// counters of a dump are the newest there are.
func (t *Table) complete(b *Batch, r *Record, x *slot) {
	if x.state == uint8(NoState) {
		x.state = uint8(r.State)
		x.tcp = [4]uint8{r.Orig.Scale, r.Orig.Flags, r.Reply.Scale, r.Reply.Flags}
	}
	if x.start == 0 {
		x.start = r.Start
	}
	if x.timeout == 0 {
		x.timeout = r.Timeout
	}
	if x.use == 0 {
		x.use = r.Use
	}
	t.count(x, r)
	if older := b.about(r); len(older) > 0 {
		t.scratch = t.noted.at(x.notes).over(older, t.scratch[:0])
		t.setNotes(x, t.scratch)
	}
}

func (t *Table) setNotes(x *slot, l notes) {
	i := t.noted.keep(l)
	t.noted.drop(x.notes)
	x.notes = i
}

// set takes over all of a record but its state and its notes.
func (t *Table) set(r *Record, i uint32, x *slot) {
	p := r.Reply.plain(r.Proto)
	const nat = SrcNAT | DstNAT
	same := t.slab.is(x, 1, &p)
	if !same {
		o := t.slab.tuple(x, 0)
		t.slab.unlinkReply(i, x)
		t.slab.dropAddrs(x)
		t.slab.setAddrs(x, &o, &p)
		t.slab.linkReply(i, x)
	}
	old := Status(x.status)
	x.status, x.mark, x.timeout, x.use = uint32(r.Status), r.Mark, r.Timeout, r.Use
	x.zone, x.zone0, x.zone1 = r.Zone, r.Orig.Zone, r.Reply.Zone
	x.seen, x.start = r.Seen, r.Start
	x.tcp = [4]uint8{r.Orig.Scale, r.Orig.Flags, r.Reply.Scale, r.Reply.Flags}
	t.count(x, r)
	// The class of an older picture holds on where neither tuples nor status bits that
	// count have changed.
	if !same || old&nat != r.Status&nat {
		x.classes = t.classesOf(r, x)
	}
}

func (t *Table) insert(b *Batch, r *Record, h hashes, o *tuple, flags uint8) uint32 {
	i := t.slab.take()
	x := t.slab.at(i)
	t.born++
	x.born, x.id, x.proto, x.family, x.state = t.born, r.ID, uint8(r.Proto), uint8(r.Family), uint8(r.State)
	x.round, x.flags = t.round, flags|slotUsed
	p := r.Reply.plain(r.Proto)
	t.slab.setAddrs(x, o, &p)
	x.status, x.mark, x.timeout, x.use = uint32(r.Status), r.Mark, r.Timeout, r.Use
	x.zone, x.zone0, x.zone1 = r.Zone, r.Orig.Zone, r.Reply.Zone
	x.seen, x.start = r.Seen, r.Start
	x.tcp = [4]uint8{r.Orig.Scale, r.Orig.Flags, r.Reply.Scale, r.Reply.Flags}
	x.notes = t.noted.keep(b.about(r))
	t.count(x, r)
	t.slab.link(i, x, h.orig, h.reply)
	x.classes = t.classesOf(r, x)
	t.live++
	if r.Type == EventDump && r.Gone != 0 {
		t.goes(i, x, r.Gone)
	}
	return i
}

// goes marks a flow as gone.
func (t *Table) goes(i uint32, x *slot, at int64) {
	x.flags |= slotGone
	x.counted = t.went + uint32(len(t.leaving))
	t.live--
	t.died++
	ago := time.Duration(t.now.UnixNano() - at) // of a flow that a recording begins with
	t.leaving = append(t.leaving, left{Row{i, uint32(x.born)}, t.now.Sub(t.epoch) - min(max(0, ago), Linger), at})
}

// remove takes a flow out of the Table.
func (t *Table) remove(i uint32, x *slot) {
	if !x.gone() {
		t.live--
	}
	t.noted.drop(x.notes)
	t.slab.unlink(i, x)
	t.slab.leave(i)
}

// brief is the shortest time that a rate is made of, in milliseconds.
const brief = 250

// count takes a record's counters, and makes the rate of two readings.
func (t *Table) count(x *slot, r *Record) {
	if r.CountedBack {
		x.flags |= slotCountedBack
	}
	if !r.Counted {
		return
	}
	at := uint32(t.now.Sub(t.epoch) / time.Millisecond)
	was, now := x.count[1]+x.count[3], r.Orig.Bytes+r.Reply.Bytes
	switch d := at - x.counted; {
	case x.gone(): // told again; there is no next reading
	case x.flags&slotCounted == 0, d > math.MaxInt32: // the first, or a recording's clock was set back
		x.counted = at
	case d >= brief:
		x.flags &^= slotRated
		if now >= was {
			x.flags |= slotRated
			x.rate = float32(float64(now-was) * 1000 / float64(d))
		}
		x.counted = at
	default: // too soon after the last one for a rate: the next begins here
		x.counted = at
	}
	x.flags |= slotCounted
	x.count = [4]uint64{r.Orig.Packets, r.Orig.Bytes, r.Reply.Packets, r.Reply.Bytes}
}

// classesOf is what NAT does to a flow that is new, or is another now.
func (t *Table) classesOf(r *Record, x *slot) Classes {
	if t.host == nil && r.Classified {
		t.saw(r.Classes)
		return r.Classes
	}
	return t.classify(x)
}

// classify is what NAT does to a flow.
func (t *Table) classify(x *slot) (c Classes) {
	if Status(x.status)&(SrcNAT|DstNAT) != 0 {
		h := t.host
		if h == nil {
			h = &Host{}
		}
		l := Look{Family: model.Family(x.family), Status: Status(x.status), Orig: t.slab.model(x, 0), Reply: t.slab.model(x, 1)}
		c = h.classify(&l)
	}
	t.saw(c)
	return c
}

func (t *Table) saw(c Classes) {
	if c == t.saw1 && t.known != nil { // as the flow before it
		return
	}
	t.saw1 = c
	if !t.known[c] {
		if t.known == nil {
			t.known = map[Classes]bool{}
		}
		t.known[c] = true
	}
}
