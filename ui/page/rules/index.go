package rules

import (
	"strings"

	"nfscope/model"
)

// chainKey names a chain over the generations of a ruleset. An empty Chain is the
// whole table, an empty Table the whole backend, BackendUnknown everything. Extra
// names a set or another object of the table, or one line of it.
type chainKey struct {
	Backend      model.Backend
	Family       model.Family
	Table, Chain string
	Extra        string
}

// rowKey names a row of the rules panel. Rules of nf_tables go by handle, legacy
// ones by text and by how many of the same text stand before, so that a rule put in
// above moves nothing.
type rowKey struct {
	chain  chainKey
	kind   rowKind
	handle uint64
	text   string
	nth    int
}

type rowKind uint8

const (
	rowRule   rowKind = iota
	rowHead           // a chain's heading, where several chains are listed
	rowPolicy         // the end of a base chain
	rowText           // a line of a set
)

// row is one line of the rules panel.
type row struct {
	kind  rowKind
	table *model.Table
	chain *model.Chain
	rule  *model.Rule
	text  string
}

// index is what is looked up in one ruleset, made once for it.
type index struct {
	rs    *model.Ruleset
	rules []row   // by Rule.ID
	nth   []int32 // by Rule.ID
}

func newIndex(rs *model.Ruleset) *index {
	_, n := rs.Size()
	x := &index{rs: rs, rules: make([]row, n), nth: make([]int32, n)}
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			var seen map[string]int32
			for i := range c.Rules {
				r := &c.Rules[i]
				if r.ID >= n { // not numbered: shown, never looked up
					continue
				}
				x.rules[r.ID] = row{kind: rowRule, table: t, chain: c, rule: r}
				if r.Handle == 0 {
					if seen == nil {
						seen = make(map[string]int32, len(c.Rules))
					}
					x.nth[r.ID] = seen[r.Text]
					seen[r.Text]++
				}
			}
		}
	}
	return x
}

// rule finds a rule by ID.
func (x *index) rule(id int) (row, bool) {
	if id < 0 || id >= len(x.rules) || x.rules[id].rule == nil {
		return row{}, false
	}
	return x.rules[id], true
}

func keyOf(t *model.Table, c *model.Chain) chainKey {
	k := chainKey{Backend: t.Backend, Family: t.Family, Table: t.Name}
	if c != nil {
		k.Chain = c.Name
	}
	return k
}

func (x *index) key(r row) rowKey {
	k := rowKey{kind: r.kind}
	if r.table != nil {
		k.chain = keyOf(r.table, r.chain)
	}
	switch {
	case r.kind == rowText:
		k.text = r.text
	case r.rule == nil:
	case r.rule.Handle != 0:
		k.handle = r.rule.Handle
	default:
		k.text = r.rule.Text
		if r.rule.ID < len(x.nth) {
			k.nth = int(x.nth[r.rule.ID])
		}
	}
	return k
}

// rows lists what a scope holds, narrowed to the rules that keep lets through.
// Headings stand where more than one chain is listed.
func (x *index) rows(scope chainKey, keep func(row) bool) []row {
	var out []row
	for _, t := range x.rs.Tables {
		if scope.Backend != model.BackendUnknown && scope.Backend != t.Backend ||
			scope.Table != "" && (scope.Table != t.Name || scope.Family != t.Family) {
			continue
		}
		if scope.Extra != "" {
			return extra(t, scope.Extra)
		}
		for _, c := range t.Chains {
			if scope.Chain != "" && scope.Chain != c.Name {
				continue
			}
			head := len(out)
			if scope.Chain == "" {
				out = append(out, row{kind: rowHead, table: t, chain: c})
			}
			body := len(out)
			for i := range c.Rules {
				r := row{kind: rowRule, table: t, chain: c, rule: &c.Rules[i]}
				if keep == nil || keep(r) {
					out = append(out, r)
				}
			}
			switch {
			case keep != nil && len(out) == body:
				out = out[:head]
			case keep == nil && c.Base():
				out = append(out, row{kind: rowPolicy, table: t, chain: c})
			}
		}
	}
	return out
}

// extra lists the lines of a set; name may go on with one of its lines.
func extra(t *model.Table, name string) []row {
	name, _, _ = strings.Cut(name, "\n")
	for i, e := range t.Extra {
		if extraKey(i, e) != name {
			continue
		}
		var out []row
		for _, l := range strings.Split(e, "\n") {
			out = append(out, row{kind: rowText, table: t, text: l})
		}
		return out
	}
	return nil
}

// extraKey names an object of a table by its first line; i tells those apart that
// have none.
func extraKey(i int, text string) string {
	first, _, _ := strings.Cut(text, "\n")
	first = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(first), "{"))
	if first == "" {
		return "object " + string(rune('a'+i%26))
	}
	return first
}
