package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/model"
	"nfscope/model/set"
	"nfscope/ui/component/line"
	"nfscope/ui/component/table"
	"nfscope/ui/component/tree"
	"nfscope/ui/component/units"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// setPanel draws the members of the set that is selected: a title, those in sight, and a
// line for what was asked.
func (p *Page) setPanel(f *page.Frame, width int) []string {
	th, m := f.Theme, p.sets.open
	m.sync()
	out := []string{p.setTitle(th, width)}
	foot := 0
	if f.Height >= 5 {
		foot = 1
	}
	p.height = max(1, f.Height-2-foot)
	m.from, m.to = m.cursor.Window(p.height)
	lay := table.Fit([]table.Column{{Title: "place", Min: max(5, len(strconv.Itoa(m.to))), Right: true, Drop: 1},
		{Title: "member", Min: min(20, width), Flex: 1}}, width)
	out = append(out, lay.Head(th))
	for i := m.from; i < m.to; i++ {
		out = append(out, lay.Row(th, p.memberRow(th, i)))
	}
	if m.rows() == 0 {
		out = append(out, th.Dim.Render("  "+p.say.Of("there are no members")))
	}
	out = line.Block(out, width, f.Height-foot, th.Glyphs.Dots)
	if foot > 0 {
		says, style := p.setSays(), th.Dim
		switch {
		case m.said != "" && m.good:
			style = th.Good
		case m.said != "":
			style = th.Warn
		}
		out = append(out, style.Render(line.Fit(line.Clean(p.say.Of(says)), width, th.Glyphs.Dots)))
	}
	return out
}

// setSays is what was asked last, or else what can be asked.
func (p *Page) setSays() string {
	m := p.sets.open
	if m.said != "" {
		return m.said
	}
	if p.sets.trouble != "" && !m.ready {
		return p.sets.trouble
	}
	says := p.cameFrom() + "i: is something in it?  u: who names it"
	if _, known := m.count(); !known {
		says += "  c: count"
	}
	return says
}

func (p *Page) memberRow(th *theme.Theme, i int) table.Row {
	m := p.sets.open
	r := table.Row{}
	style, dim := th.Text, th.Dim
	if i == m.cursor.Index() && p.inRows {
		r.Over, dim = th.Selected, th.Text
	}
	text := "reading" + th.Glyphs.Dots
	if v, ok := m.member(i); ok {
		text = v.Line(m.set.Backend)
		if v.Unknown != "" {
			style = th.Warn
		}
	} else if style = th.Dim; m.failed {
		text = "not read"
	}
	r.Cells = []table.Cell{{Text: strconv.Itoa(i + 1), Style: dim}, {Text: text, Style: style}}
	return r
}

// setTitle says which set it is, how large, and who names it.
func (p *Page) setTitle(th *theme.Theme, width int) string {
	m := p.sets.open
	k := m.set.Key
	name, style := ipsetNode+" "+k.Name, th.Accent
	if k.Backend == set.NFT {
		name = k.Table + "/" + k.Name
	}
	words := []string{setType(m.set), p.say.Of(m.countWords())}
	switch n := p.uses.of(k); {
	case p.uses == nil:
	case n > 0:
		words = append(words, p.say.Of("named by "+count(n, "rule", "rules")))
	default:
		words = append(words, p.say.Of("no rule names it"))
	}
	words = append(words, m.headerWords()...)
	if k.Backend == set.NFT {
		words = append(words, "nftables, "+k.Family.String())
	}
	right := ""
	switch {
	case m.reading:
		right = th.Moving.Render("reading" + th.Glyphs.Dots)
	case m.old:
		right = th.Warn.Render("changed since")
	}
	note := strings.Join(words, "; ")
	left := style.Bold(true).Render(line.Cut(line.Clean(name), width, th.Glyphs.Dots)) + "  " + th.Dim.Render(line.Clean(strings.TrimPrefix(note, "; ")))
	return line.Spread(left, right, width, th.Glyphs.Dots)
}

// setType is a set's type, and what a map gives.
func setType(s set.Set) string {
	if s.Data != "" {
		return s.Type + " : " + s.Data
	}
	return s.Type
}

