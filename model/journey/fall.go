package journey

import (
	"slices"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
)

// fall is a packet that the kernel dropped, as another tracer than those of the rules told
// (kfree_skb, trace/drops). It comes by a way of its own: before the events of its packet
// or behind them.
type fall struct {
	drop  *drop.Drop
	key   packetKey // without what the packet carries
	sum   uint32    // of what it carries, 0 where that was not seen
	heard time.Time
	armed bool // a trace was armed
	// looked is true once journeys closed before were held against it, taken once it is the
	// end of one for certain.
	looked, taken bool
}

// falls are those of the last seconds, and the journeys that were closed meanwhile.
type falls struct {
	// on is true while each packet that the kernel drops is told; armed while a trace is.
	on, armed bool
	words     drop.Dictionary
	by        map[packetKey][]*fall
	line      []*fall // by the time they were heard
	over      []trail // a ring of the journeys closed last
	next      int
}

const (
	// maxFalls is how many are kept, maxOver how many closed journeys.
	maxFalls = 4096
	maxOver  = 4096
	// waiting is how long a packet may wait for a neighbour or in a queue before it is
	// dropped: three questions of a second each, twice.
	waiting = 10 * time.Second
)

// SetDrops says whether each packet that the kernel drops is told to Drop.
func (f *Fold) SetDrops(on bool) { f.falls.on = on }

// SetArmed says whether a trace is armed: what is dropped before any chain saw it is then
// a journey too, without a step.
func (f *Fold) SetArmed(on bool) { f.falls.armed = on }

