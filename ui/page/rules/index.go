package rules

import (
	"strings"

	"nfscope/model"
	"nfscope/model/provenance"
	"nfscope/model/ruleset"
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

// rowKey names a row over the generations of a ruleset. Rules of nf_tables go by
// handle, legacy ones by text and by how many of the same text stand before, so that
// a rule put in above moves nothing.
type rowKey struct {
	chain  chainKey
	kind   rowKind
	handle uint64
	text   string
	nth    int
}

type rowKind uint8

const (
	rowRule    rowKind = iota
	rowHead            // a chain's heading, where several chains are listed
	rowPolicy          // the end of a base chain
	rowText            // a line of a set
	rowPending         // rules of an outline that are not read yet
)

// ref is a row within one ruleset, small, because lists of 100,000 are made of them:
// a chain's place and the rule's place in it, or below 0 an object and its line.
type ref struct{ at, n int32 }

// The places in a chain that are no rule's.
const (
	headOf    = -1
	endOf     = -2
	pendingOf = -3
)

// row is what a ref stands for.
type row struct {
	kind  rowKind
	table *model.Table
	chain *model.Chain
	rule  *model.Rule
	text  string
}

// index is what is looked up in one ruleset. Making it takes time in proportion to
// the chains only; what is costly besides is made when it is wanted.
type index struct {
	rs      *model.Ruleset
	names   *ruleset.Index
	chains  []place // by their place, which is Chain.ID
	tables  []span
	objects []object
	rules   int
	// origins are who made the chains asked for so far.
	origins map[int32]origin
	// lines are those of the object that was looked at last.
	lines struct {
		of   int32
		text []string
	}
}

type place struct {
	table *model.Table
	chain *model.Chain
}

// span is a table with its part of chains and objects.
type span struct {
	table                    *model.Table
	chains, chainsEnd        int32
	objects, objectsEnd      int32
	firstOfBackend, anything bool
}

type object struct {
	table *model.Table
	name  string
	text  string
}

type origin struct {
	provenance.Origin
	ok bool
}

func newIndex(names *ruleset.Index) *index {
	rs := names.Ruleset()
	n, _ := rs.Size()
	x := &index{rs: rs, names: names, chains: make([]place, 0, n), origins: map[int32]origin{}}
	x.lines.of = -1
	last := model.BackendUnknown
	for _, t := range rs.Tables {
		s := span{table: t, chains: int32(len(x.chains)), objects: int32(len(x.objects)), firstOfBackend: t.Backend != last}
		last = t.Backend
		for _, c := range t.Chains {
			x.chains = append(x.chains, place{t, c})
			x.rules += len(c.Rules)
		}
		for i, e := range t.Extra {
			x.objects = append(x.objects, object{t, objectName(i, e), e})
		}
		s.chainsEnd, s.objectsEnd = int32(len(x.chains)), int32(len(x.objects))
		s.anything = s.chainsEnd > s.chains || s.objectsEnd > s.objects
		x.tables = append(x.tables, s)
	}
	return x
}

// row gives what a ref stands for.
func (x *index) row(r ref) row {
	if r.at < 0 {
		o := &x.objects[-1-r.at]
		text := ""
		if l := x.text(-1 - r.at); int(r.n) < len(l) {
			text = l[r.n]
		}
		return row{kind: rowText, table: o.table, text: text}
	}
	p := x.chains[r.at]
	out := row{table: p.table, chain: p.chain}
	switch r.n {
	case headOf:
		out.kind = rowHead
	case endOf:
		out.kind = rowPolicy
	case pendingOf:
		out.kind, out.text = rowPending, "rules that are still being read"
	default:
		out.rule = &p.chain.Rules[r.n]
	}
	return out
}

// text gives the lines of an object.
func (x *index) text(object int32) []string {
	if x.lines.of != object {
		x.lines.of, x.lines.text = object, strings.Split(x.objects[object].text, "\n")
	}
	return x.lines.text
}

// rule finds a rule by its ID.
func (x *index) rule(id int) (ref, bool) {
	_, c, r := x.names.Rule(id)
	if r == nil {
		return ref{}, false
	}
	return x.of(c, r.Index-1)
}

// of is the ref of a place in a chain.
func (x *index) of(c *model.Chain, n int) (ref, bool) {
	if c == nil || c.ID >= len(x.chains) || x.chains[c.ID].chain != c {
		return ref{}, false
	}
	return ref{int32(c.ID), int32(n)}, true
}

// chain finds a chain's place by its name.
func (x *index) chain(k chainKey) (int32, bool) {
	_, c := x.names.Chain(k.Backend, k.Family, k.Table, k.Chain)
	r, ok := x.of(c, 0)
	return r.at, ok
}

func keyOf(t *model.Table, c *model.Chain) chainKey {
	k := chainKey{Backend: t.Backend, Family: t.Family, Table: t.Name}
	if c != nil {
		k.Chain = c.Name
	}
	return k
}

func (x *index) chainKey(at int32) chainKey { return keyOf(x.chains[at].table, x.chains[at].chain) }

// key names a row so that another ruleset may have it too.
func (x *index) key(r ref) rowKey {
	w := x.row(r)
	k := rowKey{kind: w.kind, chain: keyOf(w.table, w.chain)}
	switch {
	case w.kind == rowText:
		k.chain.Extra, k.text = x.objects[-1-r.at].name, w.text
	case w.rule == nil:
	case w.rule.Handle != 0:
		k.handle = w.rule.Handle
	default:
		k.text = w.rule.Text
		for i := range w.chain.Rules[:r.n] {
			if w.chain.Rules[i].Text == k.text {
				k.nth++
			}
		}
	}
	return k
}

// find is the row of that name.
func (x *index) find(k rowKey) (ref, bool) {
	if k.kind == rowText {
		for i := range x.objects {
			if o := &x.objects[i]; keyOf(o.table, nil) == (chainKey{Backend: k.chain.Backend, Family: k.chain.Family, Table: k.chain.Table}) && o.name == k.chain.Extra {
				for n, l := range x.text(int32(i)) {
					if l == k.text {
						return ref{-1 - int32(i), int32(n)}, true
					}
				}
			}
		}
		return ref{}, false
	}
	at, ok := x.chain(k.chain)
	if !ok {
		return ref{}, false
	}
	switch k.kind {
	case rowHead:
		return ref{at, headOf}, true
	case rowPolicy:
		return ref{at, endOf}, true
	case rowPending:
		return ref{at, pendingOf}, false
	}
	nth := k.nth
	rules := x.chains[at].chain.Rules
	for i := range rules {
		if k.handle != 0 && rules[i].Handle == k.handle {
			return ref{at, int32(i)}, true
		}
		if k.handle == 0 && rules[i].Text == k.text {
			if nth == 0 {
				return ref{at, int32(i)}, true
			}
			nth--
		}
	}
	return ref{}, false
}

// origin tells who made a chain.
func (x *index) origin(at int32) (provenance.Origin, bool) {
	o, known := x.origins[at]
	if !known {
		p := x.chains[at]
		o.Origin, o.ok = provenance.Chain(p.table, p.chain)
		x.origins[at] = o
	}
	return o.Origin, o.ok
}

// ruleOrigin tells who made a rule.
func (x *index) ruleOrigin(r ref) (provenance.Origin, bool) {
	p := x.chains[r.at]
	o, ok := x.origin(r.at)
	return provenance.Rule(p.table, p.chain, &p.chain.Rules[r.n], o, ok)
}

// objectName names an object of a table by its first line; i tells those apart that
// have none.
func objectName(i int, text string) string {
	first, _, _ := strings.Cut(text, "\n")
	first, _, _ = strings.Cut(first, "{") // a handle may stand behind it
	first = strings.TrimSpace(first)
	if first == "" {
		return "object " + string(rune('a'+i%26))
	}
	return first
}
