// Package replay plays a recording: at any speed, from any moment, forwards and back.
//
// What the screen shows is a fold over all items so far, so going back means folding
// again. While a recording plays it is folded once more in the background, and the state
// is kept at some places; from the nearest one any moment is quickly reached.
package replay

import (
	"context"
	"errors"
	"sync"
	"time"

	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/trace/record"
)

// interval is the least time between two snapshots.
const interval = time.Second / 30

// Slowest and Fastest bound the speed, in recorded seconds per second.
const (
	Slowest = 1.0 / 8
	Fastest = 1000.0
)

// Player plays a File. Its methods may be called from any goroutine and do not wait.
type Player struct {
	file  *record.File
	opt   Options
	index index
	first time.Time
	last  time.Time
	// cur and version belong to the goroutine of Run.
	cur     *cursor
	version uint64

	mu     sync.Mutex
	speed  float64
	paused bool
	target *time.Time // where to go, nil where nowhere
	pos    time.Time
	jumps  uint64
	wake   chan struct{}
}

// Options of a Player.
type Options struct {
	// Speed is recorded seconds per second, 1 where it is 0.
	Speed float64
	// From is where to begin, counted from the begin of the recording.
	From time.Duration
	// To is where to end, counted from the begin of the recording; 0 for its end.
	To time.Duration
	// Change makes of every item what is shown of it; it may be nil.
	Change func(*feed.Item)
}

// New makes a Player that stands at its begin.
func New(f *record.File, o Options) *Player {
	if o.Speed == 0 {
		o.Speed = 1
	}
	p := &Player{file: f, opt: o, speed: o.Speed, wake: make(chan struct{}, 1), index: index{apart: apart}}
	p.first, p.last = f.Span()
	if end := p.first.Add(o.To); o.To > 0 && end.Before(p.last) {
		p.last = end
	}
	p.pos = p.first
	p.cur = p.begin()
	if o.From > 0 {
		p.goTo(p.first.Add(o.From))
	}
	return p
}

func (p *Player) begin() *cursor { return begin(p.file, p.opt.Change, journey.Options{}) }

func (p *Player) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *Player) goTo(at time.Time) {
	if at.Before(p.first) {
		at = p.first
	}
	if at.After(p.last) {
		at = p.last
	}
	p.target = &at
	p.poke()
}

// place is where the playing stands, or is on its way to.
func (p *Player) place() time.Time {
	if p.target != nil {
		return *p.target
	}
	return p.pos
}

// Seek goes to a place, counted from the begin of the recording, and not beyond its ends.
func (p *Player) Seek(to time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.goTo(p.first.Add(to))
}

// Skip goes forward, or back where by is negative.
func (p *Player) Skip(by time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.goTo(p.place().Add(by))
}

// Journey goes n journeys on, or back where n is negative: to the moment at which the
// next one begins.
func (p *Player) Journey(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at, ok := p.index.journey(p.place(), n); ok {
		p.goTo(at)
	} else if n < 0 {
		p.goTo(p.first)
	}
}

// Pause stops the recorded time, or lets it go on.
func (p *Player) Pause(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = on
	p.poke()
}

// SetSpeed plays x recorded seconds per second, within Slowest and Fastest.
func (p *Player) SetSpeed(x float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.speed = min(max(x, Slowest), Fastest)
	p.poke()
}

// Run plays until ctx is done, and publishes what is to be seen from its own goroutine.
func (p *Player) Run(ctx context.Context, publish func(*snapshot.Snapshot)) {
	var aside sync.WaitGroup
	defer aside.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	aside.Add(1)
	go func() {
		defer aside.Done()
		_ = p.index.make(ctx, p.begin()) // what cannot be read is said by the playing
	}()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	p.show(publish)
	shown, before := time.Now(), time.Now()
	for {
		select {
		case <-ctx.Done():
			p.show(publish)
			return
		case <-p.wake:
		case <-ticker.C:
		}
		now := time.Now()
		moved := p.advance(ctx, now.Sub(before))
		before = now
		if moved || p.cur.store.Dirty() || p.told(time.Since(shown)) {
			p.show(publish)
			shown = time.Now()
		}
	}
}

// told reports whether the place has moved so far that the screen should say so.
func (p *Player) told(since time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return since >= 8*interval && !p.paused && p.pos.Before(p.last)
}

// advance lets d pass, or goes where it was told to; then it reports true.
func (p *Player) advance(ctx context.Context, d time.Duration) (jumped bool) {
	p.mu.Lock()
	to, called := p.pos, p.target != nil
	if !p.paused {
		if to = to.Add(time.Duration(float64(d) * p.speed)); to.After(p.last) {
			to = p.last
		}
	}
	p.mu.Unlock()
	if called {
		p.jump(ctx)
		return true
	}
	// What takes longer than a moment to fold goes on in the next one.
	start := time.Now()
	whole, err := p.cur.to(ctx, to, func() bool { return time.Since(start) > 2*interval || p.asked() != nil })
	p.failed(err)
	if !whole {
		to = p.cur.now
	}
	p.cur.over()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pos = to
	return false
}

// asked is where to go, nil where nowhere.
func (p *Player) asked() *time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.target
}

// jump goes where it was told to, from the nearest place before it that is known. Where
// it is told another place meanwhile, it goes there.
func (p *Player) jump(ctx context.Context) {
	for target := p.asked(); target != nil && ctx.Err() == nil; target = p.asked() {
		to := *target
		p.mu.Lock()
		back := to.Before(p.pos)
		p.mu.Unlock()
		if k := p.index.before(to); k != nil && (back || k.block > p.cur.block) {
			p.cur = k.from(p.cur)
		} else if back {
			p.cur = p.begin()
		}
		whole, err := p.cur.to(ctx, to, func() bool { return p.asked() != target })
		p.failed(err)
		p.mu.Lock()
		if p.pos = to; !whole {
			p.pos = p.cur.now
		}
		if p.target == target {
			p.target = nil
		}
		p.jumps++
		p.mu.Unlock()
	}
	p.cur.over()
}

// failed ends the playing where the file cannot be read.
func (p *Player) failed(err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		p.cur.store.Apply(&feed.Item{Time: p.cur.now, Problem: err.Error()})
		p.cur.block, p.cur.items = p.file.Blocks(), nil
	}
}

// show publishes the state.
func (p *Player) show(publish func(*snapshot.Snapshot)) {
	p.mu.Lock()
	pos := p.pos
	r := &snapshot.Replay{Begin: p.first, End: p.last, Speed: p.speed, Paused: p.paused, Jumps: p.jumps}
	p.mu.Unlock()
	s := p.cur.store.Snapshot(pos)
	p.version++
	s.Replay, s.Version = r, p.version
	publish(s)
}
