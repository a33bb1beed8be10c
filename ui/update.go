package ui

import (
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"nfscope/model/snapshot"
	"nfscope/ui/component/ladder"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/speech"
	"nfscope/ui/theme"
)

// The messages of the screen's own clocks.
type (
	frameMsg  struct{}
	secondMsg struct{}
	forgetMsg struct{ id int }
)

// answeredMsg brings the answer to a page's question.
type answeredMsg struct {
	page   page.Asker
	answer any
}

// workedMsg brings the answer of a page's piece of work.
type workedMsg struct {
	page   page.Worker
	answer any
}

// Update takes one message. It does no I/O: what may block runs in a command.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := m.take(msg)
	m.look()
	return m, tea.Batch(cmd, m.wake())
}

func (m *Model) take(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = max(0, msg.Width), max(0, msg.Height)
	case tea.BackgroundColorMsg:
		m.opt.Theme.Dark = msg.IsDark()
		m.th = theme.New(m.opt.Theme)
	case tea.ColorProfileMsg:
		if msg.Profile <= colorprofile.ASCII { // no colours: selection must show by other means
			m.opt.Theme.Color = false
			m.th = theme.New(m.opt.Theme)
		}
	case SnapshotMsg:
		return m.swap(msg.Snapshot)
	case frameMsg:
		m.ticking = false
		now := m.now()
		m.player.Advance(now.Sub(m.last))
		if p, ok := m.page().(page.Mover); ok {
			p.Move(now.Sub(m.last), m.frame())
		}
		m.last = now
	case secondMsg:
		m.seconds = false
	case forgetMsg:
		if msg.id == m.said.id {
			m.said.text = ""
		}
	case workedMsg:
		p, _ := msg.page.(page.Page)
		msg.page.Done(msg.answer, m.frameOf(p))
	case answeredMsg:
		p, _ := msg.page.(page.Page)
		msg.page.Answered(msg.answer, m.frameOf(p))
	case armedMsg, disarmedMsg:
		return m.answered(msg)
	case tea.KeyPressMsg:
		return m.key(msg)
	case tea.PasteMsg:
		m.type_(msg)
	case tea.MouseMsg:
		return m.click(msg)
	case page.TraceRequest:
		return m.arm(msg.Filter, true)
	case page.WhyRequest:
		return m.why(msg.Filter)
	case whyMsg:
		return m.answeredWhy(msg)
	case page.ArmRequest:
		if cmd := m.openArm(msg.Filter, msg.Both); cmd != nil {
			return cmd
		}
		m.bar.Why = m.tell(msg.Why)
	case page.DeleteRequest:
		return m.askDelete(msg)
	case confirmedDelete:
		return m.delete(msg.flow)
	case deletedMsg:
		return m.deleted(msg)
	case page.FilterRequest:
		return m.gotoFilter(msg)
	case page.TypeRequest:
		m.openText(msg)
	case page.CopyRequest:
		return tea.Batch(tea.SetClipboard(msg.Text), m.say("copied: "+msg.Text))
	case page.Say:
		if msg.Bad {
			return m.complain(msg.Text)
		}
		return m.say(msg.Text)
	case page.GotoRule:
		return m.gotoRule(msg.RuleID)
	case page.GotoJourney:
		return m.gotoJourney(msg.Number)
	}
	return nil
}

// swap takes a new snapshot. While paused the pages keep the old one.
func (m *Model) swap(s *snapshot.Snapshot) tea.Cmd {
	if s == nil {
		return nil
	}
	var cmd tea.Cmd
	if n, old := len(s.Problems), len(m.latest.Problems); n > old {
		cmd = m.complain(s.Problems[n-1])
	}
	if s.Rules != m.latest.Rules {
		for i, p := range m.opt.Pages {
			if r, ok := p.(page.Rester); ok && i != m.at {
				r.Rest()
			}
		}
	}
	gone := jumped(m.latest, s)
	m.latest, m.got = s, m.now()
	if gone {
		m.player.Jump(s.Journeys)
	} else {
		m.player.Feed(s.Journeys)
	}
	if !m.player.Paused() || gone {
		m.snap = s
	}
	return cmd
}

