package filter

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/model/journey"
)

// maxHints is how many hints there are at most: after those the reader has understood.
const maxHints = 3

const held = "the filter is held against packets as they enter: "

// Hints says why a trace of f may have seen nothing: a trace is armed before address
// translation, so a filter that names what a rule of nat makes of a packet, or what it
// puts back in a reply, finds none. One sentence for each rule, or else for each flow,
// that a packet of the filter would become; rs and flows may be nil. See nf_nat_core.c.
func Hints(f *Filter, rs *model.Ruleset, flows iter.Seq[*flow.Flow]) []string {
	if f.root == nil {
		return nil
	}
	var out []string
	if rs != nil {
		out = ruleHints(f, rs)
	}
	if len(out) > 0 {
		return out
	}
	if flows == nil {
		return nil
	}
	for fl := range flows {
		if s := flowHint(f, fl); s != "" && !slices.Contains(out, s) {
			if out = append(out, s); len(out) == maxHints {
				break
			}
		}
	}
	return out
}

func ruleHints(f *Filter, rs *model.Ruleset) (out []string) {
	leaves := positive(f.root, nil)
	or := f.root.has(opOr) // then each may be asked of other packets
	for _, t := range rs.Tables {
		if strings.Contains(t.Flags, "dormant") || !or && !speaksOf(leaves, t.Family) {
			continue
		}
		for _, c := range t.Chains {
			for i := range c.Rules {
				n, ok := readNAT(&c.Rules[i])
				if !ok || !or && !n.protocol(leaves) {
					continue
				}
				if s := n.hint(f, leaves, journey.Where(t.Backend, t.Family, t.Name, c.Name)); s != "" {
					if out = append(out, s); len(out) == maxHints {
						return out
					}
				}
			}
		}
	}
	return out
}

// positive lists the conditions that do not stand under a "not".
func positive(n *node, to []*leaf) []*leaf {
	switch n.op {
	case opNot:
		return to
	case opLeaf:
		return append(to, &n.leaf)
	}
	for _, k := range n.kids {
		to = positive(k, to)
	}
	return to
}

// has reports whether the tree holds an operator.
func (n *node) has(o op) bool {
	return n.op == o || slices.ContainsFunc(n.kids, func(k *node) bool { return k.has(o) })
}

// speaksOf reports whether packets of a table's family are asked for.
func speaksOf(leaves []*leaf, f model.Family) bool {
	v4, v6 := false, false
	for _, l := range leaves {
		v4, v6 = v4 || l.word == "ip", v6 || l.word == "ip6"
	}
	return v4 == v6 || v4 && f.Carries(model.FamilyIPv4) || v6 && f.Carries(model.FamilyIPv6)
}

// translation is what a rule of nat does, as far as its text says it plainly. The ends
// are the destination's for DNAT and REDIRECT, the source's for SNAT and MASQUERADE.
type translation struct {
	number   int
	dst      bool
	own      bool // the new address is one of this host's own: MASQUERADE
	from, to end
	words    []string
}

// end is one end of a packet; what is not said is not valid, or 0.
type end struct {
	net    netip.Prefix
	lo, hi uint16
}

// readNAT reads the matches of a rule before its target and the values behind it.
func readNAT(r *model.Rule) (n translation, ok bool) {
	kind := natTarget(r.Target)
	if kind == "" {
		return n, false
	}
	n = translation{number: r.Index, dst: kind == "dnat" || kind == "redirect", own: kind == "masquerade"}
	sep := " " + r.Target
	i := strings.LastIndex(" "+r.Text, sep)
	if i < 0 {
		return n, false
	}
	before, after := (" " + r.Text)[:i], (" " + r.Text)[i+len(sep):]
	if strings.ContainsAny(before+after, "!") || strings.Contains(before+after, " map ") {
		return n, false // not one plain value for another
	}
	m := list(before)
	n.words = m.words
	d := dirSrc
	if n.dst {
		d = dirDst
	}
	n.from = m.end(d)
	n.to = list(strings.Replace(after, "--to-ports", "--to-ports ", 1)).end(dirAny)
	return n, true
}

// protocol reports whether the rule may meet packets of a protocol that is asked for.
func (n *translation) protocol(leaves []*leaf) bool {
	asked, named := false, false
	for _, l := range leaves {
		if l.word != "proto" {
			continue
		}
		if asked = true; slices.Contains(n.words, l.proto.String()) {
			return true
		}
	}
	for _, p := range protocols() {
		named = named || slices.Contains(n.words, p)
	}
	return !asked || !named
}

