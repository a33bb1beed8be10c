package why

import (
	"slices"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/ruleset"
	"nfscope/model/walk"
)

// track has conntrack see the packet, unless a rule took it out of tracking.
func (s *simulation) track() {
	if s.tracked == nil || s.tracked.State != fact.Untracked {
		s.tracked = s.begun()
	}
	s.facts.Connection = fact.Of(s.tracked)
}

// begun is the connection that conntrack makes for the packet; one that a rule may have taken out
// of tracking may have none.
func (s *simulation) begun() *fact.Connection {
	state := fact.New
	if s.tracked != nil {
		state |= s.tracked.State & fact.Untracked
	}
	return &fact.Connection{State: state, Reply: fact.Of(false), Mark: fact.Fact[uint32]{Known: !s.marked}, Zone: fact.Of(uint16(0)), Original: fact.Of(s.packet.Tuple())}
}

// astride takes the packet through a chain at conntrack's own priority, which may be called before
// conntrack and behind it: who was registered last is called first. What it does with tracking
// it does only before, and a mark it gives only to a connection that is there.
func (s *simulation) astride(b *ruleset.Base) walk.Result {
	through := func(c fact.Fact[*fact.Connection]) walk.Result {
		facts := s.facts
		facts.Connection = c
		return s.walker.Chain(b.Table, b.Chain, s.packet, facts, s.muddled)
	}
	fresh := s.begun()
	before, behind := through(s.facts.Connection), through(fact.Of(fresh))
	if c := behind.Facts.Connection; !c.Known || c.Value == nil || c.Value.Mark != fresh.Mark {
		s.marked = true
	}
	r := through(fact.Fact[*fact.Connection]{})
	r.Facts.Connection = before.Facts.Connection
	if c := before.Facts.Connection; c.Known && c.Value != nil && c.Value.State&fact.Untracked != 0 {
		r.Facts.Connection = fact.Of(&fact.Connection{State: fact.Invalid | fact.Untracked})
	}
	return r
}

// passedBy is what a chain of nat does to a packet that may be untracked, and then does not come
// to it; no ends where it is all the same.
func passedBy(r walk.Result, before *fact.Facts) walk.Result {
	if r.Facts.Mark != before.Mark {
		r.Facts.Mark = fact.Fact[uint32]{}
	}
	if !slices.ContainsFunc(r.Ends, func(e walk.End) bool { return e.NAT || e.Verdict != model.VerdictAccept }) {
		r.Ends = nil
		return r
	}
	r.Ends = append(r.Ends, walk.End{Verdict: model.VerdictAccept})
	for i := range r.Ends {
		r.Ends[i].Sure = false
	}
	return r
}
