package path

import (
	"nfscope/model"
	"nfscope/ui/component/canvas"
)

const (
	// fullWidth is the least width of the map with all stations side by side.
	fullWidth = 104
	nicWidth  = 8
	minPre    = 28
	minMid    = 34
	minRight  = 28
	// mostRules is how many rules of a chain are asked for at least; on a high screen
	// it is a share of the height.
	mostRules = 14
)

// full draws the whole map on the canvas. It is false where the map does not fit even
// with all rules folded, and is much taller than the screen.
func (v *view) full(w, h int) bool {
	extra := w - fullWidth
	in, out := v.devices()
	nic := nicWidth + max(extra/40, min(extra/6, canvas.Width(in)+4-nicWidth)) // its whole name where there is room
	pre, right := v.columns(extra - nic + nicWidth)
	xPre := 1 + nic
	xFork := xPre + pre + 1
	xMid := xFork + 5
	xRight := w - right - 1
	v.geo[stPre] = geo{x: xPre, w: pre, shown: true}
	v.geo[stInput] = geo{x: xMid, w: xRight - xMid - 2, shown: true}
	v.geo[stForward] = v.geo[stInput]
	v.geo[stOutput] = geo{x: xRight, w: right, shown: true}
	v.geo[stPost] = v.geo[stOutput]

	top := func() int { return max(v.height(stInput), v.height(stOutput)) }
	low := func() int { return max(v.height(stForward), v.height(stPost)) }
	fits := func() bool { return 3+top()+low() <= h }
	if !v.share([]int{stInput, stForward, stOutput, stPost}, max(mostRules, h*2/3), fits) && 3+top()+low() > 2*h {
		return false
	}
	v.share([]int{stPre}, max(mostRules, h*2/3), func() bool { return 1+v.height(stPre) <= h })
	y2 := top() + 2
	v.geo[stForward].y, v.geo[stPost].y = y2, y2
	total := max(y2+1+low(), 1+v.height(stPre))
	v.used = total
	v.c.Reset(w, max(total, h))

	g := v.p.Glyphs
	// The top line: NIC, PREROUTING, routing, INPUT, local process, OUTPUT.
	x := v.c.PutMax(1, 0, nic-4, canvas.Fit(in, nic-4, g.Dots), v.p.Strong)
	v.wire(wireIn, true, seg{x + 1, 0, xPre - 2, 0})
	lost := &v.pg.lost
	v.c.PutMax(1, 1, nic-1, v.lossText(lost.in), v.p.Bad)
	v.station(stPre)
	x = xFork - len("routing") - 1
	v.c.Put(x, 0, "routing", v.p.Strong)
	x = v.lossBefore(x, 0, v.geo[stPre].headEnd+3, lost.routing)
	v.wire(wireRoute, false, seg{v.geo[stPre].headEnd + 1, 0, x - 2, 0}, seg{xFork, 0, xFork, 0})
	v.wire(wireInput, true, seg{xFork + 1, 0, xMid - 2, 0})
	v.station(stInput)
	const local = "local process"
	x = xRight - len(local) - 6
	end := v.c.Put(x, 0, local, v.p.Strong)
	x = v.lossBefore(x, 0, v.geo[stInput].headEnd+4, lost.local)
	v.wire(wireLocal, true, seg{v.geo[stInput].headEnd + 1, 0, x - 2, 0})
	v.wire(wireOutput, true, seg{end + 1, 0, xRight - 2, 0})
	v.station(stOutput)
	// The second band: FORWARD, POSTROUTING, NIC.
	v.wire(wireForward, true, seg{xFork, 1, xFork, y2}, seg{xFork + 1, y2, xMid - 2, y2})
	v.station(stForward)
	v.wire(wireAcross, true, seg{v.geo[stForward].headEnd + 1, y2, xRight - 2, y2})
	v.station(stPost)
	if room := w - 1 - v.geo[stPost].headEnd - 5; room > 2 {
		x := v.geo[stPost].headEnd + 5
		if longer := w - 2 - min(canvas.Width(out), room); longer > x && w >= 140 {
			x = min(longer, x+8)
		}
		v.c.PutMax(x, y2-1, w-x, v.lossText(lost.out), v.p.Bad)
		v.wire(wireOut, true, seg{v.geo[stPost].headEnd + 1, y2, x - 2, y2})
		v.c.PutMax(x, y2, w-x, canvas.Fit(out, w-x, g.Dots), v.p.Strong)
	}
	for st := range v.geo {
		v.block(st)
	}
	v.wire(wireDown, true, seg{xRight, v.bottom(stOutput) + 1, xRight, y2 - 1})
	v.c.Put(xFork, 0, v.fork(), v.ink(wireRoute))
	v.sprites()
	return true
}

