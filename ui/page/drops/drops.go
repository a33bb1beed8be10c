// Package drops is the page that lists what the kernel throws away: by reason, place
// and flow, with what each means and what this host has to do with it.
package drops

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/ui/component/list"
	"nfscope/ui/keys"
	"nfscope/ui/page"
)

// Page is the Drops page. Make it with New.
type Page struct {
	cursor list.Cursor[uint64] // drop.Row.Number
	order  order
	words  drop.Dictionary
	ruled  ruled
	height int
	// usual lists also what happens on every healthy host.
	usual  bool
	detail bool // the inspector has the screen, where there is no room for both
}

// New makes the page.
func New() *Page { return &Page{words: drop.Meanings(), order: order{down: true}} }

// Name is Drops.
func (p *Page) Name() string { return "Drops" }

// Filters says that drops are filtered, by text too.
func (p *Page) Filters() (filter.Kind, bool) { return filter.Drops, true }

// Deep reports whether Back leads somewhere.
func (p *Page) Deep() bool { return p.detail }

func (p *Page) sync(f *page.Frame) {
	p.order.sync(f, p.words, p.usual)
	p.cursor.Sync(p.order.version, len(p.order.list), p.at)
}

func (p *Page) at(i int) uint64 { return p.order.list[i].Number }

// Selected is the selected row, nil where there is none.
func (p *Page) Selected() *drop.Row {
	if i := p.cursor.Index(); i < len(p.order.list) {
		return p.order.list[i]
	}
	return nil
}

// Do carries out an action.
func (p *Page) Do(a keys.Action, f *page.Frame) tea.Cmd {
	p.sync(f)
	by := map[keys.Action]int{keys.Up: -1, keys.Down: 1, keys.PageUp: -max(1, p.height-1), keys.PageDown: max(1, p.height-1),
		keys.Top: -1 << 30, keys.Bottom: 1 << 30}[a]
	if by != 0 {
		p.cursor.Move(by, p.at)
		return nil
	}
	switch a {
	case keys.Sort:
		p.order.next()
		p.sync(f)
		return page.Send(page.Say{Text: "ordered by " + p.order.name()})
	case keys.SortBack:
		p.order.down = !p.order.down
		p.sync(f)
		return page.Send(page.Say{Text: "ordered by " + p.order.name()})
	case keys.Usual:
		p.usual = !p.usual
		p.sync(f)
		if p.usual {
			return page.Send(page.Say{Text: "also what happens on every healthy host"})
		}
		return page.Send(page.Say{Text: "without what happens on every healthy host"})
	case keys.Enter, keys.Right:
		p.detail = p.Selected() != nil
	case keys.Back, keys.Left:
		p.detail = false
	}
	r := p.Selected()
	if r == nil {
		return nil
	}
	switch a {
	case keys.TraceThis:
		if !r.Last.HasPacket() {
			return page.Send(page.Say{Text: "no packet of this is known, so there is nothing to trace", Bad: true})
		}
		return page.Send(page.ArmRequest{Filter: drop.Filter(&r.Last.Packet), Why: "it is gone: this catches the next one", Both: false})
	case keys.Why:
		if !r.Last.HasPacket() {
			return page.Send(page.Say{Text: "no packet of this is known, so there is nothing to look for", Bad: true})
		}
		return page.Send(page.WhyRequest{Filter: drop.Filter(&r.Last.Packet)})
	case keys.Copy:
		e := p.words.Explain(r.Last)
		if traced, _ := p.ruled.by(f.Snap.Journeys, r.Last); traced != nil {
			e.Words = traced.Outcome.Sentence
		}
		return page.Send(page.CopyRequest{Text: strings.TrimSpace(r.Key.Reason+" "+r.Last.What()) + ": " + e.Sentence()})
	}
	return nil
}

// Click selects the row under the mouse.
func (p *Page) Click(_, y int, f *page.Frame) tea.Cmd {
	p.sync(f)
	from, to := p.cursor.Window(p.height)
	if i := from + y - 2; y >= 2 && i < to {
		p.cursor.Go(i, p.at)
	}
	return nil
}

// match turns the text of the filter bar into a test; nil for an empty one.
func match(text string, words drop.Dictionary) func(*drop.Row) bool {
	if text == "" {
		return nil
	}
	if flt, err := filter.Parse(text); err == nil && flt.Check(filter.Drops) == nil {
		return func(r *drop.Row) bool { return flt.Drop(r.Last) == filter.Yes }
	}
	low := strings.ToLower(text)
	return func(r *drop.Row) bool {
		return strings.Contains(strings.ToLower(strings.Join([]string{r.Key.Reason, r.Last.What(), r.Last.Where(), r.Key.In, words.Explain(r.Last).Sentence()}, " ")), low)
	}
}
