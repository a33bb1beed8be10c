package journey

import (
	"math"
	"slices"

	"nfscope/model"
)

// packetKey is what stays the same in a packet from its first hook to its last,
// address translation included.
type packetKey struct {
	family  model.Family
	proto   model.Proto
	icmp    uint16
	flags   model.TCPFlags
	ipid    uint16
	label   uint32
	length  int
	frag    int
	seq     uint32
	ack     uint32
	content uint32
	behind  bool
}

func keyOf(p *model.Packet) packetKey {
	if p.Extended && p.Behind() {
		return packetKey{family: p.Family, behind: true} // nf_tables' trace shows nothing of it
	}
	k := packetKey{family: p.Family, ipid: p.IPID, label: p.FlowLabel, length: p.Length}
	if p.Extended {
		return k // the two tracers do not see the same of what follows
	}
	k.proto, k.frag, k.seq, k.ack, k.flags, k.content = p.Proto, p.FragOffset, p.Seq, p.Ack, p.Flags, p.Content
	k.icmp = uint16(p.ICMPType)<<8 | uint16(p.ICMPCode)
	return k
}

// keyOf is keyOf, without what rules may write.
func (f *Fold) keyOf(p *model.Packet) packetKey {
	k := keyOf(p)
	if f.bases == nil || f.bases.alters.content {
		k.content = 0
	}
	return k
}

// is compares two keys where the packet's id is the same too: then what it carries may have
// been written to.
func (k packetKey) is(o packetKey) bool {
	o.content = k.content
	return k == o
}

// key notes what the packet is known by and puts the journey behind the others of
// the same key.
func (f *Fold) key(b *builder, k packetKey) {
	b.key, b.keyed = k, true
	if p := f.byKey[k]; p == nil {
		f.byKey[k] = b
	} else {
		for p.same != nil {
			p = p.same
		}
		p.same = b
	}
}

func (f *Fold) unkey(b *builder) {
	if !b.keyed {
		return
	}
	if p := f.byKey[b.key]; p != b {
		for p.same != b {
			p = p.same
		}
		p.same = b.same
	} else if b.same == nil {
		delete(f.byKey, b.key)
	} else {
		f.byKey[b.key] = b.same
	}
	b.same = nil
}

// segment counts the address translations that lie before a place: conntrack
// rewrites destinations at -100 of prerouting and output, sources at 100 of input and
// postrouting, whatever the priority of a nat chain (nf_nat_proto.c, nf_nat_ipv4_ops).
func (p place) segment() int {
	switch p.hook {
	case model.HookPrerouting, model.HookOutput:
		if p.priority > model.PriorityDstNAT {
			return 1
		}
	case model.HookForward:
		return 1
	case model.HookInput, model.HookPostrouting:
		if p.priority > model.PrioritySrcNAT {
			return 2
		}
		return 1
	case model.HookEgress, sentOutput, sentPostrouting, sentEgress:
		return 2
	}
	return 0
}

// kin reports whether q, seen at qat, can be p, seen at pat: between the two places
// only what is translated there may differ.
func kin(p *model.Packet, pat place, q *model.Packet, qat place) bool {
	if p.Unshown || q.Unshown {
		return true
	}
	if p.FragID != q.FragID && p.FragID != 0 && q.FragID != 0 || p.FragOffset != q.FragOffset || p.Length != q.Length || p.FlowLabel != q.FlowLabel {
		return false
	}
	src, dst := p.Src == q.Src, p.Dst == q.Dst
	if p.Transport && q.Transport && !p.Extended {
		src, dst = src && p.SPort == q.SPort, dst && p.DPort == q.DPort
		if pat.segment() == qat.segment() && p.ICMPID != q.ICMPID {
			return false
		}
	}
	switch a, b := pat.segment(), qat.segment(); {
	case a == b:
		return src && dst
	case a+b == 1: // only destinations are translated between 0 and 1
		return src
	case a+b == 3:
		return dst
	}
	return true
}

