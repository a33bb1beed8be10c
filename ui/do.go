package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/ui/component/filterbar"
	"nfscope/ui/component/help"
	"nfscope/ui/component/line"
	"nfscope/ui/component/markdown"
	"nfscope/ui/component/overlay"
	"nfscope/ui/component/palette"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// key takes a key: an open bar or box gets it, else the keymap says what it means.
func (m *Model) key(k tea.KeyPressMsg) tea.Cmd {
	s := k.String()
	if s == "ctrl+c" {
		return tea.Quit
	}
	switch {
	case m.bar != nil:
		switch s {
		case "esc":
			m.bar = nil
		case "enter":
			return m.accept()
		default:
			m.type_(k)
		}
		return nil
	case m.open != nil:
		return m.boxKey(k, s)
	}
	return m.do(keys.Lookup(m.name(), s))
}

// type_ gives a key or a paste to what is open.
func (m *Model) type_(msg tea.Msg) {
	switch {
	case m.bar != nil:
		m.bar.Update(msg)
	case m.open != nil:
		m.open.Update(msg)
	}
}

func (m *Model) boxKey(k tea.KeyPressMsg, s string) tea.Cmd {
	if s == "esc" {
		if b, ok := m.open.(*whyBox); ok {
			b.stop()
		}
		m.open = nil
		return nil
	}
	switch b := m.open.(type) {
	case *whyBox:
		switch keys.Lookup(m.name(), s) {
		case keys.Quit, keys.Enter:
			b.stop()
			m.open = nil
			return nil
		case keys.Copy:
			return b.copy()
		}
	case *palette.Palette:
		if s == "enter" {
			m.open = nil
			if it, ok := b.Chosen(); ok {
				return m.do(it.Action)
			}
			return nil
		}
	case *overlay.Ask:
		switch s {
		case "y", "Y":
			m.open = nil
			return b.Answer
		case "n", "N", "q", "enter":
			m.open = nil
		}
		return nil
	case *overlay.Text:
		switch keys.Lookup(m.name(), s) {
		case keys.Quit, keys.Enter, keys.Back, keys.Lesson, keys.Problems:
			m.open = nil
			return nil
		}
	case *help.Help:
		if s == "enter" {
			m.open = nil
			return nil
		}
	}
	m.open.Update(k)
	return nil
}

// do carries out an action: the root's own, or the page's.
func (m *Model) do(a keys.Action) tea.Cmd {
	n := max(1, len(m.opt.Pages))
	switch a {
	case "":
		return nil
	case keys.Page1, keys.Page2, keys.Page3, keys.Page4, keys.Page5, keys.Page6:
		if i := int(a[len(a)-1] - '1'); i < n {
			m.at = i
		}
	case keys.Quit:
		return tea.Quit
	case keys.NextPage:
		m.at = (m.at + 1) % n
	case keys.PrevPage:
		m.at = (m.at + n - 1) % n
	case keys.Filter:
		valid, free := check(m.page())
		m.bar = filterbar.New(filterbar.Narrow, m.name(), m.filters[m.name()], valid)
		m.bar.Free, m.bar.Words, m.bar.Note, m.bar.Say = free, m.words, note, m.overlay()
	case keys.Palette:
		m.open = palette.New(palette.Items(m.name(), m.overlay()), m.overlay())
	case keys.Help:
		m.open = help.New(m.name(), m.overlay())
	case keys.Pause:
		if p, ok := m.page().(page.Pauser); ok {
			p.Pause(m.frame())
			return nil
		}
		m.player.Toggle()
		if !m.player.Paused() {
			m.snap = m.latest
		}
		m.follow(a)
	case keys.StepOn, keys.StepBack:
		on := a == keys.StepOn
		if p, ok := m.page().(page.Stepper); ok && p.Step(on, m.frame()) {
			return nil
		}
		m.player.Step(map[bool]int{true: 1, false: -1}[on])
		m.follow(a)
	case keys.Slower:
		m.player.Slower()
		m.follow(a)
	case keys.Faster:
		m.player.Faster()
		m.follow(a)
	case keys.SkipBack, keys.SkipOn, keys.Earlier, keys.Later, keys.ToStart, keys.ToEnd:
		return m.carry(a)
	case keys.Follow:
		m.player.Follow()
		return m.pass(a)
	case keys.Zoom:
		m.zoomed = !m.zoomed
	case keys.Mouse:
		m.mouse = !m.mouse
		if m.mouse {
			return m.say("mouse on; hold shift to select text")
		}
		return m.say("mouse off")
	case keys.Arm:
		return m.openArm(m.latest.Trace.Filter, m.latest.Trace.Both)
	case keys.Disarm:
		return m.disarm()
	case keys.Lesson:
		return m.lesson()
	case keys.Problems:
		return m.problems()
	case keys.Back:
		return m.back()
	default:
		return m.pass(a)
	}
	return nil
}

// pass gives an action to the page.
func (m *Model) pass(a keys.Action) tea.Cmd {
	if p := m.page(); p != nil {
		return p.Do(a, m.frame())
	}
	return nil
}