// columns shares spare cells out between the three columns of blocks: each takes of
// its part what its rules need to be read whole, and what is left over goes to those
// that need more.
func (v *view) columns(extra int) (pre, right int) {
	n := &v.w.needs
	want := [3]int{n[stPre] - minPre, max(n[stInput], n[stForward]) - minMid, max(n[stOutput], n[stPost]) - minRight}
	part := [3]int{27, 39, 34}
	var got [3]int
	for range len(want) {
		sum := 0
		for i := range want {
			if got[i] < want[i] {
				sum += part[i]
			}
		}
		left := extra - got[0] - got[1] - got[2]
		for i := range want {
			if got[i] < want[i] {
				got[i] = min(want[i], got[i]+left*part[i]/sum)
			}
		}
	}
	left := extra - got[0] - got[1] - got[2]
	return minPre + got[0] + left*part[0]/100, minRight + got[2] + left*part[2]/100
}

// fork is the sign of the routing decision. In ASCII the theme's would look like an
// arrow's head.
func (v *view) fork() string {
	if v.p.Theme.ASCII {
		return v.p.Glyphs.Cross
	}
	return v.p.Glyphs.Fork
}

// ink is a wire's: bright where the packet in focus went along it.
func (v *view) ink(w int) *canvas.Ink {
	if v.legs[w] {
		return v.p.Moving
	}
	return v.p.Border
}

// wire draws a wire and keeps it for the packets. The arrow's head stands at its end.
func (v *view) wire(w int, arrow bool, segs ...seg) {
	g, ink := v.p.Glyphs, v.ink(w)
	kept := make([]seg, 0, len(segs))
	for i, s := range segs {
		if s.x2 < s.x1 || s.y2 < s.y1 {
			continue
		}
		kept = append(kept, s)
		line := g.H
		if s.x1 == s.x2 && s.y1 != s.y2 || s.x1 == s.x2 && w == wireDown {
			line = g.V
		}
		for n := range s.cells() {
			x, y := s.at(n)
			v.c.Put(x, y, line, ink)
		}
		if i+1 < len(segs) && line == g.V {
			v.c.Put(s.x2, s.y2, g.BL, ink) // it turns to the right
		}
		if arrow && i == len(segs)-1 {
			head := g.Right
			if line == g.V {
				head = g.Down
			}
			v.c.Put(s.x2, s.y2, head, ink)
		}
	}
	v.wires[w] = kept
}

// station draws a station's head.
func (v *view) station(st int) {
	g := &v.geo[st]
	s := &v.w.stations[st]
	ink := v.p.Title
	if v.hooked(s.hook) {
		ink = v.p.Moving
	}
	g.headEnd = v.c.PutMax(g.x, g.y, g.w, s.name, ink)
	v.mark(st, &geo{x: g.x - 1, w: g.headEnd - g.x + 1}, g.y, spot{st, key{}, -1})
	v.kernelDeaths(st)
}

// kernelDeaths marks packets that no rule and no policy of a chain on the map killed.
func (v *view) kernelDeaths(st int) {
	g, n := &v.geo[st], 0
	for i := range v.deaths {
		d := &v.deaths[i]
		if index(d.Hook) != st {
			continue
		}
		known := false
		for k := range v.w.stations[st].entries {
			e := &v.w.stations[st].entries[k]
			known = known || e.key == key{d.Backend, d.Family, d.Table, d.Base}
		}
		if !known {
			n += d.Count
		}
	}
	if n > 0 {
		g.headEnd = v.c.Put(g.headEnd+1, g.y, v.p.Glyphs.Dead, v.p.Bad)
	}
}

// scroll cuts the part of the map out that fits, around what is of interest.
func (v *view) scroll(h int) []string {
	_, total := v.c.Size()
	from := 0
	if total > h {
		y := v.interest()
		from = max(0, min(y-h/2, total-h))
	}
	for i := range v.hits {
		v.hits[i].y -= from
	}
	return v.c.Lines(from, from+h)
}

// interest is the row that must be seen: the selection, else the packet in focus.
func (v *view) interest() int {
	if s := &v.pg.sel; s.on {
		y := v.geo[s.station].y
		for k := range v.entries[s.station] {
			ev := &v.entries[s.station][k]
			if v.w.stations[s.station].entries[k].key != s.key || s.key == (key{}) {
				continue
			}
			y = ev.row
			for _, r := range ev.rows {
				if r.rule == s.rule {
					y = r.y
				}
			}
		}
		return y
	}
	if v.focus != nil {
		if _, _, y, ok := v.stand(v.focus, v.step); ok {
			return y
		}
	}
	return 0
}

// home is the station of interest where only one is unfolded.
func (v *view) home() int {
	if v.pg.sel.on {
		return v.pg.sel.station
	}
	if v.focus != nil && v.step < len(v.focus.Steps) {
		if st := index(v.focus.Steps[v.step].Hook); st >= 0 {
			return st
		}
	}
	best, most := stInput, 0
	for _, st := range []int{stInput, stForward, stPre, stPost, stOutput} {
		n := 0
		for k := range v.w.stations[st].entries {
			if c := v.w.stations[st].entries[k].chain; c != nil {
				n += len(c.Rules) + boolInt(c.PolicyVerdict() == model.VerdictDrop)
			}
		}
		if n > most {
			best, most = st, n
		}
	}
	return best
}
