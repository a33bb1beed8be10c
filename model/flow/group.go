package flow

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"nfscope/model"
)

// Kind is what flows are grouped by.
type Kind uint8

// The kinds.
const (
	NoGroups   Kind = iota
	OfSource        // the client's address
	OfTarget        // the address that the client speaks to
	OfService       // that address with its protocol and port
	OfBackend       // who answers: address, protocol, port
	OfNATAddr       // the address that takes the place of another
	OfNATClass      // what is translated
	OfState
	OfMark
	OfZone
	Kinds // how many there are
)

var kindNames = [...]string{"", "source", "destination", "service", "backend", "NAT address", "NAT", "state", "mark", "zone"}

// String names the kind, "" for NoGroups.
func (k Kind) String() string { return kindNames[k] }

// GroupKey tells groups of one kind apart.
type GroupKey struct {
	Kind  Kind
	Proto model.Proto
	Port  uint16
	N     uint32
	Addr  netip.Addr
	Word  string
}

// Of is the group of a flow.
func (k Kind) Of(l *Look) GroupKey {
	g := GroupKey{Kind: k}
	switch k {
	case OfSource:
		g.Addr = l.Orig.Src
	case OfTarget:
		g.Addr = l.Orig.Dst
	case OfService:
		g.Addr, g.Proto = l.Orig.Dst, l.Orig.Proto
		if g.Proto.Ports() {
			g.Port = l.Orig.DPort
		}
	case OfBackend:
		g.Addr, g.Proto = l.Reply.Src, l.Orig.Proto
		if g.Proto.Ports() {
			g.Port = l.Reply.SPort
		}
	case OfNATAddr:
		switch {
		case l.Status&SrcNAT != 0:
			g.Addr = l.Reply.Dst
		case l.Status&DstNAT != 0:
			g.Addr = l.Reply.Src
		}
	case OfNATClass:
		g.N = uint32(l.Classes)
	case OfState:
		g.Proto, g.Word = l.Orig.Proto, l.Word()
	case OfMark:
		g.N = l.Mark
	case OfZone:
		g.N = uint32(l.Zone)<<16 | uint32(keyZone(l.Zone, l.OrigZone))
	}
	return g
}

// String is the group in words.
func (g GroupKey) String() string {
	switch g.Kind {
	case OfSource, OfTarget:
		return g.Addr.String()
	case OfService, OfBackend:
		return g.Proto.String() + " " + model.Tuple{Proto: g.Proto, Dst: g.Addr, DPort: g.Port}.DstString()
	case OfNATAddr:
		if !g.Addr.IsValid() {
			return "not translated"
		}
		return g.Addr.String()
	case OfNATClass:
		if c := Classes(g.N).List(); c != nil {
			return NAT{Class: c}.String()
		}
		return "none"
	case OfState:
		return g.Proto.String() + " " + g.Word
	case OfMark:
		return fmt.Sprintf("%#x", g.N)
	case OfZone:
		if g.N>>16 == 0 && g.N != 0 {
			return fmt.Sprintf("%d, in the original direction", g.N)
		}
		return fmt.Sprint(g.N >> 16)
	}
	return ""
}

// Group is what the flows of one kind are together.
type Group struct {
	Key GroupKey
	// Flows counts all, New those without a reply, Counted those with counters.
	Flows, New, Counted int
	Sent, Back          model.Counters
	// Rate is the sum of the rates that are known, in bytes a second.
	Rate float64
}

// Bytes is the total of both directions.
func (g *Group) Bytes() uint64 { return g.Sent.Bytes + g.Back.Bytes }

func (g *Group) add(l *Look) {
	g.Flows++
	if l.Status&SeenReply == 0 {
		g.New++
	}
	if l.Counted {
		g.Counted++
		g.Sent.Packets, g.Sent.Bytes = g.Sent.Packets+l.Sent.Packets, g.Sent.Bytes+l.Sent.Bytes
		g.Back.Packets, g.Back.Bytes = g.Back.Packets+l.Back.Packets, g.Back.Bytes+l.Back.Bytes
	}
	g.Rate += max(0, l.Rate)
}

// Grouper totals the flows of a Table that live, a piece at a time. It is used by one goroutine; the Table
// may be fed meanwhile.
type Grouper struct {
	table  *Table
	kind   Kind
	want   func(*Look) bool
	groups map[GroupKey]*Group
	chunk  int
}

// Begin begins the totals. want makes a test of what is wanted; nil is for all flows.
func (g *Grouper) Begin(t *Table, k Kind, want func() func(*Look) bool) {
	*g = Grouper{table: t, kind: k, groups: map[GroupKey]*Group{}}
	if want != nil {
		g.want = want()
	}
}

// Step goes on, and gives the groups when it is done: those with the most flows first.
func (g *Grouper) Step() (groups []*Group, done bool) {
	var l Look
	for range piece {
		if !g.table.eachIn(g.chunk, &l, g.take) {
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
		g.chunk++
	}
	return nil, false
}

func (g *Grouper) take(l *Look) bool {
	if l.Gone || g.want != nil && !g.want(l) {
		return true
	}
	k := g.kind.Of(l)
	x := g.groups[k]
	if x == nil {
		x = &Group{Key: k}
		g.groups[k] = x
	}
	x.add(l)
	return true
}

// compare orders groups of one kind by what they are.
func (g GroupKey) compare(o GroupKey) int {
	if c := g.Addr.Compare(o.Addr); c != 0 {
		return c
	}
	if g.Proto != o.Proto {
		return int(g.Proto) - int(o.Proto)
	}
	if g.Port != o.Port {
		return int(g.Port) - int(o.Port)
	}
	if g.N != o.N {
		if g.N < o.N {
			return -1
		}
		return 1
	}
	return strings.Compare(g.Word, o.Word)
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
