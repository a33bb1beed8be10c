package ui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"nfscope/model"
	"nfscope/ui/component/line"
	"nfscope/ui/component/overlay"
	"nfscope/ui/component/progress"
	"nfscope/ui/component/status"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/speech"
)

// The smallest screen that shows a page.
const minWidth, minHeight = 40, 12

// roomy is the height from which a rule line parts the head from the page.
const roomy = 20

// areas tells at which line the page begins and how high it is.
func (m *Model) areas() (top, height int) {
	top = 3
	if m.height >= roomy {
		top++
	}
	foot := 1
	if m.bar != nil {
		foot = 2
	}
	return top, max(0, m.height-top-foot)
}

// View draws the screen.
func (m *Model) View() tea.View {
	v := tea.NewView(strings.Join(m.Lines(), "\n"))
	v.AltScreen = true
	v.WindowTitle = "nfscope"
	if m.mouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	return v
}

// Lines draws the screen as exactly as many lines as it is high, each exactly as
// wide as it is wide.
func (m *Model) Lines() []string {
	w, h := m.width, m.height
	if w <= 0 || h <= 0 {
		return nil
	}
	if w < minWidth || h < minHeight {
		return m.small()
	}
	out := make([]string, 0, h)
	out = append(out, m.header(), m.tabs(), m.sentence())
	if h >= roomy {
		out = append(out, m.th.Border.Render(strings.Repeat(m.th.Glyphs.H, w)))
	}
	f := m.frame()
	if p := m.page(); p != nil {
		out = append(out, line.Block(strings.Split(p.View(f), "\n"), w, f.Height, m.th.Glyphs.Dots)...)
	} else {
		out = append(out, line.Block(nil, w, f.Height, "")...)
	}
	if m.bar != nil {
		out = append(out, m.bar.View(m.th, w)...)
	} else {
		out = append(out, m.bottom())
	}
	if m.open != nil {
		out = overlay.Center(out, m.open.View(m.th, w, h), w)
	}
	return out
}

// small is the one sentence of a screen too small for a page.
func (m *Model) small() []string {
	s := m.speech().Small(minWidth, minHeight, m.width, m.height)
	lines := line.Wrap(s, m.width)
	if len(lines) > m.height {
		lines = line.Wrap(m.speech().Smaller(minWidth, minHeight), m.width)
	}
	return line.Block(lines, m.width, m.height, "")
}

// speech is the language of what the screen says.
func (m *Model) speech() speech.Speech { return speech.In(m.frame().Language()) }

func (m *Model) header() string {
	s := m.latest
	h := status.Header{Netns: s.Netns, Armed: s.Trace.Armed, Filter: ways(s.Trace.Filter, s.Trace.Both), Left: m.left(), Rate: s.Trace.Rate,
		Held: s.Trace.Held, Lost: s.Loss.Total(), Gaps: s.Loss.Gaps, Events: s.EventsPerSecond,
		Recording: s.Recording != "", Paused: m.player.Paused(), Speed: m.player.Speed(), Ended: s.Ended}
	if s.Source != "live" {
		h.Source = s.Source
	}
	if of, ok := strings.CutPrefix(s.Source, "recording"); ok {
		h.Replay, h.Source = true, strings.TrimPrefix(of, ": ")
	}
	if s.Replay != nil {
		h.Replay, h.Speed = true, s.Replay.Speed
		h.Place, h.Part = place(s)
	}
	if h.Paused {
		h.Waiting = m.player.Waiting()
	}
	h.Reading, h.Stale = progress.Word(s, m.clock())
	if rs := s.Shown(); rs != nil {
		h.CountedBy = rs.CountedBy
		seen := map[model.Backend]bool{}
		for _, t := range rs.Tables {
			seen[t.Backend] = true
		}
		for _, b := range []model.Backend{model.BackendLegacy, model.BackendIptablesNFT, model.BackendNFTables} {
			if seen[b] {
				h.Backends = append(h.Backends, b)
			}
		}
	}
	return h.View(m.th, m.width)
}

func (m *Model) names() []string {
	var names []string
	for _, p := range m.opt.Pages {
		names = append(names, p.Name())
	}
	return names
}

func (m *Model) tabs() string {
	right, style := "", m.th.Dim
	_, says := m.page().(page.Sayer) // it tells itself where in the lab it is
	switch lab := m.latest.Lab; {
	case m.filters[m.name()] != "":
		right, style = m.speech().Only(m.filters[m.name()]), m.th.Accent
	case says:
	case lab != nil && lab.Current < len(lab.Steps):
		right = fmt.Sprintf("%d/%d %s", lab.Current+1, len(lab.Steps), lab.Steps[lab.Current].Title)
	case lab != nil:
		right = m.speech().Lesson(lab.Title)
	}
	return status.Tabs(m.th, m.width, m.names(), m.at, right, style)
}

