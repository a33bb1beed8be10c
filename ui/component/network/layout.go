// Package network draws the hosts of a lab and the cables between them: who sends
// stands on the left of the host that is watched, who answers on its right.
package network

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"nfscope/model/snapshot"
	"nfscope/ui/component/canvas"
)

// Cell is a place on the drawing, counted from its corner.
type Cell struct{ X, Y int }

// port is one end of a cable at the edge of a box.
type port struct {
	to    string // the host at the other end
	label string
	row   int // counted from the box's top
	right bool
}

// box is a host.
type box struct {
	name  string
	depth int // from the watched host; below 0 on its left
	plain bool
	ports []port
	lines []string // what else stands in it
	rules int      // the index of the first of lines that is Inside's
	x, y  int
	w, h  int
	air   int    // rows that stay free above and below its texts
	below []*box // farther from the watched host, top to bottom
	from  *box   // nearer to it
}

// Map is a network with a place for everything.
type Map struct {
	boxes []*box
	by    map[string]*box
	root  *box
	wires map[[2]string][]Cell // from a box to the next, either way
	// W and H are its size in cells.
	W, H int
}

// The bounds of the gap between two columns of boxes, and most rows between two boxes.
const (
	minGap, maxGap = 5, 32
	maxSpace       = 3
)

// New finds a place for everything in at most width and height cells; where that is not
// enough, what stands in the boxes is cut down until it is, or as far as can be. senders
// are the hosts that begin something; inside are lines that stand in the watched host where
// there is room for all of them.
func New(n *snapshot.LabNet, senders, inside []string, width, height int) *Map {
	var m *Map
	for _, d := range []detail{{devices: true, services: true, pad: 4, air: 1, inside: inside}, {devices: true, services: true, pad: 4, air: 1},
		{devices: true, services: true, pad: 2, air: 1}, {devices: true, services: true, pad: 2},
		{services: true, pad: 2, air: 1}, {services: true, pad: 2}, {devices: true, pad: 2}, {pad: 2}, {}} {
		m = build(n, senders, d)
		most := height
		for space := maxSpace; ; space-- {
			if most = height; space > 1 || d.air > 0 { // what is only beautiful leaves room for others
				most = height * 3 / 4
			}
			if m.place(width, space); m.H <= most || space == 0 {
				break
			}
		}
		if m.W <= width && m.H <= most {
			break
		}
	}
	return m
}

// detail is how much stands in the boxes: the names of devices beside addresses,
// services, lines of the watched host, and so many cells of padding and rows of it above
// and below.
type detail struct {
	devices, services bool
	pad, air          int
	inside            []string
}

// build makes the boxes and their tree.
func build(n *snapshot.LabNet, senders []string, d detail) *Map {
	m := &Map{by: map[string]*box{}, wires: map[[2]string][]Cell{}}
	for i := range n.Hosts {
		h := &n.Hosts[i]
		b := &box{name: h.Name, plain: true}
		m.boxes, m.by[h.Name] = append(m.boxes, b), b
		for _, d := range h.Devices {
			if len(d.Addresses) > 0 {
				b.plain = false
			}
		}
		b.plain = b.plain && len(h.Services) == 0 && h.Name != n.Observed
	}
	for i := range n.Links {
		for _, e := range n.Links[i].Ends {
			if b := m.by[e.Host]; b != nil && len(e.Addresses) > 0 {
				b.plain = false
			}
		}
	}
	if m.root = m.by[n.Observed]; m.root == nil {
		if len(m.boxes) == 0 {
			return m
		}
		m.root = m.boxes[0]
	}
	m.tree(n, senders)
	for i := range n.Hosts {
		m.fill(n, &n.Hosts[i], d)
	}
	return m
}

// tree hangs all boxes below the watched one, along the cables. What no cable leads to
// hangs below it too.
func (m *Map) tree(n *snapshot.LabNet, senders []string) {
	score := map[string]int{} // above 0 for the left
	for i := range n.Hosts {
		score[n.Hosts[i].Name] = -len(n.Hosts[i].Services)
	}
	for _, s := range slices.Compact(slices.Sorted(slices.Values(senders))) {
		score[s] += 2
	}
	seen := map[*box]bool{m.root: true}
	hang := func(b, below *box) {
		seen[below] = true
		below.from = b
		b.below = append(b.below, below)
	}
	var grow func(b *box)
	grow = func(b *box) {
		for i := range n.Links {
			e := n.Links[i].Ends
			for k := range e {
				if o := m.by[e[1-k].Host]; e[k].Host == b.name && o != nil && !seen[o] {
					hang(b, o)
				}
			}
		}
		for _, o := range b.below {
			grow(o)
		}
	}
	grow(m.root)
	for _, b := range m.boxes {
		if !seen[b] {
			hang(m.root, b)
		}
	}
	var total func(b *box) int
	total = func(b *box) int {
		t := score[b.name]
		for _, o := range b.below {
			t += total(o)
		}
		return t
	}
	var side func(b *box, depth int)
	side = func(b *box, depth int) {
		b.depth = depth
		for _, o := range b.below {
			side(o, depth+cmp.Compare(depth, 0))
		}
	}
	for _, o := range m.root.below {
		if total(o) > 0 {
			side(o, -1)
		} else {
			side(o, 1)
		}
	}
}

