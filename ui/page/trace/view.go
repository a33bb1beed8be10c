package trace

import (
	"strconv"
	"strings"

	"nfscope/model/journey"
	"nfscope/ui/component/canvas"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/units"
	"nfscope/ui/page"
)

const (
	// wide is the least width with the list at the left of the ladder.
	wide = 168
)

func itoa(n int) string { return strconv.Itoa(n) }

// View draws the page.
func (pg *Page) View(f *page.Frame) string {
	w, h := f.Width, f.Height
	if w <= 0 || h <= 0 {
		return strings.Repeat("\n", max(h-1, 0))
	}
	pg.prepare(f)
	c := &pg.canvas
	c.Reset(w, h)
	pg.listed, pg.listW, pg.zoomed = 0, 0, f.Zoomed
	if len(f.Snap.Journeys) == 0 {
		pg.empty(f)
		return c.String()
	}
	j, step := pg.shown(f)
	switch {
	case f.Zoomed && j != nil:
		pg.detail(ladder.Area{X: 0, Y: 0, W: w, H: h}, j, step)
	case w >= wide:
		listWidth := w * 42 / 100
		pg.drawList(f, ladder.Area{X: 0, Y: 0, W: listWidth, H: h})
		for y := range h {
			c.Put(listWidth+1, y, pg.palette.Glyphs.V, pg.palette.Border)
		}
		if j != nil {
			pg.detail(ladder.Area{X: listWidth + 3, Y: 0, W: w - listWidth - 3, H: h}, j, step)
		}
	case h < 8:
		pg.drawList(f, ladder.Area{X: 0, Y: 0, W: w, H: h})
	default:
		top := min(max(h/3, 4), len(pg.list)+1)
		pg.drawList(f, ladder.Area{X: 0, Y: 0, W: w, H: top})
		for x := range w {
			c.Put(x, top, pg.palette.Glyphs.H, pg.palette.Border)
		}
		if j != nil {
			pg.detail(ladder.Area{X: 0, Y: top + 1, W: w, H: h - top - 1}, j, step)
		}
	}
	return c.String()
}

// empty teaches how to get packets.
func (pg *Page) empty(f *page.Frame) {
	t := &f.Snap.Trace
	lines := []string{"no trace armed", "press a, type a filter, e.g. tcp and dst port 80",
		"the kernel then tells of each packet which rules it hit"}
	if t.Armed {
		lines = []string{"trace: " + t.Filter, "waiting for a packet, " + units.Span(t.Until.Sub(f.Now)) + " left, at most " + units.Plural(uint64(max(t.Rate, 0)), 9, "packet") + " a second"}
		lines = append(lines, t.Notes...)
	}
	y := 0
	if f.Height > 8 {
		y = 1
	}
	for i, l := range lines {
		ink := pg.palette.Dim
		if i == 0 {
			ink = pg.palette.Strong
		}
		pg.canvas.Put(1, y+i, canvas.Fit(l, f.Width-1, pg.palette.Glyphs.Dots), ink)
	}
}

// drawList draws the packets, the newest at the bottom.
func (pg *Page) drawList(f *page.Frame, a ladder.Area) {
	c, p := &pg.canvas, pg.palette
	n, rows := len(pg.list), a.H-1
	s := units.Plural(uint64(n), 9, "packet")
	if all := len(f.Snap.Journeys); n != all {
		s += " of " + itoa(all)
	}
	if f.Snap.Forgotten > 0 {
		s += ", " + units.Count(f.Snap.Forgotten, 5) + " older are forgotten"
	}
	if pg.problem != "" {
		s += ", filter: " + pg.problem
	} else if pg.filter != nil {
		s += ", filter: " + pg.text
	}
	x := c.PutMax(a.X+1, a.Y, a.W-1, canvas.Fit(s, a.W-1, p.Glyphs.Dots), p.Title)
	state := "following the newest"
	if !f.Player.Following() {
		state = "pinned, f follows"
	}
	if f.Player.Paused() {
		state = "paused"
		if k := f.Player.Waiting(); k > 0 {
			state += ", " + itoa(k) + " waiting"
		}
	}
	if sx := a.X + a.W - len(state) - 1; sx > x+2 {
		c.Put(sx, a.Y, state, p.Dim)
	}
	at := pg.at(f)
	first := n - rows
	if at >= 0 {
		first = min(max(pg.first, at-rows+1), at)
		first = min(first, n-rows)
	}
	pg.first = max(first, 0)
	pg.listed, pg.listY, pg.listW = rows, a.Y+1, a.X+a.W
	for y := 0; y < rows && pg.first+y < n; y++ {
		pg.entry(f, a, a.Y+1+y, pg.list[pg.first+y], pg.first+y == at)
	}
}

