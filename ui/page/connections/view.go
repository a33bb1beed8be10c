package connections

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"nfscope/model/flow"
	"nfscope/ui/component/inspector"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/line"
	"nfscope/ui/component/table"
	"nfscope/ui/component/units"
	"nfscope/ui/page"
	"nfscope/ui/speech"
	"nfscope/ui/theme"
)

// ends are the widths of the three ends of a flow. They only grow, so that the
// columns stand still while the list scrolls.
type ends struct {
	width                    int
	client, service, backend int
	joined, nat              int
	mark, zone               bool
}

func (e *ends) learn(width int, flows []*flow.Flow) {
	if e.width != width {
		*e = ends{width: width}
	}
	for _, f := range flows {
		if f == nil {
			continue
		}
		c, s, b := parts(f)
		e.client, e.service, e.backend = max(e.client, len(c)), max(e.service, len(s)), max(e.backend, len(b))
		all := len(c) + 3 + len(s)
		if b != "" {
			all += 3 + len(b)
		}
		e.joined, e.nat = max(e.joined, all), max(e.nat, len(f.NAT.String()))
		e.mark, e.zone = e.mark || f.Mark != 0, e.zone || f.Zone != 0
	}
}

// parts are the ends of a flow; backend is "" where the service itself answers.
func parts(f *flow.Flow) (client, service, backend string) {
	client, service = f.Orig.Tuple.SrcString(), f.Orig.Tuple.DstString()
	if b := f.Reply.Tuple.SrcString(); b != service && f.Reply.Tuple.Src.IsValid() {
		backend = b
	}
	return client, service, backend
}

// View draws the list, and the selected flow in words below or beside it.
func (p *Page) View(f *page.Frame) string {
	p.sync(f)
	if p.pools.open {
		return p.pools.view(f, p.say(f))
	}
	th := f.Theme
	fl := p.Selected()
	switch {
	case p.detail && fl != nil && f.Width < 170:
		return strings.Join(inspector.View(th, f.Width, f.Height, p.explain(th, f, fl)), "\n")
	case fl == nil || f.Zoomed || f.Height < 16:
		return strings.Join(p.table(f, f.Width, f.Height), "\n")
	case f.Width >= 170:
		side := f.Width / 4
		left := p.table(f, f.Width-side-3, f.Height)
		right := inspector.View(th, side, f.Height, p.explain(th, f, fl))
		return strings.Join(line.Beside(left, right, " "+th.Border.Render(th.Glyphs.V)+" "), "\n")
	}
	items := p.explain(th, f, fl)
	below := min(f.Height/3, 9)
	out := p.table(f, f.Width, f.Height-below-1)
	out = append(out, th.Border.Render(strings.Repeat(th.Glyphs.H, f.Width)))
	return strings.Join(append(out, inspector.View(th, f.Width, below, items)...), "\n")
}

// table draws the title, the heads and the rows in sight.
func (p *Page) table(f *page.Frame, width, height int) []string {
	th := f.Theme
	if height <= 0 {
		return nil
	}
	out := append([]string{p.title(f, width)}, p.alarms(f, width)...)
	p.above = len(out) + 1
	p.height = max(1, height-p.above)
	var rows int
	if p.order.made.groups() {
		notes := p.groupNotes()
		if p.height < 3*len(notes) {
			notes = nil
		}
		p.height -= len(notes)
		out, rows = append(out, p.groupRows(f, width)...), len(p.order.groups)
		for _, n := range notes {
			out = append(out, th.Dim.Render(line.Cut(p.say(f).Of(n), width, th.Glyphs.Dots)))
		}
	} else {
		out, rows = append(out, p.rows(f, width)...), p.len()
	}
	if rows == 0 {
		out = append(out, "", th.Dim.Render("  "+line.Clean(p.say(f).Of(p.none(f)))))
	}
	return line.Block(out, width, height, th.Glyphs.Dots)
}

