package path

import (
	"nfscope/ui/component/canvas"
	"nfscope/ui/component/units"
)

// miniWidth is the least width of the map of one line.
const miniWidth = 62

// compact draws the flow on two lines and the station of interest unfolded below;
// where all of them fit, all.
func (v *view) compact(w, h int) {
	v.c.Reset(w, h)
	v.mini(w)
	heads := v.geo
	v.top = 3
	v.sections(w, h, 3, v.chosen(h-3))
	// What is unfolded below is where the packets run through its chains; the wires
	// and the other stations are above.
	for st := range v.geo {
		if !v.geo[st].shown {
			v.geo[st] = heads[st]
		}
	}
	v.sprites()
}

// list draws one column: the stations below each other.
func (v *view) list(w, h int) {
	v.sections(w, h, 0, v.chosen(h-4))
	v.sprites()
}

// chosen says which stations are unfolded: all where there is room, else those that
// the packet in focus passes, else the one of interest.
func (v *view) chosen(h int) [5]bool {
	all := [5]bool{true, true, true, true, true}
	if v.rows(all) <= h {
		return all
	}
	if !v.pg.sel.on && v.focus != nil {
		var way [5]bool
		for i := range v.focus.Steps {
			if st := index(v.focus.Steps[i].Hook); st >= 0 {
				way[st] = true
			}
		}
		if v.rows(way)+3 <= h {
			return way
		}
	}
	var one [5]bool
	one[v.home()] = true
	return one
}

// rows is how many rows stations take with their rules folded.
func (v *view) rows(unfold [5]bool) int {
	n := 0
	for st := range unfold {
		if unfold[st] {
			n += 1 + max(len(v.entries[st]), 1)
		}
	}
	return n
}

// mini draws NIC, stations and wires on two lines.
func (v *view) mini(w int) {
	in, out := v.devices()
	g := v.p.Glyphs
	local, lost := "local", &v.pg.lost
	label, rest := names, w-1-71-canvas.Width(v.lossText(lost.local))
	if min(canvas.Width(in), 5)+min(canvas.Width(out), 5) > rest {
		label, rest = [...]string{"PRE", "IN", "FWD", "OUT", "POST"}, rest+20
	}
	out = canvas.Fit(out, max(5, rest/2, rest-canvas.Width(in)), g.Dots)
	in = canvas.Fit(in, max(5, rest-canvas.Width(out)), g.Dots)
	put := func(st, x, y int) int {
		v.geo[st] = geo{x: x, y: y, shown: true, flat: true}
		ink := v.p.Title
		if v.hooked(v.w.stations[st].hook) {
			ink = v.p.Moving
		}
		end := v.c.Put(x, y, label[st], ink)
		v.hits = append(v.hits, clickable{x, y, end - x, spot{st, key{}, -1}})
		if s := &v.pg.sel; s.on && s.station == st {
			v.c.Ground(x, y, end-x, v.p.Selected, v.p)
		}
		v.geo[st].headEnd = end
		return end
	}
	arrow := func(wire, x int) int {
		v.wire(wire, true, seg{x + 1, 0, x + 2, 0})
		return x + 4
	}
	x := v.c.Put(1, 0, in, v.p.Strong)
	x = put(stPre, arrow(wireIn, x), 0)
	fork := x + 4
	v.wire(wireRoute, true, seg{x + 1, 0, x + 2, 0}, seg{fork, 0, fork, 0})
	v.c.Put(x+2, 0, g.Right, v.ink(wireRoute))
	x = put(stInput, arrow(wireInput, fork+1), 0)
	x = v.c.Put(arrow(wireLocal, x), 0, local, v.p.Strong)
	x = v.c.Put(x, 0, v.lossText(lost.local), v.p.Bad)
	x = put(stOutput, arrow(wireOutput, x), 0)
	join := x + 1
	v.wire(wireDown, true, seg{x + 1, 0, x + 3, 0})
	for i := x + 1; i < x+3; i++ {
		v.c.Put(i, 0, g.H, v.ink(wireDown))
	}
	v.c.Put(x+3, 0, g.Right, v.ink(wireDown))
	x = put(stPost, x+5, 0)
	x = arrow(wireOut, x)
	v.c.Put(x, 0, out, v.p.Strong)
	v.c.PutMax(x, 1, w-x, v.lossText(lost.out), v.p.Bad)
	if begin := v.lossBefore(fork, 1, 1, lost.routing); begin > 2 { // the interface's, where there is room for both
		v.lossBefore(min(begin, 2+canvas.Width(v.lossText(lost.in))), 1, 1, lost.in)
	}
	// The second line: from the fork to FORWARD and up into POSTROUTING's wire.
	v.wire(wireForward, true, seg{fork, 1, fork, 1}, seg{fork + 1, 1, fork + 2, 1})
	v.c.Put(fork, 0, v.fork(), v.ink(wireRoute))
	v.c.Put(fork, 1, g.BL, v.ink(wireForward))
	end := put(stForward, fork+4, 1)
	v.wire(wireAcross, false, seg{end + 1, 1, join + 1, 1})
	v.c.Put(join+1, 1, g.BR, v.ink(wireAcross))
	ink := v.ink(wireDown)
	if v.legs[wireAcross] {
		ink = v.p.Moving
	}
	v.c.Put(join+1, 0, g.TeeT, ink)
}

