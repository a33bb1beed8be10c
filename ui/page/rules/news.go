package rules

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"nfscope/model"
	"nfscope/model/diff"
	"nfscope/ui/component/table"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// batch is what changed from one ruleset to the next.
type batch struct {
	at      time.Time
	changes []diff.Change
	more    int // changes that were too many to keep
	words   string
	authors authors
}

const (
	// keptBatches and keptChanges bound what is remembered.
	keptBatches = 20
	keptChanges = 1000
	// newsTime is how long the line about a change stands, glowTime how long the rules
	// that changed are marked.
	newsTime = 30 * time.Second
	glowTime = 8 * time.Second
)

// glow marks a rule that changed.
type glow struct {
	kind  diff.Kind
	until time.Time
}

// report takes the changes that led to the ruleset shown, and their summary.
func (p *Page) report(changes []diff.Change, words string, by authors, f *page.Frame) {
	if len(changes) == 0 {
		return // the generation moved, the rules did not
	}
	b := batch{at: f.Now, changes: changes, words: words, authors: by}
	p.glow = map[*model.Rule]glow{}
	for i := range changes {
		if r := changes[i].Rule; r != nil && len(p.glow) < keptChanges {
			p.glow[r] = glow{changes[i].Kind, b.at.Add(glowTime)}
		}
	}
	if n := len(changes); n > keptChanges {
		b.changes, b.more = changes[:keptChanges:keptChanges], n-keptChanges
	}
	p.news = append(p.news, b)
	if len(p.news) > keptBatches {
		p.news = p.news[1:]
	}
}

// settleNews lets go of the ruleset that the newest changes came from: another one has
// taken its place.
func (p *Page) settleNews() {
	p.glow = nil
	if len(p.news) == 0 {
		return
	}
	b := &p.news[len(p.news)-1]
	for i := range b.changes {
		c := &b.changes[i]
		c.Rule = nil
		c.Table, c.Chain, c.New = strings.Clone(c.Table), strings.Clone(c.Chain), strings.Clone(c.New)
	}
}

// summary says how much changed, and where; "" where nothing did.
func summary(changes []diff.Change) string {
	if len(changes) == 0 {
		return ""
	}
	add, gone, other := diff.Summary(changes)
	var n []string
	for _, c := range []struct {
		sign string
		n    int
	}{{"+", add}, {"-", gone}, {"~", other}} {
		if c.n > 0 {
			n = append(n, fmt.Sprintf("%s%d", c.sign, c.n))
		}
	}
	where := map[string]bool{}
	for i := range changes {
		where[placeOf(&changes[i])] = true
	}
	in := placeOf(&changes[0])
	if len(where) > 1 {
		in = fmt.Sprintf("%d places", len(where))
	}
	if len(n) == 0 { // a table or a chain without rules
		c := &changes[0]
		words := "chain " + in + " " + c.Kind.String()
		if c.What == diff.Table {
			words = "table " + in + " " + c.Kind.String()
		}
		if len(where) > 1 {
			words = in
		}
		return words + ", without a rule"
	}
	return strings.Join(n, " ") + " in " + in
}

// placeOf names where a change is.
func placeOf(c *diff.Change) string {
	if c.Chain == "" {
		return c.Table
	}
	return c.Table + "/" + c.Chain
}

// newsLine is the line about the newest change, "" where it is old.
func (p *Page) newsLine(f *page.Frame) string {
	if len(p.news) == 0 {
		return ""
	}
	b := &p.news[len(p.news)-1]
	age := f.Now.Sub(b.at)
	if age < 0 || age >= newsTime {
		return ""
	}
	by := b.authors.String()
	if by != "" {
		by = " " + by
	}
	return fmt.Sprintf(" rules changed %d s ago%s: %s (press D)", int(age/time.Second), by, b.words)
}