// rows draws the heads and the connections in sight.
func (p *Page) rows(f *page.Frame, width int) []string {
	from, list := p.window(p.height)
	p.ends.learn(width, list)
	cols, joined := p.columns(width, f.Snap.Flows.Accounting)
	lay := table.Fit(cols, width)
	out := []string{lay.Head(f.Theme)}
	for i, fl := range list {
		if fl == nil { // it left while the list stands still
			out = append(out, f.Theme.Dim.Render(" gone"))
			continue
		}
		out = append(out, lay.Row(f.Theme, p.draw(f, fl, joined, from+i == p.cursor.Index())))
	}
	return out
}

// window gives the place of the first of so many connections in sight, and what they are;
// nil for one that left.
func (p *Page) window(height int) (from int, list []*flow.Flow) {
	from, to := p.cursor.Window(height)
	t, v := p.order.made.table, p.order.view
	p.shown.fill(t, v, from, min(to, v.Len()))
	for i := from; i < to; i++ {
		if k, ok := p.row(i); ok {
			list = append(list, p.shown.flow(t, v.Row(k)))
		} else {
			list = append(list, p.ghost.flow)
		}
	}
	return from, list
}

func (p *Page) none(f *page.Frame) string {
	switch {
	case p.order.number == 0:
		return "putting the connections in order" + f.Theme.Glyphs.Dots
	case f.Filter != "":
		return fmt.Sprintf("no connection is found by %q (esc clears the filter)", f.Filter)
	case !f.Snap.Flows.Ready:
		return "reading the connections" + f.Theme.Glyphs.Dots
	case !f.Snap.ConntrackInUse:
		return "conntrack is not in use here: no rule needs it, so the kernel tracks nothing"
	}
	return "no connections"
}

// title counts, and says what is switched off.
func (p *Page) title(f *page.Frame, width int) string {
	th, t := f.Theme, f.Snap.Flows
	in := speech.In(f.Language())
	n, of := units.Count(uint64(t.Table.Len()), 7), ""
	if m := p.len(); !p.order.made.groups() && m != t.Table.Len() && p.order.made != (spec{table: t.Table, by: p.order.made.by, down: p.order.made.down}) {
		n, of = units.Count(uint64(m), 7), n
	}
	left := th.Strong.Render(in.Connections(n, of, p.order.least)) + "  " + th.Dim.Render(p.arranged(in))
	if part := p.order.pending(); part >= 0 {
		left += "  " + th.Moving.Render(fmt.Sprintf("%s %d %%", p.tells.In(in).Of(p.order.want.words()), int(100*part)))
	}
	if t.Began >= 0.5 || t.Went >= 0.5 {
		left += "  " + th.Text.Render("+"+units.Rate(t.Began)+"/s -"+units.Rate(t.Went)+"/s")
	}
	if f.Snap.Health != nil && f.Snap.Health.Max > 0 {
		left += "  " + healthGauge(th, p.say(f), f.Snap.Health)
	} else if t.Max > 0 {
		use := in.Used(uint64(t.Count), uint64(t.Max))
		style := th.Dim
		if t.Count*10 >= t.Max*9 {
			style = th.Bad
		}
		left += "  " + style.Render(use)
	}
	right := ""
	if !t.Accounting { // the inspector names the sysctl too
		for _, right = range []string{"no counters: sysctl net.netfilter.nf_conntrack_acct=1", "no counters: nf_conntrack_acct=0", "no counters"} {
			right = p.say(f).Of(right)
			if line.Width(left)+2+line.Width(right) <= width {
				break
			}
		}
	}
	return line.Spread(left, th.Warn.Render(right), width, th.Glyphs.Dots)
}

// say is what explanations are said in.
func (p *Page) say(f *page.Frame) ladder.Say { return p.says.In(speech.In(f.Language())) }

// arranged says how the list is made: in groups or not, and what it is ordered by.
func (p *Page) arranged(in speech.Speech) string {
	made := &p.order.made
	column := made.column()
	switch {
	case made.kind == flow.NoGroups:
		return in.By(column, made.down)
	case made.inside != (flow.GroupKey{}):
		return inside(made.inside) + "  " + in.By(column, made.down)
	}
	first := uint64(0) // too many groups are not all listed
	if p.order.more > 0 {
		first = uint64(len(p.order.groups))
	}
	return in.Groups(uint64(len(p.order.groups)+p.order.more), first, made.kind.String()) + in.OrderedToo(column, made.down)
}

