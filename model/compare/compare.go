// Package compare lays two journeys side by side and tells where they part: what is
// different about the packet that works and the one that does not.
package compare

import (
	"slices"

	"nfscope/model"
	"nfscope/model/journey"
)

// What may differ in a row.
const (
	// Place: only one of them came there.
	Place = "place"
	// Rule: both were in the chain, and other rules of it matched.
	Rule = "rule"
	// Match: both looked at the rule, and one of them matched it.
	Match = "match"
	// Verdict: the same rule did something else to each.
	Verdict = "verdict"
	// Header: the same rule, but other headers were changed before it, or by it.
	Header = "header"
)

// Row is a line of the two ladders side by side.
type Row struct {
	// A and B are indexes of the journeys' Steps, -1 where that ladder has nothing here.
	A, B int
	// Differs says what is not the same, in the order of the constants; nil where all is.
	Differs []string
}

// Same reports whether nothing differs.
func (r *Row) Same() bool { return len(r.Differs) == 0 }

// Field is something the two packets have not in common.
type Field struct{ Name, A, B string }

// Comparison is what came of two journeys. It never changes.
type Comparison struct {
	A, B *journey.Journey
	Rows []Row
	// Part is the index of the first row that differs, -1 where none does.
	Part int
	// Fields are the headers, interfaces and states that differ as the packets came in.
	Fields []Field
	// At are those in which they differ where they part: rules before it may have changed
	// them.
	At []Field
	// Sentence says where they part, and why as far as the journeys tell.
	Sentence string
}

// Journeys compares two journeys.
func Journeys(a, b *journey.Journey) *Comparison {
	c := &Comparison{A: a, B: b, Part: -1}
	l := pairing{a: a.Steps, b: b.Steps, x: rules(a), y: rules(b)}
	l.changed = l.x != nil && l.y != nil && l.x.Ruleset().Generation != l.y.Ruleset().Generation
	if l.changed {
		l.twins()
	}
	c.Rows = l.align()
	for i := range c.Rows {
		c.Rows[i].Differs = l.differs(&c.Rows[i])
	}
	c.Part = slices.IndexFunc(c.Rows, func(r Row) bool { return !r.Same() })
	c.Fields = fields(a, b, &a.Packet, &b.Packet)
	c.At = c.Fields
	if c.Part >= 0 {
		x, y := c.before()
		p, q := reached(a, x), reached(b, y)
		c.At = fields(a, b, &p, &q)
	}
	c.Sentence = c.sentence()
	return c
}

// before is how many steps each has made before they part, those of the row included.
func (c *Comparison) before() (a, b int) {
	for i := range c.Rows[:c.Part+1] {
		a, b = max(a, c.Rows[i].A+1), max(b, c.Rows[i].B+1)
	}
	return a, b
}

// same reports whether two steps stand at the same place, whatever rule they are.
func same(a, b *journey.Step) bool {
	return a.Backend == b.Backend && a.Hook == b.Hook && a.Family == b.Family && a.Table == b.Table &&
		a.Base == b.Base && a.Chain == b.Chain && a.Depth == b.Depth
}

// pairing lays the steps of two ladders beside each other.
type pairing struct {
	a, b []journey.Step
	// x and y are the rules that each met, nil where they are not known any more.
	x, y journey.Rules
	// changed is true where a table changed between the two: a rule may then have another
	// number. twinA and twinB are then what the steps' rules are known by, as far as that
	// is known.
	changed      bool
	twinA, twinB map[*journey.Step]twin
}

// twins looks up what the steps' rules are known by under other rules.
func (l *pairing) twins() {
	known := twins{}
	of := func(r journey.Rules, steps []journey.Step) map[*journey.Step]twin {
		out := map[*journey.Step]twin{}
		for i := range steps {
			if w, ok := known.of(r, &steps[i]); ok {
				out[&steps[i]] = w
			}
		}
		return out
	}
	l.twinA, l.twinB = of(l.x, l.a), of(l.y, l.b)
}

// rules are those in force when a packet came, nil where they are not known any more.
func rules(j *journey.Journey) journey.Rules {
	if j.Rules == nil || j.Rules.Ruleset() == nil {
		return nil
	}
	return j.Rules
}

// rung reports whether two steps of one place are of the same rule, or both its end.
func (l *pairing) rung(a, b *journey.Step) bool {
	ruleA, ruleB := a.Rule != 0, b.Rule != 0
	if ruleA && ruleB {
		if a.Text != b.Text || !l.changed {
			return a.Text == b.Text && a.Rule == b.Rule
		}
		// Any change of any table makes a new generation: a rule of the same text may still be
		// another one of its chain.
		x, ok := l.twinA[a]
		y, ok2 := l.twinB[b]
		return ok && ok2 && x == y || (!ok || !ok2) && (a.Rule == b.Rule || a.Text != "")
	}
	return ruleA == ruleB && a.Kind == b.Kind
}

