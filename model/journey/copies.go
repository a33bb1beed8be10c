package journey

import (
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
func (f *Fold) copied(b *builder) {
	b.doubled = true
	for o := f.byKey[b.key]; o != nil; o = o.same {
		if p, _ := o.face(o.start()); o.number > b.number && o.madeHere() && o.copyOf == 0 && b.looked(p) {
			o.copyOf, o.dirty = b.number, true
		}
	}
}

// linkCopy links a journey that begins at the output hook with the packet that it is a
// copy of.
func (f *Fold) linkCopy(b *builder, e *Event, at place) {
	if at.hook != model.HookOutput || e.In != "" {
		return
	}
	for o := f.byKey[b.key]; o != nil; o = o.same {
		if o != b && o.doubled && o.looked(e.Packet) {
			b.copyOf = o.number
			return
		}
	}
}

// madeHere reports whether the packet was first seen where packets are sent from here.
func (b *builder) madeHere() bool { return b.way == model.HookOutput && b.inside() == "" }

// start is where the packet was first seen.
func (b *builder) start() place {
	if len(b.walks) == 0 {
		return place{}
	}
	return b.walks[0].place
}

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
// and as the one to send by in postrouting, where the other is missing. What the host sends out of the bridge is another matter: its copies
// did not meet the forward hook, nor is known which packet they are of. e is the event at a
// place that the journey begins with, or the first of nf_tables.
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
		if o == b || !o.hasID || !o.began || o.flooded != "" || o.inside() == "" || at.hook == model.HookPostrouting && o.sentAbove() || !below(e.Family) && o.inside() != dev {
			continue
		}
		if p, w := o.shown(at); p != nil && kin(p, w.place, e.Packet, at) && o.alike(p, w, at, e) {
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