// lit is the mark of a rule that just changed.
func (p *Page) lit(f *page.Frame, r *model.Rule) (string, lipgloss.Style, bool) {
	g, ok := p.glow[r]
	if !ok || !f.Now.Before(g.until) {
		return "", lipgloss.Style{}, false
	}
	mark, style := sign(f.Theme, g.kind)
	return mark, style, true
}

func sign(th *theme.Theme, k diff.Kind) (string, lipgloss.Style) {
	switch k {
	case diff.Added:
		return "+", th.Good.Bold(true)
	case diff.Removed:
		return "-", th.Bad
	}
	return "~", th.Warn.Bold(true)
}

// changes opens the list of what changed, newest first.
func (p *Page) changes(f *page.Frame) tea.Cmd {
	if len(p.news) == 0 {
		return page.Send(page.Say{Text: "the rules have not changed while nfscope looked"})
	}
	var rows []choice
	for i := len(p.news) - 1; i >= 0; i-- {
		b := &p.news[i]
		rows = append(rows, choice{note: true, style: f.Theme.Title, cells: just(b.at.Format("15:04:05") + "  " + p.say.Of(b.words))})
		for _, l := range b.authors.lines() {
			rows = append(rows, choice{note: true, style: f.Theme.Dim, cells: just("  " + p.say.Of(l))})
		}
		for k := range b.changes {
			rows = append(rows, p.change(f.Theme, &b.changes[k]))
		}
		if b.more > 0 {
			rows = append(rows, choice{note: true, style: f.Theme.Dim, cells: just(p.say.Of("and " + count(b.more, "more change", "more changes")))})
		}
	}
	p.menu = newMenu(p.say.Of("changes of the rules; enter goes there"), keys.Changes,
		[]table.Column{{Min: 1}, {Min: 22, Drop: 1}, {Min: 5, Right: true}, {Min: 16, Flex: 1}}, rows)
	return nil
}

// change is the row of one change.
func (p *Page) change(th *theme.Theme, c *diff.Change) choice {
	mark, style := sign(th, c.Kind)
	k := chainKey{Backend: c.Backend, Family: c.Family, Table: c.Table, Chain: c.Chain}
	index, text := c.Index, c.New
	out := choice{style: style, why: "it is not there any more"}
	num, says := "", ""
	switch c.What {
	case diff.Rule:
		num, says = fmt.Sprint(c.Index), plainText(c.New, c.Chain)
		switch c.Kind {
		case diff.Removed:
			says = plainText(c.Old, c.Chain)
			text = ""
		case diff.Moved:
			says = p.say.Of("moved: " + says)
		case diff.Changed:
			if c.Old != "" {
				says += "   (before: " + plainText(c.Old, c.Chain) + ")"
			}
		}
		if says == "" {
			says = p.say.Of("(a text too many to keep)")
		}
	case diff.Policy:
		says = p.say.Of("policy " + c.Old + " is now " + c.New)
	case diff.Chain:
		says = p.say.Of("the chain was " + c.Kind.String() + ", " + count(c.Rules, "rule", "rules"))
	case diff.Table:
		says = p.say.Of("the table was " + c.Kind.String() + ", " + count(c.Rules, "rule", "rules"))
	case diff.Object:
		says = c.New
		if says == "" {
			says = c.Old
		}
		says = p.say.Of(says + " was " + c.Kind.String())
	}
	out.cells = just(mark, placeOf(c), num, says)
	out.to = func() (chainKey, ref, bool) {
		x := p.index
		if c.What == diff.Rule && text != "" {
			r, ok := x.ruleAt(k, index, text)
			return k, r, ok
		}
		if c.Chain == "" {
			return k, ref{n: headOf}, x.rs.Table(k.Backend, k.Family, k.Table) != nil
		}
		at, ok := x.chain(k)
		return k, ref{at, headOf}, ok
	}
	return out
}

func just(cells ...string) func() []string { return func() []string { return cells } }

// plainText is a rule's text without the chain that stands in another column.
func plainText(text, chain string) string { return strings.TrimPrefix(text, "-A "+chain+" ") }
