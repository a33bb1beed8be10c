// Package player runs the animation of journeys on a clock of its own: pause, step,
// rewind and speed touch what is shown and never what arrives.
package player

import (
	"slices"
	"sort"
	"time"

	"nfscope/model/drop"
	"nfscope/model/journey"
)

const (
	// maxSprites bounds how many packets are drawn at once. What comes above that is
	// counted on its rules only.
	maxSprites = 24
	// perStep is how long one step takes at speed 1, longest a whole journey: what is
	// shown never lags further behind what arrives.
	perStep = 150 * time.Millisecond
	longest = 2 * time.Second
	// linger is how long a packet stays to be seen where it ended, patience how long
	// one without a known end waits for more steps.
	linger   = 900 * time.Millisecond
	patience = 2 * time.Second
	// fade is how long a rule glows after it was hit.
	fade = 1200 * time.Millisecond
	// remembered bounds how many journeys' progress is kept, so that one that gets more
	// steps goes on from where it stood.
	remembered = 512

	slowest, fastest = 1.0 / 8, 16.0
)

// Sprite is one packet on its way over the screen.
type Sprite struct {
	Journey *journey.Journey
	// Step is an index of Journey.Steps, a valid one but for a packet that no chain saw, which
	// comes in (Enter) and is gone.
	Step int
	// Frac is how far the packet is from this step to the next, 0 to 1; behind the last
	// step, how far it is out of netfilter.
	Frac float64
	// Enter grows from 0 to 1 while the packet comes in to its first step; 1 from then on.
	Enter float64
	// Done is true once the packet is where its journey ends.
	Done bool
}

// track is what is known of one journey's animation.
type track struct {
	Sprite
	idle    time.Duration // virtual time since it stopped
	gone    bool          // no longer drawn
	counted bool          // its death is marked
	quiet   bool          // skipped: counted on its rules, never drawn
}

// Player holds the animation. It reads no clock: Advance tells it the time. The zero
// value is not ready; use New.
type Player struct {
	speed  float64
	paused bool

	list     []*journey.Journey // the newest that arrived, oldest first
	admitted int                // the highest number that was taken up
	skipped  uint64
	tracks   map[int]*track
	order    []int // numbers of tracks, as they were started

	focus     int // number, 0 for none
	following bool

	glow   map[int]time.Duration // what is left, by rule ID
	deaths []Death
}

// New makes a player that runs at speed 1 and follows the newest packet.
func New() *Player {
	return &Player{speed: 1, following: true, tracks: map[int]*track{}, glow: map[int]time.Duration{}}
}

// Feed takes each snapshot's list of journeys, oldest first. New ones start a sprite;
// one that got more steps goes on. While paused, new ones only wait.
func (p *Player) Feed(js []*journey.Journey) {
	if len(js) > 0 && js[len(js)-1].Number < p.admitted { // another session began
		*p = Player{speed: p.speed, paused: p.paused, following: true, tracks: map[int]*track{}, glow: map[int]time.Duration{}}
	}
	p.list = js
	for _, t := range p.tracks {
		p.refresh(t)
	}
	if !p.paused {
		p.admit()
	}
}

// refresh gives a track the newest form of its journey.
func (p *Player) refresh(t *track) {
	j := p.find(t.Journey.Number)
	if j == nil || j == t.Journey || len(j.Steps) == 0 {
		return
	}
	had := len(t.Journey.Steps)
	t.Journey = j
	t.Step = min(t.Step, len(j.Steps)-1)
	switch {
	case t.quiet:
		for i := had; i < len(j.Steps); i++ {
			p.light(j, i)
		}
		p.end(t)
	case len(j.Steps) > had && t.Done: // it goes on from the last step it showed
		t.Done, t.gone, t.idle, t.Frac = false, false, 0, 0
	case t.Done:
		p.end(t)
	}
}

// admit takes up what arrived: the newest get sprites as far as there is room, the
// rest is counted on its rules at once.
func (p *Player) admit() {
	i := sort.Search(len(p.list), func(i int) bool { return p.list[i].Number > p.admitted })
	fresh := p.list[i:]
	if len(fresh) == 0 {
		return
	}
	room := maxSprites - p.drawn()
	for k, j := range fresh {
		if len(j.Steps) == 0 {
			if j.Closed {
				continue
			}
			fresh = fresh[:k] // its first step is still to come; so is the rest's turn
			break
		}
	}
	for k, j := range fresh {
		p.admitted = j.Number
		switch {
		case len(j.Steps) == 0:
			if Lost(j) && len(fresh)-k <= room {
				p.start(j)
			}
		case len(fresh)-k > room:
			p.skip(j)
		default:
			p.start(j)
		}
	}
	p.refocus()
	p.forget()
}

func (p *Player) start(j *journey.Journey) *track {
	t := &track{Sprite: Sprite{Journey: j}}
	if old := p.tracks[j.Number]; old != nil {
		p.order = slices.DeleteFunc(p.order, func(n int) bool { return n == j.Number })
		t.counted = old.counted
		if old.quiet {
			p.skipped--
		}
	}
	p.tracks[j.Number] = t
	p.order = append(p.order, j.Number)
	return t
}

// skip counts a journey on its rules without drawing it.
func (p *Player) skip(j *journey.Journey) {
	p.skipped++
	for i := range j.Steps {
		p.light(j, i)
	}
	t := p.start(j)
	t.quiet, t.gone, t.Done, t.Step = true, true, true, len(j.Steps)-1
	p.end(t)
}

