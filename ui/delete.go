package ui

import (
	tea "charm.land/bubbletea/v2"

	"nfscope/model/flow"
	"nfscope/ui/component/overlay"
	"nfscope/ui/page"
)

// deletedMsg is the answer to a deletion.
type deletedMsg struct {
	line string
	err  error
}

// askDelete asks whether an entry shall be deleted. Nothing is deleted without a yes.
func (m *Model) askDelete(r page.DeleteRequest) tea.Cmd {
	switch {
	case m.opt.Actions == nil || m.latest.Ended:
		return m.complain("nothing can be deleted here: this is " + m.what())
	case m.opt.Delete == nil:
		return m.complain("this is read-only: nfscope --readonly=false lets you delete connections")
	case !r.Flow.Gone.IsZero():
		return m.say("it is gone already")
	}
	m.open = &overlay.Ask{Say: m.overlay(), Title: m.tell("delete this connection?"), Yes: m.tell("delete it"), Text: []string{
		r.Flow.Orig.Tuple.Proto.String() + " " + r.Flow.Line(),
		m.tell("Its entry is taken out of conntrack's table. The next packet of it is a new connection's: the rules decide anew, its translation may be another, " +
			"and where it is in the middle of a TCP connection it may be INVALID and die."),
	}, Answer: func() tea.Msg { return confirmedDelete{r.Flow} }}
	return nil
}

// confirmedDelete says that the user said yes.
type confirmedDelete struct{ flow *flow.Flow }

// delete carries the deletion out, beside the screen.
func (m *Model) delete(f *flow.Flow) tea.Cmd {
	run, text := m.opt.Delete, f.Orig.Tuple.Proto.String()+" "+f.Line()
	return func() tea.Msg { return deletedMsg{text, run(f)} }
}

func (m *Model) deleted(d deletedMsg) tea.Cmd {
	if d.err != nil {
		return m.complain("not deleted: " + sentence(d.err))
	}
	return m.say("deleted: " + d.line)
}
