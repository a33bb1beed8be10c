package labs

import (
	"slices"
	"strings"

	"nfscope/model/guess"
	"nfscope/model/snapshot"
	"nfscope/ui/component/line"
	"nfscope/ui/component/markdown"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// The width from which lesson and network stand side by side, and the bounds of the
// lesson's column.
const (
	wide                 = 110
	minLesson, maxLesson = 44, 74
	// short is the height below which each line counts.
	short = 22
)

// areas are the sizes of what the page consists of.
type areas struct {
	beside     bool
	left       int // width of the lesson
	netW, netH int // of the network's drawing, at most
	side       int // width of the network's side
}

func (p *Page) areas(f *page.Frame) areas {
	a := areas{beside: f.Width >= wide && !f.Zoomed, side: f.Width, left: f.Width}
	if a.beside {
		a.left = min(max(f.Width*38/100, minLesson), maxLesson)
		a.side = f.Width - a.left - 3
	}
	a.netW, a.netH = a.side-2, max(f.Height/2-1, 7)
	if !a.beside {
		a.netH = max(f.Height*45/100, 5)
	}
	return a
}

// View draws the page.
func (p *Page) View(f *page.Frame) string {
	l := p.sync(f)
	if l == nil || p.list.open {
		return strings.Join(p.viewList(f), "\n")
	}
	a := p.areas(f)
	th := f.Theme
	if a.beside {
		left := line.Block(p.lesson(f, l, a.left, f.Height), a.left, f.Height, th.Glyphs.Dots)
		right := line.Block(p.scene(f, l, a, f.Height), a.side, f.Height, "")
		return strings.Join(line.Beside(left, right, " "+th.Border.Render(th.Glyphs.V)+" "), "\n")
	}
	if f.Zoomed {
		return strings.Join(line.Block(p.scene(f, l, a, f.Height), f.Width, f.Height, ""), "\n")
	}
	// One above the other: the network, then what is said; while a packet moves its rules.
	top := p.picture(f, l, a)
	room := f.Height - len(top) - 1
	out := append(top, th.Border.Render(strings.Repeat(th.Glyphs.H, f.Width)))
	if p.phase == showing && p.stage != nil && p.stage.now() != nil {
		say := indent(p.moving(f, l, f.Width-1))
		out = append(out, say...)
		out = append(out, p.ladder(f, a, room-len(say))...)
	} else {
		out = append(out, p.lesson(f, l, f.Width, room)...)
	}
	return strings.Join(line.Block(out, f.Width, f.Height, th.Glyphs.Dots), "\n")
}

// lesson is what is asked and said, and the lesson's text where there is room.
func (p *Page) lesson(f *page.Frame, l *snapshot.Lab, w, h int) []string {
	th := f.Theme
	w--
	var out []string
	switch p.phase {
	case intro:
		say := p.speech(f)
		whole := p.text(f, l, w)
		text := p.scrolled(whole, h-2)
		next := ""
		if p.held() {
			next = th.Moving.Render(say.Begin())
		}
		if len(text) < len(whole) {
			next += "    " + th.Dim.Render(say.Rest())
		}
		return indent(append(text, "", next))
	case asking, choosing:
		out = p.ask(f, l, w, h)
	case showing:
		out = p.moving(f, l, w)
	case telling:
		out = p.explain(f, l, w, h)
	case finished:
		say := p.speech(f)
		out = append(wrap(th.Strong, say.Over(p.marks()), w), "", th.Moving.Render(say.Again()))
	}
	if len(out) > h && p.phase == telling { // the keys scroll it
		next := line.Cut(out[len(out)-1]+"    "+th.Dim.Render(p.speech(f).Rest()), w, th.Glyphs.Dots)
		out = append(p.scrolled(out[:len(out)-1], h-1), next)
	}
	if room := h - len(out) - 2; room >= 4 {
		out = append(out, "", th.Border.Render(strings.Repeat(th.Glyphs.H, w)))
		out = append(out, p.scrolled(p.text(f, l, w), room)...)
	}
	return indent(out)
}

// secret begins the part of a lesson that tells what happens: it is shown when all
// steps are done.
const secret = "<!-- what happens -->"

// text is the lesson as far as it may be told.
func (p *Page) text(f *page.Frame, l *snapshot.Lab, w int) []string {
	before, after, _ := strings.Cut(l.Lesson, secret)
	if p.phase == finished {
		before += after
	}
	return markdown.Lines(f.Theme, fitting(before, w, p.speech(f).Drawing()), w)
}

// fitting puts a remark in the place of drawings and tables that are wider than w: in
// pieces they say nothing. Commands stay, which can be read on from line to line.
func fitting(text string, w int, remark string) string {
	var out, block []string
	flush := func() {
		wide := slices.ContainsFunc(block, func(l string) bool { return line.Width(l)-2 > w }) // drawn with an indent of 2
		if wide && slices.ContainsFunc(block, isDrawn) {
			block = []string{remark, ""}
			if last := strings.TrimSpace(strings.Join(out, "\n")); strings.HasSuffix(last, remark) { // once is enough
				block = nil
			}
		}
		out, block = append(out, block...), nil
	}
	for l := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(l, "    ") {
			block = append(block, l)
			continue
		}
		flush()
		out = append(out, l)
	}
	flush()
	return strings.Join(out, "\n")
}

