// Package filterbar is the line at the bottom where a filter is typed. The filter
// is checked with every key, and what is wrong is shown under the place.
package filterbar

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/ui/component/input"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/line"
	"nfscope/ui/theme"
)

// Kind is what the filter is for.
type Kind int

// The kinds.
const (
	// Narrow narrows a page.
	Narrow Kind = iota
	// Arm arms a trace.
	Arm
	// Text is no filter: the page that opened the bar takes the text as it is.
	Text
)

// Bar is an open filter bar.
type Bar struct {
	Kind Kind
	// Page is the page the bar was opened on.
	Page string
	// Free says that a text which is no filter is looked for as it stands.
	Free bool
	// Prompt and Hint stand before a Text and in it while it is empty.
	Prompt, Hint string
	// Both is for a trace of both directions.
	Both bool
	// Bounds say how long and how fast a trace may be, in words.
	Bounds string
	// Why says, before anything else, what the bar was opened for; "" where the user
	// asked for it.
	Why string
	// Words gives what may stand at a place in the text, in runes from its start; nil
	// where nobody knows.
	Words func(text string, at int) []string
	// Split says of a valid filter, or of both directions of it, in words, which part of it
	// runs where; nil where that is no question.
	Split func(text string, both bool) string
	// Note says of a valid filter how it is read where it may have been meant otherwise, "" where
	// not; nil where nothing is read.
	Note func(text string) string
	// Say is the language of what the bar says.
	Say ladder.Say

	in    input.Input
	check func(string) error
	err   error
	// offer are the words that tab goes through, from is where they begin in the text,
	// and taken which of them stands there: below 0 none.
	offer []string
	from  int
	taken int
}

// New opens a bar. check tells what is wrong with a filter.
func New(kind Kind, page, text string, check func(string) error) *Bar {
	b := &Bar{Kind: kind, Page: page, in: input.New(text), check: check, taken: -1}
	b.validate()
	return b
}

// complete puts the next word that may stand at the cursor there.
func (b *Bar) complete(by int) {
	if b.Words == nil {
		return
	}
	if b.taken < 0 {
		b.propose()
	}
	if len(b.offer) == 0 {
		return
	}
	switch {
	case b.taken >= 0:
		b.taken = (b.taken + by + len(b.offer)) % len(b.offer)
	case by < 0:
		b.taken = len(b.offer) - 1
	default:
		b.taken = 0
	}
	word := b.offer[b.taken]
	if len(b.offer) == 1 { // nothing to choose: on to the next
		word += " "
		b.taken = -1
	}
	b.in.Replace(b.from, word)
	b.validate()
	if b.taken < 0 {
		b.propose()
	}
}

// propose looks up what may stand at the cursor.
func (b *Bar) propose() {
	b.taken, b.offer = -1, nil
	if b.Words == nil {
		return
	}
	r, at := []rune(b.in.Value()), b.in.Position()
	at = min(at, len(r))
	b.from = at
	for b.from > 0 && !strings.ContainsRune(apart, r[b.from-1]) {
		b.from--
	}
	b.offer = b.Words(b.in.Value(), at)
	if len(b.offer) == 1 && b.offer[0] == string(r[b.from:at]) {
		b.offer = nil // it stands there
	}
}

// apart are the characters between the words of a filter.
const apart = " \t()!&|\""

func (b *Bar) validate() {
	b.err = nil
	if strings.TrimSpace(b.in.Value()) != "" {
		b.err = b.check(b.in.Value())
	}
}

// Value is the text, without the spaces around it.
func (b *Bar) Value() string { return strings.TrimSpace(b.in.Value()) }

// Update takes a key or a paste.
func (b *Bar) Update(msg tea.Msg) {
	if k, ok := msg.(tea.KeyPressMsg); ok {
		switch k.String() {
		case "tab":
			b.complete(1)
			return
		case "shift+tab":
			b.complete(-1)
			return
		case "ctrl+b":
			if b.Kind == Arm {
				b.Both = !b.Both
				return
			}
		}
	}
	if b.in.Update(msg) {
		b.validate()
	}
	b.propose()
}

// Err is what is wrong with the text, nil where it may be used as it stands.
func (b *Bar) Err() error {
	switch {
	case b.Kind == Arm && b.Value() == "":
		return errors.New(`a trace needs a filter: for example "tcp and dst port 80", or "ip or ip6" for all`)
	case b.Kind == Narrow && b.Free:
		return nil
	}
	return b.err
}