// Drop takes a packet that the kernel dropped. The journey that it ends says so when it is
// closed; one that is closed already is changed by the next Tick.
func (f *Fold) Drop(d *drop.Drop) {
	if d.Source != drop.StepBPF || d.Count != 1 || !d.HasPacket() || d.Copy() {
		return
	}
	s := &f.falls
	if s.by == nil {
		s.by, s.words = map[packetKey][]*fall{}, drop.Meanings()
	}
	if len(s.line) >= maxFalls {
		s.forget(len(s.line) - maxFalls + 1)
	}
	n := &fall{drop: d, key: keyOf(&d.Packet), heard: latest(f.now, d.Time), armed: s.armed}
	n.key, n.sum = n.key.plain()
	s.by[n.key] = append(s.by[n.key], n)
	s.line = append(s.line, n)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// plain is the key without what the packet carries, and the sum of that.
func (k packetKey) plain() (packetKey, uint32) {
	sum := k.content
	k.content = 0
	return k, sum
}

// forget lets the n oldest go.
func (s *falls) forget(n int) {
	for _, o := range s.line[:n] {
		if l := slices.DeleteFunc(s.by[o.key], func(x *fall) bool { return x == o }); len(l) > 0 {
			s.by[o.key] = l
		} else {
			delete(s.by, o.key)
		}
	}
	s.line = slices.Delete(s.line, 0, n)
}

// clone copies all that changes.
func (s *falls) clone() falls {
	c := *s
	c.over, c.line, c.by = slices.Clone(s.over), nil, nil
	if s.by != nil {
		c.by = make(map[packetKey][]*fall, len(s.by))
	}
	for _, o := range s.line {
		n := *o
		c.line, c.by[n.key] = append(c.line, &n), append(c.by[n.key], &n)
	}
	return c
}

// trail is how far a journey is known to have come: what a drop is held against.
type trail struct {
	number      int
	follow      uint64    // see builder
	key         packetKey // without what the packet carries
	sum         uint32
	packet      model.Packet // as it was last seen
	at          place        // where that was
	reach       place        // how far it came
	way         model.Hook
	inside, out string
	since, last time.Time // since is the earliest that it can have been
	// left is true where it was seen to leave its last hook, stopped where a rule ended it,
	// probed where all that leave are seen.
	left, stopped, probed bool
	fixed                 alters // what rules may write
	// fell is true where a drop is its end, sure where that is not another's as well.
	fell, sure bool
}

// trail gives a journey's; ok is false where no headers are known.
func (b *builder) trail() (t trail, ok bool) {
	p, at := b.face(wayEnd())
	if p == nil || !b.keyed {
		return t, false
	}
	t = trail{number: b.number, follow: b.follow, packet: *p, at: at, way: b.way, inside: b.inside(), since: b.first.Add(-b.delay), last: b.last, probed: b.probed, fixed: everything()}
	t.key, t.sum = b.key.plain()
	t.reach, t.left = b.reach()
	for _, w := range b.walks {
		if w.out != "" {
			t.out = w.out
		}
		t.stopped = t.stopped || w.verdict.Ends()
	}
	if b.bases != nil {
		t.fixed = b.bases.alters
	}
	return t, true
}

// placeOfDrop is where on a packet's way a station lies; ok is false where that is not known.
func placeOfDrop(d *drop.Drop) (at place, ok bool) {
	const end = probePriority + 1
	switch d.Station {
	case drop.StationRouting, drop.StationForward:
		return place{model.HookPrerouting, end}, true
	case drop.StationRouteOut:
		return place{model.HookOutput, end}, true
	case drop.StationSocket:
		return place{model.HookInput, end}, true
	case drop.StationDeviceOut:
		return wayEnd(), true
	case drop.StationNetfilter:
		if d.SentIntoBridge() {
			switch d.Hook {
			case model.HookOutput:
				return place{sentOutput, end}, true
			case model.HookPostrouting:
				return place{sentPostrouting, end}, true
			}
		}
		return place{d.Hook, end}, d.Hook != model.HookNone
	}
	return at, false
}

// takes reports whether a drop can be the packet's end.
func (t *trail) takes(n *fall, slack time.Duration) bool {
	d := n.drop
	switch {
	case t.stopped, n.key != t.key, n.sum != t.sum && n.sum != 0 && t.sum != 0, d.Station == drop.StationDeviceIn:
		return false
	case d.Time.Before(t.since.Add(-slack)):
		return false // events are read after they happened
	}
	at, known := placeOfDrop(d)
	wait := slack
	if !known || d.Station == drop.StationDeviceOut {
		wait = waiting
	}
	if d.Time.After(t.last.Add(wait)) {
		return false
	}
	if !known {
		return !t.left
	}
	if at.before(t.reach) || !kin(&t.packet, t.at, &d.Packet, at) || !t.alike(d, at) || !t.talks(d) {
		return false
	}
	switch d.Station {
	case drop.StationRouting, drop.StationForward:
		return t.inside != "" && t.way == model.HookNone && (d.In == "" || d.In == t.inside)
	case drop.StationRouteOut:
		return t.inside == "" && t.way != model.HookInput
	case drop.StationSocket:
		return t.inside != "" && (t.way == model.HookNone || t.way == model.HookInput)
	case drop.StationDeviceOut:
		return t.way != model.HookInput && (d.Out == "" || t.out == "" || d.Out == t.out)
	}
	switch at.hook { // netfilter's
	case model.HookPrerouting:
		return t.inside != ""
	case model.HookOutput:
		return t.inside == ""
	case model.HookInput:
		return t.inside != "" && (t.way == model.HookNone || t.way == model.HookInput)
	case model.HookForward:
		return t.inside != "" && (t.way == model.HookNone || t.way == model.HookForward)
	}
	return t.way != model.HookInput
}

// talks reports whether the packet is of the connection that the dropped one was of: that
// alone tells a packet whose ends were both translated from another's with its id. Sockets
// get their packets without it (nf_reset_ct in udp_queue_rcv_one_skb, tcp_v4_rcv).
func (t *trail) talks(d *drop.Drop) bool {
	p, q := &t.packet, &d.Packet
	if p.Unshown || p.Extended || q.Extended || p.Transport != q.Transport || p.ICMPError() {
		return true
	}
	switch k := p.Tuple(); {
	case k == q.Tuple():
		return true
	case d.Tracked():
		return k == d.Orig || k == d.Reply || k == d.Orig.Reverse() || k == d.Reply.Reverse()
	}
	return d.Station == drop.StationSocket
}

// alike compares what no rule writes, as builder.alike does.
func (t *trail) alike(d *drop.Drop, at place) bool {
	if !t.fixed.tos && t.packet.TOS != d.Packet.TOS {
		return false
	}
	lowered, most := int(t.packet.TTL)-int(d.Packet.TTL), 0
	if routed(at.hook) && !routed(t.at.hook) {
		most = 1
	}
	return t.fixed.ttl || lowered >= 0 && lowered <= most
}

// end is what a drop says of a journey: that it was dropped, or that one of several was.
type end struct {
	drop *drop.Drop
	// among is how many packets it may have been, 1 where it is this one for certain.
	among int
	// left is true where the packet had been through all chains of its last hook.
	left bool
	// between is what stands behind the seat where it was seen last, and before the next; none
	// where that is not known to be the last it came to.
	between []standing
	// doubt is true where its steps may be another packet's, or of other rules.
	doubt bool
}

// fall finds the drop that ends a journey; ok is false where none is known. Where several
// journeys look the same it is theirs only if each of them was dropped, for one reason.
func (f *Fold) fall(t *trail) (e end, ok bool) {
	var mine []*fall
	w := f.course(t)
	for _, n := range f.falls.by[t.key] {
		if !n.taken && t.takes(n, f.opt.Quiet) && (w == nil || n.drop.Skb == 0 || n.drop.Skb == w.skb) {
			mine = append(mine, n)
		}
	}
	if len(mine) == 0 {
		return e, false
	}
	if w != nil && len(mine) == 1 && mine[0].drop.Skb == w.skb { // the kernel's own name for it
		t.fell, t.sure, mine[0].taken = true, true, true
		return end{mine[0].drop, 1, t.left, f.beyond(w, mine[0].drop), false}, true
	}
	d := mine[0].drop
	same := !slices.ContainsFunc(mine, func(n *fall) bool { return n.drop.Reason != d.Reason || n.drop.Place != d.Place })
	rivals := 0
	rival := func(o *trail) {
		if o.number != t.number && !o.sure && slices.ContainsFunc(mine, func(n *fall) bool { return o.takes(n, f.opt.Quiet) }) {
			rivals++
		}
	}
	for b := range f.underWay {
		if k, _ := b.key.plain(); b.keyed && k == t.key {
			if o, ok := b.trail(); ok {
				rival(&o)
			}
		}
	}
	for i := range f.falls.over {
		rival(&f.falls.over[i])
	}
	t.fell = true
	if !same || rivals > 0 && len(mine) <= rivals {
		return end{d, max(rivals+1, 2), t.left, nil, false}, true
	}
	t.sure, mine[0].taken = true, true
	return end{d, 1, t.left, nil, false}, true
}

// fallen reports whether a drop was told that may be the journey's.
func (f *Fold) fallen(b *builder) bool {
	t, ok := b.trail()
	return ok && slices.ContainsFunc(f.falls.by[t.key], func(n *fall) bool { return !n.taken && t.takes(n, f.opt.Quiet) })
}

// ended notes the drop that a journey which is closed ends with, and keeps its trail for
// one that is told late.
func (f *Fold) ended(b *builder) {
	s := &f.falls
	if !s.on && len(s.line) == 0 {
		return
	}
	t, ok := b.trail()
	if !ok || t.stopped {
		return
	}
	if e, ok := f.fall(&t); ok {
		b.end = &e
	}
	s.keep(t)
}

// keep keeps the trail of a journey that is closed.
func (s *falls) keep(t trail) {
	if len(s.over) < maxOver {
		s.over = append(s.over, t)
		return
	}
	s.over[s.next] = t
	s.next = (s.next + 1) % maxOver
}

// late joins drops that came when their journey was closed already, and makes journeys of
// those that no chain saw. all is true at the end of the session.
func (f *Fold) late(now time.Time, all bool) (changed bool) {
	s := &f.falls
	for _, n := range s.line {
		if n.looked || !all && now.Sub(n.heard) < f.opt.Quiet {
			continue
		}
		n.looked = true
		if n.drop.Station == drop.StationDeviceIn {
			changed = n.armed && f.bare(n.drop) || changed
			continue
		}
		for i := range s.over {
			t := &s.over[i]
			if t.fell || !t.takes(n, f.opt.Quiet) {
				continue
			}
			if e, ok := f.fall(t); ok {
				changed = f.amend(t.number, &e) || changed
			}
		}
	}
	old := slices.IndexFunc(s.line, func(n *fall) bool { return now.Sub(n.heard) < waiting+2*f.opt.Quiet })
	if old < 0 {
		old = len(s.line)
	}
	s.forget(old)
	return changed
}

// amend gives a closed journey its end.
func (f *Fold) amend(number int, e *end) bool {
	i, ok := slices.BinarySearchFunc(f.done, number, func(d filed, n int) int { return d.number - n })
	if !ok {
		return false // forgotten, or another's
	}
	j := *f.draw(&f.done[i])
	whole := j.Complete || j.endless()
	e.doubt = !whole
	if why, told := j.falls(e, f.falls.words); told && whole {
		j.Complete, j.Why = why == "", why
	}
	f.done[i].journey, f.view = &j, nil
	return true
}

// bare files a journey of a packet that was dropped before any chain saw it.
func (f *Fold) bare(d *drop.Drop) bool {
	s := &f.falls
	if s.words.Explain(d).Grade == drop.Usual {
		return false
	}
	j := &Journey{Start: d.Time, Origin: "trace", Family: d.Packet.Family, In: d.In, Path: PathUnknown, Packet: d.Packet, Complete: true, Closed: true, Rules: f.inForce}
	if f.chose != nil && !f.chose(j) {
		return false
	}
	f.number++
	j.name(f.number)
	j.falls(&end{drop: d, among: 1}, s.words)
	if len(f.done) >= f.opt.Keep {
		f.forget(0)
	}
	f.file(filed{number: j.Number, journey: j})
	if f.opt.Closed != nil {
		f.opt.Closed(j)
	}
	return true
}
