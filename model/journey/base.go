package journey

import (
	"math"
	"slices"
	"strings"

	"nfscope/model"
)

// base is a base chain that every packet of its hook walks and is traced in.
type base struct {
	place
	backend     model.Backend
	family      model.Family
	table, name string
}

// bases are the base chains of each hook, and the rules that switch a trace off.
type bases struct {
	at  [model.HookPostrouting + 1][]base
	nat []base // of legacy tables; at leaves out all of nat
	// natNFT are those of nf_tables.
	natNFT []base
	below  []bound // of bridges and devices
	mutes  []mute
	// tracesLate is true where a rule of nf_tables may switch a trace on behind prerouting and
	// output.
	tracesLate bool
	// stops are the base chains that can end a packet's way; ahead is what of them is
	// still to come, as far as it was asked for.
	stops [model.HookPostrouting + 1][]stop
	// alters is what the rules write into packets.
	alters alters
	ahead  map[aheadKey]stops
	// tied are the chains whose place is that of another table's chain too.
	tied map[base]model.Called
}

// bound is a base chain with the devices that it is bound to, as Chain.Device has them.
type bound struct {
	base
	device string
}

// mute is a rule that says "meta nftrace set 0": what a packet meets behind it is not
// told, that rule itself among it (nf_tables_trace.c).
type mute struct {
	by Culprit
	// from are the base chains it can be reached from: all of its table's for a rule
	// of a user chain.
	from []base
}

// basesOf lists the base chains of a ruleset. Chains of nat are left out: only the first packet
// of a connection meets them.
func basesOf(rs *model.Ruleset) *bases {
	all := &bases{stops: stopsOf(rs), ahead: map[aheadKey]stops{}}
	for _, t := range rs.Tables {
		if dormant(t) {
			continue
		}
		var own []base
		for _, c := range t.Chains {
			at := base{placeIn(t, c), t.Backend, t.Family, t.Name, c.Name}
			if c.Hook != model.HookNone && below(t.Family) {
				all.below = append(all.below, bound{at, c.Device})
			}
			if c.Hook == model.HookNone || int(c.Hook) >= len(all.at) {
				continue
			}
			own = append(own, at)
			if !t.NAT(c) {
				all.at[c.Hook] = append(all.at[c.Hook], at)
			} else if t.Backend == model.BackendLegacy {
				all.nat = append(all.nat, at)
			} else {
				all.natNFT = append(all.natNFT, at)
			}
		}
		if t.Backend == model.BackendNFTables {
			all.mute(t, own)
		}
		for _, c := range t.Chains {
			for i := range c.Rules {
				all.alters.add(altersOf(t.Backend, t.Family, &c.Rules[i]))
			}
		}
	}
	all.tie(rs)
	return all
}

// mute notes the rules of a table that switch a trace off, or on behind where packets begin.
func (all *bases) mute(t *model.Table, own []base) {
	for _, c := range t.Chains {
		for i := range c.Rules {
			r := &c.Rules[i]
			if !strings.Contains(r.Text, "nftrace set 0") {
				early := c.Hook == model.HookPrerouting || c.Hook == model.HookOutput || c.Hook == model.HookIngress
				all.tracesLate = all.tracesLate || !early && strings.Contains(r.Text, "nftrace set ")
				continue
			}
			from := own
			if c.Base() {
				from = slices.DeleteFunc(slices.Clone(own), func(o base) bool { return o.name != c.Name })
			}
			by := Culprit{Backend: t.Backend, Family: t.Family, Table: t.Name, Chain: c.Name, Rule: r.Index, Text: r.Text}
			all.mutes = append(all.mutes, mute{by, from})
		}
	}
}

// muted finds a rule that may have switched the trace of a packet off that was last
// seen at a place.
func (b *builder) muted(at place) *mute {
	if b.bases == nil {
		return nil
	}
	for i := range b.bases.mutes {
		m := &b.bases.mutes[i]
		if slices.ContainsFunc(m.from, func(c base) bool {
			return c.family.Carries(b.key.family) && !c.place.before(at) && (c.hook == at.hook || rank(c.hook) > rank(at.hook)) && !b.done(&c)
		}) {
			return m
		}
	}
	return nil
}

// done reports whether the journey has a walk through the chain that came to its end.
func (b *builder) done(c *base) bool {
	return slices.ContainsFunc(b.walks, func(w *walk) bool { return w.through(c) && w.verdict != model.VerdictUnknown })
}

// through reports whether a walk is one through the chain.
func (w *walk) through(c *base) bool {
	return w.table == c.table && w.base == c.name && w.family == c.family &&
		(w.source == SourceLegacy) == (c.backend == model.BackendLegacy)
}

