package overlay

import (
	tea "charm.land/bubbletea/v2"

	"nfscope/ui/component/ladder"
	"nfscope/ui/component/line"
	"nfscope/ui/theme"
)

// Ask is a question that is answered by y, and by every other key that closes it with no.
type Ask struct {
	Title string
	// Text are paragraphs; Yes says what y does.
	Text []string
	Yes  string
	// Answer is what y leads to.
	Answer tea.Cmd
	// Say is the language of the answers.
	Say ladder.Say
}

// Update takes a key: there is nothing to scroll.
func (a *Ask) Update(tea.Msg) {}

// View draws the box, as wide as there is room up to 76 cells.
func (a *Ask) View(th *theme.Theme, width, height int) []string {
	w := max(4, min(76, width-2))
	var body []string
	for _, p := range a.Text {
		for _, l := range line.Wrap(line.Clean(p), w-4) {
			body = append(body, th.Text.Render(l))
		}
	}
	body = append(body, "", th.Strong.Render("y")+" "+a.Yes+"   "+th.Strong.Render("n")+a.Say.Of(" or esc: leave it"))
	h := max(3, min(len(body)+2, height))
	if over := len(body) + 2 - h; over > 0 { // the answer's line stays
		body = append(body[:max(0, len(body)-2-over)], body[len(body)-2:]...)
	}
	return Box(th, a.Title, body, w, h)
}
