// Package line measures, cuts and fills lines of the screen by cells. It knows of
// wide runes and of escape codes.
package line

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// plain reports whether every byte of s is a printable ASCII character: then a
// byte is a cell, and nothing needs to be measured.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// Width is the number of cells s takes, escape codes not counted.
func Width(s string) int {
	if n := simple(s); n >= 0 {
		return n
	}
	return ansi.StringWidth(s)
}

// simple is the width of a text of printable ASCII, the lines, dots and arrows of our own
// drawing and colours; -1 for any other, which takes ten times as long to be measured.
func simple(s string) int {
	n := 0
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c >= 0x20 && c < 0x7f:
			n++
			i++
		case c == 0xe2:
			r, size := utf8.DecodeRuneInString(s[i:])
			if (r < 0x2500 || r > 0x257f) && r != '…' && r != '▶' {
				return -1
			}
			n++
			i += size
		case c == 0x1b && i+1 < len(s) && s[i+1] == '[':
			for i += 2; i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == ';'); {
				i++
			}
			if i == len(s) || s[i] != 'm' {
				return -1
			}
			i++
		default:
			return -1
		}
	}
	return n
}

// Clean makes a text that came from outside (a comment, a chain's name) safe to
// print: what would move the cursor, change colours or turn the writing round is
// shown as a question mark, and a tab or line break as a space.
func Clean(s string) string {
	if plain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case Steers(r):
			return '?'
		}
		return r
	}, s)
}

// Steers reports whether a rune steers the terminal, or is none: it would move the cursor,
// break the line or turn the writing round, and is shown as a question mark.
func Steers(r rune) bool {
	return r == utf8.RuneError || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

// Cut shortens s to w cells; where something is lost tail takes its place at the end.
func Cut(s string, w int, tail string) string {
	switch {
	case w <= 0:
		return ""
	case plain(s):
		if len(s) <= w {
			return s
		}
		t := Width(tail)
		if t > w {
			return s[:w]
		}
		return s[:w-t] + tail
	case Width(s) <= w:
		return s
	}
	if Width(tail) > w {
		tail = ""
	}
	return ansi.Truncate(s, w, tail)
}

const spaces = "                                                                                                                                                                                                                                                                                                            "

// Space is n spaces, none where n is negative.
func Space(n int) string {
	switch {
	case n <= 0:
		return ""
	case n <= len(spaces):
		return spaces[:n]
	}
	return strings.Repeat(" ", n)
}

// Fit makes s exactly w cells wide, text to the left.
func Fit(s string, w int, tail string) string {
	s, left := fill(s, w, tail)
	return s + Space(left)
}

// fill cuts s to w cells and tells how many are left.
func fill(s string, w int, tail string) (string, int) {
	n := Width(s)
	if n > w {
		s = Cut(s, w, tail)
		n = Width(s)
	}
	return s, w - n
}

// Right makes s exactly w cells wide, text to the right.
func Right(s string, w int, tail string) string {
	s, left := fill(s, w, tail)
	return Space(left) + s
}

// Spread puts left and right at the two ends of w cells. Where both don't fit,
// left is cut.
func Spread(left, right string, w int, tail string) string {
	r := Width(right)
	if r == 0 || r+2 > w {
		return Fit(left, w, tail)
	}
	return Fit(left, w-r-1, tail) + " " + right
}

// Block makes exactly h lines of w cells out of lines: what is too much is cut off.
func Block(lines []string, w, h int, tail string) []string {
	out := make([]string, max(h, 0))
	for i := range out {
		if i < len(lines) {
			out[i] = Fit(lines[i], w, tail)
		} else {
			out[i] = Space(w)
		}
	}
	return out
}

// Wrap breaks a plain text at spaces, and between wide characters such as Chinese ones,
// into lines of at most w cells; a word that is longer than that is broken anywhere.
func Wrap(s string, w int) []string {
	if w <= 0 {
		return nil
	}
	var out []string
	cur := ""
	for _, word := range strings.Fields(s) {
		between := " "
		for _, piece := range pieces(word) {
			if cur == "" {
				between = ""
			}
			if Width(cur)+len(between)+Width(piece) <= w {
				cur += between + piece
				between = ""
				continue
			}
			if cur != "" {
				out = append(out, cur)
			}
			for Width(piece) > w {
				head := ansi.Truncate(piece, w, "")
				if head == "" { // a wide rune in one cell
					head, piece = "?", piece[runeLen(piece):]
				} else {
					head, piece = split(piece, len(head))
				}
				out = append(out, head)
			}
			cur, between = piece, ""
		}
	}
	return append(out, cur)
}

// split parts a piece at a byte, or before: no second part begins with a mark that closes.
func split(piece string, at int) (head, rest string) {
	for i := at; i > 0; {
		if r, _ := utf8.DecodeRuneInString(piece[i:]); !strings.ContainsRune(closing, r) {
			return piece[:i], piece[i:]
		}
		_, n := utf8.DecodeLastRuneInString(piece[:i])
		i -= n
	}
	return piece[:at], piece[at:]
}

// Ideographic reports whether a character is a Chinese one, or a mark that is as wide.
func Ideographic(r rune) bool {
	return unicode.Is(unicode.Han, r) || r >= 0x3000 && r <= 0x303f || r >= 0xff00 && r <= 0xff60
}

// The marks that stand at no line's beginning, and those that stand at none's end.
const closing, opening = "。，、；：？！）》」』】”’…,.;:?!)", "（《「『【“‘("

// pieces breaks a word before and behind its wide characters. No piece begins with a mark
// that closes, and none ends with one that opens.
func pieces(word string) []string {
	if plain(word) {
		return []string{word}
	}
	var out []string
	from, wide, opens := 0, false, false
	for i, r := range word {
		now := Ideographic(r)
		closes := strings.ContainsRune(closing, r)
		if i > from && (now || wide) && !closes && !opens {
			out = append(out, word[from:i])
			from = i
		}
		opens = strings.ContainsRune(opening, r)
		wide = now || closes && wide
	}
	return append(out, word[from:])
}

func runeLen(s string) int {
	_, n := utf8.DecodeRuneInString(s)
	return n
}

// Beside joins two blocks line by line. Both must have lines of equal width.
func Beside(left, right []string, between string) []string {
	out := make([]string, max(len(left), len(right)))
	for i := range out {
		if i < len(left) {
			out[i] = left[i]
		}
		out[i] += between
		if i < len(right) {
			out[i] += right[i]
		}
	}
	return out
}
