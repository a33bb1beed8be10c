package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"nfscope/model"
	"nfscope/model/filter"
	"nfscope/model/ruleset"
	"nfscope/model/set"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/line"
	"nfscope/ui/component/overlay"
	"nfscope/ui/component/units"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/speech"
)

// inspect is a box above the page that says all that is known of one rule, and leads on
// from it.
type inspect struct {
	rule rowKey
	// ways are where the box leads, and at the line of each.
	ways   []way
	at     []int
	chosen int // of ways
	top    int
	lines  int // at the last View
	height int
	// explained is what the rule says, made once for the index.
	explained struct {
		index *index
		lang  string
		parts []model.Part
	}
}

// way is a line of the box that leads on.
type way struct {
	name, value string
	text        string // in place of value: a filter or a name, which stays
	to          func(f *page.Frame) tea.Cmd
}

// inspectRule opens the box on the selected rule.
func (p *Page) inspectRule() tea.Cmd {
	r, ok := p.selected()
	at, has := p.cursor.Key()
	if !p.inRows || !ok || !has || r.rule == nil {
		return page.Send(page.Say{Text: "select a rule or a set to look into it"})
	}
	p.box = &inspect{rule: p.index.key(at)}
	return nil
}

// doInspect carries out an action while the box is open.
func (p *Page) doInspect(a keys.Action, f *page.Frame) tea.Cmd {
	b := p.box
	r, ok := p.index.find(b.rule)
	switch a {
	case keys.Back, keys.Left, keys.Inspect:
		p.box = nil
	case keys.Copy:
		if ok {
			return page.Send(page.CopyRequest{Text: plain(p.index.row(r))})
		}
	case keys.TraceThis:
		if ok {
			return traceRule(p.index.row(r))
		}
	case keys.Flows:
		if ok {
			return flowsOf(p.index.row(r))
		}
	case keys.Enter, keys.Right:
		if b.chosen < len(b.ways) && ok {
			return b.ways[b.chosen].to(f)
		}
	default:
		b.move(steps(a, b.height))
	}
	return nil
}

// move goes to the next way where that is in sight or one line off, else it scrolls.
func (b *inspect) move(by int) {
	last := max(0, b.lines-b.height)
	switch {
	case by == 1 || by == -1:
		b.top = max(0, min(b.top, last))
		next := b.chosen + by
		if next >= 0 && next < len(b.at) {
			if to := b.at[next]; to >= b.top-1 && to <= b.top+b.height {
				b.chosen = next
				b.top = max(min(b.top, to), to-b.height+1)
				return
			}
		}
		b.top = max(0, min(b.top+by, last))
	case by != 0:
		b.top = max(0, min(b.top+by, last))
		for i, at := range b.at { // the first in sight
			if at >= b.top && at < b.top+b.height {
				b.chosen = i
				break
			}
		}
	}
}

