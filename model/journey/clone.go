package journey

import (
	"maps"
	"slices"

	"nfscope/model"
)

// Clone gives a Fold that goes on from where f is, apart from it: what one folds the
// other does not see. Journeys that are closed never change, and both have them.
func (f *Fold) Clone() *Fold {
	f.drawAll()
	c := *f
	c.pool, c.changes, c.armings = pool{}, changes{}, armings{}
	c.done, c.cut, c.unlooked = slices.Clone(f.done), maps.Clone(f.cut), slices.Clone(f.unlooked)
	c.older, c.falls, c.sights = slices.Clone(f.older), f.falls.clone(), f.sights.clone()
	c.datagrams, c.heads = maps.Clone(f.datagrams), maps.Clone(f.heads)
	c.talks = make(map[uint32]*talk, len(f.talks))
	for id, t := range f.talks {
		n := *t
		c.talks[id] = &n
	}
	of := make(map[*builder]*builder, f.open)
	for b := range f.underWay {
		of[b] = b.clone()
	}
	c.going, c.held = lane{of[f.going.head], of[f.going.tail]}, lane{of[f.held.head], of[f.held.tail]}
	groups := map[*alikes]*alikes{}
	for b := range f.underWay {
		n := of[b]
		n.prev, n.next, n.same = of[b.prev], of[b.next], of[b.same]
		if g := b.alikes; g != nil && groups[g] == nil {
			groups[g] = &alikes{behind: g.behind}
			for _, o := range g.of {
				groups[g].of = append(groups[g].of, of[o])
			}
		}
		n.alikes = groups[b.alikes]
	}
	c.byID, c.byKey = make(map[uint32]*builder, len(f.byID)), make(map[packetKey]*builder, len(f.byKey))
	for id, b := range f.byID {
		c.byID[id] = of[b]
	}
	for k, b := range f.byKey {
		c.byKey[k] = of[b]
	}
	return &c
}

// clone copies a journey under way, but for its place among the others.
func (b *builder) clone() *builder {
	c := *b
	c.walks, c.nft, c.legacy = make([]*walk, len(b.walks)), nil, nil
	for i, w := range b.walks {
		n := *w
		n.steps, n.stack = slices.Clone(w.steps), slices.Clone(w.stack)
		n.head = own(w.head) // packets are used again, each by the Fold that kept it
		for k := range n.steps {
			n.steps[k].packet = own(n.steps[k].packet)
		}
		c.walks[i] = &n
		if b.nft == w {
			c.nft = &n
		}
		if b.legacy == w {
			c.legacy = &n
		}
	}
	return &c
}

func own(p *model.Packet) *model.Packet {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