// fits reports whether an event at a place can be of the journey's packet.
func (b *builder) fits(at place, e *Event) bool {
	if in := b.inside(); in != "" && e.In != "" && in != e.In && !below(e.Family) {
		return false
	}
	if b.apart(at.hook, e) || b.key.behind && b.leavesElsewhere(e) {
		return false
	}
	for _, w := range b.walks {
		if w.verdict.Ends() && w.place.before(at) {
			return false
		}
	}
	p, w := b.shown(at)
	return p == nil || kin(p, w.place, e.Packet, at) && b.alike(p, w, at, e)
}

// below reports whether a table of the family sees the devices under the IP families':
// the ports of a bridge, the device of a netdev chain.
func below(f model.Family) bool { return f == model.FamilyBridge || f == model.FamilyNetdev }

// placeOf is where a base chain stands on the way of an IP packet. A bridge hands
// packets to the IP families at priority 0 of its own prerouting and forward hooks,
// before its input hook is done with them and after its postrouting hook is
// (br_netfilter_hooks.c, br_nf_ops); of chains at 0 the one registered last, which is
// not br_netfilter's, comes first. What the host sends out of a bridge comes to it behind the
// IP families; only the packet tells whether it comes to postrouting so (onward).
func placeOf(f model.Family, h model.Hook, p model.Priority) place {
	if f != model.FamilyBridge {
		return place{h, p}
	}
	const many = 1 << 15 // priorities that are told apart
	rel := max(-many, min(many, p))
	switch {
	case h == model.HookPrerouting && p >= 0, h == model.HookForward && p > 0:
		return place{h, math.MaxInt32 - many + rel}
	case h == model.HookPrerouting, h == model.HookInput, h == model.HookForward, h == model.HookPostrouting:
		return place{h, math.MinInt32 + many + rel}
	case h == model.HookOutput:
		return place{sentOutput, p}
	}
	return place{h, p}
}

// placeIn is placeOf for a chain of a table: those of nat are called where conntrack translates,
// whatever priority they state, which is their order among themselves (nf_nat_register_fn).
func placeIn(t *model.Table, c *model.Chain) place {
	at := placeOf(t.Family, c.Hook, c.Priority)
	if t.NAT(c) {
		if at.priority = model.PrioritySrcNAT; c.Hook == model.HookPrerouting || c.Hook == model.HookOutput {
			at.priority = model.PriorityDstNAT
		}
	}
	return at
}

// renamed finds the journey whose packet nftrace has given another id: the id is a hash
// of the device the packet came in by too (nft_trace_init), and for a packet that is
// delivered to the bridge's own device, or routed on from there, that changes from the port to
// the bridge. Our traces never begin behind prerouting; another's may, where a rule says so.
// Copies of a packet that is flooded have ids of their own too: of what leaves by the bridge that
// it came by only the hop limit tells that it was routed.
func (f *Fold) renamed(w *walk, e *Event, k packetKey) *builder {
	on := !below(e.Family) && (w.place.hook == model.HookForward || w.place.hook == model.HookPostrouting && e.In != "")
	if !f.opt.Probes && (f.bases == nil || f.bases.tracesLate) || w.place.hook != model.HookInput && !on {
		return nil
	}
	var same *builder
	for b := f.byKey[k]; b != nil; b = b.same {
		if b.nft == nil || !b.nft.place.before(w.place) || !b.fits(w.place, e) ||
			b.nft.place.hook != model.HookPrerouting && !below(b.nft.family) ||
			e.In == e.Out && !b.lowered(w.place, e) {
			continue
		}
		if same == nil {
			same = b
		}
		f.pair(same, b)
	}
	if same != nil && f.byID[same.id] == same {
		delete(f.byID, same.id)
	}
	return same
}

// assume notes that an event was taken for the packet's though its ends differ:
// translated, or another's.
func (b *builder) assume(at place, e *Event) {
	if p, _ := b.face(at); p != nil && (p.Src != e.Packet.Src || p.Dst != e.Packet.Dst || p.SPort != e.Packet.SPort || p.DPort != e.Packet.DPort) {
		b.assumed = true
	}
}

