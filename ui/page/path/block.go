package path

import (
	"strconv"
	"strings"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/ui/component/canvas"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/player"
	"nfscope/ui/component/units"
)

// share gives the rules of the stations rows on the screen. fits tells whether what
// the entries ask for has room; as long as it has not, the longest gives one up.
// Chains that the packet in focus goes through and those that the user unfolded give
// up last.
func (v *view) share(stations []int, most int, fits func() bool) bool {
	for _, st := range stations {
		for k := range v.entries[st] {
			ev, e := &v.entries[st][k], &v.w.stations[st].entries[k]
			ev.lines = 0
			if e.chain == nil {
				continue
			}
			ev.lines = min(len(ev.ls), most)
			if open, said := v.pg.open[e.key]; said && open {
				ev.lines = min(len(ev.ls), 4*most)
			}
		}
	}
	for !fits() {
		var worst *entryView
		high := 0
		for _, st := range stations {
			for k := range v.entries[st] {
				ev := &v.entries[st][k]
				n := ev.lines * 4
				if ev.trail != nil {
					n = ev.lines*4 - 13 // at least three rows stay while others have any
				}
				if v.pg.open[v.w.stations[st].entries[k].key] {
					n = ev.lines*2 - 13
				}
				if ev.lines > 0 && (worst == nil || n >= high) {
					worst, high = ev, n
				}
			}
		}
		if worst == nil {
			return false
		}
		worst.lines--
	}
	return true
}

// height is how many rows a station's block takes below its head.
func (v *view) height(st int) int {
	n := 0
	for k := range v.entries[st] {
		n += 1 + v.entries[st][k].lines
	}
	return max(n, 1)
}

// block draws a station's entries below its head and gives the row behind them.
func (v *view) block(st int) int {
	g := &v.geo[st]
	y := g.y + 1
	s := &v.w.stations[st]
	if len(s.entries) == 0 {
		v.c.Put(g.x, y, v.p.Glyphs.V, v.p.Border)
		v.c.PutMax(g.x+2, y, g.w-2, v.tell("no rules here"), v.p.Dim)
		return y + 1
	}
	tw := v.targetWidth(st)
	for k := range s.entries {
		e, ev := &s.entries[k], &v.entries[st][k]
		ev.row = y
		v.chainRow(st, e, ev, y)
		y++
		for _, l := range v.shown(e, ev) {
			v.ruleRow(st, e, ev, l, y, tw)
			y++
		}
	}
	return y
}

// shown picks the rules of an entry that get a row: around the selected one, else
// around those that the packet in focus hits.
func (v *view) shown(e *entry, ev *entryView) []leaf {
	var hit []int
	if sel := &v.pg.sel; sel.on && sel.key == e.key && sel.rule >= 0 {
		for i := range ev.ls {
			if ev.ls[i].rule == sel.rule {
				hit = append(hit, i)
			}
		}
	}
	if len(hit) == 0 {
		for _, l := range ev.trail {
			if l >= 0 {
				hit = append(hit, l)
			}
		}
		for i := range v.deaths { // where packets died is as telling
			if len(ev.ls) <= ev.lines || v.deaths[i].Rule == 0 || !v.inChain(&v.deaths[i], e) {
				continue
			}
			for k := range ev.ls {
				if v.isRule(&v.deaths[i], ev.ls[k]) {
					hit = append(hit, k)
				}
			}
		}
	}
	return window(ev.ls, ev.lines, hit)
}

