package drops

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"

	"nfscope/model/drop"
	"nfscope/ui/component/inspector"
	"nfscope/ui/component/line"
	"nfscope/ui/component/table"
	"nfscope/ui/component/units"
	"nfscope/ui/page"
	"nfscope/ui/speech"
	"nfscope/ui/theme"
)

// View draws the list, and the selected row in words below or beside it.
func (p *Page) View(f *page.Frame) string {
	p.sync(f)
	th := f.Theme
	r := p.Selected()
	switch {
	case p.detail && r != nil && (f.Height < 16 || f.Width < 60):
		return strings.Join(inspector.View(th, f.Width, f.Height, p.explain(th, f, r)), "\n")
	case r == nil || f.Zoomed || f.Height < 16:
		return strings.Join(p.table(f, f.Width, f.Height), "\n")
	case f.Width >= 170:
		side := f.Width * 2 / 5
		left := p.table(f, f.Width-side-3, f.Height)
		right := inspector.View(th, side, f.Height, p.explain(th, f, r))
		return strings.Join(line.Beside(left, right, " "+th.Border.Render(th.Glyphs.V)+" "), "\n")
	}
	below := min(f.Height*3/5, 14)
	out := p.table(f, f.Width, f.Height-below-1)
	out = append(out, th.Border.Render(strings.Repeat(th.Glyphs.H, f.Width)))
	return strings.Join(append(out, inspector.View(th, f.Width, below, p.explain(th, f, r))...), "\n")
}

// table draws the title, the heads and the rows in sight.
func (p *Page) table(f *page.Frame, width, height int) []string {
	th := f.Theme
	if height <= 0 {
		return nil
	}
	p.height = max(1, height-2)
	from, to := p.cursor.Window(p.height)
	out := []string{p.title(f, width, from, to)}
	lay := table.Fit(p.columns(), width)
	out = append(out, lay.Head(th))
	for i := from; i < to; i++ {
		out = append(out, lay.Row(th, p.draw(f, p.order.list[i], i == p.cursor.Index())))
	}
	if len(p.order.list) == 0 {
		out = append(out, "")
		for _, s := range p.none(f) {
			for _, l := range line.Wrap(line.Clean(s), max(1, width-2)) {
				out = append(out, th.Dim.Render("  "+l))
			}
		}
	}
	return line.Block(out, width, height, th.Glyphs.Dots)
}

// none says why nothing is listed.
func (p *Page) none(f *page.Frame) []string {
	w := f.Snap.Drops.Watch
	s, say := p.speaks(f)
	switch {
	case f.Filter != "":
		return []string{s.Unfound(f.Filter)}
	case p.order.hidden > 0:
		return []string{s.OnlyUsual(p.order.hidden)}
	case w.Step == "":
		return []string{s.NoDrops("", f.Snap.Source == "live", f.Theme.Glyphs.Dots, say)}
	}
	return append([]string{s.NoDrops(w.Step, true, "", say)}, p.lifts(f)...)
}

// lifts say what would show more.
func (p *Page) lifts(f *page.Frame) (list []string) {
	s, say := p.speaks(f)
	for _, l := range f.Snap.Drops.Watch.Lift {
		list = append(list, s.Lift(l, say))
	}
	return list
}

// title counts, and says which rows are in sight and what is not seen.
func (p *Page) title(f *page.Frame, width, from, to int) string {
	th, d := f.Theme, f.Snap.Drops
	s := speech.In(f.Language())
	left := th.Strong.Render(s.Thrown(p.order.packets, uint64(p.order.counters)))
	if n := len(p.order.list); to-from < n {
		left += "  " + th.Text.Render(s.InSight(from+1, to, n))
	}
	left += "  " + th.Dim.Render(s.By(p.order.by.String(), p.order.down))
	if p.order.hidden > 0 {
		left += "  " + th.Dim.Render(s.LeftOut(p.order.hidden))
	}
	style := th.Dim
	switch w := d.Watch; {
	case w.Step == drop.StepProc, w.Step == drop.StepPerf:
		style = th.Warn
	case w.Merged > 0:
		style = th.Bad
	}
	right := s.Untold(d.Watch, d.Forgotten)
	return line.Spread(left, style.Render(right), width, th.Glyphs.Dots)
}

