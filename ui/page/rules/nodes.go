package rules

import (
	"fmt"
	"strings"

	"nfscope/model"
	"nfscope/ui/component/tree"
	"nfscope/ui/component/units"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// treeVersion is what the tree depends on.
type treeVersion struct {
	index  *index
	filter string
	theme  *theme.Theme
}

func (p *Page) syncTree(f *page.Frame) {
	v := treeVersion{p.index, f.Filter, f.Theme}
	p.tree.Set(v, func() []tree.Node[chainKey] { return p.index.nodes(f.Theme, match(f.Filter)) })
	if v.filter != p.nodes.filter || p.nodes.index == nil {
		p.start(f)
	}
	p.nodes = v
}

// start selects the first chain that has rules, so that the page does not open on
// an empty panel; under a new filter everything, so that nothing found is out of sight.
func (p *Page) start(f *page.Frame) {
	if f.Filter != "" {
		p.tree.Select(chainKey{})
		p.back = nil
		return
	}
	if p.nodes.index != nil {
		return
	}
	for _, t := range p.index.rs.Tables {
		for _, c := range t.Chains {
			if c.Hook == model.HookInput && len(c.Rules) > 0 {
				p.tree.Select(keyOf(t, c))
				return
			}
		}
	}
}

// nodes lists backends, tables, chains and sets. With a filter the notes count what
// it finds, and what holds nothing is dim.
func (x *index) nodes(th *theme.Theme, want func(row) bool) []tree.Node[chainKey] {
	_, total := x.rs.Size()
	out := []tree.Node[chainKey]{{Text: "all rules", Note: units.Count(uint64(total), 6), Style: th.Text}}
	at := func(t *model.Table, c *model.Chain) int {
		n := 0
		for i := range c.Rules {
			if want(row{kind: rowRule, table: t, chain: c, rule: &c.Rules[i]}) {
				n++
			}
		}
		return n
	}
	found := 0
	last := model.BackendUnknown
	for _, t := range x.rs.Tables {
		if t.Backend != last {
			last = t.Backend
			out = append(out, tree.Node[chainKey]{Key: chainKey{Backend: last}, Text: last.String(),
				Style: th.Backend(last).Bold(true), Folds: true})
		}
		k := keyOf(t, nil)
		out = append(out, tree.Node[chainKey]{Key: k, Depth: 1, Text: t.Family.String() + " " + t.Name, Note: t.Flags,
			Style: th.Strong, Folds: len(t.Chains)+len(t.Extra) > 0})
		for _, c := range t.Chains {
			n := tree.Node[chainKey]{Key: keyOf(t, c), Depth: 2, Text: c.Name, Style: th.Text}
			if c.Base() {
				n.Note = fmt.Sprintf("%s %d", c.Hook, c.Priority)
				if strings.EqualFold(c.Name, c.Hook.String()) {
					n.Note = c.Priority.String()
				}
			}
			switch {
			case want != nil:
				hits := at(t, c)
				found += hits
				n.Note = ""
				if hits > 0 {
					n.Note = units.Count(uint64(hits), 6)
				} else {
					n.Style = th.Dim
				}
			case len(c.Rules) == 0:
				n.Style = th.Dim
			}
			out = append(out, n)
		}
		for i, e := range t.Extra {
			ek := k
			ek.Extra = extraKey(i, e)
			out = append(out, tree.Node[chainKey]{Key: ek, Depth: 2, Text: ek.Extra, Style: th.Accent, Folds: true, Closed: true})
			for j, r := range extra(t, ek.Extra) {
				lk := ek
				lk.Extra = fmt.Sprintf("%s\n%d", ek.Extra, j)
				if j > 0 && r.text != "}" {
					out = append(out, tree.Node[chainKey]{Key: lk, Depth: 3, Text: r.text, Style: th.Dim})
				}
			}
		}
	}
	if want != nil {
		out[0].Text, out[0].Note = "all that is found", units.Count(uint64(found), 6)
	}
	return out
}
