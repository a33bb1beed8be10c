package trace

import (
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/timeline"
	"nfscope/ui/page"
)

// strip is the timeline of the list, made anew when the list or the width is another.
type strip struct {
	timeline.Strip
	width int
	stale bool
}

// lay makes the timeline as wide as it is drawn.
func (pg *Page) lay(width int) {
	if s := &pg.strip; s.stale || s.width != width {
		s.Make(pg.list, width)
		s.width, s.stale = width, false
	}
}

// stripHeight is how many lines the timeline takes of a page.
func stripHeight(w, h int) int {
	switch {
	case w < 24 || h < 14:
		return 0
	case h < 24:
		return 1
	}
	return 2
}

// drawStrip draws the timeline, with the time of its begin and its end beside it.
func (pg *Page) drawStrip(f *page.Frame, a ladder.Area) {
	c, p := &pg.canvas, pg.palette
	const clock = "15:04:05"
	x, w := a.X+1, a.W-2
	if n := len(pg.list); w >= 60 && n > 0 {
		y := a.Y + a.H - 1
		c.Put(x, y, pg.list[0].Start.Format(clock), p.Dim)
		c.Put(x+w-len(clock), y, pg.list[n-1].Start.Format(clock), p.Dim)
		x, w = x+len(clock)+1, w-2*len(clock)-2
	}
	pg.lay(w)
	at := -1
	if i := pg.at(f); i >= 0 {
		at = pg.strip.Column(pg.list[i])
	}
	pg.strip.Draw(c, x, a.Y, a.H > 1, at, p)
	pg.stripY, pg.stripX = a.Y, x
}

// scrub gives the place in the list of the packet one slice of the timeline on, or back; -1
// where there is none.
func (pg *Page) scrub(from int, on bool) int {
	if from < 0 || len(pg.list) == 0 {
		return -1
	}
	pg.lay(max(pg.strip.width, 64))
	by := -1
	if on {
		by = 1
	}
	return pg.strip.Next(pg.strip.Column(pg.list[from]), by)
}
