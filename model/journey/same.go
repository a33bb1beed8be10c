package journey

import "nfscope/model"

// packetKey is what stays the same in a packet from its first hook to its last,
// address translation included.
type packetKey struct {
	family model.Family
	proto  model.Proto
	icmp   uint16
	flags  model.TCPFlags
	ipid   uint16
	label  uint32
	length int
	frag   int
	seq    uint32
	ack    uint32
}

func keyOf(p *model.Packet) packetKey {
	k := packetKey{family: p.Family, ipid: p.IPID, label: p.FlowLabel, length: p.Length}
	if p.Extended {
		return k // the two tracers do not see the same of what follows
	}
	k.proto, k.frag, k.seq, k.ack, k.flags = p.Proto, p.FragOffset, p.Seq, p.Ack, p.Flags
	if p.Proto.ICMP() {
		k.icmp = uint16(p.ICMPType)<<8 | uint16(p.ICMPCode)
	}
	return k
}

// key notes what the packet is known by and puts the journey behind the others of
// the same key.
func (f *Fold) key(b *builder, k packetKey) {
	if b.keyed {
		return
	}
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
	case model.HookEgress:
		return 2
	}
	return 0
}

// kin reports whether q, seen at qat, can be p, seen at pat: between the two places
// only what is translated there may differ.
func kin(p *model.Packet, pat place, q *model.Packet, qat place) bool {
	if p == nil || q == nil {
		return true
	}
	src, dst := p.Src == q.Src, p.Dst == q.Dst
	if p.Transport && q.Transport && !p.Extended && !q.Extended {
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
	if in := b.inside(); in != "" && e.In != "" && in != e.In {
		return false
	}
	if b.apart(at.hook, e.In) {
		return false
	}
	for _, w := range b.walks {
		if w.verdict.Ends() && w.place.before(at) {
			return false
		}
	}
	p, pat := b.face(at)
	return kin(p, pat, e.Packet, at)
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
func (b *builder) apart(h model.Hook, in string) bool {
	switch h {
	case model.HookIngress, model.HookPrerouting:
		return b.way == model.HookOutput || b.sent && b.inside() == ""
	case model.HookInput:
		return b.way != model.HookNone && b.way != h || b.sent
	case model.HookForward:
		return b.way != model.HookNone && b.way != h
	case model.HookOutput:
		return b.way != model.HookNone && b.way != h || b.inside() != ""
	case model.HookPostrouting:
		if b.way == model.HookInput {
			return true
		}
		if in != "" { // linux 5.10 and later say it of what is forwarded
			return b.way == model.HookOutput
		}
		return b.probed && b.inside() != ""
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
	if at, ok := f.cut[b.key]; ok {
		if e.Time.Sub(at) < 8*f.opt.Quiet {
			b.suspect(twins)
		} else {
			delete(f.cut, b.key)
		}
	}
	for o := f.byKey[b.key]; o != nil; o = o.same {
		if o == b || len(o.walks) == 0 {
			continue
		}
		p, pat := o.face(at)
		like := !o.apart(at.hook, e.In) && !o.settled(f.opt.Probes) && kin(p, pat, e.Packet, at)
		if like || o.assumed && p != nil && (p.Src == e.Packet.Src || p.Dst == e.Packet.Dst) {
			o.suspect(twins)
			b.suspect(twins)
		}
	}
}