// View draws two lines of width cells: what is wrong or what will happen, and the bar.
func (b *Bar) View(th *theme.Theme, width int) []string {
	prompt := "/ "
	hint := "tcp and dst port 443, host 10.2.0.2, not udp"
	say, style := b.Say.Of("enter: narrow this page   empty: show all   esc: leave as it was"), th.Dim
	if b.Free {
		hint = b.Say.Of("a filter such as tcp and port 443, or any text")
	}
	if b.Kind == Arm {
		prompt, hint = b.Say.Of("trace "), "tcp and dst port 80"
		say = b.Say.Of("enter: trace for " + b.Bounds + "   ctrl+b: both directions   esc: don't")
		if b.Both {
			prompt = b.Say.Of("trace both ways ")
			say = b.Say.Of("enter: trace both directions for " + b.Bounds + "   ctrl+b: only what the filter says   esc: don't")
		}
		if b.Why != "" {
			say = b.Why + b.Say.Of("; ") + say
		}
	}
	if b.Kind == Text {
		prompt, hint, say = b.Prompt+" ", b.Hint, b.Why
	}
	valid := b.Kind != Text && b.Value() != "" && b.err == nil
	switch kind := number(b.Value()); {
	case b.taken >= 0 || b.err != nil && len(b.offer) > 0 && b.from < b.in.Position():
		say = "tab: " + b.choices(th, width-6)
	case b.Free && b.Kind == Narrow && kind != "":
		say = b.Say.Of(kind)
	case b.err != nil && b.Free && b.Kind == Narrow:
		say = b.Say.Of("looked for as text (no filter: " + reason(b.err) + ")")
	case b.err != nil:
		say, style = b.Say.Of(reason(b.err)), th.Bad
	case valid && b.Split != nil:
		if where := b.Split(b.Value(), b.Both); where != "" {
			say = b.Say.Of(where) + b.Say.Of("; ") + say
		}
		say = b.noted(say)
	case valid:
		say = b.noted(say)
	}
	say = line.Fit(" "+line.Clean(say), width, th.Glyphs.Dots)
	p := line.Cut(" "+prompt, width, "")
	mark, ms := " ", th.Dim
	switch {
	case valid:
		mark, ms = th.Glyphs.Passed, th.Good
	case b.err != nil && b.Free && b.Kind == Narrow:
		mark, ms = th.Glyphs.Unknown, th.Dim
	case b.err != nil:
		mark, ms = th.Glyphs.Dead, th.Bad
	}
	right := ""
	if width > line.Width(p)+8 {
		right = " " + ms.Render(mark) + " "
	}
	return []string{style.Render(say), th.Accent.Bold(true).Render(p) + b.in.View(th, width-line.Width(p)-line.Width(right), hint) + right}
}

// noted puts before what the bar says how the filter is read, where that is to be told.
func (b *Bar) noted(say string) string {
	if b.Note == nil {
		return say
	}
	if note := b.Note(b.Value()); note != "" {
		return b.Say.Of(note) + b.Say.Of("; ") + say
	}
	return say
}

// choices lists the words to choose from, the one taken marked, as far as there is room.
func (b *Bar) choices(th *theme.Theme, width int) string {
	from := 0
	for {
		out := ""
		seen := b.taken < from
		for i := from; i < len(b.offer); i++ {
			w := b.offer[i]
			if i == b.taken {
				w = "[" + w + "]"
			}
			if line.Width(out)+line.Width(w)+2 > width {
				out += th.Glyphs.Dots
				break
			}
			seen = seen || i == b.taken
			out += w + "  "
		}
		if seen || from >= b.taken {
			return out
		}
		from++
	}
}

// number says how a bare number or address is looked for, "" for other text.
func number(s string) string {
	if n, err := strconv.ParseUint(s, 10, 16); err == nil && n > 0 {
		return "a port, alone or in a range; and the number in the text"
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return "an address: rules that name it, or a network or a range that holds it"
	}
	if p, err := netip.ParsePrefix(s); err == nil && p.Bits() > 0 {
		return "a network: rules that name one which overlaps it"
	}
	return ""
}

// reason is an error's text without the word that the bar says by itself.
func reason(err error) string { return strings.TrimPrefix(err.Error(), "filter, ") }
