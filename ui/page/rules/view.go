package rules

import (
	"fmt"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
	"nfscope/ui/component/inspector"
	"nfscope/ui/component/line"
	"nfscope/ui/component/overlay"
	"nfscope/ui/component/progress"
	"nfscope/ui/component/tree"
	"nfscope/ui/component/units"
	"nfscope/ui/page"
	"nfscope/ui/speech"
	"nfscope/ui/theme"
)

// View draws the tree beside the rules, or one of them where there is no room for both.
func (p *Page) View(f *page.Frame) string {
	p.say = p.notices.In(speech.In(f.Language()))
	if !p.sync(f) {
		return strings.Join(p.waiting(f), "\n")
	}
	news := p.newsLine(f)
	body := *f
	far := progress.Line(f.Theme, f.Snap, f.Now, f.Width)
	if far != "" && f.Height > 3 {
		body.Height--
	} else {
		far = ""
	}
	if news != "" && f.Height > 6 {
		body.Height--
	} else {
		news = ""
	}
	lines := p.body(&body)
	if p.menu != nil {
		lines = overlay.Center(lines, p.menu.view(f.Theme, f.Width, body.Height), f.Width)
	}
	if p.box != nil {
		lines = overlay.Center(lines, p.box.view(p, &body, f.Width, body.Height), f.Width)
	}
	if news != "" {
		lines = append(lines, f.Theme.Warn.Render(line.Fit(line.Clean(p.say.Of(news)), f.Width, f.Theme.Glyphs.Dots)))
	}
	if far != "" {
		lines = append(lines, far)
	}
	return strings.Join(lines, "\n")
}

// waiting is the page while nothing is known of the rules.
func (p *Page) waiting(f *page.Frame) []string {
	th := f.Theme
	where := ""
	if f.Snap.Netns != "" {
		where = " of " + line.Clean(f.Snap.Netns)
	}
	out := []string{"", th.Moving.Render("  " + p.say.Of("reading the rules"+where+th.Glyphs.Dots)),
		th.Dim.Render("  " + p.say.Of("every table of every backend once; a large host takes some seconds"))}
	if far := progress.Line(th, f.Snap, f.Now, f.Width-1); far != "" {
		out = append(out, " "+far)
	}
	for i, s := range f.Snap.Problems {
		if i >= len(f.Snap.Problems)-3 {
			out = append(out, th.Warn.Render("  ! "+line.Clean(p.say.Of(s))))
		}
	}
	return line.Block(out, f.Width, f.Height, th.Glyphs.Dots)
}

func (p *Page) body(f *page.Frame) []string {
	nums := p.numbers(f)
	face := func(n *tree.Node[chainKey]) tree.Face { return p.face(f, nums, n) }
	left := p.split(f)
	p.treeHeight = f.Height
	switch left {
	case 0:
		return p.panel(f, f.Width)
	case f.Width:
		p.height = f.Height
		return p.tree.View(f.Theme, f.Width, f.Height, true, face)
	}
	t := p.tree.View(f.Theme, left, f.Height, !p.inRows, face)
	return line.Beside(t, p.panel(f, f.Width-left-3), " "+f.Theme.Border.Render(f.Theme.Glyphs.V)+" ")
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
	return treeWidth(f.Width)
}

// panel draws the rules: a title, the table, and the selected rule in full.
func (p *Page) panel(f *page.Frame, width int) []string {
	if p.sets.open != nil {
		return p.setPanel(f, width)
	}
	th := f.Theme
	detail := p.detail(f, width)
	p.height = max(1, f.Height-2-len(detail))
	from, to := p.cursor.Window(p.height)
	out := []string{p.title(f, p.rows[from:to], width)}
	if f.Height < 3 {
		return line.Block(out, width, f.Height, th.Glyphs.Dots)
	}
	out = append(out, p.table(f, from, to, width)...)
	if len(p.rows) == 0 {
		out = append(out, th.Dim.Render("  "+p.say.Of(p.none(f))))
	}
	out = line.Block(out, width, f.Height-len(detail), th.Glyphs.Dots)
	return append(out, line.Block(detail, width, len(detail), th.Glyphs.Dots)...)
}

