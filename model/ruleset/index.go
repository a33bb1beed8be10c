package ruleset

import (
	"slices"
	"sync"

	"nfscope/model"
)

// Index finds tables, chains and rules of one Ruleset quickly. It may be used from
// several goroutines; what is costly is made when first asked for.
type Index struct {
	rs *model.Ruleset
	// owners are the chains in the order of their IDs.
	owners []owner

	names  func() map[tableKey]map[string]int32 // Chain.ID by name
	graph  func() *Graph
	maps   func() map[*model.Table]verdictMaps
	mu     sync.Mutex
	byRule map[*model.Chain]map[uint64]int32 // handle to place, of long chains
}

type owner struct {
	table *model.Table
	chain *model.Chain
	first int // ID of the first rule, or of the one that would be
}

// longChain is the length from which a chain's handles get a map.
const longChain = 32

// NewIndex indexes a Ruleset that was numbered.
func NewIndex(rs *model.Ruleset) *Index {
	chains, _ := rs.Size()
	x := &Index{rs: rs, owners: make([]owner, 0, chains), byRule: map[*model.Chain]map[uint64]int32{}}
	next := 0
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			x.owners = append(x.owners, owner{t, c, next})
			next += len(c.Rules)
		}
	}
	x.names = sync.OnceValue(x.makeNames)
	x.maps = sync.OnceValue(func() map[*model.Table]verdictMaps {
		m := map[*model.Table]verdictMaps{}
		for _, t := range rs.Tables {
			if v := newVerdictMaps(t); v != nil {
				m[t] = v
			}
		}
		return m
	})
	x.graph = sync.OnceValue(func() *Graph { return NewGraph(rs) })
	return x
}

// makeNames sorts the chains by table and name. Whoever of nf_tables' programs owns a
// table, its name is one: so the key's backend is legacy's or not.
func (x *Index) makeNames() map[tableKey]map[string]int32 {
	m := map[tableKey]map[string]int32{}
	for _, t := range x.rs.Tables {
		k := nameKey(t.Backend == model.BackendLegacy, t.Family, t.Name)
		names := m[k]
		if names == nil {
			names = make(map[string]int32, len(t.Chains))
			m[k] = names
		}
		for _, c := range t.Chains {
			if _, twice := names[c.Name]; !twice {
				names[c.Name] = int32(c.ID)
			}
		}
	}
	return m
}

func nameKey(legacy bool, f model.Family, table string) tableKey {
	b := model.BackendNFTables
	if legacy {
		b = model.BackendLegacy
	}
	return tableKey{b, f, table}
}

func (x *Index) named(legacy bool, f model.Family, table, chain string) owner {
	id, ok := x.names()[nameKey(legacy, f, table)][chain]
	if !ok {
		return owner{}
	}
	return x.owners[id]
}

// Prepare makes what Chain and NFTChain look names up in: 10 ms for 36,000 chains, in
// the caller's time and not in that of whoever asks first.
func (x *Index) Prepare() { x.names() }

// Ruleset is what was indexed.
func (x *Index) Ruleset() *model.Ruleset { return x.rs }

// Graph is the ruleset's jump graph.
func (x *Index) Graph() *Graph { return x.graph() }

// Chain finds a chain; nil, nil where there is none.
func (x *Index) Chain(b model.Backend, f model.Family, table, chain string) (*model.Table, *model.Chain) {
	o := x.named(b == model.BackendLegacy, f, table, chain)
	if o.table == nil || o.table.Backend != b {
		return nil, nil
	}
	return o.table, o.chain
}

// NFTChain finds a chain of nf_tables, whoever owns it: iptables-nft and nftables
// share their names.
func (x *Index) NFTChain(f model.Family, table, chain string) (*model.Table, *model.Chain) {
	o := x.named(false, f, table, chain)
	return o.table, o.chain
}

// ByHandle finds a rule of nf_tables by its handle. Where the chain is known and the
// rule is not, the rule alone is nil.
func (x *Index) ByHandle(f model.Family, table, chain string, handle uint64) (*model.Table, *model.Chain, *model.Rule) {
	t, c := x.NFTChain(f, table, chain)
	if c == nil {
		return nil, nil, nil
	}
	if handle == 0 {
		return t, c, nil
	}
	if len(c.Rules) < longChain {
		for i := range c.Rules {
			if c.Rules[i].Handle == handle {
				return t, c, &c.Rules[i]
			}
		}
		return t, c, nil
	}
	if i, ok := x.handles(c)[handle]; ok {
		return t, c, &c.Rules[i]
	}
	return t, c, nil
}

func (x *Index) handles(c *model.Chain) map[uint64]int32 {
	x.mu.Lock()
	defer x.mu.Unlock()
	m := x.byRule[c]
	if m == nil {
		m = make(map[uint64]int32, len(c.Rules))
		for i := range c.Rules {
			m[c.Rules[i].Handle] = int32(i)
		}
		x.byRule[c] = m
	}
	return m
}

// Rule finds a rule by its ID; nils where there is none.
func (x *Index) Rule(id int) (*model.Table, *model.Chain, *model.Rule) {
	// The last chain that begins at or before id holds it: empty chains begin where the
	// next one does, and come before it.
	i, _ := slices.BinarySearchFunc(x.owners, id+1, func(o owner, id int) int { return o.first - id })
	if i == 0 || id < 0 {
		return nil, nil, nil
	}
	o := x.owners[i-1]
	if id-o.first >= len(o.chain.Rules) {
		return nil, nil, nil
	}
	return o.table, o.chain, &o.chain.Rules[id-o.first]
}

// Owner gives the table of a chain of this ruleset by the chain's ID.
func (x *Index) Owner(chainID int) (*model.Table, *model.Chain) {
	if chainID < 0 || chainID >= len(x.owners) {
		return nil, nil
	}
	return x.owners[chainID].table, x.owners[chainID].chain
}

// Chosen lists the chains that a rule of a table calls otherwise than by one jump: by
// elements of verdict maps, as far as they were read, and by rules in braces.
func (x *Index) Chosen(t *model.Table, r *model.Rule) []*model.Chain {
	if !byMap(r) {
		return nil
	}
	var list []*model.Chain
	for _, c := range x.maps()[t].calls(r) {
		in, to := x.Chain(t.Backend, t.Family, t.Name, c.chain)
		if n := len(list); in == t && (n == 0 || list[n-1] != to) { // the same ones stand together
			list = append(list, to)
		}
	}
	return list
}

// Callers lists the rules that jump or go to a chain, in the ruleset's order.
func (x *Index) Callers(c *model.Chain) []Call { return x.Graph().Callers(c) }