// apart reports whether no packet that went where this one did comes to a hook: it
// sees one of input, forward and output; what is delivered is not sent out; what is
// made here does not come in. Over loopback it is sent, and comes in again, as two
// journeys.
//
// What comes in over loopback has its route already, to this host, and is never sent on.
//
// Postrouting names the device it came in by (linux 5.7), but of what the kernel made
// with the device set it names that: the one it goes out by (neighbour discovery, MLD, IGMP:
// ip6_output), the tunnel that wrapped it, of a copy (TEE, dup) what the packet itself came in
// by; and of what a bridge forwards none (br_nf_post_routing). So what names one may have been
// made here.
func (b *builder) apart(h model.Hook, e *Event) bool {
	in, out, inside := e.In, e.Out, b.inside()
	if below(e.Family) { // its devices are others, and what it delivers may be routed on
		return false
	}
	switch h {
	case model.HookIngress, model.HookPrerouting:
		return b.way == model.HookOutput || b.sent && inside == "" && !b.turnsBack(in)
	case model.HookInput:
		return b.way != model.HookNone && b.way != h || b.sent
	case model.HookForward:
		return b.way != model.HookNone && b.way != h
	case model.HookOutput:
		return b.way != model.HookNone && b.way != h || b.cameIn()
	case model.HookPostrouting:
		return b.way == model.HookInput || in == "" && b.probed && inside != "" && (inside != out || inside == loopback)
	}
	return false
}

// turnsBack reports whether the packet was sent by a device that it may have come in by: what comes
// from one network of a bridge may be routed to another, or the bridge forwards it.
func (b *builder) turnsBack(dev string) bool {
	frame := slices.ContainsFunc(b.walks, (*walk).bridgeSends)
	return slices.ContainsFunc(b.walks, func(w *walk) bool {
		return (w.in == dev || frame) && w.out == dev
	})
}

// stranger reports whether no event of the packet can be of the one that begins with e,
// and none of that one the packet's, however alike they are: one was made here, the other
// came in. So it is with the two halves of a packet over loopback.
func (b *builder) stranger(h model.Hook, e *Event) bool {
	switch h {
	case model.HookPrerouting, model.HookInput:
		return b.way == model.HookOutput
	case model.HookOutput:
		return b.cameIn()
	}
	return false
}

// went notes the hook of a walk.
func (b *builder) went(h model.Hook) {
	switch h {
	case model.HookInput, model.HookForward, model.HookOutput:
		b.way = h
	case model.HookPostrouting:
		b.sent = true
	}
}

const (
	twins    = "another packet with the same headers was under way: steps may belong to the other"
	unlisted = "a rule or chain that it met is not in the ruleset that was read"
)

// suspect notes why the journey may be wrong; the first reason stays.
func (b *builder) suspect(why string) {
	if b.doubt == "" {
		b.doubt, b.dirty = why, true
	}
}

// compare looks for journeys under way whose packets look like the one that begins
// here. What one tracer says of them cannot be told apart, unless the other packet
// has all its events already.
func (f *Fold) compare(b *builder, e *Event, at place) {
	if !f.seen[SourceLegacy] || !f.seen[SourceNFT] {
		return // one stream alone is in order
	}
	for o := range f.severedFrom(b.key, e.Time) {
		if o.like(e, at) || o.taken(e, at) {
			b.suspect(twins)
		}
	}
	for o := f.byKey[b.key]; o != nil; o = o.same {
		if !o.apartFrom(b) && (!o.settled(f.opt.Probes) && o.like(e, at) || o.taken(e, at)) {
			f.pair(o, b)
		}
	}
}

// like reports whether the event at a place, with which another journey begins, can be of
// this packet as well as of that one.
func (b *builder) like(e *Event, at place) bool {
	p, w := b.shown(at)
	return !b.apart(at.hook, e) && (p == nil || kin(p, w.place, e.Packet, at) && b.alike(p, w, at, e))
}

// taken reports whether this journey was given events of other ends, one of which the
// event has: they may be the other packet's.
func (b *builder) taken(e *Event, at place) bool {
	p, w := b.shown(at)
	return b.assumed && !b.stranger(at.hook, e) && b.alike(p, w, at, e) && (p.Src == e.Packet.Src || p.Dst == e.Packet.Dst)
}
