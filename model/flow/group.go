package flow

import (
	"encoding/binary"
	"slices"

	"nfscope/model"
)

// Group is what the flows of one kind are together.
type Group struct {
	Key GroupKey
	// Flows counts all, Unreplied those that have seen no reply, Counted those with counters. Without any
	// of these Sent and Back are not known.
	Flows, Unreplied, Counted int
	Sent, Back                model.Counters
	// Rate is the sum of the rates that are known, in bytes a second; Rated counts these.
	Rate  float64
	Rated int
}

// Bytes is the total of both directions.
func (g *Group) Bytes() uint64 { return g.Sent.Bytes + g.Back.Bytes }

// Packets is the total of both directions.
func (g *Group) Packets() uint64 { return g.Sent.Packets + g.Back.Packets }

func (g *Group) add(x *slot) {
	g.Flows++
	if Status(x.status)&SeenReply == 0 {
		g.Unreplied++
	}
	if x.flags&slotCounted == 0 {
		return
	}
	g.Counted++
	g.Sent.Packets, g.Sent.Bytes = g.Sent.Packets+x.count[0], g.Sent.Bytes+x.count[1]
	g.Back.Packets, g.Back.Bytes = g.Back.Packets+x.count[2], g.Back.Bytes+x.count[3]
	if x.flags&slotRated != 0 && x.rate > 0 {
		g.Rate += float64(x.rate)
		g.Rated++
	}
}

// Grouper totals the flows of a Table that live, a piece at a time. It is used by one goroutine; the Table
// may be fed meanwhile.
type Grouper struct {
	table  *Table
	kind   Kind
	want   func(*Look) bool
	groups map[GroupKey]*Group
	// short finds groups by what a slot holds: most flows are of a group that was there before, and
	// their addresses need not be made.
	short map[uint64]*Group
	chunk int
}

// Begin begins the totals. want makes a test of what is wanted; nil is for all flows.
func (g *Grouper) Begin(t *Table, k Kind, want func() func(*Look) bool) {
	*g = Grouper{table: t, kind: k, groups: map[GroupKey]*Group{}, short: map[uint64]*Group{}}
	if want != nil {
		g.want = want()
	}
}

// Step goes on, and gives the groups when it is done: those with the most flows first.
func (g *Grouper) Step() (groups []*Group, done bool) {
	for range piece {
		if !g.gather() {
			for _, x := range g.groups {
				groups = append(groups, x)
			}
			slices.SortFunc(groups, func(a, b *Group) int {
				if a.Flows != b.Flows {
					return b.Flows - a.Flows
				}
				return a.Key.compare(b.Key)
			})
			return groups, true
		}
	}
	return nil, false
}

// Part tells how much of the work is done, from 0 to 1.
func (g *Grouper) Part() float64 { return g.table.part(g.chunk) }

// gather totals the flows of the next chunk; it gives false behind the last.
func (g *Grouper) gather() bool {
	t := g.table
	if t == nil {
		return false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if g.chunk >= len(t.slab.chunks) {
		return false
	}
	chunk := t.slab.chunks[g.chunk]
	g.chunk++
	var l Look
	for k := range chunk {
		x := &chunk[k]
		if x.flags&slotUsed == 0 || x.gone() {
			continue
		}
		if g.want != nil {
			if t.look(x, &l); !g.want(&l) {
				continue
			}
		}
		short, end := g.kind.short(x)
		y := g.short[short]
		if y == nil || x.wide() && end >= 0 && y.Key.Addr.As16() != *t.slab.addrAt(x, end) { // its place may be another's by now
			t.look(x, &l)
			y = g.group(&l)
			g.short[short] = y
		}
		y.add(x)
	}
	return true
}

// group is that of a flow.
func (g *Grouper) group(l *Look) *Group {
	k := g.kind.Of(l)
	x := g.groups[k]
	if x == nil {
		x = &Group{Key: k}
		g.groups[k] = x
	}
	return x
}

// short is a number that flows of two groups never have in common, but where an address's place
// has become another's: end is the address that is meant, below 0 for none.
func (k Kind) short(x *slot) (n uint64, end int) {
	end = -1
	port := uint16(0)
	switch k {
	case OfSource:
		end = 0
	case OfTarget:
		end = 1
	case OfService:
		end, port = 1, x.ports[1]
	case OfBackend:
		end, port = 2, x.ports[2]
	case OfSNATAddr:
		if Status(x.status)&SrcNAT != 0 {
			end = 3
		}
	case OfDNATAddr:
		if Status(x.status)&DstNAT != 0 {
			end = 2
		}
	case OfProto:
		n = uint64(x.proto)
	case OfState:
		n = uint64(x.proto) | uint64(x.state)<<8 | uint64(Status(x.status)&(Offload|HWOffload|Assured|SeenReply))<<16
		if x.state == uint8(StateOther) { // its name is a note
			n |= uint64(x.notes) << 32
		}
	case OfZone:
		n = uint64(keyZone(x.zone, x.zone0))
	case OfMark:
		n = uint64(x.mark)
	case OfNATClass:
		n = uint64(x.classes)
	}
	if end < 0 {
		return n, end
	}
	n = uint64(binary.NativeEndian.Uint32(x.addr[4*end:]))<<32 | 1
	if k == OfService || k == OfBackend {
		n |= uint64(port)<<16 | uint64(x.proto)<<8
	}
	if x.wide() {
		n |= 2
	}
	return n | uint64(x.kinds>>(2*end)&3)<<2, end
}

// Compare orders groups of one kind by what they are: addresses before ports.
func (g *Group) Compare(o *Group) int { return g.Key.compare(o.Key) }

// GroupsOf totals at once.
func (t *Table) GroupsOf(k Kind, want func() func(*Look) bool) []*Group {
	var g Grouper
	g.Begin(t, k, want)
	for {
		if l, done := g.Step(); done {
			return l
		}
	}
}
