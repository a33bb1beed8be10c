// Package help shows every key. What it shows is the keymap itself.
package help

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/ui/component/input"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/line"
	"nfscope/ui/component/overlay"
	"nfscope/ui/keys"
	"nfscope/ui/theme"
)

// Help is an open help.
type Help struct {
	in   input.Input
	page string
	top  int
	say  ladder.Say
}

// New opens the help of a page: its own keys come first. say is the language of what they do.
func New(page string, say ladder.Say) *Help { return &Help{in: input.New(""), page: page, say: say} }

// Update takes a key or a paste.
func (h *Help) Update(msg tea.Msg) {
	if k, ok := msg.(tea.KeyPressMsg); ok {
		switch k.String() {
		case "up":
			h.top = max(0, h.top-1)
			return
		case "down":
			h.top++
			return
		case "pgup":
			h.top = max(0, h.top-10)
			return
		case "pgdown":
			h.top += 10
			return
		}
	}
	if h.in.Update(msg) {
		h.top = 0
	}
}

// Found lists the bindings that hold every word typed, those of the page first.
func (h *Help) Found() []keys.Binding {
	var own, rest []keys.Binding
	for _, b := range keys.All() {
		text := strings.ToLower(strings.Join(b.Keys, " ") + " " + b.Help + " " + h.say.Of(b.Help) + " " + string(b.Action) + " " + b.Scope)
		all := true
		for _, w := range strings.Fields(strings.ToLower(h.in.Value())) {
			all = all && strings.Contains(text, w)
		}
		switch {
		case !all:
		case b.Scope == h.page:
			own = append(own, b)
		default:
			rest = append(rest, b)
		}
	}
	return append(own, rest...)
}

// View draws the box for a screen of width x height cells.
func (h *Help) View(th *theme.Theme, width, height int) []string {
	found := h.Found()
	w, high := min(78, width-2), min(len(keys.All())+8, height-2)
	if w < 12 || high < 4 {
		w, high = width, height
	}
	inner := w - 4
	body := []string{th.Accent.Render("? ") + h.in.View(th, inner-2, h.say.Of("type to search; esc closes"))}
	labels := 0
	for _, b := range found {
		labels = max(labels, len("  ")+line.Width(strings.Join(b.Keys, " ")))
	}
	labels = min(labels, inner/2)
	var rows []string
	scope := ""
	for _, b := range found {
		if b.Scope != scope {
			scope = b.Scope
			rows = append(rows, th.Title.Render(h.say.Of(Scope(scope))))
		}
		rows = append(rows, th.Strong.Render(line.Fit("  "+strings.Join(b.Keys, " "), labels, th.Glyphs.Dots))+"  "+h.say.Of(b.Help))
	}
	if len(found) == 0 {
		rows = append(rows, th.Dim.Render(h.say.Of("no key does that")))
	}
	room := max(1, high-3)
	h.top = max(0, min(h.top, len(rows)-room))
	end := min(len(rows), h.top+room)
	body = append(body, rows[h.top:end]...)
	title := h.say.Of("keys")
	if len(rows) > room {
		title += " " + th.Glyphs.Down
	}
	return overlay.Box(th, title, body, w, high)
}

// Scope is the heading of a scope.
func Scope(s string) string {
	if s == keys.Everywhere {
		return "Everywhere"
	}
	return "On the page " + s
}
