package ui

import (
	"errors"

	tea "charm.land/bubbletea/v2"

	"nfscope/model/filter"
)

// The answers to requests. id tells whether anybody still waits for it.
type (
	armedMsg struct {
		id     uint64
		filter string
		err    error
	}
	disarmedMsg struct {
		id  uint64
		err error
	}
)

// armable tells what is wrong with a filter for arming. Words that only the result
// of a trace can answer are refused here, not by the kernel later.
func armable(s string) error { return parse(s, filter.Packets) }

// ask runs a request outside of Update, one after the other and in their order.
func (m *Model) ask(what string, run func() tea.Msg) tea.Cmd {
	m.request++
	m.busy = what
	queue := m.queue
	return func() tea.Msg {
		queue <- struct{}{}
		defer func() { <-queue }()
		return run()
	}
}

// arm asks for a trace.
func (m *Model) arm(text string) tea.Cmd {
	if m.opt.Actions == nil {
		return m.complain("nothing can be traced here: this is " + m.what())
	}
	if text == "" {
		return m.complain("a trace needs a filter")
	}
	if err := armable(text); err != nil {
		return m.complain("this can't be traced: " + err.Error())
	}
	actions, id := m.opt.Actions, m.request+1
	return m.ask("arming "+text, func() tea.Msg { return armedMsg{id, text, actions.Arm(text)} })
}

// disarm asks for the end of the trace.
func (m *Model) disarm() tea.Cmd {
	if m.opt.Actions == nil || !m.latest.Trace.Armed && m.busy == "" {
		return m.say("no trace is armed")
	}
	actions, id := m.opt.Actions, m.request+1
	return m.ask("disarming", func() tea.Msg { return disarmedMsg{id, actions.Disarm()} })
}

// answered takes the answer to a request; a stale one is thrown away.
func (m *Model) answered(msg tea.Msg) tea.Cmd {
	switch a := msg.(type) {
	case armedMsg:
		if a.id != m.request {
			return nil
		}
		m.busy = ""
		if a.err != nil {
			return m.complain("the trace could not be armed: " + sentence(a.err))
		}
		return m.say("tracing " + a.filter + ": " + m.opt.Bounds)
	case disarmedMsg:
		if a.id != m.request {
			return nil
		}
		m.busy = ""
		if a.err != nil {
			return m.complain("the trace could not be ended: " + sentence(a.err))
		}
		return m.say("the trace has ended")
	}
	return nil
}

// sentence is an error's text, of joined errors the first's.
func sentence(err error) string {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) && len(joined.Unwrap()) > 0 {
		return joined.Unwrap()[0].Error()
	}
	return err.Error()
}
