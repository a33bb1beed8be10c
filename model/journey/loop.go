package journey

import "nfscope/model"

// loopback is the device over which a host sends to itself (net.loopback_dev of every
// namespace has that name).
const loopback = "lo"

// link joins the two halves of a packet that this host sends to itself: what went out
// over loopback comes in there with the same headers. e is the first event of b. Where
// several that were sent look the same, nobody knows which one this is.
func (f *Fold) link(b *builder, e *Event, at place) {
	if e.In != loopback || at.hook != model.HookPrerouting && at.hook != model.HookInput {
		return
	}
	var sent *builder
	for o := f.byKey[b.key]; o != nil; o = o.same {
		if o == b || o.half != 0 || o.way != model.HookOutput || !o.leavesAs(e.Packet) {
			continue
		}
		if sent != nil {
			return
		}
		sent = o
	}
	if sent != nil {
		sent.half, b.half = b.number, sent.number
		sent.dirty, b.dirty = true, true
	}
}

// leavesAs reports whether a packet that was made here can have left as p: where the
// last that was seen of it is from before source translation, only its destination tells.
func (b *builder) leavesAs(p *model.Packet) bool {
	for _, w := range b.walks {
		if w.verdict.Ends() || w.out != "" && w.out != loopback {
			return false
		}
	}
	last, at := b.face(wayEnd())
	if last == nil || p == nil || last.Dst != p.Dst || last.Transport && p.Transport && last.DPort != p.DPort {
		return false
	}
	return at.segment() < 2 || last.Src == p.Src && (!last.Transport || !p.Transport || last.SPort == p.SPort)
}
