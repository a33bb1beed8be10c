package ruleset

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"nfscope/model"
)

// WriteDot prints the jump graph for Graphviz: a box of chains for every table, an arrow
// for every pair of chains of which one calls the other (dashed for goto), base chains
// with hook and policy, chains that are never reached in grey.
func WriteDot(w io.Writer, rs *model.Ruleset) error {
	g := NewGraph(rs)
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, "digraph ruleset {\n  rankdir=LR;\n  node [shape=box, fontname=\"monospace\", fontsize=10];\n  edge [fontname=\"monospace\", fontsize=9];")
	for i, t := range rs.Tables {
		fmt.Fprintf(b, "  subgraph cluster_%d {\n    label=%s;\n", i, dotString(fmt.Sprintf("%s %s %s", t.Backend, t.Family, t.Name)))
		for _, c := range t.Chains {
			fmt.Fprintf(b, "    c%d [label=%s%s];\n", c.ID, dotString(dotLabel(c)), dotStyle(g, c))
		}
		for _, c := range t.Chains {
			writeEdges(b, g, c)
		}
		fmt.Fprintln(b, "  }")
	}
	fmt.Fprintln(b, "}")
	return b.Flush() // the first error of any write above
}

func dotLabel(c *model.Chain) string {
	label := c.Name
	if c.Base() {
		label += fmt.Sprintf("\n%s %d", c.Hook, c.Priority)
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
	case c.Base():
		return ", style=bold"
	case g.Unused(c):
		return ", color=gray, fontcolor=gray"
	}
	return ""
}

// writeEdges draws one arrow to each chain called, with the number of the rule, or how
// many rules there are.
func writeEdges(b *bufio.Writer, g *Graph, c *model.Chain) {
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
		fmt.Fprintf(b, "    c%d -> c%d [label=%s%s];\n", c.ID, e.to, dotString(label), style)
	}
}

// dotString quotes a string: in Graphviz a backslash begins an escape, \n a new line.
func dotString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(s, "?")) + `"`
}
