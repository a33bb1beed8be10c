package ruleset

import (
	"strings"

	"nfscope/model"
)

// maxCalls is how many chains nf_tables lets a packet be in at once
// (NFT_JUMP_STACK_SIZE, include/net/netfilter/nf_tables.h): a base chain and 15 more.
const maxCalls = 16

// refusedCalls says which calls of a file's ruleset the kernel would refuse, with the
// line of the rule where the text has it as it stands in the ruleset.
func refusedCalls(name, text string, rs *model.Ruleset) []Problem {
	p := problems{name: name}
	g := NewGraph(rs)
	at := func(r *model.Rule, format string, args ...any) {
		line, col := lineOf(text, r.Text)
		p.add(line, col, format, args...)
	}
	for _, l := range g.Loops() {
		last := l.Chains[len(l.Chains)-1]
		reached := g.Depth(last) >= 0
		for _, c := range g.Calls(last) {
			if c.To != l.Chains[0] {
				continue
			}
			if reached {
				at(c.Rule, "chains that call each other in a circle, which the kernel refuses: %s", l)
			} else { // which loads: no packet comes there
				p.add(0, 0, "chains that call each other in a circle, which no packet reaches: %s", l)
			}
			break
		}
	}
	for _, t := range rs.Tables {
		if t.Backend == model.BackendLegacy {
			continue
		}
		if path := g.longest(t); len(path) > maxCalls {
			at(path[maxCalls-1].Rule, "table %s: %d chains call one another from %s to %s, nf_tables takes no more than %d",
				t.Name, len(path), path[0].Chain.Name, path[len(path)-1].Chain.Name, maxCalls)
		}
	}
	return p.done()
}

// lineOf finds a rule's text at the end of a line; 0 where the text has it in another
// form.
func lineOf(text, rule string) (line, col int) {
	for from := 0; rule != ""; {
		i := strings.Index(text[from:], rule)
		if i < 0 {
			return 0, 0
		}
		i += from
		end := i + len(rule)
		if end == len(text) || text[end] == '\n' || text[end] == '\r' {
			return strings.Count(text[:i], "\n") + 1, i - strings.LastIndexByte(text[:i], '\n')
		}
		from = end
	}
	return 0, 0
}

// longest gives the longest way of calls from a base chain of a table: the calls, and
// last one that has only the chain where the way ends. Circles are gone through once.
func (g *Graph) longest(t *model.Table) []Call {
	best := map[int]int{} // by Chain.ID: chains on the longest way from there
	next := map[int]*Call{}
	type frame struct {
		c *model.Chain
		i int
	}
	walk := func(from *model.Chain) {
		path := []frame{{from, 0}}
		best[from.ID] = 1
		for len(path) > 0 {
			top := &path[len(path)-1]
			calls := g.Calls(top.c)
			if top.i == len(calls) {
				path = path[:len(path)-1]
				if len(path) > 0 { // the caller looks at it again, now that it is known
					continue
				}
				return
			}
			call := &calls[top.i]
			n, seen := best[call.To.ID]
			if !seen {
				best[call.To.ID] = 1
				path = append(path, frame{call.To, 0})
				continue
			}
			if top.i++; n+1 > best[top.c.ID] {
				best[top.c.ID], next[top.c.ID] = n+1, call
			}
		}
	}
	var start *model.Chain
	for _, c := range t.Chains {
		if !c.Base() {
			continue
		}
		if _, seen := best[c.ID]; !seen {
			walk(c)
		}
		if start == nil || best[c.ID] > best[start.ID] {
			start = c
		}
	}
	var way []Call
	for c := start; c != nil && len(way) <= len(best); {
		call := next[c.ID]
		if call == nil {
			return append(way, Call{Table: t, Chain: c, Rule: &model.Rule{}})
		}
		way, c = append(way, *call), call.To
	}
	return way
}
