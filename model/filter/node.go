package filter

import (
	"fmt"
	"net/netip"
	"strings"

	"nfscope/model"
)

type op uint8

const (
	opLeaf op = iota
	opAnd
	opOr
	opNot // one kid
)

type node struct {
	op   op
	kids []*node
	leaf leaf
	// text is true where a rule's text must be read to answer; see numberText.
	text bool
}

type dir uint8

const (
	dirAny dir = iota
	dirSrc
	dirDst
)

// leaf is one condition. Which fields count is told by the word; host is kept as
// net and port as portrange.
type leaf struct {
	word        string
	col         int
	dir         dir
	proto       model.Proto
	prefix      netip.Prefix
	lo, hi      uint16 // ports
	value, mask uint32 // mark, zone, rule
	name        string // interface, chain, table, reason, state, verdict
	bit         int    // its place in Filter.text
	low         string // the protocol or the state as a rule's text names it
}

// String puts what is joined inside of what is joined in parentheses: so those to whom
// "and" binds tighter read it as Parse does, and an "and" inside an "and" says which
// words speak of the same step.
func (n *node) String() string {
	switch n.op {
	case opLeaf:
		return n.leaf.String()
	case opNot:
		if k := n.kids[0]; k.op != opLeaf {
			return "not (" + k.String() + ")"
		}
		return "not " + n.kids[0].String()
	}
	sep := " and "
	if n.op == opOr {
		sep = " or "
	}
	parts := make([]string, len(n.kids))
	for i, k := range n.kids {
		if parts[i] = k.String(); k.op == opAnd || k.op == opOr {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	return strings.Join(parts, sep)
}

func (l *leaf) String() string {
	d := [...]string{"", "src ", "dst "}[l.dir]
	switch vocabulary[l.word].arg {
	case argProto:
		if s := l.proto.String(); s[0] > '9' {
			return s
		}
		return "proto " + l.proto.String()
	case argNet:
		if l.prefix.IsSingleIP() {
			return d + "host " + l.prefix.Addr().String()
		}
		return d + "net " + l.prefix.String()
	case argPortRange:
		if l.lo == l.hi {
			return fmt.Sprintf("%sport %d", d, l.lo)
		}
		return fmt.Sprintf("%sportrange %d-%d", d, l.lo, l.hi)
	case argMark:
		if l.mask != ^uint32(0) {
			return fmt.Sprintf("mark %#x/%#x", l.value, l.mask)
		}
		return fmt.Sprintf("mark %#x", l.value)
	case argZone, argRule:
		return fmt.Sprintf("%s %d", l.word, l.value)
	case argIface, argName:
		return l.word + " " + quote(l.name)
	case argState, argVerdict:
		return l.word + " " + l.name
	}
	return l.word
}

// side tells which part of a thing a leaf asks for.
type side uint8

const (
	sideWhole  side = iota // the journey or flow as a whole
	sideHeader             // one version of the packet's headers
	sideStep               // one step
)

func (l *leaf) side() side {
	switch l.word {
	case "ip", "ip6", "proto", "net", "portrange", "in", "out", "mark":
		return sideHeader
	case "chain", "table", "rule", "verdict":
		return sideStep
	}
	return sideWhole
}

// only reports whether the tree holds leaves of one side alone, and no negation.
func (n *node) only(s side) bool {
	switch n.op {
	case opLeaf:
		return n.leaf.side() == s
	case opNot:
		return false
	}
	for _, k := range n.kids {
		if !k.only(s) {
			return false
		}
	}
	return true
}
