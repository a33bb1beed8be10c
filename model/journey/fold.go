package journey

import (
	"sync"
	"time"

	"nfscope/model"
	"nfscope/model/flow"
)

// ProbePrefix begins the names of the tables that nfscope itself makes to arm a
// trace. Their events mark where a packet was, and are no steps: the chains named
// after a hook see the packet when every other chain of the hook is done with it.
const ProbePrefix = "nfscope_"

// Rules is what the fold must know of a ruleset: ruleset.Index has it.
type Rules interface {
	Chain(b model.Backend, f model.Family, table, chain string) (*model.Table, *model.Chain)
	NFTChain(f model.Family, table, chain string) (*model.Table, *model.Chain)
	ByHandle(f model.Family, table, chain string, handle uint64) (*model.Table, *model.Chain, *model.Rule)
	Ruleset() *model.Ruleset
}

// Flows finds the conntrack entry of a packet; either answer may be nil.
type Flows interface {
	ByID(id uint32) *flow.Flow
	ByTuple(t model.Tuple) *flow.Flow
	// Followed reports whether conntrack's events come: then a flow that is not found
	// is one that conntrack does not have.
	Followed() bool
	// Whole is since when every entry of conntrack's table was told, zero while some may
	// not have been: before the first dump, and after a loss until the next one.
	Whole() time.Time
}

// Options bound a Fold.
type Options struct {
	// Keep is how many journeys are kept, and Steps how many steps they have together at
	// most, of 350 bytes each; older ones are forgotten and counted.
	Keep, Steps int
	// Quiet is how long after its last event a journey is closed, Held how long where more
	// is to come: that event sent the packet to user space, which may yet let it on, or
	// conntrack has not told of its new connection, which it does over a socket of its own.
	Quiet, Held time.Duration
	// Probes is true where the trace was armed with an owner table, whose chains
	// tell that a packet reached the end of a hook.
	Probes bool
	// Closed takes every journey that is kept when it is closed, where it is not nil; they
	// come about in the order of their numbers.
	Closed func(*Journey)
}

// Fold makes journeys of trace events. It is not safe for concurrent use.
type Fold struct {
	opt   Options
	rules Rules
	flows Flows
	// noLegacy is true where rules of legacy tables tell nothing.
	noLegacy bool
	// noNFT is true where nf_tables may tell nothing.
	noNFT bool
	// chose tells which closed journeys are kept; nil keeps all. Those that began after
	// number since and that ours, a table of nfscope, traced are chosen.
	chose func(*Journey) bool
	ours  string
	since int

	number int
	// going and held are the journeys under way; held are those quiet ones that wait for
	// user space or conntrack.
	going, held lane
	// outwaited is true once one of them waited for user space longer than we do.
	outwaited bool
	open      int
	byID      map[uint32]*builder
	byKey     map[packetKey]*builder // the oldest; the others follow by same
	bases     *bases
	// inForce is what journeys that begin now are told to be under: the oldest reading of
	// the rules as they are.
	inForce Rules
	// older are the rules that closed journeys may still have, the newest last.
	older []Rules
	// talks are the connections that journeys were seen of, by conntrack ID.
	talks     map[uint32]*talk
	seen      [SourceGap + 1]bool
	done      []filed // by number
	steps     int     // of done
	openSteps int     // of the journeys under way
	forgotten uint64
	lost      uint64
	gaps      uint64
	// missed counts all losses, one of unknown size as one: a journey's own are those
	// since it began.
	missed uint64
	// tellsCT is true once an event of nf_tables told of conntrack: then one that does not
	// has nothing to tell.
	tellsCT bool
	// unlooked are the journeys that wait for what conntrack may still tell.
	unlooked []unlooked
	// cut are journeys that were closed before all their events had come, by key: what is
	// late looks like another packet's. cuts counts them.
	cut  map[packetKey][]severed
	cuts int
	// now is the newest event's time, torn when events were last missing by it.
	now, torn time.Time
	// view is the last answer of Journeys, nil when something changed.
	view []*Journey
	// found are rules of nf_tables that were looked up last, by handle.
	found   [256]found
	changes changes
	armings armings
	// datagrams are those that fragments were seen of, heads the last first fragment that
	// came in by a device.
	datagrams map[datagram]seenOf
	heads     map[string]seenOf
	pool      pool
	falls     falls
	sights    sights
	following following
}

