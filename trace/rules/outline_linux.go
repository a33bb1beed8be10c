package rules

import (
	"context"
	"strings"

	"nfscope/model"
)

// sketch is what is known of a part: at first what the kernel tells at once, then the text.
type sketch struct {
	tables []sketchTable
	// partial is true where there are more chains than these.
	partial bool
	// read are the tables with their text, nil before.
	read []*model.Table
}

type sketchTable struct {
	table  model.Table
	chains []model.Chain
	// rules is the number of rules of each chain, -1 where it is not known.
	rules []int32
}

// rules is the number of rules, -1 where it is not known.
func (s *sketch) rules() int {
	n := 0
	if s.read != nil {
		for _, t := range s.read {
			for _, c := range t.Chains {
				n += len(c.Rules)
			}
		}
		return n
	}
	if s.partial {
		return -1
	}
	for i := range s.tables {
		for _, r := range s.tables[i].rules {
			if r < 0 {
				return -1
			}
			n += int(r)
		}
	}
	return n
}

// peek has what the kernel tells within a millisecond, however many rules there are: the
// tables, and of legacy ones the chains that it calls itself. Errors are left to the
// reading that follows.
func (r *Reader) peek(ctx context.Context) []*sketch {
	var list []*sketch
	for _, l := range r.legacy {
		s := &sketch{partial: true}
		names, _ := l.listed(&legacyState{})
		for _, name := range names {
			info, err := l.info(name)
			if err != nil {
				continue
			}
			t := sketchTable{table: model.Table{Backend: model.BackendLegacy, Family: l.family, Name: name}}
			for _, h := range model.Hooks() {
				if info.has(h) {
					c := model.Chain{Name: builtinName(h), Hook: h}
					_, c.Priority, _ = model.BuiltinChain(name, c.Name)
					t.chains, t.rules = append(t.chains, c), append(t.rules, -1)
				}
			}
			s.tables = append(s.tables, t)
		}
		list = append(list, s)
	}
	s := &sketch{partial: true}
	if tables, err := r.nft[0].tables(ctx); err == nil {
		for _, t := range tables {
			if !strings.HasPrefix(t.name, OwnPrefix) {
				k := kernelTable{tableKey: tableKey{t.family, t.name}}
				s.tables = append(s.tables, k.sketch(true))
			}
		}
	}
	return append(list, s)
}

// sketchLegacy has a family's tables without text: the kernel's copy tells all chains and
// how many rules they have. Without chains there are the numbers alone.
func sketchLegacy(f model.Family, ls legacyState, chains bool) *sketch {
	s := &sketch{partial: ls.fallback != nil}
	for _, name := range ls.names {
		b := ls.tables[name]
		t := sketchTable{table: model.Table{Backend: model.BackendLegacy, Family: f, Name: name}}
		if b == nil {
			s.tables = append(s.tables, t)
			continue
		}
		t.room(len(b.chains), chains)
		for i := range b.chains {
			if chains {
				t.chains = append(t.chains, legacyChain(name, b, &b.chains[i]))
			}
			t.rules = append(t.rules, b.chains[i].end-b.chains[i].first)
		}
		s.tables = append(s.tables, t)
	}
	return s
}

// sketchNFT has the tables of nf_tables; how many rules a chain has is not known before
// they are dumped.
func sketchNFT(tables []*kernelTable, chains bool) *sketch {
	s := &sketch{}
	for _, k := range tables {
		s.tables = append(s.tables, k.sketch(chains))
	}
	return s
}

func (k *kernelTable) sketch(chains bool) sketchTable {
	t := sketchTable{table: model.Table{Backend: model.BackendNFTables, Family: k.family, Name: k.name}}
	if k.looksLikeIptables() {
		t.table.Backend = model.BackendIptablesNFT
	}
	t.room(len(k.chains), chains)
	for i := range k.chains {
		if chains {
			c := model.Chain{Name: k.chains[i].name, Policy: k.chains[i].policy}
			joinChain(&k.chains[i], &c)
			t.chains = append(t.chains, c)
		}
		t.rules = append(t.rules, -1)
	}
	return t
}

// room makes room for so many chains' numbers of rules, and for themselves where chains says so.
func (t *sketchTable) room(n int, chains bool) {
	t.rules = make([]int32, 0, n)
	if chains {
		t.chains = make([]model.Chain, 0, n)
	}
}

// looksLikeIptables guesses, before the rules are there to tell it, whether a table is
// iptables-nft's: by its name and those of its base chains.
func (k *kernelTable) looksLikeIptables() bool {
	if !iptablesName(k.family, k.name) {
		return false
	}
	for i := range k.chains {
		c := &k.chains[i]
		if _, _, ok := model.BuiltinChain(k.name, c.name); c.hook != model.HookNone && !ok {
			return false
		}
	}
	return true
}

// count takes the numbers of the rules that were dumped.
func (s *sketch) count(tables []*kernelTable) {
	for i, k := range tables {
		for j := range k.chains {
			if k.chains[j].read {
				s.tables[i].rules[j] = int32(len(k.chains[j].rules))
			}
		}
	}
}

// outline makes a ruleset of what is known, and tells by Chain.ID how many rules are
// missing. What is handed out shares nothing with what the reading goes on with.
func outline(parts []*sketch) (*model.Ruleset, []int32) {
	rs := &model.Ruleset{}
	for _, s := range parts {
		if s.read != nil {
			rs.Tables = append(rs.Tables, clone(s.read)...)
			continue
		}
		for i := range s.tables {
			t := s.tables[i].table
			chains := append([]model.Chain(nil), s.tables[i].chains...)
			t.Chains = make([]*model.Chain, len(chains))
			for j := range chains {
				t.Chains[j] = &chains[j]
			}
			rs.Tables = append(rs.Tables, &t)
		}
	}
	rs.Number()
	return rs, waiting(parts)
}

// waiting tells, by Chain.ID, how many rules of the outline are missing.
func waiting(parts []*sketch) []int32 {
	w := []int32{}
	for _, s := range parts {
		for _, t := range s.read {
			w = append(w, make([]int32, len(t.Chains))...)
		}
		for i := range s.tables {
			if s.read == nil {
				w = append(w, s.tables[i].rules...)
			}
		}
	}
	return w
}

// has reports whether the table has a chain at a hook.
func (i *tableInfo) has(h model.Hook) bool {
	for n := range i.hooks {
		if i.valid&(1<<n) != 0 && model.HookFromKernel(uint8(n)) == h {
			return true
		}
	}
	return false
}
