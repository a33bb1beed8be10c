package rules

import (
	"strings"

	"nfscope/model"
)

// ahead is how far a rule is looked for in the chain as it was: so many rules may have
// been taken out in one place.
const ahead = 64

// keeper lets a ruleset that is read anew have the strings of the one before, where they
// say the same. All strings of a ruleset are parts of one text, 16 MB for 100,000 rules:
// of a new one in which one rule is another, nothing stays but that rule, and no more than
// a piece of it was ever there. What is new is copied, so that it does not hold its text.
type keeper struct {
	old     []*model.Table
	backend model.Backend
	family  model.Family

	// now is the table of the last rule, as it was, and next the place behind its chain:
	// the chains mostly come in the order in which they came before.
	table string
	now   *model.Table
	next  int
	names map[string]*model.Chain // of now, nil before it is asked for
	// chain is the name of the last rule's chain, left what stands behind that rule in the
	// chain as it was.
	chain string
	left  []model.Rule
}

// Expect tells how many chains and rules a table had, and some more.
func (k *keeper) Expect(table string) (chains, rules int) {
	chains, rules = 8, 16
	if t := k.find(table); t != nil {
		chains += len(t.Chains)
		for _, c := range t.Chains {
			rules += len(c.Rules)
		}
	}
	return chains + chains/64, rules + rules/64
}

func (k *keeper) find(name string) *model.Table {
	for _, o := range k.old {
		if o.Backend == k.backend && o.Family == k.family && o.Name == name {
			return o
		}
	}
	return nil
}

// Rule gives a rule the strings of one that says the same, or its own.
func (k *keeper) Rule(table, chain string, r *model.Rule) {
	if table != k.table || k.chain == "" {
		k.begin(table)
		k.chain = ""
	}
	if chain != k.chain {
		k.chain, k.left = chain, nil
		if o := k.was(chain); o != nil {
			k.left = o.Rules
		}
	}
	var o model.Rule
	for i := range min(ahead, len(k.left)) {
		if k.left[i].Text == r.Text {
			o, k.left = k.left[i], k.left[i+1:]
			break
		}
	}
	keep(&r.Text, o.Text)
	keep(&r.Target, o.Target)
	keep(&r.Comment, o.Comment)
	keep(&r.Marked, o.Marked)
}

// begin goes on with another table.
func (k *keeper) begin(table string) {
	k.table, k.now, k.next, k.names = table, k.find(table), 0, nil
}

// was finds a chain as it was; nil where there was none.
func (k *keeper) was(chain string) *model.Chain {
	if k.now == nil {
		return nil
	}
	all := k.now.Chains
	for i := k.next; i < min(k.next+4, len(all)); i++ { // some are empty, some are gone
		if all[i].Name == chain {
			k.next = i + 1
			return all[i]
		}
	}
	if k.names == nil {
		k.names = make(map[string]*model.Chain, len(all))
		for _, c := range all {
			k.names[c.Name] = c
		}
	}
	return k.names[chain]
}

// share does for tables and chains what Rule did for rules.
func (k *keeper) share(tables []*model.Table) {
	for _, t := range tables {
		k.begin(t.Name)
		o := k.now
		if o == nil {
			o = &model.Table{}
		}
		keep(&t.Name, o.Name)
		keep(&t.Flags, o.Flags)
		keepAll(t.Extra, o.Extra)
		for _, c := range t.Chains {
			o := k.was(c.Name)
			if o == nil {
				o = &model.Chain{}
			}
			keep(&c.Name, o.Name)
			keep(&c.Type, o.Type)
			keep(&c.Device, o.Device)
			keep(&c.Policy, o.Policy)
			keepAll(c.Extra, o.Extra)
		}
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
