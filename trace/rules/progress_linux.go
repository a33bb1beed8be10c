package rules

import (
	"sync"
	"time"

	"nfscope/model"
	picture "nfscope/model/snapshot"
)

const (
	// beat is the least time between two tellings of how far a reading is.
	beat = 100 * time.Millisecond
	// heartbeat is how often a reading is told of where nothing moves, so that a program
	// that prints nothing for a while is not taken for a screen that hangs.
	heartbeat = time.Second
)

// progress tells how far a Snapshot is. The program that prints rules is followed from
// a goroutine of its own.
type progress struct {
	mu sync.Mutex
	// tell is nil where nobody listens: then nothing is followed.
	tell func(picture.Reading)
	// whole is true once a ruleset was read: an outline is of no use any more.
	whole bool
	on    bool // a Snapshot is under way
	now   picture.Reading
	// said is what was told last, and told when.
	said  picture.Reading
	told  time.Time
	parts []*sketch
	// finished are rules of programs that have ended, lines those of the one that runs.
	finished int
	lines    ruleLines
}

// start begins the reading of a Snapshot. It tells whether an outline is wanted: where
// somebody listens who has seen no rules yet.
func (p *progress) start() (outline bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.on = p.tell != nil; !p.on {
		return false
	}
	now := time.Now()
	p.parts, p.finished, p.lines = nil, 0, ruleLines{}
	p.now = picture.Reading{What: "asking the kernel for its tables", Since: now, Outline: p.now.Outline, Waiting: p.now.Waiting}
	p.told, p.said = now, picture.Reading{Outline: p.now.Outline, Waiting: p.now.Waiting}
	return !p.whole && p.now.Outline == nil
}

// stop ends the reading. With done the ruleset was read, and speaks for itself.
func (p *progress) stop(done bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on = false
	if done {
		p.whole, p.parts, p.now, p.said = true, nil, picture.Reading{}, picture.Reading{}
	}
}

// failed is what is to be said of a reading that came to nothing.
func (p *progress) failed(why string, since time.Time) picture.Reading {
	p.mu.Lock()
	defer p.mu.Unlock()
	return picture.Reading{Failed: why, Since: since, Outline: p.now.Outline, Waiting: p.now.Waiting}
}

// sketched takes what is known of all parts before their text is read. parts is told
// whether their chains are wanted, for an outline: else only the numbers of rules are.
func (p *progress) sketched(parts func(chains bool) []*sketch) {
	p.change(true, func() {
		p.parts = parts(!p.whole)
		p.finished = 0
		for _, s := range p.parts {
			if s.read != nil {
				p.finished += s.rules()
			}
		}
		p.outline()
	})
}

// outline makes the outline anew.
func (p *progress) outline() {
	if !p.whole {
		p.now.Outline, p.now.Waiting = outline(p.parts)
	}
}

// counted takes the numbers of rules that became known, without a change of the chains.
func (p *progress) counted(part int, counted func(*sketch)) {
	p.change(true, func() {
		counted(p.parts[part])
		if !p.whole {
			p.now.Waiting = waiting(p.parts)
		}
	})
}

// read takes the text of a part.
func (p *progress) read(part int, got *part) {
	p.change(true, func() {
		s := p.parts[part]
		nothing := len(s.tables)+len(got.tables) == 0
		s.read = append([]*model.Table{}, got.tables...)
		for _, s := range p.parts {
			if !nothing && s.read == nil && s.rules() != 0 {
				p.outline() // else the ruleset itself is next
				return
			}
		}
	})
}

// begin says which program prints now; want are the headers of the tables whose rules
// count, nil for all.
func (p *progress) begin(what string, want map[string]bool) {
	p.change(true, func() {
		p.now.What = what
		p.lines = ruleLines{want: want}
	})
}

// end says that the program has printed all it had to.
func (p *progress) end(what string) {
	p.change(false, func() {
		p.finished += p.lines.n
		p.lines = ruleLines{}
		p.now.What = what
	})
}

// printed follows what a program prints.
func (p *progress) printed(text []byte) { p.change(false, func() { p.lines.add(text) }) }

// change makes a change and tells of it, at once or at the beat.
func (p *progress) change(news bool, make func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.on {
		return
	}
	make()
	p.now.Total = 0
	total, known := 0, len(p.parts) > 0
	for _, s := range p.parts {
		n := s.rules()
		known = known && n >= 0
		total += n
	}
	p.now.Done = p.finished + p.lines.n
	if known {
		p.now.Total, p.now.Done = total, min(p.now.Done, total)
	}
	now := time.Now()
	since := now.Sub(p.told)
	moved := p.said.What != p.now.What || p.said.Done != p.now.Done || p.said.Total != p.now.Total
	switch {
	case news && !p.whole && !sameOutline(&p.said, &p.now):
	case moved && since >= beat, since >= heartbeat:
	default:
		return
	}
	p.told, p.said = now, p.now
	p.tell(p.now)
}

func sameOutline(a, b *picture.Reading) bool {
	return a.Outline == b.Outline && len(a.Waiting) == len(b.Waiting) && (len(a.Waiting) == 0 || &a.Waiting[0] == &b.Waiting[0])
}

// listening reports whether anybody wants to know.
func (p *progress) listening() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.on
}
