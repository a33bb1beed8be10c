package rules

import (
	"context"
	"slices"

	"nfscope/model"
)

// unmoved proves a text right that was printed while nf_tables' generation moved: other
// programs' tables, or an nfscope's own, may come and go all the time. A handle is given
// once in the life of its table (nf_tables_api.c, nf_tables_alloc_handle), so that tables
// whose handles were the same before and after the text had those rules all the while.
type unmoved struct {
	before []*kernelTable // nil where they were never dumped whole
}

// hold reports whether the tables of nf_tables are as they were when it was asked last, and
// the text in p says the same. An error is as good as no.
func (s *unmoved) hold(ctx context.Context, r *Reader, p *part) bool {
	now, err := r.kernelTables(ctx)
	for _, k := range now {
		if err == nil {
			err = r.dumpRules(ctx, k)
		}
	}
	if err != nil {
		s.before = nil
		return false
	}
	before := s.before
	s.before = append([]*kernelTable{}, now...) // not nil, even where there is none
	return before != nil && slices.EqualFunc(before, now, sameHandles) && saysHandles(p.tables, now)
}

func sameHandles(a, b *kernelTable) bool {
	return a.tableKey == b.tableKey && a.handle == b.handle && slices.EqualFunc(a.chains, b.chains, func(a, b kernelChain) bool {
		return a.handle == b.handle && a.name == b.name && a.policy == b.policy &&
			slices.EqualFunc(a.rules, b.rules, func(a, b nftRule) bool { return a.handle == b.handle })
	})
}

// saysHandles reports whether a text has the rules that the kernel has, and no others.
func saysHandles(text []*model.Table, kernel []*kernelTable) bool {
	if len(text) != len(kernel) {
		return false
	}
	for _, k := range kernel {
		i := slices.IndexFunc(text, func(t *model.Table) bool {
			return t.Backend != model.BackendLegacy && t.Family == k.family && t.Name == k.name
		})
		if i < 0 || len(text[i].Chains) != len(k.chains) {
			return false
		}
		for _, c := range text[i].Chains {
			kc := k.chain(c.Name)
			if kc == nil || !slices.EqualFunc(c.Rules, kc.rules, func(a model.Rule, b nftRule) bool { return a.Handle == b.handle }) {
				return false
			}
		}
	}
	return true
}
