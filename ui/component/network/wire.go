package network

import (
	"slices"
)

// cables finds the cells of every cable: out of one box, up or down in the gap between
// the columns, into the other.
func (m *Map) cables() {
	clear(m.wires)
	type run struct {
		a, b   *box // from left to right
		ya, yb int
		turn   int // the column of the gap where it goes up or down, from 0
	}
	gaps := map[int][]*run{} // by the depth of the left end
	for _, b := range m.boxes {
		for _, p := range b.ports {
			o := m.by[p.to]
			if o.depth <= b.depth || o.x <= b.x {
				continue
			}
			yb := o.y + 1
			if i := slices.IndexFunc(o.ports, func(q port) bool { return q.to == b.name }); i >= 0 {
				yb = o.y + o.ports[i].row
			}
			gaps[b.depth] = append(gaps[b.depth], &run{a: b, b: o, ya: b.y + p.row, yb: yb})
		}
	}
	for _, l := range gaps {
		slices.SortFunc(l, func(x, y *run) int { return (x.ya + x.yb) - (y.ya + y.yb) })
		// One that goes down turns before those above it, one that goes up before those below.
		up, down := 0, 0
		for _, r := range l {
			if r.yb < r.ya {
				r.turn = up
				up++
			}
		}
		for _, r := range slices.Backward(l) {
			if r.yb > r.ya {
				r.turn = down
				down++
			}
		}
		for _, r := range l {
			from, to := r.a.x+r.a.w, r.b.x
			bend := from + 1 + (to-from-2)/2 + r.turn - max(up, down)/2
			bend = min(max(bend, from), to-1)
			var cells []Cell
			for x := from; x <= bend; x++ {
				cells = append(cells, Cell{x, r.ya})
			}
			for y := r.ya; y != r.yb; {
				if y < r.yb {
					y++
				} else {
					y--
				}
				cells = append(cells, Cell{bend, y})
			}
			for x := bend + 1; x < to; x++ {
				cells = append(cells, Cell{x, r.yb})
			}
			m.wires[[2]string{r.a.name, r.b.name}] = cells
			back := slices.Clone(cells)
			slices.Reverse(back)
			m.wires[[2]string{r.b.name, r.a.name}] = back
		}
	}
}

// Way lists the hosts from one to another, both of them among it; nil where no cables
// lead there.
func (m *Map) Way(from, to string) []string {
	a, b := m.by[from], m.by[to]
	if a == nil || b == nil {
		return nil
	}
	up := func(x *box) (l []*box) {
		for ; x != nil; x = x.from {
			l = append(l, x)
		}
		return l
	}
	la, lb := up(a), up(b)
	for len(la) > 1 && len(lb) > 1 && la[len(la)-2] == lb[len(lb)-2] {
		la, lb = la[:len(la)-1], lb[:len(lb)-1]
	}
	slices.Reverse(lb)
	var way []string
	for _, x := range append(la, lb[1:]...) {
		way = append(way, x.name)
	}
	for i := 1; i < len(way); i++ {
		if m.wires[[2]string{way[i-1], way[i]}] == nil {
			return nil
		}
	}
	return way
}

// stay is how many places of a way a host on it counts for.
const stay = 3

// Stop is one place of a way: a cell, and the host it is in, "" on a cable.
type Stop struct {
	Cell
	Host string
}

// Stops are the places of a packet on its way along hosts, from the first to the last.
func (m *Map) Stops(way []string) []Stop {
	var out []Stop
	for i, name := range way {
		if i > 0 {
			for _, c := range m.wires[[2]string{way[i-1], name}] {
				out = append(out, Stop{Cell: c})
			}
		}
		b := m.by[name]
		if b == nil {
			continue
		}
		n := stay
		if i == 0 || i == len(way)-1 {
			n = 1
		}
		for range n {
			out = append(out, Stop{m.At(name), name})
		}
	}
	return out
}

// At is the place of a packet that is in a host.
func (m *Map) At(host string) Cell {
	b := m.by[host]
	if b == nil {
		return Cell{}
	}
	return Cell{b.x + 2, b.y}
}

// Has reports whether a host is on the drawing.
func (m *Map) Has(host string) bool { return m.by[host] != nil }
