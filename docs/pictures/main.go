// Pictures turns what tmux captured of a terminal (capture-pane -e -p) into an SVG.
// docs/pictures/make uses it for the README's pictures.
package main

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The size of a cell and the colours of the terminal that is drawn.
const (
	cellW, cellH = 8.43, 18.0
	ground, ink  = "#1a1b26", "#c0caf5"
)

// style is the state that SGR sequences (ECMA-48, 8.3.117) leave behind.
type style struct {
	fg, bg                               string
	bold, dim, underline, italic, revert bool
}

func main() {
	if err := draw(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

func draw(r io.Reader, w io.Writer) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	out := bufio.NewWriter(w)
	var body strings.Builder
	width := 0
	st := style{}
	for y, l := range lines {
		width = max(width, line(&body, &st, l, y))
	}
	fmt.Fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"14\">\n",
		float64(width)*cellW+16, float64(len(lines))*cellH+16)
	fmt.Fprintf(out, "<rect width=\"100%%\" height=\"100%%\" rx=\"6\" fill=\"%s\"/>\n%s</svg>\n", ground, body.String())
	return out.Flush()
}

// line draws one line and gives its width in cells. Every run of one style is placed
// by its own column, so that a font with other widths shifts nothing.
func line(out *strings.Builder, st *style, l string, y int) int {
	x := 0
	var run strings.Builder
	start := 0
	flush := func() {
		if run.Len() > 0 {
			st.text(out, run.String(), start, x, y)
			run.Reset()
		}
		start = x
	}
	for len(l) > 0 {
		if strings.HasPrefix(l, "\x1b[") {
			end := strings.IndexFunc(l[2:], func(r rune) bool { return r >= '@' && r <= '~' })
			if end < 0 {
				break
			}
			flush()
			if l[2+end] == 'm' {
				st.sgr(l[2 : 2+end])
			}
			l = l[2+end+1:]
			continue
		}
		r, n := utf8.DecodeRuneInString(l)
		l = l[n:]
		if r < ' ' {
			continue
		}
		run.WriteRune(r)
		x++
		if r >= 0x1100 && (r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff || r >= 0xff00 && r <= 0xff60) {
			x++
			flush()
		}
	}
	flush()
	return x
}

func (s *style) text(out *strings.Builder, t string, from, to, y int) {
	fg, bg := s.fg, s.bg
	if fg == "" {
		fg = ink
	}
	if s.revert {
		if bg == "" {
			bg = ground
		}
		fg, bg = bg, fg
	}
	left, top := float64(from)*cellW+8, float64(y)*cellH+8
	if bg != "" {
		fmt.Fprintf(out, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"/>", left, top, float64(to-from)*cellW+0.2, cellH, bg)
	}
	if strings.TrimSpace(t) == "" {
		return
	}
	attr := ""
	if s.bold {
		attr += " font-weight=\"bold\""
	}
	if s.dim {
		attr += " opacity=\"0.6\""
	}
	if s.italic {
		attr += " font-style=\"italic\""
	}
	if s.underline {
		attr += " text-decoration=\"underline\""
	}
	fmt.Fprintf(out, "<text x=\"%.2f\" y=\"%.2f\" fill=\"%s\" xml:space=\"preserve\" textLength=\"%.2f\"%s>%s</text>\n",
		left, top+13.5, fg, float64(to-from)*cellW, attr, html.EscapeString(t))
}

func (s *style) sgr(params string) {
	p := strings.FieldsFunc(params, func(r rune) bool { return r == ';' || r == ':' })
	if len(p) == 0 {
		*s = style{}
	}
	for i := 0; i < len(p); i++ {
		n, _ := strconv.Atoi(p[i])
		switch {
		case n == 0:
			*s = style{}
		case n == 1:
			s.bold = true
		case n == 2:
			s.dim = true
		case n == 3:
			s.italic = true
		case n == 4:
			s.underline = true
		case n == 7:
			s.revert = true
		case n == 22:
			s.bold, s.dim = false, false
		case n == 23:
			s.italic = false
		case n == 24:
			s.underline = false
		case n == 27:
			s.revert = false
		case n == 39:
			s.fg = ""
		case n == 49:
			s.bg = ""
		case n >= 30 && n <= 37:
			s.fg = indexed(n - 30)
		case n >= 90 && n <= 97:
			s.fg = indexed(n - 82)
		case n >= 40 && n <= 47:
			s.bg = indexed(n - 40)
		case n >= 100 && n <= 107:
			s.bg = indexed(n - 92)
		case n == 38 || n == 48:
			c, used := extended(p[i+1:])
			i += used
			if n == 38 {
				s.fg = c
			} else {
				s.bg = c
			}
		}
	}
}

// extended reads the colour behind 38 or 48, and tells how many parameters it took.
func extended(p []string) (string, int) {
	if len(p) >= 4 && p[0] == "2" {
		var c [3]int
		for i := range c {
			c[i], _ = strconv.Atoi(p[1+i])
		}
		return fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2]), 4
	}
	if len(p) >= 2 && p[0] == "5" {
		n, _ := strconv.Atoi(p[1])
		return indexed(n), 2
	}
	return "", len(p)
}

// indexed is xterm's palette of 256 colours.
func indexed(n int) string {
	base := []string{"#15161e", "#f7768e", "#9ece6a", "#e0af68", "#7aa2f7", "#bb9af7", "#7dcfff", "#a9b1d6",
		"#414868", "#f7768e", "#9ece6a", "#e0af68", "#7aa2f7", "#bb9af7", "#7dcfff", "#c0caf5"}
	switch {
	case n < 16:
		return base[max(n, 0)]
	case n < 232:
		n -= 16
		v := func(k int) int {
			if k == 0 {
				return 0
			}
			return 55 + 40*k
		}
		return fmt.Sprintf("#%02x%02x%02x", v(n/36), v(n/6%6), v(n%6))
	}
	g := 8 + 10*(n-232)
	return fmt.Sprintf("#%02x%02x%02x", g, g, g)
}
