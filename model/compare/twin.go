package compare

import (
	"nfscope/model"
	"nfscope/model/journey"
)

// twin is what a rule is known by in another ruleset, where it may have another number: its
// text, and how many rules of that text stand before it in the chain.
type twin struct {
	text string
	nth  int
}

// twins finds the twins of steps. It keeps what it counted: a chain may have 36,000 rules.
type twins map[*model.Chain][]int

// of is the twin of a step's rule; ok is false where the rules are not known, or the rule
// of that number reads otherwise.
func (t twins) of(r journey.Rules, s *journey.Step) (w twin, ok bool) {
	c := chainOf(r, s)
	if c == nil || s.Text == "" || s.Rule < 1 || s.Rule > len(c.Rules) || c.Rules[s.Rule-1].Text != s.Text {
		return w, false
	}
	nth, known := t[c]
	if !known {
		before := map[string]int{}
		for i := range c.Rules {
			nth = append(nth, before[c.Rules[i].Text])
			before[c.Rules[i].Text]++
		}
		t[c] = nth
	}
	return twin{s.Text, nth[s.Rule-1]}, true
}

// chainOf is the chain that a step stands in, as the rules have it; nil where they have none.
func chainOf(r journey.Rules, s *journey.Step) *model.Chain {
	if r == nil {
		return nil
	}
	_, c := r.Chain(s.Backend, s.Family, s.Table, s.Chain)
	return c
}

// number is that of the twin of j's rule among the rules of k; 0 where it has none there.
// Where one of the rulesets is not known, or the rule's text, they are taken for the same.
func number(j, k *journey.Journey, s *journey.Step) int {
	if rules(j) == nil || rules(k) == nil || rules(j) == rules(k) || s.Text == "" {
		return s.Rule
	}
	w, ok := twins{}.of(rules(j), s)
	c := chainOf(rules(k), s)
	if c == nil {
		return 0
	}
	if !ok {
		w = twin{text: s.Text} // any of that text
	}
	for i := range c.Rules {
		if c.Rules[i].Text != w.text {
			continue
		}
		if w.nth == 0 {
			return i + 1
		}
		w.nth--
	}
	return 0
}

// passed reports whether k, which is at l of the same chain, came past the rule that j is at:
// by k's own rules, the number that it has for j says nothing of that.
func passed(j, k *journey.Journey, s, l *journey.Step) bool {
	n := number(j, k, s)
	return n != 0 && (l.Rule == 0 || n < l.Rule)
}

// turned reports whether the rules that j and k are at stand the other way round for each.
func turned(j, k *journey.Journey, s, l *journey.Step) bool {
	x, y := number(j, k, s), number(k, j, l)
	return s.Rule != 0 && l.Rule != 0 && x > l.Rule && y > s.Rule
}
