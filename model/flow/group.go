package flow

import (
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

func (g *Group) add(l *Look) {
	g.Flows++
	if l.Status&SeenReply == 0 {
		g.Unreplied++
	}
	if l.Counted {
		g.Counted++
		g.Sent.Packets, g.Sent.Bytes = g.Sent.Packets+l.Sent.Packets, g.Sent.Bytes+l.Sent.Bytes
		g.Back.Packets, g.Back.Bytes = g.Back.Packets+l.Back.Packets, g.Back.Bytes+l.Back.Bytes
	}
	if l.Counted && l.Rate >= 0 {
		g.Rate += l.Rate
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
