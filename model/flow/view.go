package flow

import "slices"

// Query says which flows a View has, and in which order.
type Query struct {
	By Column
	// Down is for the highest first.
	Down bool
	// Want makes a test of what is wanted; nil is for all flows. The test is used by one
	// goroutine.
	Want func() func(*Look) bool
	// Rest is called again and again while a long list is put in order, which takes longer than
	// a frame: it may block. nil is for nothing.
	Rest func()
}

// View is a list of flows at a moment. It never changes; the flows it names do.
type View struct {
	rows []Row
	// places has the place of each row, from 1, by where it is in the Table; nil in a short
	// list of a long Table.
	places []uint32
	// Of is how many flows the Table had.
	Of int
}

// Len is the number of rows.
func (v *View) Len() int {
	if v == nil {
		return 0
	}
	return len(v.rows)
}

// Row is the row at a place.
func (v *View) Row(i int) Row { return v.rows[i] }

// Finder makes Views of a Table, a piece at a time, for a list of a million takes longer
// than a frame. It keeps its memory from one View to the next. It is used by one
// goroutine; the Table may be fed meanwhile.
type Finder struct {
	table *Table
	query Query
	want  func(*Look) bool
	key   key
	sort  sorter
	chunk int
	of    int
}

// Begin begins a View.
func (n *Finder) Begin(t *Table, q Query) {
	n.table, n.query, n.want, n.chunk, n.of = t, q, nil, 0, 0
	if q.Want != nil {
		n.want = q.Want()
	}
	if t == nil {
		return
	}
	n.key = t.keyOf(q.By, q.Rest)
	n.sort.reset(t.Len())
	n.sort.rest = q.Rest
}

// piece is how many chunks Step looks through: less than a millisecond.
const piece = (1 << 12) / chunkSize

// Step goes on, and gives the View when it is done.
func (n *Finder) Step() *View {
	t := n.table
	if t == nil {
		return &View{}
	}
	for range piece {
		if !n.gather() {
			return n.order()
		}
	}
	return nil
}

// Part tells how much of the work is done, from 0 to 1.
func (n *Finder) Part() float64 { return n.table.part(n.chunk) }

// part tells how much of a list is made when so many chunks are looked through; the rest is
// to put it in order.
func (t *Table) part(chunks int) float64 {
	if t == nil {
		return 1
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	n := len(t.slab.chunks)
	return float64(chunks) / float64(n+n/2+1)
}

// gather takes the rows of the next chunk, and their keys; it gives false behind the last.
func (n *Finder) gather() bool {
	t := n.table
	t.mu.RLock()
	defer t.mu.RUnlock()
	s := &t.slab
	if n.chunk >= len(s.chunks) {
		return false
	}
	chunk := s.chunks[n.chunk]
	n.chunk++
	var l Look
	for k := range chunk {
		x := &chunk[k]
		if x.flags&slotUsed == 0 {
			continue
		}
		n.of++
		if n.want != nil {
			if t.look(x, &l); !n.want(&l) {
				continue
			}
		}
		place := n.key(x)
		if n.query.Down {
			place = ^place
		}
		n.sort.add(place, Row{uint32((n.chunk-1)<<chunkBits + k), uint32(x.born)})
	}
	return true
}

// order sorts what was gathered.
func (n *Finder) order() *View {
	n.sort.sort()
	v := &View{rows: n.sort.take(), Of: n.of}
	if last := n.chunk << chunkBits; len(v.rows) > last/sparse {
		v.places = make([]uint32, last)
		for from, to := range n.sort.pieces(len(v.rows)) {
			for i := from; i < to; i++ {
				v.places[v.rows[i].at] = uint32(i) + 1
			}
		}
	}
	n.table, n.key, n.want = nil, nil, nil
	return v
}

// Rows gives the flows of rows from to before to, each nil where it has left the Table.
func (t *Table) Rows(v *View, from, to int) []*Flow {
	out := make([]*Flow, to-from)
	if t == nil {
		return out
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	for i := range out {
		if x := t.find(v.rows[from+i]); x != nil {
			out[i] = t.flow(x)
		}
	}
	return out
}

// ViewOf makes a View at once.
func (t *Table) ViewOf(q Query) *View {
	var n Finder
	n.Begin(t, q)
	for {
		if v := n.Step(); v != nil {
			return v
		}
	}
}

// sparse is how many times as long as a View its Table is where rows are looked for one
// after another.
const sparse = 16

// Find is the place of a row, -1 where the View does not have it.
func (v *View) Find(r Row) int {
	switch {
	case v == nil:
		return -1
	case v.places == nil:
		return slices.Index(v.rows, r)
	case int(r.at) < len(v.places):
		if i := int(v.places[r.at]) - 1; i >= 0 && v.rows[i] == r {
			return i
		}
	}
	return -1
}