// alarms are the lines above the list about what is wrong: with conntrack, or with
// connections that today's rules would treat otherwise.
func (p *Page) alarms(f *page.Frame, width int) (out []string) {
	th := f.Theme
	if text, bad := alarm(f.Snap.Health); text != "" {
		style := th.Warn
		if bad {
			style = th.Bad
		}
		out = append(out, style.Render(line.Cut(p.say(f).Of("! "+line.Clean(text)+" (P says more)"), width, th.Glyphs.Dots)))
	}
	if p.order.least {
		out = append(out, th.Warn.Render(line.Cut(p.say(f).Of("! sets were not asked about all of them: there may be more (1000 questions a second are asked)"), width, th.Glyphs.Dots)))
	}
	if n := p.nature.stale; n > 0 {
		text := fmt.Sprintf("! %s stale: today's rules would drop or translate it otherwise", units.Plural(uint64(n), 7, "connection"))
		if p.nature.least {
			text = "! at least " + text[2:]
		}
		if p.nature.pass >= 0 && p.nature.looked < p.nature.total {
			text += fmt.Sprintf(" (%s of %s looked at)", units.Count(uint64(p.nature.looked), 7), units.Count(uint64(p.nature.total), 7))
		}
		out = append(out, th.Warn.Render(line.Cut(p.say(f).Of(text), width, th.Glyphs.Dots)))
	}
	if f.Height < 12 && len(out) > 1 {
		out = out[:1]
	}
	return out
}

// columns of the table. With room the three ends have a column each; else they are
// one text, joined by arrows.
func (p *Page) columns(width int, accounting bool) (cols []table.Column, joined bool) {
	e := p.ends
	need := e.client + e.service + e.backend + 6
	sort := func(c flow.Column) int { return sorted(&p.order.made, c) }
	cols = []table.Column{{Title: "proto", Min: 5, Drop: 3, Sorted: sort(flow.ByProto)}}
	nat := min(max(e.nat, 8), 24)
	if joined = need+6+12+nat+1+9 > width; joined {
		path := table.Column{Title: "client to service to backend", Min: max(24, e.joined), Sorted: sort(flow.ByClient) + sort(flow.ByService) + sort(flow.ByBackend)}
		if over := path.Min + 13 + nat - width; over > 0 { // NAT gives way, then the path, not its state
			less := max(0, min(over, nat-10))
			nat, path.Min = nat-less, max(24, path.Min-over+less)
		}
		cols = append(cols, path)
	} else {
		cols = append(cols, table.Column{Title: "client", Min: max(e.client, 8), Sorted: sort(flow.ByClient)}, table.Column{Min: 2},
			table.Column{Title: "service", Min: max(e.service, 8), Sorted: sort(flow.ByService)}, table.Column{Min: 2},
			table.Column{Title: "backend", Min: max(e.backend, 8), Sorted: sort(flow.ByBackend)})
	}
	rate := table.Column{Title: "rate", Min: 9, Right: true, Drop: 6, Sorted: sort(flow.ByRate)}
	bytes := table.Column{Title: "bytes", Min: 7, Right: true, Drop: 5, Sorted: sort(flow.ByBytes)}
	if !accounting {
		rate.Drop, bytes.Drop = 10, 9
	}
	cols = append(cols,
		table.Column{Title: "state", Min: 11, Drop: 1, Sorted: sort(flow.ByState)},
		table.Column{Title: "NAT", Min: nat, Flex: 1, Drop: 2, Sorted: sort(flow.ByNAT)},
		table.Column{Title: "timeout", Min: 8, Right: true, Drop: 4, Sorted: sort(flow.ByTimeout)},
		rate, bytes)
	if e.mark {
		cols = append(cols, table.Column{Title: "mark", Min: 6, Right: true, Drop: 7, Sorted: sort(flow.ByMark)})
	}
	if e.zone {
		cols = append(cols, table.Column{Title: "zone", Min: 4, Right: true, Drop: 8, Sorted: sort(flow.ByZone)})
	}
	return cols, joined
}

// sorted is table.Column's mark of a column.
func sorted(s *spec, c flow.Column) int {
	switch {
	case s.by != c:
		return 0
	case s.down:
		return -1
	}
	return 1
}

