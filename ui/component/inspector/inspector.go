// Package inspector draws what there is to know of one thing: names and values,
// or sentences, wrapped to the panel.
package inspector

import (
	"charm.land/lipgloss/v2"

	"nfscope/ui/component/line"
	"nfscope/ui/theme"
)

// Item is a name and its value; without a name the value is a sentence.
type Item struct {
	Name, Value string
	Style       lipgloss.Style
}

// View draws exactly height lines of width cells; what does not fit is cut off and
// marked.
func View(th *theme.Theme, width, height int, items []Item) []string {
	name := 0
	for _, it := range items {
		name = max(name, line.Width(it.Name)+2)
	}
	name = min(name, width/3)
	var out []string
	for _, it := range items {
		indent := 0
		if it.Name != "" {
			indent = name
		}
		for i, l := range line.Wrap(line.Clean(it.Value), width-indent) {
			head := line.Space(indent)
			if i == 0 && indent > 0 {
				head = th.Dim.Render(line.Fit(it.Name, indent, th.Glyphs.Dots))
			}
			out = append(out, head+it.Style.Render(l))
		}
	}
	if len(out) > height && height > 0 {
		out = out[:height]
		out[height-1] = th.Dim.Render(th.Glyphs.Dots)
	}
	return line.Block(out, width, height, th.Glyphs.Dots)
}
