package filter

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"nfscope/model"
	"nfscope/model/journey"
)

// view is one version of a packet's headers: NAT makes several of one packet.
type view struct {
	p       *model.Packet
	in, out string // "" is not known
}

// subject is what a filter is asked of. Words about headers must hold together for
// one view, words about steps for one step; negation looks at all of them.
type subject struct {
	views []view
	steps []journey.Step
	// whole answers all other words; where views or steps are nil, those words too.
	whole func(*leaf) Truth
}

func (s *subject) eval(n *node) Truth {
	switch n.op {
	case opNot:
		return s.eval(n.kids[0]).Not()
	case opOr:
		t := No
		for _, k := range n.kids {
			t = max(t, s.eval(k))
		}
		return t
	case opAnd:
		return s.together(n.kids)
	}
	return s.together([]*node{n})
}

// together is the and of nodes.
func (s *subject) together(nodes []*node) Truth {
	t := Yes
	var headers, steps []*node
	for _, n := range nodes {
		switch {
		case n.only(sideHeader) && s.views != nil:
			headers = append(headers, n)
		case n.only(sideStep) && n.op != opAnd && s.steps != nil: // parentheses make it another step
			steps = append(steps, n)
		case n.op == opLeaf:
			t = min(t, s.whole(&n.leaf))
		default:
			t = min(t, s.eval(n))
		}
	}
	if headers != nil {
		best := No
		for i := range s.views {
			v := &s.views[i]
			best = max(best, evalAll(headers, v.leaf))
		}
		t = min(t, best)
	}
	if steps != nil {
		best := No
		for i := range s.steps {
			best = max(best, evalAll(steps, func(l *leaf) Truth { return stepLeaf(l, &s.steps[i]) }))
		}
		t = min(t, best)
	}
	return t
}

// evalAll is the and of trees that hold no negation.
func evalAll(nodes []*node, answer func(*leaf) Truth) Truth {
	t := Yes
	for _, n := range nodes {
		switch n.op {
		case opLeaf:
			t = min(t, answer(&n.leaf))
		case opAnd:
			t = min(t, evalAll(n.kids, answer))
		case opOr:
			any := No
			for _, k := range n.kids {
				any = max(any, evalAll([]*node{k}, answer))
			}
			t = min(t, any)
		}
	}
	return t
}

func unknown(*leaf) Truth { return Unknown }

// Packet holds the filter against one packet on the interfaces in and out; "" is an
// interface that is not known. What the packet does not show is Unknown; ports that
// the packet's protocol does not have are No. The mark of a packet is always known.
func (f *Filter) Packet(p *model.Packet, in, out string) Truth {
	if f.root == nil {
		return Yes
	}
	s := subject{views: []view{{p, in, out}}, whole: unknown}
	return s.eval(f.root)
}

func (v *view) leaf(l *leaf) Truth {
	p := v.p
	seen := p.Family != 0 || p.Src.IsValid()
	switch l.word {
	case "ip", "ip6":
		fam := p.Family
		if fam != model.FamilyIPv4 && fam != model.FamilyIPv6 {
			if !p.Src.IsValid() {
				return Unknown
			}
			if fam = model.FamilyIPv4; p.Src.Is6() {
				fam = model.FamilyIPv6
			}
		}
		return truth((fam == model.FamilyIPv4) == (l.word == "ip"))
	case "proto":
		if !seen || hidden(p) {
			return Unknown
		}
		return truth(p.Proto == l.proto)
	case "net":
		return either(l.dir, inNet(p.Src, l.prefix), inNet(p.Dst, l.prefix))
	case "portrange":
		switch {
		case !seen || hidden(p) || p.Proto.Ports() && !p.Transport:
			return Unknown
		case !p.Proto.Ports():
			return No
		}
		return either(l.dir, truth(l.lo <= p.SPort && p.SPort <= l.hi), truth(l.lo <= p.DPort && p.DPort <= l.hi))
	case "in":
		return iface(l.name, v.in)
	case "out":
		return iface(l.name, v.out)
	case "mark":
		return truth(p.Mark&l.mask == l.value)
	}
	return Unknown
}

