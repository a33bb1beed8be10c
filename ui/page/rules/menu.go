package rules

import (
	"fmt"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"nfscope/ui/component/line"
	"nfscope/ui/component/list"
	"nfscope/ui/component/overlay"
	"nfscope/ui/component/table"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// menu is a list above the page, to choose from: who jumps here, what changed.
type menu struct {
	title   string
	open    keys.Action // the key that opened it closes it too; "" where that was enter
	columns []table.Column
	rows    []choice
	cursor  list.Cursor[int]
	height  int
}

// choice is a row of a menu and where it leads.
type choice struct {
	// cells are asked for when the row is in sight.
	cells func() []string
	style lipgloss.Style
	// note leads nowhere and cannot be chosen; it is a heading.
	note bool
	// to is looked for when it is chosen; why says what is wrong where it is not there.
	to  func() (chainKey, ref, bool)
	why string
}

func (m *menu) at(i int) int { return i }

// newMenu makes a menu with its first choice selected.
func newMenu(title string, open keys.Action, columns []table.Column, rows []choice) *menu {
	m := &menu{title: title, open: open, columns: columns, rows: rows}
	m.cursor.Sync(1, len(rows), m.at)
	m.skip(1)
	return m
}

// skip leaves headings in the direction of the move, or the other way at an end.
func (m *menu) skip(by int) {
	if by == 0 || len(m.rows) == 0 {
		return
	}
	dir := 1
	if by < 0 {
		dir = -1
	}
	for range 2 {
		for i := m.cursor.Index(); i >= 0 && i < len(m.rows); i += dir {
			if !m.rows[i].note {
				m.cursor.Go(i, m.at)
				return
			}
		}
		dir = -dir
	}
}

// doMenu carries out an action while a menu is open.
func (p *Page) doMenu(a keys.Action) tea.Cmd {
	m := p.menu
	if by := steps(a, m.height); by != 0 {
		m.cursor.Move(by, m.at)
		m.skip(by)
		return nil
	}
	switch a {
	case keys.Back, keys.Left, m.open:
		p.menu = nil
	case keys.Enter, keys.Right:
		if len(m.rows) == 0 {
			return nil
		}
		c := m.rows[m.cursor.Index()]
		if c.to == nil {
			return nil
		}
		k, to, ok := c.to()
		if !ok {
			return page.Send(page.Say{Text: c.why})
		}
		p.menu = nil
		p.goTo(k, to, to.n != headOf)
	}
	return nil
}

// view draws the box for a page of width x height cells.
func (m *menu) view(th *theme.Theme, width, height int) []string {
	h := min(len(m.rows)+2, max(3, height-2))
	w := max(min(width-4, 120), min(width, 40))
	m.height = max(1, h-2)
	from, to := m.cursor.Window(m.height)
	lay := table.Fit(m.columns, w-4)
	body := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		c := m.rows[i]
		r := table.Row{Over: lipgloss.NewStyle(), Span: c.note}
		if i == m.cursor.Index() && !c.note {
			r.Over = th.Selected
		}
		for k, s := range c.cells() {
			style := c.style
			if k > 0 {
				style = th.Text
			}
			r.Cells = append(r.Cells, table.Cell{Text: s, Style: style})
		}
		for len(r.Cells) < len(m.columns) {
			r.Cells = append(r.Cells, table.Cell{})
		}
		body = append(body, lay.Row(th, r))
	}
	title := m.title
	if to < len(m.rows) {
		title = line.Cut(title, max(1, w-10), th.Glyphs.Dots) + " " + th.Glyphs.Down
	}
	return overlay.Box(th, title, body, w, h)
}

// subject is the chain that the page's keys speak of: of the selected row, or of the tree.
func (p *Page) subject() (int32, bool) {
	if p.inRows {
		if r, ok := p.cursor.Key(); ok && r.at >= 0 {
			return r.at, true
		}
	}
	if n := p.tree.Selected(); n != nil && n.Ref >= 0 {
		return n.Ref, true
	}
	return 0, false
}

// callers opens the list of the rules that jump to a chain.
func (p *Page) callers() tea.Cmd {
	at, ok := p.subject()
	if !ok {
		return page.Send(page.Say{Text: "select a chain to see who jumps to it"})
	}
	x := p.index
	c := x.chains[at].chain
	calls := x.names.Callers(c)
	if len(calls) == 0 {
		if c.Base() {
			return page.Send(page.Say{Text: fmt.Sprintf("no rule jumps to %s: the kernel calls it at hook %s", c.Name, c.Hook)})
		}
		if words := mayCall(x.names.Graph().Unread(c)); words != "" {
			return page.Send(page.Say{Text: "nothing that was read jumps to " + c.Name + "; " + words})
		}
		return page.Send(page.Say{Text: "nothing jumps to " + c.Name + ": its rules are never asked"})
	}
	rows, name := make([]choice, 0, len(calls)), 12
	for _, call := range calls {
		r, ok := x.of(call.Chain, call.Rule.Index-1)
		if !ok {
			continue
		}
		k := x.chainKey(r.at)
		verb := "jump"
		if call.Goto {
			verb = "goto"
		}
		name = max(name, min(36, line.Width(k.Table)+1+line.Width(k.Chain)))
		rows = append(rows, choice{why: "that rule is not there any more",
			cells: func() []string {
				return []string{k.Table + "/" + k.Chain, number(call.Rule), verb, short(x.row(r), true)}
			},
			to: func() (chainKey, ref, bool) {
				if p.index == x {
					return k, r, true
				}
				r, ok := p.index.find(x.key(r)) // the rules changed while the list was open
				return k, r, ok
			}})
	}
	title := fmt.Sprintf("%s %s; enter goes there", count(len(rows), "rule jumps to", "rules jump to"), c.Name)
	if words := mayCall(x.names.Graph().Unread(c)); words != "" {
		title = fmt.Sprintf("%s %s; there may be more: %s", count(len(rows), "rule jumps to", "rules jump to"), c.Name, words)
	}
	p.menu = newMenu(p.say.Of(title), keys.Callers,
		[]table.Column{{Min: name, Drop: 1}, {Min: 5, Right: true}, {Min: 4, Drop: 2}, {Min: 16, Flex: 1}}, rows)
	return nil
}

// count prints a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// ruleAt finds a rule of a change again: at its number where the text is still
// there, else wherever the chain has it.
func (x *index) ruleAt(k chainKey, index int, text string) (ref, bool) {
	at, ok := x.chain(k)
	if !ok {
		return ref{}, false
	}
	rules := x.chains[at].chain.Rules
	if i := index - 1; i >= 0 && i < len(rules) && rules[i].Text == text {
		return ref{at, int32(i)}, true
	}
	for i := range rules {
		if rules[i].Text == text {
			return ref{at, int32(i)}, true
		}
	}
	return ref{}, false
}
