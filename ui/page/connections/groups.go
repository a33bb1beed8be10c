package connections

import (
	"fmt"
	"slices"

	"nfscope/model/flow"
	"nfscope/ui/component/table"
	"nfscope/ui/component/units"
	"nfscope/ui/page"
)

// groupRows draws the heads and the groups in sight.
func (p *Page) groupRows(f *page.Frame, width int) []string {
	made, th := &p.order.made, f.Theme
	from, to := p.groups.Window(p.height)
	name := 12
	for _, g := range p.order.groups[from:to] {
		name = max(name, len(g.Key.String()))
	}
	mark := func(c flow.Column) int { return sorted(made, c) }
	lay := table.Fit([]table.Column{
		{Title: made.kind.String(), Min: min(name, max(12, width-30)), Flex: 1, Sorted: mark(flow.ByClient)},
		{Title: "flows", Min: 8, Right: true, Sorted: mark(flow.ByAge)},
		{Title: "unreplied", Min: 9, Right: true, Drop: 2},
		{Title: "packets", Min: 8, Right: true, Drop: 3, Sorted: mark(flow.ByPackets)},
		{Title: "bytes", Min: 8, Right: true, Drop: 1, Sorted: mark(flow.ByBytes)},
		{Title: "rate", Min: 9, Right: true, Drop: 1, Sorted: mark(flow.ByRate)},
	}, width)
	out := []string{lay.Head(th)}
	for i, g := range p.order.groups[from:to] {
		row, dim := table.Row{}, th.Dim
		if from+i == p.groups.Index() {
			row.Over, dim = th.Selected, th.Text
		}
		packets, bytes, rate := "n/a", "n/a", "n/a"
		if g.Counted > 0 {
			packets, bytes, rate = units.Count(g.Packets(), 7), units.Bytes(g.Bytes()), "-"
			if g.Uncounted() > 0 {
				packets, bytes = packets+"+", bytes+"+"
			}
			if g.Rated > 0 {
				rate = units.Bytes(uint64(g.Rate)) + "/s"
			}
		}
		silent := ""
		if g.Unreplied > 0 {
			silent = fmt.Sprint(g.Unreplied)
		}
		row.Cells = []table.Cell{{Text: g.Key.String(), Style: th.Text}, {Text: units.Count(uint64(g.Flows), 8), Style: th.Text},
			{Text: silent, Style: th.Warn}, {Text: packets, Style: dim}, {Text: bytes, Style: th.Text}, {Text: rate, Style: th.Moving.Bold(false)}}
		out = append(out, lay.Row(th, row))
	}
	return out
}

// groupNotes say what the groups do not: which are not listed, and which classes are not sure.
func (p *Page) groupNotes() (out []string) {
	o := &p.order
	if o.more > 0 {
		out = append(out, fmt.Sprintf(" and %s with %s, each behind these in this order", units.Plural(uint64(o.more), 7, "group"), units.Plural(uint64(o.moreFlows), 7, "connection")))
	}
	missing := 0
	for _, g := range o.groups {
		missing += g.Uncounted()
	}
	if missing > 0 {
		out = append(out, fmt.Sprintf(" + and more: %s have no counters: they came after the last reading, or began before net.netfilter.nf_conntrack_acct was 1", units.Plural(uint64(missing), 7, "connection")))
	}
	if o.made.kind != flow.OfNATClass {
		return out
	}
	for class, other := range map[flow.Class]flow.Class{flow.ClassSNAT: flow.ClassMasquerade, flow.ClassDNAT: flow.ClassRedirect} {
		listed := slices.ContainsFunc(p.order.groups, func(g *flow.Group) bool { return flow.Classes(g.Key.N).Has(class) })
		if listed && p.nature.doubt.Has(class) {
			out = append(out, fmt.Sprintf(" some of %s may be %s: rules of both kinds fit, and the kernel keeps neither", class, other))
		}
	}
	slices.Sort(out)
	return out
}
