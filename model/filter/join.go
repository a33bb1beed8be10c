package filter

// joined reads conditions joined by "and" and "or" up to the end or a ")". As in
// pcap-filter(7) neither binds tighter than the other and they are read from the left:
// "tcp or udp and port 53" is "(tcp or udp) and port 53".
func (p *parser) joined() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, &Error{Col: p.peek().col, Near: p.peek().text, Why: "too many parentheses: simplify the filter"}
	}
	defer func() { p.depth-- }()
	kids, err := p.beside(false)
	if err != nil {
		return nil, err
	}
	for by := opAnd; ; {
		t := p.peek()
		if t.kind != tokAnd && t.kind != tokOr {
			return one(by, kids), nil
		}
		p.next()
		if o := map[tokenKind]op{tokAnd: opAnd, tokOr: opOr}[t.kind]; o != by {
			kids, by = alternatives(one(by, kids), o), o
		}
		more, err := p.beside(true)
		if err != nil {
			return nil, err
		}
		if by == opOr {
			more = alternatives(one(opAnd, more), by)
		}
		kids = append(kids, more...)
	}
}

// alternatives takes an "or" apart that stands in another one.
func alternatives(n *node, in op) []*node {
	if in == opOr && n.op == opOr {
		return n.kids
	}
	return []*node{n}
}

func one(o op, kids []*node) *node {
	if len(kids) == 1 {
		return kids[0]
	}
	return &node{op: o, kids: kids}
}

// beside reads conditions without a word between them, which all must hold and bind
// tighter than any operator: "udp or in eth0 tcp".
func (p *parser) beside(behind bool) ([]*node, error) {
	var kids []*node
	for ; ; behind = false {
		k, err := p.not(behind)
		if err != nil {
			return nil, err
		}
		kids = append(kids, k...)
		switch t := p.peek(); t.kind {
		case tokEnd:
			p.ends = append(p.ends, "and", "or")
			p.ends = append(p.ends, conditions()...)
			return kids, nil
		case tokAnd, tokOr, tokClose:
			return kids, nil
		}
	}
}

// not reads a negation, parentheses or a condition, which all its nodes make up.
// joined is true behind an operator, where a bare value takes over the qualifiers of
// the one before.
func (p *parser) not(joined bool) ([]*node, error) {
	negate := false
	for p.peek().kind == tokNot {
		p.next()
		negate = !negate
	}
	var all []*node
	var err error
	if t := p.peek(); t.kind == tokOpen {
		p.next()
		var n *node
		if n, err = p.joined(); err == nil && p.peek().kind != tokClose {
			err = p.want(p.peek(), []string{")"}, "and", "or", `")"`)
		}
		p.next()
		all = []*node{n}
	} else {
		all, err = p.condition(joined)
	}
	if err != nil || !negate {
		return all, err
	}
	n := one(opAnd, all)
	if n.op == opNot {
		return n.kids, nil
	}
	return []*node{{op: opNot, kids: []*node{n}}}, nil
}
