package ruleset

import (
	"fmt"
	"slices"
	"strings"

	"nfscope/model"
)

// nftEdit is a ruleset of nf_tables while it is read: what a listing holds, or what
// the commands of a script make of nothing.
type nftEdit struct {
	tables []*model.Table
	named  map[tableKey]*model.Table // without the backend: nf_tables has one name space
	chains map[*model.Table]map[string]*model.Chain
	called map[callKey]int // where a chain is called first
}

func newNFTEdit() nftEdit {
	return nftEdit{named: map[tableKey]*model.Table{}, chains: map[*model.Table]map[string]*model.Chain{}}
}

// find gives a table, nil where there is none.
func (e *nftEdit) find(f model.Family, name string) *model.Table {
	return e.named[tableKey{family: f, name: name}]
}

// open finds or makes a table: a script may come back to one.
func (e *nftEdit) open(f model.Family, name string) *model.Table {
	key := tableKey{family: f, name: name}
	if t := e.named[key]; t != nil {
		return t
	}
	t := &model.Table{Backend: model.BackendNFTables, Family: f, Name: name}
	e.named[key] = t
	e.tables = append(e.tables, t)
	e.chains[t] = map[string]*model.Chain{}
	return t
}

// chain finds or makes a chain.
func (e *nftEdit) chain(t *model.Table, name string) *model.Chain {
	c := e.chains[t][name]
	if c == nil {
		c = &model.Chain{Name: name}
		e.chains[t][name] = c
		t.Chains = append(t.Chains, c)
	}
	return c
}

func (e *nftEdit) drop(t *model.Table) {
	e.tables = slices.DeleteFunc(e.tables, func(o *model.Table) bool { return o == t })
	delete(e.named, tableKey{family: t.Family, name: t.Name})
	delete(e.chains, t)
}

func (e *nftEdit) dropChain(t *model.Table, c *model.Chain) {
	t.Chains = slices.DeleteFunc(t.Chains, func(o *model.Chain) bool { return o == c })
	delete(e.chains[t], c.Name)
}

// flush empties the ruleset.
func (e *nftEdit) flush() { *e = newNFTEdit() }

// number gives the rules their places, once all are there.
func (e *nftEdit) number() {
	for _, t := range e.tables {
		for _, c := range t.Chains {
			for i := range c.Rules {
				c.Rules[i].Index = i + 1
			}
		}
	}
}

// spot says where a rule goes among a chain's others.
type spot struct {
	insert bool // before the rule named, or first; else behind it, or last
	// handle or index (from 0) name a rule; -1 and 0 where none is named.
	index  int
	handle uint64
}

// put adds a rule to a chain. It gives what is wrong with the place, "" where nothing
// is: then the rule is not added.
func (p spot) put(c *model.Chain, r model.Rule) string {
	at := p.index
	switch {
	case p.handle != 0:
		at = slices.IndexFunc(c.Rules, func(o model.Rule) bool { return o.Handle == p.handle })
		if at < 0 {
			return fmt.Sprintf("chain %s has no rule with handle %d that is known here, expected a rule's index", c.Name, p.handle)
		}
	case at < 0 && p.insert:
		c.Rules = slices.Insert(c.Rules, 0, r)
		return ""
	case at < 0:
		c.Rules = append(c.Rules, r)
		return ""
	case at >= len(c.Rules):
		return fmt.Sprintf("index %d in a chain of %d rules, expected less than that", at, len(c.Rules))
	}
	if !p.insert {
		at++
	}
	c.Rules = slices.Insert(c.Rules, at, r)
	return ""
}

// objectIndex finds an object in Table.Extra by what its text begins with: "set ports".
func objectIndex(t *model.Table, kind, name string) int {
	return slices.IndexFunc(t.Extra, func(s string) bool {
		rest, ok := strings.CutPrefix(s, kind+" ")
		return ok && firstWord(rest) == name
	})
}

// collection finds a set or a map in Table.Extra.
func collection(t *model.Table, name string) int {
	if i := objectIndex(t, "set", name); i >= 0 {
		return i
	}
	return objectIndex(t, "map", name)
}

// addElements puts the text of elements into a set's text.
func addElements(set, elements string) string {
	begin, end, ok := elementsIn(set)
	if !ok {
		end = strings.LastIndexByte(set, '}')
		if end < 0 {
			return set
		}
		head := strings.TrimRight(set[:end], " \t\n")
		return head + "\n\telements = { " + elements + " }\n" + set[end:]
	}
	if old := strings.TrimSpace(set[begin:end]); old != "" {
		elements = strings.TrimSuffix(old, ",") + ", " + elements
	}
	return set[:begin] + " " + elements + " " + set[end:]
}

// elementsIn finds what stands between the braces behind "elements =".
func elementsIn(set string) (begin, end int, ok bool) {
	t := nftTokens{s: set}
	for t.next() {
		if t.depth != 1 || !strings.HasPrefix(t.word(), "elements") {
			continue
		}
		for t.next() && t.word() != "{" {
		}
		for begin = t.end; t.next(); {
			if t.word() == "}" && t.depth == 1 {
				return begin, t.begin, true
			}
		}
	}
	return 0, 0, false
}

// elementList parts the text of elements at its commas.
func elementList(s string) []string {
	var l []string
	t := nftTokens{s: s}
	from := 0
	for t.next() {
		if t.word() == "," && t.depth == 0 {
			l, from = append(l, strings.TrimSpace(s[from:t.begin])), t.end
		}
	}
	if last := strings.TrimSpace(s[from:]); last != "" {
		l = append(l, last)
	}
	return l
}

// dropElements takes elements out of a set's text, and gives those that were not there.
func dropElements(set, elements string) (rest string, missing []string) {
	begin, end, _ := elementsIn(set)
	have := elementList(set[begin:end])
	for _, e := range elementList(elements) {
		at := slices.IndexFunc(have, func(h string) bool { return h == e || strings.HasPrefix(h, e+" ") && !strings.HasPrefix(h, e+" . ") })
		if at < 0 {
			missing = append(missing, e)
			continue
		}
		have = slices.Delete(have, at, at+1)
	}
	return set[:begin] + " " + strings.Join(have, ", ") + " " + set[end:], missing
}
