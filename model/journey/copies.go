package journey

import (
	"slices"
	"strings"

	"nfscope/model"
)

// duplicates reports whether a rule sends a copy of the packet elsewhere.
func duplicates(r *model.Rule) bool {
	return r != nil && (r.Target == "TEE" || strings.Contains(r.Text, "dup to "))
}

// copied notes that a rule of the packet's way has made a copy of it, and links one that
// was seen already: the two tracers come in any order. A copy leaves by the output hook,
// with the trace bit (nf_dup_ipv4, net/ipv4/netfilter/nf_dup_ipv4.c), as if made here.
// The copy meets the rule too, and nothing copies it again (nf_skb_duplicated, since linux 6.16
// in_nf_duplicate of the task); nf_tables tells all that it met before it tells of the rule that made it.
func (f *Fold) copied(b *builder) {
	if b.copyOf != 0 {
		return
	}
	for o := f.byKey[b.key]; o != nil; o = o.same {
		if p := o.firstPacket(); o.number > b.number && o.madeHere() && o.copyOf == 0 && b.looked(p) {
			o.copyOf, o.doubles, o.dirty = b.number, 0, true
			return
		}
	}
	b.doubles++
}

// linkCopy links a journey that begins at the output hook with the packet that it is a
// copy of.
func (f *Fold) linkCopy(b *builder, e *Event, at place) {
	if at.hook != model.HookOutput {
		return
	}
	for o := f.byKey[b.key]; o != nil; o = o.same {
		if o.doubles > 0 && o.looked(e.Packet) {
			o.doubles--
			b.copyOf = o.number
			return
		}
	}
}

// madeHere reports whether the packet was sent from here.
func (b *builder) madeHere() bool { return b.way == model.HookOutput }

// looked reports whether the packet had the ends of p anywhere on its way.
func (b *builder) looked(p *model.Packet) bool {
	if p == nil {
		return false
	}
	same := func(q *model.Packet) bool {
		return q != nil && q.Src == p.Src && q.Dst == p.Dst && q.SPort == p.SPort && q.DPort == p.DPort
	}
	for _, w := range b.walks {
		if same(w.head) {
			return true
		}
		for i := range w.steps {
			if same(w.steps[i].packet) {
				return true
			}
		}
	}
	return false
}

// linkFlooded links a journey that begins behind a bridge's flooding with the packet that
// it is a copy of: one frame to several ports is as many packets, of which one keeps the id
// (br_flood, net/bridge/br_forward.c). The bridge names itself as both devices in forward,
// and as the one to send by in postrouting, where the other is missing. Copies of what the
// host sends out of the bridge linkSent knows. e is the event at a place that the journey
// begins with, or the first of nf_tables.
func (f *Fold) linkFlooded(b *builder, e *Event, at place) {
	if b.began || b.copyOf != 0 || !f.opt.Probes || at.hook != model.HookForward && at.hook != model.HookPostrouting {
		return
	}
	dev := e.Out
	if !below(e.Family) && e.In != "" && (e.In != e.Out || at.hook == model.HookPostrouting) {
		return
	}
	var of *builder
	for o := f.byKey[b.key]; o != nil; o = o.same {
		if !o.began || o.sentAbove() || !below(e.Family) && o.inside() != dev { // the last port has the packet itself
			continue
		}
		if p, w := o.shown(at); p != nil && kin(p, w.place, e.Packet, at) && o.alike(p, w, at, e) && !o.lowered(at, e) {
			if of != nil {
				return
			}
			of = o
		}
	}
	if of != nil {
		b.copyOf, b.flooded = of.number, of.inside()
		b.went(model.HookForward)
	}
}

// linkSent links a journey that begins in a bridge's own hooks, behind those of the IP families,
// with the packet of the host's that it is a copy of: the bridge floods what it does not know the
// port of, each port has a copy with an id of its own, and the last has the packet (br_dev_xmit).
// The packet has come to the end of postrouting by then. Where two look the same nobody knows
// whose copy it is. The legacy tracer tells nothing of the copies.
func (f *Fold) linkSent(b *builder, e *Event, w *walk) bool {
	if !f.opt.Probes || w.place.hook != sentOutput && !w.bridgeSends() {
		return false
	}
	at := place{sentPostrouting, w.place.priority}
	var of *builder
	dev := ""
	for o := f.byKey[b.key]; o != nil; o = o.same {
		out := o.leftBy()
		if !o.began || out == "" {
			continue
		}
		if p, seen := o.shown(at); p != nil && kin(p, seen.place, e.Packet, at) && o.alike(p, seen, at, e) {
			if of != nil {
				return false
			}
			of, dev = o, out
		}
	}
	if of == nil {
		return false
	}
	if w.bridgeSends() {
		w.place = at
	}
	b.copyOf, b.sentBy, b.way = of.number, dev, of.way
	return true
}

// leftBy is the device that the packet left the IP families' hooks by, "" where it was not seen
// there.
func (b *builder) leftBy() string {
	for _, w := range b.walks {
		if w.probe == model.HookPostrouting {
			return w.out
		}
	}
	return ""
}

// throughBridge reports whether all chains of bridges that the host sends by let the packet on.
func (b *builder) throughBridge() bool {
	return !slices.ContainsFunc(b.bases.below, func(c bound) bool {
		return (kernels(c.hook) == model.HookOutput || c.hook == model.HookPostrouting) && !b.done(&c.base)
	})
}
