// Package overlay puts a box above what is drawn already.
package overlay

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"nfscope/ui/component/line"
	"nfscope/ui/theme"
)

// Box frames lines with a border and a title. w and h are its outer size; body
// lines are cut and filled to fit.
func Box(th *theme.Theme, title string, body []string, w, h int) []string {
	if w < 4 || h < 3 {
		return line.Block(body, w, h, th.Glyphs.Dots)
	}
	g := th.Glyphs
	out := make([]string, 0, h)
	head := ""
	if title != "" {
		head = " " + line.Cut(line.Clean(title), w-6, g.Dots) + " "
	}
	out = append(out, th.Border.Render(g.TL+g.H)+th.Title.Render(head)+
		th.Border.Render(strings.Repeat(g.H, max(0, w-3-line.Width(head)))+g.TR))
	side := th.Border.Render(g.V)
	for _, l := range line.Block(body, w-4, h-2, g.Dots) {
		out = append(out, side+" "+l+" "+side)
	}
	return append(out, th.Border.Render(g.BL+strings.Repeat(g.H, w-2)+g.BR))
}

// Place draws box over base with its corner at x, y. Lines of base must be equally
// wide; what would stand outside is not drawn.
func Place(base, box []string, x, y int) []string {
	out := append([]string(nil), base...)
	for i, l := range box {
		row := y + i
		if row < 0 || row >= len(out) {
			continue
		}
		w := line.Width(l)
		total := line.Width(out[row])
		if x < 0 || x+w > total {
			continue
		}
		left := line.Fit(ansi.Cut(out[row], 0, x), x, "")
		right := line.Right(ansi.Cut(out[row], x+w, total), total-x-w, "")
		out[row] = left + "\x1b[m" + l + "\x1b[m" + right
	}
	return out
}

// Center places a box in the middle.
func Center(base, box []string, width int) []string {
	if len(box) == 0 {
		return base
	}
	return Place(base, box, max(0, (width-line.Width(box[0]))/2), max(0, (len(base)-len(box))/2))
}
