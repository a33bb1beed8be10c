package connections

import (
	"bytes"
	"net/netip"
	"strings"

	"nfscope/model"
	"nfscope/model/flow"
)

// search looks for a text in flows as liner writes them, a million in less than 150 ms. A
// text without a space lies within one word of the line: those that many flows have are
// looked through once, and addresses are written only where the text may be of one.
type search struct {
	text []byte // in small letters
	line liner
	// arrow is true of a text that is between the ends of every flow, end of one that may be
	// of an address and port.
	arrow, end bool
	// spaced is true of a text with a space: it may be of many words, and parts are those of
	// its own that are of no address. number is the longest of the others; it is looked for
	// first where that spared the line of half of those asked.
	spaced        bool
	parts         []*search
	number        *search
	asked, spared int
	// protos, words and classes tell in which of those that were met the text is.
	protos  [256]found
	words   map[string]bool
	classes map[flow.Classes]bool
}

// found is whether a text is in a word, unasked before it was looked for.
type found uint8

const (
	unasked found = iota
	isIn
	notIn
)

func newSearch(text string) *search {
	low := strings.ToLower(text)
	s := &search{text: []byte(low), spaced: strings.Contains(low, " "), arrow: strings.Contains("->", low),
		end:   strings.Trim(low, "0123456789abcdef.:[]") == "",
		words: map[string]bool{}, classes: map[flow.Classes]bool{}}
	if s.spaced {
		for w := range strings.SplitSeq(low, " ") {
			switch part := newSearch(w); {
			case part.arrow:
			case !part.end:
				s.parts = append(s.parts, part)
			case s.number == nil || len(w) > len(s.number.text):
				s.number = part
			}
		}
	}
	return s
}

// finds reports whether the text is in one of a flow's lines.
func (s *search) finds(l *flow.Look) bool {
	if !s.spaced {
		return s.inWords(l) || s.end && contains(s.line.ends(l), s.text)
	}
	for _, w := range s.parts {
		if !w.inWords(l) {
			return false
		}
	}
	if s.number != nil && s.spared+64 >= s.asked/2 {
		s.asked++
		if !s.number.finds(l) {
			s.spared++
			return false
		}
	}
	return contains(s.line.row(l), s.text) || contains(s.line.reply(l), s.text)
}

// inWords reports whether the text is in a word of the flow's line that is no address.
func (s *search) inWords(l *flow.Look) bool {
	return s.arrow || s.inProto(l.Orig.Proto) || s.inProto(l.Reply.Proto) || s.inClasses(l.Classes) || s.inWord(l.Word())
}

func (s *search) inProto(p model.Proto) bool {
	f := &s.protos[p]
	if *f == unasked {
		if *f = notIn; strings.Contains(p.String(), string(s.text)) {
			*f = isIn
		}
	}
	return *f == isIn
}

func (s *search) inClasses(c flow.Classes) bool {
	if c == 0 {
		return false
	}
	in, ok := s.classes[c]
	if !ok {
		in = strings.Contains(flow.NAT{Class: c.List()}.String(), string(s.text))
		s.classes[c] = in
	}
	return in
}

func (s *search) inWord(word string) bool {
	in, ok := s.words[word]
	if !ok {
		in = bytes.Contains(appendSmall(nil, word), s.text)
		s.words[word] = in
	}
	return in
}

// liner writes flows as text, one after another.
type liner struct {
	line []byte
	// nat is what classes are called, and name what proto is: most flows have those of the
	// one before.
	classes flow.Classes
	nat     string
	proto   model.Proto
	name    string
}

