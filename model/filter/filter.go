// Package filter is the one filter language of nfscope: pcap-filter(7) as far as it
// speaks of addresses, protocols and ports, and netfilter's own words besides. The
// same text filters packets, journeys, flows and rules, and arms the trace.
//
// A word that a thing cannot answer (the chain of a flow, the output interface of a
// packet that was dropped at prerouting) is Unknown, and Unknown is never a match,
// with or without "not" before it. Check tells beforehand which words those are.
package filter

import (
	"fmt"
	"slices"
	"strings"
)

// Filter is a parsed filter. It never changes; its zero value matches everything.
type Filter struct {
	root  *node // nil matches everything
	words []Word
	text  []*leaf // what a rule's text answers
	flows *plan
	mixed bool
}

// Word is a word of the filter and the column it stands at, from 1, in runes.
type Word struct {
	Word string
	Col  int
}

// Error says what is wrong with a filter.
type Error struct {
	// Col is the column, from 1, in runes.
	Col int
	// Near is the word that is wrong, "" at the end of the text.
	Near string
	// Want lists what may stand there.
	Want []string
	// Why replaces the list where nothing else may stand there.
	Why string
}

// Error is one sentence.
func (e *Error) Error() string {
	if e.Why != "" {
		return fmt.Sprintf("filter, column %d: %s", e.Col, e.Why)
	}
	found := "the end of the filter"
	if e.Near != "" {
		found = fmt.Sprintf("%q", e.Near)
	}
	return fmt.Sprintf("filter, column %d: expected %s, found %s", e.Col, orList(e.Want), found)
}

func orList(s []string) string {
	if len(s) < 2 {
		return strings.Join(s, "")
	}
	return strings.Join(s[:len(s)-1], ", ") + " or " + s[len(s)-1]
}

// Parse reads a filter. Empty text matches everything. The error is an *Error.
func Parse(text string) (*Filter, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := parser{tokens: tokens}
	root, err := p.filter()
	if err != nil {
		return nil, err
	}
	f := &Filter{root: root, words: p.words, mixed: p.mixed}
	if root != nil {
		f.text, f.flows = numberText(root, nil), planOf(root)
	}
	return f, nil
}

// String is the filter in its one canonical spelling; Parse reads it back.
func (f *Filter) String() string {
	if f.root == nil {
		return ""
	}
	return f.root.String()
}

// Note says how the filter is read where pcap-filter(7), to which "and" and "or" bind alike
// and are read from the left, reads something else; it is "" where both read the same.
func (f *Filter) Note() string {
	if !f.mixed {
		return ""
	}
	return "read as " + f.String() + `: "and" binds tighter than "or" here, other than in tcpdump`
}

// Empty reports whether the filter matches everything because nothing was asked.
func (f *Filter) Empty() bool { return f.root == nil }

// Words lists the filter's words in the order they stand in.
func (f *Filter) Words() []Word { return slices.Clone(f.words) }

// Kind is a kind of thing that can be filtered.
type Kind uint8

// The kinds.
const (
	Packets Kind = 1 << iota
	Journeys
	Flows
	Rules
	Drops
)

// String names the kind in the plural.
func (k Kind) String() string {
	switch k {
	case Packets:
		return "packets"
	case Journeys:
		return "traced packets"
	case Flows:
		return "connections"
	case Rules:
		return "rules"
	case Drops:
		return "dropped packets"
	}
	return "things"
}

// Check refuses the first word that has no meaning for the kind, with its column.
func (f *Filter) Check(k Kind) error {
	for _, w := range f.words {
		if v, ok := vocabulary[w.Word]; ok && v.kinds&k == 0 {
			return &Error{Col: w.Col, Near: w.Word, Why: fmt.Sprintf("%q does not apply to %s", w.Word, k)}
		}
	}
	return nil
}
