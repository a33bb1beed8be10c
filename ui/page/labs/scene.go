package labs

import (
	"fmt"
	"strings"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/ui/component/canvas"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/line"
	"nfscope/ui/component/network"
	"nfscope/ui/page"
)

// scene is the side of the network: the hosts, the hooks, the packet's rules and the
// connections.
func (p *Page) scene(f *page.Frame, l *snapshot.Lab, a areas, h int) []string {
	th := f.Theme
	out := p.picture(f, l, a)
	most := fewFlows
	if h >= tall {
		most = h / 7
	}
	table := append(p.connections(f, a.side, most), p.counts(f, a.side)...)
	// What the rules of a small lab and the packet's way do not need is room for all below.
	deep := max(min(len(p.rules(f, a.side, h))+2, max(h*2/5, 24)), p.rungs()+4, 12)
	room := min(h-len(out)-len(table)-2, deep) // the table stays where it is
	if room < 3 {
		table = nil
		room = h - len(out) - 1
	}
	out = append(out, th.Border.Render(strings.Repeat(th.Glyphs.H, a.side)))
	var below []string
	if p.stage == nil || p.phase == finished {
		below = p.rules(f, a.side, room)
	} else {
		below = p.ladder(f, a, room)
	}
	out = append(out, below...)
	for range room - len(below) {
		out = append(out, "")
	}
	if table != nil {
		out = append(out, th.Border.Render(strings.Repeat(th.Glyphs.H, a.side)))
		out = append(out, table...)
	}
	// A tall page has the rules in sight also while a packet goes through them.
	if room := h - len(out) - 1; p.stage != nil && p.phase != finished && room >= fewRules {
		out = append(out, th.Border.Render(strings.Repeat(th.Glyphs.H, a.side)))
		out = append(out, p.rules(f, a.side, room)...)
	}
	// And what became of the steps before.
	if far := p.soFar(f, l, a.side); h >= tall && len(far) > 1 && h-len(out)-1 >= len(far) {
		out = append(append(out, th.Border.Render(strings.Repeat(th.Glyphs.H, a.side))), far...)
	}
	// And the step's other packets.
	if room := h - len(out) - 1; h >= tall && room >= fewRules {
		if others := p.others(f, a.side, room); len(others) > 0 {
			out = append(append(out, th.Border.Render(strings.Repeat(th.Glyphs.H, a.side))), others...)
		}
	}
	return out
}

// soFar lists the steps that were shown, each with what became of its packet.
func (p *Page) soFar(f *page.Frame, l *snapshot.Lab, w int) []string {
	th, say := f.Theme, p.speech(f)
	out := []string{th.Title.Render(say.SoFar())}
	for _, t := range p.told {
		glyph, style := th.Fate(fateOf(t.truth))
		head := fmt.Sprintf(" %s %d  %s", style.Render(glyph), t.step+1, line.Clean(l.Steps[t.step].Title))
		out = append(out, line.Spread(head, th.Dim.Render(line.Clean(say.Truth(t.truth, l.Steps[t.step].Count))), w, th.Glyphs.Dots))
	}
	return out
}

const (
	// tall is the height from which more connections are listed.
	tall = 48
	// fewRules is the room from which rules are listed beside the packet's way.
	fewRules = 4
)