// view draws the box for a page of width x height cells.
func (b *inspect) view(p *Page, f *page.Frame, width, height int) []string {
	th := f.Theme
	w := max(min(width-4, 110), min(width, 40))
	inner := max(1, w-4)
	r, ok := p.index.find(b.rule)
	if !ok {
		return overlay.Box(th, "rule", []string{th.Warn.Render(p.say.Of("this rule is not there any more"))}, w, 3)
	}
	row := p.index.row(r)
	var body []string
	put := func(style lipgloss.Style, indent int, first, text string) {
		for i, l := range line.Wrap(line.Clean(text), max(1, inner-indent)) {
			head := line.Space(indent)
			if i == 0 {
				head = line.Fit(first, indent, "")
			}
			body = append(body, head+style.Render(l))
		}
	}
	put(th.Strong, 0, "", row.rule.Text)
	body = append(body, "")
	say := p.inWords.In(speech.In(f.Language()))
	b.explain(p.index, row, f.Language(), say)
	for _, l := range partLines(b.explained.parts, say, p.doubts.In(speech.In(f.Language()))) {
		style := th.Text
		if l.unknown {
			style = th.Warn
		}
		put(style, 6, th.Dim.Render(p.say.Of(l.label)), l.text)
	}
	if row.rule.Marked != "" {
		put(th.Warn, 6, th.Warn.Render("?"), row.rule.Marked)
	}
	body = append(body, "")
	const names = 12
	for _, it := range p.facts(f, r, row) {
		put(it.style, names, th.Dim.Render(p.say.Of(it.name)), p.said(it))
	}
	b.ways, b.at = p.ways(f, row), b.at[:0]
	b.chosen = max(0, min(b.chosen, len(b.ways)-1))
	for i, way := range b.ways {
		b.at = append(b.at, len(body))
		text := line.Fit(th.Glyphs.Jump+" "+line.Clean(p.say.Of(way.name)), names, th.Glyphs.Dots) + line.Clean(p.say.Of(way.value)+way.text)
		if i == b.chosen {
			body = append(body, th.Selected.Render(line.Fit(text, inner, th.Glyphs.Dots)))
		} else {
			body = append(body, th.Accent.Render(line.Cut(text, inner, th.Glyphs.Dots)))
		}
	}
	h := min(len(body)+2, max(3, height-2))
	b.lines, b.height = len(body), max(1, h-2)
	b.top = max(0, min(b.top, b.lines-b.height))
	title := p.say.Of(fmt.Sprintf("rule %d of %s/%s, %s %s", row.rule.Index, row.table.Name, row.chain.Name, row.table.Backend, row.table.Family))
	if more := b.top+b.height < b.lines; more {
		title = line.Cut(title, max(1, w-10), th.Glyphs.Dots) + " " + th.Glyphs.Down
	}
	return overlay.Box(th, title, body[b.top:], w, h)
}

// explain reads the rule, once for each ruleset and language.
func (b *inspect) explain(x *index, r row, lang string, say model.Say) {
	if b.explained.index != x || b.explained.lang != lang {
		b.explained.index, b.explained.lang = x, lang
		b.explained.parts = ruleset.ExplainIn(r.table, r.rule, say)
	}
}

// partLine is a part of a rule as a sentence's piece: if, and, then.
type partLine struct {
	label, text string
	unknown     bool
}

func partLines(parts []model.Part, say model.Say, doubts ladder.Say) []partLine {
	var out []partLine
	asked := false
	for _, p := range parts {
		if strings.HasPrefix(p.Text, "-m comment ") || strings.HasPrefix(p.Text, `comment "`) {
			continue // it has a line of its own
		}
		label := "then"
		if !p.Does {
			label = "if"
			if asked {
				label = "and"
			}
			asked = true
		}
		if p.Does && !asked {
			out, asked = append(out, partLine{label: "if", text: say.Of("any packet")}), true
		}
		if p.Words != "" {
			out = append(out, partLine{label, p.Words, false})
			label = ""
		}
		if p.Unknown != "" {
			out = append(out, partLine{label, p.Text, true},
				partLine{"?", say.Of("not known to nfscope: %s; shown as the program prints it", doubts.Of(p.Unknown)), true})
		}
	}
	return out
}

// fact is a line about the rule that leads nowhere.
type fact struct {
	name, value string
	style       lipgloss.Style
}

func (p *Page) facts(f *page.Frame, at ref, r row) []fact {
	th := f.Theme
	var out []fact
	if o, ok := p.index.ruleOrigin(at); ok {
		made := o.Name
		if o.About != "" {
			made += ": " + o.About
		}
		out = append(out, fact{"made by", made, th.Accent})
	}
	if r.rule.Comment != "" {
		out = append(out, fact{"comment", r.rule.Comment, th.Text})
	}
	if r.rule.Handle != 0 {
		out = append(out, fact{"handle", strconv.FormatUint(r.rule.Handle, 10), th.Dim})
	}
	return append(out, fact{"counter", p.counterWords(f, r), th.Text})
}

// said is what a fact says: of the counter in the language of explanations, else in the user's words.
func (p *Page) said(it fact) string {
	if it.name == "counter" {
		return p.say.Of(it.value)
	}
	return it.value
}

