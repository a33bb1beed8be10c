// Package path is the packet-flow map: the hooks as stations, under each the base
// chains that this namespace really has, and packets that move along the wires.
package path

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/ui/component/canvas"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/speech"
	"nfscope/ui/theme"
)

// Page is the map. The zero value is not ready; use New.
type Page struct {
	palette *canvas.Palette
	theme   *theme.Theme
	world   *world
	ladders speech.Ladders
	notices speech.Notices

	sel selection
	// open holds the chains that the user unfolded, true, or folded, false.
	open   map[key]bool
	canvas canvas.Canvas
	// hits are the rows of the last frame, for the mouse.
	hits []clickable
	// drawn are the rules that hits are of, height how many rows were in sight.
	drawn  *model.Ruleset
	height int
	// filter lets only some packets be drawn; nil lets all.
	filter *filter.Filter
	text   string
	// lost are the kernel's own drops, words what they mean.
	lost  losses
	words drop.Dictionary
	// orders are those of chains at one priority that packets proved.
	orders orders
	// leaves caches the unfolded rules of chains no packet is in, by Chain.ID.
	leaves map[int][]leaf
}

// selection is what the cursor stands on, by identity.
type selection struct {
	on      bool
	station int
	key     key // the zero key is the station's head
	rule    int // Rule.ID, -1 for the chain
	// chain and text are the rule's: its ID changes when rules are read anew.
	chain, text string
}

// New makes the page.
func New() *Page { return &Page{open: map[key]bool{}} }

// Name is the word in the tab bar.
func (*Page) Name() string { return "Path" }

// prepare brings what is kept between frames up to the frame.
func (pg *Page) prepare(f *page.Frame) {
	if pg.theme != f.Theme {
		pg.theme, pg.palette = f.Theme, canvas.NewPalette(f.Theme)
	}
	if pg.text != f.Filter {
		pg.text, pg.filter = f.Filter, nil
		if fl, err := filter.Parse(f.Filter); err == nil && f.Filter != "" {
			pg.filter = fl
		}
	}
	s := f.Snap
	pg.lose(s)
	news := pg.orders.look(s.Journeys)
	switch w := pg.world; {
	case w == nil || w.rules != s.Shown() || w.inUse != s.ConntrackInUse || news:
		pg.orders.forget(s.Shown())
		pg.world, pg.leaves = build(s, &pg.orders), map[int][]leaf{}
		pg.keep()
	case w.counts != s.Counts:
		pg.world = w.recount(s)
	}
}

// Rest lets go of the rules that the map was made of, and of the snapshot that has them.
func (pg *Page) Rest() {
	pg.world, pg.leaves, pg.hits, pg.drawn, pg.lost = nil, nil, nil, nil, losses{}
}

// keep finds the selected rule in rules that were read anew.
func (pg *Page) keep() {
	if pg.sel.rule < 0 || pg.sel.key == (key{}) {
		return
	}
	same := func(id int) bool {
		p, k := pg.world.place(id), &pg.sel.key
		return p.rule != nil && p.rule.Text == pg.sel.text && p.chain.Name == pg.sel.chain &&
			p.table.Name == k.table && p.table.Family == k.family && p.table.Backend == k.backend
	}
	if same(pg.sel.rule) {
		return
	}
	if k := &pg.sel.key; pg.world.index != nil {
		if _, c := pg.world.index.Chain(k.backend, k.family, k.table, pg.sel.chain); c != nil {
			for i := range c.Rules {
				if c.Rules[i].Text == pg.sel.text {
					pg.sel.rule = c.Rules[i].ID
					return
				}
			}
		}
	}
	pg.sel.rule = -1
}

// View draws the page.
func (pg *Page) View(f *page.Frame) string {
	if f.Width <= 0 || f.Height <= 0 {
		return strings.Repeat("\n", max(f.Height-1, 0))
	}
	v := pg.view(f)
	return strings.Join(v.draw(), "\n")
}

// Do carries out an action.
func (pg *Page) Do(a keys.Action, f *page.Frame) tea.Cmd {
	pg.prepare(f)
	switch a {
	case keys.Copy:
		if j, _ := f.Player.Focused(); j != nil {
			return page.Send(page.CopyRequest{Text: pg.ladders.In(speech.In(f.Language())).Of(j.Outcome.Sentence)})
		}
	case keys.Enter:
		return pg.enter()
	case keys.Back:
		pg.back()
	case keys.Up, keys.Down, keys.Left, keys.Right, keys.Top, keys.Bottom, keys.PageUp, keys.PageDown:
		pg.moveSelection(a)
	}
	return nil
}

// enter unfolds what is selected; on a rule it goes to the Rules page.
func (pg *Page) enter() tea.Cmd {
	s := &pg.sel
	switch {
	case !s.on:
		s.on, s.rule = true, -1
	case s.key == key{}:
		pg.moveSelection(keys.Down)
	case s.rule >= 0:
		return page.Send(page.GotoRule{RuleID: s.rule})
	case pg.open[s.key]:
		if e := pg.selected(); e != nil && len(e.chain.Rules) > 0 {
			pg.choose(spot{s.station, s.key, e.chain.Rules[0].ID})
		}
	default:
		pg.open[s.key] = true
	}
	return nil
}

