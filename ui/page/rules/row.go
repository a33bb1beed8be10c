package rules

import (
	"strings"

	"charm.land/lipgloss/v2"

	"nfscope/model/provenance"
	"nfscope/model/ruleset"
	"nfscope/ui/component/line"
	"nfscope/ui/component/table"
	"nfscope/ui/page"
	"nfscope/ui/speech"
	"nfscope/ui/theme"
)

// drawing is what the rows of one frame have in common.
type drawing struct {
	p     *Page
	f     *page.Frame
	th    *theme.Theme
	n     *numbers
	dead  map[ref]string // where packets died, and how
	lay   table.Layout
	whole bool // no column for the target: it stays in the text
	// makers are the rules' where there is a column for them: where not all in sight
	// are their chain's.
	makers map[ref]provenance.Origin
	cells  []table.Cell // of the row that was made last
}

// The columns, by place.
const (
	colMark = iota
	colNumber
	colPackets
	colBytes
	colRate
	colTrend
	colTarget
	colMaker
	colRule
	colComment
)

// roomy is the width of the panel from which there is room for sparks.
const roomy = 120

// drawing finds the columns for the rows from before to. Those of counters stay as
// wide as they are; maker and comment get room only where a rule in sight has one.
func (p *Page) drawing(f *page.Frame, from, to, width int) *drawing {
	d := &drawing{p: p, f: f, th: f.Theme, n: p.numbers(f), dead: p.deaths(f)}
	comment, targets, maker, text := 0, 8, 0, 0
	for _, r := range p.rows[from:to] {
		if r.at < 0 || r.n < 0 {
			continue
		}
		rule := &p.index.chains[r.at].chain.Rules[r.n]
		comment = max(comment, line.Width(rule.Comment))
		text = max(text, line.Width(short(p.index.row(r), false)))
		targets = max(targets, line.Width(rule.Target)+min(1, len(rule.Jump)))
		o, ok := p.index.ruleOrigin(r)
		if chain, known := p.index.origin(r.at); ok && (!known || chain.Name != o.Name) {
			if d.makers == nil {
				d.makers = map[ref]provenance.Origin{}
			}
			d.makers[r] = o
			maker = max(maker, line.Width(o.Name))
		}
	}
	c := []table.Column{
		colMark:    {Title: " ", Min: 1},
		colNumber:  {Title: "num", Min: 4, Right: true},
		colPackets: {Title: "packets", Min: 8, Right: true},
		colBytes:   {Title: "bytes", Min: 7, Right: true, Drop: 4},
		colRate:    {Title: "/s", Min: 4, Right: true, Drop: 2},
		colTrend:   {Title: "trend", Min: trailLength, Right: true, Drop: 6},
		colTarget:  {Title: "target", Min: min(targets, 12), Flex: want(targets, 12) - 1, Drop: 1},
		colMaker:   {Title: "by", Min: max(maker, 1), Drop: 3},
		colRule:    {Title: "rule", Min: 22, Flex: want(text, 22)},
		colComment: {Title: "comment", Min: min(max(comment, 8), 14), Flex: want(comment, 14), Drop: 5},
	}
	if p.hot {
		c[colRate].Sorted = -1
	}
	for _, gone := range []struct {
		col int
		is  bool
	}{{colMaker, maker == 0}, {colComment, comment == 0}, {colTrend, width < roomy || !d.n.rates()}} {
		if gone.is {
			c[gone.col] = table.Column{Drop: 9, Min: width + 1} // never fits
		}
	}
	d.lay = table.Fit(c, width)
	d.whole = !d.lay.Shown(colTarget)
	return d
}

// want is a column's share of what is left over, by the width that it still lacks; in
// large steps, so that columns seldom move while the rows scroll.
func want(width, has int) int { return 1 + max(0, width-has+7)/8 }

// row makes a row's cells, which hold until the next is made.
func (d *drawing) row(at ref, selected bool) table.Row {
	th := d.th
	r := d.p.index.row(at)
	dim := th.Dim
	if selected {
		dim = th.Text // dim is hard to read on the ground of the selection
	}
	out := table.Row{Over: lipgloss.NewStyle()}
	if selected && d.p.inRows {
		out.Over = th.Selected
	}
	span := func(text string, style lipgloss.Style) {
		out.Span, out.Cells = true, []table.Cell{{Text: text, Style: style}}
	}
	switch r.kind {
	case rowHead:
		by, in := "", speech.In(d.f.Language())
		if o, ok := d.p.index.origin(at.at); ok {
			by = in.MadeBy(o.Name, o.About) + d.p.say.Of("; ")
		}
		span(heading(in, r, by), th.Backend(r.table.Backend).Bold(true))
		return out
	case rowPending:
		span("  "+speech.In(d.f.Language()).Reading(d.p.waits(r.chain))+th.Glyphs.Dots, th.Moving)
		return out
	case rowText:
		span(strings.ReplaceAll(r.text, "\t", "    "), th.Text)
		return out
	}
	if d.cells == nil {
		d.cells = make([]table.Cell, colComment+1)
	}
	clear(d.cells)
	out.Cells = d.cells
	put := func(col int, text string, style lipgloss.Style) {
		out.Cells[col] = table.Cell{Text: text, Style: style}
	}
	c, rate := d.n.of(r)
	pkts, bytes, speed := figures(c, rate)
	quiet := th.Text
	if c.Valid && c.Packets == 0 || !c.Valid {
		quiet = dim
	}
	put(colPackets, pkts, quiet)
	put(colBytes, bytes, quiet)
	put(colRate, speed, th.Moving.Bold(false))
	if r.kind == rowPolicy {
		mark, style := d.died(at)
		policy := "policy"
		if d.whole {
			policy += " " + r.chain.Policy
		}
		put(colMark, mark, style)
		put(colNumber, d.p.say.Of("end"), dim)
		put(colTarget, strings.ToUpper(r.chain.Policy), verdictStyle(th, r.chain.PolicyVerdict(), false))
		put(colRule, policy, dim)
		return out
	}
	mark, style := d.died(at)
	text := th.Text
	if ruleset.Doubt(r.table, r.rule) != "" {
		text = th.Warn
		if mark == "" {
			mark, style = th.Glyphs.Unknown, th.Warn
		}
	}
	if m, s, ok := d.p.lit(d.f, r.rule); ok {
		mark, style = m, s
		if !selected {
			out.Over = lipgloss.NewStyle().Bold(true)
		}
	}
	if glow := d.f.Player.Lit(r.rule.ID); glow > 0 {
		mark, style = th.Glyphs.Hit, th.Lit
		if glow > 0.25 && !selected {
			out.Over, out.Plain = th.Lit, true
		}
	}
	target := r.rule.Target
	if r.rule.Jump != "" {
		target = th.Glyphs.Jump + r.rule.Jump
	}
	put(colMark, mark, style)
	put(colNumber, number(r.rule), dim)
	put(colTrend, spark(th, d.p.trail.see(d.f.Snap.Rule(r.rule.ID)), trailLength), th.Accent)
	put(colTarget, target, verdictStyle(th, r.rule.Verdict(), r.rule.Jump != ""))
	put(colMaker, d.makers[at].Name, th.Accent)
	put(colRule, short(r, d.whole), text)
	put(colComment, r.rule.Comment, dim)
	return out
}
