// Package canvas is a grid of cells with styles, drawn in layers: what is put later
// covers what was there. Wide runes take two cells and are never cut in half.
package canvas

import (
	"strings"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"nfscope/ui/component/line"
)

// Ink is a style made ready for drawing: the sequences before and behind a run of
// cells. A nil Ink draws plain.
type Ink struct{ open, end string }

// NewInk makes the ink of a style. Only colours and attributes of the style count.
func NewInk(s lipgloss.Style) *Ink {
	open, end, _ := strings.Cut(s.Render("x"), "x")
	if open == "" {
		return nil
	}
	return &Ink{open, end}
}

// cell holds one grapheme, "" for a blank. The second cell of a wide one is tail.
type cell struct {
	s    string
	ink  *Ink
	tail bool
}

// Canvas is a grid of Width x Height cells. Whatever falls outside is cut off.
type Canvas struct {
	w, h  int
	cells []cell
}

// New makes a blank canvas.
func New(w, h int) *Canvas {
	c := &Canvas{}
	c.Reset(w, h)
	return c
}

// Reset blanks the canvas and gives it a size; it keeps the memory.
func (c *Canvas) Reset(w, h int) {
	c.w, c.h = max(w, 0), max(h, 0)
	n := c.w * c.h
	if cap(c.cells) < n {
		c.cells = make([]cell, n)
		return
	}
	c.cells = c.cells[:n]
	clear(c.cells)
}

// Size gives width and height in cells.
func (c *Canvas) Size() (w, h int) { return c.w, c.h }

// Put writes text from (x, y) to the right and gives the column behind it. Characters
// that steer or join are shown as a question mark: a rule's comment must not steer the terminal.
func (c *Canvas) Put(x, y int, text string, ink *Ink) int {
	return c.PutMax(x, y, c.w-x, text, ink)
}

// PutMax is Put in at most w cells; the rest of the text is cut off.
func (c *Canvas) PutMax(x, y, w int, text string, ink *Ink) int {
	end := min(x+w, c.w)
	for len(text) > 0 && x < end {
		g, n := next(text)
		text = text[len(g):]
		if n == 0 {
			continue
		}
		if x+n > end {
			break
		}
		if r := g[0]; r < ' ' || r == 0x7f {
			g = "?"
		} else if r, _ := utf8.DecodeRuneInString(g); line.Steers(r) {
			g = "?"
		}
		c.set(x, y, g, n, ink)
		x += n
	}
	return x
}

// next cuts the first grapheme off a text and tells its width in cells.
func next(s string) (g string, width int) {
	if s[0] < utf8.RuneSelf && (len(s) == 1 || s[1] < utf8.RuneSelf) {
		return s[:1], 1
	}
	if r, n := utf8.DecodeRuneInString(s); r >= 0x2500 && r < 0x2600 && (len(s) == n || s[n] < utf8.RuneSelf) {
		return s[:n], 1 // box drawing, blocks, shapes
	}
	if r, n := utf8.DecodeRuneInString(s); line.Steers(r) {
		return s[:n], 1
	}
	g, width = ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
	if i := strings.IndexFunc(g, line.Steers); i > 0 { // signs joined to one are as wide as each terminal likes
		return ansi.FirstGraphemeCluster(g[:i], ansi.GraphemeWidth)
	}
	return g, width
}

func (c *Canvas) set(x, y int, g string, n int, ink *Ink) {
	if y < 0 || y >= c.h || x < 0 || x+n > c.w {
		return
	}
	i := y*c.w + x
	if c.cells[i].tail { // half of a wide one goes: so does the other half
		c.cells[i-1].s = ""
	}
	if e := i + n; x+n < c.w && c.cells[e].tail {
		c.cells[e] = cell{ink: c.cells[e].ink}
	}
	c.cells[i] = cell{s: g, ink: ink}
	for k := 1; k < n; k++ {
		c.cells[i+k] = cell{ink: ink, tail: true}
	}
}

// Tint gives w cells from (x, y) another ink and leaves what they hold.
func (c *Canvas) Tint(x, y, w int, ink *Ink) {
	if y < 0 || y >= c.h {
		return
	}
	for i := max(x, 0); i < min(x+w, c.w); i++ {
		c.cells[y*c.w+i].ink = ink
	}
}

// Blank reports whether nothing was put into a cell.
func (c *Canvas) Blank(x, y int) bool {
	if y < 0 || y >= c.h || x < 0 || x >= c.w {
		return false
	}
	k := &c.cells[y*c.w+x]
	return k.s == "" && !k.tail
}

// Lines renders rows from to to (not included), each without blanks at its end.
func (c *Canvas) Lines(from, to int) []string {
	out := make([]string, 0, max(to-from, 0))
	var b strings.Builder
	for y := from; y < to; y++ {
		b.Reset()
		if y >= 0 && y < c.h {
			c.line(&b, c.cells[y*c.w:(y+1)*c.w])
		}
		out = append(out, b.String())
	}
	return out
}

func (c *Canvas) line(b *strings.Builder, row []cell) {
	n := len(row)
	for n > 0 && row[n-1].s == "" && !row[n-1].tail && row[n-1].ink == nil {
		n--
	}
	b.Grow(n * 2)
	var ink *Ink
	for i := range row[:n] {
		k := &row[i]
		if k.tail {
			continue
		}
		if k.ink != ink {
			if ink != nil {
				b.WriteString(ink.end)
			}
			if k.ink != nil {
				b.WriteString(k.ink.open)
			}
			ink = k.ink
		}
		if k.s == "" {
			b.WriteByte(' ')
		} else {
			b.WriteString(k.s)
		}
	}
	if ink != nil {
		b.WriteString(ink.end)
	}
}

// String renders the whole canvas.
func (c *Canvas) String() string { return strings.Join(c.Lines(0, c.h), "\n") }

// Width tells how many cells a text takes.
func Width(s string) int {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf || s[i] < ' ' || s[i] == 0x7f {
			n := 0
			for len(s) > 0 {
				g, w := next(s)
				s, n = s[len(g):], n+w
			}
			return n
		}
	}
	return len(s)
}

// Fit cuts a text to w cells; where something is cut off, dots stand at the end.
func Fit(s string, w int, dots string) string {
	if w <= 0 {
		return ""
	}
	if Width(s) <= w {
		return s
	}
	room := w - Width(dots)
	if room < 0 {
		dots, room = "", w
	}
	n, at := 0, 0
	for at < len(s) {
		g, gw := next(s[at:])
		if n+gw > room {
			break
		}
		n, at = n+gw, at+len(g)
	}
	return s[:at] + dots
}

// Copy puts h rows of another canvas, from row from on, at (x, y).
func (c *Canvas) Copy(o *Canvas, x, y, from, h int) {
	for r := range h {
		sy, dy := from+r, y+r
		if sy < 0 || sy >= o.h || dy < 0 || dy >= c.h || x < 0 || x >= c.w {
			continue
		}
		n := min(o.w, c.w-x)
		copy(c.cells[dy*c.w+x:dy*c.w+x+n], o.cells[sy*o.w:sy*o.w+n])
	}
}