// back folds what is unfolded, then leaves the selection.
func (pg *Page) back() {
	s := &pg.sel
	switch {
	case !s.on:
		clear(pg.open)
	case s.rule >= 0:
		s.rule = -1
	case s.key != key{} && pg.open[s.key]:
		delete(pg.open, s.key)
	default:
		*s = selection{station: s.station, rule: -1}
	}
}

// Deep reports whether Back has something to leave: a selection, an unfolded chain.
func (pg *Page) Deep() bool { return pg.sel.on || len(pg.open) > 0 }

// selected is the entry under the cursor, nil on a station's head.
func (pg *Page) selected() *entry {
	st := &pg.world.stations[pg.sel.station]
	for i := range st.entries {
		if st.entries[i].chain != nil && st.entries[i].key == pg.sel.key {
			return &st.entries[i]
		}
	}
	return nil
}

// spot is one place the cursor can stand on.
type spot struct {
	station int
	key     key
	rule    int
}

// spots lists where the cursor can go, station by station.
func (pg *Page) spots() []spot {
	var out []spot
	for i := range pg.world.stations {
		out = append(out, spot{i, key{}, -1})
		for k := range pg.world.stations[i].entries {
			e := &pg.world.stations[i].entries[k]
			if e.chain == nil {
				continue
			}
			out = append(out, spot{i, e.key, -1})
			if !pg.open[e.key] {
				continue
			}
			for _, l := range pg.calm(e) {
				out = append(out, spot{i, e.key, l.rule})
			}
		}
	}
	return out
}

// calm is the tree of rules under a chain that no packet is in.
func (pg *Page) calm(e *entry) []leaf {
	ls, ok := pg.leaves[e.chain.ID]
	if !ok {
		ls = pg.world.leaves(e, nil)
		pg.leaves[e.chain.ID] = ls
	}
	return ls
}

// beside says which station lies left and right of each.
var beside = [5][2]int{{0, 1}, {0, 3}, {0, 4}, {1, 3}, {2, 4}}

func (pg *Page) moveSelection(a keys.Action) {
	s := &pg.sel
	if !s.on {
		s.on, s.rule = true, -1
		return
	}
	if a == keys.Left || a == keys.Right {
		to := beside[s.station][0]
		if a == keys.Right {
			to = beside[s.station][1]
		}
		if to != s.station {
			*s = selection{on: true, station: to, rule: -1}
		}
		return
	}
	all := pg.spots()
	at := 0
	for i, p := range all {
		if p.station == s.station && p.key == s.key && (p.rule == s.rule || p.rule < 0) {
			at = i
			if p.rule == s.rule {
				break
			}
		}
	}
	switch a {
	case keys.Up:
		at--
	case keys.Down:
		at++
	case keys.PageUp:
		at -= 8
	case keys.PageDown:
		at += 8
	case keys.Top:
		at = 0
	case keys.Bottom:
		at = len(all) - 1
	}
	pg.choose(all[max(0, min(at, len(all)-1))])
}

func (pg *Page) choose(p spot) {
	pg.sel = selection{on: true, station: p.station, key: p.key, rule: p.rule}
	if p.rule >= 0 {
		pl := pg.world.place(p.rule)
		pg.sel.chain, pg.sel.text = strings.Clone(pl.chain.Name), strings.Clone(pl.rule.Text) // they outlive the rules' text
	}
}

// clickable is a row of the last frame and what stands there.
type clickable struct {
	x, y, w int
	spot    spot
}

// Click puts the cursor on a row.
func (pg *Page) Click(x, y int, f *page.Frame) tea.Cmd {
	pg.prepare(f)
	for _, h := range pg.hits {
		if y != h.y || x < h.x || x >= h.x+h.w || h.spot.rule >= pg.world.size() {
			continue
		}
		again := pg.sel.on && pg.sel.station == h.spot.station && pg.sel.key == h.spot.key && pg.sel.rule == h.spot.rule
		if pg.choose(h.spot); again {
			return pg.enter()
		}
		break
	}
	return nil
}

// quiet reports whether a chain has nothing that could stop or change a packet.
func quiet(e *entry) bool {
	return e.chain != nil && len(e.chain.Rules) == 0 && e.chain.PolicyVerdict() != model.VerdictDrop
}

// Visible adds the base chains of the map and the rules that the last frame drew.
func (pg *Page) Visible(f *page.Frame, s *page.Sight) {
	pg.prepare(f)
	for i := range pg.world.stations {
		for _, e := range pg.world.stations[i].entries {
			if e.chain != nil {
				s.Chains = append(s.Chains, e.chain.ID)
			}
		}
	}
	if pg.drawn != pg.world.rules {
		return // IDs of other rules
	}
	for _, h := range pg.hits {
		if h.spot.rule >= 0 && h.y >= 0 && h.y < pg.height {
			s.Rules = append(s.Rules, h.spot.rule)
		}
	}
}
