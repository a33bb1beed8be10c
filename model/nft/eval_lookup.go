package nft

import (
	"net/netip"
	"slices"
	"strconv"

	"nfscope/model/fact"
)

// isElem holds a concatenation's parts against an element.
func (e *evaluation) isElem(parts []reading, key Expr) fact.Answer {
	if _, ok := key.(Any); ok {
		return fact.Yes
	}
	c, ok := key.(Concat)
	if !ok {
		c = Concat{key}
	}
	if len(c) != len(parts) {
		return fact.Unsure
	}
	a := fact.Yes
	for i := range c {
		a = min(a, e.is(parts[i], c[i]))
	}
	return a
}

// inSet asks whoever knows what a named set holds.
func (e *evaluation) inSet(parts []reading, name string) fact.Answer {
	if e.facts.InSet == nil {
		return fact.Unsure
	}
	key, ok := keyOf(parts)
	if !ok {
		return fact.Unsure
	}
	return e.facts.InSet(name, key)
}

func keyOf(parts []reading) ([]string, bool) {
	key := make([]string, len(parts))
	for i, p := range parts {
		switch {
		case p.breaks != fact.No || !p.v.sure() || p.v.width > 64 && p.v.width != 128:
			return nil, false
		case p.v.named:
			key[i] = p.v.text
		case isAddress(p.typ):
			key[i] = p.v.address().String()
		case p.typ == EtherAddr:
			key[i] = format(p.v, p.typ)
		default:
			key[i] = strconv.FormatUint(p.v.bits.lo, 10)
		}
	}
	return key, true
}

// lookup finds the data of a map for a key. A key that the map does not have ends the
// rule; data is nil where it is not known.
func (e *evaluation) lookup(key, in Expr) (Expr, reading) {
	var parts []reading
	if c, ok := key.(Concat); ok {
		for _, x := range c {
			parts = append(parts, e.read(x))
		}
	} else {
		parts = []reading{e.read(key)}
	}
	missing, breaks := "", fact.No
	for _, r := range parts {
		if r.breaks == fact.Yes {
			return nil, r
		}
		breaks = max(breaks, r.breaks)
		if missing == "" {
			missing = r.missing
		}
	}
	out := reading{have: texts(parts), missing: missing, breaks: breaks}
	s, ok := in.(Set)
	if !ok {
		ref, _ := in.(SetRef)
		switch e.inSet(parts, string(ref)) {
		case fact.No:
			out.breaks, out.missing = fact.Yes, ""
			return nil, out
		case fact.Yes:
			out.missing = "what " + ref.String() + " holds"
			return nil, out
		}
		out.breaks = fact.Unsure
		if out.missing == "" {
			out.missing = "what " + ref.String() + " holds"
		}
		return nil, out
	}
	var found, rest Expr
	unsure := false
	for i := range s {
		if _, ok := s[i].Key.(Any); ok {
			rest = s[i].Data
			continue
		}
		switch e.isElem(parts, s[i].Key) {
		case fact.Yes:
			found = s[i].Data
		case fact.Unsure:
			unsure = true
		}
	}
	switch {
	case found != nil:
		out.missing = ""
		return found, out
	case unsure:
		if out.missing == "" {
			out.missing = "what the map's keys stand for"
		}
		if rest == nil && !covers(s, parts) {
			out.breaks = fact.Unsure
		}
		return nil, out
	case rest != nil:
		out.missing = ""
		return rest, out
	}
	out.missing, out.breaks = "", fact.Yes
	return nil, out
}

// mostNumbers bounds what covers looks for.
const mostNumbers = 1 << 12

// covers reports whether a map has whatever number its key may be.
func covers(s Set, key []reading) bool {
	if len(key) != 1 || key[0].v.named || key[0].v.below == 0 || key[0].v.below-key[0].v.least > mostNumbers {
		return false
	}
	least, left := key[0].v.least, key[0].v.below-key[0].v.least
	has := make([]bool, left)
	for i := range s {
		lo, hi := s[i].Key, s[i].Key
		if r, ok := lo.(Range); ok {
			lo, hi = r.Lo, r.Hi
		}
		a, ok1 := lo.(Number)
		b, ok2 := hi.(Number)
		if !ok1 || !ok2 || a.Wide || b.Wide {
			continue
		}
		for n := max(a.N, least); n <= b.N && n < key[0].v.below; n++ {
			if !has[n-least] {
				has[n-least] = true
				left--
			}
		}
	}
	return left == 0
}

// Holds tells whether a set or a map of the rule's table has a key, as fact.Facts.InSet
// gives it. Elements that are not understood, and those that may have expired since the
// set was read, make it Unsure; so does a set that packets fill.
func (b *Block) Holds(key []string) fact.Answer {
	if b.Kind != "set" && b.Kind != "map" || len(b.Unknown) > 0 || len(key) != len(b.Key) {
		return fact.Unsure
	}
	parts := make([]reading, len(key))
	for i, s := range key {
		parts[i] = keyPart(s, b.Key[i])
		if parts[i].missing != "" {
			return fact.Unsure
		}
	}
	e := &evaluation{}
	a := fact.No
	for el := range b.Elements() {
		if _, bad := el.Key.(*Unknown); bad {
			a = max(a, fact.Unsure)
			continue
		}
		if a = max(a, e.isElem(parts, el.Key)); a == fact.Yes {
			break
		}
	}
	if slices.Contains(b.Flags, "dynamic") || b.Timeout != nil || a == fact.Yes && slices.Contains(b.Flags, "timeout") {
		return fact.Unsure
	}
	return a
}

func keyPart(s string, t Type) reading {
	if a, err := netip.ParseAddr(s); err == nil && (isAddress(t) || t == AnyType) {
		return known(addressValue(a), t)
	}
	if t == EtherAddr {
		return (&evaluation{}).constant(MAC(s), t)
	}
	if t == IfName || t == Text {
		return known(called(s), t)
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return known(exactly(n, 64), t)
	}
	return open(64, "the key")
}