func (p *Page) columns() []table.Column {
	sort := func(c column) int {
		switch {
		case p.order.by != c:
			return 0
		case p.order.down:
			return -1
		}
		return 1
	}
	reason := 12
	for _, r := range p.order.list {
		reason = max(reason, min(len(r.Key.Reason), 26))
	}
	return []table.Column{
		{Title: "count", Min: 6, Right: true, Sorted: sort(byPackets)},
		{Title: "rate", Min: 7, Right: true, Drop: 4, Sorted: sort(byRate)},
		{Title: "", Min: 8, Drop: 6},
		{Title: "reason", Min: reason, Sorted: sort(byReason)},
		{Title: "where", Min: 11, Flex: 1, Drop: 3},
		{Title: "in", Min: 6, Drop: 5},
		{Title: "flow", Min: 28, Flex: 3, Drop: 1, Sorted: sort(byFlow)},
		{Title: "last", Min: 6, Right: true, Drop: 2, Sorted: sort(bySeen)},
	}
}

func (p *Page) draw(f *page.Frame, r *drop.Row, selected bool) table.Row {
	th := f.Theme
	dim := th.Dim
	out := table.Row{Over: lipgloss.NewStyle()}
	if selected {
		out.Over, dim = th.Selected, th.Text // dim is hard to read on the ground of the selection
	}
	e := p.words.Explain(r.Last)
	style := th.Bad.Bold(false)
	switch {
	case e.Grade == drop.Usual:
		style = dim
	case e.By != drop.ByKernel:
		style = th.Warn
	}
	rate := ""
	if r.Rate > 0 {
		rate = units.Rate(r.Rate) + "/s"
	}
	flow := r.Key.Flow.String()
	switch {
	case flow == "" && r.Key.ARP != "":
		flow = r.Key.ARP
	case flow == "":
		flow = speech.In(f.Language()).Unpacked(r.Key.Source)
	}
	where := r.Last.Hook.String()
	if where == "" {
		where = r.Last.Station.String()
	}
	return table.Row{Over: out.Over, Cells: []table.Cell{
		{Text: units.Count(r.Count, 6), Style: th.Text}, {Text: rate, Style: th.Moving.Bold(false)}, {Text: spark(th, r.Sparks, 8), Style: dim},
		{Text: r.Key.Reason, Style: style}, {Text: where, Style: th.Text}, {Text: r.Key.In, Style: dim}, {Text: flow, Style: th.Text},
		{Text: ago(f, r), Style: dim},
	}}
}

// ago says when the last one came.
func ago(f *page.Frame, r *drop.Row) string {
	d := f.Snap.Time.Sub(r.Seen)
	if d < 1e9 {
		return "now"
	}
	return units.Span(d)
}

// spark draws the last rates.
func spark(th *theme.Theme, rates []float64, width int) string {
	rates = rates[max(0, len(rates)-width):]
	most := 0.0
	for _, r := range rates {
		most = max(most, r)
	}
	marks := th.Glyphs.Sparks
	s := strings.Repeat(" ", width-len(rates))
	for _, r := range rates {
		if r == 0 {
			s += " "
			continue
		}
		s += marks[min(len(marks)-1, int(r/most*float64(len(marks)-1)+0.5))]
	}
	return s
}

// explain is the selected row in words: what explains in the user's language, what is known of
// the packet in the kernel's.
func (p *Page) explain(th *theme.Theme, f *page.Frame, r *drop.Row) []inspector.Item {
	d := r.Last
	e := p.words.Explain(d)
	s, say := p.speaks(f)
	here, do, unseen := s.Heads()
	words := say.Of(e.Words)
	traced, like := p.ruled.by(f.Snap.Journeys, d)
	if traced != nil { // the kernel names no rule
		words, e.Do = p.became(f, traced), ""
	}
	items := []inspector.Item{{Value: r.Key.Reason + "  " + s.Culprit(e.By, e.Grade), Style: th.Title}, {Value: words, Style: th.Strong}}
	add := func(name, value string, style lipgloss.Style) {
		if value != "" {
			items = append(items, inspector.Item{Name: name, Value: value, Style: style})
		}
	}
	if like != nil { // of the newest one no rule is known, of one that was traced it is
		add(s.Known("rule"), s.Like(like.Number, like.Start.Format("15:04:05"), p.became(f, like)), th.Strong)
	}
	for i, text := range e.Facts {
		add(map[bool]string{true: here, false: " "}[i == 0], say.Of(text), th.Text)
	}
	add(do, say.Of(e.Do), th.Accent)
	add(s.Known("packet"), d.What(), th.Text)
	if traced != nil {
		add(s.Known("traced"), fmt.Sprintf("#%d", traced.Number), th.Text)
	}
	if d.HasPacket() {
		add(s.Known("header"), s.Header(d), th.Text)
	}
	add(s.Known("connection"), s.Tracked(d), th.Text)
	add(s.Known("place"), s.DroppedAt(d), th.Text)
	add(s.Known("callers"), strings.Join(d.Callers, " < "), th.Dim)
	add(s.Known("seen"), s.Seen(r.Count, r.First, r.Seen), th.Text)
	for _, text := range p.lifts(f) {
		add(unseen, text, th.Dim)
	}
	return items
}
