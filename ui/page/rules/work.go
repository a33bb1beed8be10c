package rules

import (
	"fmt"
	"strings"

	"nfscope/model"
	"nfscope/model/diff"
	"nfscope/model/ruleset"
	"nfscope/ui/page"
)

// small is the number of rules up to which work is done on the spot: it takes less
// than a frame. For more it is done in pieces beside the screen; what was shown stays
// until it is done.
const small = 4000

// The answers of a piece of work. Each says what it was made from, so that one which
// nobody waits for any more is thrown away.
type (
	searched struct {
		search *search
		done   bool
		part   float64
	}
	compared struct {
		index   *index
		older   *model.Ruleset
		changes []diff.Change
		words   string
		authors authors
	}
)

// marks are what the jump graph says about chains.
type marks struct {
	index *index
	graph *ruleset.Graph
	loops map[int]string // by Chain.ID
}

func newMarks(x *index) *marks {
	m := &marks{index: x, graph: x.names.Graph()}
	for _, l := range m.graph.Loops() {
		if m.loops == nil {
			m.loops = map[int]string{}
		}
		words := "loop: " + strings.TrimPrefix(l.String(), l.Table.Name+": ")
		for _, c := range l.Chains {
			m.loops[c.ID] = words
		}
	}
	return m
}

// perhaps tells that only what was not read may call a chain; "" where it is not so.
func (m *marks) perhaps(c *model.Chain) string {
	if m == nil || m.graph.Depth(c) >= 0 {
		return ""
	}
	return mayCall(m.graph.Unread(c))
}

// mayCall says what may call a chain unseen (ruleset.Graph.Unread); "" where nothing may.
func mayCall(unread []string) string {
	switch n := len(unread); n {
	case 0:
		return ""
	case 1:
		return unread[0] + " may call it"
	case 2:
		return unread[0] + " may call it, or " + strings.TrimSuffix(unread[1], ",")
	default:
		return fmt.Sprintf("%s may call it, or one of %d others", unread[0], n-1)
	}
}

// says tells what is wrong with a chain, in words and in a word; "" where nothing is.
func (m *marks) says(c *model.Chain) (words, word string) {
	switch {
	case m == nil:
	case m.loops[c.ID] != "":
		return m.loops[c.ID], "loop"
	case !m.graph.Unused(c):
	case m.graph.CallerCount(c) == 0:
		return "nothing jumps here", "unused"
	default:
		return "only unused chains jump here", "unused"
	}
	return "", ""
}

// due gives the next piece of work, nil where nothing is to be done.
func (p *Page) due(f *page.Frame) func() any {
	x := p.index
	switch {
	case f.Filter != "" && !p.found(f):
		if p.search == nil || p.search.hits.index != x || p.search.hits.text != f.Filter {
			p.search, p.searched = newSearch(x, f.Filter), 0
		}
		s := p.search
		return func() any {
			done := s.step(slice)
			return searched{s, done, s.part()}
		}
	case p.older != nil:
		older := p.older
		return func() any {
			changes := diff.Rulesets(older, x.rs)
			return compared{x, older, changes, summary(changes), authorsOf(older, x.rs, changes)}
		}
	case p.uses == nil && !p.outline:
		return func() any { return newUses(x) }
	case !p.outline && (p.marks == nil || p.marks.index != x): // of an outline nobody knows who jumps where
		return func() any { return newMarks(x) }
	}
	return nil
}

// found reports whether the hits are those of the frame's filter.
func (p *Page) found(f *page.Frame) bool {
	return p.hits != nil && p.hits.index == p.index && p.hits.text == f.Filter
}

// take takes the answer of a piece of work.
func (p *Page) take(answer any, f *page.Frame) {
	switch a := answer.(type) {
	case searched:
		switch {
		case a.search != p.search:
		case a.done:
			p.search, p.hits = nil, a.search.hits
		default:
			p.searched = a.part
		}
	case compared:
		if a.index == p.index && a.older == p.older {
			p.older = nil
			p.report(a.changes, a.words, a.authors, f)
		}
	case *uses:
		if a.index == p.index {
			p.uses = a
		}
	case *marks:
		if a.index == p.index {
			p.marks = a
		}
	}
}

// Live says that the page is narrowed as a filter is typed.
func (p *Page) Live() {}

// Work gives the next piece of work that takes longer than a frame may.
func (p *Page) Work(f *page.Frame) func() any {
	if p.busy || !p.sync(f) {
		return nil
	}
	run := p.due(f)
	p.busy = run != nil
	return run
}

// Done takes the answer of a piece of work.
func (p *Page) Done(answer any, f *page.Frame) {
	p.busy = false
	if p.index != nil && f.Snap.Shown() == p.index.rs {
		p.take(answer, f)
	}
}
