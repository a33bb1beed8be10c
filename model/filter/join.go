package filter

// joined reads conditions joined by "and" and "or" up to the end or a ")". "and" binds
// tighter than "or"; pcap-filter(7) reads both from the left, so where that is something
// else it is noted (Filter.Note).
func (p *parser) joined() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, &Error{Col: p.peek().col, Near: p.peek().text, Why: "too many parentheses: simplify the filter"}
	}
	defer func() { p.depth-- }()
	var kids []*node
	for behind := false; ; behind = true {
		k, err := p.all(behind)
		if err != nil {
			return nil, err
		}
		if k.op == opOr {
			kids = append(kids, k.kids...)
		} else {
			kids = append(kids, k)
		}
		if p.peek().kind != tokOr {
			return one(opOr, kids), nil
		}
		p.next()
	}
}

// all reads conditions joined by "and". behind is true behind an "or".
func (p *parser) all(behind bool) (*node, error) {
	kids, err := p.beside(behind)
	if err != nil {
		return nil, err
	}
	for p.peek().kind == tokAnd {
		p.mixed = p.mixed || behind
		p.next()
		more, err := p.beside(true)
		if err != nil {
			return nil, err
		}
		kids = append(kids, more...)
	}
	return one(opAnd, kids), nil
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
