package nft

import (
	"strconv"
	"strings"

	"nfscope/model/fact"
)

// reading is what an expression gives for a packet.
type reading struct {
	v   value
	typ Type
	// missing names the fact for want of which not all of v is known; "" where it is.
	missing string
	// breaks says whether the expression ends the rule without a match: what cannot be
	// read is neither equal nor unequal to anything (NFT_BREAK).
	breaks fact.Answer
	// have is what the packet has, where that is no value. match and want stand in the
	// place of the rule's where the expression asks for something of its own: tcp
	// dport wants TCP.
	have, match, want string
}

func known(v value, t Type) reading { return reading{v: v, typ: t} }

// unknown is a value that nobody knows, of a field that may not be there either.
func unknown(width int, missing string) reading {
	return reading{v: nothing(width), missing: missing, breaks: fact.Unsure}
}

// open is a value that nobody knows but which is surely there.
func open(width int, missing string) reading {
	return reading{v: nothing(width), missing: missing}
}

// instead ends the rule because the packet has something else.
func instead(match, want, have string) reading {
	return reading{breaks: fact.Yes, match: match, want: want, have: have}
}

// absent ends the rule because what it asks for is not there.
func absent(have string) reading { return reading{breaks: fact.Yes, have: have} }

// read evaluates an expression.
func (e *evaluation) read(x Expr) reading {
	if f, ok := x.(Field); ok {
		if r, ok := e.written[f.String()]; ok {
			return r
		}
		return e.field(f)
	}
	switch x := x.(type) {
	case *Binary:
		l, r := e.read(x.Left), e.constant(x.Right, typeOf(x.Left))
		if x.Op == "<<" || x.Op == ">>" {
			r = e.constant(x.Right, Integer)
		}
		v, ok := l.v.apply(x.Op, r.v)
		out := reading{v: v, typ: l.typ, missing: l.missing + r.missing, breaks: max(l.breaks, r.breaks), have: l.have,
			match: l.match, want: l.want}
		switch {
		case l.breaks == fact.Yes:
			return l
		case !ok:
			out.v, out.missing = nothing(max(l.v.width, 1)), "what "+x.String()+" gives"
		case v.sure():
			out.missing = ""
		}
		return out
	case *MapLookup:
		data, r := e.lookup(x.Key, x.In)
		if data == nil || r.breaks == fact.Yes {
			return r
		}
		d := e.constant(data, AnyType)
		if d.breaks = max(d.breaks, r.breaks); r.missing != "" {
			d = reading{v: nothing(max(d.v.width, 32)), missing: r.missing, breaks: r.breaks}
		}
		return d
	case Concat:
		out := reading{v: nothing(1), missing: "what a concatenation gives"}
		for _, part := range x {
			if r := e.read(part); r.breaks != fact.No {
				return r
			}
		}
		return out
	}
	return e.constant(x, AnyType)
}

// constant gives a value that is written in the rule; other expressions are read.
func (e *evaluation) constant(x Expr, t Type) reading {
	switch x := x.(type) {
	case Number:
		if !x.Wide {
			return known(exactly(x.N, 64), t)
		}
	case Addr:
		return known(addressValue(x.Unmap()), t)
	case MAC:
		if n, err := strconv.ParseUint(strings.ReplaceAll(string(x), ":", ""), 16, 64); err == nil {
			return known(exactly(n, 48), t)
		}
	case Symbol:
		switch {
		case x.Known:
			return known(exactly(x.N, 64), t)
		case t == IfName || t == IfIndex || t == Text:
			return known(called(x.Name), t)
		case (t == UID || t == GID) && x.Name == "root":
			return known(exactly(0, 32), t)
		}
	case Quoted:
		switch {
		case t == IfName || t == IfIndex || t == Text || t == CgroupPath:
			return known(called(strings.ReplaceAll(string(x), `\*`, "*")), t)
		case (t == UID || t == GID) && x == "root":
			return known(exactly(0, 32), t)
		}
		if n, ok := t.Lookup(string(x)); ok {
			return known(exactly(n, 64), t)
		}
	case Duration:
		return known(exactly(uint64(x.D.Milliseconds()), 64), t)
	case List:
		out := known(exactly(0, 64), t)
		for _, one := range x {
			r := e.constant(one, t)
			v, ok := out.v.apply("|", r.v)
			if !ok || r.missing != "" {
				return open(64, "what "+x.String()+" stands for")
			}
			out.v = v
		}
		return out
	case *Binary:
		if _, ok := x.Left.(Field); !ok {
			l, r := e.constant(x.Left, t), e.constant(x.Right, t)
			if v, ok := l.v.apply(x.Op, r.v); ok {
				return known(v, t)
			}
		}
		return e.read(x)
	case Field, *MapLookup, Concat:
		return e.read(x)
	}
	return open(64, "what "+x.String()+" stands for")
}

