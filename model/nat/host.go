package nat

import (
	"net/netip"
	"slices"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/flow"
)

// Host is what is known of the namespace besides its rules.
type Host struct {
	// Local are the addresses of its interfaces; nil where they are not known.
	Local []netip.Prefix
	// Routes may be nil.
	Routes *model.Routes
	// InSet may be nil.
	InSet InSet
}

// InSet looks a key up in a named set of a table, or in an ipset, as it is now; key is that
// of fact.Facts. It may block. Where nobody can look, rules that match on a set leave open
// what they do.
type InSet = func(t *model.Table, set string, key []string) fact.Answer

// local tells whether an address is the host's own.
func (h *Host) local(a netip.Addr) fact.Answer {
	if a.IsLoopback() {
		return fact.Yes
	}
	if len(h.Local) == 0 {
		return fact.Unsure
	}
	return fact.Is(slices.ContainsFunc(h.Local, func(p netip.Prefix) bool { return p.Addr() == a }))
}

// device is the interface that packets for an address leave by.
func (h *Host) device(to netip.Addr) fact.Fact[string] {
	if h.local(to) == fact.Yes {
		return fact.Of("lo")
	}
	d := h.Routes.Device(to)
	return fact.Fact[string]{Value: d, Known: d != ""}
}

// path is the way of a flow's first packet through the hooks.
type path struct {
	// dst and src are the hooks whose nat chains translate the destination and the source.
	dst, mid, src model.Hook // mid is forward, or none
	// own says that the host itself sent it, here that it ends in the host.
	own, here bool
}

// way tells which path a flow took, by its ends; ok is false where the host's addresses
// are not known.
func (h *Host) way(f *flow.Look) (p path, ok bool) {
	from, to := h.local(f.Orig.Src), h.local(f.Reply.Src)
	if from == fact.Unsure || to == fact.Unsure {
		return p, false
	}
	switch {
	case from == fact.Yes:
		return path{dst: model.HookOutput, src: model.HookPostrouting, own: true, here: to == fact.Yes}, true
	case to == fact.Yes:
		return path{dst: model.HookPrerouting, src: model.HookInput, here: true}, true
	}
	return path{dst: model.HookPrerouting, mid: model.HookForward, src: model.HookPostrouting}, true
}
