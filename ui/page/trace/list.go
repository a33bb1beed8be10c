package trace

import (
	"strconv"
	"strings"
	"time"

	"nfscope/model/journey"
	"nfscope/ui/component/canvas"
	"nfscope/ui/component/ladder"
	"nfscope/ui/page"
	"nfscope/ui/speech"
)

// drawList draws the packets, the newest at the bottom.
func (pg *Page) drawList(f *page.Frame, a ladder.Area) {
	c, p := &pg.canvas, pg.palette
	n, rows := len(pg.list), a.H-1
	s := pg.title(f)
	x := c.PutMax(a.X+1, a.Y, a.W-1, canvas.Fit(s, a.W-1, p.Glyphs.Dots), p.Title)
	state := "following the newest"
	if !f.Player.Following() || pg.selected != 0 {
		state = "pinned, f follows"
	}
	if f.Player.Paused() {
		state = "paused"
		if k := f.Player.Waiting(); k > 0 {
			state += ", " + itoa(k) + " waiting"
		}
	}
	state = pg.notices.In(speech.In(f.Language())).Of(state)
	if sx := a.X + a.W - canvas.Width(state) - 1; sx > x+2 {
		c.Put(sx, a.Y, state, p.Dim)
	}
	at := pg.at(f)
	first := n - rows
	if at >= 0 {
		first = min(max(pg.first, at-rows+1), at)
		first = min(first, n-rows)
	}
	pg.first = max(first, 0)
	pg.listed, pg.listY, pg.listW = rows, a.Y+1, a.X+a.W
	for y := 0; y < rows && pg.first+y < n; y++ {
		pg.entry(f, a, a.Y+1+y, pg.first+y, pg.first+y == at)
	}
}

// title says what is listed.
func (pg *Page) title(f *page.Frame) string {
	n, in := len(pg.list), speech.In(f.Language())
	s := in.Listed(n, len(f.Snap.Journeys))
	if pg.talk != nil {
		back := 0
		for _, j := range pg.list {
			if j.Direction == journey.Reply {
				back++
			}
		}
		s = in.Exchanged(pg.talk.Flow, n-back, back)
	}
	if f.Snap.Forgotten > 0 {
		s += in.Older(f.Snap.Forgotten)
	}
	if pg.problem != "" {
		s += in.Narrowed(pg.notices.In(in).Of(pg.problem))
	} else if pg.filter != nil {
		s += in.Narrowed(pg.text)
		if pg.late > 0 {
			s += in.Searched(pg.late)
		}
	}
	return s
}

// entry draws one packet of the list: number, time, time since the one before it, fate,
// direction, packet, way, and what became of it, as far as the width allows.
func (pg *Page) entry(f *page.Frame, a ladder.Area, y, i int, selected bool) {
	c, p := &pg.canvas, pg.palette
	j := pg.list[i]
	end := a.X + a.W
	fate, ink := p.Fate(j.Outcome.Verdict)
	if !j.Closed {
		fate, ink = p.Glyphs.Packet, p.Moving
	}
	if pg.compare.marked != nil && pg.compare.marked.Number == j.Number {
		c.Put(a.X+1, y, p.Glyphs.Selected, p.Accent)
	}
	if fj, _ := f.Player.Focused(); fj != nil && fj.Number == j.Number {
		c.Put(a.X, y, p.Glyphs.Hit, p.Moving)
	}
	x := a.X + 2
	x = c.PutMax(x, y, end-x, "#"+itoa(j.Number), p.Dim)
	x = max(x+1, a.X+7)
	if a.W >= 100 {
		x = c.PutMax(x, y, end-x, j.Start.Format("15:04:05"), p.Dim) + 1
	}
	if a.W >= 64 {
		d := ""
		if i > 0 {
			d = since(j.Start.Sub(pg.list[i-1].Start))
		}
		c.PutMax(x+deltaWidth-canvas.Width(d), y, deltaWidth, d, p.Dim)
		x += deltaWidth + 1
	}
	c.PutMax(x, y, end-x, fate, ink)
	x += 2
	switch {
	case j.Direction == journey.Reply:
		c.PutMax(x, y, end-x, p.Glyphs.Left, p.Accent)
	case j.Direction == journey.Original && pg.talk != nil:
		c.PutMax(x, y, end-x, p.Glyphs.Right, p.Accent)
	}
	x += 2
	if a.W < 60 { // the packet's end matters more than its word
		c.PutMax(x, y, end-x, packetWords(&j.Packet, end-x, p.Glyphs.Dots), nil)
	} else {
		wide := len("rejected") + 1
		if a.W >= 110 {
			wide = min(40, a.W-76)
		}
		right := end - wide
		way := way(j)
		room := right - x - 1
		pk := j.Packet.String()
		if pw := canvas.Width(pk); pw+2+canvas.Width(way) <= room && a.W >= 76 {
			col := max(x+pw+2, min(x+54, right-18))
			c.PutMax(col, y, right-col-1, canvas.Fit(way, right-col-1, p.Glyphs.Dots), p.Dim)
		}
		c.PutMax(x, y, room, packetWords(&j.Packet, room, p.Glyphs.Dots), nil)
		c.PutMax(right, y, end-right, canvas.Fit(pg.say.Of(fateWords(j, wide)), wide-1, p.Glyphs.Dots), ink)
	}
	if selected {
		c.Ground(a.X, y, a.W, p.Selected, p)
	}
}

// fateWords says what became of a packet in at most w cells: the verdict, and who spoke it.
func fateWords(j *journey.Journey, w int) string {
	if !j.Closed {
		return "moving"
	}
	o := &j.Outcome
	word := o.Verdict
	if w < 20 {
		return word
	}
	by := ""
	switch {
	case o.By.Kind == "rule":
		by = " by rule " + itoa(o.By.Rule) + " of "
	case o.By.Kind == "policy" && o.Verdict != journey.Accepted:
		by = " by the policy of "
	case o.By.Kind == "kernel" && o.By.Reason != "":
		return word + ": " + o.By.Reason
	default:
		return word
	}
	return word + by + ladder.Place(o.By.Backend, o.By.Family, o.By.Table, o.By.Chain)
}

// deltaWidth is as wide as since gets.
const deltaWidth = 7

// since is a time between two packets: "+340us", "+12ms", "+1.2s", "+3m".
func since(d time.Duration) string {
	sign := "+"
	if d < 0 {
		sign, d = "-", -d
	}
	num := func(unit time.Duration, name string) string {
		v := float64(d) / float64(unit)
		if v < 9.95 {
			return sign + strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0") + name
		}
		return sign + strconv.FormatInt(int64((d+unit/2)/unit), 10) + name
	}
	switch {
	case d < time.Microsecond:
		return sign + "0"
	case d < time.Millisecond-time.Microsecond/2:
		return num(time.Microsecond, "us")
	case d < time.Second-time.Millisecond/2:
		return num(time.Millisecond, "ms")
	case d < 100*time.Second:
		return num(time.Second, "s")
	case d < 100*time.Minute:
		return num(time.Minute, "m")
	case d < 100*time.Hour:
		return num(time.Hour, "h")
	}
	return num(24*time.Hour, "d")
}

// way names the interfaces.
func way(j *journey.Journey) string {
	switch {
	case j.In != "" && j.Out != "":
		return j.In + " > " + j.Out
	case j.In != "":
		return "in " + j.In
	case j.Out != "":
		return "out " + j.Out
	}
	return ""
}
