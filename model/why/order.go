package why

import (
	"fmt"
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
)

// chains are the base chains of a hook, in the order in which the kernel calls them: of those at
// one priority as packets proved it, else by a guess.
func (h *Host) chains(f model.Family, hook model.Hook) []ruleset.Base {
	bases := ruleset.Pipeline(h.Index.Ruleset(), f, hook)
	if slices.ContainsFunc(bases, func(b ruleset.Base) bool { return !b.Sure }) {
		if h.first == nil {
			h.first = h.proved()
		}
		bases = ruleset.Settle(bases, h.first)
	}
	return bases
}

// proved tells which of two chains packets proved to be called first; the newest packet stands.
// One that came before a chain was registered anew proves nothing of it.
func (h *Host) proved() func(a, b model.Called) bool {
	seen := map[journey.Order]bool{}
	for _, j := range h.Journeys {
		for _, o := range j.Orders {
			if j.Number < h.Since[o.First] || j.Number < h.Since[o.Then] {
				continue
			}
			delete(seen, journey.Order{First: o.Then, Then: o.First})
			seen[o] = true
		}
	}
	return func(a, b model.Called) bool { return seen[journey.Order{First: a, Then: b}] }
}

// registered keeps since which packet base chains are where the kernel calls them. Legacy tables
// have no handles, and a table of nf_tables that was dormant is registered anew with the old ones:
// then it is called before those at its priority that it was called behind.
type registered struct {
	rules *model.Ruleset
	here  map[model.Called]bool
	since map[model.Called]int
}

// look takes the rules of now; next is the number of the first journey that surely began by them.
func (r *registered) look(rs *model.Ruleset, next int) {
	here, since := map[model.Called]bool{}, map[model.Called]int{}
	for _, hook := range model.Hooks() {
		for _, f := range []model.Family{model.FamilyIPv4, model.FamilyIPv6} {
			for _, b := range ruleset.Pipeline(rs, f, hook) {
				c := model.CalledOf(b.Table, b.Chain)
				here[c] = true
				if n := r.since[c]; n > 0 {
					since[c] = n
				} else if r.rules != nil && !r.here[c] {
					since[c] = next
				}
			}
		}
	}
	r.rules, r.here, r.since = rs, here, since // whoever has the old map keeps it
}

// guess is that one chain of a hook is called before another, which nobody knows.
type guess struct {
	hook model.Hook
	a, b *ruleset.Base
	// others are orders of the hook's chains in which b is called before a.
	others [][]ruleset.Base
}

// String names the two.
func (g *guess) String() string {
	words := func(b *ruleset.Base) string {
		return journey.Where(b.Table.Backend, b.Table.Family, b.Table.Name, b.Chain.Name)
	}
	return fmt.Sprintf("%s and %s stand at the same priority: which ran first is not known", words(g.a), words(g.b))
}

// mostGuesses is how many of one packet are tried the other way round. Of more it is only said
// that there are.
const mostGuesses = 16

// guesses are what is guessed of the order of a hook's chains, one more at most than are tried.
func (h *Host) guesses(hook model.Hook, bases []ruleset.Base) (out []guess) {
	for i := range bases {
		for k := i + 1; k < len(bases); k++ {
			if len(out) > mostGuesses {
				return out
			}
			if !h.open(&bases[i], &bases[k]) {
				continue
			}
			if others := h.turned(bases, i, k); len(others) > 0 {
				out = append(out, guess{hook, &bases[i], &bases[k], others})
			}
		}
	}
	return out
}

// open reports whether nobody knows that the one of two chains of a hook that stands first is
// called first.
func (h *Host) open(a, b *ruleset.Base) bool {
	if ruleset.Between(a, b) == "" {
		return false
	}
	return h.first == nil || !h.first(model.CalledOf(a.Table, a.Chain), model.CalledOf(b.Table, b.Chain))
}

// probe reports whether a chain is one of nfscope's own.
func probe(b *ruleset.Base) bool { return strings.HasPrefix(b.Table.Name, journey.ProbePrefix) }

// turned gives the orders nearest to that of bases in which the one at k is called before the one
// at i: it goes before that with all that must go before it, or that goes behind it with all that
// must go behind. There is none where those between them settle it.
func (h *Host) turned(bases []ruleset.Base, i, k int) (out [][]ruleset.Base) {
	ahead, behind := []int{k}, []int{i}
	for m := k - 1; m >= i; m-- {
		if slices.ContainsFunc(ahead, func(x int) bool { return !h.open(&bases[m], &bases[x]) }) {
			ahead = append(ahead, m)
		}
	}
	if ahead[len(ahead)-1] == i {
		return nil
	}
	for m := i + 1; m < k; m++ {
		if slices.ContainsFunc(behind, func(x int) bool { return !h.open(&bases[x], &bases[m]) }) {
			behind = append(behind, m)
		}
	}
	order := func(first func(m int) bool) []ruleset.Base {
		l := slices.Clone(bases[:i])
		for _, now := range []bool{true, false} {
			for m := i; m <= k; m++ {
				if first(m) == now {
					l = append(l, bases[m])
				}
			}
		}
		return append(l, bases[k+1:]...)
	}
	out = append(out, order(func(m int) bool { return slices.Contains(ahead, m) }))
	if k > i+1 {
		out = append(out, order(func(m int) bool { return !slices.Contains(behind, m) }))
	}
	return out
}
