// Package markdown draws the little Markdown that lessons are written in: headings,
// lists, code, quotes, emphasis. What it does not know is shown as it stands.
package markdown

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"charm.land/lipgloss/v2"

	"nfscope/ui/component/line"
	"nfscope/ui/theme"
)

var (
	list   = regexp.MustCompile(`^(\s*)([-*+]|\d+[.)])\s+(.*)$`)
	marks  = regexp.MustCompile("\\*\\*([^*]+)\\*\\*|`([^`]+)`|\\[([^\\]]+)\\]\\([^)]+\\)|\\*([^*\\s](?:[^*]*[^*\\s])?)\\*")
	header = regexp.MustCompile(`^(#{1,6})\s+(.*?)\s*#*$`)
)

// Lines draws src in lines of at most width cells.
func Lines(th *theme.Theme, src string, width int) []string {
	var out []string
	var para []string
	head := "" // of the list item that para is
	flush := func() {
		if len(para) > 0 {
			out = append(out, wrap(th, join(para), width, head, line.Space(len(head)), th.Text)...)
		}
		para, head = nil, ""
	}
	code, inList := false, false
	for _, l := range strings.Split(strings.ReplaceAll(src, "\r\n", "\n"), "\n") {
		trimmed := strings.TrimSpace(l)
		if trimmed != "" && l == strings.TrimLeft(l, " \t") { // else it goes on
			inList = list.MatchString(l)
		}
		switch {
		case strings.HasPrefix(trimmed, "```"):
			flush()
			code = !code
		case code:
			out = append(out, verbatim(th, l, width)...)
		case trimmed != "" && len(para) == 0 && !inList && (strings.HasPrefix(l, "    ") || strings.HasPrefix(l, "\t")):
			l, _ = strings.CutPrefix(strings.TrimPrefix(l, "\t"), "    ")
			out = append(out, verbatim(th, l, width)...)
		case strings.HasPrefix(trimmed, "<!--") && strings.HasSuffix(trimmed, "-->"):
			flush()
		case trimmed == "":
			flush()
			if len(out) > 0 && out[len(out)-1] != "" {
				out = append(out, "")
			}
		case header.MatchString(trimmed):
			flush()
			m := header.FindStringSubmatch(trimmed)
			style := th.Title
			if len(m[1]) > 2 {
				style = th.Strong
			}
			out = append(out, wrap(th, m[2], width, "", "", style)...)
		case strings.HasPrefix(trimmed, ">"):
			flush()
			out = append(out, wrap(th, strings.TrimSpace(trimmed[1:]), width, th.Glyphs.V+" ", th.Glyphs.V+" ", th.Dim)...)
		case strings.HasPrefix(trimmed, "|"):
			flush()
			out = append(out, line.Cut(line.Clean(trimmed), width, th.Glyphs.Dots))
		case list.MatchString(l):
			flush()
			m := list.FindStringSubmatch(l)
			mark := m[2]
			if len(mark) == 1 {
				mark = "-"
			}
			head, para = line.Space(len(m[1]))+mark+" ", []string{m[3]}
		case head != "" && l == trimmed: // a paragraph behind the list
			flush()
			para = append(para, trimmed)
		default:
			para = append(para, trimmed)
		}
	}
	flush()
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

// join makes one text of a paragraph's lines. A line break is no space between Chinese
// characters, nor beside a mark of theirs.
func join(lines []string) string {
	mark := func(r rune) bool { return line.Ideographic(r) && !unicode.Is(unicode.Han, r) }
	quote := func(r rune) bool { return strings.ContainsRune("“”‘’", r) }
	out := lines[0]
	for _, l := range lines[1:] {
		a, _ := utf8.DecodeLastRuneInString(strings.TrimRight(out, "*")) // signs of emphasis are not seen
		b, _ := utf8.DecodeRuneInString(strings.TrimLeft(l, "*"))
		wide := line.Ideographic(a) && (line.Ideographic(b) || quote(b)) || quote(a) && line.Ideographic(b)
		if !wide && !mark(a) && !mark(b) {
			out += " "
		}
		out += l
	}
	return out
}

// verbatim draws a line of code as it stands. What is longer than the screen goes on
// in lines that are indented further: half a command is none.
func verbatim(th *theme.Theme, l string, width int) []string {
	rest := line.Clean(strings.ReplaceAll(strings.TrimRight(l, " \t"), "\t", "    "))
	lead := "  "
	var out []string
	for {
		room := width - len(lead)
		if line.Width(rest) <= room || room < 8 {
			return append(out, th.Accent.Render(line.Cut(lead+rest, width, th.Glyphs.Dots)))
		}
		head := line.Cut(rest, room, "")
		if i := strings.LastIndex(head, " "); i > room/3 && !strings.HasPrefix(rest[len(head):], " ") {
			head = head[:i]
		}
		out = append(out, th.Accent.Render(lead+strings.TrimRight(head, " ")))
		rest, lead = strings.TrimLeft(rest[len(head):], " "), "      "
	}
}

// glue stands for a space inside of code, where a line must not break.
const glue = "\ue000"

// wrap breaks a text, without its marks, and draws its emphasis.
func wrap(th *theme.Theme, s string, width int, head, next string, style lipgloss.Style) []string {
	if width <= line.Width(head) {
		head, next = "", ""
	}
	var out []string
	text, class := visible(line.Clean(s))
	lines := line.Wrap(text, width-line.Width(head))
	for i, l := range emphasised(th, text, class, lines, style) {
		lead := next
		if i == 0 {
			lead = head
		}
		out = append(out, th.Dim.Render(lead)+l)
	}
	return out
}

// The classes of what is drawn: plain, then the groups of marks in their order.
const (
	plain = iota
	strong
	code
	link
	emphasis
)

// visible is a text without its marks, glue in place of the spaces inside of code, and
// the class of each of its bytes.
func visible(s string) (string, []byte) {
	var text strings.Builder
	var class []byte
	put := func(part string, c byte) {
		text.WriteString(part)
		class = append(class, bytes.Repeat([]byte{c}, len(part))...)
	}
	at := 0
	for _, m := range marks.FindAllStringSubmatchIndex(s, -1) {
		put(s[at:m[0]], plain)
		for c := strong; c <= emphasis; c++ {
			if m[2*c] >= 0 {
				part := s[m[2*c]:m[2*c+1]]
				if c == code {
					part = strings.ReplaceAll(part, " ", glue)
				}
				put(part, byte(c))
			}
		}
		at = m[1]
	}
	put(s[at:], plain)
	return text.String(), class
}

// emphasised draws the lines that a text was broken into. A mark may go on behind a line's
// end, where that lies between Chinese characters.
func emphasised(th *theme.Theme, whole string, class []byte, lines []string, style lipgloss.Style) []string {
	styles := map[byte]lipgloss.Style{plain: style, strong: th.Strong.Inherit(style), code: th.Accent, link: style.Underline(true), emphasis: style.Italic(true)}
	out := make([]string, len(lines))
	at := 0 // in whole
	for i, l := range lines {
		var b, run strings.Builder
		now := byte(plain)
		flush := func() {
			if run.Len() > 0 {
				b.WriteString(styles[now].Render(strings.ReplaceAll(run.String(), glue, " ")))
				run.Reset()
			}
		}
		for _, r := range l {
			for r != ' ' && at < len(whole) && whole[at] == ' ' { // a line break took it
				at++
			}
			c := byte(plain)
			if at < len(whole) {
				c = class[at]
				_, n := utf8.DecodeRuneInString(whole[at:])
				at += n
			}
			if c != now {
				flush()
				now = c
			}
			run.WriteRune(r)
		}
		flush()
		out[i] = b.String()
	}
	return out
}