func (p *Page) none(f *page.Frame) string {
	switch {
	case p.search != nil && p.shown.hits == nil:
		return "looking for " + strconv.Quote(f.Filter) + f.Theme.Glyphs.Dots
	case p.scope().Extra != "":
		return p.setNone()
	case p.never:
		return "every rule here that counts was hit (* shows all)"
	case f.Filter != "":
		return "no rule here is found by " + strconv.Quote(f.Filter)
	}
	return "there are no rules here"
}

// title says what is listed.
func (p *Page) title(f *page.Frame, rows []ref, width int) string {
	th := f.Theme
	k := p.scope()
	in := speech.In(f.Language())
	name, note := p.say.Of("all rules"), ""
	badge := lipgloss.NewStyle()
	if k.Backend != model.BackendUnknown {
		name, badge = k.Backend.String(), th.Backend(k.Backend)
	} else if p.shown.hits != nil {
		name = p.say.Of(count(len(p.shown.hits.rules), "rule found", "rules found"))
	}
	if k.Extra != "" {
		name, note = k.Extra, p.say.Of(p.setNote())
	} else if k.Table != "" {
		note = k.Backend.String() + ", " + k.Family.String()
		name = k.Table
	}
	rates := ""
	if k.Chain != "" {
		name += "/" + k.Chain
		if n := p.tree.Selected(); n != nil && n.Ref >= 0 {
			note += p.say.Of("; ") + p.chainNote(in, n.Ref)
			rates = p.chainSpark(f, p.index.chains[n.Ref].chain)
		}
	}
	for i := len(p.back) - 1; i >= 0 && k.Chain != ""; i-- {
		if from := p.back[i]; from.scope.Chain != "" || from.row.chain.Chain != "" {
			name := from.scope.Chain
			if name == "" {
				name = from.row.chain.Chain
			}
			if name == k.Chain { // opened from a list, or the same name in another table
				name = ""
				if from.scope.Chain != "" {
					name = from.scope.Table + "/" + from.scope.Chain
				}
			}
			note = in.CameFrom(name) + note
			break
		}
	}
	modes := p.modes(in)
	if note := p.ageNote(f, rows); note != "" {
		modes = append(modes, note)
	}
	right := th.Warn.Render(strings.Join(modes, p.say.Of(", ")))
	if p.search != nil {
		right = th.Moving.Render(p.say.Of(fmt.Sprintf("looking for %s: %d %%", strconv.Quote(line.Cut(line.Clean(p.search.hits.text), 20, th.Glyphs.Dots)), int(p.searched*100))))
	}
	left := badge.Bold(true).Render(line.Cut(line.Clean(name), width, th.Glyphs.Dots)) + "  "
	if rates != "" && width >= roomy {
		left += th.Accent.Render(rates) + "  "
	}
	left += th.Dim.Render(line.Clean(note))
	return line.Spread(left, right, width, th.Glyphs.Dots)
}

// modes are the words for what is not as usual in the list.
func (p *Page) modes(in speech.Speech) []string {
	var out []string
	if p.hot {
		out = append(out, in.Mode("hottest first"))
	}
	if p.never {
		out = append(out, in.Mode("never hit"))
	}
	if p.base.on {
		at, whole := p.base.at.Format("15:04:05"), ""
		if taken := p.base.counts.Taken; p.base.at.Sub(taken) > late {
			whole = taken.Format("15:04:05")
		}
		out = append(out, in.Since(at, whole))
	}
	return out
}

