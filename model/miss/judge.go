package miss

import (
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/journey"
	"nfscope/model/match"
	"nfscope/model/nft"
)

// text is a rule read from its text, in the words of its backend.
type text struct {
	match *match.Rule
	nft   *nft.Rule
}

// maxRead is how many rules are kept read.
const maxRead = 1 << 15

// rule reads a rule; nil where it has no text.
func (f *Finder) rule(t *model.Table, r *model.Rule) *text {
	if strings.HasPrefix(r.Text, "#") || r.Text == "" {
		return nil
	}
	if x := f.read[r]; x != nil {
		return x
	}
	if len(f.read) >= maxRead {
		clear(f.read)
	}
	x := &text{}
	if t.Backend == model.BackendNFTables {
		x.nft = nft.Parse(r.Text, t.Family)
	} else {
		x.match = match.Parse(r.Text, t.Family)
	}
	f.read[r] = x
	return x
}

// members holds the rule against what sets hold now. That is not what they held when the
// packet came: a set that has the packet now may have been given it since, so only that it
// does not have it is of use. then is true where it did not have it then either, because
// nothing else of the rule can have failed.
func (f *Finder) members(x *text, t *model.Table, p *model.Packet, facts *fact.Facts, a fact.Answer, why []fact.Because) (fact.Answer, []fact.Because, bool) {
	asked := false
	with := *facts
	with.InSet = func(set string, key []string) fact.Answer {
		in := f.known.InSet(t, set, key)
		asked = asked || in != fact.Unsure
		return in
	}
	b, now := x.eval(p, &with)
	if !asked || b != fact.No {
		return a, why, true
	}
	return b, now, unsure(why) == 1
}

func (x *text) eval(p *model.Packet, f *fact.Facts) (fact.Answer, []fact.Because) {
	if x.nft != nil {
		return x.nft.Eval(p, f)
	}
	return x.match.Eval(p, f)
}

// judge holds the rules of a gap against the packet. unheard says of which of them nobody
// knows whether it matched.
func (f *Finder) judge(s *state, g *gap, number int) (_ []found, unheardOf string) {
	p, facts := s.facts(g.table, g.chain)
	if g.since.aside {
		facts.Mark, facts.Connection = fact.Fact[uint32]{}, fact.Fact[*fact.Connection]{}
	}
	var open []int
	out := make([]found, 0, g.to-g.from+1-g.skip)
	for n := g.from + g.skip; n <= g.to; n++ {
		if p.Unshown {
			out = append(out, found{gap: number, rule: n, note: "nf_tables' trace shows no header of this fragment, so what failed is not known", failing: beyond})
			continue
		}
		r := &g.chain.Rules[n-1]
		x := f.rule(g.table, r)
		if g.before && !ends(r) {
			if x == nil {
				open = append(open, n)
				continue
			}
			if a, why := x.eval(p, facts); a != fact.No || len(g.since.failed(why)) == 0 {
				open = append(open, n)
				continue
			}
		}
		if x == nil {
			out = append(out, found{gap: number, rule: n, note: "nobody could print this rule, so nobody knows what it asks", failing: beyond})
			continue
		}
		a, why := x.eval(p, facts)
		if g.since.touches(why) {
			if why = g.since.failed(why); a != fact.No || len(why) == 0 {
				out = append(out, found{gap: number, rule: n, note: "its packet may have been rewritten since, before the trace began, so what failed is not known", failing: beyond})
				continue
			}
		}
		if a == fact.Unsure && f.known.InSet != nil {
			then := true
			if a, why, then = f.members(x, g.table, p, facts, a, why); !then {
				s.now = true
			}
		}
		out = append(out, tell(found{gap: number, rule: n}, a, why))
	}
	g.untold = len(open)
	return out, unheard(g, open)
}

// step makes the step of a miss. next is the step before which the rule was looked at.
func (m *found) step(g *gap, next *journey.Step) journey.Step {
	r := &g.chain.Rules[m.rule-1]
	return journey.Step{Backend: next.Backend, Hook: next.Hook, Family: next.Family, Table: next.Table, Base: next.Base, Chain: g.chain.Name,
		Depth: g.depth, Kind: journey.KindMiss, Rule: r.Index, Handle: r.Handle, Text: r.Text, Comment: r.Comment, Verdict: model.VerdictContinue,
		Target: r.Target, Because: m.because, Note: m.note, Time: next.Time, RuleID: r.ID}
}

// Eliminated is what journey.Because has of a condition that is known to have failed
// because nothing else of its rule can have.
const Eliminated = "does not hold: nothing else of the rule failed"

// unsure counts the conditions that are not known.
func unsure(why []fact.Because) (n int) {
	for _, b := range why {
		if b.Result == fact.Unsure.String() {
			n++
		}
	}
	return n
}

// beyond is added to the number of conditions of a rule whose failing is not known: it
// comes behind all others.
const beyond = 1000

// tell says why the rule did not match.
func tell(m found, a fact.Answer, why []fact.Because) found {
	if a == fact.Yes { // the trace knows better
		var l []string
		for _, b := range why {
			l = append(l, strings.TrimSpace(b.Match+" is "+b.Have))
		}
		if len(l) == 0 {
			l = []string{"it asks for nothing"}
		}
		m.note = "by its text it should have matched: " + strings.Join(l, ", ")
	}
	for _, b := range why {
		if b.Result != a.String() || slices.ContainsFunc(m.because, func(o journey.Because) bool { return o.Match == b.Match && o.Have == b.Have }) {
			continue
		}
		if a == fact.Yes {
			b.Result = fact.Unsure.String()
		}
		m.because = append(m.because, journey.Because(b))
	}
	if a == fact.Unsure && len(m.because) == 1 && unsure(why) == 1 && strings.HasPrefix(m.because[0].Have, fact.Missing) {
		// It was looked at and not hit, and all else of it holds: so this did not.
		b := &m.because[0]
		b.Result, b.Have = fact.No.String(), Eliminated
		a = fact.No
	}
	if m.failing = len(m.because); a != fact.No {
		m.failing += beyond
	}
	return m
}
