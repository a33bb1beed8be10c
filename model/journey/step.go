package journey

import (
	"time"

	"nfscope/model"
)

// step is one event's part in a walk: what must be noted when the event comes. The Step
// that is shown is made of it when somebody looks.
type step struct {
	at    time.Time
	chain string
	kind  Kind
	// target is what the event said of it, beside the rule; note what is uncertain.
	target, note string
	rule         *model.Rule // nil where it is no rule, or one that is not known
	packet       *model.Packet
	handle       uint64
	num, depth   int
	verdict      model.Verdict
	// mark is the packet's behind the rule where marked is true: nf_tables tells it in each
	// event.
	mark   uint32
	marked bool
	texts  texts // what the rule of its number may have been, where the rules changed
}

// step gives the i-th step of a walk as it is shown, but for what changed in the packet.
func (w *walk) step(i int) Step {
	s := &w.steps[i]
	out := Step{Backend: w.backend, Hook: kernels(w.place.hook), Family: w.family, Table: w.table, Base: w.base,
		Chain: s.chain, Depth: s.depth, Kind: s.kind, Rule: s.num, Handle: s.handle, Verdict: s.verdict,
		Target: s.target, Note: s.note, Time: s.at, RuleID: -1}
	if s.texts != nil {
		out.Texts, out.Note = s.texts, s.texts.words()
	}
	if r := s.rule; r != nil {
		out.Rule, out.Text, out.Comment, out.RuleID = r.Index, r.Text, r.Comment, r.ID
		if r.Target != "" {
			out.Target = r.Target
		}
	}
	return out
}

// last is the newest step of a walk that has one.
func (w *walk) last() Step { return w.step(len(w.steps) - 1) }

// pool has what journeys that are closed and drawn no longer need, so that a flood makes
// no garbage.
type pool struct {
	builders []*builder
	walks    []*walk
	packets  []*model.Packet
}

// slab is how many packets are made at once.
const slab = 64

func take[T any](free *[]*T) *T {
	n := len(*free)
	if n == 0 {
		return new(T)
	}
	t := (*free)[n-1]
	(*free)[n-1], *free = nil, (*free)[:n-1]
	return t
}

func (p *pool) walk() *walk { return take(&p.walks) }

func (p *pool) builder() *builder { return take(&p.builders) }

// packet keeps an event's packet: the event is gone when it is folded.
func (p *pool) packet(e *Event) *model.Packet {
	if e.Packet == nil {
		return nil
	}
	if len(p.packets) == 0 {
		all := make([]model.Packet, slab)
		for i := range all {
			p.packets = append(p.packets, &all[i])
		}
	}
	k := take(&p.packets)
	if *k = *e.Packet; e.HasMark {
		k.Mark = e.Mark
	}
	return k
}

// give takes a builder back that nothing refers to any more.
func (p *pool) give(b *builder) {
	for _, w := range b.walks {
		if w.head != nil {
			p.packets = append(p.packets, w.head)
		}
		for i := range w.steps {
			if q := w.steps[i].packet; q != nil {
				p.packets = append(p.packets, q)
			}
		}
		clear(w.steps)
		*w = walk{steps: w.steps[:0], stack: w.stack[:0]}
		p.walks = append(p.walks, w)
	}
	clear(b.walks)
	*b = builder{walks: b.walks[:0]}
	p.builders = append(p.builders, b)
}