// hint says what to ask for instead, "" where the filter finds what the rule meets.
func (n *translation) hint(f *Filter, leaves []*leaf, where string) string {
	instead := map[*leaf]*leaf{}
	reply := false
	for _, l := range leaves {
		// A packet enters with what stands in the rule's matches, its reply with what
		// the target makes of it.
		want, have := n.to, n.from
		back := l.dir == dirSrc && n.dst || l.dir == dirDst && !n.dst
		if back {
			want, have = n.from, n.to
		}
		var other *leaf
		switch {
		case l.word == "portrange" && want.hi > 0 && l.lo <= want.lo && want.hi <= l.hi && (have.hi > 0 || !back):
			if have.hi > 0 && l.lo <= have.lo && have.hi <= l.hi {
				continue // it asks for both
			}
			if have.hi > 0 {
				other = &leaf{word: l.word, dir: l.dir, lo: have.lo, hi: have.hi}
			}
		case l.word == "net" && covers(l, want, back) && (have.net.IsValid() || !back || n.own):
			if have.net.IsValid() && l.prefix.Contains(have.net.Addr()) {
				continue
			}
			if have.net.IsValid() {
				other = &leaf{word: l.word, dir: l.dir, prefix: have.net}
			}
		default:
			continue
		}
		instead[l] = other
		reply = reply || back
	}
	if len(instead) == 0 {
		return ""
	}
	does := fmt.Sprintf("rule %d of %s turns %s into %s", n.number, where, n.from.name(n.to), n.to.name(n.from))
	if n.own {
		does = fmt.Sprintf("rule %d of %s masquerades %s behind this host's own address", n.number, where, n.from.name(n.to))
	}
	if reply {
		does += ", and back in replies"
	}
	var without []string
	for _, l := range leaves {
		if other, ok := instead[l]; ok && other == nil {
			without = append(without, "`"+l.String()+"`")
		}
	}
	if without != nil {
		return held + does + "; try it without " + strings.Join(without, " and ")
	}
	return held + does + "; try `" + (&Filter{root: replaced(f.root, instead)}).String() + "`"
}

// covers reports whether a condition on an address asks for what a rule names: it holds
// the address a rule writes, or lies in the network that a rule matches.
func covers(l *leaf, e end, back bool) bool {
	return e.net.IsValid() && (l.prefix.Bits() > 0 && l.prefix.Contains(e.net.Addr()) && l.prefix.Bits() <= e.net.Bits() ||
		back && e.net.Contains(l.prefix.Addr()) && e.net.Bits() <= l.prefix.Bits())
}

// name prints what changes of an end; other is the end it changes from or to.
func (e end) name(other end) string {
	addr, port := "", ""
	if e.net.IsValid() {
		if addr = e.net.String(); e.net.IsSingleIP() {
			addr = e.net.Addr().String()
		}
	}
	if e.hi > 0 {
		if port = fmt.Sprint(e.lo); e.lo != e.hi {
			port = fmt.Sprintf("%d-%d", e.lo, e.hi)
		}
	}
	switch {
	case addr == "" && port == "" && other.net.IsValid():
		return "the address"
	case addr == "" && port == "":
		return "the port"
	case port == "":
		return addr
	case addr == "":
		return "port " + port
	case strings.Contains(addr, ":"):
		return "[" + addr + "]:" + port
	}
	return addr + ":" + port
}

// replaced is the tree with other conditions in the places of some.
func replaced(n *node, instead map[*leaf]*leaf) *node {
	c := &node{op: n.op, leaf: n.leaf}
	if o := instead[&n.leaf]; o != nil {
		c.leaf = *o
	}
	for _, k := range n.kids {
		c.kids = append(c.kids, replaced(k, instead))
	}
	return c
}

// flowHint says that a packet of the flow is found only as it leaves.
func flowHint(f *Filter, fl *flow.Flow) string {
	o, r := fl.Orig.Tuple, fl.Reply.Tuple
	if o == r.Reverse() || !r.Src.IsValid() {
		return ""
	}
	asks := func(t model.Tuple) bool {
		p := view{p: &model.Packet{Family: fl.Family, Proto: t.Proto, Src: t.Src, Dst: t.Dst, SPort: t.SPort, DPort: t.DPort,
			Transport: t.Proto.Ports(), Mark: fl.Mark}}
		return f.Packet(p.p, "", "") != No
	}
	if asks(o) || asks(r) {
		return ""
	}
	for _, way := range []struct{ enters, leaves model.Tuple }{{o, r.Reverse()}, {r, o.Reverse()}} {
		if !asks(way.leaves) {
			continue
		}
		e, try := way.enters, ""
		if e == o {
			try = "dst host " + e.Dst.String()
			if e.Proto.Ports() {
				try += fmt.Sprintf(" and dst port %d", e.DPort)
			}
		} else {
			try = "src host " + e.Src.String()
			if e.Proto.Ports() {
				try += fmt.Sprintf(" and src port %d", e.SPort)
			}
		}
		return fmt.Sprintf("%sa connection that conntrack has enters as %s > %s and leaves as %s > %s; try `%s and %s`", held,
			e.SrcString(), e.DstString(), way.leaves.SrcString(), way.leaves.DstString(), protoText(e.Proto), try)
	}
	return ""
}

func protoText(p model.Proto) string { return (&leaf{word: "proto", proto: p}).String() }