// back leads out of what the page is in; then it clears the filter.
func (m *Model) back() tea.Cmd {
	d, ok := m.page().(page.Deep)
	if m.filters[m.name()] != "" && (!ok || !d.Deep()) {
		delete(m.filters, m.name())
		return m.say("filter cleared")
	}
	return m.pass(keys.Back)
}

// accept takes what was typed into the bar.
func (m *Model) accept() tea.Cmd {
	b := m.bar
	if err := b.Err(); err != nil {
		return nil // the bar says what is wrong
	}
	m.bar = nil
	if b.Kind == filterbar.Text {
		if p, ok := m.page().(page.Taker); ok && b.Value() != "" {
			return p.Take(b.Value(), m.frame())
		}
		return nil
	}
	if b.Kind == filterbar.Arm {
		return m.arm(b.Value(), b.Both)
	}
	if b.Value() == "" {
		delete(m.filters, b.Page)
	} else {
		m.filters[b.Page] = b.Value()
	}
	return nil
}

// openArm opens the bar where a trace is armed, with a text to begin with.
func (m *Model) openArm(text string, both bool) tea.Cmd {
	if !m.traces() {
		return m.complain("nothing can be traced here: this is " + m.what() + "; run `nfscope` on the host")
	}
	m.bar = filterbar.New(filterbar.Arm, m.name(), text, armable)
	m.bar.Bounds, m.bar.Words, m.bar.Note, m.bar.Split, m.bar.Both, m.bar.Say = m.opt.Bounds, m.words, note, split, both, m.overlay()
	return nil
}

// traces is true where packets can be traced.
func (m *Model) traces() bool { return m.opt.Actions != nil && !m.latest.Fixed() }

// openText opens the bar where a text for the page is typed.
func (m *Model) openText(r page.TypeRequest) {
	m.bar = filterbar.New(filterbar.Text, m.name(), r.Text, func(string) error { return nil })
	m.bar.Prompt, m.bar.Hint, m.bar.Why = m.tell(r.Prompt), m.tell(r.Hint), m.tell(r.Says)
}

// what names the source in a sentence.
func (m *Model) what() string {
	s := m.latest.Source
	kind, rest, named := strings.Cut(s, " ")
	switch {
	case m.latest.Replay != nil || s == "":
		return "a recording"
	case kind == "recording:":
		return "a recording: " + rest
	case named: // "recording a.nfs", "file rules.v4", "lab snat"
		return "the " + s
	}
	return s
}

func (m *Model) lesson() tea.Cmd {
	lab := m.latest.Lab
	if lab == nil {
		return m.say("no lab is running: a lesson belongs to a lab (nfscope demo)")
	}
	m.open = &overlay.Text{Title: lab.Title, Wide: 76, Lines: func(th *theme.Theme, w int) []string {
		lab := m.latest.Lab
		if lab == nil {
			return nil
		}
		out := markdown.Lines(th, lab.Lesson, w)
		if len(lab.Steps) == 0 {
			return out
		}
		out = append(out, "", th.Title.Render(m.tell("What happens")))
		for i, s := range lab.Steps {
			mark, style := "  ", th.Text
			switch {
			case i < lab.Current:
				mark = th.Good.Render(th.Glyphs.Passed) + " "
			case i == lab.Current:
				mark, style = th.Moving.Render(th.Glyphs.Hit)+" ", th.Strong
			default:
				style = th.Dim
			}
			title := line.Clean(s.Title)
			if s.Result != "" {
				title += ": " + line.Clean(s.Result)
			}
			for k, l := range line.Wrap(title, w-2) {
				if k > 0 {
					mark = "  "
				}
				out = append(out, mark+style.Render(l))
			}
			if i == lab.Current && s.Asks != "" {
				for _, l := range line.Wrap(line.Clean(s.Asks), w-2) {
					out = append(out, "  "+th.Accent.Render(l))
				}
			}
			if i < lab.Current && s.Says != "" {
				for _, l := range line.Wrap(line.Clean(s.Says), w-2) {
					out = append(out, "  "+th.Dim.Render(l))
				}
			}
		}
		return out
	}}
	return nil
}

func (m *Model) problems() tea.Cmd {
	if len(m.latest.Problems) == 0 && len(m.latest.Trace.Notes) == 0 {
		return m.say("nothing is known not to work")
	}
	m.open = &overlay.Text{Title: m.tell("what does not work here"), Wide: 90, Lines: func(th *theme.Theme, w int) []string {
		var out []string
		for _, p := range append(append([]string(nil), m.latest.Problems...), m.latest.Trace.Notes...) {
			for i, l := range line.Wrap(line.Clean(m.trouble(m.latest, strings.TrimSpace(p))), w-2) {
				mark := "  "
				if i == 0 {
					mark = th.Warn.Render("!") + " "
				}
				out = append(out, mark+l)
			}
		}
		return out
	}}
	return nil
}
