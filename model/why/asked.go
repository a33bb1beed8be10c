package why

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
)

// mostAsked is how many drops of ARP and of neighbour discovery a Look keeps, each once.
const mostAsked = 100

// inquiries are drops of ARP and neighbour discovery, the newest of those that say the same.
type inquiries struct {
	list []*drop.Drop
	at   map[inquiryKey]int
	over uint64
}

// inquiryKey tells them apart.
type inquiryKey struct {
	arp      string
	from, of netip.Addr
	kind     uint8
	hook     model.Hook
	in, out  string
	netns    uint32
}

func (a *inquiries) add(d *drop.Drop) {
	k := inquiryKey{arp: d.ARP, hook: d.Hook, in: d.In, out: d.Out, netns: d.Netns}
	if d.ARP == "" {
		k.from, k.of, k.kind = d.Packet.Src, d.Target, d.Packet.ICMPType
	}
	i, known := a.at[k]
	switch {
	case known:
		a.list[i] = d
	case len(a.list) >= mostAsked:
		a.over += d.Count
	default:
		if a.at == nil {
			a.at = map[inquiryKey]int{}
		}
		a.at[k] = len(a.list)
		a.list = append(a.list, d)
	}
}

// inquiry is a question for a neighbour, or its answer.
type inquiry struct {
	question bool
	// of is whose hardware address is asked for or told, from who sends it.
	of, from netip.Addr
	words    string
}

// inquiryOf reads a drop's; false where it does not tell.
func inquiryOf(d *drop.Drop) (q inquiry, ok bool) {
	if d.ARP == "" {
		p := &d.Packet
		q = inquiry{question: p.ICMPType == solicitation, of: d.Target, from: p.Src, words: "neighbour advertisement from " + p.Src.String()}
		if q.question {
			q.words = "neighbour solicitation from " + p.Src.String()
		}
		return q, q.of.IsValid()
	}
	q.words = d.ARP
	var of, from string
	switch w := strings.Fields(d.ARP); {
	case len(w) == 5 && w[1] == "who-has":
		q.question, of, from = true, w[2], w[4]
	case len(w) == 4 && w[2] == "is-at":
		of, from = w[1], w[1]
	default:
		return q, false
	}
	var err1, err2 error
	q.of, err1 = netip.ParseAddr(of)
	q.from, err2 = netip.ParseAddr(from)
	return q, err1 == nil && err2 == nil
}

// cut finds what netfilter dropped of the question for a neighbour, or of its answer; nil where it
// dropped neither.
func (s *Seen) cut(n *drop.Neighbour) *drop.Drop {
	for _, d := range s.Asked {
		question, answer := s.about(d, n)
		if question || answer {
			return d
		}
	}
	return nil
}

// about tells whether a drop of this namespace is this host's question for a neighbour, or the
// answer to it. Others ask for a dead router too, and are answered over a bridge.
func (s *Seen) about(d *drop.Drop, n *drop.Neighbour) (question, answer bool) {
	q, ok := inquiryOf(d)
	switch {
	case !ok || q.of != n.Addr || s.elsewhere(d) || !beside(d, n):
		return false, false
	case q.question:
		return leaves(d.Hook) || !comes(d.Hook) && s.own(q.from), false
	}
	return false, comes(d.Hook) || d.Hook == model.HookNone
}

// leaves reports whether what is at a hook was sent by this host, or is about to leave it; comes
// whether it came.
func leaves(h model.Hook) bool {
	return h == model.HookOutput || h == model.HookPostrouting || h == model.HookEgress
}

func comes(h model.Hook) bool {
	return h == model.HookInput || h == model.HookPrerouting || h == model.HookIngress
}

// own reports whether an address is this host's.
func (s *Seen) own(a netip.Addr) bool {
	return slices.ContainsFunc(s.Local, func(p netip.Prefix) bool { return p.Addr() == a })
}

// beside reports whether a drop was at a neighbour's interface, or may have been at one below it: a
// port of its bridge, say. Behind each interface fe80::1 is another.
func beside(d *drop.Drop, n *drop.Neighbour) bool {
	if n.Dev == "" || d.In == "" && d.Out == "" || d.In == n.Dev || d.Out == n.Dev {
		return true
	}
	if f := d.Facts; f != nil && (f.In != nil && f.In.Master == n.Dev || f.Out != nil && f.Out.Master == n.Dev) {
		return true
	}
	below := d.Hook == model.HookIngress || d.Hook == model.HookEgress ||
		slices.ContainsFunc(d.Callers, func(f string) bool { return strings.HasPrefix(strings.TrimLeft(f, "_"), "br_") })
	return below && !n.Addr.IsLinkLocalUnicast()
}

// elsewhere reports whether a drop is of before, or of another namespace.
func (s *Seen) elsewhere(d *drop.Drop) bool {
	return d.Time.Before(s.Began.Add(-early)) || abroad(d, s.Watch.Netns)
}

