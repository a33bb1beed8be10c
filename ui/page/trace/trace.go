// Package trace is the list of traced packets and the ladder of the selected one.
package trace

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/ui/component/canvas"
	"nfscope/ui/component/ladder"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// Page is the Trace page. The zero value is not ready; use New.
type Page struct {
	palette *canvas.Palette
	theme   *theme.Theme
	canvas  canvas.Canvas

	// selected is a journey's number, 0 while the selection goes with the player's focus.
	selected int

	// list is the snapshot's journeys as the filter lets them through.
	list    []*journey.Journey
	of      *snapshot.Snapshot
	text    string
	filter  *filter.Filter
	problem string

	// first is the list's first row on the screen, in the frame before; listed how many
	// rows it had, listY where they began.
	first, listed, listY, listW int
	// zoomed is true while the ladder has the whole page.
	zoomed bool

	misses misses
}

// New makes the page.
func New() *Page { return &Page{} }

// Name is the word in the tab bar.
func (*Page) Name() string { return "Trace" }

// ShowJourney puts the cursor on a journey, by its number, and shows it from its start.
func (pg *Page) ShowJourney(number int, f *page.Frame) {
	pg.selected = number
	f.Player.Focus(number)
}

// Deep reports whether Back has something to leave: a selection of its own.
func (pg *Page) Deep() bool { return pg.selected != 0 }

func (pg *Page) prepare(f *page.Frame) {
	if pg.theme != f.Theme {
		pg.theme, pg.palette = f.Theme, canvas.NewPalette(f.Theme)
	}
	if pg.of == f.Snap && pg.text == f.Filter {
		return
	}
	if pg.text != f.Filter || pg.filter == nil {
		pg.text, pg.filter, pg.problem = f.Filter, nil, ""
		if f.Filter != "" {
			var err error
			if pg.filter, err = filter.Parse(f.Filter); err != nil {
				pg.filter, pg.problem = nil, err.Error()
			}
		}
	}
	pg.of, pg.list = f.Snap, f.Snap.Journeys
	if pg.filter != nil {
		pg.list = make([]*journey.Journey, 0, len(f.Snap.Journeys))
		for _, j := range f.Snap.Journeys {
			if pg.filter.Journey(j) {
				pg.list = append(pg.list, j)
			}
		}
	}
}

// at is the selected journey's place in the list, -1 where it is not in it.
func (pg *Page) at(f *page.Frame) int {
	n := pg.selected
	if n == 0 {
		if j, _ := f.Player.Focused(); j != nil {
			n = j.Number
		}
	}
	i, ok := slices.BinarySearchFunc(pg.list, n, func(j *journey.Journey, n int) int { return j.Number - n })
	if ok {
		return i
	}
	if len(pg.list) > 0 && (pg.selected == 0 || pg.filter != nil) { // what was selected is filtered out
		return len(pg.list) - 1
	}
	return -1
}

// shown is the journey whose ladder is drawn, and the step it stands at.
func (pg *Page) shown(f *page.Frame) (*journey.Journey, int) {
	fj, step := f.Player.Focused()
	i := pg.at(f)
	if i < 0 {
		if pg.filter == nil && (pg.selected == 0 || fj != nil && fj.Number == pg.selected) {
			return fj, step // it may have left the ring
		}
		return nil, 0
	}
	j := pg.list[i]
	if fj != nil && fj.Number == j.Number {
		return fj, min(step, max(len(fj.Steps)-1, 0))
	}
	return j, max(len(j.Steps)-1, 0)
}

// Do carries out an action.
func (pg *Page) Do(a keys.Action, f *page.Frame) tea.Cmd {
	pg.prepare(f)
	i, n := pg.at(f), len(pg.list)
	to := i
	switch a {
	case keys.Up:
		to--
	case keys.Down:
		to++
	case keys.PageUp:
		to -= max(pg.listed-1, 1)
	case keys.PageDown:
		to += max(pg.listed-1, 1)
	case keys.Top:
		to = 0
	case keys.Bottom:
		to = n - 1
	case keys.Enter:
		if i >= 0 {
			pg.selected = 0
			f.Player.Focus(pg.list[i].Number)
		}
		return nil
	case keys.Back, keys.Follow:
		pg.selected = 0
		if a == keys.Follow {
			f.Player.Follow()
		}
		return nil
	case keys.Copy:
		if j, _ := pg.shown(f); j != nil {
			return page.Send(page.CopyRequest{Text: strings.Join(ladder.Text(j, 0), "\n") + "\n"})
		}
		return nil
	case keys.Misses:
		pg.misses.open = !pg.misses.open
		return nil
	case keys.TraceThis:
		if j, _ := pg.shown(f); j != nil && j.Packet.Src.IsValid() {
			return page.Send(page.TraceRequest{Filter: like(j)})
		}
		return nil
	default:
		return nil
	}
	if n > 0 {
		pg.selected = pg.list[max(0, min(to, n-1))].Number
	}
	return nil
}

// like is a filter for more packets of the same kind.
func like(j *journey.Journey) string {
	p := &j.Packet
	s := p.Proto.String()
	if !p.Proto.Ports() && !p.Proto.ICMP() {
		s = ""
	}
	parts := []string{s, "src host " + p.Src.String(), "dst host " + p.Dst.String()}
	if p.Proto.Ports() && p.Transport {
		parts = append(parts, "dst port "+itoa(int(p.DPort)))
	}
	if s == "" {
		parts = parts[1:]
	}
	return strings.Join(parts, " and ")
}

// Click puts the cursor on a packet of the list.
func (pg *Page) Click(x, y int, f *page.Frame) tea.Cmd {
	pg.prepare(f)
	i := pg.first + y - pg.listY
	if y < pg.listY || y >= pg.listY+pg.listed || x >= pg.listW || i >= len(pg.list) {
		return nil
	}
	if pg.selected == pg.list[i].Number {
		return pg.Do(keys.Enter, f)
	}
	pg.selected = pg.list[i].Number
	return nil
}
