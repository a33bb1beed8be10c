package journey

import (
	"math"

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

// above is how far of the IP families' way a place lies.
func (p place) above() place {
	if p.inBridge() {
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
	case p.hook == model.HookPostrouting && w.family == model.FamilyBridge && b.sentAbove():
		p.hook = sentPostrouting
	case p.hook == model.HookEgress && b.nft != nil && b.nft.place.inBridge():
		p.hook = sentEgress
	}
	return p
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
