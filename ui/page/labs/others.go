package labs

import (
	"slices"

	"nfscope/model/journey"
	"nfscope/ui/component/canvas"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/line"
	"nfscope/ui/page"
)

// others tells of the step's other packets that were shown, in at most h lines: each with
// its way where there is room for the ways of all, else each in a line. So the way of an
// answer can be held against that of the question.
func (p *Page) others(f *page.Frame, w, h int) []string {
	s := p.stage
	var shown []*journey.Journey
	switch {
	case s == nil || len(s.list) == 0:
	case p.phase == telling:
		shown = s.list[1:]
	case p.phase == showing:
		shown = s.list[:min(s.at, len(s.list))]
	}
	if len(shown) == 0 {
		return nil
	}
	th := f.Theme
	say := p.speech(f)
	short := []string{th.Title.Render(say.Others(len(shown)))}
	long := slices.Clone(short)
	for _, j := range shown {
		glyph, style := th.Fate(j.Outcome.Verdict)
		head := line.Cut(" "+style.Render(glyph)+" "+line.Clean(p.ladders.In(say).Headline(j)), w, th.Glyphs.Dots)
		short = append(short, head)
		if long = append(long, head); len(long) > h {
			continue
		}
		if len(j.Steps) == 0 {
			long = append(long, "   "+th.Dim.Render(line.Cut(line.Clean(say.Unasked(j.CTState)), w-3, th.Glyphs.Dots)))
			continue
		}
		rows := p.ladders.In(say).Rows(j)
		c := canvas.New(w, len(rows)+1)
		ladder.DrawRows(c, ladder.Area{W: w, H: len(rows) + 1}, rows, -1, canvas.NewPalette(th))
		long = append(long, c.Lines(1, len(rows)+1)...) // without the columns' names
	}
	if len(long) <= h {
		return long
	}
	return short[:min(len(short), h)]
}