// tabAt is the page whose tab stands at column x, the page shown where there is none.
func (m *Model) tabAt(x int) int {
	if i := status.TabAt(m.width, m.names(), m.at, x); i >= 0 {
		return i
	}
	return m.at
}

// sentence is the line that answers: what became of the packet in focus.
func (m *Model) sentence() string {
	if p, ok := m.page().(page.Sayer); ok {
		return m.th.Dim.Render(line.Fit(" "+line.Clean(p.Says(m.frame())), m.width, m.th.Glyphs.Dots))
	}
	j, _ := m.player.Focused()
	if n := len(m.snap.Journeys); j == nil && n > 0 {
		j = m.snap.Journeys[n-1]
	}
	if j == nil {
		return m.th.Dim.Render(line.Fit(" "+line.Clean(m.tell(m.idle())), m.width, m.th.Glyphs.Dots))
	}
	glyph, style := m.th.Fate(j.Outcome.Verdict)
	says := j.Outcome.Sentence
	if says == "" {
		glyph, style, says = m.th.Glyphs.Packet, m.th.Moving, "on its way"
	}
	says = m.ladders.In(speech.In(m.frame().Language())).Of(says)
	// Its number always: on the page Trace another packet may be selected.
	number, gap := fmt.Sprintf("#%d", j.Number), " "
	who := number
	if full := number + " " + j.Packet.String(); m.width-3-line.Width(full)-3 >= min(line.Width(says), 60) {
		who, gap = full, "   "
	}
	head := " " + style.Render(glyph) + " " + m.th.Dim.Render(line.Clean(who)) + gap
	room := m.width - 3 - line.Width(who) - len(gap)
	return line.Fit(head+style.Render(line.Cut(line.Clean(says), room, m.th.Glyphs.Dots)), m.width, "")
}

// idle is what the sentence line says while no packet was traced.
func (m *Model) idle() string {
	switch s := m.latest; {
	case m.busy != "":
		return m.busy
	case s.Trace.Armed:
		return "waiting for a packet that matches: " + ways(s.Trace.Filter, s.Trace.Both)
	case s.Ended:
		return "the source has ended; no packet was traced"
	case !m.traces():
		return "no packet was traced yet"
	}
	return "no packet was traced yet: press a to arm a trace"
}

// bottom is the last line: a message, or what can be done.
func (m *Model) bottom() string {
	if m.said.text != "" {
		style := m.th.Strong
		if m.said.bad {
			style = m.th.Bad
		}
		return style.Render(line.Fit(" "+line.Clean(m.tell(m.said.text)), m.width, m.th.Glyphs.Dots))
	}
	right, style := "? help", m.th.Dim
	if n := len(m.latest.Problems); n > 0 {
		right, style = "! "+m.speech().Problems(n), m.th.Warn
	}
	if m.busy != "" {
		right, style = line.Clean(m.tell(m.busy))+m.th.Glyphs.Dots, m.th.Moving
	}
	return status.Hints(m.th, m.width, m.name(), m.hints(), right, style)
}

// hints are the actions worth naming now, most wanted first.
func (m *Model) hints() []keys.Action {
	var out []keys.Action
	now := m.traces()
	if m.latest.Trace.Armed {
		out = append(out, keys.Pause, keys.StepOn)
	}
	switch {
	case now && m.latest.Trace.Armed:
		out = append(out, keys.Disarm)
	case now:
		out = append(out, keys.Arm)
	}
	switch m.name() {
	case "Rules":
		out = append(out, keys.Enter, keys.Filter, keys.NeverHit, keys.Callers, keys.Hottest, keys.Baseline)
	case "Connections":
		out = append(out, keys.Why, keys.TraceThis, keys.Sort)
	case "Drops":
		out = append(out, keys.Enter, keys.Why, keys.TraceThis, keys.Sort, keys.Usual)
	case "Labs":
		if h, ok := m.page().(page.Hinter); ok {
			return h.Hints()
		}
	default:
		if h, ok := m.page().(page.Hinter); ok {
			out = append(out, h.Hints()...)
			break
		}
		out = append(out, keys.Enter, keys.Follow)
	}
	if m.latest.Replay != nil {
		out = append(out, keys.SkipBack, keys.SkipOn, keys.Later)
	}
	if m.latest.Lab != nil {
		out = append(out, keys.Lesson)
	}
	if m.name() != "Rules" {
		out = append(out, keys.Filter)
	}
	out = append(out, keys.Palette, keys.Copy)
	if !m.latest.Trace.Armed && len(m.snap.Journeys) > 0 {
		out = append(out, keys.Pause, keys.StepOn)
	}
	out = append(out, keys.Zoom, keys.Quit)
	return slices.DeleteFunc(out, func(a keys.Action) bool { // nothing is named that would only say that it cannot be done
		return a == keys.TraceThis && !now || a == keys.Why && (!now || m.opt.Why == nil)
	})
}
