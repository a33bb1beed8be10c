package ladder

import (
	"strconv"

	"nfscope/model"
	"nfscope/ui/component/canvas"
)

// Area is a rectangle of a canvas.
type Area struct{ X, Y, W, H int }

// DrawRows draws the rungs of a journey, or Folded ones, or with others between, with the
// step that the packet stands at marked. What lies ahead of that step is dim. Where the area
// is too low for all rungs, those around the step are shown, and the head says how many are
// not. Misses among the steps are shown one by one.
func DrawRows(c *canvas.Canvas, a Area, rows []Row, step int, p *canvas.Palette) {
	cols := measure(rows, a.W-2)
	if a.H < 2 || a.W < 4 {
		return
	}
	h := a.H - 1
	at := 0
	for i := range rows {
		if rows[i].Step == step {
			at = i
		}
	}
	from := 0
	if len(rows) > h {
		from = max(0, min(at-h/2, len(rows)-h))
	}
	ahead := false
	for y := 0; y < h && from+y < len(rows); y++ {
		r := &rows[from+y]
		if r.Step > step {
			ahead = true
		}
		cols.row(c, a, a.Y+1+y, r, r.Step == step, ahead, p)
	}
	cols.head(c, a, language(rows).Of(leftOut(from, max(len(rows)-from-h, 0))), p)
}

// language is what the rungs are said in.
func language(rows []Row) Say {
	for i := range rows {
		if rows[i].say != nil {
			return rows[i].say
		}
	}
	return nil
}

// leftOut says how many rungs are not shown.
func leftOut(above, below int) string {
	switch {
	case above > 0 && below > 0:
		return "rule (" + strconv.Itoa(above) + " above, " + strconv.Itoa(below) + " below)"
	case above > 0:
		return "rule (" + strconv.Itoa(above) + " above)"
	case below > 0:
		return "rule (" + strconv.Itoa(below) + " below)"
	}
	return "rule"
}

func (cols columns) head(c *canvas.Canvas, a Area, rule string, p *canvas.Palette) {
	x := a.X + 2
	for _, f := range []struct {
		s string
		w int
	}{{"hook", cols.hook}, {"where", cols.where}, {"", cols.badge}, {rule, cols.text}, {"verdict", cols.verdict}, {"packet", cols.packet}} {
		if f.w > 0 {
			c.PutMax(x, a.Y, min(f.w-1, a.X+a.W-x), f.s, p.Dim)
		}
		x += f.w
	}
}

func (cols columns) row(c *canvas.Canvas, a Area, y int, r *Row, current, ahead bool, p *canvas.Palette) {
	g := p.Glyphs
	pick := func(i *canvas.Ink) *canvas.Ink {
		if ahead {
			return p.Dim
		}
		return i
	}
	put := func(x, w int, s string, i *canvas.Ink) int {
		if w > 0 {
			c.PutMax(x, y, min(w-1, a.X+a.W-x), canvas.Fit(s, w-1, g.Dots), pick(i))
		}
		return x + w
	}
	if current {
		mark, ink := g.Hit, p.Moving
		if r.Verdict.Ends() {
			mark, ink = g.Dead, p.Bad
		}
		c.Put(a.X, y, mark, ink)
	}
	x := put(a.X+2, cols.hook, hookWord(r), p.Title)
	where := p.Strong
	if r.Step < 0 {
		where = p.Dim
	}
	in := min(2*r.Depth, max(cols.where-6, 0))
	s := r.Where
	if s != "" && r.Depth > 0 {
		s = g.Jump + " " + s
		in -= 2
	}
	if r.Where == "conntrack" && r.Step < 0 {
		s = g.Ring + " " + s
	} else if r.Hook == model.HookNone && r.Step < 0 {
		s = g.Fork + " " + s
	}
	put(x+in, cols.where-in, s, where)
	x += cols.where
	x = put(x, cols.badge, r.Badge, p.Backend(r.Backend))
	text := (*canvas.Ink)(nil)
	if r.Miss || r.Step < 0 || r.Text == "" {
		text = p.Dim
	}
	r.spread(&cols)
	x = put(x, cols.text, r.shown(cols, g.Dots), text)
	x = put(x, cols.verdict, r.Word, p.Verdict(r.Verdict))
	put(x, cols.packet, r.note(cols.packet-1), p.Warn)
	if current {
		c.Ground(a.X, y, a.W, p.Selected, p)
	}
}
