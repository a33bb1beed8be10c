package rules

import (
	"context"
	"slices"
	"sort"
	"time"

	"nfscope/model"
)

// CountsOf refreshes what is on the screen: whole chains by Chain.ID and single rules by
// Rule.ID. It asks nf_tables for these alone, so that its cost does not grow with the
// ruleset; legacy tables can only be read whole, and keep the counters of the last Counts.
// Counts.Part tells what was read. Like Counts it returns ErrStale when the namespace no
// longer has the ruleset; of a legacy table it sees so only by its size and shape, the
// rest at the next Counts.
func (r *Reader) CountsOf(ctx context.Context, rs *model.Ruleset, chains, rules []int) (*model.Counts, error) {
	j := r.join
	if j == nil || j.rs != rs || j.key != rs.Generation || r.last == nil || r.last.Generation != rs.Generation {
		return r.Counts(ctx, rs)
	}
	counts, err := r.partly(ctx, j, j.wanted(chains, rules))
	switch {
	case gone(err):
		return nil, ErrStale
	case err != nil:
		return nil, r.explain(err)
	}
	r.last = counts
	return counts, nil
}

func (r *Reader) partly(ctx context.Context, j *join, want []portion) (*model.Counts, error) {
	if err := r.still(ctx, j.gen, j.nft); err != nil {
		return nil, err
	}
	for _, l := range r.legacy {
		if same, err := l.same(); err != nil {
			return nil, err
		} else if !same {
			return nil, errMoved
		}
	}
	if len(want) == 0 || r.refused != nil { // text is only printed whole
		return &model.Counts{Generation: r.last.Generation, Taken: time.Now(), Whole: r.whole, Rules: r.last.Rules, Chains: r.last.Chains}, nil
	}
	c := &model.Counts{Generation: r.last.Generation, Taken: time.Now(), Whole: r.whole,
		Rules: slices.Clone(r.last.Rules), Chains: r.last.Chains}
	s := r.nft[0]
	for _, p := range want {
		into := c.Rules[p.rule : p.rule+len(p.chain.Rules)]
		if p.chain.Base() {
			kc, err := s.chain(ctx, p.table.Family, p.table.Name, p.chain.Name)
			if err != nil {
				return nil, err
			}
			if kc.counters != c.Chains[p.chain.ID] { // few base chains of nf_tables have a counter
				c.Chains = slices.Clone(c.Chains)
				c.Chains[p.chain.ID] = kc.counters
			}
		}
		if p.places == nil {
			if _, err := s.count(ctx, p.table, p.chain, into); err != nil {
				return nil, err
			}
			for i := range into {
				c.Part = append(c.Part, p.rule+i)
			}
			continue
		}
		if err := s.pick(ctx, p.table, p.chain, p.places, into); err != nil {
			return nil, err
		}
		for _, i := range p.places {
			c.Part = append(c.Part, p.rule+i)
		}
	}
	return c, r.still(ctx, j.gen, j.nft)
}

// portion is what is wanted of a chain: the rules at places, or all where that is nil.
type portion struct {
	nftPlace
	places []int
}

// wanted sorts what is visible by chain, in the ruleset's order. What is not there, and
// what has no handle, is left out.
func (j *join) wanted(chains, rules []int) []portion {
	whole := map[int]bool{}
	places := map[int][]int{}
	for _, id := range chains {
		if id >= 0 && id < len(j.chains) {
			whole[id] = true
		}
	}
	for _, id := range rules {
		// The last chain that begins at or before the rule has it, if it is long enough.
		c := sort.Search(len(j.first), func(i int) bool { return int(j.first[i]) > id }) - 1
		if id < 0 || c < 0 || whole[c] {
			continue
		}
		if i := id - int(j.first[c]); i < len(j.chains[c].Rules) && j.chains[c].Rules[i].Handle != 0 {
			places[c] = append(places[c], i)
		}
	}
	for c := range places {
		// A rule costs 2.6 us alone and 1.8 us in a dump, or more in a long chain: the kernel
		// goes through it from the head for every 32 KB.
		if 2*len(j.chains[c].Rules) <= 3*len(places[c]) {
			whole[c] = true
		}
	}
	var want []portion
	for c := range whole {
		delete(places, c)
		want = append(want, portion{nftPlace{j.owner[c], j.chains[c], int(j.first[c])}, nil})
	}
	for c, p := range places {
		slices.Sort(p)
		want = append(want, portion{nftPlace{j.owner[c], j.chains[c], int(j.first[c])}, slices.Compact(p)})
	}
	want = slices.DeleteFunc(want, func(p portion) bool { return p.table.Backend == model.BackendLegacy })
	slices.SortFunc(want, func(a, b portion) int { return a.chain.ID - b.chain.ID })
	return want
}
