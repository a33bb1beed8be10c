package filter

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokWord tokenKind = iota
	tokQuoted
	tokAnd
	tokOr
	tokNot
	tokOpen
	tokClose
	tokEnd
)

type token struct {
	kind tokenKind
	text string
	col  int // from 1, in runes
}

// lex cuts the text into tokens; the last one is tokEnd.
func lex(text string) ([]token, error) {
	var out []token
	col := 1
	for text != "" {
		r, size := utf8.DecodeRuneInString(text)
		if unicode.IsSpace(r) {
			text, col = text[size:], col+1
			continue
		}
		t, n := token{col: col, text: text[:size]}, size
		switch {
		case r == '(':
			t.kind = tokOpen
		case r == ')':
			t.kind = tokClose
		case r == '!':
			t.kind = tokNot
		case strings.HasPrefix(text, "&&"):
			t.kind, t.text, n = tokAnd, "&&", 2
		case strings.HasPrefix(text, "||"):
			t.kind, t.text, n = tokOr, "||", 2
		case r == '"':
			s, used, ok := unquote(text)
			if !ok {
				return nil, &Error{Col: col, Near: text, Why: `the quote that begins here does not end: expected a closing "`}
			}
			t.kind, t.text, n = tokQuoted, s, used
		default:
			n = wordLen(text)
			t.text = text[:n]
			t.kind = operator(t.text)
		}
		out = append(out, t)
		col += utf8.RuneCountInString(text[:n])
		text = text[n:]
	}
	return append(out, token{kind: tokEnd, col: col}), nil
}

func operator(word string) tokenKind {
	switch strings.ToLower(word) {
	case "and":
		return tokAnd
	case "or":
		return tokOr
	case "not":
		return tokNot
	}
	return tokWord
}

// wordLen is the length of the plain word at the start of text, at least one rune.
func wordLen(text string) int {
	for i, r := range text {
		if i > 0 && (unicode.IsSpace(r) || r == '(' || r == ')' || r == '"' ||
			strings.HasPrefix(text[i:], "&&") || strings.HasPrefix(text[i:], "||")) {
			return i
		}
	}
	return len(text)
}

// unquote reads a quoted name, in which a backslash takes the next byte as it is.
func unquote(text string) (s string, used int, ok bool) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), i + 1, true
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, false
}

// quote writes a name so that lex reads it back as one word.
func quote(s string) string {
	plain := s != "" && s[0] != '!' && s[0] != '"' && wordLen(s) == len(s) && operator(s) == tokWord &&
		!strings.HasPrefix(s, "&&") && !strings.HasPrefix(s, "||") && s[0] != '(' && s[0] != ')'
	if r, _ := utf8.DecodeRuneInString(s); plain && !unicode.IsSpace(r) {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
