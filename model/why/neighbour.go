package why

import (
	"net/netip"
	"strings"

	"nfscope/model"
	"nfscope/model/drop"
)

// The types of ICMPv6 by which neighbours find each other (RFC 4861).
const (
	solicitation  = 135
	advertisement = 136
)

// neighbourly reports whether a packet is IPv6's neighbour discovery or a report of groups:
// a filter that names ICMPv6 brings them along, and they are no flow.
func neighbourly(p *model.Packet) bool {
	if p.Proto != model.ProtoICMPv6 || !p.Transport {
		return false
	}
	t := p.ICMPType
	return t >= 130 && t <= 137 || t == 143
}

// cuts reports whether netfilter dropped a question or an answer of ARP or neighbour discovery:
// without these no packet goes to a neighbour.
func cuts(d *drop.Drop) bool {
	p := &d.Packet
	return d.Netfilter() && (strings.HasPrefix(d.ARP, "arp ") || // of others than IPv4 it tells no address
		neighbourly(p) && (p.ICMPType == solicitation || p.ICMPType == advertisement))
}

// asking is how neighbours of an address's family are found.
func asking(a netip.Addr) string {
	if a.Is4() {
		return "ARP"
	}
	return "neighbour discovery"
}

// waitsFor reports whether a packet that left the last chain waits for its next hop, and makes
// that the verdict.
func (v *verdict) waitsFor(x *sight, s *Seen) bool {
	n, h := s.Hop, x.hop()
	if h == nil || n == nil || *h != s.HopOf || !n.Unresolved() {
		return false
	}
	v.kind, v.waits, v.confidence = Kernel, n, Likely
	v.because = "it left the last chain, and its next hop has no address on the link: the kernel's entry is " + n.State
	v.isCut(s, n)
	return true
}

// isCut blames netfilter for a next hop that is not found, where that dropped the question for it, or
// its answer.
func (v *verdict) isCut(s *Seen, n *drop.Neighbour) {
	if v.cut = s.cut(n); v.cut == nil {
		v.unkept = s.Unkept
		return
	}
	v.kind, v.waits, v.confidence = Netfilter, n, Likely
	v.because = "the kernel did not find the next hop, and says that netfilter dropped what it needs for that"
}

// notFound says that the next hop is not found, and why.
func (v *verdict) notFound(s *Seen) string {
	n := v.waits
	what := "the question for it"
	if _, answer := s.about(v.cut, n); answer {
		what = "its answer"
	}
	return "not delivered: the next hop " + n.Addr.String() + " on " + n.Dev + " is not found, since " + what + " by " + asking(n.Addr) + " was " + v.byNetfilter(s)
}

// sentLast is the packet of an answered flow that may wait for its next hop: what was sent last and is
// not acknowledged, else the newest reply that came through. What TCP acknowledged did not wait, nor
// does anybody wait for its acknowledgements alone, or for anything behind a reset.
func (v *verdict) sentLast() (last *sight) {
	if v.owed != nil {
		return v.owed
	}
	tcp := v.talk.orig.Proto == model.ProtoTCP
	if tcp && v.talk.reset() {
		return nil
	}
	for _, x := range v.talk.sights {
		if x.reply && x.fate == arrived && !(tcp && (!carries(x.packet) || v.talk.acknowledged(x))) {
			last = x
		}
	}
	return last
}

// hold makes a packet the verdict that did not leave, though it left the last chain.
func (v *verdict) hold(x *sight) {
	c := &v.talk.requests
	if v.side = Request; x.reply {
		v.side, c = Reply, &v.talk.replies
	}
	v.by, v.like, x.fate = x, []*sight{x}, open
	c.Delivered--
}
