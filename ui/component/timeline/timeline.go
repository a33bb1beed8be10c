// Package timeline is a strip on which packets stand by the time at which they began, a
// column a slice of time, coloured by how they ended.
package timeline

import (
	"math/bits"
	"time"

	"nfscope/model/journey"
	"nfscope/ui/component/canvas"
)

// slice is a column: how many packets began in it, the worst of their fates, and the
// first of them in the list.
type slice struct {
	n     int
	worst rank
	first int
}

// rank orders fates by how much they matter.
type rank uint8

const (
	none rank = iota
	accepted
	moving
	queued
	unknown
	rejected
	dropped
)

var ranks = map[string]rank{journey.Accepted: accepted, journey.Queued: queued, journey.Unknown: unknown, journey.Rejected: rejected, journey.Dropped: dropped}

func rankOf(j *journey.Journey) rank {
	if !j.Closed {
		return moving
	}
	if r := ranks[j.Outcome.Verdict]; r != none {
		return r
	}
	return unknown
}

// fates are the outcomes of the ranks from queued on.
var fates = map[rank]string{queued: journey.Queued, unknown: journey.Unknown, rejected: journey.Rejected, dropped: journey.Dropped}

// Strip is the packets of a list on a strip. The zero value has none.
type Strip struct {
	slices []slice
	span   time.Duration // from the first begin to the last; never 0
	origin time.Time
	most   int
}

// Make lays a list out on a strip of width columns. It looks at each packet once.
func (s *Strip) Make(list []*journey.Journey, width int) {
	width = max(width, 0)
	if cap(s.slices) < width {
		s.slices = make([]slice, width)
	}
	s.slices = s.slices[:width]
	clear(s.slices)
	s.most = 0
	if len(list) == 0 || width == 0 {
		return
	}
	first, last := list[0].Start, list[0].Start
	for _, j := range list { // packets are numbered as they are known: nearly by time
		if j.Start.Before(first) {
			first = j.Start
		}
		if j.Start.After(last) {
			last = j.Start
		}
	}
	s.origin, s.span = first, max(last.Sub(first), 1)
	for i, j := range list {
		k := &s.slices[s.Column(j)]
		if k.n == 0 {
			k.first = i
		}
		k.n++
		k.worst = max(k.worst, rankOf(j))
		s.most = max(s.most, k.n)
	}
}

// Column is where a packet stands.
func (s *Strip) Column(j *journey.Journey) int {
	w := len(s.slices)
	if w == 0 {
		return 0
	}
	part := float64(j.Start.Sub(s.origin)) / float64(s.span)
	return max(0, min(int(part*float64(w)), w-1))
}

// Next is the place in the list of the first packet of the next column that has any, or of
// the one before where by is negative; -1 where there is none.
func (s *Strip) Next(column, by int) int {
	step := 1
	if by < 0 {
		step = -1
	}
	for c := column + step; c >= 0 && c < len(s.slices); c += step {
		if s.slices[c].n > 0 {
			return s.slices[c].first
		}
	}
	return -1
}

// At is the place in the list of the first packet of a column, -1 where it has none.
func (s *Strip) At(column int) int {
	if column < 0 || column >= len(s.slices) || s.slices[column].n == 0 {
		return -1
	}
	return s.slices[column].first
}

// Draw draws the strip at (x, y): one line of fates; where two are allowed, above it one
// that shows how many packets there are. selected is a column, -1 for none.
func (s *Strip) Draw(c *canvas.Canvas, x, y int, two bool, selected int, p *canvas.Palette) {
	g := p.Glyphs
	for i := range s.slices {
		k := &s.slices[i]
		at := y
		fate, ink := s.fate(k, p)
		if two {
			if k.n > 0 {
				c.Put(x+i, y, g.Sparks[s.height(k.n, len(g.Sparks))], ink)
			}
			at++
			if k.worst < moving { // that nothing happened to them the height says
				fate, ink = g.H, p.Border
			}
		}
		if i == selected && k.worst <= accepted {
			fate, ink = g.Hit, p.Moving
		}
		c.Put(x+i, at, fate, ink)
		if i == selected {
			c.Ground(x+i, y, 1, p.Selected, p)
			c.Ground(x+i, at, 1, p.Selected, p)
		}
	}
}

// fate gives glyph and ink of a column.
func (s *Strip) fate(k *slice, p *canvas.Palette) (string, *canvas.Ink) {
	switch k.worst {
	case none:
		return p.Glyphs.H, p.Border
	case accepted:
		return p.Fate(journey.Accepted)
	case moving:
		return p.Glyphs.Packet, p.Moving
	}
	return p.Fate(fates[k.worst])
}

// height is the spark of n packets: by the power of two, so that few are seen beside many.
func (s *Strip) height(n, levels int) int {
	top := bits.Len(uint(s.most))
	if top <= 1 {
		return 0
	}
	return (bits.Len(uint(n)) - 1) * (levels - 1) / (top - 1)
}
