package main

import (
	"bytes"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"nfscope/ui/component/line"
)

// shown is stderr for messages: they tell of names, comments and files that others wrote,
// and nothing of these may steer the terminal. A Write is whole lines, or the begin of one.
type shown struct{ to io.Writer }

func (s shown) Write(b []byte) (int, error) {
	for part := range bytes.Lines(b) {
		body, end := bytes.CutSuffix(part, []byte("\n"))
		text := line.Clean(string(body))
		if end {
			text += "\n"
		}
		if _, err := io.WriteString(s.to, text); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// escaped writes JSON in which whatever a terminal may take for more than text is spelled
// as \u and its number: Go's encoder does so below U+0020 only, and U+009B begins a
// command for a terminal as escape and [ do. Text has a question mark in its place.
type escaped struct {
	to   io.Writer
	text bool
	// half is the begin of a character whose end was not written yet.
	half []byte
}

// objects is stdout, for JSON or for text: the only way to it, but for what is written byte
// for byte.
func (a *app) objects(asJSON bool) io.Writer { return &escaped{to: a.out, text: !asJSON} }

// verbatim is stdout for what a program reads byte for byte. On a terminal it is text.
func (a *app) verbatim() io.Writer {
	if f, ok := a.out.(descriptor); ok && term.IsTerminal(int(f.Fd())) {
		return a.objects(false)
	}
	return a.out
}

func (e *escaped) Write(b []byte) (int, error) {
	in := append(e.half, b...)
	out := make([]byte, 0, len(in))
	for len(in) > 0 {
		if c := in[0]; c < 0x7f && (c >= ' ' || c == '\n' || !e.text) {
			out, in = append(out, in[0]), in[1:]
			continue
		}
		if !utf8.FullRune(in) {
			break
		}
		r, n := utf8.DecodeRune(in)
		if e.text {
			out = append(out, line.Clean(string(in[:n]))...)
		} else if unicode.IsControl(r) || r <= 0xffff && unicode.Is(unicode.Cf, r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = append(out, in[:n]...)
		}
		in = in[n:]
	}
	e.half = append(e.half[:0:0], in...)
	_, err := e.to.Write(out)
	return len(b), err
}
