package path

import (
	"fmt"
	"strconv"
	"strings"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/ui/component/canvas"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/player"
	"nfscope/ui/component/progress"
	"nfscope/ui/page"
	"nfscope/ui/speech"
)

// view is one frame being drawn.
type view struct {
	pg *Page
	f  *page.Frame
	p  *canvas.Palette
	w  *world
	c  *canvas.Canvas

	say     ladder.Say
	focus   *journey.Journey
	step    int
	entries [5][]entryView
	geo     [5]geo
	wires   [wireCount][]seg
	deaths  []player.Death
	hits    []clickable
	// used is how many rows the map takes.
	used int
	// top is the first row that the stations' blocks may use.
	top int
	// legs are the wires that the packet in focus has travelled.
	legs [wireCount]bool
	// left is true where the packet in focus has gone on from the step it shows.
	left bool
}

// entryView is what a frame knows of an entry besides what is in the world.
type entryView struct {
	ls []leaf
	// trail is the way of the packet in focus: step to leaf, -1 for the chain.
	trail   map[int]int
	reached bool // the packet in focus has come here
	here    bool // and stands here
	// lines is how many rows the rules get.
	lines int
	// row is the chain's row on the canvas, rows those of its rules.
	row  int
	rows []ruleRow
}

type ruleRow struct{ rule, leaf, y int }

// geo is where a station stands on the canvas: its head at (x, y), its block of rows
// below, w wide.
type geo struct {
	x, y, w, headEnd int
	shown            bool
	// flat is true where the station is a head only, on a line of heads.
	flat bool
}

func (pg *Page) view(f *page.Frame) *view {
	pg.prepare(f)
	v := &view{pg: pg, f: f, p: pg.palette, w: pg.world, c: &pg.canvas, say: pg.ladders.In(speech.In(f.Language()))}
	v.focus, v.step = f.Player.Focused()
	v.deaths = f.Player.Deaths()
	entering := false
	v.left = true
	for _, s := range f.Player.Sprites() {
		if v.focus != nil && s.Journey.Number == v.focus.Number {
			entering = s.Enter < 1
			v.left = s.Frac > 0
		}
	}
	for i := range v.w.stations {
		v.entries[i] = make([]entryView, len(v.w.stations[i].entries))
		for k := range v.entries[i] {
			v.entries[i][k].row = -1
		}
	}
	if v.focus != nil {
		hits := map[int]bool{}
		for i := range v.focus.Steps {
			if id := v.w.resolve(&v.focus.Steps[i]); id >= 0 {
				hits[id] = true
			}
		}
		for i := range v.focus.Steps {
			st, en := v.w.at(&v.focus.Steps[i])
			if st < 0 || en < 0 {
				continue
			}
			ev := &v.entries[st][en]
			if ev.trail == nil {
				e := &v.w.stations[st].entries[en]
				ev.ls = v.w.leaves(e, hits)
				ev.trail = v.w.trail(v.focus, e, ev.ls)
			}
			if i <= v.step && !entering {
				ev.reached = true
			}
			if i == v.step && !entering {
				ev.here = true
			}
		}
		v.travel(entering)
	}
	for i := range v.w.stations {
		for k := range v.w.stations[i].entries {
			if e := &v.w.stations[i].entries[k]; e.chain != nil && v.entries[i][k].ls == nil {
				v.entries[i][k].ls = pg.calm(e)
			}
		}
	}
	return v
}

// draw lays the page out for its size and gives its lines.
func (v *view) draw() []string {
	w, h := v.f.Width, v.f.Height
	head := v.head()
	var body []string
	switch room := h - len(head); {
	case v.w.rules == nil || room <= 0:
		body = v.note(v.tell("reading the rules" + v.p.Glyphs.Dots))
	default:
		body = v.body(w, room)
	}
	out := append(head, body...)
	for len(out) < h {
		out = append(out, "")
	}
	v.pg.hits, v.pg.drawn, v.pg.height = v.hits, v.w.rules, h
	for i := range v.pg.hits {
		v.pg.hits[i].y += len(head)
	}
	return out[:h]
}

func (v *view) body(w, h int) []string {
	legend := 0
	if h >= 18 && !v.f.Zoomed {
		legend = 1
	}
	var body []string
	switch {
	case w >= fullWidth && v.full(w, h-legend):
		v.ladder(w, h-legend)
		body = v.scroll(h - legend)
	case w >= miniWidth && h >= 9:
		v.compact(w, h-legend)
		body = v.c.Lines(0, h-legend)
	default:
		v.list(w, h-legend)
		body = v.c.Lines(0, h-legend)
	}
	if legend > 0 {
		body = append(body, v.legend(w))
	}
	return body
}

// ladder uses the room below the map for the steps of the packet in focus, with the
// rules' whole texts.
func (v *view) ladder(w, h int) {
	if h-v.used < 8 || v.focus == nil || v.f.Zoomed {
		return
	}
	for x := range w {
		v.c.Put(x, v.used+1, v.p.Glyphs.H, v.p.Border)
	}
	ladder.DrawRows(v.c, ladder.Area{X: 0, Y: v.used + 2, W: w, H: h - v.used - 2}, v.say.Rows(v.focus), v.step, v.p)
}

// note is a body of one sentence.
func (v *view) note(s string) []string {
	if v.f.Height < 3 {
		return nil
	}
	v.c.Reset(v.f.Width, 2)
	v.c.Put(1, 1, canvas.Fit(s, v.f.Width-1, v.p.Glyphs.Dots), v.p.Dim)
	return v.c.Lines(0, 2)
}

