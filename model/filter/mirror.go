package filter

// Mirror is the filter of the packets that come back: source and destination, of
// addresses and ports, and the interfaces in and out have changed places. All other
// words stay as they are, the mark too.
func (f *Filter) Mirror() *Filter {
	if f.root == nil {
		return f
	}
	return f.made(f.root.mirror())
}

// Both is the filter of both directions: f or its Mirror.
func (f *Filter) Both() *Filter {
	if f.root == nil {
		return f
	}
	m := f.root.mirror()
	if m.String() == f.root.String() {
		return f
	}
	return f.made(&node{op: opOr, kids: []*node{f.root.clone(), m}})
}

// made is a filter of a tree that f was made into; its words are those of f.
func (f *Filter) made(root *node) *Filter {
	return &Filter{root: root, words: f.words, text: numberText(root, nil), flows: planOf(root)}
}

func (n *node) mirror() *node {
	c := n.clone()
	c.turn()
	return c
}

func (n *node) clone() *node {
	c := *n
	c.kids = nil
	for _, k := range n.kids {
		c.kids = append(c.kids, k.clone())
	}
	return &c
}

func (n *node) turn() {
	if n.op == opLeaf {
		n.leaf.turn()
	}
	for _, k := range n.kids {
		k.turn()
	}
}

func (l *leaf) turn() {
	switch l.word {
	case "net", "portrange":
		switch l.dir {
		case dirSrc:
			l.dir = dirDst
		case dirDst:
			l.dir = dirSrc
		}
	case "in":
		l.word = "out"
	case "out":
		l.word = "in"
	}
}
