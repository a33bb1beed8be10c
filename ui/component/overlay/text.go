package overlay

import (
	tea "charm.land/bubbletea/v2"

	"nfscope/ui/component/line"
	"nfscope/ui/theme"
)

// Text is a box of text that scrolls.
type Text struct {
	Title string
	// Lines makes the text for a width.
	Lines func(th *theme.Theme, width int) []string
	// Wide is the width the text wants.
	Wide int
	top  int
	room int
}

// Update takes a key: the text scrolls, nothing else.
func (t *Text) Update(msg tea.Msg) {
	k, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return
	}
	switch k.String() {
	case "down", "j":
		t.top++
	case "up", "k":
		t.top--
	case "pgdown", "ctrl+f", "space":
		t.top += max(1, t.room-1)
	case "pgup", "ctrl+b":
		t.top -= max(1, t.room-1)
	case "home", "g":
		t.top = 0
	case "end", "G":
		t.top = 1 << 30
	}
}

// View draws the box for a screen of width x height cells.
func (t *Text) View(th *theme.Theme, width, height int) []string {
	w := min(max(t.Wide, 20)+4, width-2)
	if w < 12 || height < 5 {
		w = width
	}
	lines := t.Lines(th, max(1, w-4))
	h := min(len(lines)+2, height)
	if height >= 8 {
		h = min(len(lines)+2, height-2)
	}
	t.room = max(1, h-2)
	t.top = max(0, min(t.top, len(lines)-t.room))
	end := min(len(lines), t.top+t.room)
	title := t.Title
	if end < len(lines) {
		title = line.Cut(title, max(1, w-10), th.Glyphs.Dots) + " " + th.Glyphs.Down
	}
	return Box(th, title, lines[t.top:end], w, h)
}
