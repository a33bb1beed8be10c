package rules

import (
	"slices"

	"nfscope/model"
)

// listVersion is what the rows depend on.
type listVersion struct {
	index  *index
	scope  chainKey
	filter string
	hits   *hits
	never  bool
	hot    bool
	counts *model.Counts // only where never or hot is
	hit    int           // of the rules read apart, only where never is
	base   *model.Counts
	// waiting tells, of an outline, which of its chains are not read yet.
	waiting *int32
}

// list makes the rows of a scope, with room for some from the beginning. It takes time in
// proportion to the rules in it.
func (p *Page) list(v listVersion, n *numbers, room int) []ref {
	x := v.index
	rows := make([]ref, 0, room) // not nil: it was made
	for i := range x.tables {
		s := &x.tables[i]
		t := s.table
		if v.scope.Backend != model.BackendUnknown && v.scope.Backend != t.Backend ||
			v.scope.Table != "" && (v.scope.Table != t.Name || v.scope.Family != t.Family) {
			continue
		}
		switch {
		case v.scope.Extra != "":
			return x.object(s, v.scope.Extra)
		case v.scope.Chain != "":
			if at, ok := x.chain(v.scope); ok {
				return p.chainRows(rows, at, v, n, false)
			}
			return rows
		}
		for at := s.chains; at < s.chainsEnd; at++ {
			rows = p.chainRows(rows, at, v, n, true)
		}
	}
	return rows
}

// chainRows adds one chain's rows.
func (p *Page) chainRows(rows []ref, at int32, v listVersion, n *numbers, head bool) []ref {
	c := v.index.chains[at].chain
	start := len(rows)
	if head {
		rows = append(rows, ref{at, headOf})
	}
	body := len(rows)
	add := func(i int32) {
		if v.never {
			if cnt, _ := n.rule(&c.Rules[i]); !cnt.Valid || cnt.Packets > 0 {
				return
			}
		}
		rows = append(rows, ref{at, i})
	}
	narrowed := v.never || v.filter != ""
	switch {
	case v.filter != "" && v.hits == nil: // not known yet
	case v.filter != "":
		for _, i := range v.hits.in(at) {
			add(i)
		}
	default:
		for i := range c.Rules {
			add(int32(i))
		}
		if p.waits(c) != 0 {
			rows = append(rows, ref{at, pendingOf})
			body = len(rows) // no rule: there is nothing to sort
		}
	}
	if v.hot {
		p.hottest(rows[body:], c, n)
	}
	switch {
	case narrowed && len(rows) == body:
		rows = rows[:start]
	case !narrowed && c.Base():
		rows = append(rows, ref{at, endOf})
	}
	return rows
}

// heat is how hot a rule is.
type heat struct {
	row     ref
	rate    float64
	packets uint64
}

// hottest orders a chain's rows by packets a second, then by packets; rules that are
// equal in both stay in the order in which the kernel asks them.
func (p *Page) hottest(rows []ref, c *model.Chain, n *numbers) {
	list := p.heats[:0]
	sorted := true
	for i, r := range rows {
		cnt, rate := n.rule(&c.Rules[r.n])
		list = append(list, heat{r, rate, cnt.Packets})
		sorted = sorted && (i == 0 || !hotter(list[i], list[i-1]))
	}
	p.heats = list
	if sorted {
		return
	}
	slices.SortStableFunc(list, func(a, b heat) int {
		switch {
		case hotter(a, b):
			return -1
		case hotter(b, a):
			return 1
		}
		return 0
	})
	for i := range list {
		rows[i] = list[i].row
	}
}

func hotter(a, b heat) bool { return a.rate > b.rate || a.rate == b.rate && a.packets > b.packets }

// object lists the lines of a set; name may go on with one of its lines.
func (x *index) object(s *span, name string) []ref {
	rows := []ref{}
	for i := s.objects; i < s.objectsEnd; i++ {
		if x.objects[i].name != name {
			continue
		}
		for n := range x.text(i) {
			rows = append(rows, ref{-1 - i, int32(n)})
		}
		break
	}
	return rows
}
