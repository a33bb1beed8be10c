package table

import (
	"image/color"
	"strings"

	"charm.land/lipgloss/v2"
)

// ink is what stands before and behind a text of one style. Rendering a style takes as long
// as drawing a whole row otherwise, and a screen has a thousand cells of a dozen styles.
type ink struct{ before, behind string }

func (k ink) draw(text string) string { return k.before + text + k.behind }

// inks are those of a Layout, which lives for one frame.
type inks map[look]ink

// look is what tells the styles of cells apart; cells have no borders, margins or widths.
type look struct{ cell, over face }

type face struct {
	fg, bg                           color.Color
	bold, faint, italic              bool
	reverse, underline, strike, none bool
}

// of is the ink of a style, over which another lies; nil for none.
func (k inks) of(cell, over *lipgloss.Style) ink {
	l := look{faceOf(cell), faceOf(over)}
	i, ok := k[l]
	if !ok {
		s := *cell
		if over != nil {
			s = s.Inherit(*over)
		}
		i.before, i.behind, _ = strings.Cut(s.Render("x"), "x")
		k[l] = i
	}
	return i
}

func faceOf(s *lipgloss.Style) face {
	if s == nil {
		return face{none: true}
	}
	return face{s.GetForeground(), s.GetBackground(), s.GetBold(), s.GetFaint(), s.GetItalic(), s.GetReverse(), s.GetUnderline(), s.GetStrikethrough(), false}
}
