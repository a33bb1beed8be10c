package nft

import (
	"iter"
	"slices"

	"nfscope/model"
	"nfscope/model/fact"
)

// Chosen finds the element of the rule's verdict map that gave a packet a verdict which the kernel
// told of: drop, or jump with the chain. holds gives a named map, nil where it is not known, and
// whether all of its elements are there. ok is false where the rule asks no map, and where more
// than one element can have been it.
func (r *Rule) Chosen(p *model.Packet, f *fact.Facts, told Verdict, holds func(name string) (_ *Block, all bool)) (chosen Elem, ok bool) {
	e := &evaluation{packet: *p, facts: *f, table: r.Family}
	for _, s := range r.Statements {
		m, is := s.(*VerdictMap)
		if !is {
			e.statement(s)
			continue
		}
		switch in := m.In.(type) {
		case Set:
			return e.choose(m.Key, slices.Values(in), told, true)
		case SetRef:
			b, all := holds(string(in))
			if b == nil || len(b.Unknown) > 0 {
				return Elem{}, false
			}
			// What packets put in, and what expires, is another thing by the time it is read.
			lasts := b.Timeout == nil && !slices.Contains(b.Flags, "dynamic") && !slices.Contains(b.Flags, "timeout")
			return e.choose(m.Key, b.Elements(), told, all && lasts)
		}
	}
	return Elem{}, false
}

// choose is Chosen among elements. Where all of them are there, the only one that may have been it
// was it; else the key must be known to be its own.
func (e *evaluation) choose(key Expr, in iter.Seq[Elem], told Verdict, all bool) (chosen Elem, ok bool) {
	var parts []reading
	if c, is := key.(Concat); is {
		for _, x := range c {
			parts = append(parts, e.read(x))
		}
	} else {
		parts = []reading{e.read(key)}
	}
	var maybe []Elem
	var rest *Elem
	for el := range in {
		if _, is := el.Key.(Any); is {
			rest = &el
			continue
		}
		a := e.isElem(parts, el.Key)
		if _, bad := el.Key.(*Unknown); bad {
			all, a = false, fact.No
		}
		gives := says(el, told)
		switch {
		case a == fact.Yes:
			return el, gives
		case a == fact.Unsure && gives:
			maybe = append(maybe, el)
		}
	}
	if rest != nil && says(*rest, told) {
		maybe = append(maybe, *rest)
	}
	if !all || len(maybe) != 1 {
		return Elem{}, false
	}
	return maybe[0], true
}

// says reports whether an element gives a verdict.
func says(el Elem, told Verdict) bool {
	v, ok := el.Data.(*Verdict)
	return ok && v.Name == told.Name && (told.Chain == "" || v.Chain == told.Chain)
}
