package why

import (
	"net/netip"
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/drop"
)

// mostAsked is how many drops of ARP and of neighbour discovery a Look keeps.
const mostAsked = 100

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

// cut finds what netfilter dropped of the question for a neighbour, or of its answer; nil where it
// dropped neither.
func (s *Seen) cut(hop netip.Addr) *drop.Drop {
	for _, d := range s.Asked {
		question, answer := s.about(d, hop)
		if question || answer {
			return d
		}
	}
	return nil
}

// about tells whether a drop of this namespace is the question for a neighbour, or its answer.
func (s *Seen) about(d *drop.Drop, hop netip.Addr) (question, answer bool) {
	switch p := &d.Packet; {
	case s.elsewhere(d):
		return false, false
	case d.ARP != "":
		return strings.HasPrefix(d.ARP, "arp who-has "+hop.String()+" "), strings.HasPrefix(d.ARP, "arp "+hop.String()+" is-at ")
	case p.ICMPType == advertisement:
		return false, p.Src == hop
	default:
		return p.Dst == hop || p.Dst == group(hop), false
	}
}

// elsewhere reports whether a drop is of before, or of another namespace.
func (s *Seen) elsewhere(d *drop.Drop) bool {
	return d.Time.Before(s.Began.Add(-early)) || d.Netns != 0 && s.Watch.Netns != 0 && d.Netns != s.Watch.Netns
}

// group is the one that a neighbour of IPv6 is asked for by (RFC 4291, 2.7.1).
func group(hop netip.Addr) netip.Addr {
	if hop.Is4() {
		return netip.Addr{}
	}
	g := netip.MustParseAddr("ff02::1:ff00:0").As16()
	a := hop.As16()
	copy(g[13:], a[13:])
	return netip.AddrFrom16(g)
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
	if v.cut = s.cut(n.Addr); v.cut == nil {
		return
	}
	v.kind, v.waits, v.confidence = Netfilter, n, Likely
	v.because = "the kernel did not find the next hop, and says that netfilter dropped what it needs for that"
}

// notFound says that the next hop is not found, and why.
func (v *verdict) notFound(s *Seen) string {
	n := v.waits
	what := "the question for it"
	if _, answer := s.about(v.cut, n.Addr); answer {
		what = "its answer"
	}
	return "not delivered: the next hop " + n.Addr.String() + " on " + n.Dev + " is not found, since " + what + " by " + asking(n.Addr) + " was " + v.byNetfilter(s)
}

// sentLast is the packet of an answered flow that may wait for its next hop: what was sent last and is
// not acknowledged, else the newest reply that came through.
func (v *verdict) sentLast() (last *sight) {
	if v.owed != nil {
		return v.owed
	}
	for _, x := range v.talk.sights {
		if x.reply && x.fate == arrived {
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

// deaf tells what netfilter dropped of the questions and answers of neighbours, where nothing of the
// flow came: who does not find this host sends it nothing.
func (a *Answer) deaf(s *Seen) {
	const most = 4
	var told []string
	for _, d := range s.Asked {
		what := d.ARP
		if what == "" {
			what = "neighbour solicitation from " + d.Packet.Src.String()
			if d.Packet.ICMPType == advertisement {
				what = "neighbour advertisement from " + d.Packet.Src.String()
			}
		}
		if s.elsewhere(d) || slices.Contains(told, what) {
			continue
		}
		if told = append(told, what); len(told) <= most {
			a.Evidence = append(a.Evidence, "netfilter dropped, without which neighbours send nothing: "+what)
			a.Do, a.Drops = letThem, append(a.Drops, d)
		}
	}
}

const letThem = "let ARP and neighbour discovery (ICMPv6 types 133 to 137) through"
