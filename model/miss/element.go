package miss

import (
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/journey"
	"nfscope/model/nft"
	"nfscope/model/ruleset"
)

// Elements gives the journey with the elements of verdict maps that decided, at the steps whose
// rules asked one: the kernel tells the rule and the verdict, and not by which element. Where
// another may have been it none is named. The journey itself is not changed.
func (f *Finder) Elements(j *journey.Journey) *journey.Journey {
	if !asksMaps(j) {
		return j
	}
	return f.chosen(j, f.States(j))
}

// asksMaps reports whether a rule that was hit asked a verdict map.
func asksMaps(j *journey.Journey) bool {
	return j.Closed && j.Rules != nil && slices.ContainsFunc(j.Steps, asksMap)
}

func asksMap(st journey.Step) bool {
	return st.Kind == journey.KindRule && st.Backend == model.BackendNFTables && strings.Contains(st.Text, " vmap ")
}

// chosen is Elements of a packet that conntrack called one of states.
func (f *Finder) chosen(j *journey.Journey, states fact.State) *journey.Journey {
	out := *j
	out.Steps = slices.Clone(j.Steps)
	s := newState(f, j, states)
	for i := range out.Steps {
		s.before(i)
		if asksMap(j.Steps[i]) {
			out.Steps[i].Element = s.element(i)
		}
		s.after(i)
	}
	return &out
}

// element is the element that gave a step its verdict, as nft prints it; "" where it is not known.
func (s *state) element(i int) string {
	st := &s.j.Steps[i]
	t, c := s.j.Rules.Chain(st.Backend, st.Family, st.Table, st.Chain)
	if c == nil || st.Rule < 1 || st.Rule > len(c.Rules) || c.Rules[st.Rule-1].Text != st.Text {
		return ""
	}
	x := s.f.rule(t, &c.Rules[st.Rule-1])
	if x == nil || x.nft == nil {
		return ""
	}
	told := nft.Verdict{Name: st.Verdict.String()}
	if st.Verdict == model.VerdictJump || st.Verdict == model.VerdictGoto {
		if i+1 == len(s.j.Steps) || !sameWalk(st, &s.j.Steps[i+1]) || s.j.Steps[i+1].Chain == st.Chain {
			return "" // where it led to told nothing
		}
		told.Chain = s.j.Steps[i+1].Chain
	}
	p, facts := s.facts(t, c)
	el, ok := x.nft.Chosen(p, facts, told, func(name string) (*nft.Block, bool) {
		text, all := ruleset.VerdictMapText(s.j.Rules.Ruleset(), t, name)
		if text == "" {
			return nil, false
		}
		return nft.ParseSet(text, t.Family), all
	})
	if !ok {
		return ""
	}
	return el.String()
}
