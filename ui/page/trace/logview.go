package trace

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/model/filter"
	"nfscope/model/logline"
	"nfscope/ui/component/canvas"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/line"
	"nfscope/ui/component/units"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/speech"
)

// shownLine is a line of the log as the filter lets it through, with its number from 1.
type shownLine struct {
	number uint64
	*logline.Line
}

// logLines are the lines that are listed; why is what keeps the filter from being used.
func (pg *Page) logLines(f *page.Frame) (out []shownLine, why string) {
	var fl *filter.Filter
	if f.Filter != "" {
		var err error
		if fl, err = filter.Parse(f.Filter); err == nil {
			err = fl.Check(filter.Packets)
		}
		if err != nil {
			fl, why = nil, "the filter is not used: "+err.Error()
		}
	}
	r := &pg.logs
	for i := range r.lines {
		l := &r.lines[i]
		if fl == nil || l.Packet != nil && fl.Packet(l.Packet, l.In, l.Out) == filter.Yes {
			out = append(out, shownLine{r.forgotten + uint64(i) + 1, l})
		}
	}
	return out, why
}

// lineAt is the place of the selected line, or of the one that took its place; -1 where
// there is none.
func (pg *Page) lineAt(list []shownLine) int {
	if pg.logs.selected > 0 {
		for i := range list {
			if list[i].number >= pg.logs.selected {
				return i
			}
		}
	}
	return len(list) - 1
}

// doLogs carries out an action on the lines.
func (pg *Page) doLogs(a keys.Action, f *page.Frame) tea.Cmd {
	list, _ := pg.logLines(f)
	at := pg.lineAt(list)
	to := at
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
	case keys.Bottom, keys.Follow:
		pg.logs.selected = 0
		return nil
	case keys.Logs:
		pg.leave()
		return nil
	case keys.Back:
		return pg.stopLogs()
	case keys.Enter:
		if at >= 0 {
			pg.logs.know(f)
			if c := list[at].Candidates(pg.logs.rules); len(c) > 0 {
				return page.Send(page.GotoRule{RuleID: c[0].Rule.ID})
			}
		}
		return nil
	case keys.TraceThis:
		if at >= 0 && list[at].Packet != nil {
			return page.Send(page.TraceRequest{Filter: like(list[at].Packet)})
		}
		return nil
	case keys.Copy:
		if at >= 0 {
			return page.Send(page.CopyRequest{Text: pg.lineWords(list[at].Line) + "\n"})
		}
		return nil
	default:
		return nil
	}
	if len(list) > 0 {
		pg.logs.selected = list[max(0, min(to, len(list)-1))].number
	}
	return nil
}

// lineWords is a line of the log in one line of text.
func (pg *Page) lineWords(l *logline.Line) string {
	s := []string{l.Time.Format("15:04:05.000000"), l.From(), line.Clean(l.Prefix), line.Clean(l.What())}
	for _, w := range []string{l.Way(), l.Owner(), pg.logs.tell.Of(logline.Words(l.Candidates(pg.logs.rules)))} {
		if w != "" {
			s = append(s, w)
		}
	}
	return strings.Join(s, "  ")
}

// Hints are the actions that the lines are for.
func (pg *Page) Hints() []keys.Action {
	if pg.mode != logging {
		return []keys.Action{keys.Why, keys.Follow, keys.Enter, keys.Compare, keys.Talk, keys.Export}
	}
	return []keys.Action{keys.Logs, keys.Back, keys.Follow, keys.Enter, keys.TraceThis}
}

