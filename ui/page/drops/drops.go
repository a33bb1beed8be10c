// Package drops is the page that lists what the kernel throws away: by reason, place
// and flow, with what each means and what this host has to do with it.
package drops

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/list"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/speech"
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
	// says tells of drops, ladders of what became of packets.
	says    speech.Drops
	ladders speech.Ladders
}

// New makes the page.
func New() *Page { return &Page{words: drop.Meanings(), order: order{down: true}} }

// Name is Drops.
func (p *Page) Name() string { return "Drops" }

// Filters says that drops are filtered, by text too.
func (p *Page) Filters() (filter.Kind, bool) { return filter.Drops, true }

// Deep reports whether Back leads somewhere.
func (p *Page) Deep() bool { return p.detail }

// speaks is the language of what explains, and its words of drops.
func (p *Page) speaks(f *page.Frame) (speech.Speech, ladder.Say) {
	s := speech.In(f.Language())
	return s, p.says.In(s)
}

func (p *Page) sync(f *page.Frame) {
	_, say := p.speaks(f)
	p.order.sync(f, p.words, say, p.usual)
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
	s, say := p.speaks(f)
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
		return page.Send(page.Say{Text: s.Ordered(p.order.by.String(), p.order.down)})
	case keys.SortBack:
		p.order.down = !p.order.down
		p.sync(f)
		return page.Send(page.Say{Text: s.Ordered(p.order.by.String(), p.order.down)})
	case keys.Usual:
		p.usual = !p.usual
		p.sync(f)
		return page.Send(page.Say{Text: s.Usual(p.usual)})
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
			return page.Send(page.Say{Text: s.NothingTo(true), Bad: true})
		}
		return page.Send(page.ArmRequest{Filter: r.Last.Filter(), Why: s.NextOne(), Both: false})
	case keys.Why:
		if !r.Last.HasPacket() {
			return page.Send(page.Say{Text: s.NothingTo(false), Bad: true})
		}
		return page.Send(page.WhyRequest{Filter: r.Last.Filter()})
	case keys.Copy:
		e := p.words.Explain(r.Last)
		said := s.Explained(e, say)
		if traced, _ := p.ruled.by(f.Snap.Journeys, r.Last); traced != nil {
			e.Words = p.became(f, traced)
			said = s.Explained(e, say)
		}
		return page.Send(page.CopyRequest{Text: strings.TrimSpace(r.Key.Reason+" "+r.Last.What()) + ": " + said})
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

// became says what became of a traced packet.
func (p *Page) became(f *page.Frame, j *journey.Journey) string {
	return p.ladders.In(speech.In(f.Language())).Of(j.Outcome.Sentence)
}

// match turns the text of the filter bar into a test; nil for an empty one. In another language
// than English a row is also found by what the reason means in it, which is looked up and not
// put together anew for each row.
func match(text string, words drop.Dictionary, say ladder.Say) func(*drop.Row) bool {
	if text == "" {
		return nil
	}
	if flt, err := filter.Parse(text); err == nil && flt.Check(filter.Drops) == nil {
		return func(r *drop.Row) bool { return flt.Drop(r.Last) == filter.Yes }
	}
	low := strings.ToLower(text)
	return func(r *drop.Row) bool {
		said := []string{r.Key.Reason, r.Last.What(), r.Last.Where(), r.Key.In, words.Explain(r.Last).Sentence()}
		if say != nil {
			said = append(said, say.Of(words.Of(r.Key.Reason).Says))
		}
		return strings.Contains(strings.ToLower(strings.Join(said, " ")), low)
	}
}
