package rules

import (
	"context"
	"slices"
	"sort"
	"time"

	"nfscope/model"
)

// CountsOf refreshes what is on the screen: chains by Chain.ID, with all their rules where
// these are not more than 512, and single rules by Rule.ID, of rs, which this Reader's last Snapshot gave. It asks nf_tables for these
// alone, so that its cost does not grow with the ruleset; legacy tables can only be read
// whole, and are left out. It returns ErrStale when the namespace no longer has the
// ruleset; of a legacy table it sees so only by its size and shape, the rest at the next
// Counts.
func (r *Reader) CountsOf(ctx context.Context, rs *model.Ruleset, chains, rules []int) (*model.Partial, error) {
	return r.countsOf(ctx, rs, chains, rules, time.Hour)
}

// countsOf is CountsOf until so much time is spent: what does not fit is left out.
func (r *Reader) countsOf(ctx context.Context, rs *model.Ruleset, chains, rules []int, spend time.Duration) (*model.Partial, error) {
	j := r.join
	if j == nil || j.rs != rs || j.key != rs.Generation {
		return nil, ErrStale
	}
	p := &partial{r: r, j: j, until: time.Now().Add(spend), part: model.Partial{Generation: rs.Generation, Taken: time.Now()}}
	err := p.read(ctx, j.wanted(chains, rules))
	switch {
	case gone(err):
		return nil, ErrStale
	case err != nil:
		return nil, r.explain(err)
	}
	return &p.part, nil
}

// partial is a Part that is being read.
type partial struct {
	r     *Reader
	j     *join
	until time.Time
	part  model.Partial
}

func (p *partial) over() bool { return !time.Now().Before(p.until) }

func (p *partial) read(ctx context.Context, want []portion) error {
	r := p.r
	if err := r.still(ctx, p.j.gen, p.j.nft); err != nil {
		return err
	}
	for _, l := range r.legacy {
		if same, err := l.same(); err != nil {
			return err
		} else if !same {
			return errMoved
		}
	}
	if len(want) == 0 || r.refused != nil { // text is only printed whole
		return nil
	}
	for i := range want {
		if i > 0 && p.over() {
			break
		}
		if err := p.portion(ctx, &want[i]); err != nil {
			return err
		}
	}
	return r.still(ctx, p.j.gen, p.j.nft)
}

func (p *partial) portion(ctx context.Context, w *portion) error {
	s := p.r.nft[0]
	if w.chain.Base() {
		kc, err := s.chain(ctx, w.table.Family, w.table.Name, w.chain.Name)
		if err != nil {
			return err
		}
		p.part.Chains = append(p.part.Chains, model.Numbered{ID: w.chain.ID, Counters: kc.counters})
	}
	if w.places == nil {
		if len(w.chain.Rules) == 0 {
			return nil
		}
		into := make([]model.Counters, len(w.chain.Rules))
		if _, err := s.count(ctx, w.table, w.chain, into); err != nil {
			return err
		}
		for i, c := range into {
			p.part.Rules = append(p.part.Rules, model.Numbered{ID: w.rule + i, Counters: c})
		}
		return nil
	}
	for left := w.places; len(left) > 0; {
		if len(left) < len(w.places) && p.over() {
			break
		}
		n := min(len(left), max(1, pickFar/(left[0]+1)), pickMost)
		into, err := s.pick(ctx, w.table, w.chain, left[:n])
		if err != nil {
			return err
		}
		for i, c := range into {
			p.part.Rules = append(p.part.Rules, model.Numbered{ID: w.rule + left[i], Counters: c})
		}
		left = left[n:]
	}
	return nil
}

const (
	// pickMost is how many rules are asked for with one request.
	pickMost = 64
	// pickFar is how many rules the kernel may go by for one request, about 1 ms: it looks
	// for each from the chain's head, so that the 12,000th costs 0.4 ms.
	pickFar = 32_000
	// dumpMost is the number of rules up to which a chain is read whole because it is wanted
	// whole, in about 1 ms. Of a longer one only its own counter is.
	dumpMost = 512
)

// place finds a rule: its Chain.ID and its place there; chain is -1 where it is not there.
func (j *join) place(id int) (chain, place int) {
	// The last chain that begins at or before the rule has it, if it is long enough.
	c := sort.Search(len(j.first), func(i int) bool { return int(j.first[i]) > id }) - 1
	if id < 0 || c < 0 || id-int(j.first[c]) >= len(j.chains[c].Rules) {
		return -1, 0
	}
	return c, id - int(j.first[c])
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
		if id < 0 || id >= len(j.chains) {
			continue
		}
		if whole[id] = true; len(j.chains[id].Rules) > dumpMost {
			whole[id] = false
			places[id] = []int{}
		}
	}
	for _, id := range rules {
		if c, i := j.place(id); c >= 0 && !whole[c] && j.chains[c].Rules[i].Handle != 0 {
			places[c] = append(places[c], i)
		}
	}
	for c := range places {
		// A rule costs 2.6 us alone and 1.8 us in a dump, or more in a long chain: the kernel
		// goes through it from the head for every 32 KB.
		if n := len(places[c]); n > 0 && 2*len(j.chains[c].Rules) <= 3*n {
			whole[c] = true
		}
	}
	var want []portion
	for c, all := range whole {
		if !all {
			continue
		}
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
