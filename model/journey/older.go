package journey

import (
	"slices"
	"strings"
)

// The bounds of the rules of former times that closed journeys keep: so many rules in all,
// and so many rulesets. A ruleset of 100,000 rules has 60 MB.
const (
	maxOlderRules = 100_000
	maxOlder      = 32
)

// outlive notes that other rules are in force, and lets those go that no journey has, and
// the oldest.
func (f *Fold) outlive(r Rules) {
	if r == nil {
		return
	}
	had := f.had()
	f.older = slices.DeleteFunc(f.older, func(o Rules) bool { return !had[o] })
	f.older = append(f.older, r)
	rules := 0
	for i := len(f.older) - 2; i >= 0; i-- { // those in force stay
		rules += count(f.older[i])
		if rules > maxOlderRules || len(f.older)-1-i > maxOlder {
			f.letGo(f.older[:i+1])
			f.older = slices.Delete(f.older, 0, i+1)
			return
		}
	}
}

// had are the rules that journeys have.
func (f *Fold) had() map[Rules]bool {
	had := map[Rules]bool{}
	for b := range f.underWay {
		had[b.rules] = true
	}
	for i := range f.done {
		if d := &f.done[i]; d.built != nil {
			had[d.built.rules] = true
		} else {
			had[d.journey.Rules] = true
		}
	}
	return had
}

func count(r Rules) (n int) {
	rs := r.Ruleset()
	if rs == nil {
		return 0
	}
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			n += len(c.Rules)
		}
	}
	return n
}

// detach copies the words that are parts of a ruleset's text, which they would keep alive
// as a whole.
func (j *Journey) detach() {
	j.Steps = slices.Clone(j.Steps)
	for i := range j.Steps {
		s := &j.Steps[i]
		ownWords(&s.Table, &s.Base, &s.Chain, &s.Text, &s.Comment, &s.Target)
	}
	ownWords(&j.Outcome.By.Table, &j.Outcome.By.Chain, &j.Outcome.By.Text)
}

func ownWords(words ...*string) {
	for _, w := range words {
		*w = strings.Clone(*w)
	}
}

// letGo takes rules from the closed journeys that have them.
func (f *Fold) letGo(rules []Rules) {
	for i := range f.done {
		j := f.draw(&f.done[i])
		if j.Rules == nil || !slices.Contains(rules, j.Rules) {
			continue
		}
		c := *j
		c.Rules, c.RulesGone = nil, true
		c.detach()
		f.done[i].journey, f.view = &c, nil
	}
}
