package connections

import (
	"strings"

	"nfscope/model/flow"
	"nfscope/ui/page"
)

// shown keeps the flows that were drawn as they were: a Table goes on while the screen is
// paused, and what stands on it must not.
type shown struct {
	snap  uint64
	list  int
	flows map[flow.Row]*flow.Flow
}

// sync forgets what was drawn when there is a new snapshot, or a new list.
func (s *shown) sync(f *page.Frame, list int) {
	if s.flows == nil || s.snap != f.Snap.Version || s.list != list {
		s.snap, s.list, s.flows = f.Snap.Version, list, map[flow.Row]*flow.Flow{}
	}
}

// flow is the flow of a row, nil where it has left the Table.
func (s *shown) flow(t *flow.Table, r flow.Row) *flow.Flow {
	f, ok := s.flows[r]
	if !ok {
		f = t.Flow(r)
		s.flows[r] = f
	}
	return f
}

// fill looks up all rows of a view from one place to before another: for each of them alone
// who draws would wait again for who feeds the Table.
func (s *shown) fill(t *flow.Table, v *flow.View, from, to int) {
	for i := from; i < to; i++ {
		if _, ok := s.flows[v.Row(i)]; ok {
			continue
		}
		for k, f := range t.Rows(v, i, to) {
			if r := v.Row(i + k); s.flows[r] == nil {
				s.flows[r] = f
			}
		}
		return
	}
}

// next goes to the next column; amounts start with the highest.
func (s *spec) next() {
	if s.groups() {
		i := 0
		for k, c := range groupColumns {
			if c == s.by {
				i = k
			}
		}
		s.by = groupColumns[(i+1)%len(groupColumns)]
		s.down = s.by != flow.ByClient
		return
	}
	s.by = (s.by + 1) % flow.Columns
	s.down = s.by.Amount()
}

// group groups by a kind. Groups begin with those of the most flows.
func (s *spec) group(k flow.Kind) {
	s.kind, s.inside = k, flow.GroupKey{}
	s.by, s.down = flow.ByAge, k != flow.NoGroups
}

// words is how the list is made, in words.
func (s *spec) words() string {
	switch {
	case s.groups():
		return "grouped by " + s.kind.String() + ", " + s.name()
	case s.kind != flow.NoGroups:
		return inside(s.inside) + ", ordered by " + s.name()
	}
	return "ordered by " + s.name()
}

// inside names a group with its kind, once: source 10.0.0.5, zone 3.
func inside(g flow.GroupKey) string {
	kind, name := g.Kind.String()+" ", g.String()
	return kind + strings.TrimPrefix(name, kind)
}

// column is what the list is ordered by.
func (s *spec) column() string {
	if s.groups() {
		return groupColumn(s.by)
	}
	return s.by.String()
}

// name is the order in words.
func (s *spec) name() string {
	n := s.column()
	if s.down {
		n += ", highest first"
	}
	return n
}
