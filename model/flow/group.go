package flow

import (
	"encoding/binary"
	"hash/maphash"
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

// Uncounted is how many flows are missing in what the others have together: an event of a new one has no
// counters, and one that began before nf_conntrack_acct was 1 never has. Where none is counted it is 0.
func (g *Group) Uncounted() int {
	if g.Counted == 0 {
		return 0
	}
	return g.Flows - g.Counted
}

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

// MostGroups is how many groups are kept of one list: 9 MB.
const MostGroups = 1 << 15

// Groups are the groups of a Table's flows, in the order that was asked for.
type Groups struct {
	List []*Group
	// More is how many groups there are besides, each behind all of the List, and MoreFlows
	// the flows of these.
	More, MoreFlows int
}

// Totals says which groups are wanted.
type Totals struct {
	By Kind
	// Want makes a test of what is wanted; nil is for all flows.
	Want func() func(*Look) bool
	// Order tells whether a group comes before another one, as slices.SortFunc wants it.
	Order func(a, b *Group) int
	// Most bounds the groups that are kept; 0 is MostGroups.
	Most int
	// Rest is Query's.
	Rest func()
}

// Grouper totals the flows of a Table that live, a piece at a time. It is used by one goroutine; the Table
// may be fed meanwhile.
//
// Few groups are totalled as they are met. Where there are more than are to be kept, the flows are put
// in the order of their groups, and each group is whole before it is decided whether it stays.
type Grouper struct {
	table  *Table
	asked  Totals
	want   func(*Look) bool
	groups map[GroupKey]*Group
	// short finds groups by what a slot holds: most flows are of a group that was there before, and
	// their addresses need not be made.
	short map[uint64]*Group
	chunk int

	// sort has the flows by group once there are too many groups; next is the first of them that
	// was not totalled, nil before they are in order. last is the group of the one before.
	sort  *sorter
	many  bool
	next  int
	last  *Group
	whole Groups
}

// Begin begins the totals, with the memory of a Finder which is not used meanwhile; it may be nil.
func (g *Grouper) Begin(t *Table, asked Totals, spare *Finder) {
	if asked.Most == 0 {
		asked.Most = MostGroups
	}
	if spare == nil {
		spare = &Finder{}
	}
	*g = Grouper{table: t, asked: asked, groups: map[GroupKey]*Group{}, short: map[uint64]*Group{}, sort: &spare.sort, next: -1}
	g.sort.rest = asked.Rest
	if asked.Want != nil {
		g.want = asked.Want()
	}
}

// Step goes on, and gives the groups when it is done.
func (g *Grouper) Step() (groups Groups, done bool) {
	for range piece {
		switch {
		case g.next >= 0:
			if !g.total() {
				return g.ended(), true
			}
		case g.gather():
		case !g.many:
			for _, x := range g.groups {
				g.whole.List = append(g.whole.List, x)
			}
			return g.ended(), true
		default:
			g.sort.sort()
			g.next = 0
		}
	}
	return Groups{}, false
}

// ended puts the groups in order.
func (g *Grouper) ended() Groups {
	g.prune()
	out := g.whole
	g.groups, g.short, g.whole, g.last = nil, nil, Groups{}, nil
	return out
}

// prune puts the groups that are whole in order, and lets go of those that are too many.
func (g *Grouper) prune() {
	w := &g.whole
	slices.SortFunc(w.List, g.asked.Order)
	for len(w.List) > g.asked.Most {
		last := len(w.List) - 1
		w.More++
		w.MoreFlows += w.List[last].Flows
		w.List[last] = nil
		w.List = w.List[:last]
	}
}

// Part tells how much of the work is done, from 0 to 1.
func (g *Grouper) Part() float64 {
	part := g.table.part(g.chunk)
	switch {
	case g.next >= 0 && len(g.sort.rows) > 0:
		return 0.5 + 0.5*float64(g.next)/float64(len(g.sort.rows))
	case g.many:
		return part / 2
	}
	return part
}

// gather takes the flows of the next chunk; it gives false behind the last.
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
		short, end := g.asked.By.short(x)
		if g.many {
			if g.asked.By == OfState { // what makes no word makes no group
				t.look(x, &l)
				short = maphash.String(t.slab.seed, l.Word())<<8 | uint64(x.proto)
			}
			g.sort.add(short, Row{uint32((g.chunk-1)<<chunkBits + k), uint32(x.born)})
			continue
		}
		y := g.short[short]
		if y == nil || x.wide() && end >= 0 && y.Key.Addr.As16() != *t.slab.addrAt(x, end) { // its place may be another's by now
			t.look(x, &l)
			if y = g.group(&l); y == nil { // too many: from the beginning
				g.many, g.chunk, g.groups, g.short = true, 0, nil, nil
				g.sort.reset(t.slab.n)
				return true
			}
			g.short[short] = y
		}
		y.add(x)
	}
	return true
}

// group is that of a flow, nil where there would be too many.
func (g *Grouper) group(l *Look) *Group {
	k := g.asked.By.Of(l)
	x := g.groups[k]
	if x == nil && len(g.groups) < g.asked.Most {
		x = &Group{Key: k}
		g.groups[k] = x
	}
	return x
}

// total totals some of the flows that are in order; it gives false behind the last.
func (g *Grouper) total() bool {
	t := g.table
	t.mu.RLock()
	defer t.mu.RUnlock()
	var l Look
	for end := min(g.next+chunkSize, len(g.sort.rows)); g.next < end; g.next++ {
		if i := g.next; i > 0 && g.sort.keys[i] != g.sort.keys[i-1] {
			g.last = nil
		}
		x := t.find(g.sort.rows[g.next])
		if x == nil || x.gone() { // it left meanwhile
			continue
		}
		if g.last == nil {
			if len(g.whole.List) >= 2*g.asked.Most {
				g.prune()
			}
			t.look(x, &l)
			g.last = &Group{Key: g.asked.By.Of(&l)}
			g.whole.List = append(g.whole.List, g.last)
		}
		g.last.add(x)
	}
	return g.next < len(g.sort.rows)
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
func (t *Table) GroupsOf(asked Totals) Groups {
	var g Grouper
	g.Begin(t, asked, nil)
	for {
		if l, done := g.Step(); done {
			return l
		}
	}
}
