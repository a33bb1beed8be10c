package connections

import (
	"strings"

	"nfscope/model/flow"
)

// search looks for a text in the lines of flows, that of the row and that of the reply, a
// million in less than 150 ms. No line is written: it is words with spaces between, so that a
// text without a space lies within a word, and one with spaces ends a word, is those behind it,
// and begins the one behind these.
type search struct{ words []*word }

// place is where in a line a word stands.
type place uint8

const (
	ofProto place = iota
	ofClient
	ofService
	ofBackend
	ofState
	ofClasses
	anArrow // of the row
	replyProto
	replySource
	replyTarget
	replyArrow
)

// The places of a line.
var (
	plainLine  = []place{ofProto, ofClient, anArrow, ofService, ofState, ofClasses}
	backedLine = []place{ofProto, ofClient, anArrow, ofService, anArrow, ofBackend, ofState, ofClasses}
	replyLine  = []place{replyProto, replySource, replyArrow, replyTarget}
)

func newSearch(text string) *search {
	s := &search{}
	parts := strings.Split(strings.ToLower(text), " ")
	for i, p := range parts {
		s.words = append(s.words, newWord(p, i > 0, i < len(parts)-1))
	}
	return s
}

// finds reports whether the text is in one of a flow's lines.
func (s *search) finds(l *flow.Look) bool {
	line := plainLine
	if l.Reply.Src != l.Orig.Dst || l.Orig.Proto.Ports() && l.Reply.SPort != l.Orig.DPort {
		line = backedLine
	}
	if l.Classes == 0 {
		line = line[:len(line)-1]
	}
	return s.in(l, line) || s.in(l, replyLine)
}

// in reports whether the words stand in a line, one behind the other.
func (s *search) in(l *flow.Look, line []place) bool {
	for ; len(line) >= len(s.words); line = line[1:] {
		if s.here(l, line) {
			return true
		}
	}
	return false
}

// here reports whether the words stand at the beginning of a line.
func (s *search) here(l *flow.Look, line []place) bool {
	for i, w := range s.words {
		if !w.at(l, line[i]) {
			return false
		}
	}
	return true
}

// at reports whether the word is at a place of a flow's lines.
func (w *word) at(l *flow.Look, p place) bool {
	o, r := &l.Orig, &l.Reply
	switch p {
	case ofProto:
		return w.isProto(o.Proto)
	case ofClient:
		return w.isEnd(o.Proto, o.Src, o.SPort)
	case ofService:
		return w.isEnd(o.Proto, o.Dst, o.DPort)
	case ofBackend:
		return w.isEnd(o.Proto, r.Src, r.SPort)
	case ofState:
		return w.isState(l.Word())
	case ofClasses:
		return w.isClasses(l.Classes)
	case anArrow:
		return w.arrow
	case replyProto:
		return w.isProto(r.Proto)
	case replySource:
		return w.isEnd(r.Proto, r.Src, r.SPort)
	case replyTarget:
		return w.isEnd(r.Proto, r.Dst, r.DPort)
	}
	return w.replyArrow
}
