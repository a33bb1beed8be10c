package journey

import (
	"slices"
	"strings"
	"time"

	"nfscope/model"
)

// chainKey names a chain.
type chainKey struct {
	backend      model.Backend
	family       model.Family
	table, chain string
}

// moved is what differs between two rulesets: a step in a chain that is the same in both
// says the same by either.
type moved struct {
	all  bool // base chains came or went
	same map[chainKey]bool
	// was and is are the chains of legacy tables that are not the same: their rules are told by
	// number alone.
	was, is map[chainKey]*model.Chain
}

func movedBetween(a, b Rules) *moved {
	if a == nil || b == nil || a.Ruleset() == nil || b.Ruleset() == nil {
		return &moved{all: true}
	}
	m := &moved{same: map[chainKey]bool{}, was: map[chainKey]*model.Chain{}, is: map[chainKey]*model.Chain{}}
	old := map[chainKey]*model.Chain{}
	bases := 0
	for _, t := range a.Ruleset().Tables {
		for _, c := range t.Chains {
			old[chainKey{t.Backend, t.Family, t.Name, c.Name}] = c
			if c.Base() {
				bases++
			}
		}
	}
	for _, t := range b.Ruleset().Tables {
		for _, c := range t.Chains {
			key := chainKey{t.Backend, t.Family, t.Name, c.Name}
			was := old[key]
			if c.Base() {
				bases--
				if was == nil || was.Hook != c.Hook || was.Priority != c.Priority {
					m.all = true
				}
			}
			m.same[key] = was != nil && was.Policy == c.Policy && slices.EqualFunc(was.Rules, c.Rules, func(r, s model.Rule) bool {
				return r.Handle == s.Handle && r.Text == s.Text
			})
			if t.Backend == model.BackendLegacy && !m.same[key] {
				m.was[key], m.is[key] = was, c
			}
		}
	}
	m.all = m.all || bases != 0
	return m
}

// touches reports whether a step may have been read by the wrong one of the two rulesets,
// the first of which was in force at confirmed.
func (m *moved) touches(j *Journey, confirmed time.Time) bool {
	return slices.ContainsFunc(j.Steps, func(s Step) bool {
		return s.Time.After(confirmed) && (m.all || !m.same[chainKey{s.Backend, s.Family, s.Table, s.Chain}])
	})
}

// touchesStanding reports whether what stands in the hooks, by the first of the two rulesets,
// is not the same in the other.
func (m *moved) touchesStanding(stands []standing) bool {
	return m.all || slices.ContainsFunc(stands, func(s standing) bool {
		b := s.base
		return b != nil && !m.same[chainKey{b.backend, b.family, b.table, b.name}]
	})
}

// touchesUnderWay is touches of a journey that is under way.
func (m *moved) touchesUnderWay(b *builder, confirmed time.Time) bool {
	if !b.last.After(confirmed) {
		return false
	}
	return m.all || slices.ContainsFunc(b.walks, func(w *walk) bool {
		return !w.hidden && slices.ContainsFunc(w.steps, func(s step) bool {
			return s.at.After(confirmed) && !m.same[chainKey{w.backend, w.family, w.table, s.chain}]
		})
	})
}

// texts are what a rule that was told by its number alone was before the rules changed and has
// been since each change, "" where there was none. Which of them a packet met nobody knows: its
// text is none then.
type texts []string

// another gives what the rule of a number was before the two rulesets differed and is now, behind
// the texts of earlier changes; nil where that is the same.
func (m *moved) another(key chainKey, num int, had texts) texts {
	c, ok := m.is[key]
	if !ok || num < 1 {
		return nil
	}
	text := func(c *model.Chain) string {
		if c == nil || num > len(c.Rules) {
			return ""
		}
		return strings.Clone(c.Rules[num-1].Text) // it would keep the whole ruleset's alive
	}
	was, is := text(m.was[key]), text(c)
	if was == is {
		return nil
	}
	if had == nil {
		had = texts{was}
	}
	return append(slices.Clip(had), is)
}

// words say what the rule was and is.
func (l texts) words() string {
	var s strings.Builder
	for i, text := range l {
		now := "now it is " + text
		if text == "" {
			now = "there is none now"
		}
		switch {
		case i == 0 && text == "":
		case i == 0:
			s.WriteString("before the rules changed it was " + text)
		case i == 1 && l[0] == "":
			s.WriteString("it was made since the rules were read before, and is now " + text)
		case i == 1:
			s.WriteString(", and " + now)
		default:
			s.WriteString("; they changed again, and " + now)
		}
	}
	return s.String()
}

// forget takes from a journey under way the texts of rules that may be others.
func (m *moved) forget(b *builder, confirmed time.Time) {
	for _, w := range b.walks {
		for i := range w.steps {
			s := &w.steps[i]
			num := s.num
			if s.rule != nil {
				num = s.rule.Index
			}
			if s.kind != KindRule || w.backend != model.BackendLegacy || !s.at.After(confirmed) {
				continue
			}
			if l := m.another(chainKey{w.backend, w.family, w.table, s.chain}, num, s.texts); l != nil {
				s.rule, s.num, s.texts, b.dirty = nil, num, l, true
			}
		}
	}
}

// forgotten is forget of a journey that is drawn, which never changes: its steps and its end.
func (m *moved) forgotten(j *Journey, confirmed time.Time) ([]Step, Outcome) {
	steps, o := slices.Clone(j.Steps), j.Outcome
	for i := range steps {
		s := &steps[i]
		if s.Kind != KindRule || s.Backend != model.BackendLegacy || !s.Time.After(confirmed) {
			continue
		}
		l := m.another(chainKey{s.Backend, s.Family, s.Table, s.Chain}, s.Rule, s.Texts)
		if l == nil {
			continue
		}
		was, words := CulpritOf(s), CulpritOf(s).Words()
		if noted := words + " (" + s.Note + ")"; strings.Contains(o.Sentence, noted) {
			words = noted
		}
		s.Text, s.Comment, s.Target, s.RuleID, s.Texts, s.Note = "", "", "", -1, l, l.words()
		if o.By == was {
			o.By = CulpritOf(s)
			o.Sentence = strings.Replace(o.Sentence, words, o.By.Words()+" ("+s.Note+")", 1)
		}
	}
	return steps, o
}
