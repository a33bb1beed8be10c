package journey

import (
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
}

// Flows finds the conntrack entry of a packet; either answer may be nil.
type Flows interface {
	ByID(id uint32) *flow.Flow
	ByTuple(t model.Tuple) *flow.Flow
}

// Options bound a Fold.
type Options struct {
	// Keep is how many journeys are kept; older ones are forgotten and counted.
	Keep int
	// Quiet is how long after its last event a journey is closed.
	Quiet time.Duration
	// Probes is true where the trace was armed with an owner table, whose chains
	// tell that a packet reached the end of a hook.
	Probes bool
}

// Fold makes journeys of trace events. It is not safe for concurrent use.
type Fold struct {
	opt   Options
	rules Rules
	flows Flows

	number    int
	open      []*builder // oldest first
	byID      map[uint32]*builder
	byKey     map[packetKey][]*builder
	done      []*Journey
	forgotten uint64
	lost      uint64
	gaps      uint64
	// view is the last answer of Journeys, nil when something changed.
	view []*Journey
}

// NewFold makes an empty Fold. Zero options get defaults: 2000 journeys, 250 ms.
func NewFold(o Options) *Fold {
	if o.Keep == 0 {
		o.Keep = 2000
	}
	if o.Quiet == 0 {
		o.Quiet = 250 * time.Millisecond
	}
	return &Fold{opt: o, byID: map[uint32]*builder{}, byKey: map[packetKey][]*builder{}}
}

// SetRules says by which ruleset the events that follow are to be understood.
// confirmed is when the ruleset before was last known to be in force: journeys with
// later steps may have been read by the wrong one, and say so. A zero confirmed says
// that both have the same rules.
func (f *Fold) SetRules(r Rules, confirmed time.Time) {
	if f.rules != nil && !confirmed.IsZero() {
		for _, b := range f.open {
			if b.last.After(confirmed) {
				b.doubt, b.dirty = rulesMoved, true
			}
		}
		for i, j := range f.done {
			if n := len(j.Steps); n > 0 && j.Steps[n-1].Time.After(confirmed) {
				c := *j
				c.Complete, c.Why = false, rulesMoved
				f.done[i] = &c
			}
		}
	}
	f.rules, f.view = r, nil
}

const rulesMoved = "the rules changed while it was under way: numbers and texts may be those of other rules"

// SetFlows says where conntrack entries are found.
func (f *Fold) SetFlows(l Flows) { f.flows = l }

// SetProbes says whether the armed trace has probe chains.
func (f *Fold) SetProbes(on bool) { f.opt.Probes = on }

// Lost gives the events known to be lost, and the number of losses of unknown size.
func (f *Fold) Lost() (events, gaps uint64) { return f.lost, f.gaps }

// Forgotten counts the journeys that had to leave.
func (f *Fold) Forgotten() uint64 { return f.forgotten }

// Count is how many journeys there have been.
func (f *Fold) Count() int { return f.number }

// Event folds one event.
func (f *Fold) Event(e *Event) {
	f.view = nil
	if e.Lost > 0 || e.Source == SourceGap {
		f.gap(e.Lost)
	}
	if e.Packet != nil && e.HasMark {
		e.Packet.Mark = e.Mark
	}
	switch e.Source {
	case SourceLegacy:
		f.legacy(e)
	case SourceNFT:
		f.nft(e)
	}
}

// gap notes a loss on every journey that may have suffered it.
func (f *Fold) gap(n uint64) {
	f.lost += n
	if n == 0 {
		f.gaps++
	}
	for _, b := range f.open {
		b.gaps += max(n, 1)
		b.dirty = true
	}
}

// Tick closes the journeys of which nothing was heard for a while, and reports
// whether there were any.
func (f *Fold) Tick(now time.Time) (closed bool) {
	for len(f.open) > 0 {
		i := 0
		for i < len(f.open) && now.Sub(f.open[i].last) < f.opt.Quiet {
			i++
		}
		if i == len(f.open) {
			return closed
		}
		f.close(f.open[i])
		closed = true
	}
	return closed
}

// Flush closes everything: the trace has ended.
func (f *Fold) Flush() {
	for len(f.open) > 0 {
		f.close(f.open[0])
	}
}

// Journeys lists all journeys kept, oldest first, those under way included. What
// is handed out never changes.
func (f *Fold) Journeys() []*Journey {
	if f.view != nil {
		return f.view
	}
	f.view = make([]*Journey, 0, len(f.done)+len(f.open))
	f.view = append(f.view, f.done...)
	for _, b := range f.open {
		f.view = append(f.view, f.render(b))
	}
	return f.view
}

// begin opens a journey.
func (f *Fold) begin(e *Event) *builder {
	f.number++
	b := &builder{number: f.number, first: e.Time, last: e.Time, dirty: true}
	f.open = append(f.open, b)
	return b
}

// close ends a journey and files it, in the order of the numbers.
func (f *Fold) close(b *builder) {
	f.view = nil
	b.closed, b.dirty = true, true
	if b.hasID && f.byID[b.id] == b {
		delete(f.byID, b.id)
	}
	f.unkey(b)
	for i, o := range f.open {
		if o == b {
			f.open = append(f.open[:i], f.open[i+1:]...)
			break
		}
	}
	j := f.render(b)
	i := len(f.done)
	for i > 0 && f.done[i-1].Number > j.Number {
		i--
	}
	if len(f.done) >= f.opt.Keep {
		gone := len(f.done) - f.opt.Keep*3/4 // by the quarter, so that moving is rare
		f.done = f.done[:copy(f.done, f.done[gone:])]
		f.forgotten += uint64(gone)
		i = max(0, i-gone)
	}
	f.done = append(f.done, nil)
	copy(f.done[i+1:], f.done[i:])
	f.done[i] = j
}

// packetKey is what stays the same in a packet from its first hook to its last,
// address translation included.
type packetKey struct {
	family model.Family
	proto  model.Proto
	ipid   uint16
	label  uint32
	length int
	frag   int
	seq    uint32
	ack    uint32
	flags  model.TCPFlags
	icmp   uint16
}

func keyOf(p *model.Packet) packetKey {
	k := packetKey{family: p.Family, proto: p.Proto, ipid: p.IPID, label: p.FlowLabel, length: p.Length,
		frag: p.FragOffset, seq: p.Seq, ack: p.Ack, flags: p.Flags}
	if p.Proto.ICMP() {
		k.icmp = uint16(p.ICMPType)<<8 | uint16(p.ICMPCode)
	}
	return k
}

func (f *Fold) key(b *builder, p *model.Packet) {
	if b.keyed {
		return
	}
	b.key, b.keyed = keyOf(p), true
	f.byKey[b.key] = append(f.byKey[b.key], b)
}

func (f *Fold) unkey(b *builder) {
	if !b.keyed {
		return
	}
	l := f.byKey[b.key]
	for i, o := range l {
		if o == b {
			l = append(l[:i:i], l[i+1:]...)
			break
		}
	}
	if len(l) == 0 {
		delete(f.byKey, b.key)
	} else {
		f.byKey[b.key] = l
	}
}
