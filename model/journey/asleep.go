package journey

import (
	"slices"
	"strings"

	"nfscope/model"
)

// asleep finds a chain of nf_tables that the packet may have met where nf_tables may tell
// nothing: it looks for the trace's bit only while a rule somewhere on the host can set it
// (nft_trace_enabled). nil where there is none, or nf_tables told of this very packet.
func (f *Fold) asleep(b *builder) *base {
	if !f.noNFT || b.bases == nil || b.nft != nil {
		return nil
	}
	start := b.walks[0].place
	at, stopped := b.reach()
	if far, ok := last(at.hook); ok && !stopped {
		at = far
	}
	// Of the chains at the place that stopped it nobody knows which came first.
	between := func(c *base) bool { return start.before(c.place) && !at.before(c.place) }
	for h := range b.bases.at {
		for i := range b.bases.at[h] {
			if c := &b.bases.at[h][i]; c.backend != model.BackendLegacy && c.family.Carries(b.key.family) && between(c) && b.passes(c.hook, at) {
				return c
			}
		}
	}
	for i := range b.bases.natNFT {
		// Later packets of a connection do not come to them.
		if c := &b.bases.natNFT[i]; b.entry == nil && c.family.Carries(b.key.family) && between(c) && b.passes(c.hook, at) {
			return c
		}
	}
	for i := range b.bases.below {
		if c := &b.bases.below[i]; start.before(c.place) && (!stopped || !at.before(c.place)) && b.comesBelow(kernels(c.hook)) && (c.onLoopback() || !b.leavesByLoopback()) {
			return &c.base
		}
	}
	return nil
}

// comesBelow reports whether a packet that goes the way of this one may come to a hook of a
// bridge or of a device. Which devices belong to a bridge is not known here, and what a bridge
// delivers may be routed on.
func (b *builder) comesBelow(h model.Hook) bool {
	switch h {
	case model.HookForward:
		return b.way != model.HookInput && !b.madeHere()
	case model.HookPrerouting, model.HookInput: // what is made here begins behind them
		return true
	}
	return b.way != model.HookInput
}

// leavesByLoopback reports whether the packet was sent to this host itself: no bridge and no other
// device comes after that. Any other device may hand it on to one below: a bridge to its port, a
// VLAN, a macvlan or a tunnel to the device that it stands on, whose chain at egress can drop
// it still. What stands on what is not known here.
func (b *builder) leavesByLoopback() bool {
	return slices.ContainsFunc(b.walks, func(w *walk) bool {
		return w.place.hook == model.HookPostrouting && w.out == loopback
	})
}

// onLoopback reports whether a chain may be one of loopback's device.
func (c *bound) onLoopback() bool {
	return c.family != model.FamilyBridge && (c.device == "" || strings.Contains(c.device, "*") || slices.Contains(strings.Split(c.device, ","), "lo"))
}
