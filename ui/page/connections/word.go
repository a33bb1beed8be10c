package connections

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"nfscope/model"
	"nfscope/model/flow"
)

// word is a text that is looked for in the words of lines. What it is in is found out once:
// many flows share their addresses, and there are no more ports than 65536.
type word struct {
	text string
	// first and last tell whether a word must begin and end with the text, not only have it.
	first, last       bool
	arrow, replyArrow bool
	// end reports whether the text may be of an address or port: it has none of the other letters.
	end bool
	// split reports whether the text may be of an address and its port: left is then the part
	// before the colon, right that behind it.
	split       bool
	left, right string

	protos  [256]found
	states  map[string]bool
	classes map[flow.Classes]bool
	ports   [1 << 16]hit
	v4      [1 << addrBits]uint64 // an address behind a hit
	v6      []addrHit             // nil before there is one
}

// addrBits is that of how many addresses are remembered of a family.
const addrBits = 16

// found is whether a text is in a word, unasked before it was looked for.
type found uint8

const (
	unasked found = iota
	isIn
	notIn
)

// hit is what a text is of an address, or of a port.
type hit uint8

const (
	asked hit = 1 << iota // it was looked for
	whole                 // the address without a port is a word that it is in
	alone                 // it is in a word with this address, or this port, whatever the other is
	half                  // left fits the address, right the port
)

type addrHit struct {
	addr netip.Addr
	hit
}

func newWord(text string, first, last bool) *word {
	w := &word{text: text, first: first, last: last, states: map[string]bool{}, classes: map[flow.Classes]bool{}}
	w.arrow, w.replyArrow = w.fits("->"), w.fits(">")
	w.end = strings.Trim(text, "0123456789abcdef.:[]") == ""
	if at := strings.LastIndexByte(text, ':'); at >= 0 {
		w.left, w.right = text[:at], text[at+1:]
		w.split = strings.Trim(w.right, "0123456789") == ""
	}
	return w
}

// fits reports whether the text is in a word as it must be.
func (w *word) fits(s string) bool { return within(s, w.text, w.first, w.last) }

// within reports whether a text is in s; at its beginning, and at its end, where that must be.
func within(s, text string, first, last bool) bool {
	switch {
	case first && last:
		return s == text
	case first:
		return strings.HasPrefix(s, text)
	case last:
		return strings.HasSuffix(s, text)
	}
	return strings.Contains(s, text)
}

func (w *word) isProto(p model.Proto) bool {
	f := &w.protos[p]
	if *f == unasked {
		if *f = notIn; w.fits(p.String()) {
			*f = isIn
		}
	}
	return *f == isIn
}

func (w *word) isState(s string) bool {
	in, ok := w.states[s]
	if !ok {
		in = w.fits(small(s))
		w.states[s] = in
	}
	return in
}

func (w *word) isClasses(c flow.Classes) bool {
	in, ok := w.classes[c]
	if !ok {
		in = w.fits(flow.NAT{Class: c.List()}.String())
		w.classes[c] = in
	}
	return in
}

// small is a word in small letters.
func small(s string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		return c
	}, s)
}

// isEnd reports whether the text is in an address with its port, as model.Tuple writes it.
func (w *word) isEnd(p model.Proto, a netip.Addr, port uint16) bool {
	if !w.end {
		return false
	}
	if !a.IsValid() {
		return w.fits("")
	}
	h := w.ofAddr(a)
	if !p.Ports() {
		return h&whole != 0
	}
	if h&alone != 0 {
		return true
	}
	n := w.ports[port]
	if n == 0 {
		n = w.ofPort(strconv.Itoa(int(port)))
		w.ports[port] = n
	}
	return n&alone != 0 || h&n&half != 0
}

func (w *word) ofPort(s string) hit {
	h := asked
	if !w.first && within(s, w.text, false, w.last) {
		h |= alone
	}
	if w.split && within(s, w.right, true, w.last) {
		h |= half
	}
	return h
}

func (w *word) ofAddr(a netip.Addr) hit {
	if a.Is4() {
		b := a.As4()
		n := binary.BigEndian.Uint32(b[:])
		x := &w.v4[n*0x9e3779b1>>(32-addrBits)]
		if h := hit(*x); h == 0 || uint32(*x>>32) != n {
			*x = uint64(n)<<32 | uint64(w.look(a.String(), a.String()))
		}
		return hit(*x)
	}
	if w.v6 == nil {
		w.v6 = make([]addrHit, 1<<addrBits)
	}
	b := a.As16()
	n := (binary.BigEndian.Uint64(b[:8])*0x9e3779b97f4a7c15 ^ binary.BigEndian.Uint64(b[8:])) * 0x9e3779b97f4a7c15
	x := &w.v6[n>>(64-addrBits)]
	if x.addr != a {
		s := a.String()
		*x = addrHit{a, w.look(s, "["+s+"]")}
	}
	return x.hit
}

// look looks for the text in an address, as it stands without a port and before one.
func (w *word) look(bare, ported string) hit {
	h := asked
	if w.fits(bare) {
		h |= whole
	}
	if !w.last && within(ported, w.text, w.first, false) {
		h |= alone
	}
	if w.split && within(ported, w.left, w.first, true) {
		h |= half
	}
	return h
}
