package journey

import (
	"nfscope/model"
	"nfscope/model/flow"
)

// known is what conntrack knows of a journey, as it was when the journey was closed: the
// rest of it is written when somebody looks.
type known struct {
	entry                    *flow.Flow
	flow                     uint32
	flowBy, state, direction string
	answers                  int
	track                    Track
	followed                 bool
}

// learn gathers what is of the moment: what conntrack knows, and what is lost.
func (f *Fold) learn(b *builder) {
	b.order()
	b.gaps = f.missed - b.missed
	b.mixed = f.seen[SourceLegacy] && f.seen[SourceNFT]
	first := b.firstPacket()
	k := &b.known
	*k = known{followed: f.flows != nil && f.flows.Followed()}
	f.join(b, k, first)
	f.answers(b, k, first)
	k.track = f.track(b, first)
}

// order puts of chains at one place the one behind that stopped the packet.
func (b *builder) order() {
	for i := range len(b.walks) - 1 {
		if w := b.walks[i]; b.stops(w) && w.place == b.walks[i+1].place {
			b.walks[i], b.walks[i+1] = b.walks[i+1], w
		}
	}
}

// firstPacket is the packet as it was first seen, nil where no event had its headers.
func (b *builder) firstPacket() *model.Packet {
	for _, w := range b.walks {
		if p := w.firstPacket(); p != nil {
			return p
		}
	}
	return nil
}

// join finds the conntrack entry: by its ID where the kernel told it, else by the
// packet's tuple.
func (f *Fold) join(b *builder, k *known, first *model.Packet) {
	if b.hasCT {
		// An untracked packet has no entry, though one of its tuple may be left.
		k.flow, k.state = b.ct.ID, ctState(b.ct.State)
		if b.ct.ID != 0 {
			k.flowBy = FlowByID
			if f.flows != nil {
				k.entry = f.flows.ByID(b.ct.ID)
			}
		}
	}
	if k.entry == nil && f.flows != nil && first != nil && k.state != "UNTRACKED" {
		if k.entry = f.flows.ByTuple(first.Tuple()); k.entry != nil && k.flow == 0 {
			k.flow, k.flowBy = k.entry.ID, FlowByTuple
		}
	}
}