// fill writes into a box what stands there.
func (m *Map) fill(n *snapshot.LabNet, h *snapshot.LabHost, much detail) {
	b := m.by[h.Name]
	for i := range n.Links {
		for k, e := range n.Links[i].Ends {
			o := m.by[n.Links[i].Ends[1-k].Host]
			if e.Host != h.Name || o == nil || o == b {
				continue
			}
			p := port{to: o.name, right: o.depth > b.depth || o.depth == b.depth && k == 0}
			p.label = e.Dev
			if a := bare(e.Addresses); a != "" {
				if much.devices {
					a = e.Dev + " " + a
				}
				p.label = a
			}
			b.ports = append(b.ports, p)
		}
	}
	// In the order of what they lead to, so that cables do not cross.
	rank := func(p port) int { return slices.IndexFunc(b.below, func(o *box) bool { return o.name == p.to }) }
	slices.SortStableFunc(b.ports, func(x, y port) int { return cmp.Compare(rank(x), rank(y)) })
	for _, d := range h.Devices {
		switch a := bare(d.Addresses); {
		case a != "" && much.devices:
			b.lines = append(b.lines, d.Dev+" "+a)
		case a != "":
			b.lines = append(b.lines, a)
		case !b.plain && much.devices:
			b.lines = append(b.lines, d.Dev)
		}
	}
	if much.services {
		for _, s := range h.Services {
			if s.Port == 0 {
				b.lines = append(b.lines, s.Name)
				continue
			}
			b.lines = append(b.lines, fmt.Sprintf(":%d %s", s.Port, s.Name))
		}
	}
	if b.rules = len(b.lines); b == m.root && len(much.inside) > 0 {
		b.lines = append(append(b.lines, ""), much.inside...)
		b.rules++
	}
	b.size(much.pad, much.air)
}

// size gives the box its size and its ports their rows; pad cells stay free beside a text,
// and air rows above and below.
func (b *box) size(pad, air int) {
	b.w = canvas.Width(b.name) + 6
	b.air = air
	row := 1 + air
	if b.plain { // a switch: its ports face each other
		rows := [2]int{row, row}
		widest := [2]int{}
		for i := range b.ports {
			p := &b.ports[i]
			k := 0
			if p.right {
				k = 1
			}
			p.row = rows[k]
			rows[k]++
			widest[k] = max(widest[k], canvas.Width(p.label))
		}
		b.w = max(b.w, widest[0]+widest[1]+3+pad)
		b.h = max(rows[0], rows[1], 2) + air + 1
		return
	}
	for i := range b.ports {
		b.ports[i].row = row
		row++
		b.w = max(b.w, canvas.Width(b.ports[i].label)+2+pad)
	}
	for _, l := range b.lines {
		b.w = max(b.w, canvas.Width(l)+2+pad)
	}
	b.h = max(row+len(b.lines), 2) + air + 1
}

// bare is the first of some prefixes as an address, with how many more there are.
func bare(prefixes []string) string {
	if len(prefixes) == 0 {
		return ""
	}
	s := prefixes[0]
	if p, err := netip.ParsePrefix(s); err == nil {
		s = p.Addr().String()
	}
	if n := len(prefixes) - 1; n > 0 {
		s += fmt.Sprintf(" +%d", n)
	}
	return s
}

// place gives every box its corner, and every cable its cells. space is the number of
// rows between two boxes of a column.
func (m *Map) place(width, space int) {
	m.W, m.H = 0, 0
	if m.root == nil {
		return
	}
	half := func(left bool) (l []*box) {
		for _, o := range m.root.below {
			if o.depth < 0 == left {
				l = append(l, o)
			}
		}
		return l
	}
	left, right := half(true), half(false)
	m.H = max(tall(left, space), tall(right, space), m.root.h)
	m.root.y = (m.H - m.root.h) / 2
	stack(left, (m.H-tall(left, space))/2, space)
	stack(right, (m.H-tall(right, space))/2, space)
	m.columns(width)
	m.cables()
}

// tall is how high boxes and all below them are, one under the other.
func tall(l []*box, space int) int {
	h := 0
	for i, b := range l {
		if i > 0 {
			h += space
		}
		h += max(b.h, tall(b.below, space))
	}
	return h
}

func stack(l []*box, top, space int) {
	for _, b := range l {
		under := tall(b.below, space)
		h := max(b.h, under)
		b.y = top + (h-b.h)/2
		stack(b.below, top+(h-under)/2, space)
		top += h + space
	}
}

// columns gives the boxes of a depth one column, and the columns the width there is.
func (m *Map) columns(width int) {
	wide := map[int]int{}
	var depths []int
	for _, b := range m.boxes {
		if wide[b.depth] == 0 {
			depths = append(depths, b.depth)
		}
		wide[b.depth] = max(wide[b.depth], b.w)
	}
	slices.Sort(depths)
	total := 0
	for _, d := range depths {
		total += wide[d]
	}
	gap := minGap
	if n := len(depths) - 1; n > 0 {
		gap = min(max((width-total)/n, minGap), maxGap)
	}
	x := 0
	for i, d := range depths {
		if i > 0 {
			x += gap
		}
		for _, b := range m.boxes {
			if b.depth == d {
				b.x, b.w = x, wide[d]
			}
		}
		x += wide[d]
	}
	m.W = x
}