// isDrawn reports whether a line is of a drawing or a table: it has a cable, or columns.
func isDrawn(l string) bool {
	return slices.ContainsFunc([]string{"---", "--+", "+--", "-+-"}, func(cable string) bool { return strings.Contains(l, cable) }) || len(strings.FieldsFunc(strings.ReplaceAll(strings.TrimSpace(l), "   ", "\t"), func(r rune) bool { return r == '\t' })) > 2
}

// scrolled is the part of a text that is in sight.
func (p *Page) scrolled(text []string, h int) []string {
	if h = max(h, 0); len(text) <= h {
		p.scroll = 0
		return text
	}
	p.scroll = min(p.scroll, len(text)-h)
	return text[p.scroll : p.scroll+h]
}

// head is the step's number, its title and what is sent.
func (p *Page) head(f *page.Frame, l *snapshot.Lab, w int) []string {
	th, say := f.Theme, p.speech(f)
	s := &l.Steps[p.step]
	var out []string
	if progress := p.progress(th, l); f.Height < short { // the headline has the number too
		title := line.Wrap(line.Clean(s.Title), w-line.Width(progress)-1)
		for i, t := range title {
			lead := line.Space(line.Width(progress))
			if i == 0 {
				lead = progress
			}
			out = append(out, lead+" "+th.Title.Render(t))
		}
	} else {
		out = append([]string{progress + " " + th.Dim.Render(say.Step(p.step+1, len(l.Steps)))}, wrap(th.Title, line.Clean(s.Title), w)...)
	}
	if s.Do == "" { // the demos' steps do not say
		return out
	}
	return append(out, wrap(th.Dim, line.Clean(say.Sends(s.From, s.Do, s.To, s.Count)), w)...)
}

// progress is a mark for each step.
func (p *Page) progress(th *theme.Theme, l *snapshot.Lab) string {
	var b strings.Builder
	for i := range l.Steps {
		switch {
		case i < p.step || i == p.step && p.phase >= telling:
			b.WriteString(th.Good.Render(th.Glyphs.Passed))
		case i == p.step:
			b.WriteString(th.Moving.Render(th.Glyphs.Hit))
		default:
			b.WriteString(th.Dim.Render(th.Glyphs.Ring))
		}
	}
	return b.String()
}

// ask is the question with its choices.
func (p *Page) ask(f *page.Frame, l *snapshot.Lab, w, h int) []string {
	th, say := f.Theme, p.speech(f)
	out := p.head(f, l, w)
	if asks := l.Steps[p.step].Asks; asks != "" {
		out = append(out, wrap(th.Accent, line.Clean(asks), w)...)
	}
	var items []string
	if p.phase == asking {
		out = append(out, wrap(th.Strong, say.What(l.Steps[p.step].Count), w)...)
		for _, v := range guess.Verdicts(f.Snap.Rules) {
			items = append(items, say.Verdict(v))
		}
		items = append(items, say.ShowMe())
	} else {
		out = append(out, wrap(th.Strong, say.Which(p.answer.Verdict), w)...)
		for _, at := range guess.Places(f.Snap.Rules, p.answer.Verdict) {
			items = append(items, line.Clean(say.Place(p.answer.Verdict, at)))
		}
		items = append(items, say.AnyRule())
	}
	room := max(h-len(out)-1, 3)
	from := 0
	if len(items) > room {
		from = min(max(p.at-room/2, 0), len(items)-room)
	}
	for i := from; i < min(len(items), from+room); i++ {
		mark, style := "  ", th.Text
		if i == p.at {
			mark, style = th.Moving.Render(th.Glyphs.Hit)+" ", th.Selected
		}
		out = append(out, mark+style.Render(line.Cut(items[i], w-2, th.Glyphs.Dots)))
	}
	return append(out, th.Dim.Render(say.Choose()))
}