// entry draws one packet of the list.
func (pg *Page) entry(f *page.Frame, a ladder.Area, y int, j *journey.Journey, selected bool) {
	c, p := &pg.canvas, pg.palette
	end := a.X + a.W
	fate, ink := p.Fate(j.Outcome.Verdict)
	word := j.Outcome.Verdict
	if !j.Closed {
		fate, word, ink = p.Glyphs.Packet, "moving", p.Moving
	}
	if fj, _ := f.Player.Focused(); fj != nil && fj.Number == j.Number {
		c.Put(a.X, y, p.Glyphs.Hit, p.Moving)
	}
	x := a.X + 2
	x = c.PutMax(x, y, end-x, "#"+itoa(j.Number), p.Dim)
	x = max(x+1, a.X+7)
	if a.W >= 64 {
		x = c.PutMax(x, y, end-x, j.Start.Format("15:04:05"), p.Dim) + 2
	}
	c.PutMax(x, y, end-x, fate, ink)
	x += 2
	if a.W < 60 { // the packet's end matters more than its word
		c.PutMax(x, y, end-x, canvas.Fit(j.Packet.String(), end-x, p.Glyphs.Dots), nil)
	} else {
		right := end - len("rejected") - 1
		way := way(j)
		room := right - x - 1
		pk := j.Packet.String()
		if pw := canvas.Width(pk); pw+2+canvas.Width(way) <= room && a.W >= 76 {
			col := max(x+pw+2, min(a.X+76, right-20))
			c.PutMax(col, y, right-col-1, canvas.Fit(way, right-col-1, p.Glyphs.Dots), p.Dim)
		}
		c.PutMax(x, y, room, canvas.Fit(pk, room, p.Glyphs.Dots), nil)
		c.PutMax(right, y, end-right, word, ink)
	}
	if selected {
		c.Ground(a.X, y, a.W, p.Selected, p)
	}
}

// way names the interfaces.
func way(j *journey.Journey) string {
	switch {
	case j.In != "" && j.Out != "":
		return j.In + " > " + j.Out
	case j.In != "":
		return "in " + j.In
	case j.Out != "":
		return "out " + j.Out
	}
	return ""
}

// detail draws sentence, ladder and remarks of one journey.
func (pg *Page) detail(a ladder.Area, j *journey.Journey, step int) {
	c, p := &pg.canvas, pg.palette
	fate, ink := p.Fate(j.Outcome.Verdict)
	sentence := j.Outcome.Sentence
	if sentence == "" {
		fate, sentence, ink = p.Glyphs.Packet, "on its way", p.Moving
	}
	y, end := a.Y, a.Y+a.H
	if a.H >= 6 {
		c.PutMax(a.X+1, y, a.W-1, canvas.Fit(ladder.Headline(j), a.W-1, p.Glyphs.Dots), p.Strong)
		y++
	}
	c.PutMax(a.X+1, y, a.W-1, fate, ink)
	lines := ladder.Wrap(sentence, a.W-4)
	if most := max(a.H/5, 1); len(lines) > most {
		lines = append(lines[:most-1], canvas.Fit(strings.Join(lines[most-1:], " "), a.W-4, p.Glyphs.Dots))
	}
	for _, l := range lines {
		c.PutMax(a.X+3, y, a.W-3, canvas.Fit(l, a.W-4, p.Glyphs.Dots), ink)
		y++
	}
	if a.H >= 14 {
		y++
	}
	remarks := ladder.Remarks(j)
	if pg.zoomed {
		remarks = append(ladder.Ahead(j), remarks...)
	}
	rows, at := pg.rungs(j, step)
	rungs := len(rows) + 1
	keep := min(len(remarks), max(end-y-rungs-1, min(2, (end-y)/4)))
	ladder.DrawRows(c, ladder.Area{X: a.X, Y: y, W: a.W, H: min(rungs, end-y-keep)}, rows, at, p)
	y += min(rungs, end-y-keep)
	if keep > 0 && y+keep < end {
		y++
	}
	for _, r := range remarks[:keep] {
		ink := p.Dim
		if strings.HasPrefix(r, "incomplete") || strings.HasPrefix(r, "gaps") {
			ink = p.Warn
		}
		c.PutMax(a.X+2, y, a.W-2, canvas.Fit(r, a.W-3, p.Glyphs.Dots), ink)
		y++
	}
}
