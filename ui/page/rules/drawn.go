package rules

import (
	"nfscope/model"
	"nfscope/model/snapshot"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// drawn are the head and the rows as they were drawn last. A session at rest makes several
// frames a second (conntrack's statistics, a set's members) in which no counter is another.
type drawn struct {
	of    drawnOf
	lines []string
}

// drawnOf is all that head and rows depend on but what moves; see still.
type drawnOf struct {
	theme                   *theme.Theme
	index                   *index
	counts, previous, base  *model.Counts
	apart                   *snapshot.Apart
	rows                    int // the version of the list
	from, to, cursor, width int
	inRows                  bool
	lang                    string
}

// table draws the head and the rows from before to.
func (p *Page) table(f *page.Frame, from, to, width int) []string {
	of := drawnOf{theme: f.Theme, index: p.index, counts: f.Snap.Counts, previous: f.Snap.Previous, apart: f.Snap.Apart,
		rows: p.version, from: from, to: to, cursor: p.cursor.Index(), width: width, inRows: p.inRows, lang: f.Language()}
	if p.base.on {
		of.base = p.base.counts
	}
	still := p.still(f)
	if still && p.drawn.lines != nil && p.drawn.of == of {
		return p.drawn.lines
	}
	d := p.drawing(f, from, to, width)
	lines := append(make([]string, 0, 1+to-from), d.lay.Head(f.Theme))
	for i := from; i < to; i++ {
		lines = append(lines, d.lay.Row(f.Theme, d.row(p.rows[i], i == p.cursor.Index())))
	}
	if p.drawn = (drawn{}); still {
		p.drawn = drawn{of, lines}
	}
	return lines
}

// still reports whether nothing marks the rows that time or a packet changes.
func (p *Page) still(f *page.Frame) bool {
	if p.outline || f.Player.Paused() || f.Player.Moving() || len(f.Player.Deaths()) > 0 {
		return false
	}
	for _, g := range p.glow {
		if f.Now.Before(g.until) {
			return false
		}
	}
	return true
}
