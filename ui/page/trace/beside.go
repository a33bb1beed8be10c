package trace

import (
	"cmp"
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/model"
	"nfscope/model/compare"
	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/ui/component/canvas"
	"nfscope/ui/component/ladder"
	"nfscope/ui/page"
)

// comparing is the view of two packets.
type comparing struct {
	// marked is the packet that others are compared with, nil where none is; it may have
	// left the ring.
	marked *journey.Journey
	// with is what the packet that is shown is compared with.
	with *journey.Journey
	// got is the newest comparison, asked the two that are being compared.
	got   *compare.Comparison
	of    [2]*journey.Journey // what got was made from: its own have misses too
	asked [2]*journey.Journey
}

// compared is the answer of a piece of work.
type compared struct {
	of [2]*journey.Journey
	c  *compare.Comparison
}

// mark marks the packet that is shown, or takes the mark away.
func (pg *Page) mark(f *page.Frame) tea.Cmd {
	j, _ := pg.shown(f)
	switch m := pg.compare.marked; {
	case j == nil:
		return nil
	case m != nil && m.Number == j.Number:
		pg.compare.marked = nil
		return page.Send(page.Say{Text: "the mark is gone"})
	}
	pg.compare.marked = j
	return page.Send(page.Say{Text: "#" + itoa(j.Number) + " is marked: c compares another packet with it"})
}

// compareShown compares the packet that is shown with the marked one, else with one of its
// kind; a second time it leaves the view.
func (pg *Page) compareShown(f *page.Frame) tea.Cmd {
	if pg.mode == comparers {
		pg.leave()
		return nil
	}
	j, _ := pg.shown(f)
	if j == nil {
		return nil
	}
	with := pg.compare.marked
	if with == nil || with.Number == j.Number {
		with = kin(j, f.Snap.Journeys)
	}
	if with == nil {
		return page.Send(page.Say{Text: "nothing to compare with: mark another packet with M first"})
	}
	pg.leave()
	pg.mode, pg.compare.with, pg.selected = comparers, with, j.Number
	return nil
}

// kin finds a packet of the same kind: of the same direction, to the same address and port,
// and received as this one, or sent: on loopback each packet is both. What begins a
// connection is of another kind than what follows.
// One that ended otherwise is wanted most, then the one before it in time.
func kin(j *journey.Journey, list []*journey.Journey) *journey.Journey {
	var near *journey.Journey
	for _, earlier := range []bool{true, false} {
		for i := range list {
			o := list[i]
			if earlier {
				o = list[len(list)-1-i]
			}
			if o.Number == j.Number || (o.Number < j.Number) != earlier || !alike(j, o) {
				continue
			}
			if o.Outcome.Verdict != j.Outcome.Verdict {
				return o
			}
			if near == nil {
				near = o
			}
		}
	}
	return near
}

func alike(a, b *journey.Journey) bool {
	p, q := &a.Packet, &b.Packet
	return p.Proto == q.Proto && p.Dst == q.Dst && p.DPort == q.DPort && p.ICMPType == q.ICMPType && a.Direction == b.Direction &&
		(a.In == "") == (b.In == "") && (p.Flags^q.Flags)&model.SYN == 0
}

// pair are the two packets to compare.
func (pg *Page) pair(f *page.Frame) (two [2]*journey.Journey, ok bool) {
	j, _ := pg.shown(f)
	if pg.mode != comparers || j == nil || pg.compare.with == nil {
		return two, false
	}
	return [2]*journey.Journey{pg.compare.with, j}, true
}

// compareWork compares two packets with the rules that did not match them, for one of these
// may be why.
func (pg *Page) compareWork(f *page.Frame) func() any {
	two, ok := pg.pair(f)
	c := &pg.compare
	if !ok || two == c.of || two == c.asked {
		return nil
	}
	c.asked = two
	known := miss.In(f.Snap)
	return func() any {
		look := miss.New(known)
		return compared{two, compare.Journeys(look.Look(two[0], miss.MaxSteps), look.Look(two[1], miss.MaxSteps))}
	}
}

// drawCompare draws the sentence, what differs in the packets, and their steps row by row.
func (pg *Page) drawCompare(f *page.Frame, a ladder.Area) {
	c, p := &pg.canvas, pg.palette
	two, ok := pg.pair(f)
	if !ok {
		return
	}
	if pg.compare.got == nil || pg.compare.of != two {
		c.PutMax(a.X+1, a.Y, a.W-1, canvas.Fit(pg.say.Of("comparing #"+itoa(two[0].Number)+" and #"+itoa(two[1].Number))+p.Glyphs.Dots, a.W-1, p.Glyphs.Dots), p.Dim)
		return
	}
	cm := pg.compare.got
	y, end := a.Y, a.Y+a.H
	put := func(s string, ink *canvas.Ink, most int) {
		s = pg.say.Of(s)
		lines := pg.say.Wrap(s, a.W-2)
		if len(lines) > most { // a rule's comment goes before the reason behind it does
			lines = pg.say.Wrap(ladder.NoComment(s), a.W-2)
		}
		if len(lines) > most {
			lines = append(lines[:most-1], strings.Join(lines[most-1:], " "))
		}
		for _, l := range lines {
			if y < end {
				c.PutMax(a.X+1, y, a.W-1, canvas.Fit(l, a.W-2, p.Glyphs.Dots), ink)
			}
			y++
		}
	}
	put(cm.Sentence, p.Strong, max(a.H/4, 1))
	if len(cm.Fields) > 0 && a.H >= 8 {
		var s []string
		for _, d := range cm.Fields {
			s = append(s, d.Name+" "+cmp.Or(d.A, "-")+" | "+cmp.Or(d.B, "-"))
		}
		put("the packets: "+strings.Join(s, ", "), p.Dim, max(a.H/8, 1))
	}
	rows := pg.compareRows(cm, a.W >= twoLadders)
	if a.W >= twoLadders && y < end {
		half := (a.W - 5) / 2
		c.PutMax(a.X+2, y, half, canvas.Fit(pg.say.Headline(cm.A), half, p.Glyphs.Dots), p.Title)
		c.PutMax(a.X+5+half, y, half, canvas.Fit(pg.say.Headline(cm.B), half, p.Glyphs.Dots), p.Title)
		y++
	}
	h := end - y
	if h <= 0 {
		return
	}
	part := 0
	for i := range rows {
		if rows[i].part {
			part = i
			break
		}
	}
	from := 0
	if len(rows) > h {
		from = max(0, min(part-h/2, len(rows)-h))
	}
	for i := from; i < len(rows) && y < end; i++ {
		rows[i].draw(c, ladder.Area{X: a.X, Y: y, W: a.W, H: 1}, pg)
		y++
	}
}

