package filter

// Parts gives the filter as two: what the kernel matches where a packet begins, before
// conntrack, and what is asked of the packets that were traced; "" for nothing. The first
// matches all that the filter matches, both together match just that. Where a packet comes in
// the kernel does not know yet where it will go out, so out is asked afterwards, and with both
// directions in too.
func (f *Filter) Parts(both bool) (kernel, after string) {
	if f.root == nil {
		return "", ""
	}
	kids := []*node{f.root}
	if f.root.op == opAnd {
		kids = f.root.kids
	}
	var in, rest []*node
	for _, k := range kids {
		part, whole := k.inKernel(false, both)
		if part != nil {
			in = append(in, part)
		}
		if !whole {
			rest = append(rest, k)
		}
	}
	return text(in), text(rest)
}

func text(list []*node) string {
	if len(list) == 0 {
		return ""
	}
	return one(opAnd, list).String()
}

// inKernel is what the kernel matches of a node, or of its negation: nil for every packet;
// whole tells that it is all of it.
func (n *node) inKernel(negate, both bool) (part *node, whole bool) {
	switch {
	case n.op == opNot:
		return n.kids[0].inKernel(!negate, both)
	case n.op == opLeaf && (n.leaf.side() != sideHeader || n.leaf.word == "out" || both && n.leaf.word == "in"):
		return nil, false
	case n.op == opLeaf && negate:
		return &node{op: opNot, kids: []*node{n}}, true
	case n.op == opLeaf:
		return n, true
	}
	joint := opAnd
	if (n.op == opOr) != negate {
		joint = opOr
	}
	var parts []*node
	whole = true
	for _, k := range n.kids {
		p, all := k.inKernel(negate, both)
		whole = whole && all
		if p != nil {
			parts = append(parts, p)
		} else if joint == opOr {
			return nil, false
		}
	}
	if parts == nil {
		return nil, false
	}
	return one(joint, parts), whole
}