// drawLogs draws the lines, the newest at the bottom, and all of the selected one.
func (pg *Page) drawLogs(f *page.Frame, a ladder.Area) {
	c, p := &pg.canvas, pg.palette
	r := &pg.logs
	r.know(f)
	list, why := pg.logLines(f)
	tell := pg.notices.In(speech.In(f.Language()))
	r.tell = r.says.In(speech.In(f.Language()))
	s := units.Plural(uint64(len(list)), 9, "line")
	if all := len(r.lines); len(list) != all {
		s = itoa(len(list)) + " of " + units.Plural(uint64(all), 9, "line")
	}
	switch {
	case r.told.Reads != "":
		s += " of " + r.told.Reads
	case r.wanted != nil:
		s = "opening"
	case r.log != nil:
		s = "waiting for lines"
	}
	s = r.tell.Of(s) + r.tell.Of(", lost "+units.Count(r.told.Lost, 6))
	if r.forgotten > 0 {
		s += speech.In(f.Language()).Older(r.forgotten)
	}
	c.PutMax(a.X+1, a.Y, a.W-1, canvas.Fit(s+"   "+r.tell.Of("N the packets, esc ends it"), a.W-1, p.Glyphs.Dots), p.Title)
	y, end := a.Y+1, a.Y+a.H
	notes := r.told.Missing
	if why != "" {
		notes = append([]string{why}, notes...)
	}
	for _, n := range notes {
		for _, l := range tell.Wrap(line.Clean(tell.Of(n)), a.W-2) {
			if y < end {
				c.PutMax(a.X+1, y, a.W-1, canvas.Fit(l, a.W-2, p.Glyphs.Dots), p.Warn)
			}
			y++
		}
	}
	at := pg.lineAt(list)
	detail := pg.lineDetail(list, at, a.W-2)
	if len(detail) > 0 && end-y >= 8 {
		end -= len(detail) + 1
		for x := range a.W {
			c.Put(a.X+x, end, p.Glyphs.H, p.Border)
		}
		for i, l := range detail {
			c.PutMax(a.X+1, end+1+i, a.W-1, canvas.Fit(l, a.W-2, p.Glyphs.Dots), nil)
		}
	}
	rows := max(end-y, 0)
	pg.listed, pg.listY, pg.listW = rows, y, 0 // a click selects packets only
	from := max(0, min(at-rows/2, len(list)-rows))
	if r.selected == 0 {
		from = max(0, len(list)-rows)
	}
	for i := from; i < len(list) && y < end; i++ {
		pg.logRow(a, y, list[i].Line)
		if i == at {
			c.Ground(a.X, y, a.W, p.Selected, p)
		}
		y++
	}
}

// logRow draws a line: time, source, prefix, packet, interfaces, sender, rule.
func (pg *Page) logRow(a ladder.Area, y int, l *logline.Line) {
	c, p := &pg.canvas, pg.palette
	x, end := a.X+1, a.X+a.W
	put := func(w int, s string, ink *canvas.Ink) {
		if w > 1 && x < end {
			c.PutMax(x, y, min(w-1, end-x), canvas.Fit(line.Clean(s), min(w-1, end-x), p.Glyphs.Dots), ink)
		}
		x += w
	}
	if a.W >= 80 {
		put(13, l.Time.Format("15:04:05.000"), p.Dim)
	}
	put(11, l.From(), p.Accent)
	put(max(a.W/8, 9), l.Prefix, p.Strong)
	rest := end - x
	way, owner, rule := 0, 0, 0
	if rest >= 60 {
		way = 16
	}
	if rest >= 90 {
		rule = 34
	}
	if rest >= 120 {
		owner, rule = 18, min(rest-100, 60)
	}
	put(rest-way-owner-rule, l.What(), nil)
	put(way, l.Way(), p.Dim)
	put(owner, l.Owner(), p.Dim)
	put(rule, pg.logs.tell.Of(logline.Words(l.Candidates(pg.logs.rules))), p.Dim)
}

// The room of the selected line: lines, and rules that may have written it.
const (
	mostDetail = 8
	mostRules  = 4
)

// lineDetail is all that is known of the selected line, in lines of at most w cells. What there
// is no room for is marked: how many rules, or that a text goes on.
func (pg *Page) lineDetail(list []shownLine, at, w int) (out []string) {
	if at < 0 {
		return nil
	}
	put := func(text string, room int) {
		lines := pg.logs.tell.Wrap(text, w)
		if len(lines) > room {
			lines = lines[:room]
			lines[room-1] = canvas.Fit(lines[room-1], w-canvas.Width(pg.palette.Glyphs.Dots), "") + pg.palette.Glyphs.Dots
		}
		out = append(out, lines...)
	}
	l := list[at].Line
	rules := l.Candidates(pg.logs.rules)
	put(pg.lineWords(l), mostDetail-min(len(rules), 1))
	for i, r := range rules {
		text := "  " + pg.logs.tell.Of(r.String()) + pg.logs.tell.Of(": ") + line.Clean(r.Rule.Text)
		room := mostDetail - len(out)
		if i < len(rules)-1 {
			room-- // for how many more there are
		}
		if i == mostRules || room < 1 || i > 0 && len(pg.logs.tell.Wrap(text, w)) > room {
			words := units.Plural(uint64(len(rules)), 6, "rule") + " that may have written it"
			if i > 0 {
				words = "and " + units.Plural(uint64(len(rules)-i), 6, "rule") + " more that may have written it"
			}
			put("  "+pg.logs.tell.Of(words), mostDetail-len(out))
			break
		}
		put(text, room)
	}
	return out
}