// twoLadders is the least width with two ladders side by side.
const twoLadders = 120

// cmpRow is a line of the comparison: two sides, or one of them, or both where they are the
// same.
type cmpRow struct {
	left, right *cmpSide
	// who names the packet where only one stands in the line.
	who        string
	differs    bool
	part, wide bool
}

type cmpSide struct {
	where, badge string
	row          ladder.Row
}

// compareRows makes the lines. Rows in which both looked at a rule in vain are left out.
func (pg *Page) compareRows(cm *compare.Comparison, wide bool) []cmpRow {
	sides := [2]func(int) *cmpSide{sideOf(pg.say, cm.A), sideOf(pg.say, cm.B)}
	var out []cmpRow
	for i := range cm.Rows {
		r := &cm.Rows[i]
		if i != cm.Part && missed(cm.A, r.A) && missed(cm.B, r.B) {
			continue
		}
		part, differs := i == cm.Part, !r.Same()
		if wide {
			out = append(out, cmpRow{left: sides[0](r.A), right: sides[1](r.B), differs: differs, part: part, wide: true})
			continue
		}
		if !differs {
			out = append(out, cmpRow{left: sides[0](r.A)})
			sides[1](r.B)
			continue
		}
		if s := sides[0](r.A); s != nil {
			out = append(out, cmpRow{left: s, who: "#" + itoa(cm.A.Number), differs: true, part: part})
		}
		if s := sides[1](r.B); s != nil {
			out = append(out, cmpRow{left: s, who: "#" + itoa(cm.B.Number), differs: true, part: part})
		}
	}
	return out
}

// missed reports whether a step is none, or a rule that did not match.
func missed(j *journey.Journey, i int) bool { return i < 0 || j.Steps[i].Kind == journey.KindMiss }

// sideOf gives the sides of a journey's steps, nil for none. The place is named where it is
// another than that of the side given before.
func sideOf(say ladder.Say, j *journey.Journey) func(int) *cmpSide {
	byStep := make([]ladder.Row, len(j.Steps))
	for _, r := range say.Rows(j) {
		if r.Step >= 0 {
			byStep[r.Step] = r
		}
	}
	last := ""
	return func(i int) *cmpSide {
		if i < 0 {
			return nil
		}
		s := &j.Steps[i]
		out := &cmpSide{row: byStep[i]}
		place := ladder.Place(s.Backend, s.Family, s.Table, s.Chain)
		if place != last {
			out.where, out.badge, last = place, ladder.Badge(s.Backend, s.Family), place
			if s.Depth > 0 {
				out.where = strings.Repeat(" ", min(2*s.Depth, 6)) + s.Chain
			}
		}
		return out
	}
}

func (r *cmpRow) draw(c *canvas.Canvas, a ladder.Area, pg *Page) {
	p := pg.palette
	switch {
	case r.part:
		c.Put(a.X, a.Y, p.Glyphs.Hit, p.Moving)
	case r.differs:
		c.Put(a.X, a.Y, "!", p.Warn)
	}
	x, w := a.X+2, a.W-2
	if !r.wide {
		if r.who != "" {
			c.PutMax(x, a.Y, 7, canvas.Fit(r.who, 6, p.Glyphs.Dots), p.Accent)
		}
		r.left.draw(c, x+7, a.Y, w-7, pg)
	} else {
		half := (a.W - 5) / 2
		if r.left != nil {
			r.left.draw(c, x, a.Y, half, pg)
		}
		c.Put(x+half+1, a.Y, p.Glyphs.V, p.Border)
		if r.right != nil {
			r.right.draw(c, x+half+3, a.Y, half, pg)
		}
	}
	if r.part {
		c.Ground(a.X, a.Y, a.W, p.Selected, p)
	}
}

func (s *cmpSide) draw(c *canvas.Canvas, x, y, w int, pg *Page) {
	p := pg.palette
	dots := p.Glyphs.Dots
	where := min(max(w*3/10, 8), 24)
	put := func(n int, text string, ink *canvas.Ink) {
		if n > 1 {
			c.PutMax(x, y, n-1, canvas.Fit(text, n-1, dots), ink)
		}
		x += n
	}
	put(where, s.where, p.Strong)
	put(3, s.badge, p.Backend(s.row.Backend))
	word := s.row.Word
	if s.row.Miss {
		word = pg.say.Of("no match")
	}
	text := strings.TrimSpace(s.row.Rule + "  " + s.row.Text)
	if s.row.Packet != "" {
		text += " [" + s.row.Packet + "]"
	}
	rest := w - where - 3 - 9
	ink := (*canvas.Ink)(nil)
	if s.row.Miss {
		ink = p.Dim
	}
	put(rest, text, ink)
	put(9, word, p.Verdict(s.row.Verdict))
}
