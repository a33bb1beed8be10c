package journey

import (
	"slices"
	"time"

	"nfscope/model"
	"nfscope/model/flow"
)

// Track is what was heard of the packet's place in conntrack besides CTState, as evidence
// for package miss. The zero Track says nothing.
type Track struct {
	// Told is true where the kernel told of the packet's entry; Status is that entry's in
	// the packet's last event.
	Told   bool
	Status flow.Status
	// Early is true where the packet was seen from before conntrack saw it.
	Early bool
	// None is true where an event from behind conntrack told of no entry, and the kernel
	// is one that tells.
	None bool
	// Before is the entry of the packet's tuple that was known well before the packet came,
	// After the same entry afterwards, alive. Either both are set or none.
	Before, After *flow.Flow
	// Absent is true where conntrack's table was known as a whole from before the packet
	// came until well after, and never had an entry of its tuple.
	Absent bool
}

// settle is how much later than an event of conntrack we hear of it, at most: the two
// tracers and conntrack speak over different sockets.
const settle = time.Second

// maxTracked is how late an entry is looked for that is gone: flow.Table keeps it for
// flow.Linger.
const maxTracked = flow.Linger - settle

// conntracked is the tuple that conntrack looks a packet up by; ok is false where the
// packet itself does not have it (an ICMP error is found by the packet that it is about).
func conntracked(p *model.Packet) (t model.Tuple, ok bool) {
	if p == nil || !p.Transport || p.FragOffset > 0 || !p.ProtoKnown() {
		return t, false
	}
	switch {
	case p.Proto == model.ProtoICMP && p.ICMPType != 8 && p.ICMPType != 0,
		p.Proto == model.ProtoICMPv6 && p.ICMPType != 128 && p.ICMPType != 129:
		return t, false
	}
	return p.Tuple(), p.Proto.Ports() || p.Proto.ICMP()
}

// notice looks the entry up that a packet finds when it comes.
func (f *Fold) notice(b *builder, e *Event) {
	t, ok := conntracked(e.Packet)
	if f.flows == nil || !ok {
		return
	}
	if fl := f.flows.ByTuple(t); fl != nil && fl.Gone.IsZero() && e.Time.Sub(fl.Seen) >= settle {
		b.entry = fl
	}
}

// silent notes an event from behind conntrack that tells of no entry.
func (f *Fold) silent(b *builder, w *walk, e *Event) {
	f.tellsCT = f.tellsCT || e.CT != nil
	if e.CT != nil || e.Packet == nil || w.vague || !f.tellsCT || !w.family.Carries(b.key.family) || below(w.family) {
		return
	}
	switch w.place.hook {
	case model.HookPrerouting, model.HookOutput:
		b.noCT = b.noCT || w.place.priority > conntrackPriority
	case model.HookInput, model.HookForward, model.HookPostrouting:
		b.noCT = true
	}
}

// origin notes who sent the packet and how it came here.
func (b *builder) origin(e *Event) {
	if e.Owner != nil {
		b.owner = e.Owner
	}
	if e.Link != nil && e.In != "" && b.link == nil {
		b.link = e.Link
	}
}

// early reports whether the packet was seen before conntrack saw it, so that its first
// headers are those that conntrack looked up.
func (b *builder) early() bool {
	if b.late {
		return false
	}
	p := b.walks[0].place
	if p.hook == model.HookPrerouting && b.inside() == "lo" { // conntrack saw it when it was sent
		return false
	}
	return (p.hook == model.HookPrerouting || p.hook == model.HookOutput) && p.priority < conntrackPriority
}

// track gathers the evidence.
func (f *Fold) track(b *builder, first *model.Packet) (t Track) {
	if t.Told = b.hasCT && b.ct.ID != 0; t.Told {
		t.Status = flow.Status(b.ct.Status)
	}
	t.None, t.Early = b.noCT && !b.hasCT, b.early()
	tuple, ok := conntracked(first)
	if b.entry == nil || !ok || !t.Early {
		return t
	}
	if now := f.flows.ByTuple(tuple); now != nil && now.Key() == b.entry.Key() && (now.Gone.IsZero() || now.Gone.After(b.last.Add(settle))) {
		t.Before, t.After = b.entry, now
	}
	return t
}

// unlooked is a closed journey of which it is still to be seen that conntrack has no entry.
type unlooked struct {
	number int
	tuple  model.Tuple
	since  time.Time // its first event
	due    time.Time
}

// maxUnlooked bounds those that wait.
const maxUnlooked = 4096

// await has a closed journey looked at again when all that conntrack has to say is heard.
func (f *Fold) await(b *builder, first *model.Packet) {
	t, ok := conntracked(first)
	if f.flows == nil || !ok || !b.early() || b.hasCT || b.noCT || len(f.unlooked) >= maxUnlooked ||
		f.flows.ByTuple(t) != nil || f.flows.Whole().IsZero() {
		return
	}
	f.unlooked = append(f.unlooked, unlooked{b.number, t, b.first, b.last.Add(settle)})
}

// look marks the journeys of which conntrack never had an entry.
func (f *Fold) look(now time.Time) (changed bool) {
	n := 0
	for n < len(f.unlooked) && !now.Before(f.unlooked[n].due) {
		u := &f.unlooked[n]
		n++
		whole := f.flows.Whole()
		if whole.IsZero() || !whole.Before(u.since) || now.Sub(u.since) > maxTracked || f.flows.ByTuple(u.tuple) != nil {
			continue
		}
		i, ok := slices.BinarySearchFunc(f.done, u.number, func(d filed, n int) int { return d.number - n })
		if !ok {
			continue
		}
		j := *f.draw(&f.done[i])
		j.Track.Absent = true
		f.done[i].journey, f.view, changed = &j, nil, true
	}
	f.unlooked = slices.Delete(f.unlooked, 0, n)
	return changed
}
