// Package table draws rows in columns. Only the rows in sight are asked for, so a
// table of any length costs what its window costs.
package table

import (
	"strings"

	"charm.land/lipgloss/v2"

	"nfscope/ui/component/line"
	"nfscope/ui/theme"
)

// Column is one column. A column is left out, the highest Drop first, while the
// table is too narrow for the Min of all; one with Drop 0 always stays.
type Column struct {
	Title string
	// Min is the width in cells; Flex is the share of what is left over.
	Min, Flex int
	Right     bool
	Drop      int
	// Sorted marks the column that orders the table: 1 upwards, -1 downwards.
	Sorted int
}

// Cell is a text from anywhere, made safe when drawn, and its style.
type Cell struct {
	Text  string
	Style lipgloss.Style
}

// Row is a cell for each column. Over draws on top of the cells' own styles where
// Plain is false, and instead of them where it is true.
type Row struct {
	Cells []Cell
	Over  lipgloss.Style
	Plain bool
	// Span makes the first cell take the whole width: a heading.
	Span bool
}

// Layout is the widths of the columns at one width of the table, 0 for those left out.
type Layout struct {
	columns []Column
	widths  []int
	width   int
	inks    inks
}

// Fit finds the widths.
func Fit(columns []Column, width int) Layout {
	l := Layout{columns: columns, widths: make([]int, len(columns)), width: width, inks: inks{}}
	gone := make([]bool, len(columns))
	for {
		need, drop := -1, -1
		for i, c := range columns {
			if gone[i] {
				continue
			}
			need += c.Min + 1
			if c.Drop > 0 && (drop < 0 || c.Drop >= columns[drop].Drop) {
				drop = i
			}
		}
		if need <= width || drop < 0 {
			l.share(gone, width-need)
			return l
		}
		gone[drop] = true
	}
}

func (l *Layout) share(gone []bool, spare int) {
	flex := 0
	for i, c := range l.columns {
		if !gone[i] {
			l.widths[i] = c.Min
			flex += c.Flex
		}
	}
	for i, c := range l.columns {
		if gone[i] || c.Flex == 0 || spare <= 0 {
			continue
		}
		part := spare * c.Flex / flex
		l.widths[i] += part
		spare, flex = spare-part, flex-c.Flex
	}
}

// Shown reports whether column i is drawn.
func (l Layout) Shown(i int) bool { return l.widths[i] > 0 }

// Head draws the line of titles.
func (l Layout) Head(th *theme.Theme) string {
	cells := make([]Cell, len(l.columns))
	for i, c := range l.columns {
		cells[i] = Cell{c.Title, th.Dim}
		switch {
		case c.Sorted > 0:
			cells[i] = Cell{c.Title + th.Glyphs.Up, th.Strong}
		case c.Sorted < 0:
			cells[i] = Cell{c.Title + th.Glyphs.Down, th.Strong}
		}
	}
	return l.Row(th, Row{Cells: cells, Over: lipgloss.NewStyle()})
}

// Row draws one row, exactly as wide as the table.
func (l Layout) Row(th *theme.Theme, r Row) string {
	if l.width <= 0 {
		return ""
	}
	over := l.inks.of(&r.Over, nil)
	draw := func(c *Cell, text string) string {
		if r.Plain {
			return over.draw(text)
		}
		return l.inks.of(&c.Style, &r.Over).draw(text)
	}
	if r.Span {
		return draw(&r.Cells[0], line.Fit(line.Clean(r.Cells[0].Text), l.width, th.Glyphs.Dots))
	}
	var b strings.Builder
	left := l.width
	for i, w := range l.widths {
		if w == 0 || left <= 0 {
			continue
		}
		if left < l.width {
			b.WriteString(over.draw(" "))
			left--
		}
		w = min(w, left)
		text := line.Clean(r.Cells[i].Text)
		if l.columns[i].Right {
			text = line.Right(text, w, th.Glyphs.Dots)
		} else {
			text = line.Fit(text, w, th.Glyphs.Dots)
		}
		if strings.TrimSpace(text) == "" {
			b.WriteString(over.draw(text))
		} else {
			b.WriteString(draw(&r.Cells[i], text))
		}
		left -= w
	}
	if left > 0 {
		b.WriteString(over.draw(line.Space(left)))
	}
	return b.String()
}
