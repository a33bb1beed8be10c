package trace

import (
	"strconv"
	"strings"

	"nfscope/model/journey"
	"nfscope/ui/component/canvas"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/units"
	"nfscope/ui/page"
	"nfscope/ui/speech"
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
	pg.stripY = -1
	if pg.mode == logging {
		pg.drawLogs(f, ladder.Area{X: 0, Y: 0, W: w, H: h})
		return c.String()
	}
	if len(f.Snap.Journeys) == 0 {
		pg.empty(f)
		return c.String()
	}
	area := ladder.Area{X: 0, Y: 0, W: w, H: h}
	if sh := stripHeight(w, h); sh > 0 && !f.Zoomed {
		pg.drawStrip(f, ladder.Area{X: 0, Y: h - sh, W: w, H: sh})
		area.H -= sh
	}
	pg.panels(f, area)
	return c.String()
}

// panels draws the list and what is shown of the packet that is selected.
func (pg *Page) panels(f *page.Frame, a ladder.Area) {
	c, w, h := &pg.canvas, a.W, a.H
	j, step := pg.shown(f)
	show := func(a ladder.Area) {
		switch {
		case pg.mode == comparers:
			pg.drawCompare(f, a)
		case pg.mode == talking:
			pg.drawTalk(f, a)
		case j != nil:
			pg.detail(a, j, step)
		}
	}
	switch {
	case f.Zoomed && j != nil:
		show(a)
	case w >= wide && pg.mode == single:
		listWidth := w * 42 / 100
		pg.drawList(f, ladder.Area{X: 0, Y: 0, W: listWidth, H: h})
		for y := range h {
			c.Put(listWidth+1, y, pg.palette.Glyphs.V, pg.palette.Border)
		}
		show(ladder.Area{X: listWidth + 3, Y: 0, W: w - listWidth - 3, H: h})
	case h < 8:
		pg.drawList(f, ladder.Area{X: 0, Y: 0, W: w, H: h})
	default:
		top := min(max(h/3, 4), len(pg.list)+1)
		if pg.mode != single {
			top = min(max(h/4, 4), len(pg.list)+1)
		}
		pg.drawList(f, ladder.Area{X: 0, Y: 0, W: w, H: top})
		for x := range w {
			c.Put(x, top, pg.palette.Glyphs.H, pg.palette.Border)
		}
		show(ladder.Area{X: 0, Y: top + 1, W: w, H: h - top - 1})
	}
}

// empty teaches how to get packets.
func (pg *Page) empty(f *page.Frame) {
	t := &f.Snap.Trace
	lines := []string{"no trace armed", "press a, type a filter, e.g. tcp and dst port 80",
		"the kernel then tells of each packet which rules it hit"}
	if t.Armed {
		lines = []string{"trace: " + t.Filter, "waiting for a packet, " + units.Span(t.Until.Sub(f.Now)) + " left, at most " + units.Plural(uint64(max(t.Rate, 0)), 9, "packet") + " a second"}
		lines = append(lines, t.Notes...)
	} else if f.Snap.Fixed() {
		lines = []string{"no packet here", "`nfscope` on the host traces packets, `nfscope trace -w FILE` keeps them"}
	}
	if pg.logs.from != nil {
		lines = append(lines, "N reads what your own rules log (NFLOG, LOG)")
	}
	y, tell := 0, pg.notices.In(speech.In(f.Language()))
	if f.Height > 8 {
		y = 1
	}
	for i, l := range lines {
		ink := pg.palette.Dim
		if i == 0 {
			ink = pg.palette.Strong
		}
		pg.canvas.Put(1, y+i, canvas.Fit(tell.Of(l), f.Width-1, pg.palette.Glyphs.Dots), ink)
	}
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
		c.PutMax(a.X+1, y, a.W-1, canvas.Fit(pg.say.Headline(j), a.W-1, p.Glyphs.Dots), p.Strong)
		y++
	}
	c.PutMax(a.X+1, y, a.W-1, fate, ink)
	lines := pg.say.Wrap(pg.say.Of(sentence), a.W-4)
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
	remarks := pg.remarks(j, a.W-3)
	if s, _ := pg.misses.looked(j, step); s != nil {
		var about []remark
		for i, l := range whyMissed(s) {
			ink := p.Strong
			if i > 0 {
				ink = nil
			}
			for _, l := range pg.say.Wrap(pg.say.Of(l), max(a.W-5, 8)) {
				about = append(about, remark{l, ink})
			}
		}
		remarks = append(about, remarks...)
	}
	rows, at := pg.rungs(j, step)
	rungs := len(rows) + 1
	keep := min(len(remarks), max(end-y-rungs-1, min(2, (end-y)/4)))
	ladder.DrawRows(c, ladder.Area{X: a.X, Y: y, W: a.W, H: min(rungs, end-y-keep)}, rows, at, p)
	y += min(rungs, end-y-keep)
	if keep > 0 && y+keep < end {
		y++
	}
	for i, r := range remarks[:keep] {
		text := canvas.Fit(r.text, a.W-3, p.Glyphs.Dots)
		if i == keep-1 && keep < len(remarks) { // there is more, and no room
			text = canvas.Fit(r.text, a.W-5, "") + " " + p.Glyphs.Dots
		}
		c.PutMax(a.X+2, y, a.W-2, text, r.ink)
		y++
	}
}

// remark is a line below a ladder.
type remark struct {
	text string
	ink  *canvas.Ink
}

// remarks are the lines below a ladder, w cells wide.
func (pg *Page) remarks(j *journey.Journey, w int) (out []remark) {
	list := ladder.Remarks(j)
	if pg.zoomed {
		list = append(ladder.Ahead(j), list...)
	}
	for _, r := range list {
		ink := pg.palette.Dim
		if strings.HasPrefix(r, "incomplete") || strings.HasPrefix(r, "gaps") {
			ink = pg.palette.Warn
		}
		for i, l := range pg.say.Wrap(pg.say.Of(r), max(w-2, 8)) {
			if i > 0 {
				l = "  " + l
			}
			out = append(out, remark{l, ink})
		}
	}
	return out
}