// row gives a flow as its row shows it, in small letters; until the next.
func (x *liner) row(l *flow.Look) []byte {
	b := append(append(x.line[:0], x.nameOf(l.Orig.Proto)...), ' ')
	b = appendEnd(b, l.Orig.Proto, l.Orig.Src, l.Orig.SPort)
	b = append(b, " -> "...)
	b = appendEnd(b, l.Orig.Proto, l.Orig.Dst, l.Orig.DPort)
	if l.Reply.Src != l.Orig.Dst || l.Orig.Proto.Ports() && l.Reply.SPort != l.Orig.DPort {
		b = append(b, " -> "...)
		b = appendEnd(b, l.Orig.Proto, l.Reply.Src, l.Reply.SPort)
	}
	b = appendSmall(append(b, ' '), l.Word())
	if l.Classes != 0 {
		if l.Classes != x.classes {
			x.classes, x.nat = l.Classes, flow.NAT{Class: l.Classes.List()}.String()
		}
		b = append(append(b, ' '), x.nat...)
	}
	x.line = b
	return b
}

// reply gives the reply's tuple, as the inspector has it; until the next.
func (x *liner) reply(l *flow.Look) []byte {
	b := append(append(x.line[:0], x.nameOf(l.Reply.Proto)...), ' ')
	b = appendEnd(b, l.Reply.Proto, l.Reply.Src, l.Reply.SPort)
	b = append(b, " > "...)
	x.line = appendEnd(b, l.Reply.Proto, l.Reply.Dst, l.Reply.DPort)
	return x.line
}

// ends gives the addresses and ports of both tuples, each once where the reply's are the same,
// with spaces between; until the next.
func (x *liner) ends(l *flow.Look) []byte {
	o, r := &l.Orig, &l.Reply
	b := appendEnd(x.line[:0], o.Proto, o.Src, o.SPort)
	b = appendEnd(append(b, ' '), o.Proto, o.Dst, o.DPort)
	if r.Src != o.Dst || r.SPort != o.DPort || r.Proto != o.Proto {
		b = appendEnd(append(b, ' '), r.Proto, r.Src, r.SPort)
	}
	if r.Dst != o.Src || r.DPort != o.SPort || r.Proto != o.Proto {
		b = appendEnd(append(b, ' '), r.Proto, r.Dst, r.DPort)
	}
	x.line = b
	return b
}

func (x *liner) nameOf(p model.Proto) string {
	if x.name == "" || x.proto != p {
		x.proto, x.name = p, p.String()
	}
	return x.name
}

// appendSmall appends a word in small letters.
func appendSmall(b []byte, word string) []byte {
	for _, c := range []byte(word) {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// appendEnd is model.Tuple's SrcString in bytes.
func appendEnd(b []byte, p model.Proto, a netip.Addr, port uint16) []byte {
	switch {
	case !a.IsValid():
		return b
	case a.Is4():
		v := a.As4()
		b = appendByte(b, v[0])
		for _, n := range v[1:] {
			b = appendByte(append(b, '.'), n)
		}
	case p.Ports():
		b = append(a.AppendTo(append(b, '[')), ']')
	default:
		b = a.AppendTo(b)
	}
	if !p.Ports() {
		return b
	}
	b = append(b, ':')
	if port < 256 {
		return appendByte(b, byte(port))
	}
	digits := [5]byte{'0' + byte(port/10000), '0' + byte(port/1000%10), '0' + byte(port/100%10), '0' + byte(port/10%10), '0' + byte(port%10)}
	switch {
	case port >= 10000:
		return append(b, digits[:]...)
	case port >= 1000:
		return append(b, digits[1:]...)
	}
	return append(b, digits[2:]...)
}

// appendByte appends a number: most of a search is spent on those of addresses and ports,
// and strconv takes three times as long.
func appendByte(b []byte, n byte) []byte {
	switch {
	case n >= 100:
		return append(b, '0'+n/100, '0'+n/10%10, '0'+n%10)
	case n >= 10:
		return append(b, '0'+n/10, '0'+n%10)
	}
	return append(b, '0'+n)
}

// contains is bytes.Contains, piece by piece: in more than 64 bytes that looks for the first
// byte of the text alone, and numbers are full of it.
func contains(b, text []byte) bool {
	const quick = 64
	for len(text) < quick/2 && len(b) > quick {
		if bytes.Contains(b[:quick], text) {
			return true
		}
		b = b[quick-len(text)+1:]
	}
	return bytes.Contains(b, text)
}
