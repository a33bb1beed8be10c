package filter

import (
	"fmt"
	"net/netip"
	"slices"

	"nfscope/model"
)

// Field is what a Cond looks at.
type Field uint8

// The fields, in the order in which a rule should test them: ports may only be read
// behind a Cond on the protocol, addresses behind one on the family.
const (
	FieldFamily Field = iota + 1 // Cond.Family; never negated
	FieldIn                      // Cond.Iface
	FieldOut                     // Cond.Iface
	FieldMark                    // Cond.Value, Cond.Mask
	FieldProto                   // Cond.Proto
	FieldPorts                   // the protocol is one that has ports (model.Proto.Ports)
	FieldSrc                     // Cond.Prefix
	FieldDst                     // Cond.Prefix
	FieldSPort                   // Cond.Lo, Cond.Hi
	FieldDPort                   // Cond.Lo, Cond.Hi
)

// Cond is one condition that the kernel can test before conntrack.
type Cond struct {
	Not    bool
	Field  Field
	Family model.Family // FamilyIPv4 or FamilyIPv6
	Proto  model.Proto
	Prefix netip.Prefix // masked, never of length 0
	Lo, Hi uint16       // a range of ports, never all of them
	// Iface is a name; one that ends in + matches every name that begins so.
	Iface       string
	Value, Mask uint32 // mark & Mask == Value
}

// Conjunct is an "and" of conditions; an empty one matches every packet. Where it
// has a condition on an address it has one on the family, where it has one on a port
// it has one on the protocol (or FieldPorts). Conds are ordered by Field.
type Conjunct struct{ Conds []Cond }

// Conjuncts gives the filter as an "or" of conjuncts of what the kernel can match
// before conntrack. Other words are left out, so that the conjuncts match all that
// the filter matches and maybe more; After lists them. No conjunct at all means that
// nothing can match (tcp and udp). More than most conjuncts are refused.
func (f *Filter) Conjuncts(most int) ([]Conjunct, error) {
	if f.root == nil {
		return []Conjunct{{}}, nil
	}
	list, err := normal(f.root, false)
	if err == nil && len(list) > most {
		err = tooMany(len(list), most)
	}
	if err != nil {
		return nil, err
	}
	out := make([]Conjunct, len(list))
	for i, c := range list {
		out[i] = Conjunct{c}
	}
	return out, nil
}

// After lists the conditions that the kernel cannot match before conntrack, as the
// filter has them; they are held against what was traced.
func (f *Filter) After() []string {
	var out []string
	var walk func(*node)
	walk = func(n *node) {
		if n.op == opLeaf && n.leaf.side() != sideHeader && !slices.Contains(out, n.leaf.String()) {
			out = append(out, n.leaf.String())
		}
		for _, k := range n.kids {
			walk(k)
		}
	}
	if f.root != nil {
		walk(f.root)
	}
	return out
}

// workLimit bounds what is built while distributing; what is left after
// simplification is usually far less.
const workLimit = 1024

func tooMany(have, most int) error {
	return fmt.Errorf("the filter is too complex for the kernel: it becomes %d alternatives, at most %d are possible; simplify it, for example with src or dst before an address", have, most)
}

// normal is the disjunctive normal form of n, or of its negation.
func normal(n *node, negate bool) ([][]Cond, error) {
	switch n.op {
	case opLeaf:
		return n.leaf.conds(negate), nil
	case opNot:
		return normal(n.kids[0], !negate)
	}
	var acc [][]Cond
	for i, k := range n.kids {
		list, err := normal(k, negate)
		if err != nil {
			return nil, err
		}
		switch {
		case i == 0:
			acc = list
		case (n.op == opOr) != negate:
			acc = append(slices.Clone(acc), list...)
		default:
			acc = product(acc, list)
		}
		if acc = reduce(acc); len(acc) > workLimit {
			return nil, tooMany(len(acc), workLimit)
		}
	}
	return acc, nil
}

func product(a, b [][]Cond) [][]Cond {
	var out [][]Cond
	for _, x := range a {
		for _, y := range b {
			if c, ok := simplify(append(slices.Clone(x), y...)); ok {
				out = append(out, c)
			}
			if len(out) > 2*workLimit {
				return out
			}
		}
	}
	return out
}

// reduce takes out every conjunct that another one includes.
func reduce(list [][]Cond) [][]Cond {
	if len(list) > workLimit {
		return list
	}
	var out [][]Cond
	for i, c := range list {
		covered := slices.ContainsFunc(list[:i], func(o []Cond) bool { return subset(o, c) }) ||
			slices.ContainsFunc(list[i+1:], func(o []Cond) bool { return len(o) < len(c) && subset(o, c) })
		if !covered {
			out = append(out, c)
		}
	}
	return out
}

// subset reports whether every condition of a stands in b: then a matches all that b does.
func subset(a, b []Cond) bool {
	return len(a) <= len(b) && !slices.ContainsFunc(a, func(c Cond) bool { return !slices.Contains(b, c) })
}

