package journey

import (
	"slices"
	"time"

	"nfscope/model"
	"nfscope/model/flow"
)

// place is where on a packet's way a base chain stands.
type place struct {
	hook     model.Hook
	priority model.Priority
}

// rank orders the hooks along a packet's way. Input, forward and output exclude
// each other and share a rank.
func rank(h model.Hook) int {
	switch h {
	case model.HookIngress:
		return 1
	case model.HookPrerouting:
		return 2
	case model.HookInput, model.HookForward, model.HookOutput:
		return 3
	case model.HookPostrouting:
		return 4
	case model.HookEgress:
		return 5
	case sentOutput:
		return 6
	case sentPostrouting:
		return 7
	case sentEgress:
		return 8
	}
	return 0
}

// before reports whether a packet comes to p earlier than to q.
func (p place) before(q place) bool {
	if rank(p.hook) != rank(q.hook) {
		return rank(p.hook) < rank(q.hook)
	}
	return p.priority < q.priority
}

// walk is one packet's way through one base chain and the chains it calls.
type walk struct {
	source  Source
	backend model.Backend
	family  model.Family
	table   string
	place   place
	stated  model.Priority // the chain's own, by which those of nat at one place are called
	base    string
	// probe is the hook whose end this walk marks, HookNone for a table of the user.
	probe model.Hook
	// hidden walks belong to nfscope's own table.
	hidden bool
	// armed walks are those through the chain of nfscope's table that switches the trace on.
	armed bool
	// vague walks began in a user chain: base and place are guessed.
	vague bool
	steps []step
	// head holds headers that came without a step: those of a hidden walk, or of the
	// marker of a chain's end.
	head *model.Packet
	// stack names the chains on the way down to the current one, base chain first.
	stack []string
	// verdict is how the walk ended, VerdictUnknown while it goes on.
	verdict model.Verdict
	lastNum int
	in, out string
	// port is true where the legacy tracer named the port of a bridge that the packet leaves
	// by: the bridge forwards it (br_nf_forward).
	port bool
}

// lastPacket is the newest header the walk has shown, nil where it showed none.
func (w *walk) lastPacket() *model.Packet {
	if w.head != nil {
		return w.head
	}
	for i := len(w.steps) - 1; i >= 0; i-- {
		if p := w.steps[i].packet; p != nil {
			return p
		}
	}
	return nil
}

// firstPacket is the oldest header the walk has shown, nil where it showed none.
func (w *walk) firstPacket() *model.Packet {
	if w.head != nil {
		return w.head
	}
	for i := range w.steps {
		if p := w.steps[i].packet; p != nil {
			return p
		}
	}
	return nil
}

func (w *walk) depth() int { return max(0, len(w.stack)-1) }

func (w *walk) top() string {
	if len(w.stack) == 0 {
		return ""
	}
	return w.stack[len(w.stack)-1]
}

// arrive puts the stack right for an event in chain: a chain on the stack means
// that those above it came back. It reports whether the way there is known: the
// base chain may have been left for good by a goto and still has the policy; all
// else comes of a step that was lost.
func (w *walk) arrive(chain string) bool {
	for i := len(w.stack) - 1; i >= 0; i-- {
		if w.stack[i] == chain {
			w.stack = w.stack[:i+1]
			return true
		}
	}
	w.stack[len(w.stack)-1] = chain
	return chain == w.base || w.vague
}

// add appends a step and follows its verdict.
func (w *walk) add(s *step, to string) {
	s.depth = w.depth()
	if s.packet == nil {
		s.packet, w.head = w.head, nil
	}
	w.steps = append(w.steps, *s)
	switch s.verdict {
	case model.VerdictJump:
		w.stack = append(w.stack, to)
	case model.VerdictGoto:
		w.stack[len(w.stack)-1] = to
	case model.VerdictReturn:
		if len(w.stack) > 1 {
			w.stack = w.stack[:len(w.stack)-1]
		}
	case model.VerdictAccept, model.VerdictDrop, model.VerdictReject, model.VerdictStolen, model.VerdictQueue:
		w.verdict = s.verdict
	}
}

const inferred = "what the target did is inferred from what came after"

// goesOn corrects a verdict that was not known when its event came: the walk went
// on in chain, so the rule let it, or came back from its chain.
func (w *walk) goesOn(chain string) {
	n := len(w.steps)
	if n == 0 || w.steps[n-1].verdict != model.VerdictUnknown {
		return
	}
	s := &w.steps[n-1]
	s.verdict, s.note = model.VerdictContinue, inferred
	if chain != s.chain && len(w.stack) > 1 {
		s.verdict = model.VerdictReturn
		w.stack = w.stack[:len(w.stack)-1]
	}
}

