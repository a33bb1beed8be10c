package rules

import (
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/ui/component/inspector"
	"nfscope/ui/component/line"
	"nfscope/ui/component/table"
	"nfscope/ui/component/units"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// View draws the tree beside the rules, or one of them where there is no room for both.
func (p *Page) View(f *page.Frame) string {
	if !p.sync(f) {
		return strings.Join(line.Block([]string{"", f.Theme.Dim.Render("  reading the rules" + f.Theme.Glyphs.Dots)}, f.Width, f.Height, ""), "\n")
	}
	left := p.split(f)
	switch left {
	case 0:
		return strings.Join(p.panel(f, f.Width), "\n")
	case f.Width:
		p.height = f.Height
		return strings.Join(p.tree.View(f.Theme, f.Width, f.Height, true), "\n")
	}
	t := p.tree.View(f.Theme, left, f.Height, !p.inRows)
	return strings.Join(line.Beside(t, p.panel(f, f.Width-left-3), " "+f.Theme.Border.Render(f.Theme.Glyphs.V)+" "), "\n")
}

// split is the width of the tree: all, nothing or a part.
func (p *Page) split(f *page.Frame) int {
	switch {
	case f.Width < narrow || f.Zoomed:
		if p.inRows || f.Zoomed {
			return 0
		}
		return f.Width
	}
	return max(26, min(36, f.Width/4))
}

// panel draws the rules: a title, the table, and the selected rule in full.
func (p *Page) panel(f *page.Frame, width int) []string {
	th := f.Theme
	out := []string{p.title(f, width)}
	detail := p.detail(f, width)
	p.height = max(1, f.Height-2-len(detail))
	if f.Height < 3 {
		return line.Block(out, width, f.Height, th.Glyphs.Dots)
	}
	from, to := p.cursor.Window(p.height)
	n := p.numbers(f)
	lay := table.Fit(p.columns(from, to), width)
	whole := !lay.Shown(5) // no column for the target: it stays in the text
	out = append(out, lay.Head(th))
	dead := deaths(f)
	for i := from; i < to; i++ {
		out = append(out, lay.Row(th, p.draw(f, p.rows[i], n, dead, i == p.cursor.Index(), whole)))
	}
	if len(p.rows) == 0 {
		out = append(out, th.Dim.Render("  "+p.none(f)))
	}
	out = line.Block(out, width, f.Height-len(detail), th.Glyphs.Dots)
	return append(out, line.Block(detail, width, len(detail), th.Glyphs.Dots)...)
}

func (p *Page) none(f *page.Frame) string {
	switch {
	case p.never:
		return "every rule here was hit (* shows all)"
	case f.Filter != "":
		return "no rule here is found by " + strconv.Quote(f.Filter)
	}
	return "there are no rules here"
}

// title says what is listed.
func (p *Page) title(f *page.Frame, width int) string {
	th := f.Theme
	k := p.scope()
	name, note := "all rules", ""
	badge := lipgloss.NewStyle()
	if k.Backend != model.BackendUnknown {
		name, badge = k.Backend.String(), th.Backend(k.Backend)
	}
	if k.Table != "" {
		note = k.Backend.String() + ", " + k.Family.String()
		name = k.Table
	}
	if k.Chain != "" {
		name += "/" + k.Chain
		if t := f.Snap.Rules.Table(k.Backend, k.Family, k.Table); t != nil {
			if c := t.Chain(k.Chain); c != nil && c.Base() {
				note += fmt.Sprintf("; hook %s, priority %d", c.Hook, c.Priority)
			} else if c != nil {
				note += "; user chain"
			}
		}
	}
	for i := len(p.back) - 1; i >= 0 && k.Chain != ""; i-- {
		if p.back[i].scope.Chain != "" {
			note = "from " + p.back[i].scope.Chain + ", esc goes back; " + note
			break
		}
	}
	right := ""
	if p.never {
		right = "never hit"
	}
	if p.base.on {
		right = strings.TrimPrefix(right+", since "+p.base.counts.Taken.Format("15:04:05"), ", ")
	}
	left := badge.Bold(true).Render(line.Cut(line.Clean(name), width, th.Glyphs.Dots)) + "  " + th.Dim.Render(line.Clean(note))
	return line.Spread(left, th.Warn.Render(right), width, th.Glyphs.Dots)
}

// columns of the table. Those of counters stay as wide as they are; the comment gets
// room only where a rule in sight has one.
func (p *Page) columns(from, to int) []table.Column {
	comment, targets := 0, 8
	for _, r := range p.rows[from:to] {
		if r.rule != nil {
			comment = max(comment, line.Width(r.rule.Comment))
			targets = max(targets, min(12, line.Width(r.rule.Target)+min(1, len(r.rule.Jump))))
		}
	}
	c := []table.Column{
		{Title: " ", Min: 1},
		{Title: "num", Min: 4, Right: true},
		{Title: "packets", Min: 8, Right: true},
		{Title: "bytes", Min: 7, Right: true, Drop: 3},
		{Title: "/s", Min: 4, Right: true, Drop: 2},
		{Title: "target", Min: targets, Drop: 1},
		{Title: "rule", Min: 22, Flex: 4},
	}
	if comment > 0 {
		c = append(c, table.Column{Title: "comment", Min: min(max(comment, 8), 14), Flex: 1, Drop: 4})
	}
	return c
}

// draw makes a row's cells.
func (p *Page) draw(f *page.Frame, r row, n *numbers, dead marks, selected, whole bool) table.Row {
	th := f.Theme
	dim := th.Dim
	if selected {
		dim = th.Text // dim is hard to read on the ground of the selection
	}
	out := table.Row{Over: lipgloss.NewStyle()}
	if selected {
		out.Over = th.Selected
		if !p.inRows {
			out.Over = lipgloss.NewStyle()
		}
	}
	c, rate := n.of(r)
	pkts, bytes, speed := figures(c, rate)
	quiet := th.Text
	if c.Valid && c.Packets == 0 || !c.Valid {
		quiet = dim
	}
	switch r.kind {
	case rowHead:
		out.Span = true
		out.Cells = []table.Cell{{Text: heading(r), Style: th.Backend(r.table.Backend).Bold(true)}}
	case rowText:
		out.Span = true
		out.Cells = []table.Cell{{Text: strings.ReplaceAll(r.text, "\t", "    "), Style: th.Text}}
	case rowPolicy:
		mark, style := dead.policy(th, r)
		policy := "policy"
		if whole {
			policy += " " + r.chain.Policy
		}
		v, vs := r.chain.Policy, verdictStyle(th, r.chain.PolicyVerdict(), false)
		out.Cells = []table.Cell{{Text: mark, Style: style}, {Text: "end", Style: dim}, {Text: pkts, Style: quiet}, {Text: bytes, Style: quiet},
			{Text: speed, Style: th.Moving.Bold(false)}, {Text: strings.ToUpper(v), Style: vs}, {Text: policy, Style: dim}, {}}
	default:
		mark, style := dead.rule(th, r)
		text := th.Text
		if r.rule.Marked != "" {
			text = th.Warn
		}
		if glow := f.Player.Lit(r.rule.ID); glow > 0 {
			mark, style = th.Glyphs.Hit, th.Lit
			if glow > 0.25 && !selected {
				out.Over = th.Lit
				out.Plain = true
			}
		}
		target, ts := r.rule.Target, verdictStyle(th, r.rule.Verdict(), r.rule.Jump != "")
		if r.rule.Jump != "" {
			target = th.Glyphs.Jump + r.rule.Jump
		}
		out.Cells = []table.Cell{{Text: mark, Style: style}, {Text: number(r.rule), Style: dim}, {Text: pkts, Style: quiet},
			{Text: bytes, Style: quiet}, {Text: speed, Style: th.Moving.Bold(false)}, {Text: target, Style: ts},
			{Text: short(r, whole), Style: text}, {Text: r.rule.Comment, Style: dim}}
	}
	return out
}

func figures(c model.Counters, rate float64) (pkts, bytes, speed string) {
	pkts, bytes = "-", "-"
	if c.Valid {
		pkts, bytes = units.Count(c.Packets, 8), strings.ReplaceAll(units.Bytes(c.Bytes), " ", "")
	}
	if rate > 0 {
		speed = units.Rate(rate)
	}
	return pkts, bytes, speed
}

func verdictStyle(th *theme.Theme, v model.Verdict, jump bool) lipgloss.Style {
	switch {
	case jump:
		return th.Accent
	case v == model.VerdictAccept:
		return th.Good
	case v.Ends():
		return th.Bad
	case v == model.VerdictQueue:
		return th.Warn
	}
	return th.Text
}

func number(r *model.Rule) string { return strconv.Itoa(r.Index) }

// short is the rule's text without what stands in other columns: the chain before
// it, the comment in it and, unless whole, the target behind it.
func short(r row, whole bool) string {
	s := strings.TrimPrefix(r.rule.Text, "-A "+r.chain.Name+" ")
	if r.table.Backend == model.BackendNFTables {
		if c := ` comment "` + r.rule.Comment + `"`; r.rule.Comment != "" {
			s = strings.Replace(s, c, "", 1)
		}
		return s
	}
	if c := r.rule.Comment; c != "" {
		for _, c := range []string{`-m comment --comment "` + c + `" `, "-m comment --comment " + c + " "} {
			s = strings.Replace(s, c, "", 1)
		}
	}
	if whole || r.rule.Target == "" {
		return s
	}
	for _, flag := range []string{"-j ", "-g "} {
		if t := flag + r.rule.Target; s == t {
			return "any packet"
		} else if i := strings.LastIndex(s, " "+t); i >= 0 && (len(s) == i+1+len(t) || s[i+1+len(t)] == ' ') {
			return s[:i] + s[i+1+len(t):]
		}
	}
	return s
}

func heading(r row) string {
	s := fmt.Sprintf("%s %s/%s", r.table.Family, r.table.Name, r.chain.Name)
	if r.chain.Base() {
		return fmt.Sprintf("%s   %s, hook %s, priority %d", s, r.table.Backend, r.chain.Hook, r.chain.Priority)
	}
	return s + "   " + r.table.Backend.String() + ", user chain"
}

// plain is a row as text for the clipboard.
func plain(r row) string {
	switch {
	case r.rule != nil:
		return r.rule.Text
	case r.kind == rowPolicy:
		return fmt.Sprintf("%s/%s policy %s", r.table.Name, r.chain.Name, r.chain.Policy)
	case r.kind == rowHead:
		return heading(r)
	}
	return r.text
}

// detail is the selected rule in full, where there is room for it.
func (p *Page) detail(f *page.Frame, width int) []string {
	if f.Height < 12 || !p.inRows {
		return nil
	}
	r, ok := p.selected()
	if !ok || r.rule == nil {
		return nil
	}
	th := f.Theme
	items := []inspector.Item{{Value: r.rule.Text, Style: th.Text}}
	if r.rule.Handle != 0 {
		items = append(items, inspector.Item{Name: "handle", Value: strconv.FormatUint(r.rule.Handle, 10), Style: th.Dim})
	}
	if r.rule.Marked != "" {
		items = append(items, inspector.Item{Name: "note", Value: r.rule.Marked, Style: th.Warn})
	}
	if j := lastHit(f.Snap.Journeys, r); j != nil {
		_, style := th.Fate(j.Outcome.Verdict)
		items = append(items, inspector.Item{Name: "last hit", Value: fmt.Sprintf("#%d %s: %s", j.Number, j.Packet.String(), j.Outcome.Verdict), Style: style})
	}
	rule := th.Border.Render(strings.Repeat(th.Glyphs.H, max(0, width)))
	return append([]string{rule}, inspector.View(th, width, min(5, f.Height/4), items)...)
}

// lastHit finds the newest of the last packets that hit a rule.
func lastHit(js []*journey.Journey, r row) *journey.Journey {
	for i := len(js) - 1; i >= 0 && i >= len(js)-200; i-- {
		for k := range js[i].Steps {
			if s := &js[i].Steps[k]; s.RuleID == r.rule.ID && s.Text == r.rule.Text {
				return js[i]
			}
		}
	}
	return nil
}

// marks are the places where packets died, as rows know them.
type marks map[rowKey]string

// deaths reads the player's marks.
func deaths(f *page.Frame) marks {
	m := marks{}
	for _, d := range f.Player.Deaths() {
		k := rowKey{chain: chainKey{Backend: d.Backend, Family: d.Family, Table: d.Table, Chain: d.Chain}, kind: rowPolicy}
		if d.Rule > 0 {
			k.kind, k.nth = rowRule, d.Rule
		}
		m[k] = d.Verdict
	}
	return m
}

func (m marks) sign(th *theme.Theme, k rowKey) (string, lipgloss.Style) {
	if v, ok := m[k]; ok {
		return th.Fate(v)
	}
	return "", th.Text
}

func (m marks) rule(th *theme.Theme, r row) (string, lipgloss.Style) {
	return m.sign(th, rowKey{chain: keyOf(r.table, r.chain), kind: rowRule, nth: r.rule.Index})
}

func (m marks) policy(th *theme.Theme, r row) (string, lipgloss.Style) {
	return m.sign(th, rowKey{chain: keyOf(r.table, r.chain), kind: rowPolicy})
}

// Click selects what is under the mouse.
func (p *Page) Click(x, y int, f *page.Frame) tea.Cmd {
	if !p.sync(f) {
		return nil
	}
	left := p.split(f)
	if x < left {
		p.inRows, p.back = false, nil
		from, to := p.tree.Cursor.Window(f.Height)
		if from+y < to {
			p.tree.Cursor.Go(from+y, p.tree.At)
		}
		return nil
	}
	p.inRows = true
	from, to := p.cursor.Window(p.height)
	if i := from + y - 2; y >= 2 && i < to {
		p.cursor.Go(i, p.at)
	}
	return nil
}
