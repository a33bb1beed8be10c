// Package theme holds the styles and the glyphs. Every state that a colour tells
// is told by a glyph or a word too.
package theme

import (
	"charm.land/lipgloss/v2"

	"nfscope/model"
	"nfscope/model/journey"
)

// Options choose a theme.
type Options struct {
	// Color is false under NO_COLOR: then no colour at all, greys neither.
	Color bool
	// Dark says that the terminal's background is dark.
	Dark bool
	// ASCII keeps to seven-bit glyphs.
	ASCII bool
}

// Theme is a set of styles and glyphs. It never changes once made.
type Theme struct {
	Options
	Glyphs Glyphs

	Text, Dim, Strong, Title, Accent lipgloss.Style
	Good, Bad, Warn, Moving          lipgloss.Style
	Selected, Border, Tab, TabActive lipgloss.Style
	Bar                              lipgloss.Style // the status bar's ground
	Lit                              lipgloss.Style // a rule that was just hit
	Cursor                           lipgloss.Style // the cell under the cursor of a text input
	Legacy, IptablesNFT, NFTables    lipgloss.Style // the badges of the backends
}

// Glyphs are the signs of the drawing.
type Glyphs struct {
	H, V, TL, TR, BL, BR, TeeL, TeeR, TeeT, TeeB, Cross string // lines
	Right, Left, Down, Up                               string // arrow heads
	Packet, Dead, Passed, Rejected, Queued, Unknown     string // fates
	Fork, Ring, Jump, Hit, Dots, Selected               string
	Sparks                                              []string // lowest to highest
}

// Unicode and ASCII glyphs take one cell each.
var (
	unicodeGlyphs = Glyphs{"─", "│", "┌", "┐", "└", "┘", "├", "┤", "┬", "┴", "┼", "▶", "◀", "▼", "▲",
		"●", "✕", "✓", "↩", "≡", "?", "◇", "◌", "▸", "◆", "…", "▌", []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}}
	asciiGlyphs = Glyphs{"-", "|", "+", "+", "+", "+", "+", "+", "+", "+", "+", ">", "<", "v", "^",
		"o", "X", "+", "R", "Q", "?", "<", "@", ">", "*", "~", ">", []string{"_", ".", ":", "-", "=", "+", "*", "#"}}
)

// New makes a theme.
func New(o Options) *Theme {
	t := &Theme{Options: o, Glyphs: unicodeGlyphs}
	if o.ASCII {
		t.Glyphs = asciiGlyphs
	}
	pick := lipgloss.LightDark(o.Dark)
	fg := func(light, dark string) lipgloss.Style {
		s := lipgloss.NewStyle()
		if o.Color {
			s = s.Foreground(pick(lipgloss.Color(light), lipgloss.Color(dark)))
		}
		return s
	}
	t.Text = lipgloss.NewStyle()
	t.Dim = fg("#6b7280", "#8b93a5")
	t.Strong = lipgloss.NewStyle().Bold(true)
	t.Title = fg("#1d4ed8", "#7aa2f7").Bold(true)
	t.Accent = fg("#7c3aed", "#bb9af7")
	t.Good = fg("#15803d", "#9ece6a")
	t.Bad = fg("#b91c1c", "#f7768e").Bold(true)
	t.Warn = fg("#a16207", "#e0af68")
	t.Moving = fg("#0e7490", "#7dcfff").Bold(true)
	t.Border = fg("#9ca3af", "#565f89")
	t.Selected = lipgloss.NewStyle().Reverse(true)
	t.Tab = t.Dim
	t.TabActive = lipgloss.NewStyle().Bold(true).Reverse(true)
	t.Bar = lipgloss.NewStyle()
	t.Lit = lipgloss.NewStyle().Bold(true).Reverse(true)
	t.Cursor = lipgloss.NewStyle().Reverse(true)
	t.Legacy, t.IptablesNFT, t.NFTables = fg("#b45309", "#ff9e64"), fg("#0f766e", "#73daca"), fg("#4338ca", "#9d7cd8")
	if o.Color {
		t.Bar = t.Bar.Background(pick(lipgloss.Color("#e4e4e4"), lipgloss.Color("#262626")))
		t.Selected = lipgloss.NewStyle().Background(pick(lipgloss.Color("#d7d7ff"), lipgloss.Color("#264f78")))
		t.Lit = t.Lit.Foreground(pick(lipgloss.Color("#b45309"), lipgloss.Color("#ffd166")))
	}
	return t
}

// Backend is the style of a backend's badge.
func (t *Theme) Backend(b model.Backend) lipgloss.Style {
	switch b {
	case model.BackendLegacy:
		return t.Legacy
	case model.BackendIptablesNFT:
		return t.IptablesNFT
	}
	return t.NFTables
}

// Fate gives glyph and style of an outcome's verdict (journey.Accepted, ...).
func (t *Theme) Fate(verdict string) (string, lipgloss.Style) {
	switch verdict {
	case journey.Accepted:
		return t.Glyphs.Passed, t.Good
	case journey.Dropped:
		return t.Glyphs.Dead, t.Bad
	case journey.Rejected:
		return t.Glyphs.Rejected, t.Bad
	case journey.Queued:
		return t.Glyphs.Queued, t.Warn
	}
	return t.Glyphs.Unknown, t.Warn
}
