package ruleset

import (
	"fmt"
	"slices"
	"strings"

	"nfscope/model"
)

// Call is a rule that calls a chain.
type Call struct {
	Table *model.Table
	Chain *model.Chain // the chain the rule stands in
	Rule  *model.Rule
	To    *model.Chain
	// Goto is true where the called chain does not come back to this one.
	Goto bool
}

// Graph is who calls whom in a Ruleset.
type Graph struct {
	calls []link  // in the ruleset's order
	from  []int32 // by Chain.ID: its calls begin here in calls; one more at the end
	to    []int32 // places in calls, by the chain called
	into  []int32 // by Chain.ID: its callers begin here in to; one more at the end
	depth []int32 // by Chain.ID; -1 where no base chain leads
	nodes []owner
	// unread is what of a table may call its chains unseen.
	unread map[*model.Table][]string
}

// link is a Call, as small as it can be: a ruleset may have a hundred thousand.
type link struct {
	from, rule int32 // the Chain.ID, and the rule's place there
	to         int32 // Chain.ID
	goes       bool
}

// NewGraph builds the graph of a Ruleset that was numbered. Jumps of verdict maps
// count, of those in the rule and of those named by it, as far as they were read, and
// those of rules in braces.
func NewGraph(rs *model.Ruleset) *Graph {
	n, _ := rs.Size()
	g := &Graph{calls: make([]link, 0, jumps(rs)), from: make([]int32, 0, n+1), nodes: make([]owner, 0, n)}
	for _, t := range rs.Tables {
		g.table(t)
		g.blind(t, rs.Terse)
	}
	g.from = append(g.from, int32(len(g.calls)))
	g.invert()
	g.measure()
	return g
}

// jumps is the number of rules that jump or go somewhere.
func jumps(rs *model.Ruleset) (n int) {
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			for i := range c.Rules {
				if c.Rules[i].Jump != "" {
					n++
				}
			}
		}
	}
	return n
}

func (g *Graph) table(t *model.Table) {
	names := make(map[string]*model.Chain, len(t.Chains))
	for _, c := range t.Chains {
		names[c.Name] = c
	}
	maps := newVerdictMaps(t)
	for _, c := range t.Chains {
		g.from = append(g.from, int32(len(g.calls)))
		g.nodes = append(g.nodes, owner{table: t, chain: c})
		for i := range c.Rules {
			r := &c.Rules[i]
			if r.Jump != "" {
				if to := names[r.Jump]; to != nil {
					g.calls = append(g.calls, link{int32(c.ID), int32(i), int32(to.ID), r.Goto})
				}
				continue
			}
			for _, e := range maps.calls(r) {
				if to := names[e.chain]; to != nil {
					g.calls = append(g.calls, link{int32(c.ID), int32(i), int32(to.ID), e.goes})
				}
			}
		}
	}
}

// blind notes what may call a table's chains unseen: verdict maps that its rules ask and
// whose elements were not read, all or some, and rules that nothing could print.
func (g *Graph) blind(t *model.Table, terse bool) {
	var asked []string
	dark := 0
	for _, c := range t.Chains {
		for i := range c.Rules {
			switch r := &c.Rules[i]; {
			case terse && byMap(r):
				asked = append(asked, namedMaps(r.Text)...)
			case r.Jump == "" && r.Target == "" && strings.HasPrefix(r.Text, "#"):
				dark++
			}
		}
	}
	slices.Sort(asked)
	var unread []string
	for _, name := range slices.Compact(asked) {
		switch m, read := t.Map(name); {
		case !read:
			unread = append(unread, "map "+name+", which was not read,")
		case m.More:
			unread = append(unread, fmt.Sprintf("map %s, of which %d elements were read,", name, m.Read))
		}
	}
	switch {
	case dark == 1:
		unread = append(unread, "the rule whose text is not known")
	case dark > 1:
		unread = append(unread, fmt.Sprintf("one of %d rules whose text is not known", dark))
	}
	if unread == nil {
		return
	}
	if g.unread == nil {
		g.unread = map[*model.Table][]string{}
	}
	g.unread[t] = unread
}

// invert sorts the calls by the chain called.
func (g *Graph) invert() {
	g.into = make([]int32, len(g.nodes)+1)
	for i := range g.calls {
		g.into[g.calls[i].to+1]++
	}
	for i := range g.nodes {
		g.into[i+1] += g.into[i]
	}
	g.to = make([]int32, len(g.calls))
	next := slices.Clone(g.into)
	for i := range g.calls {
		id := g.calls[i].to
		g.to[next[id]] = int32(i)
		next[id]++
	}
}