// setFace is what a set looks like in the tree.
func (p *Page) setFace(th *theme.Theme, k chainKey, key set.Key, out *tree.Face) {
	out.Text, out.Style = k.Extra, th.Accent
	if k.Table == "" {
		out.Text = key.Name
	}
	n, known := p.sets.count(key)
	number := "?"
	if known {
		number = units.Count(n, 6)
	}
	s, listed := p.sets.find(key)
	switch {
	case listed:
		out.Notes = []string{setType(s) + "  " + number, number}
	case p.sets.from == nil && k.Table != "" && p.setRead(k): // its lines are below
	case p.sets.from == nil || p.sets.known:
		out.Notes = []string{"unknown", "?"}
	default:
		out.Notes = []string{th.Glyphs.Dots}
	}
}

// setNone says why there is nothing to see of a set.
func (p *Page) setNone() string {
	if p.scope().Extra == ipsetNode {
		return "select a set"
	}
	return "its members are not known here: " + noSession
}

// noSession is why a set cannot be asked for.
const noSession = "a recording or a file of rules does not hold them"

// setNote says of a set's text what it lacks.
func (p *Page) setNote() string {
	k := p.scope()
	if _, ok := setKey(k); !ok || !p.index.rs.Terse {
		return ""
	}
	if m, read := p.mapRead(k); read && m.More {
		return fmt.Sprintf("the first %d elements; the others were not read", m.Read)
	} else if read {
		return ""
	}
	return noSession
}

// setRead reports whether the text of a set has elements, where it has some.
func (p *Page) setRead(k chainKey) bool {
	_, read := p.mapRead(k)
	return read || !p.index.rs.Terse
}

// mapRead is what was read of a verdict map with the rules.
func (p *Page) mapRead(k chainKey) (m model.VerdictMap, read bool) {
	key, ok := setKey(k)
	if t := p.index.rs.Table(k.Backend, k.Family, k.Table); ok && t != nil {
		return t.Map(key.Name)
	}
	return m, false
}

// doSet carries out what is for the set that is shown; false where it is not.
func (p *Page) doSet(a keys.Action) (tea.Cmd, bool) {
	m := p.sets.open
	if m == nil {
		_, ok := setKey(p.scope())
		if a == keys.CountSet || a == keys.Inspect && ok {
			return page.Send(page.Say{Text: p.noSet()}), true
		}
		return nil, false
	}
	switch a {
	case keys.Inspect:
		if !m.ready {
			return page.Send(page.Say{Text: "the set was not read yet"}), true
		}
		return page.Send(page.TypeRequest{Prompt: "is in " + m.set.Name + ":", Hint: memberHint(m.set), Says: "enter: the kernel looks it up, nothing is read   esc: don't"}), true
	case keys.CountSet:
		if _, known := m.count(); known && (m.set.CountKnown || m.ended) {
			return page.Send(page.Say{Text: m.set.String() + " has " + m.countWords()}), true
		}
		m.wants, m.said = true, ""
		return nil, true
	case keys.Copy:
		if v, ok := m.member(m.cursor.Index()); ok && p.inRows {
			return page.Send(page.CopyRequest{Text: v.Text}), true
		}
		return page.Send(page.CopyRequest{Text: m.set.Name}), true
	case keys.Enter:
		m.failed = false // tried again
		if p.inRows {
			return nil, true
		}
	}
	return nil, false
}

// noSet says why there is no set to ask.
func (p *Page) noSet() string {
	if _, ok := setKey(p.scope()); ok {
		return "the members are not known here: " + noSession
	}
	return "select a set first"
}

// memberHint is an example of what a set may hold.
func memberHint(s set.Set) string { return "one " + s.Type + ", written as it is listed" }

// Take looks a typed text up in the set that is shown.
func (p *Page) Take(text string, f *page.Frame) tea.Cmd {
	if !p.sync(f) || p.sets.open == nil {
		return nil
	}
	m := p.sets.open
	m.say("looking for "+text+f.Theme.Glyphs.Dots, true)
	m.look = append(m.look, text)
	return nil
}

