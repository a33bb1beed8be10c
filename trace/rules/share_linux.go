package rules

import (
	"strings"

	"nfscope/model"
)

// ahead is how far a rule is looked for in the chain as it was: so many rules may have
// been taken out in one place.
const ahead = 64

// share lets tables have the strings of the tables that were read before, where they say
// the same. All strings of a ruleset are parts of one text, 16 MB for 100,000 rules: of a
// new one in which one rule is another, nothing stays but that rule. What is new is
// copied, so that it does not hold its text.
func share(old, now []*model.Table) {
	if len(old) == 0 {
		return // the first text is kept as it is
	}
	for _, t := range now {
		for _, o := range old {
			if o.Backend == t.Backend && o.Family == t.Family && o.Name == t.Name {
				shareTable(o, t)
				break
			}
		}
	}
}

func shareTable(old, now *model.Table) {
	keep(&now.Name, old.Name)
	keep(&now.Flags, old.Flags)
	keepAll(now.Extra, old.Extra)
	chains := make(map[string]*model.Chain, len(old.Chains))
	for _, c := range old.Chains {
		chains[c.Name] = c
	}
	for _, c := range now.Chains {
		o := chains[c.Name]
		if o == nil {
			o = &model.Chain{}
		}
		keep(&c.Name, o.Name)
		keep(&c.Type, o.Type)
		keep(&c.Device, o.Device)
		keep(&c.Policy, o.Policy)
		keepAll(c.Extra, o.Extra)
		shareRules(o.Rules, c.Rules)
	}
}

func shareRules(old, now []model.Rule) {
	var none model.Rule
	j := 0
	for i := range now {
		r, o := &now[i], &none
		for k := j; k < min(j+ahead, len(old)); k++ {
			if old[k].Text == r.Text {
				o, j = &old[k], k+1
				break
			}
		}
		keep(&r.Text, o.Text)
		keep(&r.Target, o.Target)
		keep(&r.Jump, o.Jump)
		keep(&r.Comment, o.Comment)
		keep(&r.Marked, o.Marked)
	}
}

// keep puts old in the place of an equal string, or else a copy of it.
func keep(s *string, old string) {
	if *s == old {
		*s = old
	} else {
		*s = strings.Clone(*s)
	}
}

func keepAll(list, old []string) {
	for i := range list {
		o := ""
		if i < len(old) {
			o = old[i]
		}
		keep(&list[i], o)
	}
}
