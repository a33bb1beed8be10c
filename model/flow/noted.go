package flow

import "maps"

// noted keeps the notes of all flows, each text once: a helper's name and the labels of a
// switch are the same for many.
type noted struct {
	texts  []text // a flow has the place, from 1
	places map[string]uint32
	free   []uint32
}

type text struct {
	s    string
	refs uint32
}

// keep notes a text down and gives its place, 0 for none.
func (n *noted) keep(l notes) uint32 {
	if len(l) == 0 {
		return 0
	}
	if i := n.places[string(l)]; i != 0 { // makes no string
		n.texts[i-1].refs++
		return i
	}
	if n.places == nil {
		n.places = map[string]uint32{}
	}
	t := text{string(l), 1}
	i := uint32(len(n.texts)) + 1
	if k := len(n.free); k > 0 {
		i, n.free = n.free[k-1], n.free[:k-1]
		n.texts[i-1] = t
	} else {
		n.texts = append(n.texts, t)
	}
	n.places[t.s] = i
	return i
}

// drop lets go of one flow's text.
func (n *noted) drop(i uint32) {
	if i == 0 {
		return
	}
	t := &n.texts[i-1]
	if t.refs--; t.refs == 0 {
		delete(n.places, t.s)
		*t = text{}
		n.free = append(n.free, i)
	}
}

// at is the text of a place.
func (n *noted) at(i uint32) notes {
	if i == 0 {
		return nil
	}
	return notes(n.texts[i-1].s)
}

func (n *noted) clone() noted {
	return noted{append([]text(nil), n.texts...), maps.Clone(n.places), append([]uint32(nil), n.free...)}
}
