// Package gauge draws how full something is.
package gauge

import (
	"strings"

	"nfscope/ui/theme"
)

// View draws a share from 0 to 1 in so many cells, brackets included: [####....]. What is
// in use shows, be it little; full is drawn only where it is. From warn on it has the colour
// of a warning, from bad on that of what is bad.
func View(th *theme.Theme, share float64, width int, warn, bad float64) string {
	on, off := parts(th, share, width)
	if on+off == "" {
		return ""
	}
	style := th.Good
	switch {
	case share >= bad:
		style = th.Bad
	case share >= warn:
		style = th.Warn
	}
	return th.Dim.Render("[") + style.Render(on) + th.Dim.Render(off+"]")
}

// Text is View without colours, for a cell of a table.
func Text(th *theme.Theme, share float64, width int) string {
	on, off := parts(th, share, width)
	if on+off == "" {
		return ""
	}
	return "[" + on + off + "]"
}

func parts(th *theme.Theme, share float64, width int) (on, off string) {
	cells := width - 2
	if cells < 1 {
		return "", ""
	}
	n := min(cells, max(0, int(share*float64(cells)+0.5)))
	if share > 0 {
		n = max(1, n)
	}
	if share < 1 && n == cells && cells > 1 {
		n--
	}
	full, empty := "■", "·"
	if th.ASCII {
		full, empty = "#", "."
	}
	return strings.Repeat(full, n), strings.Repeat(empty, cells-n)
}
