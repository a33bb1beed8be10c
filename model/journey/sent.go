package journey

import (
	"math"
	"slices"

	"nfscope/model"
)

// Hooks that a packet meets once more, or for the first time, where the host sends it out of
// a bridge, be it made here or routed: the bridge's own and its port's, behind all of the IP
// families and what stands at the egress of the bridge's device (br_dev_xmit,
// net/bridge/br_device.c; br_netfilter does not call postrouting again, see br_nf_post_routing).
// To a bridge's output hook comes no other IP packet. Frames that it forwards meet its
// postrouting hook before that of the IP families.
const (
	sentOutput model.Hook = math.MaxUint8 - iota
	sentPostrouting
	sentEgress
)

// kernels is the kernel's name of a hook.
func kernels(h model.Hook) model.Hook {
	switch h {
	case sentOutput:
		return model.HookOutput
	case sentPostrouting:
		return model.HookPostrouting
	case sentEgress:
		return model.HookEgress
	}
	return h
}

// inBridge reports whether a place lies behind the device that the IP families sent by.
func (p place) inBridge() bool { return kernels(p.hook) != p.hook }

// above is how far of the IP families' way a place lies: to a device's egress a packet comes
// behind all of it (__dev_queue_xmit, net/core/dev.c).
func (p place) above() place {
	if p.inBridge() || p.hook == model.HookEgress {
		return place{model.HookPostrouting, math.MaxInt32}
	}
	return p
}

// wayEnd is behind every chain that a packet may meet.
func wayEnd() place { return place{sentEgress, math.MaxInt32} }

// onward is where the packet meets the next walk, which nf_tables tells of: its events are in
// the packet's order.
func (b *builder) onward(w *walk) place {
	p := w.place
	switch {
	case w.bridgeSends() && b.sentAbove():
		p.hook = sentPostrouting
	case p.hook == model.HookEgress && b.nft != nil && b.nft.place.inBridge():
		p.hook = sentEgress
	}
	return p
}

// bridgeSends reports whether the walk is in the bridge's postrouting hook, where frames come
// that it forwards.
func (w *walk) bridgeSends() bool {
	return w.family == model.FamilyBridge && w.place.hook == model.HookPostrouting
}

// bridgeDelivers reports whether the walk is in the bridge's input hook, behind which a packet is
// routed: to this host or on.
func (w *walk) bridgeDelivers() bool {
	return w.family == model.FamilyBridge && w.place.hook == model.HookInput
}

// sendsUnseen reports whether a packet may come to the bridge's postrouting hook from the IP
// families without an event of nf_tables that tells so: there is no probe, and none of their
// chains that each packet meets. Then it is taken to come from there, until forwarded or framed
// know better: of what the host sends, translation may have changed the ends meanwhile, and of
// what the bridge forwards the order of chains would be the same.
func (f *Fold) sendsUnseen(e *Event) bool {
	return !f.opt.Probes && (e.Packet == nil || !slices.ContainsFunc(f.bases.at[model.HookPostrouting], func(c base) bool {
		return c.backend != model.BackendLegacy && c.family.Carries(e.Packet.Family)
	}))
}

// forwarded reports whether an event of the IP families' postrouting hook, as of a chain of nat,
// is the packet's behind that of the bridge: then the bridge forwards it.
func (b *builder) forwarded(w *walk, e *Event) bool {
	if w.place.hook != model.HookPostrouting || b.nft == nil || b.nft.place.hook != sentPostrouting || !b.key.is(keyOf(e.Packet)) ||
		slices.ContainsFunc(b.walks, func(o *walk) bool { return o.place.hook == sentOutput }) {
		return false
	}
	was, sends := slices.Clone(b.walks), b.asFrame()
	if b.takesNFT(w, e) {
		return true
	}
	for _, s := range sends { // the id is another packet's: this one goes the way that it went
		s.place.hook = sentPostrouting
	}
	b.walks = was
	return false
}

// framed puts the bridge's postrouting right where the legacy tracer told, before or behind it,
// that the bridge forwards the packet.
func (b *builder) framed() {
	if slices.ContainsFunc(b.walks, func(w *walk) bool { return w.port }) {
		b.asFrame()
	}
}

// asFrame puts the bridge's postrouting where frames meet it that the bridge forwards, and gives
// the walks that it has moved.
func (b *builder) asFrame() (moved []*walk) {
	for _, w := range slices.Clone(b.walks) {
		if w.place.hook == sentPostrouting {
			b.walks = slices.DeleteFunc(b.walks, func(o *walk) bool { return o == w })
			w.place.hook = model.HookPostrouting
			b.insert(w)
			moved = append(moved, w)
		}
	}
	return moved
}

// sentAbove reports whether the packet is through the IP families' hooks, as far as
// nf_tables' events of it go.
func (b *builder) sentAbove() bool {
	if b.way == model.HookOutput {
		return true
	}
	for _, w := range b.walks {
		if w.source == SourceNFT && (w.place.inBridge() || w.place.hook == model.HookEgress || w.place.hook == model.HookPostrouting && !below(w.family)) {
			return true
		}
	}
	return false
}