// chainNote says what kind of chain it is, who made it, and what is wrong with it.
func (p *Page) chainNote(in speech.Speech, at int32) string {
	c := p.index.chains[at].chain
	note := in.UserChain()
	if c.Base() {
		note = in.AtHook(c.Hook.String(), ruleset.PriorityText(p.index.chains[at].table, c))
	}
	if o, ok := p.index.origin(at); ok {
		note = in.MadeBy(o.Name, o.About) + p.say.Of(", ") + note
	}
	if words, _ := p.marks.says(c); words != "" {
		note = p.say.Of(words) + p.say.Of("; ") + note
	} else if words := p.marks.perhaps(c); words != "" {
		note = p.say.Of(words) + p.say.Of("; ") + note
	}
	return note
}

// chainSpark draws a base chain's last rates, of any chain the newest in figures.
func (p *Page) chainSpark(f *page.Frame, c *model.Chain) string {
	rate := p.chainRate(f, p.numbers(f), c)
	if rate <= 0 {
		return ""
	}
	s := units.Rate(rate) + "/s"
	if c.ID < len(f.Snap.Sparks) {
		s = strings.TrimSpace(spark(f.Theme, f.Snap.Sparks[c.ID], 8) + " " + s)
	}
	return s
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
		} else if rest, ok := strings.CutPrefix(s, t+" "); ok {
			return "any packet " + rest
		} else if i := strings.LastIndex(s, " "+t); i >= 0 && (len(s) == i+1+len(t) || s[i+1+len(t)] == ' ') {
			return s[:i] + s[i+1+len(t):]
		}
	}
	return s
}

// heading is a chain's; by tells of who made it.
func heading(in speech.Speech, r row, by string) string {
	s := fmt.Sprintf("%s %s/%s   %s%s", r.table.Family, r.table.Name, r.chain.Name, by, r.table.Backend)
	if r.chain.Base() {
		return s + in.Behind(in.AtHook(r.chain.Hook.String(), ruleset.PriorityText(r.table, r.chain)))
	}
	return s + in.Behind(in.UserChain())
}

// plain is a row as text for the clipboard.
func plain(r row) string {
	switch {
	case r.rule != nil:
		return r.rule.Text
	case r.kind == rowPolicy:
		return fmt.Sprintf("%s/%s policy %s", r.table.Name, r.chain.Name, r.chain.Policy)
	case r.kind == rowHead:
		return heading("en", r, "")
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
	if at, ok := p.cursor.Key(); ok {
		if o, ok := p.index.ruleOrigin(at); ok {
			made := o.Name
			if o.About != "" {
				made += ": " + o.About
			}
			items = append(items, inspector.Item{Name: p.say.Of("made by"), Value: made, Style: th.Accent})
		}
	}
	if r.rule.Handle != 0 {
		items = append(items, inspector.Item{Name: p.say.Of("handle"), Value: strconv.FormatUint(r.rule.Handle, 10), Style: th.Dim})
	}
	if doubts := ruleset.Doubts(r.table, r.rule); len(doubts) > 0 {
		tell := p.doubts.In(speech.In(f.Language()))
		for i := range doubts {
			doubts[i] = tell.Of(doubts[i])
		}
		items = append(items, inspector.Item{Name: p.say.Of("note"), Value: strings.Join(doubts, p.say.Of("; ")), Style: th.Warn})
	}
	if j := lastHit(f.Snap.Journeys, r); j != nil {
		_, style := th.Fate(j.Outcome.Verdict)
		items = append(items, inspector.Item{Name: p.say.Of("last hit"), Value: fmt.Sprintf("#%d %s: %s", j.Number, j.Packet.String(), j.Outcome.Verdict), Style: style})
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

// Click selects what is under the mouse.
func (p *Page) Click(x, y int, f *page.Frame) tea.Cmd {
	if !p.sync(f) {
		return nil
	}
	if p.menu != nil || p.box != nil {
		return nil
	}
	p.acted, p.touched = true, true
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
	if m := p.sets.open; m != nil {
		if from, to := m.cursor.Window(p.height); y >= 2 && from+y-2 < to {
			m.cursor.Go(from+y-2, m.at)
		}
		return nil
	}
	from, to := p.cursor.Window(p.height)
	if i := from + y - 2; y >= 2 && i < to {
		p.cursor.Go(i, p.at)
	}
	return nil
}
