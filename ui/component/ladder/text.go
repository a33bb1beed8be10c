package ladder

import (
	"strings"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/ui/component/canvas"
	"nfscope/ui/component/line"
)

// columns are the widths of the ladder's columns; 0 leaves one out.
type columns struct{ hook, where, badge, text, verdict, packet int }

// measure shares a width out among the columns; 0 or less means as wide as it takes.
func measure(rows []Row, width int) columns {
	c := columns{hook: 12, where: 9, badge: 3, text: 10, verdict: 9}
	for i := range rows {
		r := &rows[i]
		c.where = max(c.where, canvas.Width(r.Where)+2*r.Depth+1)
		c.text = max(c.text, canvas.Width(r.ruleText()))
		c.packet = max(c.packet, canvas.Width(r.note(0)))
	}
	changes := c.packet > 0
	c.text++
	if c.packet > 0 {
		c.packet++
	}
	if width <= 0 {
		return c
	}
	if width < 72 {
		c.hook = 0
	}
	if width < 48 {
		c.badge = 0
	}
	if width < 100 {
		c.packet = 0
	}
	c.where = min(c.where, max(width*3/10, 8))
	c.packet = min(c.packet, width/4)
	room := max(width-c.hook-c.where-c.badge-c.verdict-c.packet, 1)
	if c.text > room { // then comments go, and the column is as wide as what is left
		c.text = 10
		for i := range rows {
			s := rows[i].ruleText()
			if canvas.Width(s) >= room {
				s = NoComment(s)
			}
			c.text = max(c.text, canvas.Width(s)+1)
		}
	}
	if c.packet == 0 && changes { // what changed stands behind the rule
		c.text = room
	}
	c.text = min(c.text, room)
	return c
}

// spread gives a row's text the columns behind it in which the row has nothing, as a rule
// that was missed has no verdict.
func (r *Row) spread(c *columns) {
	if r.Word != "" {
		return
	}
	c.text, c.verdict = c.text+c.verdict, 0
	if r.note(1) == "" {
		c.text, c.packet = c.text+c.packet, 0
	}
}

// ruleText joins the rule's number and its text.
func (r *Row) ruleText() string {
	if r.Text == "" {
		return r.Rule
	}
	if r.Rule == "" {
		return r.Text
	}
	return pad(r.Rule, 3) + r.Text
}

// shown is ruleText cut to its column, with the packet's change where that has no
// column of its own. Of a long rule the comment goes first, and what the rule does
// is kept to the end.
func (r *Row) shown(c columns, dots string) string {
	s, change, w := r.ruleText(), "", c.text-1
	if note := r.note(1); c.packet == 0 && note != "" {
		if s != "" { // a third of the room stays the rule's
			note = canvas.Fit(note, max((c.text-1)*2/3-3, 12), dots)
		}
		change = strings.TrimLeft(" ["+note+"]", " "[:boolInt(s == "")])
		w -= canvas.Width(change)
	}
	if canvas.Width(s) > w {
		s = NoComment(s)
	}
	if i := strings.LastIndex(s, " -j "); i > 0 && canvas.Width(s) > w && canvas.Width(s[i:]) < w*2/3 {
		s = canvas.Fit(s[:i], w-canvas.Width(s[i:]), dots) + s[i:]
	}
	return canvas.Fit(canvas.Fit(s, max(w, 4), dots)+change, c.text-1, dots)
}

// NoComment takes the comment out of an iptables rule, where there is too little room for it.
func NoComment(s string) string {
	const mark = "-m comment --comment "
	i := strings.Index(s, mark)
	if i < 0 {
		return s
	}
	rest := s[i+len(mark):]
	if strings.HasPrefix(rest, `"`) {
		for k := 1; k < len(rest); k++ {
			if rest[k] == '\\' {
				k++
			} else if rest[k] == '"' {
				return s[:i] + strings.TrimPrefix(rest[k+1:], " ")
			}
		}
		return s
	}
	_, rest, _ = strings.Cut(rest, " ")
	return s[:i] + rest
}

func pad(s string, w int) string {
	return s + strings.Repeat(" ", max(w-canvas.Width(s), 0))
}

// Text prints a journey as plain lines, none wider than width where that is more
// than 0: packet, sentence, the ladder, remarks.
func Text(j *journey.Journey, width int) []string { return Say(nil).Text(j, width) }

// Text is Text in that language.
func (say Say) Text(j *journey.Journey, width int) []string {
	rows := say.Rows(j)
	inner := width
	if width > 0 {
		inner = max(width-2, 1) // all is indented
	}
	c := measure(rows, inner)
	lines := []string{say.Headline(j)}
	if j.Outcome.Sentence != "" {
		lines = append(lines, say.Wrap("  "+say.Of(j.Outcome.Sentence), width)...)
	}
	for i := range rows {
		r, c := &rows[i], c
		r.spread(&c)
		var b strings.Builder
		b.WriteString("  ")
		for _, f := range []struct {
			s string
			w int
		}{
			{hookWord(r), c.hook}, {strings.Repeat("  ", r.Depth*boolInt(r.Where != "")) + r.Where, c.where},
			{r.Badge, c.badge}, {r.shown(c, "~"), c.text}, {r.Word, c.verdict}, {r.note(c.packet - 1), c.packet},
		} {
			if f.w > 0 {
				b.WriteString(pad(canvas.Fit(f.s, f.w-1, "~"), f.w))
			}
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	for _, r := range Remarks(j) {
		lines = append(lines, say.Wrap("  "+say.Of(r), width)...)
	}
	for i, l := range lines {
		lines[i] = line.Clean(l) // a rule's comment may hold any character
		if width > 0 {
			lines[i] = canvas.Fit(lines[i], width, "~")
		}
	}
	return lines
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// hookWord names the hook on its first row.
func hookWord(r *Row) string {
	switch {
	case r.Step < 0 && r.Hook == model.HookNone: // between the hooks
		return ""
	case r.Head:
		return r.Hook.String()
	}
	return ""
}

// wrap breaks a sentence at spaces; the lines after the first are indented like it.
func wrap(s string, width int) []string {
	if width <= 0 || canvas.Width(s) <= width {
		return []string{s}
	}
	body := strings.TrimLeft(s, " ")
	indent := s[:len(s)-len(body)]
	var out []string
	line := indent
	for _, w := range strings.Fields(body) {
		if line != indent && canvas.Width(line)+1+canvas.Width(w) > width {
			out, line = append(out, line), indent
		}
		if line != indent {
			line += " "
		}
		line += w
	}
	return append(out, line)
}

// Wrap breaks a sentence into lines of at most width cells; a word that is longer is
// left whole.
func Wrap(s string, width int) []string { return wrap(s, width) }
