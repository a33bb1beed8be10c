package nft

import "strings"

type kind uint8

const (
	kindEnd kind = iota
	kindWord
	kindString // in double quotes; nft has no escapes
	kindSign   // one of { } , ; ( ) & | ^ ! = < > and those of two characters
)

// token is a piece of a rule: text[begin:end].
type token struct {
	kind       kind
	text       string
	begin, end int
}

// is tells whether the token is this word or sign. A string never is.
func (t token) is(s string) bool { return t.kind != kindString && t.text == s }

const (
	blanks = " \t\r\n"
	signs  = "{},;()&|^!=<>\""
)

// lexer walks over the text. Nothing is cut in advance: what a word is depends on
// what is expected (1.2.3.4:80 is an address and a port after dnat to).
type lexer struct {
	s string
	i int
	// seen is the token at from, where it was looked at before.
	seen token
	from int
}

// ends are the bytes that end a word.
var ends = func() (t [256]bool) {
	for _, c := range []byte(blanks + signs) {
		t[c] = true
	}
	return t
}()

func (l *lexer) at(i int) token {
	s := l.s
	for i < len(s) && strings.IndexByte(blanks, s[i]) >= 0 {
		i++
	}
	if i == len(s) {
		return token{begin: i, end: i}
	}
	end, k := i+1, kindSign
	switch c := s[i]; {
	case c == '"':
		n := strings.IndexByte(s[i+1:], '"')
		if n < 0 {
			return token{kindWord, s[i:], i, len(s)} // never closed: no value has such a form
		}
		end, k = i+n+2, kindString
	case strings.IndexByte("!=<>", c) >= 0 && strings.HasPrefix(s[i+1:], "="),
		(c == '<' || c == '>') && s[i+1:] != "" && s[i+1] == c:
		end = i + 2
	case strings.IndexByte(signs, c) >= 0:
	default:
		k = kindWord
		n := 1
		for i+n < len(s) && !ends[s[i+n]] {
			n++
		}
		// A raw payload has commas: @nh,0,8
		if c == '@' {
			if m := rawLen(s[i:]); m > 0 {
				n = m
			}
		}
		end = i + n
	}
	return token{k, s[i:end], i, end}
}

// rawLen is the length of "@base,offset,length" at the beginning of s, 0 where none is.
func rawLen(s string) int {
	commas, digits := 0, 0
	for i := 1; i < len(s); i++ {
		c := s[i]
		switch {
		case c == ',' && commas < 2 && (commas == 0 && i > 1 || digits > 0):
			commas++
			digits = 0
		case commas == 0 && ('a' <= c && c <= 'z' || '0' <= c && c <= '9'):
		case commas > 0 && '0' <= c && c <= '9':
			digits++
		default:
			if commas == 2 && digits > 0 {
				return i
			}
			return 0
		}
	}
	if commas == 2 && digits > 0 {
		return len(s)
	}
	return 0
}

func (l *lexer) peek() token {
	if l.from != l.i || l.seen.end == 0 {
		l.seen, l.from = l.at(l.i), l.i
	}
	return l.seen
}

func (l *lexer) next() token {
	t := l.peek()
	l.i = t.end
	return t
}

// take goes over the words if they are what comes next.
func (l *lexer) take(words ...string) bool {
	at := l.i
	for _, w := range words {
		if t := l.next(); !t.is(w) {
			l.i = at
			return false
		}
	}
	return true
}

// takeOne goes over the next word if it is one of the words.
func (l *lexer) takeOne(words ...string) (string, bool) {
	t := l.peek()
	for _, w := range words {
		if t.is(w) {
			l.i = t.end
			return w, true
		}
	}
	return "", false
}