// measure walks from the base chains, one call at a time.
func (g *Graph) measure() {
	g.depth = make([]int32, len(g.nodes))
	var queue []int
	for i, o := range g.nodes {
		if g.depth[i] = -1; o.chain.Base() {
			g.depth[i] = 0
			queue = append(queue, i)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, c := range g.calls[g.from[at]:g.from[at+1]] {
			if g.depth[c.to] < 0 {
				g.depth[c.to] = g.depth[at] + 1
				queue = append(queue, int(c.to))
			}
		}
	}
}

// Calls lists what a chain's rules call, in their order.
func (g *Graph) Calls(c *model.Chain) []Call {
	calls := make([]Call, 0, g.from[c.ID+1]-g.from[c.ID])
	for _, k := range g.calls[g.from[c.ID]:g.from[c.ID+1]] {
		calls = append(calls, g.whole(k))
	}
	return calls
}

func (g *Graph) whole(l link) Call {
	o := g.nodes[l.from]
	return Call{o.table, o.chain, &o.chain.Rules[l.rule], g.nodes[l.to].chain, l.goes}
}

// Callers lists the rules that call a chain, in the ruleset's order.
func (g *Graph) Callers(c *model.Chain) []Call {
	at := g.to[g.into[c.ID]:g.into[c.ID+1]]
	calls := make([]Call, len(at))
	for i, k := range at {
		calls[i] = g.whole(g.calls[k])
	}
	return calls
}

// CallerCount is the number of Callers.
func (g *Graph) CallerCount(c *model.Chain) int { return int(g.into[c.ID+1] - g.into[c.ID]) }

// Depth is the least number of calls that lead from a base chain to c; -1 where none do.
func (g *Graph) Depth(c *model.Chain) int { return int(g.depth[c.ID]) }

// Unread says, in words that go before "may call it", what may call c besides its
// Callers: verdict maps of which not all elements were read (model.Ruleset.Terse), rules
// without text; nil where there is nothing.
func (g *Graph) Unread(c *model.Chain) []string {
	if g.unread == nil || c.Base() {
		return nil
	}
	return g.unread[g.nodes[c.ID].table]
}

// Unused reports whether it is certain that no packet comes to c.
func (g *Graph) Unused(c *model.Chain) bool { return g.Depth(c) < 0 && g.Unread(c) == nil }

// Node is a chain with its table.
type Node struct {
	Table *model.Table
	Chain *model.Chain
}

// Unreachable lists the user chains that no packet can come to.
func (g *Graph) Unreachable() []Node {
	var list []Node
	for _, o := range g.nodes {
		if g.Unused(o.chain) {
			list = append(list, Node{o.table, o.chain})
		}
	}
	return list
}

// Loop is a circle of calls within a table: each chain calls the next, the last the first.
type Loop struct {
	Table  *model.Table
	Chains []*model.Chain
}

// String names it: filter: A > B > A.
func (l Loop) String() string {
	var b strings.Builder
	b.WriteString(l.Table.Name + ": ")
	for _, c := range l.Chains {
		b.WriteString(c.Name + " > ")
	}
	return b.String() + l.Chains[0].Name
}

// maxLoops bounds what Loops lists: no loaded ruleset has even one.
const maxLoops = 64

// Loops finds circles of calls, which the kernel refuses (ELOOP): at least one for
// every set of chains that call each other, and no more than maxLoops in all.
func (g *Graph) Loops() []Loop {
	const (
		fresh = iota
		open
		done
	)
	state := make([]uint8, len(g.nodes))
	type frame struct{ chain, next int } // next: the call to follow
	var loops []Loop
	for root := range g.nodes {
		if state[root] != fresh {
			continue
		}
		path := []frame{{root, int(g.from[root])}}
		state[root] = open
		for len(path) > 0 && len(loops) < maxLoops {
			top := &path[len(path)-1]
			if top.next == int(g.from[top.chain+1]) {
				state[top.chain] = done
				path = path[:len(path)-1]
				continue
			}
			to := int(g.calls[top.next].to)
			top.next++
			switch state[to] {
			case fresh:
				state[to] = open
				path = append(path, frame{to, int(g.from[to])})
			case open:
				at := slices.IndexFunc(path, func(f frame) bool { return f.chain == to })
				l := Loop{Table: g.nodes[to].table}
				for _, f := range path[at:] {
					l.Chains = append(l.Chains, g.nodes[f.chain].chain)
				}
				loops = append(loops, l)
			}
		}
	}
	return loops
}
