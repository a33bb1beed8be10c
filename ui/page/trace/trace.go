// Package trace is the list of traced packets and the ladder of the selected one.
package trace

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/ui/component/canvas"
	"nfscope/ui/component/ladder"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/speech"
	"nfscope/ui/theme"
)

// Page is the Trace page. The zero value is not ready; use New.
type Page struct {
	palette *canvas.Palette
	theme   *theme.Theme
	canvas  canvas.Canvas
	// say is of the language of the lab that is shown.
	say     ladder.Say
	ladders speech.Ladders
	notices speech.Notices

	// selected is a journey's number, 0 while the selection goes with the player's focus.
	selected int

	// picked are the journeys of the snapshot that the page lists.
	picked

	mode    mode
	compare comparing
	// talk is a packet of the connection that is shown, nil while all are.
	talk  *journey.Journey
	strip strip
	// asked is what a text is being typed for.
	asked  request
	export Exporter
	logs   reading

	// first is the list's first row on the screen, in the frame before; listed how many
	// rows it had, listY where they began.
	first, listed, listY, listW int
	// stripX, stripY are where the timeline stands, stripY -1 while it does not.
	stripX, stripY int
	// zoomed is true while the ladder has the whole page.
	zoomed bool

	misses misses
}

// mode is what the page shows beside the list.
type mode int

const (
	single    mode = iota // the ladder of one packet
	comparers             // two packets, row by row
	talking               // the packets of a connection, request and reply side by side
	logging               // what the user's rules log
)

// Options are what a page can do that needs the session; the zero value can do nothing.
type Options struct {
	// Export writes files; nil where nobody can.
	Export Exporter
	// Logs reads what rules log; nil where nobody can.
	Logs Logs
}

// New makes a page that only shows.
func New() *Page { return NewLive(Options{}) }

// NewLive makes a page.
func NewLive(o Options) *Page { return &Page{export: o.Export, logs: reading{from: o.Logs}} }

// Name is the word in the tab bar.
func (*Page) Name() string { return "Trace" }

// ShowJourney puts the cursor on a journey, by its number, and shows it from its start.
func (pg *Page) ShowJourney(number int, f *page.Frame) {
	pg.leave()
	pg.selected = number
	f.Player.Focus(number)
}

// Deep reports whether Back has something to leave: a view, a selection of its own.
func (pg *Page) Deep() bool { return pg.selected != 0 || pg.mode != single }

// leave goes back to the ladder of one packet.
func (pg *Page) leave() { pg.mode, pg.talk = single, nil }

func (pg *Page) prepare(f *page.Frame) {
	if pg.theme != f.Theme {
		pg.theme, pg.palette = f.Theme, canvas.NewPalette(f.Theme)
	}
	pg.say = pg.ladders.In(speech.In(f.Language()))
	if pg.sync(f, pg.talk) {
		pg.strip.stale = true
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
	i, ok := find(pg.list, n)
	if ok {
		return i
	}
	if len(pg.list) > 0 && (pg.selected == 0 || pg.narrowed()) { // what was selected is filtered out
		return len(pg.list) - 1
	}
	return -1
}

// narrowed reports whether journeys may be left out of the list.
func (pg *Page) narrowed() bool { return pg.filter != nil || pg.talk != nil }

// shown is the journey whose ladder is drawn, and the step it stands at.
func (pg *Page) shown(f *page.Frame) (*journey.Journey, int) {
	fj, step := f.Player.Focused()
	i := pg.at(f)
	if i < 0 {
		if !pg.narrowed() && (pg.selected == 0 || fj != nil && fj.Number == pg.selected) {
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
	if pg.mode == logging {
		return pg.doLogs(a, f)
	}
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
	case keys.Back:
		if pg.mode != single {
			pg.leave()
		} else {
			pg.selected = 0
		}
		return nil
	case keys.Follow:
		pg.selected = 0
		f.Player.Follow()
		return nil
	case keys.ScrubBack, keys.ScrubOn:
		if i = pg.scrub(i, a == keys.ScrubOn); i < 0 {
			return nil
		}
		to = i
	case keys.Mark:
		return pg.mark(f)
	case keys.Compare:
		return pg.compareShown(f)
	case keys.Talk:
		return pg.converse(f)
	case keys.Logs:
		return pg.askLogs(f)
	case keys.Export, keys.ExportAll:
		return pg.askFile(f, a == keys.ExportAll)
	case keys.Copy:
		if j, _ := pg.shown(f); j != nil {
			return page.Send(page.CopyRequest{Text: strings.Join(pg.say.Text(j, 0), "\n") + "\n"})
		}
		return nil
	case keys.Misses:
		pg.misses.open = !pg.misses.open
		return nil
	case keys.TraceThis:
		if j, _ := pg.shown(f); j != nil && j.Packet.Src.IsValid() {
			return page.Send(page.TraceRequest{Filter: like(&j.Packet)})
		}
		return nil
	case keys.Why:
		if j, _ := pg.shown(f); j != nil && j.Packet.Src.IsValid() {
			return page.Send(page.WhyRequest{Filter: like(&j.Packet)})
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
func like(p *model.Packet) string {
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
	if pg.stripY >= 0 && y >= pg.stripY {
		if at := pg.strip.At(x - pg.stripX); at >= 0 {
			pg.selected = pg.list[at].Number
		}
		return nil
	}
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
