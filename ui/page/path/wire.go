package path

import (
	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/journey"
	"nfscope/ui/component/player"
)

// seg is a straight piece of a wire, ends included, in the direction of the packet.
type seg struct{ x1, y1, x2, y2 int }

func (s seg) cells() int { return max(s.x2-s.x1, s.x1-s.x2) + max(s.y2-s.y1, s.y1-s.y2) + 1 }

// at gives the cell n cells into the piece.
func (s seg) at(n int) (x, y int) {
	return s.x1 + sign(s.x2-s.x1)*min(n, max(s.x2-s.x1, s.x1-s.x2)),
		s.y1 + sign(s.y2-s.y1)*min(n, max(s.y2-s.y1, s.y1-s.y2))
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// The wires of the map, each in the direction of the packets on it.
const (
	wireIn      = iota // NIC to PREROUTING
	wireRoute          // PREROUTING to the routing decision
	wireInput          // routing to INPUT
	wireForward        // routing to FORWARD
	wireLocal          // INPUT to the local process
	wireOutput         // local process to OUTPUT
	wireDown           // OUTPUT to POSTROUTING
	wireAcross         // FORWARD to POSTROUTING
	wireOut            // POSTROUTING to NIC
	wireCount
)

// The stations' places in world.stations.
const (
	stPre = iota
	stInput
	stForward
	stOutput
	stPost
)

// between lists the wires from one station to another; nil where there is no direct
// way, as from POSTROUTING to PREROUTING on the loopback device.
func between(a, b int) []int {
	switch [2]int{a, b} {
	case [2]int{stPre, stInput}:
		return []int{wireRoute, wireInput}
	case [2]int{stPre, stForward}:
		return []int{wireRoute, wireForward}
	case [2]int{stPre, stPost}:
		return []int{wireRoute, wireForward, wireAcross}
	case [2]int{stForward, stPost}:
		return []int{wireAcross}
	case [2]int{stOutput, stPost}:
		return []int{wireDown}
	case [2]int{stPost, stPre}:
		return []int{wireOut, wireIn}
	}
	return nil
}

// before is the wire on which a packet comes to its first station.
func before(st int) []int {
	switch st {
	case stPre:
		return []int{wireIn}
	case stInput:
		return []int{wireInput}
	case stForward:
		return []int{wireForward}
	case stOutput:
		return []int{wireOutput}
	}
	return nil
}

// behind is the way that a packet takes from its last station: out, or to where the kernel
// dropped it.
func behind(st int, j *journey.Journey) []int {
	if player.Lost(j) {
		switch j.Outcome.By.Station {
		case drop.StationDeviceOut.String(): // at the end of the way
		case drop.StationRouting.String(), drop.StationForward.String():
			if st == stPre {
				return []int{wireRoute}
			}
			return nil
		case drop.StationSocket.String():
			if st == stPre {
				return []int{wireRoute, wireInput, wireLocal}
			}
			return []int{wireLocal}
		default:
			return nil
		}
	}
	switch st {
	case stPre:
		switch j.Path {
		case journey.PathInput:
			return []int{wireRoute, wireInput, wireLocal}
		case journey.PathForward:
			return []int{wireRoute, wireForward, wireAcross, wireOut}
		}
		return []int{wireRoute}
	case stInput:
		return []int{wireLocal}
	case stForward:
		return []int{wireAcross, wireOut}
	case stOutput:
		return []int{wireDown, wireOut}
	}
	return []int{wireOut}
}

// unchained is the way of a packet that no chain saw, to where the kernel dropped it.
func unchained(j *journey.Journey) []int {
	switch j.Outcome.By.Station {
	case drop.StationRouting.String(), drop.StationForward.String():
		return []int{wireIn, wireRoute}
	case drop.StationSocket.String():
		return []int{wireIn, wireRoute, wireInput, wireLocal}
	case drop.StationDeviceOut.String():
		if j.In == "" {
			return []int{wireOutput, wireDown, wireOut}
		}
		return []int{wireIn, wireRoute, wireForward, wireAcross, wireOut}
	case drop.StationDeviceIn.String(), drop.StationBridge.String():
		return []int{wireIn}
	}
	return nil
}

// travel marks the wires that the packet in focus has behind it.
func (v *view) travel(entering bool) {
	if entering || len(v.focus.Steps) == 0 {
		return
	}
	mark := func(ws []int) {
		for _, w := range ws {
			v.legs[w] = true
		}
	}
	last := index(v.focus.Steps[0].Hook)
	mark(before(last))
	for i := 1; i <= v.step; i++ {
		st := index(v.focus.Steps[i].Hook)
		if st != last {
			mark(between(last, st))
		}
		last = st
	}
	if v.step == len(v.focus.Steps)-1 && v.leaves(v.focus) && v.left {
		mark(behind(last, v.focus))
	}
}

// leaves reports whether a packet goes on behind the last step we saw.
func (v *view) leaves(j *journey.Journey) bool {
	return j.Closed && (j.Outcome.Verdict == journey.Accepted || player.Lost(j))
}

// stand gives the cell of a step: beside its rule, its chain, or the station's head.
func (v *view) stand(j *journey.Journey, i int) (st, x, y int, ok bool) {
	s := &j.Steps[i]
	st, en := v.w.at(s)
	if st < 0 || !v.geo[st].shown {
		return st, 0, 0, false
	}
	g := &v.geo[st]
	x, y = g.x, g.y
	if g.flat {
		return st, g.x - 1, y, true
	}
	if en >= 0 && v.entries[st][en].row >= 0 {
		ev := &v.entries[st][en]
		y = ev.row
		id := v.w.resolve(s)
		want := -1
		if v.focus != nil && v.focus.Number == j.Number {
			if l, ok := ev.trail[i]; ok {
				want = l
			}
		}
		if id >= 0 || want >= 0 {
			for _, r := range ev.rows {
				if r.leaf == want || want < 0 && r.rule == id {
					y = r.y
					break
				}
			}
		}
	} else if !g.flat {
		y = g.y + 1
	}
	return st, x, y, y >= v.top
}

// sprites draws the packets above all else, the one in focus last.
func (v *view) sprites() {
	var way [12]seg
	sprites := v.f.Player.Sprites()
	if j := v.focus; j != nil && j.Closed && v.step == len(j.Steps)-1 &&
		(len(sprites) == 0 || sprites[len(sprites)-1].Journey.Number != j.Number) {
		// The packet in focus has been gone for a while: its end stays marked.
		sprites = append(sprites, player.Sprite{Journey: j, Step: v.step, Enter: 1, Frac: float64(boolInt(v.leaves(j))), Done: true})
	}
	for _, s := range sprites {
		j := s.Journey
		if v.pg.filter != nil && !v.pg.filter.Journey(j) {
			continue
		}
		if len(j.Steps) == 0 {
			v.lost(&s)
		}
		if s.Step >= len(j.Steps) {
			continue
		}
		st, x, y, ok := v.stand(j, s.Step)
		segs := way[:0]
		frac := s.Frac
		last := s.Step == len(j.Steps)-1
		switch {
		case s.Enter < 1:
			segs = v.append(segs, before(st))
			if ok {
				segs = v.gutter(segs, st, y, true)
			}
			frac = s.Enter
		case last && frac > 0:
			wires := behind(st, j)
			if ok && len(wires) > 0 {
				segs = v.gutter(segs, st, y, false)
			}
			segs = v.append(segs, wires)
		case last || frac == 0:
		default:
			st2, x2, y2, ok2 := v.stand(j, s.Step+1)
			switch {
			case st2 == st && ok && ok2:
				segs = append(segs, seg{x, y, x2, y2})
			default:
				if ok {
					segs = v.gutter(segs, st, y, false)
				}
				segs = v.append(segs, between(st, st2))
				if ok2 {
					segs = v.gutter(segs, st2, y2, true)
				}
			}
		}
		if len(segs) > 0 {
			x, y = along(segs, frac)
			ok = true
		}
		if !ok || y < v.top && x <= 1 {
			continue
		}
		glyph, ink := v.p.Glyphs.Packet, v.p.Accent
		if v.focus != nil && v.focus.Number == j.Number {
			ink = v.p.Moving
		}
		if s.Done || last && j.Closed && j.Steps[s.Step].Verdict.Ends() {
			glyph, ink = v.p.Fate(j.Outcome.Verdict)
		}
		v.c.Put(x, y, glyph, ink)
	}
}

// lost draws a packet that no chain saw. One that did not come past its device ends halfway to
// the first station.
func (v *view) lost(s *player.Sprite) {
	segs := v.append(nil, unchained(s.Journey))
	if len(segs) == 0 {
		return
	}
	frac := s.Enter
	if by := s.Journey.Outcome.By.Station; by == drop.StationDeviceIn.String() || by == drop.StationBridge.String() {
		frac /= 2
	}
	glyph, ink := v.p.Glyphs.Packet, v.p.Accent
	if s.Done {
		glyph, ink = v.p.Fate(s.Journey.Outcome.Verdict)
	}
	x, y := along(segs, frac)
	v.c.Put(x, y, glyph, ink)
}

// gutter adds the way along a station's gutter: from its head down to row y, or up.
func (v *view) gutter(segs []seg, st, y int, down bool) []seg {
	g := &v.geo[st]
	if g.flat || y <= g.y+1 {
		return segs
	}
	if down {
		return append(segs, seg{g.x, g.y + 1, g.x, y})
	}
	if st == stOutput { // its rail goes on down to POSTROUTING
		return append(segs, seg{g.x, y, g.x, v.bottom(st)})
	}
	return append(segs, seg{g.x, y, g.x, g.y + 1})
}

// bottom is the last row of a station's block.
func (v *view) bottom(st int) int { return v.geo[st].y + v.height(st) }

func (v *view) append(segs []seg, wires []int) []seg {
	for _, w := range wires {
		segs = append(segs, v.wires[w]...)
	}
	return segs
}

// along gives the cell a fraction of the way along the pieces.
func along(segs []seg, frac float64) (x, y int) {
	total := 0
	for _, s := range segs {
		total += s.cells()
	}
	n := min(int(frac*float64(total)), total-1)
	for _, s := range segs {
		if c := s.cells(); n >= c {
			n -= c
			continue
		}
		return s.at(n)
	}
	s := segs[len(segs)-1]
	return s.x2, s.y2
}

// devices names the interfaces on both ends of the map: those of the packet in
// focus, else of the newest packet that told one.
func (v *view) devices() (in, out string) {
	if v.focus != nil {
		in, out = v.focus.In, v.focus.Out
	}
	js := v.f.Snap.Journeys
	for i := len(js) - 1; i >= 0 && i >= len(js)-64 && (in == "" || out == ""); i-- {
		if in == "" {
			in = js[i].In
		}
		if out == "" {
			out = js[i].Out
		}
	}
	if in == "" {
		in = "NIC"
	}
	if out == "" {
		out = "NIC"
	}
	return in, out
}

// hooked reports whether the packet in focus stands at a hook.
func (v *view) hooked(h model.Hook) bool {
	return v.focus != nil && v.step < len(v.focus.Steps) && index(v.focus.Steps[v.step].Hook) == index(h)
}