// sections draws the stations below each other from row y on, some unfolded.
func (v *view) sections(w, h, y int, unfold [5]bool) {
	mini := y > 0
	room := h - y
	var open []int
	for st := range unfold {
		if unfold[st] {
			open = append(open, st)
		}
	}
	total := func() int {
		n := 0
		for st := range v.entries {
			switch {
			case unfold[st]:
				n += 1 + v.height(st)
			case !mini:
				n++
			}
		}
		return n
	}
	v.share(open, max(mostRules, h/2), func() bool { return total() <= room })
	n := total()
	tall := canvas.New(w, max(n, room, 1))
	page := v.c
	v.c = tall
	at := 0
	for st := range v.geo {
		if !unfold[st] && mini {
			v.geo[st].shown = false
			continue
		}
		v.geo[st] = geo{x: 1, y: at, w: max(w-2, 1), shown: true}
		v.station(st)
		if !unfold[st] {
			v.folded(st, w)
			v.geo[st].flat = true
			at++
			continue
		}
		if n := len(v.w.stations[st].entries); w >= 30 {
			v.c.Put(v.geo[st].headEnd+2, at, v.lang().Counted(uint64(n), 4, "chain"), v.p.Dim)
		}
		at = v.block(st)
	}
	from := 0
	if n > room {
		from = max(0, min(v.interest()-room/2, n-room))
	}
	v.c = page
	if !mini {
		v.c.Reset(w, h)
	}
	v.c.Copy(tall, 0, y, from, room)
	for st := range v.geo {
		if !v.geo[st].shown {
			continue
		}
		v.geo[st].y += y - from
		for k := range v.entries[st] {
			ev := &v.entries[st][k]
			if ev.row >= 0 {
				ev.row += y - from
			}
			for i := range ev.rows {
				ev.rows[i].y += y - from
			}
		}
	}
	for i := range v.hits {
		if !mini || v.hits[i].x == 0 || v.hits[i].x == 1 {
			v.hits[i].y += y - from
		}
	}
}

// folded says on one line what a station that is not unfolded has.
func (v *view) folded(st, w int) {
	g, s := &v.geo[st], &v.w.stations[st]
	var packets uint64
	rules, dead := 0, 0
	for k := range s.entries {
		if c := s.entries[k].chain; c != nil {
			rules += len(c.Rules)
			packets = max(packets, s.entries[k].packets)
		}
	}
	for i := range v.deaths {
		if index(v.deaths[i].Hook) == st {
			dead += v.deaths[i].Count
		}
	}
	x := max(g.headEnd+1, 14)
	if rules > 0 {
		x = v.c.Put(x, g.y, v.lang().Counted(uint64(rules), 5, "rule"), v.p.Dim) + 1
	}
	if packets > 0 {
		s := units.Count(packets, 4)
		if w-x > 12 {
			v.c.Put(w-6-len(s), g.y, s, v.p.Dim)
		}
	}
	if dead > 0 {
		s := v.p.Glyphs.Dead + units.Count(uint64(dead), 2)
		v.c.Put(w-1-canvas.Width(s), g.y, s, v.p.Bad)
	}
}
