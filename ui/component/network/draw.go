package network

import (
	"nfscope/ui/component/canvas"
)

// Look is what is to be seen of a network at one moment.
type Look struct {
	// Lit is the host that has the packet, "" for none.
	Lit string
	// Cable are the two hosts of the cable that has it.
	Cable [2]string
	// Line is the line of those inside of the watched host where the packet is, from 1 on;
	// 0 for none.
	Line int
}

// Inside reports whether the lines that were given stand in the watched host.
func (m *Map) Inside() bool { return m.root != nil && m.root.rules < len(m.root.lines) }

// Draw draws the network with its corner at x, y.
func (m *Map) Draw(c *canvas.Canvas, x, y int, look Look, p *canvas.Palette) {
	g := p.Glyphs
	for pair, cells := range m.wires {
		a, b := m.by[pair[0]], m.by[pair[1]]
		if a.x > b.x {
			continue // the same cable the other way
		}
		ink := p.Border
		if look.Cable == pair || look.Cable == [2]string{pair[1], pair[0]} {
			ink = p.Moving
		}
		for i, k := range cells {
			s := g.H
			if i > 0 && i+1 < len(cells) {
				s = bend(cells[i-1], k, cells[i+1], strokes{g.H, g.V, g.TL, g.TR, g.BL, g.BR})
			}
			if !c.Blank(x+k.X, y+k.Y) && s != g.V {
				continue
			}
			c.Put(x+k.X, y+k.Y, s, ink)
		}
	}
	for _, b := range m.boxes {
		m.box(c, x, y, b, look, p)
	}
}

// strokes are the glyphs that cables are drawn with.
type strokes struct{ h, v, tl, tr, bl, br string }

// bend is the glyph of a cell between two others.
func bend(a, k, b Cell, g strokes) string {
	switch {
	case a.Y == k.Y && k.Y == b.Y:
		return g.h
	case a.X == k.X && k.X == b.X:
		return g.v
	}
	// Of the two neighbours one stands beside it, the other above or below.
	side, other := a, b
	if side.Y != k.Y {
		side, other = b, a
	}
	switch left, above := side.X < k.X, other.Y < k.Y; {
	case left && above:
		return g.br
	case left:
		return g.tr
	case above:
		return g.bl
	}
	return g.tl
}

func (m *Map) box(c *canvas.Canvas, x, y int, b *box, look Look, p *canvas.Palette) {
	g := p.Glyphs
	edge, name := p.Border, p.Strong
	if b == m.root {
		edge, name = p.Title, p.Title
	}
	if b.plain {
		name = p.Dim
	}
	if b.name == look.Lit {
		edge = p.Moving
	}
	x, y = x+b.x, y+b.y
	for i := 1; i < b.w-1; i++ {
		c.Put(x+i, y, g.H, edge)
		c.Put(x+i, y+b.h-1, g.H, edge)
	}
	for i := 1; i < b.h-1; i++ {
		c.Put(x, y+i, g.V, edge)
		c.Put(x+b.w-1, y+i, g.V, edge)
	}
	c.Put(x, y, g.TL, edge)
	c.Put(x+b.w-1, y, g.TR, edge)
	c.Put(x, y+b.h-1, g.BL, edge)
	c.Put(x+b.w-1, y+b.h-1, g.BR, edge)
	c.Put(x+3, y, " ", edge)
	c.Put(c.PutMax(x+4, y, b.w-6, b.name, name), y, " ", edge)
	row := 1 + b.air
	for _, q := range b.ports {
		w := canvas.Width(q.label)
		at := x + 2
		if b.plain && q.right {
			at = x + b.w - 2 - w
		}
		if b.w-4 < w {
			at = x + 1
		}
		ink := p.Accent
		if b.plain {
			ink = p.Dim
		}
		c.PutMax(at, y+q.row, b.w-2, q.label, ink)
		if q.right {
			c.Put(x+b.w-1, y+q.row, g.TeeL, edge)
		} else {
			c.Put(x, y+q.row, g.TeeR, edge)
		}
		row = max(row, q.row+1)
	}
	for i, l := range b.lines {
		at := x + 2
		if b.w-4 < canvas.Width(l) {
			at = x + 1
		}
		ink := p.Dim
		if i >= b.rules {
			ink = nil
		}
		if b == m.root && look.Line > 0 && i == b.rules+look.Line-1 {
			ink = p.Moving
		}
		c.PutMax(at, y+row+i, b.w-2, l, ink)
	}
}