func (p *Page) draw(f *page.Frame, fl *flow.Flow, joined, selected bool) table.Row {
	th := f.Theme
	dim := th.Dim
	if selected {
		dim = th.Text // dim is hard to read on the ground of the selection
	}
	out := table.Row{Over: lipgloss.NewStyle()}
	if selected {
		out.Over = th.Selected
	}
	gone := !fl.Gone.IsZero()
	style := func(s lipgloss.Style) lipgloss.Style {
		if gone {
			return dim
		}
		return s
	}
	arrow := th.Glyphs.H + th.Glyphs.Right
	if joined { // there is no room
		arrow = th.Glyphs.Right
	}
	client, service, backend := parts(fl)
	cells := []table.Cell{{Text: fl.Orig.Tuple.Proto.String(), Style: dim}}
	if joined {
		text := client + " " + arrow + " " + service
		if backend != "" {
			text += " " + arrow + " " + backend
		}
		cells = append(cells, table.Cell{Text: text, Style: style(th.Text)})
	} else {
		second := ""
		if backend != "" {
			second = arrow
		}
		cells = append(cells, table.Cell{Text: client, Style: style(th.Text)}, table.Cell{Text: arrow, Style: dim},
			table.Cell{Text: service, Style: style(th.Text)}, table.Cell{Text: second, Style: dim},
			table.Cell{Text: backend, Style: style(th.Accent)})
	}
	word, ws := fl.Word(), stateStyle(th, fl)
	if gone {
		word = "gone"
	}
	bytes, rate := "n/a", "n/a"
	if fl.Orig.Count.Valid {
		bytes, rate = units.Bytes(total(fl)), "-"
		if fl.Rated() {
			rate = units.Bytes(uint64(fl.Rate)) + "/s"
		}
	}
	k, ok := p.nature.known[fl.Key()]
	if ok {
		fl = k.judged(fl)
	}
	class, cs := fl.NAT.String(), style(th.Accent)
	if ok && k.stale.Kind != "" && !gone {
		class, cs = strings.TrimSpace("stale! "+class), th.Warn
	}
	mark, zone, timeout := "", "", fmt.Sprintf("%d s", int64(fl.Timeout.Seconds()))
	if fl.Mark != 0 {
		mark = fmt.Sprintf("%#x", fl.Mark)
	}
	if fl.Zone != 0 {
		zone = fmt.Sprint(fl.Zone)
	}
	switch {
	case gone:
		timeout = ""
	case fl.Status&(flow.Offload|flow.HWOffload) != 0: // the kernel keeps it from ending, and tells none
		timeout = "-"
	}
	out.Cells = append(cells, table.Cell{Text: word, Style: style(ws)}, table.Cell{Text: class, Style: cs},
		table.Cell{Text: timeout, Style: dim}, table.Cell{Text: rate, Style: style(th.Moving.Bold(false))},
		table.Cell{Text: bytes, Style: style(th.Text)})
	if p.ends.mark {
		out.Cells = append(out.Cells, table.Cell{Text: mark, Style: dim})
	}
	if p.ends.zone {
		out.Cells = append(out.Cells, table.Cell{Text: zone, Style: dim})
	}
	return out
}

func stateStyle(th *theme.Theme, f *flow.Flow) lipgloss.Style {
	switch {
	case f.Status&flow.SeenReply == 0:
		return th.Warn
	case f.Status&flow.Assured != 0 && (f.State == "" || f.State == "ESTABLISHED"), f.Status&(flow.Offload|flow.HWOffload) != 0:
		return th.Good
	}
	return th.Text
}

// Click selects the row under the mouse.
func (p *Page) Click(_, y int, f *page.Frame) tea.Cmd {
	p.sync(f)
	if p.pools.open || y < p.above {
		return nil
	}
	if p.order.made.groups() {
		if from, to := p.groups.Window(p.height); from+y-p.above < to {
			p.move(from+y-p.above-p.groups.Index(), f)
		}
	} else if from, to := p.cursor.Window(p.height); from+y-p.above < to {
		p.move(from+y-p.above-p.cursor.Index(), f)
	}
	return nil
}