// conds is the normal form of one leaf.
func (l *leaf) conds(negate bool) [][]Cond {
	switch l.word {
	case "ip", "ip6":
		return [][]Cond{{family((l.word == "ip") != negate)}}
	case "proto":
		return [][]Cond{{{Not: negate, Field: FieldProto, Proto: l.proto}}}
	case "in":
		return [][]Cond{{{Not: negate, Field: FieldIn, Iface: l.name}}}
	case "out":
		return [][]Cond{{{Not: negate, Field: FieldOut, Iface: l.name}}}
	case "mark":
		return [][]Cond{{{Not: negate, Field: FieldMark, Value: l.value, Mask: l.mask}}}
	case "net":
		return l.sides(negate, FieldSrc, FieldDst, func(f Field) [][]Cond {
			// Addresses can only be looked at behind the family: "not" is the other
			// family, or this one and another address.
			v4 := l.prefix.Addr().Is4()
			c := []Cond{family(v4)}
			if l.prefix.Bits() > 0 {
				c = append(c, Cond{Not: negate, Field: f, Prefix: l.prefix})
			}
			switch {
			case !negate:
				return [][]Cond{c}
			case l.prefix.Bits() == 0:
				return [][]Cond{{family(!v4)}}
			}
			return [][]Cond{{family(!v4)}, c}
		})
	case "portrange":
		return l.sides(negate, FieldSPort, FieldDPort, func(f Field) [][]Cond {
			c := []Cond{{Field: FieldPorts}}
			all := l.lo == 0 && l.hi == 65535
			if !all {
				c = append(c, Cond{Not: negate, Field: f, Lo: l.lo, Hi: l.hi})
			}
			none := []Cond{{Not: true, Field: FieldPorts}}
			switch {
			case !negate:
				return [][]Cond{c}
			case all:
				return [][]Cond{none}
			}
			return [][]Cond{none, c}
		})
	}
	return [][]Cond{{}}
}

func family(v4 bool) Cond {
	if v4 {
		return Cond{Field: FieldFamily, Family: model.FamilyIPv4}
	}
	return Cond{Field: FieldFamily, Family: model.FamilyIPv6}
}

// sides joins the forms of both ends where the leaf names neither: or, and under a
// negation and.
func (l *leaf) sides(negate bool, src, dst Field, form func(Field) [][]Cond) [][]Cond {
	switch {
	case l.dir == dirSrc:
		return form(src)
	case l.dir == dirDst:
		return form(dst)
	case negate:
		return reduce(product(form(src), form(dst)))
	}
	return append(form(src), form(dst)...)
}

// simplify takes out what other conditions say already, and tells whether anything
// can match.
func simplify(in []Cond) (out []Cond, possible bool) {
	slices.SortStableFunc(in, func(a, b Cond) int {
		if a.Field != b.Field {
			return int(a.Field) - int(b.Field)
		}
		if a.Not != b.Not && b.Not {
			return -1
		} else if a.Not != b.Not {
			return 1
		}
		return 0
	})
	drop := make([]bool, len(in))
	for i := range in {
		for j := range in {
			if i == j || drop[i] || drop[j] {
				continue
			}
			switch in[i].against(in[j]) {
			case excludes:
				return nil, false
			case implies:
				if !(in[i] == in[j] && j < i) { // of twins the first stays
					drop[j] = true
				}
			}
		}
	}
	for i, c := range in {
		if !drop[i] {
			out = append(out, c)
		}
	}
	return out, true
}

type relation uint8

const (
	unrelated relation = iota
	implies            // where the first holds, the second does
	excludes           // both never hold
)

// against tells what c says of d. It may answer unrelated where it cannot tell.
func (c Cond) against(d Cond) relation {
	if c == d {
		return implies
	}
	same := c
	same.Not = d.Not
	if same == d {
		return excludes
	}
	if c.Field == FieldProto && d.Field == FieldPorts && !c.Not {
		return sameTruth(c.Proto.Ports() != d.Not)
	}
	if c.Field == FieldPorts && d.Field == FieldProto && d.Not && d.Proto.Ports() == c.Not {
		return implies
	}
	if c.Field != d.Field || c.Not {
		return unrelated
	}
	switch c.Field {
	case FieldFamily:
		return excludes // another family
	case FieldProto: // another protocol
		return sameTruth(d.Not)
	case FieldSrc, FieldDst:
		inside := d.Prefix.Bits() <= c.Prefix.Bits() && d.Prefix.Contains(c.Prefix.Addr())
		switch {
		case inside:
			return sameTruth(!d.Not)
		case !c.Prefix.Overlaps(d.Prefix):
			return sameTruth(d.Not)
		}
	case FieldSPort, FieldDPort:
		switch {
		case d.Lo <= c.Lo && c.Hi <= d.Hi:
			return sameTruth(!d.Not)
		case c.Hi < d.Lo || d.Hi < c.Lo:
			return sameTruth(d.Not)
		}
	case FieldIn, FieldOut:
		if c.Iface[len(c.Iface)-1] != '+' {
			return sameTruth((iface(d.Iface, c.Iface) == Yes) != d.Not)
		}
	}
	return unrelated
}

func sameTruth(holds bool) relation {
	if holds {
		return implies
	}
	return excludes
}