// walked reports whether the journey has a walk through the chain.
func (b *builder) walked(c *base) bool {
	return slices.ContainsFunc(b.walks, func(w *walk) bool { return w.through(c) })
}

// missing finds a base chain that the packet met on its way to reach and that no
// event tells of: the event was lost, or comes later over the other socket.
func (b *builder) missing(reach place) *base { return b.unwalked(reach, false) }

// unwalked is missing, of legacy tables alone or of all.
func (b *builder) unwalked(reach place, legacy bool) *base {
	if b.bases == nil {
		return nil
	}
	start, reach := b.walks[0].place, reach.above()
	if b.flooded != "" {
		start = place{model.HookForward, math.MinInt32}
	}
	for h := model.HookPrerouting; h <= model.HookPostrouting; h++ {
		if !b.passes(h, reach) {
			continue
		}
		for i := range b.bases.at[h] {
			c := &b.bases.at[h][i]
			if legacy && c.backend != model.BackendLegacy {
				continue
			}
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

// redirects reports whether the packet is an ICMP redirect: address translation drops one
// that is about a translated packet (nf_nat_icmp_reply_translation, and the same of ICMPv6).
func (b *builder) redirects() bool {
	if b.key.proto == model.ProtoICMPv6 {
		return b.key.icmp>>8 == 137
	}
	return b.key.icmp>>8 == 5
}

// untold finds a chain that a packet last seen at a place met next, and that told
// nothing. The tracer of legacy tables may be off, another program having its group, or
// a rule has switched the packet's trace off: then a packet that vanished was not
// dropped by the kernel for certain.
func (b *builder) untold(at place) *base {
	if b.bases == nil || int(at.hook) >= len(b.bases.at) {
		return nil
	}
	for i := range b.bases.at[at.hook] {
		c := &b.bases.at[at.hook][i]
		apart := (at.hook == model.HookPrerouting || at.hook == model.HookOutput) && (at.priority < conntrackPriority && c.priority > conntrackPriority ||
			b.redirects() && at.priority <= model.PriorityDstNAT && c.priority > model.PriorityDstNAT)
		if !apart && !c.place.before(at) && c.family.Carries(b.key.family) && !b.walked(c) {
			return c
		}
	}
	return nil
}

// unheard finds a legacy chain that a packet last seen at a place may have met, and that
// can drop.
func (b *builder) unheard(at place) *stop {
	if b.bases == nil {
		return nil
	}
	hooks := hooksAfter(at.hook, b.way)
	if rank(at.hook) <= rank(model.HookPrerouting) {
		hooks = []model.Hook{model.HookPrerouting, model.HookInput, model.HookForward, model.HookPostrouting}
	}
	for _, h := range hooks {
		for i := range b.bases.stops[h] {
			if s := &b.bases.stops[h][i]; s.backend == model.BackendLegacy && !s.before(at) && s.family.Carries(b.key.family) {
				return s
			}
		}
	}
	return nil
}

// unseenBelow finds a chain of a bridge or a device that the packet may have met, and
// that told nothing. Which devices belong to a bridge is not known here.
func (b *builder) unseenBelow() *base {
	if b.bases == nil {
		return nil
	}
	for i := range b.bases.below {
		if c := &b.bases.below[i].base; !b.walked(c) {
			return c
		}
	}
	return nil
}

// passes reports whether a hook is on the packet's way to reach.
func (b *builder) passes(h model.Hook, reach place) bool {
	switch h {
	case model.HookPrerouting: // what is made here begins behind it
		return true
	case model.HookForward:
		return reach.hook == h || !b.madeHere() && reach.hook == model.HookPostrouting
	case model.HookOutput:
		return b.madeHere()
	}
	return reach.hook == h
}

// reach is how far the packet is known to have come: the place where it was dropped,
// the end of a hook that a probe saw, or else the last walk. end is true where
// nothing can come after.
func (b *builder) reach() (at place, end bool) {
	for _, w := range b.walks {
		if w.verdict.Ends() {
			return w.place, true
		}
		at, end = w.place, end || w.probe == model.HookInput || w.probe == model.HookPostrouting
		if w.bridgeDelivers() { // what it delivers may be routed on
			at = place{model.HookPrerouting, probePriority}
		}
	}
	return at, end
}

// last is where a packet leaves netfilter that came as far as the hook; ok is false
// where that is not known yet.
func last(h model.Hook) (at place, ok bool) {
	switch h {
	case model.HookEgress, sentOutput, sentPostrouting, sentEgress:
		return wayEnd(), true
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