// counterWords says what the rule has counted, how fast, and how old that is.
func (p *Page) counterWords(f *page.Frame, r row) string {
	n := p.numbers(f)
	c, rate := n.of(r)
	switch {
	case c.Valid:
	case r.table.Backend != model.BackendNFTables, slices.Contains(strings.Fields(r.rule.Text), "counter"):
		return "not known: the text was printed without numbers"
	default:
		return "none: the rule does not count"
	}
	s := units.Plural(c.Packets, 20, "packet") + ", " + units.Bytes(c.Bytes)
	if c.Packets == 0 {
		s = "never hit"
	}
	if n.base != nil {
		s += " since " + n.base.Taken.Format("15:04:05")
	}
	if rate >= 0 {
		s += ", " + units.Rate(rate) + " a second"
	}
	switch read := f.Snap.Rule(r.rule.ID).At; {
	case read.IsZero():
	case f.Now.Sub(read) < 2*time.Second:
		s += ", read just now"
	default:
		s += ", read " + units.Span(f.Now.Sub(read)) + " ago"
	}
	return s
}

// ways are what the rule leads to.
func (p *Page) ways(f *page.Frame, r row) []way {
	var out []way
	if name := r.rule.Jump; name != "" {
		k := keyOf(r.table, r.chain)
		k.Chain = name
		value := "chain " + name
		if _, ok := p.index.chain(k); !ok {
			value += ", which is not there"
		}
		out = append(out, way{"goes to", value, "", func(*page.Frame) tea.Cmd { return p.leave(func() tea.Cmd { return p.goChain(k) }) }})
	}
	if n := len(ruleset.Choices(r.table, r.rule)); n > 0 {
		out = append(out, way{"calls", "chains by " + units.Plural(uint64(n), 7, "element"), "", func(*page.Frame) tea.Cmd {
			return p.leave(func() tea.Cmd {
				cmd, _ := p.choices(r)
				return cmd
			})
		}})
	}
	for _, k := range set.Named(r.table, r.rule.Text) {
		out = append(out, way{"set", "", k.String(), func(*page.Frame) tea.Cmd { return p.leave(func() tea.Cmd { return p.goToSet(k) }) }})
	}
	if j := lastHit(f.Snap.Journeys, r); j != nil {
		number := j.Number
		out = append(out, way{"last hit", fmt.Sprintf("by packet #%d %s, %s", number, j.Packet.String(), j.Outcome.Verdict), "",
			func(*page.Frame) tea.Cmd { return page.Send(page.GotoJourney{Number: number}) }})
	}
	if text, _ := filter.ForRule(r.table, r.chain, r.rule); text != "" {
		out = append(out, way{"trace (t)", "", text, func(*page.Frame) tea.Cmd { return traceRule(r) }})
	}
	if translates(r) {
		out = append(out, way{"flows (C)", "the connections that it translates", "", func(*page.Frame) tea.Cmd { return flowsOf(r) }})
	}
	return append(out, way{"copy (y)", "the rule's text", "", func(*page.Frame) tea.Cmd { return page.Send(page.CopyRequest{Text: plain(r)}) }})
}

// leave closes the box where a way leads elsewhere on this page.
func (p *Page) leave(to func() tea.Cmd) tea.Cmd {
	b := p.box
	p.box = nil
	cmd := to()
	if cmd != nil { // it says why it did not go
		p.box = b
	}
	return cmd
}

// traceRule asks for a trace of what hits a rule.
func traceRule(r row) tea.Cmd {
	text, left := filter.ForRule(r.table, r.chain, r.rule)
	if text == "" {
		return page.Send(page.Say{Text: "packets of " + r.table.Family.String() + " tables cannot be traced"})
	}
	why := "what hits this rule is listed"
	if len(left) > 0 {
		why += "; traced at first, too, is what does not fit " + strings.Join(left, ", ")
	}
	return page.Send(page.ArmRequest{Filter: text, Why: why})
}

// translates reports whether a rule's target is one of NAT's.
func translates(r row) bool {
	switch strings.ToUpper(r.rule.Target) {
	case "SNAT", "DNAT", "MASQUERADE", "REDIRECT", "NETMAP":
		return true
	}
	return false
}

// flowsOf shows the connections that a rule translates.
func flowsOf(r row) tea.Cmd {
	if !translates(r) {
		return page.Send(page.Say{Text: "this rule translates nothing: t traces what it hits"})
	}
	return page.Send(page.FilterRequest{Page: "Connections", Filter: filter.ForRuleFlows(r.table, r.chain, r.rule),
		Says: "connections that this rule translates, or may (inferred from today's rules)"})
}