// forget drops the oldest tracks that are no longer drawn.
func (p *Player) forget() {
	for i := 0; len(p.order) > remembered && i < len(p.order); {
		n := p.order[i]
		if t := p.tracks[n]; !t.gone || n == p.focus {
			i++
			continue
		}
		delete(p.tracks, n)
		p.order = slices.Delete(p.order, i, i+1)
	}
}

func (p *Player) drawn() int {
	n := 0
	for _, t := range p.tracks {
		if !t.gone {
			n++
		}
	}
	return n
}

func (p *Player) find(number int) *journey.Journey {
	i := sort.Search(len(p.list), func(i int) bool { return p.list[i].Number >= number })
	if i < len(p.list) && p.list[i].Number == number {
		return p.list[i]
	}
	return nil
}

// Advance moves everything by d of wall time, scaled by the speed. It does nothing
// while paused.
func (p *Player) Advance(d time.Duration) {
	if p.paused || d <= 0 {
		return
	}
	v := time.Duration(float64(d) * p.speed)
	for id, left := range p.glow {
		if left -= v; left <= 0 {
			delete(p.glow, id)
		} else {
			p.glow[id] = left
		}
	}
	for _, n := range p.order {
		if t := p.tracks[n]; !t.gone {
			p.move(t, v)
		}
	}
	p.refocus()
}

func (p *Player) move(t *track, v time.Duration) {
	scale := pace(t.Journey)
	if t.Enter < 1 {
		need := time.Duration((1 - t.Enter) * 2 * scale)
		if v < need {
			t.Enter += float64(v) / (2 * scale)
			return
		}
		if v, t.Enter = v-need, 1; len(t.Journey.Steps) > 0 {
			p.light(t.Journey, 0)
		}
	}
	for !t.Done && len(t.Journey.Steps) > 0 {
		last := t.Step == len(t.Journey.Steps)-1
		if last && (!t.Journey.Closed || ends(t.Journey)) {
			break
		}
		cost := weight(t.Journey, t.Step) * scale
		need := time.Duration((1 - t.Frac) * cost)
		if v < need {
			t.Frac += float64(v) / cost
			return
		}
		v -= need
		if last {
			t.Frac = 1
			break
		}
		t.Step, t.Frac = t.Step+1, 0
		p.light(t.Journey, t.Step)
	}
	t.idle += v
	if t.Journey.Closed || t.idle > patience {
		t.Done = true
		p.end(t)
		t.gone = t.idle > linger
	}
}

// end marks the death of a journey that came to its end, once.
func (p *Player) end(t *track) {
	if !t.counted && t.Journey.Closed {
		t.counted = true
		p.die(t.Journey)
	}
}

// weight is what a hop costs: the way to another hook is longer than to the next rule.
func weight(j *journey.Journey, i int) float64 {
	if i+1 >= len(j.Steps) {
		return 2
	}
	a, b := &j.Steps[i], &j.Steps[i+1]
	switch {
	case a.Hook != b.Hook:
		return 2.5
	case a.Base != b.Base || a.Table != b.Table || a.Family != b.Family:
		return 1.3
	}
	return 1
}

// pace is the time of a hop of weight 1, so that no journey takes longer than longest.
func pace(j *journey.Journey) float64 {
	total := 2.0
	for i := range j.Steps {
		total += weight(j, i)
	}
	return min(float64(perStep), float64(longest)/total)
}

// ends reports whether a journey stops at its last step: what was accepted goes on from
// there, and what the kernel dropped elsewhere.
func ends(j *journey.Journey) bool { return j.Outcome.Verdict != journey.Accepted && !Lost(j) }

// Lost reports whether the kernel dropped a packet outside of the chains: it died at its
// station, before them, between them or behind.
func Lost(j *journey.Journey) bool {
	by := &j.Outcome.By
	return j.Closed && j.Outcome.Verdict == journey.Dropped && by.Kind == "kernel" && by.Station != "" && by.Station != drop.StationNetfilter.String()
}

// light makes a rule glow.
func (p *Player) light(j *journey.Journey, step int) {
	if s := &j.Steps[step]; s.Kind == journey.KindRule && s.RuleID >= 0 {
		p.glow[s.RuleID] = fade
	}
}

// Moving reports whether time changes anything: the root ticks only while it does.
func (p *Player) Moving() bool {
	return !p.paused && (len(p.glow) > 0 || p.drawn() > 0)
}

// Lit tells how strongly a rule glows, 0 to 1, by its ID in the ruleset. While paused
// the rule that the focused packet stands on is lit.
func (p *Player) Lit(ruleID int) float64 {
	if p.paused { // what glowed when it was paused is another packet's mark, or an older step's
		if j, i := p.Focused(); j != nil && j.Steps[i].RuleID == ruleID && j.Steps[i].Kind == journey.KindRule {
			return 1
		}
		return 0
	}
	return float64(p.glow[ruleID]) / float64(fade)
}

// Sprites lists the packets to draw, the focused one last. While paused it is the only
// one: what others did meanwhile would be read as its own.
func (p *Player) Sprites() []Sprite {
	out := make([]Sprite, 0, maxSprites)
	for _, n := range p.order {
		if t := p.tracks[n]; !t.gone && n != p.focus && !p.paused {
			out = append(out, t.Sprite)
		}
	}
	if t := p.tracks[p.focus]; t != nil && (!t.gone || p.paused) {
		out = append(out, t.Sprite)
	}
	return out
}

// Skipped counts the journeys that were only counted on their rules, not drawn.
func (p *Player) Skipped() uint64 { return p.skipped }

// Waiting counts the journeys that arrived while paused.
func (p *Player) Waiting() int {
	return len(p.list) - sort.Search(len(p.list), func(i int) bool { return p.list[i].Number > p.admitted })
}
