package filter

import (
	"net/netip"
	"strings"

	"nfscope/model"
	"nfscope/model/flow"
)

// Flow reports whether the filter matches a flow. host, net and port without src or
// dst match either end of either tuple. src and dst speak of the original direction:
// the client's end and the one it spoke to, and where NAT is at work the translated
// ends too (src the reply's destination, dst the reply's source). state is the
// protocol's state as conntrack -L prints it, where there is one; besides, new is a
// flow without a reply, established (without a protocol state) one with a reply,
// related one that was expected.
func (f *Filter) Flow(fl *flow.Flow) bool {
	l := fl.Look()
	return f.Look(&l)
}

// Look is Flow for one of many: it makes nothing.
func (f *Filter) Look(l *flow.Look) bool { return f.LookBy(l, nil) }

// Ruling tells what the rules have to do with flows.
type Ruling interface {
	// Made lists the rules that made a flow's translation, or may have.
	Made(l *flow.Look) []Place
	// Stale reports whether today's rules would surely drop the flow or translate it
	// otherwise.
	Stale(l *flow.Look) bool
}

// Place is a rule's place.
type Place struct {
	Table, Chain string
	Rule         int // its number, from 1
}

// LookBy is Look where it is known what the rules have to do with flows: table, chain and
// rule in one "and" speak of one rule that made the translation; stale is a flow that the
// rules of today would treat otherwise. Where by is nil nothing is known of that.
func (f *Filter) LookBy(l *flow.Look, by Ruling) bool {
	if f.root == nil {
		return true
	}
	return f.flows.eval(l, by) == Yes
}

// AsksRules reports whether the filter has words that only a Ruling answers.
func (f *Filter) AsksRules() bool {
	for _, w := range f.words {
		switch w.Word {
		case "table", "chain", "rule", "stale":
			return true
		}
	}
	return false
}

// made holds words about a rule against those that made a flow's translation.
func made(nodes []*node, l *flow.Look, by Ruling) Truth {
	if by == nil {
		return Unknown
	}
	if l.Status&(flow.SrcNAT|flow.DstNAT) == 0 {
		return No
	}
	best := No
	for _, p := range by.Made(l) {
		best = max(best, evalAll(nodes, func(w *leaf) Truth {
			switch w.word {
			case "table":
				return truth(w.name == p.Table)
			case "chain":
				return truth(w.name == p.Chain)
			case "rule":
				return truth(p.Rule == int(w.value))
			}
			return Unknown
		}))
	}
	return best
}

// plan is a filter as flows are held against it: of what stands in one "and", the words
// about headers must hold together for one version of the headers.
type plan struct {
	op      op // opNot, opOr, opAnd
	kids    []*plan
	headers []*node
	rules   []*node // words about one rule
	whole   []*leaf
}

func planOf(n *node) *plan {
	p := &plan{op: n.op}
	switch {
	case n.op == opOr && n.only(sideHeader): // held against each version of the headers once
		p.op, p.headers = opAnd, []*node{n}
	case n.op == opNot, n.op == opOr:
		for _, k := range n.kids {
			p.kids = append(p.kids, planOf(k))
		}
	case n.op == opAnd:
		p.add(n.kids)
	default:
		p.op = opAnd
		p.add([]*node{n})
	}
	return p
}

func (p *plan) add(nodes []*node) {
	for _, n := range nodes {
		switch {
		case n.only(sideHeader):
			p.headers = append(p.headers, n)
		case n.only(sideStep) && n.op != opAnd: // parentheses make it another rule
			p.rules = append(p.rules, n)
		case n.op == opLeaf:
			p.whole = append(p.whole, &n.leaf)
		default:
			p.kids = append(p.kids, planOf(n))
		}
	}
}

func (p *plan) eval(l *flow.Look, by Ruling) Truth {
	switch p.op {
	case opNot:
		return p.kids[0].eval(l, by).Not()
	case opOr:
		t := No
		for _, k := range p.kids {
			if t = max(t, k.eval(l, by)); t == Yes {
				break
			}
		}
		return t
	}
	t := Yes
	for _, w := range p.whole {
		if w.word != "stale" {
			t = min(t, flowLeaf(w, l))
		}
	}
	for _, k := range p.kids {
		t = min(t, k.eval(l, by))
	}
	if len(p.headers) > 0 && t != No {
		t = min(t, best(p.headers, l))
	}
	if t != No && len(p.rules) > 0 { // dear, so last
		t = min(t, made(p.rules, l, by))
	}
	for _, w := range p.whole {
		if w.word == "stale" && t != No {
			s := Unknown
			if by != nil {
				s = truth(by.Stale(l))
			}
			t = min(t, s)
		}
	}
	return t
}