// moving is what stands beside a packet on its way.
func (p *Page) moving(f *page.Frame, l *snapshot.Lab, w int) []string {
	th, say := f.Theme, p.speech(f)
	out := p.head(f, l, w)
	if p.answer.Verdict != "" {
		out = append(out, wrap(th.Accent, line.Clean(say.Said(p.answer)), w)...)
	} else if asks := l.Steps[p.step].Asks; asks != "" {
		out = append(out, wrap(th.Accent, line.Clean(asks), w)...)
	}
	now := say.Sent()
	if j := p.stage.now(); j != nil {
		now = say.Packets(p.stage.at+1, len(p.stage.list), j.Packet.String())
	}
	hint := say.ToEnd()
	if p.stage.paused {
		hint = say.Paused()
	}
	if !p.held() {
		hint = say.Watching()
	}
	out = append(out, line.Cut(th.Moving.Render(line.Clean(now)), w, th.Glyphs.Dots))
	return append(out, th.Dim.Render(line.Cut(hint, w, th.Glyphs.Dots)))
}

// explain says what became of the packet, whether the answer was right, and why. Why rules
// did not match is left out where there is no room for it: the network's side has it too.
func (p *Page) explain(f *page.Frame, l *snapshot.Lab, w, h int) []string {
	th, say := f.Theme, p.speech(f)
	s := &l.Steps[p.step]
	t := p.truth
	out := p.head(f, l, w)
	put := func(style interface{ Render(...string) string }, text string) {
		if text != "" {
			out = append(out, wrap(style, line.Clean(text), w)...)
		}
	}
	if p.answer.Verdict != "" {
		v, where := t.Fits(p.answer)
		glyph, style, mark := th.Glyphs.Passed, th.Good, say.Marked(v, where)
		switch {
		case t.Verdict == guess.Unknown:
			glyph, style, mark = th.Glyphs.Unknown, th.Warn, say.Unmarked()
		case !v || !where:
			glyph, style = th.Glyphs.Dead, th.Bad
		}
		put(style, glyph+" "+mark+say.Said(p.answer))
		if t.Verdict != guess.Unknown && (!v || !where) {
			put(th.Text, say.About(t, p.answer.Where, p.ladders.In(say)))
		}
	}
	glyph, style := th.Fate(fateOf(t))
	put(style, glyph+" "+say.Truth(t, s.Count))
	if t.By.Kind == guess.Rule && t.By.Text != "" {
		put(th.Accent, t.By.Text)
	}
	if t.By.Kind != guess.Rule && t.By.Kind != guess.Policy || t.Asked || s.Reached() && t.Verdict == guess.Accepted {
		put(th.Warn, p.reason(f))
	}
	head := out
	out = nil
	put(th.Text, say.Saw(s.Result))
	put(th.Strong, strings.ReplaceAll(s.Says, "`", ""))
	tail := out
	out = nil
	for _, m := range t.Near(2) {
		if p.answer.Where == nil || m.Rule != p.answer.Where.Rule {
			put(th.Dim, say.Missed(m, p.ladders.In(say)))
		}
	}
	if len(head)+len(out)+len(tail)+1 > h {
		out = nil
	}
	out = slices.Concat(head, out, tail)
	next := say.Next()
	if p.step+1 == len(l.Steps) {
		next = say.Finish()
	}
	if !p.held() {
		next = say.Watching()
	}
	return append(out, th.Moving.Render(line.Cut(next, w, th.Glyphs.Dots)))
}

// fateOf is the verdict as a journey's word, for its glyph.
func fateOf(t *guess.Truth) string {
	if t.Verdict == guess.Unseen {
		return ""
	}
	return string(t.Verdict)
}

// wrap breaks a text into lines of at most w cells, in a style.
func wrap(style interface{ Render(...string) string }, text string, w int) []string {
	var out []string
	for _, l := range line.Wrap(text, w) {
		out = append(out, style.Render(l))
	}
	return out
}

// indent moves lines off the edge of the screen.
func indent(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = " " + l
	}
	return out
}
