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
