package path

import (
	"strconv"

	"nfscope/model/journey"
	"nfscope/ui/component/canvas"
	"nfscope/ui/component/player"
)

// inChain reports whether a death belongs to a base chain or to what it calls.
func (v *view) inChain(d *player.Death, e *entry) bool {
	return d.Backend == e.key.backend && d.Family == e.key.family && d.Table == e.key.table && d.Base == e.key.chain
}

// hiddenDeaths counts the packets that died below a base chain in rules that have no
// row, or that nobody told of, and those that have none.
func (v *view) hiddenDeaths(e *entry, ev *entryView) (dead, rules int) {
	for i := range v.deaths {
		switch d := &v.deaths[i]; {
		case !v.inChain(d, e) || d.Kind == string(journey.KindPolicy):
		case d.Rule == 0:
			dead += d.Count
		case !v.drawn(e, ev, d):
			dead += d.Count
			rules++
		}
	}
	return dead, rules
}

// drawn reports whether the rule of a death has a row of its own.
func (v *view) drawn(e *entry, ev *entryView, d *player.Death) bool {
	for _, l := range v.shown(e, ev) {
		if v.isRule(d, l) {
			return true
		}
	}
	return false
}

func (v *view) isRule(d *player.Death, l leaf) bool {
	pl := v.w.place(l.rule)
	return d.Rule == pl.rule.Index && d.Chain == pl.chain.Name && d.Table == pl.table.Name && d.Family == pl.table.Family && d.Backend == pl.table.Backend
}

// dead marks how many packets died in a row, at its right end.
func (v *view) dead(end, y int, here func(*player.Death) bool) {
	n := 0
	for i := range v.deaths {
		if here(&v.deaths[i]) {
			n += v.deaths[i].Count
		}
	}
	if n == 0 {
		return
	}
	v.c.PutMax(end-deathWidth, y, deathWidth, v.deathText(n, deathWidth), v.p.Bad)
}

// deathText is the sign of death with its number. A number that has no room is no
// other number: dots stand for it.
func (v *view) deathText(n, width int) string {
	if n == 1 {
		return v.p.Glyphs.Dead
	}
	if s := v.p.Glyphs.Dead + strconv.Itoa(n); canvas.Width(s) <= width {
		return s
	}
	return v.p.Glyphs.Dead + v.p.Glyphs.Dots
}
