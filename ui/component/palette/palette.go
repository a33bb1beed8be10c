// Package palette lists what can be done by name and finds it by some of its letters.
package palette

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/ui/component/input"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/line"
	"nfscope/ui/component/overlay"
	"nfscope/ui/keys"
	"nfscope/ui/theme"
)

// Item is one thing that can be done.
type Item struct {
	Action keys.Action
	// Name is the action's name, Help what it does, Key the key that does it too.
	Name, Help, Key string
}

// Items makes the palette of a page from the keymap. say is the language of what is done.
func Items(page string, say ladder.Say) []Item {
	var out []Item
	for _, b := range keys.All() {
		if b.Holds(page) && b.Action != keys.Palette {
			out = append(out, Item{b.Action, string(b.Action), say.Of(b.Help), b.Keys[0]})
		}
	}
	return out
}

// Palette is an open palette.
type Palette struct {
	in    input.Input
	items []Item
	found []Item
	at    int
	say   ladder.Say
}

// New opens a palette, in a language.
func New(items []Item, say ladder.Say) *Palette {
	p := &Palette{in: input.New(""), items: items, say: say}
	p.find()
	return p
}

// Update takes a key or a paste.
func (p *Palette) Update(msg tea.Msg) {
	if k, ok := msg.(tea.KeyPressMsg); ok {
		switch k.String() {
		case "up", "ctrl+p":
			p.at = max(0, p.at-1)
			return
		case "down", "ctrl+n":
			p.at = max(0, min(p.at+1, len(p.found)-1))
			return
		}
	}
	if p.in.Update(msg) {
		p.find()
	}
}

// Chosen is the item under the cursor; ok is false where nothing was found.
func (p *Palette) Chosen() (it Item, ok bool) {
	if p.at >= len(p.found) {
		return Item{}, false
	}
	return p.found[p.at], true
}

func (p *Palette) find() {
	p.found, p.at = p.found[:0], 0
	type hit struct {
		Item
		score int
	}
	var hits []hit
	for _, it := range p.items {
		name, ok := Score(p.in.Value(), it.Name)
		help, ok2 := Score(p.in.Value(), it.Help)
		if ok || ok2 {
			s := 1 << 20
			if ok {
				s = name
			}
			if ok2 {
				s = min(s, help+5)
			}
			hits = append(hits, hit{it, s})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return a.score - b.score })
	for _, h := range hits {
		p.found = append(p.found, h.Item)
	}
}

// Score tells how badly the letters of want, in their order, fit into text: 0 is
// best. ok is false where they are not all there.
func Score(want, text string) (score int, ok bool) {
	w, t := strings.ToLower(strings.TrimSpace(want)), strings.ToLower(text)
	if i := strings.Index(t, w); i >= 0 {
		return i, true
	}
	at := 0
	for _, r := range w {
		i := strings.IndexRune(t[at:], r)
		if i < 0 {
			return 0, false
		}
		score += i
		at += i + len(string(r))
	}
	return score + 20, true
}

// View draws the box for a screen of width x height cells.
func (p *Palette) View(th *theme.Theme, width, height int) []string {
	w, h := min(78, width-2), min(len(p.items)+4, height-2, 20)
	if w < 12 || h < 4 {
		w, h = width, height
	}
	inner := w - 4
	body := []string{th.Accent.Render(":") + p.in.View(th, inner-1, p.say.Of("what to do"))}
	rows := h - 3
	from := max(0, p.at-rows+1)
	for i := from; i < len(p.found) && i < from+rows; i++ {
		it := p.found[i]
		name := line.Fit(it.Name, min(14, inner/2), th.Glyphs.Dots)
		key := " " + it.Key
		help := line.Fit(" "+it.Help, inner-line.Width(name)-line.Width(key), th.Glyphs.Dots)
		if i == p.at {
			body = append(body, th.Selected.Render(line.Fit(name+help+key, inner, "")))
		} else {
			body = append(body, line.Fit(th.Strong.Render(name)+help+th.Dim.Render(key), inner, ""))
		}
	}
	if len(p.found) == 0 {
		body = append(body, th.Dim.Render(p.say.Of("nothing has these letters")))
	}
	return overlay.Box(th, p.say.Of("what to do"), body, w, h)
}