// abroad reports whether a drop is of another namespace than this one.
func abroad(d *drop.Drop, netns uint32) bool {
	return d.Netns != 0 && netns != 0 && d.Netns != netns
}

// deaf tells what netfilter dropped of the questions and answers of neighbours, where nothing of the
// flow came: who does not find this host, or whom it passes packets on to, sends it nothing.
func (a *Answer) deaf(s *Seen) {
	const most = 4
	var told []string
	for _, d := range s.Asked {
		q, ok := inquiryOf(d)
		if !ok || s.elsewhere(d) || slices.Contains(told, q.words) || !s.keeps(d, q) {
			continue
		}
		if told = append(told, q.words); len(told) > most {
			break
		}
		a.Evidence = append(a.Evidence, "netfilter dropped, without which neighbours send nothing: "+q.words)
		a.Drops = append(a.Drops, d)
		if a.Do == "" {
			a.Do = letThem
		}
	}
	if s.Unkept > 0 {
		a.Evidence = append(a.Evidence, unkept(s.Unkept))
	}
}

// unkept says that not all questions and answers could be looked at.
func unkept(n uint64) string {
	return fmt.Sprintf("netfilter dropped %s of ARP or neighbour discovery that were not kept", plural(int(n), "more packet", "more packets"))
}

// keeps reports whether a dropped question or answer may have kept packets of the filter from coming.
func (s *Seen) keeps(d *drop.Drop, q inquiry) bool {
	list, err := s.Filter.Conjuncts(64)
	if err != nil {
		list = []filter.Conjunct{{}}
	}
	return slices.ContainsFunc(list, func(c filter.Conjunct) bool {
		src, dst, ok := reach(c, q.of)
		return ok && s.between(d, q, src, dst)
	})
}

// reach is the networks that a conjunct has packets come from and go to, zero where it names none;
// false where they are of another family than an address.
func reach(c filter.Conjunct, of netip.Addr) (src, dst netip.Prefix, ok bool) {
	v4 := true
	v6 := true
	for _, x := range c.Conds {
		switch {
		case x.Not:
		case x.Field == filter.FieldFamily:
			v4, v6 = v4 && x.Family == model.FamilyIPv4, v6 && x.Family == model.FamilyIPv6
		case x.Field == filter.FieldProto:
			v4, v6 = v4 && x.Proto != model.ProtoICMPv6, v6 && x.Proto != model.ProtoICMP
		case x.Field == filter.FieldSrc:
			src = x.Prefix
		case x.Field == filter.FieldDst:
			dst = x.Prefix
		}
	}
	return src, dst, of.Is4() && v4 || of.Is6() && v6
}

// between reports whether a dropped question or answer stands between a source's packets and this
// host: for its address, or passed on by its bridge.
func (s *Seen) between(d *drop.Drop, q inquiry, src, dst netip.Prefix) bool {
	passes := !comes(d.Hook) && !leaves(d.Hook) || d.Hook == model.HookPrerouting || d.Hook == model.HookIngress
	switch {
	case q.from.IsUnspecified(): // it asks whether it is alone
		return false
	case s.own(q.of):
		return q.question == !leaves(d.Hook) && s.near(src, q)
	case q.question && leaves(d.Hook), !q.question && comes(d.Hook) && !passes:
		return false // of what this host asks for
	case q.question && comes(d.Hook) && dst.Contains(q.of) && !s.neighbours(q.of, q.from): // it may answer for it
		return !src.IsValid() || src.Contains(q.from) || q.from.IsLinkLocalUnicast()
	}
	return passes && (src.Contains(q.from) || src.Contains(q.of) || dst.Contains(q.from) || dst.Contains(q.of))
}

// near reports whether packets of a source come by a neighbour that a question or an answer is of: it
// is one itself where an address of this host is in its network, else it is behind any.
func (s *Seen) near(src netip.Prefix, q inquiry) bool {
	links := false
	for _, p := range s.Local {
		if !src.IsValid() || p.IsSingleIP() || !p.Masked().Overlaps(src) {
			continue
		}
		links = true
		if (p.Masked().Contains(q.of) || q.of.IsLinkLocalUnicast()) && (!q.question || src.Contains(q.from) || q.from.IsLinkLocalUnicast()) {
			return true
		}
	}
	return !links
}

// neighbours reports whether two addresses are in one network of this host, and find each other there.
func (s *Seen) neighbours(a, b netip.Addr) bool {
	return slices.ContainsFunc(s.Local, func(p netip.Prefix) bool {
		return p.Masked().Contains(a) && (p.Masked().Contains(b) || b.IsLinkLocalUnicast())
	})
}

const letThem = "let ARP and neighbour discovery (ICMPv6 types 133 to 137) through"
