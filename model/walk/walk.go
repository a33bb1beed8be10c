// Package walk takes a packet through base chains as the kernel does, in three values:
// where it can end there, and whether it must. What depends on something that is not
// known leaves several ends open; what is not among them cannot happen.
package walk

import (
	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/ruleset"
)

// Walker walks through the chains of one ruleset. It is not safe for concurrent use.
type Walker struct {
	index *ruleset.Index
	read  map[*model.Rule]*Rule
}

// New makes a Walker.
func New(x *ruleset.Index) *Walker { return &Walker{index: x, read: map[*model.Rule]*Rule{}} }

// Ruleset is what is walked through.
func (w *Walker) Ruleset() *model.Ruleset { return w.index.Ruleset() }

// End is where a packet may leave a base chain.
type End struct {
	Table *model.Table
	// Chain is the chain of the rule, or the base chain whose policy it is.
	Chain *model.Chain
	// Rule is nil for a policy.
	Rule *model.Rule
	// Read is the rule as it was understood, nil for a policy.
	Read *Rule
	// Verdict is accept, drop, reject, queue, stolen, or unknown where nobody can say what
	// the rule does.
	Verdict model.Verdict
	// NAT is true where the rule translates.
	NAT bool
	// Sure is true where the packet leaves here and nowhere else.
	Sure bool
}

// Result is what one base chain does to a packet.
type Result struct {
	// Ends are all that are possible, in the order in which the kernel comes to them.
	Ends []End
	// Packet and Facts are as the chain leaves them where it lets the packet go on.
	Packet model.Packet
	Facts  fact.Facts
	// Muddled says that the packet's headers are not known any more.
	Muddled bool
}

// The bounds of one walk.
const (
	maxRules = 20_000
	maxDepth = 64
)

// Chain takes a packet through a base chain. muddled says that its headers are not what
// they seem.
func (w *Walker) Chain(t *model.Table, c *model.Chain, p model.Packet, f fact.Facts, muddled bool) Result {
	f.Backend = t.Backend
	s := &way{w: w, table: t, at: at{p, f, muddled}}
	if s.chain(c, 0) {
		v := c.PolicyVerdict()
		if c.Policy == "" {
			v = model.VerdictAccept // a file may leave it out
		}
		s.ends = append(s.ends, End{Table: t, Chain: c, Verdict: v})
	}
	if len(s.ends) == 1 {
		s.ends[0].Sure = true
	}
	return Result{Ends: s.ends, Packet: s.packet, Facts: s.facts, Muddled: s.muddled}
}

// at is what is known of a packet that has come to a place.
type at struct {
	packet  model.Packet
	facts   fact.Facts
	muddled bool
}

// way is a walk under way.
type way struct {
	w     *Walker
	table *model.Table
	at
	rules int
	ends  []End
}

// chain takes those that come to a chain through it, and says whether any may come out at
// its end or by return.
func (s *way) chain(c *model.Chain, depth int) bool {
	var left *at // those that left early
	alive := true
	for i := 0; i < len(c.Rules) && alive; i++ {
		r := &c.Rules[i]
		x := s.w.rule(s.table, r)
		if s.rules++; s.rules > maxRules || depth > maxDepth {
			s.end(c, r, nil, model.VerdictUnknown, false)
			s.forget()
			break
		}
		if x == nil {
			s.end(c, r, nil, model.VerdictUnknown, false)
			s.forget()
			continue
		}
		o := x.hold(&s.at)
		if o.answer == fact.No {
			continue
		}
		others := s.at // those that do not match
		s.at = o.at
		switch v := o.does.verdict; v {
		case model.VerdictContinue:
			if o.answer == fact.Unsure {
				s.at = merge(others, s.at)
			}
			continue
		case model.VerdictJump:
			_, called := s.w.index.Chain(s.table.Backend, s.table.Family, s.table.Name, o.does.chain)
			if called == nil || called.Base() {
				s.end(c, r, x, model.VerdictUnknown, false)
				s.forget()
				s.at = merge(others, s.at)
				continue
			}
			back := s.chain(called, depth+1)
			switch {
			case !back:
			case o.does.leaves: // who comes back leaves this chain too
				left = either(left, s.at)
			case o.answer == fact.Unsure:
				s.at = merge(others, s.at)
				continue
			default:
				continue
			}
		case model.VerdictReturn:
			left = either(left, s.at)
		case model.VerdictUnknown: // it may end here, or go on
			s.end(c, r, x, v, o.does.nat)
			s.forget()
			s.at = merge(others, s.at)
			continue
		default:
			s.end(c, r, x, v, o.does.nat)
		}
		alive = o.answer != fact.Yes
		s.at = others
	}
	switch {
	case !alive && left == nil:
		return false
	case !alive:
		s.at = *left
	case left != nil:
		s.at = merge(*left, s.at)
	}
	return true
}

func (s *way) end(c *model.Chain, r *model.Rule, x *Rule, v model.Verdict, nat bool) {
	s.ends = append(s.ends, End{Table: s.table, Chain: c, Rule: r, Read: x, Verdict: v, NAT: nat})
}

func either(a *at, b at) *at {
	if a != nil {
		b = merge(*a, b)
	}
	return &b
}

// forget gives up what a rule may have done that nobody understands.
func (s *way) forget() {
	s.facts.Mark = fact.Fact[uint32]{}
	if c := s.facts.Connection; c.Known && c.Value != nil {
		n := *c.Value
		n.Mark = fact.Fact[uint32]{}
		s.facts.Connection.Value = &n
	}
}

// merge keeps what is known in both of two cases.
func merge(a, b at) at {
	return at{a.packet, mergeFacts(a.facts, b.facts), a.muddled || b.muddled || a.packet != b.packet}
}

func mergeFacts(a, b fact.Facts) fact.Facts {
	if a.Mark != b.Mark {
		a.Mark = fact.Fact[uint32]{}
	}
	x, y := a.Connection, b.Connection
	switch {
	case !x.Known || !y.Known || x.Value == y.Value:
		if !y.Known {
			a.Connection = y
		}
	case x.Value == nil || y.Value == nil:
		if y.Value != nil && y.Value.State == fact.Untracked { // maybe out of tracking
			n := *y.Value
			n.State = fact.Invalid | fact.Untracked
			a.Connection.Value = &n
		} else {
			a.Connection = fact.Fact[*fact.Connection]{}
		}
	default:
		n := *x.Value
		n.State |= y.Value.State
		if n.Mark != y.Value.Mark {
			n.Mark = fact.Fact[uint32]{}
		}
		a.Connection.Value = &n
	}
	return a
}
