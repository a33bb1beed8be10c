package trace

import (
	tea "charm.land/bubbletea/v2"

	"nfscope/model/journey"
	"nfscope/ui/component/canvas"
	"nfscope/ui/component/ladder"
	"nfscope/ui/page"
)

// converse shows the connection of the packet that is shown; a second time it leaves it.
func (pg *Page) converse(f *page.Frame) tea.Cmd {
	if pg.mode == talking {
		pg.leave()
		return nil
	}
	j, _ := pg.shown(f)
	if j == nil {
		return nil
	}
	if _, ok := journey.ConversationOf(j, nil); !ok {
		return page.Send(page.Say{Text: "conntrack knows no connection of #" + itoa(j.Number)})
	}
	pg.mode, pg.talk, pg.selected = talking, j, j.Number
	return nil
}

// drawTalk draws the ladders of a packet and of its partner in the other direction, the
// request first.
func (pg *Page) drawTalk(f *page.Frame, a ladder.Area) {
	c, p := &pg.canvas, pg.palette
	j, step := pg.shown(f)
	if j == nil {
		return
	}
	other := journey.Partner(j, pg.list)
	if other == nil {
		c.PutMax(a.X+1, a.Y, a.W-1, canvas.Fit(pg.say.Of("no packet of the other direction was traced"), a.W-1, p.Glyphs.Dots), p.Dim)
		a.Y, a.H = a.Y+1, a.H-1
		pg.detail(a, j, step)
		return
	}
	first, last := j, other
	at := [2]int{step, len(other.Steps)}
	if j.Direction == journey.Reply {
		first, last = other, j
		at = [2]int{len(other.Steps), step}
	}
	if a.W >= twoLadders {
		half := (a.W - 3) / 2
		pg.detail(ladder.Area{X: a.X, Y: a.Y, W: half, H: a.H}, first, at[0])
		for y := range a.H {
			c.Put(a.X+half+1, a.Y+y, p.Glyphs.V, p.Border)
		}
		pg.detail(ladder.Area{X: a.X + half + 3, Y: a.Y, W: a.W - half - 3, H: a.H}, last, at[1])
		return
	}
	top := a.H / 2
	pg.detail(ladder.Area{X: a.X, Y: a.Y, W: a.W, H: top}, first, at[0])
	for x := range a.W {
		c.Put(a.X+x, a.Y+top, p.Glyphs.H, p.Border)
	}
	pg.detail(ladder.Area{X: a.X, Y: a.Y + top + 1, W: a.W, H: a.H - top - 1}, last, at[1])
}