// worth is what it is worth to put two steps into one row, 0 where that cannot be. A rule
// that one of them missed is no other rule's counterpart: both may have missed it.
func (l *pairing) worth(a, b *journey.Step) int {
	switch rung := l.rung(a, b); {
	case !same(a, b):
		return 0
	case rung && a.Kind == b.Kind:
		return 8
	case rung:
		return 6
	case a.Kind == journey.KindMiss || b.Kind == journey.KindMiss:
		return 0
	}
	return 1
}

// most bounds the table of the alignment; what is longer is cut off at the begin, where
// both are the same, and laid one behind the other where they are not.
const most = 4_000_000

// align pairs the steps of two ladders, in their order, so that as much as can be stands
// in one row.
func (l *pairing) align() []Row {
	a, b := l.a, l.b
	var rows []Row
	i := 0
	for i < len(a) && i < len(b) && l.worth(&a[i], &b[i]) == 8 {
		rows = append(rows, Row{A: i, B: i})
		i++
	}
	n, m := len(a)-i, len(b)-i
	if n*m > most {
		return rest(rows, i, len(a), i, len(b))
	}
	// best[x][y] is the worth of what is behind x and y.
	best := make([]int, (n+1)*(m+1))
	at := func(x, y int) *int { return &best[x*(m+1)+y] }
	for x := n - 1; x >= 0; x-- {
		for y := m - 1; y >= 0; y-- {
			v := max(*at(x+1, y), *at(x, y+1))
			if w := l.worth(&a[i+x], &b[i+y]); w > 0 {
				v = max(v, w+*at(x+1, y+1))
			}
			*at(x, y) = v
		}
	}
	x, y := 0, 0
	for x < n && y < m {
		w := l.worth(&a[i+x], &b[i+y])
		switch {
		case w > 0 && *at(x, y) == w+*at(x+1, y+1):
			rows = append(rows, Row{A: i + x, B: i + y})
			x, y = x+1, y+1
		case *at(x, y) == *at(x+1, y) && (*at(x, y) != *at(x, y+1) || !l.sooner(&a[i+x], &b[i+y])):
			rows = append(rows, Row{A: i + x, B: -1})
			x++
		default:
			rows = append(rows, Row{A: -1, B: i + y})
			y++
		}
	}
	return rest(rows, i+x, len(a), i+y, len(b))
}

// rest puts what is left of either below.
func rest(rows []Row, a, endA, b, endB int) []Row {
	for ; a < endA; a++ {
		rows = append(rows, Row{A: a, B: -1})
	}
	for ; b < endB; b++ {
		rows = append(rows, Row{A: -1, B: b})
	}
	return rows
}

// differs says what is not the same in a row.
func (l *pairing) differs(r *Row) (out []string) {
	a, b := l.a, l.b
	switch {
	case r.A >= 0 && r.B >= 0:
	case r.A >= 0 && a[r.A].Kind == journey.KindMiss, r.B >= 0 && b[r.B].Kind == journey.KindMiss:
		return nil // not all misses are told
	default:
		return []string{Place}
	}
	x, y := &a[r.A], &b[r.B]
	switch {
	case !l.rung(x, y):
		return []string{Rule}
	case (x.Kind == journey.KindMiss) != (y.Kind == journey.KindMiss):
		return []string{Match}
	case x.Kind == journey.KindMiss:
		return nil // neither matched it, for whatever reason
	}
	if x.Verdict != y.Verdict {
		out = append(out, Verdict)
	}
	if !alike(x.Packet, y.Packet) || !alike(x.Did, y.Did) {
		out = append(out, Header)
	}
	return out
}

// alike reports whether the same fields were changed, to the same values where these
// are the rule's and not the packet's: a port of masquerade is any.
func alike(a, b journey.Delta) bool {
	return slices.EqualFunc(a, b, func(x, y journey.Change) bool {
		if x.Field != y.Field {
			return false
		}
		switch x.Field {
		case "src", "dst", "dport", "mark", "tos":
			return x.Value == y.Value
		}
		return true
	})
}

// reached is the packet as it was behind its first n steps' changes.
func reached(j *journey.Journey, n int) model.Packet {
	p := j.Packet
	for i := range j.Steps[:min(n, len(j.Steps))] {
		j.Steps[i].Packet.Apply(&p)
	}
	return p
}