// wake starts the clocks that are needed and not running: frames while something
// moves, seconds while a trace counts down; and the work that the page has.
func (m *Model) wake() tea.Cmd {
	var cmds []tea.Cmd
	if !m.ticking && m.moving() {
		m.ticking = true
		if now := m.now(); now.Sub(m.last) > 2*tick {
			m.last = now // the clock stood still; the pause is no time of the animation
		}
		cmds = append(cmds, m.after(tick, frameMsg{}))
	}
	if !m.seconds && m.latest.Trace.Armed && m.left() > 0 {
		m.seconds = true
		wait := m.left()%time.Second + 5*time.Millisecond
		cmds = append(cmds, m.after(wait, secondMsg{}))
	}
	if w, ok := m.page().(page.Worker); ok {
		if run := w.Work(m.frame()); run != nil {
			cmds = append(cmds, func() tea.Msg { return workedMsg{w, run()} })
		}
	}
	if a, ok := m.page().(page.Asker); ok {
		f := m.frame()
		for run := a.Ask(f); run != nil; run = a.Ask(f) {
			cmds = append(cmds, func() tea.Msg { return answeredMsg{a, run()} })
		}
	}
	return tea.Batch(cmds...)
}

// moving reports whether time changes anything of what is shown.
func (m *Model) moving() bool {
	if p, ok := m.page().(page.Mover); ok && p.Moving(m.frame()) {
		return true
	}
	return m.player.Moving()
}

// say shows a sentence for a while.
func (m *Model) say(text string) tea.Cmd {
	m.said = message{text: text, id: m.said.id + 1}
	return m.after(messageTime, forgetMsg{m.said.id})
}

// trouble is a problem of a snapshot in the language of what that shows.
func (m *Model) trouble(s *snapshot.Snapshot, problem string) string {
	f := page.Frame{Snap: s, Lang: m.opt.Lang}
	return m.notices.In(speech.In(f.Language())).Of(problem)
}

// tell is a sentence of the screen's own in the language of explanations.
func (m *Model) tell(text string) string {
	return m.notices.In(speech.In(m.frame().Language())).Of(text)
}

// overlay is the language of overlays and of the bar.
func (m *Model) overlay() ladder.Say { return m.overlays.In(speech.In(m.frame().Language())) }

// complain is say for what went wrong.
func (m *Model) complain(text string) tea.Cmd {
	cmd := m.say(text)
	m.said.bad = true
	return cmd
}

func (m *Model) gotoRule(id int) tea.Cmd {
	for i, p := range m.opt.Pages {
		if s, ok := p.(page.RuleShower); ok {
			m.at = i
			s.ShowRule(id, m.frame())
			return nil
		}
	}
	return nil
}

// gotoFilter shows a page with a filter.
func (m *Model) gotoFilter(r page.FilterRequest) tea.Cmd {
	for i, p := range m.opt.Pages {
		if p.Name() != r.Page {
			continue
		}
		valid, free := check(p)
		if err := valid(r.Filter); err != nil && !free {
			return m.complain(err.Error())
		}
		m.at = i
		m.filters[r.Page] = r.Filter
		if r.Says != "" {
			return m.say(r.Says)
		}
		return nil
	}
	return nil
}

func (m *Model) gotoJourney(number int) tea.Cmd {
	m.player.Focus(number)
	for i, p := range m.opt.Pages {
		s, ok := p.(page.JourneyShower)
		if ok || p.Name() == "Trace" {
			m.at = i
			if ok {
				s.ShowJourney(number, m.frame())
			}
			return nil
		}
	}
	return nil
}

// click takes the mouse: tabs, the page, the wheel.
func (m *Model) click(msg tea.MouseMsg) tea.Cmd {
	p := m.page()
	if m.open != nil || m.bar != nil || p == nil {
		return nil
	}
	ev := msg.Mouse()
	top, height := m.areas()
	switch msg.(type) {
	case tea.MouseWheelMsg:
		a := keys.Down
		if ev.Button == tea.MouseWheelUp {
			a = keys.Up
		}
		f := m.frame()
		return tea.Batch(p.Do(a, f), p.Do(a, f), p.Do(a, f))
	case tea.MouseClickMsg:
		if ev.Button != tea.MouseLeft {
			return nil
		}
		if c, ok := p.(page.Clicker); ok && ev.Y >= top && ev.Y < top+height {
			return c.Click(ev.X, ev.Y-top, m.frame())
		}
		if ev.Y == 1 {
			m.at = m.tabAt(ev.X)
		}
	}
	return nil
}