// picture is the network with the packet on it, and the hooks below.
func (p *Page) picture(f *page.Frame, l *snapshot.Lab, a areas) []string {
	m := p.network(f, l)
	h := min(m.H, a.netH)
	c := canvas.New(a.side, m.H)
	pal := canvas.NewPalette(f.Theme)
	x := max((a.side-m.W)/2, 0)
	_, line := p.inside(f, p.spot(f))
	look := network.Look{Line: line}
	var at network.Cell
	var glyph string
	ink := pal.Moving
	s := p.stage
	if s != nil {
		stops := m.Stops(s.way)
		switch {
		case (s.part == coming || s.part == going) && len(stops) > 0:
			i := min(int(s.prog*float64(len(stops))), len(stops)-1)
			at, look.Lit, glyph = stops[i].Cell, stops[i].Host, f.Theme.Glyphs.Packet
		case s.part == inside:
			at, look.Lit, glyph = m.At(s.net.Observed), s.net.Observed, f.Theme.Glyphs.Packet
		case s.part == waiting:
			at, look.Lit, glyph = m.At(s.step.From), s.step.From, f.Theme.Glyphs.Packet
		}
	} else if p.phase == asking || p.phase == choosing {
		look.Lit = l.Steps[p.step].From
		at, glyph = m.At(look.Lit), f.Theme.Glyphs.Packet
	}
	m.Draw(c, x, 0, look, pal)
	if s != nil {
		for _, e := range s.fates {
			g, i := f.Theme.Glyphs.Packet, pal.Moving
			if v := s.verdict(e); v != "" {
				g, i = pal.Fate(v)
			}
			k := m.At(e.host)
			c.Put(x+k.X, k.Y, g, i)
		}
	}
	if glyph != "" {
		c.Put(x+at.X, at.Y, glyph, ink)
	}
	// What does not fit is scrolled, so that the packet, or else its sender, is in sight.
	focus := at.Y
	if glyph == "" && s != nil && len(s.fates) > 0 {
		focus = m.At(s.fates[len(s.fates)-1].host).Y
	}
	top := min(max(focus-h/2, 0), m.H-h)
	return append(c.Lines(top, top+h), p.hooks(f, a.side))
}

// hooks is the way through netfilter in one line, with the packet at its place.
func (p *Page) hooks(f *page.Frame, w int) string {
	g := f.Theme.Glyphs
	c := canvas.New(w, 1)
	pal := canvas.NewPalette(f.Theme)
	met, now, end := p.met()
	var parts []string
	width := 0
	for _, h := range []model.Hook{model.HookPrerouting, model.HookInput, model.HookForward, model.HookOutput, model.HookPostrouting} {
		parts = append(parts, strings.ToUpper(h.String()))
		width += len(h.String()) + 2
	}
	between := []string{" " + g.H + g.Fork + g.H + " ", "  ", "  ", " " + g.H + g.H + " "}
	for _, b := range between {
		width += canvas.Width(b)
	}
	x := max((w-width)/2, 0)
	for i, h := range []model.Hook{model.HookPrerouting, model.HookInput, model.HookForward, model.HookOutput, model.HookPostrouting} {
		mark, ink := " ", pal.Dim
		if met[h] {
			mark, ink = g.Passed, pal.Good
		}
		if h == now {
			mark, ink = g.Packet, pal.Moving
			if end != "" {
				mark, ink = pal.Fate(end)
			}
		}
		x = c.Put(x, 0, mark+" "+parts[i], ink)
		if i < len(between) {
			x = c.Put(x, 0, between[i], pal.Border)
		}
	}
	return c.Lines(0, 1)[0]
}

// met are the hooks that the packet has passed, the one that it is in, and the verdict
// where it ended there.
func (p *Page) met() (met map[model.Hook]bool, now model.Hook, end string) {
	met = map[model.Hook]bool{}
	s := p.stage
	if s == nil || s.part == waiting || s.part == coming {
		return met, now, ""
	}
	j := s.now()
	if j == nil {
		j = s.first()
	}
	if j == nil {
		return met, now, ""
	}
	way := map[string][]model.Hook{journey.PathInput: {model.HookPrerouting, model.HookInput},
		journey.PathForward: {model.HookPrerouting, model.HookForward, model.HookPostrouting},
		journey.PathOutput:  {model.HookOutput, model.HookPostrouting}}[j.Path]
	through := s.part != inside && j.Outcome.Verdict == journey.Accepted
	switch {
	case through:
	case s.part == inside && s.rung() >= 0:
		now = j.Steps[s.rung()].Hook
	case len(j.Steps) > 0:
		now, end = j.Steps[len(j.Steps)-1].Hook, j.Outcome.Verdict
	case len(way) > 0:
		now = way[0]
	}
	for _, h := range way {
		if h == now {
			break
		}
		met[h] = true
	}
	met[now] = now != model.HookNone
	return met, now, end
}

