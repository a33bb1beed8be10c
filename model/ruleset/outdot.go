package ruleset

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"nfscope/model"
)

// WriteDot prints the jump graph for Graphviz: a box of chains for every table, an arrow
// for every pair of chains of which one calls the other (dashed for goto, red in a
// circle), base chains on the left with hook and policy (red where it drops), chains
// that are never reached in grey.
func WriteDot(w io.Writer, rs *model.Ruleset) error {
	g := NewGraph(rs)
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, "digraph ruleset {\n  rankdir=LR;\n  node [shape=box, fontname=\"monospace\", fontsize=10];\n  edge [fontname=\"monospace\", fontsize=9];")
	loops := map[[2]int]bool{}
	for _, l := range g.Loops() {
		for i, c := range l.Chains {
			loops[[2]int{c.ID, l.Chains[(i+1)%len(l.Chains)].ID}] = true
		}
	}
	for i, t := range rs.Tables {
		fmt.Fprintf(b, "  subgraph cluster_%d {\n    label=%s;\n    style=rounded; color=gray50; fontname=\"monospace\"; fontsize=12; labeljust=l;\n", i, dotString(fmt.Sprintf("%s %s %s", t.Backend, t.Family, t.Name)))
		for _, c := range t.Chains {
			fmt.Fprintf(b, "    c%d [label=%s%s];\n", c.ID, dotString(dotLabel(t, c)), dotStyle(g, c))
		}
		var base strings.Builder
		for _, c := range t.Chains {
			if c.Base() {
				fmt.Fprintf(&base, " c%d;", c.ID)
			}
		}
		if base.Len() > 0 {
			fmt.Fprintf(b, "    { rank=same;%s }\n", base.String())
		}
		for _, c := range t.Chains {
			writeEdges(b, g, c, loops)
		}
		fmt.Fprintln(b, "  }")
	}
	fmt.Fprintln(b, "}")
	return b.Flush() // the first error of any write above
}

func dotLabel(t *model.Table, c *model.Chain) string {
	label := c.Name
	if c.Base() {
		label += fmt.Sprintf("\n%s %s", c.Hook, priorityName(t, c.Priority))
		if c.Policy != "" {
			label += " policy " + c.Policy
		}
	}
	if n := len(c.Rules); n == 1 {
		label += "\n1 rule"
	} else {
		label += fmt.Sprintf("\n%d rules", n)
	}
	return label
}

func dotStyle(g *Graph, c *model.Chain) string {
	switch {
	case c.Base() && strings.EqualFold(c.Policy, "drop"):
		return ", style=bold, color=red3"
	case c.Base():
		return ", style=bold"
	case g.Depth(c) < 0:
		return ", color=gray, fontcolor=gray"
	}
	return ""
}

// writeEdges draws one arrow to each chain called, with the number of the rule, or how
// many rules there are.
func writeEdges(b *bufio.Writer, g *Graph, c *model.Chain, loops map[[2]int]bool) {
	type edge struct {
		to   int
		goes bool
	}
	seen := map[edge]int{}
	var order []edge
	first := map[edge]int{}
	for _, call := range g.Calls(c) {
		e := edge{call.To.ID, call.Goto}
		if seen[e] == 0 {
			order = append(order, e)
			first[e] = call.Rule.Index
		}
		seen[e]++
	}
	for _, e := range order {
		label := fmt.Sprintf("rule %d", first[e])
		if seen[e] > 1 {
			label = fmt.Sprintf("%d rules", seen[e])
		}
		style := ""
		if e.goes {
			style = ", style=dashed"
		}
		if loops[[2]int{c.ID, e.to}] {
			style += ", color=red3, fontcolor=red3"
		}
		fmt.Fprintf(b, "    c%d -> c%d [label=%s%s];\n", c.ID, e.to, dotString(label), style)
	}
}

// dotString quotes a string: in Graphviz a backslash begins an escape, \n a new line.
func dotString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(s, "?")) + `"`
}