// targetWidth is the width of the target column of a station's rules.
func (v *view) targetWidth(st int) int {
	n := 4
	for k := range v.entries[st] {
		if v.entries[st][k].lines == 0 {
			continue
		}
		for _, l := range v.entries[st][k].ls {
			if l.depth == 0 || len(v.entries[st][k].ls) <= v.entries[st][k].lines {
				if r := v.w.place(l.rule).rule; !plain(r) {
					n = max(n, canvas.Width(target(r))+2*boolInt(r.Jump != ""))
				}
			}
		}
	}
	least := 6
	if v.geo[st].w >= 48 {
		least = 10
	}
	return min(n, max(v.geo[st].w/6, least))
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// rail draws the gutter of a row: the rail the packet runs on, and whether it was here.
func (v *view) rail(x, y int, reached bool) {
	ink := v.p.Border
	if reached {
		ink = v.p.Moving
	}
	v.c.Put(x, y, v.p.Glyphs.V, ink)
}

const (
	packetsWidth = 5
	deathWidth   = 3
)

// chainRow draws one base chain: table, badge, packets, spark, policy, deaths.
func (v *view) chainRow(st int, e *entry, ev *entryView, y int) {
	g, p := &v.geo[st], v.p
	v.rail(g.x, y, ev.reached)
	end := g.x + g.w
	if e.chain == nil {
		x := v.c.PutMax(g.x+2, y, g.w-2, p.Glyphs.Ring+" conntrack", p.Dim)
		if n := v.f.Snap.Flows.Table.Len(); n > 0 {
			s := v.lang().Counted(uint64(n), 4, "flow")
			if x+2+canvas.Width(s) <= end {
				v.c.Put(x+1, y, s, p.Dim)
			}
		}
		return
	}
	ink := (*canvas.Ink)(nil)
	if quiet(e) {
		ink = p.Dim
	}
	if ev.reached {
		ink = p.Strong
	}
	spark := 3
	policy := ""
	right := deathWidth
	drop := e.chain.PolicyVerdict() == model.VerdictDrop
	hidden, rules := v.hiddenDeaths(e, ev)
	switch {
	case g.w >= 48:
		spark, policy = 8, strings.TrimSpace("policy "+strings.ToUpper(e.chain.Policy))
		right += 14
	case g.w >= 36:
		spark, policy = 4, strings.ToUpper(e.chain.Policy)
		right += 7
	case drop:
		spark, policy = 0, "DROP"
		right += 4
	}
	right += spark + 1 + boolInt(policy != "") // a blank parts the policy from its deaths
	x := end - right - packetsWidth - 3
	room := x - g.x - 3
	waits := v.waits(e.chain)
	if s := v.lang().ReadingSome(waits); waits > 0 && canvas.Width(e.name)+1+canvas.Width(s) <= room {
		room -= canvas.Width(s) + 1
		v.c.Put(g.x+2+room+1, y, s, p.Moving)
	}
	if folded := len(ev.ls) - ev.lines; folded > 0 && hidden == 0 && waits == 0 {
		// A chain whose rules have no row is no empty one.
		s := p.Glyphs.Dots + " " + v.lang().Counted(uint64(folded), 4, "rule")
		if canvas.Width(s)+1+canvas.Width(e.name) <= room {
			room -= canvas.Width(s) + 1
			v.c.Put(g.x+2+room+1, y, s, p.Border)
		}
	}
	if hidden > 0 {
		// They died in rules that have no row: that is not the policy's doing.
		s := p.Glyphs.Dots + " " + v.lang().Counted(uint64(rules), 4, "rule") + " " + v.deathText(hidden, 4)
		if rules == 0 || canvas.Width(s)+1+min(canvas.Width(e.name), 8) > room {
			s = p.Glyphs.Dots + v.deathText(hidden, 3)
		}
		room -= canvas.Width(s) + 1
		v.c.Put(g.x+2+room+1, y, s, p.Bad)
	}
	v.c.PutMax(g.x+2, y, room, canvas.Fit(v.entryName(e, room), room, p.Glyphs.Dots), ink)
	badge := ladder.Badge(e.key.backend, e.key.family)
	if !e.sure {
		badge += "~" // the order among its equals is not known
	}
	v.c.PutMax(x, y, 3, badge, p.Backend(e.key.backend))
	x += 3
	n := "-"
	if e.counted {
		n = units.Count(e.packets, 4)
		if e.atLeast {
			n += "+"
		}
	}
	if waits != 0 { // its rules are still being read
		v.c.Put(x+packetsWidth-canvas.Width(p.Glyphs.Dots), y, p.Glyphs.Dots, p.Moving)
	} else {
		v.c.PutMax(x+packetsWidth-len(n), y, packetsWidth, n, inkOr(ink, p.Dim, e.packets == 0))
	}
	x += packetsWidth + 1
	if spark > 0 {
		v.spark(x, y, spark, e.chain.ID)
		x += spark + 1
	}
	if policy != "" {
		pi := p.Dim
		if drop {
			pi = p.Bad
		}
		if v.policyLit(ev) {
			pi = p.Lit
		}
		v.c.Put(x, y, policy, pi)
	}
	v.dead(end, y, func(d *player.Death) bool {
		return d.Kind == string(journey.KindPolicy) && v.inChain(d, e)
	})
	v.mark(st, g, y, spot{st, e.key, -1})
}

// policyLit reports whether the packet in focus stands on the chain's policy.
func (v *view) policyLit(ev *entryView) bool {
	l, ok := ev.trail[v.step]
	return ok && ev.here && l < 0 && v.focus.Steps[v.step].Kind == "policy"
}

// entryName shortens a native chain's name where there is little room: the family
// goes first, then the table's letters.
func (v *view) entryName(e *entry, w int) string {
	if canvas.Width(e.name) <= w || e.key.backend != model.BackendNFTables {
		return e.name
	}
	table, chain := e.key.table, "/"+e.key.chain
	if room := w - canvas.Width(chain); room >= 2 {
		return canvas.Fit(table, room, v.p.Glyphs.Dots) + chain
	}
	return canvas.Fit(table, max(w/3, 2), v.p.Glyphs.Dots) + chain
}

func inkOr(a, b *canvas.Ink, second bool) *canvas.Ink {
	if second {
		return b
	}
	return a
}

// spark draws a chain's last packet rates.
func (v *view) spark(x, y, w, id int) {
	if id >= len(v.f.Snap.Sparks) {
		return
	}
	rates := v.f.Snap.Sparks[id]
	if len(rates) == 0 {
		return
	}
	top := 0.0
	for _, r := range rates {
		top = max(top, r)
	}
	rates = rates[max(len(rates)-w, 0):]
	marks := v.p.Glyphs.Sparks
	for i, r := range rates {
		k := 0
		if top > 0 && r > 0 {
			k = min(int(r/top*float64(len(marks)-1)+0.5), len(marks)-1)
		}
		ink := v.p.Accent
		if top == 0 {
			ink = v.p.Border
		}
		v.c.Put(x+w-len(rates)+i, y, marks[k], ink)
	}
}

// ruleRow draws one rule.
func (v *view) ruleRow(st int, e *entry, ev *entryView, l leaf, y, tw int) {
	g, p, pl := &v.geo[st], v.p, v.w.place(l.rule)
	isHit := false
	for s, k := range ev.trail {
		if k == l.order && s <= v.step && ev.reached {
			isHit = true
		}
	}
	ev.rows = append(ev.rows, ruleRow{l.rule, l.order, y})
	v.rail(g.x, y, ev.reached)
	if isHit {
		v.c.Put(g.x+1, y, p.Glyphs.Jump, p.Moving)
	}
	end := g.x + g.w
	x := g.x + 1 + 2*l.depth
	num := strconv.Itoa(pl.rule.Index)
	if l.gap {
		v.c.Put(max(x+2-len(num), g.x+2), y, p.Glyphs.Dots, p.Border)
	}
	count := v.f.Snap.Rule(l.rule).Now
	never := count.Valid && count.Packets == 0
	ink, tink := (*canvas.Ink)(nil), p.Verdict(pl.rule.Verdict())
	if plain(pl.rule) {
		tink = nil
	}
	if never && !isHit {
		ink, tink = p.Dim, p.Dim
	}
	numInk := p.Dim
	if isHit {
		ink, numInk = p.Strong, p.Moving
	}
	switch lit := v.f.Player.Lit(l.rule); {
	case lit > 0.5:
		tink, numInk = p.Lit, p.Moving
	case lit > 0:
		numInk = p.Moving
	}
	v.c.PutMax(max(x+3-len(num), g.x+2), y, end-x, num, numInk)
	x += 4
	right := end - deathWidth - 1
	word := target(pl.rule)
	if pl.rule.Jump != "" {
		word = p.Glyphs.Jump + " " + word
	}
	room := tw
	if w := canvas.Width(word); w > tw && v.w.brief(l.rule) == "" {
		room = min(w, right-packetsWidth-x-1)
	} else if pl.rule.Jump != "" { // a chain's name says more than its first letters
		room = min(max(w, tw), 16, max((right-packetsWidth-x)*2/3, tw))
	}
	v.c.PutMax(x, y, min(room, right-x), canvas.Fit(word, min(room, right-x), p.Glyphs.Dots), tink)
	x += max(room, tw) + 1
	n := "-"
	switch {
	case never && isHit: // its counter is read within the second
		n = p.Glyphs.Dots
	case never:
		n = v.lang().Never()
	case count.Valid:
		n = units.Count(count.Packets, 4)
	}
	nx := right - packetsWidth
	if !count.Valid {
		nx = right - 1
	}
	if x < nx {
		v.c.PutMax(x, y, nx-x-1, canvas.Fit(v.w.says(l), nx-x-1, p.Glyphs.Dots), ink)
	}
	if nx >= x {
		v.c.Put(right-canvas.Width(n), y, n, p.Dim)
	}
	v.dead(end, y, func(d *player.Death) bool { return d.Rule > 0 && v.isRule(d, l) && d.Base == e.key.chain })
	v.mark(st, g, y, spot{st, e.key, l.rule})
}

// mark makes a row clickable and grounds it where it is selected.
func (v *view) mark(st int, g *geo, y int, s spot) {
	v.hits = append(v.hits, clickable{g.x, y, g.w, s})
	if sel := &v.pg.sel; sel.on && sel.station == st && sel.key == s.key && sel.rule == s.rule {
		v.c.Ground(g.x+1, y, g.w-1, v.p.Selected, v.p)
	}
}