// head says what the packet in focus meets at this step. The sentence of its end
// stands on the root's line above; where that has no room for all of it, it stands
// here in full.
func (v *view) head() []string {
	w, n := v.f.Width, 1
	switch h := v.f.Height; {
	case h < 2:
		return nil
	case h >= 18:
		n = 2
	}
	v.c.Reset(w, n)
	g := v.p.Glyphs
	if far := progress.Line(v.f.Theme, v.f.Snap, v.f.Now, w); far != "" && (v.focus == nil || v.f.Snap.Rules == nil) {
		return append([]string{far}, v.c.Lines(1, n-1)...)
	}
	if v.focus == nil {
		v.c.Put(1, 0, canvas.Fit(v.tell(v.idle()), w-1, g.Dots), v.p.Dim)
		return v.c.Lines(0, n)
	}
	sign, words, ink := v.narrate()
	state := v.state()
	room := w - 3
	if sw := canvas.Width(state); sw > 0 && sw+24 < w {
		v.c.Put(w-sw-1, 0, state, v.p.Dim)
		room -= sw + 2
	}
	v.c.Put(1, 0, sign, ink)
	lines := []string{words}
	if n > 1 {
		lines = v.say.Wrap(words, room)
	}
	for i, l := range lines {
		if i == n-1 { // the last line there is
			l = strings.Join(lines[i:], " ")
		}
		if i < n {
			v.c.PutMax(3, i, room, canvas.Fit(l, room, g.Dots), ink)
		}
	}
	return v.c.Lines(0, n)
}

// narrate puts the step at hand in words.
func (v *view) narrate() (sign, words string, ink *canvas.Ink) {
	j := v.focus
	fate, ink := v.p.Fate(j.Outcome.Verdict)
	ended := j.Closed && v.step == len(j.Steps)-1
	if says := v.say.Of(j.Outcome.Sentence); ended && canvas.Width(v.say.Headline(j))+canvas.Width(says)+6 > v.f.Width {
		return fate, says, ink
	}
	s := &j.Steps[v.step]
	where := s.Chain
	if s.Depth == 0 {
		where = ladder.Place(s.Backend, s.Family, s.Table, s.Chain)
	}
	where += " (" + s.Backend.String() + ")"
	words = "step " + strconv.Itoa(v.step+1) + " of " + strconv.Itoa(len(j.Steps)) + ": "
	switch s.Kind {
	case journey.KindRule:
		words += "rule " + strconv.Itoa(s.Rule) + " of " + where
	default:
		words += string(s.Kind) + " of " + where
	}
	words += ", " + s.Verdict.String()
	if s.Verdict == model.VerdictJump || s.Verdict == model.VerdictGoto {
		words += " to " + s.Target
	}
	if len(s.Packet) > 0 {
		words += "; the packet now has " + ladder.Changes(s.Packet)
	}
	words = v.say.Of(words)
	if ended {
		return fate, words, ink
	}
	return v.p.Glyphs.Packet, words, v.p.Moving
}

// waits is how many rules of a chain are still to be read, -1 where nobody knows.
func (v *view) waits(c *model.Chain) int {
	if v.f.Snap.Rules != nil {
		return 0
	}
	return v.f.Snap.Reading.Waits(c)
}

// tell is a sentence of the page's own in the language of explanations.
func (v *view) tell(text string) string {
	return v.pg.notices.In(v.lang()).Of(text)
}

// lang is the language of what the map says.
func (v *view) lang() speech.Speech { return speech.In(v.f.Language()) }

// idle says what to do while there is no packet to show.
func (v *view) idle() string {
	if t := &v.f.Snap.Trace; t.Armed {
		return "trace: " + t.Filter + ", waiting for a packet"
	}
	if v.f.Snap.Fixed() {
		return "no packet here"
	}
	return "no trace armed: press a, type a filter, e.g. tcp and dst port 80"
}

// state says how the animation runs, where it is not as usual.
func (v *view) state() string {
	var out []string
	pl := v.f.Player
	if n := pl.Waiting(); n > 0 {
		out = append(out, v.tell(fmt.Sprintf("%d waiting", n)))
	}
	if n := pl.Skipped(); n > 0 {
		out = append(out, v.tell(fmt.Sprintf("%d counted, not drawn", n)))
	}
	if !pl.Following() {
		out = append(out, v.tell("pinned, f follows"))
	}
	if s := pl.Speed(); s >= 1 && s != 1 {
		out = append(out, fmt.Sprintf("x%.0f", s))
	} else if s < 1 {
		out = append(out, fmt.Sprintf("x1/%.0f", 1/s))
	}
	return strings.Join(out, ", ")
}

// legend explains the signs.
func (v *view) legend(w int) string {
	c := canvas.New(w, 1)
	g, p := v.p.Glyphs, v.p
	x := 1
	for _, s := range []struct {
		sign string
		ink  *canvas.Ink
		word string
	}{
		{"L", p.Backend(model.BackendLegacy), "iptables-legacy"}, {"I", p.Backend(model.BackendIptablesNFT), "iptables-nft"},
		{"N", p.Backend(model.BackendNFTables), "nftables"}, {"6", p.Dim, "IPv6"}, {"~", p.Dim, "order unsure"}, {g.Packet, p.Moving, "packet"},
		{g.Jump, p.Moving, "hit"}, {g.Dead, p.Bad, "died here"}, {g.Passed, p.Good, "passed"},
	} {
		word := v.lang().Sign(s.word)
		if x+canvas.Width(word)+4 > w {
			break
		}
		x = c.Put(x, 0, s.sign, s.ink)
		x = c.Put(x+1, 0, word, p.Dim) + 3
	}
	if s := v.tell(v.w.also); s != "" && x+canvas.Width(s) < w {
		c.Put(w-canvas.Width(s)-1, 0, s, p.Dim)
	}
	return c.Lines(0, 1)[0]
}
