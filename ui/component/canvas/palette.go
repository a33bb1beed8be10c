package canvas

import (
	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/ui/theme"
)

// Palette is a theme's styles as inks.
type Palette struct {
	Theme  *theme.Theme
	Glyphs theme.Glyphs

	Dim, Strong, Title, Accent, Good, Bad, Warn, Moving *Ink
	Selected, Border, Lit                               *Ink
	legacy, iptablesNFT, nftables                       *Ink
	on                                                  map[[2]*Ink]*Ink
}

// NewPalette makes the inks of a theme.
func NewPalette(t *theme.Theme) *Palette {
	return &Palette{Theme: t, Glyphs: t.Glyphs,
		Dim: NewInk(t.Dim), Strong: NewInk(t.Strong), Title: NewInk(t.Title), Accent: NewInk(t.Accent),
		Good: NewInk(t.Good), Bad: NewInk(t.Bad), Warn: NewInk(t.Warn), Moving: NewInk(t.Moving),
		Selected: NewInk(t.Selected), Border: NewInk(t.Border), Lit: NewInk(t.Lit),
		legacy: NewInk(t.Legacy), iptablesNFT: NewInk(t.IptablesNFT), nftables: NewInk(t.NFTables),
		on: map[[2]*Ink]*Ink{}}
}

// Backend is the ink of a backend's badge.
func (p *Palette) Backend(b model.Backend) *Ink {
	switch b {
	case model.BackendLegacy:
		return p.legacy
	case model.BackendIptablesNFT:
		return p.iptablesNFT
	}
	return p.nftables
}

// Fate gives glyph and ink of an outcome's verdict.
func (p *Palette) Fate(verdict string) (string, *Ink) {
	g, _ := p.Theme.Fate(verdict)
	switch verdict {
	case journey.Accepted:
		return g, p.Good
	case journey.Dropped, journey.Rejected:
		return g, p.Bad
	}
	return g, p.Warn
}

// Verdict is the ink of a verdict's word.
func (p *Palette) Verdict(v model.Verdict) *Ink {
	switch v {
	case model.VerdictAccept:
		return p.Good
	case model.VerdictDrop, model.VerdictReject, model.VerdictStolen:
		return p.Bad
	case model.VerdictQueue, model.VerdictUnknown:
		return p.Warn
	case model.VerdictJump, model.VerdictGoto:
		return p.Accent
	}
	return p.Dim
}

// Ground lays the ground of one ink under what w cells from (x, y) hold.
func (c *Canvas) Ground(x, y, w int, ground *Ink, p *Palette) {
	if y < 0 || y >= c.h || ground == nil {
		return
	}
	for i := max(x, 0); i < min(x+w, c.w); i++ {
		k := &c.cells[y*c.w+i]
		if k.ink == nil {
			k.ink = ground
			continue
		}
		both := [2]*Ink{ground, k.ink}
		ink := p.on[both]
		if ink == nil {
			ink = &Ink{ground.open + k.ink.open, k.ink.end}
			p.on[both] = ink
		}
		k.ink = ink
	}
}