// builder is a journey under way.
type builder struct {
	number      int
	id          uint32
	hasID       bool
	firstID     uint32 // the id that it was first known by
	follow      uint64 // its number as programs follow it, 0 where that is not known
	wants       uint32 // the id that nf_tables has for it, and its turn, as the legacy tracer's events tell
	wantsTurn   uint32
	turn, turns uint32 // of the first id, the turns of its first event and of its last
	guessed     bool   // an event of the legacy tracer came that is of no known packet
	key         packetKey
	keyed       bool
	stamp       time.Time
	stampSure   bool    // the stamp is the packet's own
	walks       []*walk // in the order of the packet's way
	nft, legacy *walk   // the newest walk of each source
	first, last time.Time
	delay       time.Duration // how long before first it may have been
	steps       int           // of all walks
	ct          CT
	hasCT       bool
	owner       *Owner
	link        *Link
	noCT        bool       // an event from behind conntrack told of no entry
	entry       *flow.Flow // the entry of its tuple that was known well before it came
	prev, next  *builder   // in its lane
	waits       bool       // its lane is Fold.held
	same        *builder   // the next of the same key
	bases       *bases     // of the ruleset in force when it began
	rules       Rules      // that ruleset
	gone        bool       // it was let go
	probed      bool       // probe chains were there when it began
	began       bool       // our own chain that switched the trace on is among the walks
	way         model.Hook
	sent        bool   // came to postrouting
	assumed     bool   // an event with other ends was taken for the packet's
	missed      uint64 // Fold.missed when it began
	gaps        uint64
	late        bool    // events that were lost may have been its beginning
	torn        bool    // events in the middle are missing
	answers     int     // the journey of the other direction that it followed
	half        int     // the journey of its other half, over loopback
	copyOf      int     // the journey that a rule made it of
	flooded     string  // the bridge that made it, of a packet that it sends out of several ports
	sentBy      string  // the bridge that made it, of a packet that the host sends out of several of its ports
	piece       piece   // of a datagram
	doubles     int     // copies that rules made of it and that were not seen
	doubt       string  // why its steps may be another packet's
	alikes      *alikes // the journeys that its events may be mixed up with
	behind      bool    // events are still to come, as alikes counts them
	even        int     // so many journeys were mixed up that have the same steps
	end         *end    // the kernel's drop that it ends with
	closed      bool
	mixed       bool // events of both tracers had come
	known       known
	dirty       bool
	pub         *Journey
}

// insert puts a walk where the packet's way has it. At the same place those of one
// tracer stay in the order they came in; between the two tracers that order would be
// a race of two sockets, so the legacy table is put first.
func (b *builder) insert(w *walk) {
	if !w.vague && !below(w.family) { // what a bridge delivers may be routed on
		b.went(w.place.hook)
	}
	b.began = b.began || w.hidden && w.probe == model.HookNone && !w.behindConntrack()
	i := len(b.walks)
	for i > 0 && w.comesBefore(b.walks[i-1]) {
		i--
	}
	b.walks = append(b.walks, nil)
	copy(b.walks[i+1:], b.walks[i:])
	b.walks[i] = w
}

// comesBefore reports whether a walk stands before one that was told of earlier.
func (w *walk) comesBefore(o *walk) bool {
	return w.place.before(o.place) || w.place == o.place && w.source != o.source && w.stated < o.stated || w.beside(o) && w.source == SourceLegacy
}

// beside reports whether two walks stand at one place, and only their tracers could
// tell which was first.
func (w *walk) beside(o *walk) bool {
	return w.place == o.place && w.stated == o.stated && w.source != o.source && !w.vague && !o.vague
}

// face is the packet as it was last seen at or before a place, and where.
func (b *builder) face(at place) (*model.Packet, place) {
	p, w := b.shown(at)
	if w == nil {
		return nil, place{}
	}
	return p, w.place
}

// shown is face with the walk.
func (b *builder) shown(at place) (*model.Packet, *walk) {
	var p *model.Packet
	var seen *walk
	for _, w := range b.walks {
		if p != nil && at.before(w.place) {
			break
		}
		if q := w.lastPacket(); q != nil && (p == nil || !q.Unshown) {
			p, seen = q, w
		}
	}
	return p, seen
}

// inside is the name of the interface the packet came in by. Where postrouting names
// the one it goes out by, the packet may have been made here; of what came through output it
// names the tunnel that wrapped it, or what the packet that it is a copy of came in by.
func (b *builder) inside() string {
	for _, w := range b.walks {
		if w.in != "" && !below(w.family) && (w.place.hook != model.HookPostrouting || w.in != w.out && b.way != model.HookOutput) {
			return w.in
		}
	}
	return b.flooded
}

// cameIn reports whether a hook told of the packet that only what comes in passes.
func (b *builder) cameIn() bool {
	return b.flooded != "" || slices.ContainsFunc(b.walks, func(w *walk) bool {
		return w.in != "" && !below(w.family) && w.place.hook != model.HookPostrouting
	})
}