// goToSet shows a set; Back returns to where it was called.
func (p *Page) goToSet(k set.Key) tea.Cmd {
	to, ok := p.nodeOf(k)
	if !ok {
		return page.Send(page.Say{Text: "there is no " + k.String()})
	}
	p.goTo(to, ref{}, false)
	return nil
}

// setsOfRule goes to the set that the selected rule names, or lets choose among several.
func (p *Page) setsOfRule() tea.Cmd {
	r, ok := p.selected()
	if !ok || !p.inRows || r.rule == nil {
		return page.Send(page.Say{Text: "select a rule that names a set"})
	}
	named := set.Named(r.table, r.rule.Text)
	switch len(named) {
	case 0:
		return page.Send(page.Say{Text: "rule " + number(r.rule) + " names no set"})
	case 1:
		return p.goToSet(named[0])
	}
	rows := make([]choice, 0, len(named))
	for _, k := range named {
		rows = append(rows, choice{why: "there is no " + k.String(),
			cells: func() []string {
				s, _ := p.sets.find(k)
				n, known := p.sets.count(k)
				number := "?"
				if known {
					number = units.Count(n, 6)
				}
				return []string{k.Name, number, setType(s)}
			},
			to: func() (chainKey, ref, bool) {
				to, ok := p.nodeOf(k)
				return to, ref{n: headOf}, ok
			}})
	}
	p.menu = newMenu(p.say.Of(fmt.Sprintf("rule %s names %d sets; enter goes there", number(r.rule), len(named))), keys.ToSet,
		[]table.Column{{Min: 24, Flex: 1}, {Min: 6, Right: true}, {Min: 16, Flex: 1}}, rows)
	return nil
}

// users opens the list of the rules that name a set.
func (p *Page) users(k set.Key) tea.Cmd {
	if p.uses == nil {
		return page.Send(page.Say{Text: "the rules are still being searched"})
	}
	if p.uses.of(k) == 0 {
		return page.Send(page.Say{Text: "no rule names " + k.String()})
	}
	x := p.uses.index
	var rows []choice
	for _, r := range p.uses.by[k] {
		at := x.chainKey(r.at)
		rows = append(rows, choice{why: "that rule is not there any more",
			cells: func() []string {
				w := x.row(r)
				return []string{at.Table + "/" + at.Chain, number(w.rule), short(w, true)}
			},
			to: func() (chainKey, ref, bool) {
				if p.index == x {
					return at, r, true
				}
				r, ok := p.index.find(x.key(r))
				return at, r, ok
			}})
	}
	p.menu = newMenu(p.say.Of(fmt.Sprintf("%s %s; enter goes there", count(len(rows), "rule names", "rules name"), k)), keys.Callers,
		[]table.Column{{Min: 20, Drop: 1}, {Min: 5, Right: true}, {Min: 16, Flex: 1}}, rows)
	return nil
}

// cameFrom says where esc leads back to, "" where nowhere.
func (p *Page) cameFrom() string {
	for i := len(p.back) - 1; i >= 0; i-- {
		if c := p.back[i].row.chain.Chain; c != "" {
			return "esc: back to " + c + "  "
		} else if c := p.back[i].scope.Chain; c != "" {
			return "esc: back to " + c + "  "
		}
	}
	return ""
}

// ipsetNames are the ipsets to show: those listed, and those that rules name where
// nobody can list them.
func (p *Page) ipsetNames() (names []string) {
	if p.sets.from != nil {
		for i := range p.sets.list {
			if s := &p.sets.list[i]; s.Backend == set.IPSet {
				names = append(names, s.Name)
			}
		}
		return names
	}
	if p.uses == nil {
		return nil
	}
	for k := range p.uses.by {
		if k.Backend == set.IPSet {
			names = append(names, k.Name)
		}
	}
	slices.Sort(names)
	return names
}

// listedOnly are nft's sets of a table that its text does not have, as where nft is missing.
func (p *Page) listedOnly(t *model.Table, has map[string]bool) (extra []string) {
	if t.Backend == model.BackendLegacy {
		return nil
	}
	for i := range p.sets.list {
		if s := &p.sets.list[i]; s.Backend == set.NFT && s.Family == t.Family && s.Table == t.Name && !has[s.Name] {
			extra = append(extra, setWord(*s)+" "+s.Name)
		}
	}
	return extra
}