// NewFold makes an empty Fold. Zero options get defaults: 2000 journeys, 100,000 steps, or
// fifty of each journey to be kept if that is more, 250 ms, 3 s.
func NewFold(o Options) *Fold {
	if o.Keep <= 0 {
		o.Keep = 2000
	}
	if o.Steps <= 0 {
		o.Steps = max(100_000, 50*o.Keep)
	}
	if o.Quiet <= 0 {
		o.Quiet = 250 * time.Millisecond
	}
	if o.Held <= 0 {
		o.Held = 3 * time.Second
	}
	return &Fold{opt: o, byID: map[uint32]*builder{}, byKey: map[packetKey]*builder{}, cut: map[packetKey][]severed{},
		talks: map[uint32]*talk{}, armings: armings{}, datagrams: map[datagram]seenOf{}, heads: map[string]seenOf{}}
}

// SetRules says by which ruleset the events that follow are to be understood.
// confirmed is when the ruleset before was last known to be in force: journeys with
// later steps in chains that have changed may have been read by the wrong one, and say so. A zero confirmed says
// that both have the same rules.
func (f *Fold) SetRules(r Rules, confirmed time.Time) {
	if f.rules != nil && !confirmed.IsZero() {
		m := sync.OnceValue(func() *moved { return movedBetween(f.rules, r) }) // 14 MB for 36,000 chains
		for b := range f.underWay {
			if m().touchesUnderWay(b, confirmed) {
				b.suspect(rulesMoved)
				m().forget(b, confirmed)
			}
		}
		f.movedUnder("", confirmed, func(stood []standing) bool { return m().touchesStanding(stood) })
		for i := range f.done {
			j := f.draw(&f.done[i])
			if j.Netns != "" || !m().touches(j, confirmed) {
				continue
			}
			c := *j
			if c.Complete {
				c.Complete, c.Why = false, rulesMoved
			}
			c.Steps, c.Outcome = m().forgotten(j, confirmed)
			f.done[i].journey = &c
		}
	}
	if f.inForce == nil || r == nil || !confirmed.IsZero() { // else one reading of the same rules is enough to keep
		f.inForce = r
		f.outlive(r)
	}
	f.rules, f.bases, f.view, f.found = r, nil, nil, [len(f.found)]found{}
	if r != nil {
		f.bases = basesOf(r.Ruleset())
	}
}

const rulesMoved = "the rules changed while it was under way: numbers and texts may be those of other rules"

// SetChosen says which journeys are kept from now on, once they are closed: the bit
// that makes a packet traced tells nothing of who set it, so another's traced packets
// come along. nil keeps all. What the table named ours, "" for none, traces from now on is
// kept without asking: the kernel has matched all that there is to match.
func (f *Fold) SetChosen(chose func(*Journey) bool, ours string) {
	f.chose, f.ours, f.since = chose, ours, f.number
}

// SetFlows says where conntrack entries are found.
func (f *Fold) SetFlows(l Flows) { f.flows = l }

// SetProbes says whether the armed trace has probe chains.
func (f *Fold) SetProbes(on bool) {
	if on == f.opt.Probes {
		return
	}
	f.drawAll()
	f.opt.Probes, f.view = on, nil
	for b := range f.underWay {
		b.dirty = true
	}
}

// SetNoLegacy says whether rules of legacy tables tell nothing, their tracer being off:
// what they drop just vanishes.
func (f *Fold) SetNoLegacy(on bool) {
	if on == f.noLegacy {
		return
	}
	f.drawAll()
	f.noLegacy, f.view = on, nil
	for b := range f.underWay {
		b.dirty = true
	}
}

// SetNoNFT says whether nf_tables may tell nothing of its chains, nothing keeping its tracer
// awake: what a packet met there is not known then.
func (f *Fold) SetNoNFT(on bool) {
	if on == f.noNFT {
		return
	}
	f.drawAll()
	f.noNFT, f.view = on, nil
	for b := range f.underWay {
		b.dirty = true
	}
}

// Lost gives the events known to be lost, and the number of losses of unknown size.
func (f *Fold) Lost() (events, gaps uint64) { return f.lost, f.gaps }

// Forgotten counts the journeys that had to leave.
func (f *Fold) Forgotten() uint64 { return f.forgotten }

// Count is how many journeys there have been.
func (f *Fold) Count() int { return f.number }

// Event folds one event.
func (f *Fold) Event(e *Event) {
	f.view = nil
	if e.Time.After(f.now) {
		f.now = e.Time
	}
	if e.Lost > 0 || e.Source == SourceGap {
		f.gap(e.Lost)
	}
	switch e.Source {
	case SourceLegacy:
		f.seen[SourceLegacy] = true
		f.legacy(e)
	case SourceNFT:
		f.seen[SourceNFT] = true
		f.nft(e)
	}
}

// gap notes a loss. Every journey under way may have suffered it.
func (f *Fold) gap(n uint64) {
	f.lost += n
	if n == 0 {
		f.gaps++
	}
	f.missed += max(n, 1)
	f.torn = f.now
}
