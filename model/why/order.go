package why

import (
	"fmt"
	"slices"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
)

// chains are the base chains of a hook, in the order in which the kernel calls them: of those at
// one priority as packets proved it, else by a guess.
func (h *Host) chains(f model.Family, hook model.Hook) []ruleset.Base {
	bases := ruleset.Pipeline(h.Index.Ruleset(), f, hook)
	if slices.ContainsFunc(bases, func(b ruleset.Base) bool { return !b.Sure }) {
		bases = ruleset.Settle(bases, proved(h.Journeys))
	}
	return bases
}

// proved tells which of two chains packets proved to be called first; the newest packet stands.
func proved(list []*journey.Journey) func(a, b model.Called) bool {
	seen := map[journey.Order]bool{}
	for _, j := range list {
		for _, o := range j.Orders {
			delete(seen, journey.Order{First: o.Then, Then: o.First})
			seen[o] = true
		}
	}
	return func(a, b model.Called) bool { return seen[journey.Order{First: a, Then: b}] }
}

// beside reports whether nobody knows which of two neighbours in a hook is called first.
func beside(a, b *ruleset.Base) bool { return !a.Sure && !b.Sure && a.Priority == b.Priority }

// guessed says of which chains beside the one at i nobody knows whether they are called before it.
func guessed(bases []ruleset.Base, i int) (l []string) {
	words := func(b *ruleset.Base) string {
		return journey.Where(b.Table.Backend, b.Table.Family, b.Table.Name, b.Chain.Name)
	}
	for k := i; k+1 < len(bases) && beside(&bases[k], &bases[k+1]); k++ {
		l = append(l, fmt.Sprintf("%s and %s stand at the same priority: which ran first is not known", words(&bases[i]), words(&bases[k+1])))
	}
	return l
}