// ladder is the way of the packet under way, or of the step's, rule by rule.
func (p *Page) ladder(f *page.Frame, a areas, h int) []string {
	s := p.stage
	if h < 2 || s == nil {
		return nil
	}
	j, rung := s.now(), s.rung()
	if s.part == over || p.phase == telling {
		if j = s.first(); j != nil {
			rung = len(j.Steps) - 1
			if p.truth != nil && p.truth.Journey != nil {
				j = p.truth.Journey
				rung = len(j.Steps) - 1
			}
		}
	}
	if j == nil || s.part == coming {
		return nil
	}
	say := p.speech(f)
	var notes []string
	if len(j.Steps) == 0 {
		notes = append(notes, "  "+say.Unasked(j.CTState))
	}
	if s.part != inside || rung == len(j.Steps)-1 {
		for _, l := range say.Became(j.NAT) {
			notes = append(notes, "  "+f.Theme.Accent.Render(line.Cut(line.Clean(l), a.side-2, f.Theme.Glyphs.Dots)))
		}
	}
	if len(j.Steps) == 0 {
		return notes[:min(len(notes), h)]
	}
	notes = notes[:min(len(notes), max(0, h-4))]
	h -= len(notes)
	c := canvas.New(a.side, h)
	rows := p.ladders.In(say).Rows(j)
	if p.phase != telling { // what is not reached yet is not told
		for i := range rows {
			if rows[i].Step > rung {
				rows = rows[:i]
				break
			}
		}
	}
	ladder.DrawRows(c, ladder.Area{X: 0, Y: 0, W: a.side, H: h}, rows, rung, canvas.NewPalette(f.Theme))
	return append(c.Lines(0, min(h, len(rows)+1)), notes...)
}

// fewFlows is how many connections are listed where there is little room.
const fewFlows = 5

// connections lists the newest conntrack entries, so many at most, a translated one with
// the tuple that its replies have.
func (p *Page) connections(f *page.Frame, w, most int) []string {
	th, say := f.Theme, p.speech(f)
	out := []string{th.Title.Render("conntrack")}
	list := p.flows(f)
	if n := len(list) - most; n > 0 {
		list = list[n:]
	}
	if len(list) == 0 {
		out[0] += "  " + th.Dim.Render(say.NoEntries(f.Snap.ConntrackInUse))
	}
	for _, fl := range list {
		o, r := fl.Orig.Tuple, fl.Reply.Tuple
		head := o.Proto.String() + " " + o.SrcString() + " > " + o.DstString()
		style, tail := th.Dim, fl.Word()
		if nat := fl.NAT.String(); nat != "" {
			style, tail = th.Accent, nat+"  "+tail
		}
		out = append(out, line.Spread(" "+line.Clean(head), style.Render(line.Clean(tail)), w, th.Glyphs.Dots))
		if r.SrcString() != o.DstString() || r.DstString() != o.SrcString() {
			out = append(out, line.Cut("     "+th.Dim.Render("reply "+r.SrcString()+" > "+r.DstString()), w, th.Glyphs.Dots))
		}
	}
	return out
}

// flows are the connections that were made by what was shown so far, oldest first.
func (p *Page) flows(f *page.Frame) (list []*flow.Flow) {
	if f.Snap.Flows.Table == nil {
		return nil
	}
	for _, fl := range f.Snap.Flows.Table.List() {
		if fl.Orig.Tuple.Dst.IsMulticast() { // what hosts say when a link comes up is no lab's matter
			continue
		}
		if fl.Gone.IsZero() && (p.stage == nil || p.stage.made(fl.ID)) {
			list = append(list, fl)
		}
	}
	return list
}
