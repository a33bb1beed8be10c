// Package diff tells what changed between two rulesets, chain by chain: the answer to
// "somebody changed the rules under me".
package diff

import (
	"slices"
	"strings"

	"nfscope/model"
)

// Kind is what happened.
type Kind uint8

// The kinds.
const (
	Added Kind = iota
	Removed
	// Changed is another text in the same place: a rule that was replaced, a policy,
	// a set with other members.
	Changed
	// Moved is a rule that stands before or behind others than it did.
	Moved
)

// String is the word for a line on the screen.
func (k Kind) String() string {
	return [...]string{"added", "removed", "changed", "moved"}[min(int(k), 3)]
}

// What is the thing that changed.
type What uint8

// The things.
const (
	Rule What = iota
	Policy
	// Chain is a chain as a whole: its rules are not listed besides.
	Chain
	Table
	// Object is a set, map or another object of an nft table.
	Object
)

// Change is one difference. It holds nothing of the older ruleset but copies of a few
// texts, so that the older one can be let go of.
type Change struct {
	Kind    Kind
	What    What
	Backend model.Backend
	Family  model.Family
	Table   string
	// Chain is "" for tables and objects.
	Chain string
	// Index is the rule's number in the newer ruleset; of a removed rule it is the one
	// it had in the older.
	Index int
	// Rule is the rule in the newer ruleset, nil where it is gone or no rule is meant.
	Rule *model.Rule
	// Old, New are the texts before and after, "" where there was or is none. Of long
	// lists (see MaxTexts) the texts before are left out.
	Old, New string
	// Rules is how many rules a chain or table had or has that came or went as a whole.
	Rules int
}

// MaxTexts is how many texts of the older ruleset one answer keeps.
const MaxTexts = 2000

// Rulesets lists what is different in the newer ruleset, in the order of the newer
// one; what went stands where it stood. Chains are known by table and name, rules of
// nf_tables by handle, others by text. It takes time in proportion to the two sizes,
// times the logarithm of the longest chain that changed.
func Rulesets(older, newer *model.Ruleset) []Change {
	d := &differ{}
	for _, t := range newer.Tables {
		if o := older.Table(t.Backend, t.Family, t.Name); o != nil {
			d.tables(o, t)
		} else {
			d.add(Change{Kind: Added, What: Table, Rules: size(t)}, t, "")
		}
	}
	for _, t := range older.Tables {
		if newer.Table(t.Backend, t.Family, t.Name) == nil {
			d.add(Change{Kind: Removed, What: Table, Rules: size(t)}, t, "")
		}
	}
	return d.out
}

type differ struct {
	out   []Change
	texts int
}

func (d *differ) add(c Change, t *model.Table, chain string) {
	c.Backend, c.Family, c.Table, c.Chain = t.Backend, t.Family, t.Name, chain
	if c.Kind == Removed || c.Old != "" || chain != "" && c.Rule == nil {
		c.Table, c.Chain = strings.Clone(c.Table), strings.Clone(c.Chain) // the older text is let go of
	}
	if c.Old != "" {
		if d.texts++; d.texts > MaxTexts {
			c.Old = ""
		}
		c.Old = strings.Clone(c.Old)
	}
	d.out = append(d.out, c)
}

func size(t *model.Table) (n int) {
	for _, c := range t.Chains {
		n += len(c.Rules)
	}
	return n
}

func (d *differ) tables(o, t *model.Table) {
	// Most chains stand where they stood: a map is made only once that fails.
	var byName map[string]*model.Chain
	find := func(i int, c *model.Chain) *model.Chain {
		if i < len(o.Chains) && o.Chains[i].Name == c.Name {
			return o.Chains[i]
		}
		if byName == nil {
			byName = make(map[string]*model.Chain, len(o.Chains))
			for _, c := range o.Chains {
				byName[c.Name] = c
			}
		}
		return byName[c.Name]
	}
	same := 0
	for i, c := range t.Chains {
		was := find(i, c)
		if was == nil {
			d.add(Change{Kind: Added, What: Chain, Rules: len(c.Rules)}, t, c.Name)
			continue
		}
		same++
		d.chains(t, was, c)
	}
	if same < len(o.Chains) {
		now := make(map[string]bool, len(t.Chains))
		for _, c := range t.Chains {
			now[c.Name] = true
		}
		for _, c := range o.Chains {
			if !now[c.Name] {
				d.add(Change{Kind: Removed, What: Chain, Rules: len(c.Rules)}, t, c.Name)
			}
		}
	}
	d.objects(o, t)
}

// objects compares what stands in a table besides chains, known by its first line.
func (d *differ) objects(o, t *model.Table) {
	if slices.Equal(o.Extra, t.Extra) {
		return
	}
	was := make(map[string]string, len(o.Extra))
	for _, e := range o.Extra {
		was[first(e)] = e
	}
	for _, e := range t.Extra {
		old, ok := was[first(e)]
		switch {
		case !ok:
			d.add(Change{Kind: Added, What: Object, New: first(e)}, t, "")
		case body(old) != body(e):
			d.add(Change{Kind: Changed, What: Object, Old: first(e), New: first(e)}, t, "")
		}
		delete(was, first(e))
	}
	for _, e := range o.Extra {
		if _, gone := was[first(e)]; gone {
			d.add(Change{Kind: Removed, What: Object, Old: first(e)}, t, "")
		}
	}
}

// first is an object's first line without its handle, which another of the same name has:
// "map ways".
func first(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	if i := strings.LastIndex(line, "# handle "); i >= 0 {
		line = line[:i]
	}
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(line), "{"))
}

// body is what an object holds, without what packets change: what a counter has counted,
// what is used of a quota.
func body(text string) string {
	_, lines, _ := strings.Cut(text, "\n")
	switch kind, _, _ := strings.Cut(text, " "); kind {
	case "counter":
		if i := strings.Index(lines, "packets "); i >= 0 {
			_, after, _ := strings.Cut(lines[i:], "\n")
			return lines[:i] + after
		}
	case "quota":
		if i := strings.Index(lines, " used "); i >= 0 {
			_, after, _ := strings.Cut(lines[i:], "\n")
			return lines[:i] + "\n" + after
		}
	}
	return lines
}

func (d *differ) chains(t *model.Table, o, c *model.Chain) {
	if o.Policy != c.Policy {
		d.add(Change{Kind: Changed, What: Policy, Old: o.Policy, New: c.Policy}, t, c.Name)
	}
	a, b := o.Rules, c.Rules
	head := 0
	for head < len(a) && head < len(b) && equal(&a[head], &b[head]) {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && equal(&a[len(a)-1-tail], &b[len(b)-1-tail]) {
		tail++
	}
	if a, b = a[head:len(a)-tail], b[head:len(b)-tail]; len(a)+len(b) > 0 {
		d.rules(t, c, a, b, head)
	}
}

func equal(a, b *model.Rule) bool { return a.Handle == b.Handle && a.Text == b.Text }

// Summary counts changes of rules: what came, went, and was changed or moved. Rules of
// chains and tables that came or went as a whole count too.
func Summary(changes []Change) (added, removed, changed int) {
	for i := range changes {
		c := &changes[i]
		n := 1
		if c.What == Chain || c.What == Table {
			n = c.Rules
		}
		switch c.Kind {
		case Added:
			added += n
		case Removed:
			removed += n
		default:
			changed += n
		}
	}
	return added, removed, changed
}
