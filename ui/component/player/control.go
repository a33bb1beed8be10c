package player

import "nfscope/model/journey"

// Toggle pauses, or goes on: then what waited starts, as far as there is room.
func (p *Player) Toggle() {
	if p.paused = !p.paused; !p.paused {
		p.admit()
	}
}

// Jump takes the journeys of another moment, oldest first: what was under way is
// forgotten, and of those that are there only the newest is shown.
func (p *Player) Jump(js []*journey.Journey) {
	n := New()
	n.speed, n.paused, n.list = p.speed, p.paused, js
	if len(js) > 0 {
		n.admitted = js[len(js)-1].Number
	}
	*p = *n
	p.refocus()
}

// Paused reports whether the clock stands still.
func (p *Player) Paused() bool { return p.paused }

// Step pauses and moves the focused journey n steps on, or back where n is negative,
// not beyond its ends. The last step of what was accepted is its way out.
func (p *Player) Step(n int) {
	p.paused = true
	t := p.tracks[p.focus]
	if t == nil {
		if p.admit(); p.tracks[p.focus] == nil { // a first packet may have been waiting
			return
		}
		t, n = p.tracks[p.focus], 0
	}
	if t.Enter < 1 && n > 0 {
		n-- // coming in is a step of its own
	}
	// Behind the last step of what was accepted there is one more place: out of here.
	last := len(t.Journey.Steps) - 1
	at, top := t.Step, last
	if t.Journey.Closed && !ends(t.Journey) {
		top++
		at += int(t.Frac)
	}
	at = max(0, min(at+n, top))
	t.Enter, t.Frac, t.gone, t.idle = 1, float64(at/(last+1)), false, 0
	t.Step = min(at, last)
	p.light(t.Journey, t.Step)
	if t.Done = at == top; t.Done {
		p.end(t)
	}
}

// Faster doubles the speed, up to 16.
func (p *Player) Faster() { p.speed = min(p.speed*2, fastest) }

// Slower halves the speed, down to 1/8.
func (p *Player) Slower() { p.speed = max(p.speed/2, slowest) }

// Speed is the factor between wall time and the animation's.
func (p *Player) Speed() float64 { return p.speed }

// Focus pins the ladder to one journey, by its number, and shows it from its start.
// A number that is not known changes nothing.
func (p *Player) Focus(number int) {
	j := p.find(number)
	if t := p.tracks[number]; j == nil && t != nil {
		j = t.Journey
	}
	if j == nil || len(j.Steps) == 0 {
		return
	}
	p.following, p.focus = false, number
	p.admitted = max(p.admitted, number)
	if t := p.tracks[number]; t != nil && !t.gone && !t.Done {
		return // on its way: go on
	}
	p.start(j)
}

// Follow goes with the newest packet again.
func (p *Player) Follow() {
	p.following, p.focus = true, 0
	p.refocus()
}

// Following reports whether the focus goes with the newest packet.
func (p *Player) Following() bool { return p.following }

// refocus moves the focus to the newest packet, not before the packet in focus has
// come to its end: under a flood the eye could follow nothing else.
func (p *Player) refocus() {
	if !p.following || p.paused && p.focus != 0 {
		return
	}
	if t := p.tracks[p.focus]; t != nil && !t.gone {
		return
	}
	for i := len(p.list) - 1; i >= 0; i-- {
		j := p.list[i]
		if j.Number > p.admitted || len(j.Steps) == 0 {
			continue
		}
		if t := p.tracks[j.Number]; t == nil || t.quiet && j.Number > p.focus {
			p.start(j) // it was skipped: it gets its sprite after all
		}
		p.focus = j.Number
		return
	}
}

// Focused gives the journey in focus and the step it stands at, nil where there is none.
func (p *Player) Focused() (j *journey.Journey, step int) {
	t := p.tracks[p.focus]
	if t == nil {
		return nil, 0
	}
	return t.Journey, t.Step
}
