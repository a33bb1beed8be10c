// Package ui is the root of the screen: it takes snapshots, routes keys to one page
// at a time, runs the frame clock and draws what stands around and above a page.
package ui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"nfscope/model"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/snapshot"
	"nfscope/model/why"
	"nfscope/ui/component/filterbar"
	"nfscope/ui/component/player"
	"nfscope/ui/page"
	"nfscope/ui/speech"
	"nfscope/ui/theme"
)

// SnapshotMsg brings the newest picture of the session. Senders coalesce: at most
// about 30 a second, and only where something changed.
type SnapshotMsg struct{ *snapshot.Snapshot }

// Actions is what the screen can ask of the session. Its methods run outside of the
// screen's goroutine and may block; they are called one at a time.
type Actions interface {
	// Arm starts a trace in place of the one that runs: of what the filter says, or both
	// directions of it.
	Arm(filter string, both bool) error
	// Disarm ends the trace; without one it does nothing.
	Disarm() error
}

// Options make a screen.
type Options struct {
	Pages []page.Page
	// Start is the name of the first page shown, "" for the first of Pages.
	Start string
	Theme theme.Options
	// Actions is nil where nothing can be traced, as in a recording.
	Actions Actions
	// Transport is nil where the source is no recording.
	Transport Transport
	// Look is told what counters are on the screen, whenever that changed: of a ruleset, nil
	// where none are, by Chain.ID and Rule.ID. It must not block, and may keep the slices.
	// nil where nobody wants to know.
	Look func(of *model.Ruleset, chains, rules []int)
	// Delete takes an entry out of conntrack's table, and may block; nil where the user did
	// not say that anything may be changed.
	Delete func(*flow.Flow) error
	// Why looks for the packets of a filter and what comes back, until the answer is certain,
	// a time is over or ctx ends, with a trace in place of the one that runs. tell is given
	// what is known meanwhile. It may block, and is called like a method of Actions; nil
	// where nothing can be traced.
	Why func(ctx context.Context, filter string, tell func(*why.Answer)) (*why.Answer, error)
	// Bounds are those of an armed trace, in words; "" means "30 s at 100 packets/s".
	Bounds string
	// Lang is the language of explanations where no lab has one, "en" or "zh".
	Lang string
	// Version stands in the help.
	Version string
	// Now is the clock, time.Now where nil.
	Now func() time.Time
}

// The frame clock ticks this often, and only while something moves.
const tick = 33 * time.Millisecond

// messageTime is how long a message stays on the bottom line.
const messageTime = 6 * time.Second

// box is something open above the page. It gets all keys but those that close it.
type box interface {
	Update(tea.Msg)
	View(th *theme.Theme, width, height int) []string
}

// message is a sentence on the bottom line.
type message struct {
	text string
	bad  bool
	id   int
}

// Model is the root. It is made by New and used through tea.Program.
type Model struct {
	opt    Options
	th     *theme.Theme
	player *player.Player
	now    func() time.Time
	// after delivers a message later: a timer, but for tests.
	after func(time.Duration, tea.Msg) tea.Cmd

	width, height int
	at            int // the page
	filters       map[string]string
	zoomed, mouse bool

	// snap is what pages draw; latest is the newest there is: they differ only while
	// paused. got is when latest came.
	snap, latest *snapshot.Snapshot
	got          time.Time

	ladders  speech.Ladders
	notices  speech.Notices
	overlays speech.Overlays
	answers  speech.Answers

	bar  *filterbar.Bar
	open box
	said message

	ticking bool      // a frame tick is on its way
	last    time.Time // the frame before
	seconds bool      // a tick of the trace's clock is on its way

	// sight is what Look was told last, of seen; room is to find out in what it is now.
	sight, room page.Sight
	seen        *model.Ruleset

	request uint64 // the newest request; answers to older ones are stale
	busy    string // what the newest request does, "" when it was answered
	queue   chan struct{}
}

// New makes the screen.
func New(o Options) *Model {
	m := &Model{opt: o, th: theme.New(o.Theme), player: player.New(), now: o.Now, filters: map[string]string{},
		snap: &snapshot.Snapshot{}, queue: make(chan struct{}, 1)}
	m.latest = m.snap
	m.after = func(d time.Duration, msg tea.Msg) tea.Cmd {
		return tea.Tick(d, func(time.Time) tea.Msg { return msg })
	}
	if m.now == nil {
		m.now = time.Now
	}
	if m.opt.Bounds == "" {
		m.opt.Bounds = "30 s at 100 packets/s"
	}
	for i, p := range o.Pages {
		if p.Name() == o.Start {
			m.at = i
		}
	}
	return m
}

// Init asks the terminal for its background.
func (m *Model) Init() tea.Cmd {
	if m.opt.Theme.Color {
		return tea.RequestBackgroundColor
	}
	return nil
}

// page is the one shown, nil where there is none.
func (m *Model) page() page.Page {
	if m.at < len(m.opt.Pages) {
		return m.opt.Pages[m.at]
	}
	return nil
}

func (m *Model) name() string {
	if p := m.page(); p != nil {
		return p.Name()
	}
	return ""
}

// clock is the time in the snapshot's own terms, so that a recording counts down as
// the live session did.
func (m *Model) clock() time.Time {
	if m.got.IsZero() {
		return m.now()
	}
	return m.latest.Time.Add(m.now().Sub(m.got))
}

// left is what remains of the armed trace.
func (m *Model) left() time.Duration { return max(0, m.latest.Trace.Until.Sub(m.clock())) }

// frame is what the page may draw from now.
func (m *Model) frame() *page.Frame { return m.frameOf(m.page()) }

func (m *Model) frameOf(p page.Page) *page.Frame {
	_, height := m.areas()
	f := &page.Frame{Snap: m.snap, Player: m.player, Theme: m.th, Width: m.width, Height: height,
		Now: m.clock(), Zoomed: m.zoomed, Lang: m.opt.Lang}
	if p == nil {
		return f
	}
	f.Filter = m.filters[p.Name()]
	if _, live := p.(page.Live); live && m.bar != nil && m.bar.Kind == filterbar.Narrow && m.bar.Page == p.Name() {
		f.Filter = m.bar.Value()
	}
	return f
}

// check tells what is wrong with a filter for a page.
func check(p page.Page) (valid func(string) error, free bool) {
	kind := filter.Journeys
	if f, ok := p.(page.Filtered); ok {
		kind, free = f.Filters()
	}
	return func(s string) error { return parse(s, kind) }, free
}

// parse tells what is wrong with a filter for a kind of thing.
func parse(s string, k filter.Kind) error {
	f, err := filter.Parse(s)
	if err != nil {
		return err
	}
	return f.Check(k)
}
