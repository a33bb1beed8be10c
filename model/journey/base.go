package journey

import (
	"slices"
	"strings"

	"nfscope/model"
)

// base is a base chain that every packet of its hook walks and is traced in.
type base struct {
	place
	legacy      bool
	family      model.Family
	table, name string
}

// bases are the base chains of each hook.
type bases [model.HookPostrouting + 1][]base

// basesOf lists the base chains of a ruleset, nil where there is none. Chains of
// nat are left out: only the first packet of a connection meets them.
func basesOf(rs *model.Ruleset) *bases {
	if rs == nil {
		return nil
	}
	all := &bases{}
	for _, t := range rs.Tables {
		if strings.Contains(t.Flags, "dormant") || strings.HasPrefix(t.Name, ProbePrefix) ||
			t.Backend != model.BackendNFTables && t.Name == "nat" {
			continue
		}
		for _, c := range t.Chains {
			if c.Hook == model.HookNone || int(c.Hook) >= len(all) || c.Type == "nat" {
				continue
			}
			all[c.Hook] = append(all[c.Hook], base{place{c.Hook, c.Priority}, t.Backend == model.BackendLegacy, t.Family, t.Name, c.Name})
		}
	}
	return all
}

// walked reports whether the journey has a walk through the chain.
func (b *builder) walked(c *base) bool {
	return slices.ContainsFunc(b.walks, func(w *walk) bool {
		return w.place.hook == c.hook && w.table == c.table && w.base == c.name && w.family == c.family &&
			(w.source == SourceLegacy) == c.legacy
	})
}

// missing finds a base chain that the packet met on its way to reach and that no
// event tells of: the event was lost, or comes later over the other socket.
func (b *builder) missing(reach place) *base {
	if b.bases == nil || len(b.walks) == 0 {
		return nil
	}
	start := b.walks[0].place
	for h := model.HookPrerouting; h <= model.HookPostrouting; h++ {
		if rank(h) > rank(reach.hook) || !b.passes(h, reach) {
			continue
		}
		for i := range b.bases[h] {
			c := &b.bases[h][i]
			if c.family.Carries(b.key.family) && start.before(c.place) && c.place.before(reach) && !b.walked(c) {
				return c
			}
		}
	}
	return nil
}

// conntrackPriority is where conntrack stands in prerouting and output
// (NF_IP_PRI_CONNTRACK). Between the chains of other hooks, and on either side of it,
// nothing but a chain drops packets.
const conntrackPriority = -200

// untold finds the legacy chain that a packet last seen at a place met next, and that
// told nothing. The tracer of legacy tables may be off, another program having its
// group: then a packet that vanished was not dropped by the kernel for certain.
func (b *builder) untold(at place) *base {
	if b.bases == nil || int(at.hook) >= len(b.bases) {
		return nil
	}
	for i := range b.bases[at.hook] {
		c := &b.bases[at.hook][i]
		apart := (at.hook == model.HookPrerouting || at.hook == model.HookOutput) && at.priority < conntrackPriority && c.priority > conntrackPriority
		if c.legacy && !apart && !c.place.before(at) && c.family.Carries(b.key.family) && !b.walked(c) {
			return c
		}
	}
	return nil
}

// passes reports whether a hook is on the packet's way to reach.
func (b *builder) passes(h model.Hook, reach place) bool {
	switch h {
	case model.HookPrerouting:
		return !b.local()
	case model.HookForward:
		return reach.hook == h || !b.local() && reach.hook == model.HookPostrouting
	case model.HookOutput:
		return reach.hook == h || b.local() && reach.hook == model.HookPostrouting
	}
	return reach.hook == h
}

// local reports whether the packet was made on this host, as far as it is seen.
func (b *builder) local() bool {
	if b.way != model.HookNone {
		return b.way == model.HookOutput
	}
	return b.inside() == "" && !slices.ContainsFunc(b.walks, func(w *walk) bool { return w.place.hook == model.HookPrerouting })
}

// reach is how far the packet is known to have come: the place where it was dropped,
// the end of a hook that a probe saw, or else the last walk. end is true where
// nothing can come after.
func (b *builder) reach() (at place, end bool) {
	for _, w := range b.walks {
		if w.verdict.Ends() {
			return w.place, true
		}
		if !at.before(w.place) && at.hook != model.HookNone {
			continue
		}
		at, end = w.place, w.probe == model.HookInput || w.probe == model.HookPostrouting
	}
	return at, end
}

// last is where a packet leaves netfilter that came as far as the hook; ok is false
// where that is not known yet.
func last(h model.Hook) (at place, ok bool) {
	switch h {
	case model.HookInput:
		return place{model.HookInput, probePriority}, true
	case model.HookForward, model.HookOutput, model.HookPostrouting:
		return place{model.HookPostrouting, probePriority}, true
	}
	return place{}, false
}

// settled reports whether all is heard of the packet that must be.
func (b *builder) settled(probes bool) bool {
	at, end := b.reach()
	if !end && !probes {
		at, end = last(at.hook)
	}
	return end && b.missing(at) == nil && b.unfinished(at) == nil
}