// compare holds what was read against the right side.
func (e *evaluation) compare(parts []reading, op Op, right Expr) fact.Answer {
	switch op {
	case Ne, NotIn:
		return e.compare(parts, Eq, right).Not()
	case Lacks:
		return e.compare(parts, Has, right).Not()
	}
	switch r := right.(type) {
	case Set:
		a := fact.No
		for i := range r {
			if a = max(a, e.isElem(parts, r[i].Key)); a == fact.Yes {
				break
			}
		}
		return a
	case SetRef:
		return e.inSet(parts, string(r))
	case Concat:
		return e.isElem(parts, r)
	}
	if len(parts) != 1 {
		return fact.Unsure
	}
	p := parts[0]
	if p.have != "" && p.v.width == 0 && !p.v.named {
		return fact.Unsure
	}
	switch op {
	case Has:
		want := e.constant(right, p.typ)
		v, ok := p.v.apply("&", want.v)
		if !ok {
			return fact.Unsure
		}
		return v.zero().Not()
	case Lt, Ge, Gt, Le:
		want := e.constant(right, p.typ).v
		switch op {
		case Lt:
			return p.v.less(want)
		case Ge:
			return p.v.less(want).Not()
		case Gt:
			return want.less(p.v)
		}
		return want.less(p.v).Not()
	}
	return e.is(p, right)
}

// is holds one value against one element: a value, a range, a network, a value of
// some bits.
func (e *evaluation) is(p reading, x Expr) fact.Answer {
	switch x := x.(type) {
	case Range:
		lo, hi := e.constant(x.Lo, p.typ), e.constant(x.Hi, p.typ)
		if lo.v.named || hi.v.named || lo.v.width > 64 != (p.v.width > 64) {
			return fact.Unsure
		}
		return min(p.v.less(lo.v).Not(), hi.v.less(p.v).Not())
	case Prefix:
		m := x.Prefix
		want := addressValue(m.Addr().Unmap())
		if p.v.width != want.width {
			return fact.Unsure
		}
		mask := ones(m.Bits()).left(uint(want.width - m.Bits()))
		p.v.bits, want.bits = p.v.bits.and(mask), want.bits.and(mask)
		p.v.known = p.v.known.or(mask.not())
		return p.v.equal(want)
	case Masked:
		mask := e.constant(x.Mask, p.typ)
		v, ok := p.v.apply("&", mask.v)
		if !ok {
			return fact.Unsure
		}
		return v.equal(e.constant(x.Value, p.typ).v)
	case Quoted:
		if begin, star := x.Prefix(); star && p.typ == IfName {
			if !p.v.named {
				return fact.Unsure
			}
			return fact.Is(strings.HasPrefix(p.v.text, begin))
		}
	}
	if s, ok := x.(Symbol); ok && !s.Known { // nft prints 0x0-0x3 of a concatenation as 0x0/30
		n, bits, _ := strings.Cut(s.Name, "/")
		lo, err1 := strconv.ParseUint(n, 0, 32)
		k, err2 := strconv.ParseUint(bits, 10, 6)
		if err1 == nil && err2 == nil && k <= 32 && p.v.width == 32 {
			return e.is(p, Range{Number{N: lo}, Number{N: lo + 1<<(32-k) - 1}})
		}
	}
	want := e.constant(x, p.typ)
	if _, ok := x.(Addr); ok && p.v.width != want.v.width { // of the other family
		return fact.Unsure
	}
	return p.v.equal(want.v)
}

func isAddress(t Type) bool { return t == IPv4Addr || t == IPv6Addr || t == AnyAddr }