// best is the and of nodes for the version of the headers that it holds for best: those of
// the original direction before NAT, between destination and source NAT, and after both.
func best(nodes []*node, l *flow.Look) Truth {
	h := head{l.Orig.Src, l.Orig.Dst, l.Orig.SPort, l.Orig.DPort}
	t := h.all(nodes, l)
	if t == Yes || !l.Reply.Src.IsValid() {
		return t
	}
	src, sport, dst, dport := l.Reply.Dst, l.Reply.DPort, l.Reply.Src, l.Reply.SPort
	if l.Reply.Proto.ICMP() { // an echo's identifier, and a type
		back := l.Reply.Reverse()
		sport, dport = back.SPort, back.DPort
	}
	snat := src != h.src || sport != h.sport
	if dst != h.dst || dport != h.dport {
		if h.dst, h.dport = dst, dport; h.src.IsValid() && h.dst.IsValid() {
			t = max(t, h.all(nodes, l))
		}
	}
	if h.src, h.sport = src, sport; snat && t != Yes && h.src.IsValid() && h.dst.IsValid() {
		t = max(t, h.all(nodes, l))
	}
	return t
}

func (h *head) all(nodes []*node, l *flow.Look) Truth {
	t := Yes
	for _, n := range nodes {
		if t = min(t, h.eval(n, l)); t == No {
			return No
		}
	}
	return t
}

// head is one version of the headers.
type head struct {
	src, dst     netip.Addr
	sport, dport uint16
}

// eval holds a tree of words about headers, without negation, against one version.
func (h *head) eval(n *node, l *flow.Look) Truth {
	switch n.op {
	case opAnd:
		t := Yes
		for _, k := range n.kids {
			t = min(t, h.eval(k, l))
		}
		return t
	case opOr:
		t := No
		for _, k := range n.kids {
			if t = max(t, h.eval(k, l)); t == Yes {
				break
			}
		}
		return t
	}
	w := &n.leaf
	seen := l.Family != 0 || l.Orig.Src.IsValid()
	switch w.word {
	case "ip", "ip6":
		switch l.Family {
		case model.FamilyIPv4, model.FamilyIPv6:
			return truth((l.Family == model.FamilyIPv4) == (w.word == "ip"))
		}
		if !h.src.IsValid() {
			return Unknown
		}
		return truth(h.src.Is6() == (w.word == "ip6"))
	case "proto":
		if !seen {
			return Unknown
		}
		return truth(l.Orig.Proto == w.proto)
	case "net":
		return either(w.dir, inNet(h.src, w.prefix), inNet(h.dst, w.prefix))
	case "portrange":
		switch {
		case !seen:
			return Unknown
		case !l.Orig.Proto.Ports():
			return No
		}
		return either(w.dir, truth(w.lo <= h.sport && h.sport <= w.hi), truth(w.lo <= h.dport && h.dport <= w.hi))
	case "mark":
		return truth(l.Mark&w.mask == w.value)
	}
	return Unknown // interfaces
}

func flowLeaf(w *leaf, l *flow.Look) Truth {
	switch w.word {
	case "zone":
		z := uint16(w.value)
		return truth(w.value < 1<<16 && (l.Zone == z || z != 0 && (l.OrigZone == z || l.ReplyZone == z)))
	case "nat":
		return truth(l.Classes != 0 || l.Status&(flow.SrcNAT|flow.DstNAT) != 0)
	case "snat", "dnat", "masquerade", "redirect", "hairpin":
		return truth(l.Classes.Has(flow.Class(w.word)))
	case "state":
		return truth(flowState(w.name, l))
	}
	return Unknown
}

func flowState(name string, l *flow.Look) bool {
	switch name {
	case "new", "unreplied":
		return l.Status&flow.SeenReply == 0
	case "related":
		return l.Status&flow.Expected != 0
	case "assured":
		return l.Status&flow.Assured != 0
	case "untracked":
		return l.Status&flow.Untracked != 0
	case "established":
		if l.State == "" {
			return l.Status&flow.SeenReply != 0
		}
	}
	return strings.EqualFold(l.State, name)
}
