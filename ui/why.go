package ui

import (
	"context"
	"fmt"

	tea "charm.land/bubbletea/v2"

	"nfscope/model/why"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/line"
	"nfscope/ui/component/overlay"
	"nfscope/ui/page"
	"nfscope/ui/speech"
	"nfscope/ui/theme"
)

// whyMsg is what is known of a flow: meanwhile, or at the end.
type whyMsg struct {
	id     uint64
	answer *why.Answer // nil where there is none
	over   bool
	err    error
	news   tea.Cmd // brings the next one, nil at the end
}

// whyBox shows what is known of a flow, while it is looked for and afterwards.
type whyBox struct {
	overlay.Text
	id     uint64
	filter string
	answer *why.Answer
	over   bool
	err    error
	// says is the language of what is said here, ladders that of its ladders; nil for English.
	says, ladders ladder.Say
	// stop ends the looking; after its end it does nothing.
	stop context.CancelFunc
}

// why looks for the packets of a filter, and opens the box that shows the answer.
func (m *Model) why(filter string) tea.Cmd {
	if m.opt.Why == nil || !m.traces() {
		return m.complain("nothing can be looked for here: this is " + m.what() + "; run `nfscope` on the host")
	}
	if err := armable(filter); err != nil {
		return m.complain("this can't be traced: " + err.Error())
	}
	ctx, stop := context.WithCancel(context.Background())
	id := m.request + 1
	// Of what is known meanwhile the newest only: the screen may be slower than the packets.
	meanwhile, last := make(chan whyMsg, 1), make(chan whyMsg, 1)
	tell := func(a *why.Answer) {
		select {
		case <-meanwhile:
		default:
		}
		meanwhile <- whyMsg{id: id, answer: a}
	}
	var news tea.Cmd
	news = func() tea.Msg {
		select {
		case x := <-meanwhile:
			x.news = news
			return x
		case x := <-last:
			return x
		}
	}
	lang := speech.In(m.frame().Language())
	b := &whyBox{id: id, filter: filter, stop: stop, says: m.answers.In(lang), ladders: m.ladders.In(lang)}
	b.Text = overlay.Text{Title: lang.WhyTitle(), Wide: 110, Lines: func(th *theme.Theme, w int) []string { return b.lines(th, w, int(m.left().Seconds())) }}
	m.open = b
	run := m.opt.Why
	start := m.ask("looking for "+filter, func() tea.Msg {
		defer stop()
		a, err := run(ctx, filter, tell)
		return whyMsg{id: id, answer: a, over: true, err: err}
	})
	return func() tea.Msg {
		go func() { last <- start().(whyMsg) }()
		return news()
	}
}

// answeredWhy takes what is known; what nobody waits for any more is thrown away.
func (m *Model) answeredWhy(x whyMsg) tea.Cmd {
	if x.over && x.id == m.request {
		m.busy = ""
	}
	if b, ok := m.open.(*whyBox); ok && b.id == x.id {
		b.over, b.err = x.over, x.err
		if x.answer != nil {
			b.answer = x.answer
		}
	}
	return x.news
}

// copy puts the sentence on the clipboard, as it is shown.
func (b *whyBox) copy() tea.Cmd {
	if b.answer == nil {
		return nil
	}
	return page.Send(page.CopyRequest{Text: b.says.Of(b.answer.Sentence)})
}

// lines draws the answer; left is how many seconds the trace goes on at most.
func (b *whyBox) lines(th *theme.Theme, w, left int) (out []string) {
	say := b.says.Of
	put := func(style func(...string) string, text string) {
		for _, l := range line.Wrap(line.Clean(text), w) {
			out = append(out, style(l))
		}
	}
	a := b.answer
	switch {
	case b.err != nil:
		put(th.Bad.Render, say("it could not be looked for: "+sentence(b.err)))
	case a == nil:
		put(th.Text.Render, say("looking for "+b.filter+", both directions"))
	default:
		style := th.Moving
		switch {
		case a.Dropped():
			style = th.Bad
		case a.Fine():
			style = th.Good
		}
		put(style.Render, say(a.Sentence))
		put(th.Text.Render, say(string(a.Confidence)+": "+a.Because))
	}
	switch {
	case !b.over && left == 0:
		put(th.Dim.Render, say("arming; esc ends it"))
		return out
	case !b.over:
		put(th.Dim.Render, say(fmt.Sprintf("still looking, %d s left at most; esc ends it", left)))
		return out
	}
	if a == nil {
		return out
	}
	out = append(out, "")
	for _, e := range a.Evidence {
		put(th.Text.Render, "- "+say(e))
	}
	if a.Do != "" {
		put(th.Strong.Render, "> "+say(a.Do))
	}
	for _, j := range a.Shown() {
		out = append(out, "")
		for _, l := range b.ladders.Text(j, w) {
			out = append(out, th.Text.Render(line.Clean(l)))
		}
	}
	return out
}
