package labs

import (
	"fmt"

	tea "charm.land/bubbletea/v2"

	"nfscope/model/snapshot"
	"nfscope/ui/component/line"
	"nfscope/ui/keys"
	"nfscope/ui/page"
)

// list is the list of labs.
type list struct {
	open    bool // over the lab that runs
	entries []snapshot.LabEntry
	asked   bool
	// chosen is the lab under the cursor, by name; want is the one to open, opening the one
	// that is being built, failed why one could not be.
	chosen, want, opening, failed string
}

type (
	listed []snapshot.LabEntry
	opened struct{ err error }
)

// Ask asks for the labs, or opens one.
func (p *Page) Ask(f *page.Frame) func() any {
	switch l := &p.list; {
	case p.opt.List == nil:
		return nil
	case !l.asked:
		l.asked = true
		return func() any { return listed(p.opt.List()) }
	case l.want != "":
		name := l.want
		l.opening, l.want, l.failed = name, "", ""
		return func() any { return opened{p.opt.Open(name)} }
	}
	return nil
}

// Answered takes the list, or how the opening went.
func (p *Page) Answered(answer any, f *page.Frame) {
	switch a := answer.(type) {
	case listed:
		p.list.entries = a
		if p.list.chosen == "" && len(a) > 0 {
			p.list.chosen = a[0].Name
			if f.Snap.Lab != nil {
				p.list.chosen = f.Snap.Lab.Name
			}
		}
	case opened:
		if a.err != nil {
			p.list.opening, p.list.failed = "", a.err.Error()
		}
	}
}

// index is the place of the lab under the cursor.
func (l *list) index() int {
	for i := range l.entries {
		if l.entries[i].Name == l.chosen {
			return i
		}
	}
	return 0
}

// doList carries out an action on the list.
func (p *Page) doList(a keys.Action, f *page.Frame) tea.Cmd {
	l := &p.list
	n := len(l.entries)
	if n == 0 || l.opening != "" {
		return nil
	}
	i := l.index()
	switch a {
	case keys.Down:
		i++
	case keys.Up:
		i--
	case keys.PageDown:
		i += 5
	case keys.PageUp:
		i -= 5
	case keys.Top:
		i = 0
	case keys.Bottom:
		i = n - 1
	case keys.Back:
		l.open = false
	case keys.GoOn, keys.Enter:
		switch e := l.entries[i]; {
		case f.Snap.Lab != nil && f.Snap.Lab.Name == e.Name:
			l.open = false
		case !e.Live && !e.Recorded:
			l.failed = e.Why
		default:
			l.want = e.Name
		}
		return nil
	}
	l.chosen = l.entries[min(max(i, 0), n-1)].Name
	return nil
}

// Hints are the keys for the steps; where no lab is there, nor a list, there are none.
func (p *Page) Hints() []keys.Action {
	if p.lab == "" && p.opt.List == nil {
		return []keys.Action{keys.NextPage, keys.Palette, keys.Quit}
	}
	return []keys.Action{keys.GoOn, keys.Down, keys.Up, keys.Pause, keys.StepOn, keys.StepBack, keys.Slower, keys.Lesson, keys.Back, keys.Zoom, keys.Quit}
}

// viewList draws the list.
func (p *Page) viewList(f *page.Frame) []string {
	th, say, l := f.Theme, p.speech(f), &p.list
	if p.opt.List == nil {
		return line.Block(indent(wrap(th.Text, say.NoLabs(), f.Width-2)), f.Width, f.Height, "")
	}
	out := []string{" " + th.Title.Render(say.Pick())}
	foot := []string{}
	at := l.index()
	if len(l.entries) > 0 {
		e := &l.entries[at]
		if e.Why != "" {
			foot = append(foot, wrap(th.Warn, line.Clean(say.Problem(e.Why)), f.Width-2)...)
		}
		for _, s := range e.Stands {
			foot = append(foot, wrap(th.Dim, line.Clean(s), f.Width-2)...)
		}
	}
	switch {
	case l.opening != "":
		foot = wrap(th.Moving, say.Building(l.opening), f.Width-2)
	case l.failed != "":
		foot = wrap(th.Bad, line.Clean(say.Problem(l.failed)), f.Width-2)
	}
	room := max(f.Height-len(out)-len(foot)-1, 1)
	from := 0
	if len(l.entries) > room {
		from = min(max(at-room/2, 0), len(l.entries)-room)
	}
	for i := from; i < min(len(l.entries), from+room); i++ {
		e := &l.entries[i]
		how, style := say.Runs(e.Live, e.Recorded), th.Warn
		if e.Live {
			style = th.Good
		}
		if f.Snap.Lab != nil && f.Snap.Lab.Name == e.Name {
			how, style = say.Running(), th.Moving
		}
		mark, text := "  ", th.Text
		if i == at {
			mark, text = th.Moving.Render(th.Glyphs.Hit)+" ", th.Selected
		}
		name := fmt.Sprintf("%-17s", e.Name)
		out = append(out, " "+mark+text.Render(name)+" "+style.Render(line.Fit(how, 9, ""))+" "+th.Dim.Render(line.Cut(line.Clean(e.Title), f.Width-32, th.Glyphs.Dots)))
	}
	for len(out) < f.Height-len(foot) {
		out = append(out, "")
	}
	return line.Block(append(out, indent(foot)...), f.Width, f.Height, th.Glyphs.Dots)
}
