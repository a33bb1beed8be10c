package nft

import "strings"

// want is what an expression may be.
type want struct {
	// types are those of the values, part by part of a concatenation.
	types []Type
	// field allows what is read from the packet; only allows nothing else at the
	// beginning.
	field, only bool
	// list allows flags with commas between.
	list bool
	// colon allows what a map holds right behind a value: 22:drop.
	colon bool
	part  int
}

func (w want) typ() Type {
	if w.part < len(w.types) {
		return w.types[w.part]
	}
	return AnyType
}

// right reads what a field is compared with.
func (p *parser) right(types []Type) Expr {
	if p.take("{") {
		return p.set(types, nil)
	}
	if t := p.peek(); t.kind == kindWord && strings.HasPrefix(t.text, "@") {
		p.next()
		return SetRef(t.text[1:])
	}
	return p.value(want{types: types, list: true})
}

// value reads an expression and the flags that follow it.
func (p *parser) value(w want) Expr {
	e := p.expr(w)
	if p.why != "" || !w.list {
		return e
	}
	if p.peek().is(",") {
		l := List{e}
		for p.why == "" && p.take(",") {
			l = append(l, p.expr(w))
		}
		e = l
	}
	if p.take("/") {
		mask := p.expr(w)
		if p.peek().is(",") {
			l := List{mask}
			for p.why == "" && p.take(",") {
				l = append(l, p.expr(w))
			}
			mask = l
		}
		return Masked{e, mask}
	}
	return e
}

// expr reads a concatenation and what is looked up with it.
func (p *parser) expr(w want) Expr {
	e := p.binary(w, 4)
	if p.why == "" && p.peek().is(".") {
		c := Concat{e}
		for p.why == "" && p.take(".") {
			w.part, w.only = w.part+1, false
			c = append(c, p.binary(w, 4))
		}
		e = c
	}
	if p.why == "" && w.field && p.take("map") {
		return &MapLookup{e, p.table(typesOf(e), w.types)}
	}
	return e
}

// table reads the map after vmap or map.
func (p *parser) table(key, data []Type) Expr {
	if p.take("{") {
		if len(data) == 0 {
			data = []Type{AnyType}
		}
		return p.set(key, data)
	}
	if t := p.peek(); t.kind == kindWord && len(t.text) > 1 && t.text[0] == '@' {
		p.next()
		return SetRef(t.text[1:])
	}
	p.unexpected(`"{" or the name of a map`)
	return nil
}

// binary reads operators that bind as close as rank or closer.
func (p *parser) binary(w want, top int) Expr {
	if top == 0 {
		return p.primary(w)
	}
	e := p.binary(w, top-1)
	for p.why == "" {
		op := p.operator()
		if op == "" || rank(op) != top {
			return e
		}
		p.next()
		in := w
		if t := typeOf(e); t != AnyType {
			in.types, in.part = []Type{t}, 0
		}
		if in.only = false; top == 1 {
			in.types, in.part = []Type{Integer}, 0
		}
		e = &Binary{op, e, p.binary(in, top-1)}
	}
	return e
}

func (p *parser) operator() string {
	switch t := p.peek(); {
	case t.is("&"), t.is("and"):
		return "&"
	case t.is("|"), t.is("or"):
		return "|"
	case t.is("^"), t.is("xor"):
		return "^"
	case t.is("<<"), t.is("lshift"):
		return "<<"
	case t.is(">>"), t.is("rshift"):
		return ">>"
	}
	return ""
}

func (p *parser) primary(w want) Expr {
	if p.why != "" {
		return Any{}
	}
	if p.take("(") {
		if p.depth++; p.depth > maxDepth {
			p.fail("too many brackets")
			return Any{}
		}
		e := p.expr(w)
		p.expect(")")
		p.depth--
		return e
	}
	if w.field {
		at := p.i
		if f := p.field(); f != nil && p.why == "" {
			return f
		}
		if w.only {
			if p.why == "" {
				p.unexpected("a statement")
			}
			return Any{}
		}
		p.i, p.why = at, ""
	}
	return p.literal(w.typ(), w.colon)
}

// literal reads a value, or a range of values.
func (p *parser) literal(t Type, colon bool) Expr {
	tok := p.peek()
	switch tok.kind {
	case kindString:
		lo, ok := quotedValue(t, tok.text)
		if !ok {
			break
		}
		p.next()
		// "08:00"-"18:00"
		if dash := p.peek(); dash.kind == kindWord && dash.begin == tok.end && dash.text == "-" {
			if end := p.at(dash.end); end.kind == kindString && end.begin == dash.end {
				if hi, ok := quotedValue(t, end.text); ok {
					p.i = end.end
					return Range{lo, hi}
				}
			}
		}
		return lo
	case kindWord:
		if v, ok := wordValue(t, tok.text); ok {
			p.next()
			return v
		}
		for i := 1; colon && i < len(tok.text); i++ {
			if tok.text[i] != ':' {
				continue
			}
			if v, ok := wordValue(t, tok.text[:i]); ok {
				p.i = tok.begin + i
				return v
			}
		}
	}
	p.unexpected("a value of type " + t.String())
	return Any{}
}

// set reads the elements up to the closing brace. data is nil in a set.
func (p *parser) set(key, data []Type) Expr {
	s := Set{}
	if p.depth++; p.depth > maxDepth {
		p.fail("too many braces")
	}
	for p.why == "" {
		if p.take("}") {
			p.depth--
			return s
		}
		s = append(s, p.elem(key, data, false))
		if !p.take(",") && !p.peek().is("}") {
			p.unexpected(`"," or "}"`)
		}
	}
	return s
}

// elem reads an element; field allows what is read from the packet, as where a rule
// fills a set.
func (p *parser) elem(key, data []Type, field bool) Elem {
	var e Elem
	if p.peek().is("*") {
		p.next()
		e.Key = Any{}
	} else {
		e.Key = p.expr(want{types: key, field: field, colon: data != nil})
	}
	for p.why == "" {
		o := p.elemOption()
		if o == nil {
			break
		}
		e.Options = append(e.Options, o)
	}
	colon := p.peek()
	if p.why != "" || data == nil || colon.kind != kindWord || colon.text[0] != ':' {
		if p.why == "" && data != nil && !field {
			p.unexpected(`":"`)
		}
		return e
	}
	p.i = colon.begin + 1
	if len(data) == 1 && data[0] == VerdictType || verdicts[p.peek().text] && p.peek().kind == kindWord {
		e.Data = p.verdict()
	} else {
		e.Data = p.expr(want{types: data, field: field})
	}
	return e
}

func (p *parser) elemOption() Statement {
	t := p.peek()
	if t.kind != kindWord {
		return nil
	}
	switch t.text {
	case "timeout", "expires":
		p.next()
		o := &Timeout{Name: t.text}
		d, ok := parseSpan(p.peek().text)
		if !ok {
			p.unexpected("a time such as 1h30m")
			return o
		}
		p.next()
		o.D = d
		return o
	case "counter", "limit", "quota", "comment", "last", "ct":
		at := p.i
		p.next()
		if s := reader(t.text)(p); s != nil || p.why != "" {
			return s
		}
		p.i = at
	}
	return nil
}