// hidden reports whether the packet's protocol was cut off behind IPv6 extension
// headers: then its number is the first of those (ipv6_ext_hdr, net/ipv6/exthdrs_core.c).
func hidden(p *model.Packet) bool {
	if !p.Extended || p.Transport {
		return false
	}
	switch p.Proto {
	case 0, 43, 44, 60, model.ProtoAH: // hop-by-hop, routing, fragment, destination options
		return true
	}
	return false
}

func inNet(a netip.Addr, p netip.Prefix) Truth {
	if !a.IsValid() {
		return Unknown
	}
	return truth(p.Contains(a))
}

func either(d dir, src, dst Truth) Truth {
	switch d {
	case dirSrc:
		return src
	case dirDst:
		return dst
	}
	return max(src, dst)
}

func iface(want, have string) Truth {
	if have == "" {
		return Unknown
	}
	if prefix, ok := strings.CutSuffix(want, "+"); ok {
		return truth(strings.HasPrefix(have, prefix))
	}
	return truth(want == have)
}

// Journey reports whether the filter matches a journey. Header words hold together
// for the packet as it came or as any step changed it, so that a connection is found
// by its address before and after NAT; chain, table, rule and verdict within one
// "and" speak of the same step; snat, dnat, masquerade, redirect and hairpin are the
// classes as they are shown, nat is any of them; dropped means dropped or rejected.
func (f *Filter) Journey(j *journey.Journey) bool {
	if f.root == nil {
		return true
	}
	s := subject{views: versions(j), steps: j.Steps, whole: func(l *leaf) Truth { return journeyLeaf(l, j) }}
	if s.steps == nil {
		s.steps = []journey.Step{}
	}
	return s.eval(f.root) == Yes
}

// versions lists the packet as it came and after every change.
func versions(j *journey.Journey) []view {
	p := j.Packet
	views := []view{{&p, j.In, j.Out}}
	for i := range j.Steps {
		if d := j.Steps[i].Packet; len(d) > 0 {
			q := *views[len(views)-1].p
			apply(&q, d)
			views = append(views, view{&q, j.In, j.Out})
		}
	}
	return views
}

func apply(p *model.Packet, d journey.Delta) {
	for _, c := range d {
		n, err := strconv.ParseUint(c.Value, 0, 32)
		switch c.Field {
		case "src", "dst":
			if a, err := netip.ParseAddr(c.Value); err == nil && c.Field == "src" {
				p.Src = a
			} else if err == nil {
				p.Dst = a
			}
		case "sport":
			if err == nil {
				p.SPort = uint16(n)
			}
		case "dport":
			if err == nil {
				p.DPort = uint16(n)
			}
		case "mark":
			if err == nil {
				p.Mark = uint32(n)
			}
		}
	}
}

func journeyLeaf(l *leaf, j *journey.Journey) Truth {
	switch l.word {
	case "nat":
		return truth(j.NAT != nil)
	case "snat", "dnat", "masquerade", "redirect", "hairpin":
		return truth(j.NAT != nil && slices.Contains(j.NAT.Class, l.word))
	case "dropped":
		return truth(j.Outcome.Verdict == journey.Dropped || j.Outcome.Verdict == journey.Rejected)
	case "reason":
		return truth(strings.EqualFold(j.Outcome.By.Reason, l.name))
	case "state":
		if j.CTState == "" {
			return Unknown
		}
		return truth(strings.EqualFold(j.CTState, l.name))
	}
	return Unknown
}

func stepLeaf(l *leaf, s *journey.Step) Truth {
	switch l.word {
	case "chain":
		return truth(s.Chain == l.name)
	case "table":
		return truth(s.Table == l.name)
	case "rule":
		return truth(s.Rule != 0 && s.Rule == int(l.value))
	case "verdict":
		return truth(s.Verdict.String() == l.name)
	}
	return Unknown
}
