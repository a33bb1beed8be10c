// Package input is a line of text under edit. It draws its own cursor, so that
// nothing blinks and nothing ticks.
package input

import (
	"unicode"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"nfscope/ui/component/line"
	"nfscope/ui/theme"
)

// Input is one line of text. Make it with New.
type Input struct {
	m textinput.Model
	// all is true while the whole text is selected: what is typed takes its place.
	all bool
}

// New makes an input that holds text, all of it selected.
func New(text string) Input {
	m := textinput.New()
	m.Prompt = ""
	m.CharLimit = 500
	m.SetVirtualCursor(false)
	m.KeyMap.Paste.SetEnabled(false)             // it would start a program; terminals paste by themselves
	m.KeyMap.DeleteWordForward.SetEnabled(false) // it panics one rune before the end (bubbles v2.2.1): see deleteWord
	m.Focus()
	m.SetValue(text)
	m.CursorEnd()
	return Input{m, text != ""}
}

// Value is the text.
func (in *Input) Value() string { return in.m.Value() }

// Set replaces the text.
func (in *Input) Set(s string) { in.m.SetValue(s); in.m.CursorEnd() }

// Position is the cursor's, in runes from the start.
func (in *Input) Position() int { return in.m.Position() }

// Replace puts text in the place of the runes from from to the cursor.
func (in *Input) Replace(from int, text string) {
	r := []rune(in.m.Value())
	pos := min(in.m.Position(), len(r))
	from = max(0, min(from, pos))
	in.all = false
	in.m.SetValue(string(r[:from]) + text + string(r[pos:]))
	in.m.SetCursor(from + len([]rune(text)))
}

// Update takes a key or a paste and reports whether the text changed.
func (in *Input) Update(msg tea.Msg) bool {
	old := in.m.Value()
	if k, ok := msg.(tea.KeyPressMsg); in.all {
		if !ok || k.Text != "" || k.Code == tea.KeyBackspace || k.Code == tea.KeyDelete {
			in.m.SetValue("")
		}
		in.all = false
	}
	if k, ok := msg.(tea.KeyPressMsg); ok && key.Matches(k, wordForward) {
		in.deleteWord()
	} else {
		in.m, _ = in.m.Update(msg)
	}
	return in.m.Value() != old
}

// wordForward are the keys that take away the word right of the cursor.
var wordForward = key.NewBinding(key.WithKeys("alt+d", "alt+delete", "ctrl+delete"))

// deleteWord takes away the word right of the cursor, and the blanks before it.
func (in *Input) deleteWord() {
	r := []rune(in.m.Value())
	at := min(in.m.Position(), len(r))
	end := at
	for end < len(r) && unicode.IsSpace(r[end]) {
		end++
	}
	for end < len(r) && !unicode.IsSpace(r[end]) {
		end++
	}
	in.m.SetValue(string(r[:at]) + string(r[end:]))
	in.m.SetCursor(at)
}

// View draws the text in exactly width cells, the cursor in sight; where there is
// no text the hint stands behind it, dim.
func (in *Input) View(th *theme.Theme, width int, hint string) string {
	if width <= 0 {
		return ""
	}
	runes := []rune(in.m.Value())
	if len(runes) == 0 {
		return cursor(th, " ") + th.Dim.Render(line.Fit(hint, width-1, th.Glyphs.Dots))
	}
	pos := min(in.m.Position(), len(runes))
	under, rest := " ", ""
	if pos < len(runes) {
		under, rest = line.Clean(string(runes[pos])), line.Clean(string(runes[pos+1:]))
	}
	before := line.Clean(string(runes[:pos]))
	room := width - line.Width(under)
	if room < 0 {
		return cursor(th, line.Space(width))
	}
	for line.Width(before) > room { // scroll
		_, n := firstRune(before)
		before = before[n:]
	}
	room -= line.Width(before)
	if in.all {
		return th.Selected.Render(before) + cursor(th, under) + line.Space(room)
	}
	return th.Text.Render(before) + cursor(th, under) + th.Text.Render(line.Fit(rest, room, th.Glyphs.Dots))
}

func firstRune(s string) (r rune, n int) {
	for i, c := range s {
		if i > 0 {
			return r, i
		}
		r = c
	}
	return r, len(s)
}

func cursor(th *theme.Theme, s string) string { return th.Cursor.Render(s) }
