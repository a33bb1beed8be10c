package miss

import (
	"nfscope/model"
	"nfscope/model/journey"
)

// gap is a run of rules of one chain that were looked at and not hit.
type gap struct {
	// at is the step before which they were looked at.
	at    int
	table *model.Table
	chain *model.Chain
	depth int
	// from and to are the numbers of the first and the last rule; of the first skip
	// nothing is computed.
	from, to, skip int
	// before is true where the packet met them before a rule of the user's switched the trace
	// on: one that did not end its way may have matched, and no event tells. untold counts
	// those of them that are not told as misses.
	before bool
	untold int
	// by is the rule behind them that led on to the next chain, or switched the trace on; nil
	// where none is known.
	by    *model.Rule
	since writing
}

// level is a chain on the way down from a base chain.
type level struct {
	table *model.Table
	chain *model.Chain
	// next is the number of the rule that is looked at next.
	next int
}

// gaps follows the steps of a journey through the chains.
func (f *Finder) gaps(j *journey.Journey) []gap {
	var out []gap
	traced := j.Traced
	for i := 0; i < len(j.Steps); {
		end := i + 1
		for end < len(j.Steps) && sameWalk(&j.Steps[i], &j.Steps[end]) {
			end++
		}
		if j.Steps[i].Kind != journey.KindPassed {
			out = f.walk(out, j, i, end, traced)
			traced = true
		}
		i = end
	}
	return out
}

// sameWalk reports whether two steps that follow each other belong to one walk through
// a base chain.
func sameWalk(a, b *journey.Step) bool {
	return a.Backend == b.Backend && a.Family == b.Family && a.Table == b.Table && a.Base == b.Base && a.Hook == b.Hook &&
		a.Kind != journey.KindPolicy
}

// walk follows one walk. Where a step does not fit the ruleset, the rules after it are
// not told: the ruleset is another one. traced is true where the trace was on before.
func (f *Finder) walk(out []gap, j *journey.Journey, from, to int, traced bool) []gap {
	first := &j.Steps[from]
	t, c := j.Rules.Chain(first.Backend, first.Family, first.Table, first.Base)
	if c == nil || !c.Base() {
		return out
	}
	stack := []level{{t, c, behindOurs(c)}}
	if !traced {
		var met []gap
		stack, met = f.start(j, t, c, from)
		if out = append(out, met...); stack == nil {
			return out
		}
	}
	add := func(at, depth int, l *level, last int) {
		if l.next <= last {
			out = append(out, gap{at: at, table: l.table, chain: l.chain, depth: depth, from: l.next, to: last})
		}
	}
	for i := from; i < to; i++ {
		s := &j.Steps[i]
		// A chain further up means that those below ended without an event.
		for len(stack) > 1 && stack[len(stack)-1].chain.Name != s.Chain {
			top := &stack[len(stack)-1]
			add(i, len(stack)-1, top, len(top.chain.Rules))
			stack = stack[:len(stack)-1]
		}
		top := &stack[len(stack)-1]
		if top.chain.Name != s.Chain {
			if s.Kind == journey.KindPolicy && s.Chain == s.Base { // left for good by a goto
				add(i, len(stack)-1, top, len(top.chain.Rules))
			}
			return out
		}
		depth := len(stack) - 1
		switch s.Kind {
		case journey.KindRule:
			if s.Rule < top.next || s.Rule > len(top.chain.Rules) || top.chain.Rules[s.Rule-1].Text != s.Text {
				return out
			}
			add(i, depth, top, s.Rule-1)
			top.next = s.Rule + 1
			switch s.Verdict {
			case model.VerdictJump, model.VerdictGoto:
				_, called := j.Rules.Chain(s.Backend, s.Family, s.Table, s.Target)
				if called == nil && i+1 < to { // a verdict map led there
					_, called = j.Rules.Chain(s.Backend, s.Family, s.Table, j.Steps[i+1].Chain)
				}
				if called == nil || called.Base() {
					return out
				}
				if s.Verdict == model.VerdictGoto {
					stack = stack[:len(stack)-1]
				}
				stack = append(stack, level{t, called, 1})
			case model.VerdictReturn:
				if len(stack) > 1 {
					stack = stack[:len(stack)-1]
				} else { // the policy comes at once
					top.next = len(top.chain.Rules) + 1
				}
			}
		case journey.KindEnd, journey.KindPolicy, journey.KindReturn:
			add(i, depth, top, len(top.chain.Rules))
			top.next = len(top.chain.Rules) + 1
			if s.Kind != journey.KindPolicy && len(stack) > 1 {
				stack = stack[:len(stack)-1]
			}
		}
	}
	return out
}
