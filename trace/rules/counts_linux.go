package rules

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
)

// Counts reads the counters of all rules and chains of rs, which this Reader's
// Snapshot gave, from the kernel. It runs no program. When the namespace no longer
// has that ruleset it returns ErrStale.
func (r *Reader) Counts(ctx context.Context, rs *model.Ruleset) (*model.Counts, error) {
	begin := time.Now()
	r.effort.taken.Store(0)
	done := r.effort.on()
	counts, err := r.counts(ctx, rs)
	if done(); err != nil {
		return nil, err
	}
	if r.spent = time.Duration(r.effort.taken.Load()); len(rs.CountedBy) > 0 { // other programs worked too
		r.spent = max(r.spent, time.Since(begin))
	}
	return counts, nil
}

func (r *Reader) counts(ctx context.Context, rs *model.Ruleset) (*model.Counts, error) {
	st, err := r.observe(ctx)
	if err != nil {
		return nil, err
	}
	if st.key != rs.Generation {
		return nil, ErrStale
	}
	counts, _, err := r.fill(ctx, st, rs, nil)
	if err != nil && r.refused == nil && !gone(err) && allowed(ctx, err) {
		return nil, ErrStale // a Snapshot finds another way, and says so
	}
	if err == nil && st.nft {
		err = r.still(ctx, st.gen, st.nft)
	}
	switch {
	case gone(err):
		return nil, ErrStale
	case err != nil:
		return nil, r.explain(err)
	}
	return counts, nil
}

// still is errMoved where nf_tables is no longer at a generation.
func (r *Reader) still(ctx context.Context, gen uint32, nft bool) error {
	now, there, err := r.generation(ctx)
	if err == nil && (now != gen || there != nft) {
		err = errMoved
	}
	return err
}

// gone reports whether err says that the ruleset changed under the reader: a dump was
// interrupted, or what it asked for is not there any more.
func gone(err error) bool { return errors.Is(err, errMoved) || errors.Is(err, unix.ENOENT) }

// join says where the counters of a ruleset are in the kernel, so that a refresh needs
// no names: by position in the legacy tables, by request in nf_tables.
type join struct {
	rs  *model.Ruleset
	key string // of the state that it holds for
	nft bool   // and whether nf_tables is there,
	gen uint32 // and its generation
	// legacy are the places of the chains that are the same in text and kernel, by table.
	legacy []legacyJoin
	// printed are the tables of a family that are counted from text.
	printed map[model.Family][]textPlace
	// dumps are the chains of nf_tables with rules, long ones first: they are to be begun
	// first.
	dumps []nftPlace
	// base are the chains of nf_tables that may have a counter of their own.
	base []nftPlace
	// owner is the table of each chain, and first its first rule, by Chain.ID.
	chains []*model.Chain
	owner  []*model.Table
	first  []int32
	odd    []string
}

// legacyJoin are the chains of a legacy table.
type legacyJoin struct {
	family model.Family
	table  string
	places []legacyPlace
}

// legacyPlace is a chain.
type legacyPlace struct {
	id, rule   int32 // Chain.ID, ID of the first rule
	first, end int32 // entries of the rules
	policy     int32 // entry of the policy, -1 where there is none
}

type nftPlace struct {
	table *model.Table
	chain *model.Chain
	rule  int // ID of the first rule
}

// longChain is the length from which a chain is begun before the others.
const longChain = 256

// when is 0 of what is to be begun first, 1 of all else.
func (p *nftPlace) when() int {
	if len(p.chain.Rules) >= longChain {
		return 0
	}
	return 1
}

// joined is the join of rs and st, made anew where one of them is another.
func (r *Reader) joined(st *state, rs *model.Ruleset) *join {
	if r.join != nil && r.join.rs == rs && r.join.key == st.key {
		return r.join
	}
	j := &join{rs: rs, key: st.key, nft: st.nft, gen: st.gen}
	n, _ := rs.Size()
	j.chains, j.owner, j.first = make([]*model.Chain, 0, n), make([]*model.Table, 0, n), make([]int32, 0, n)
	rule := 0
	for _, t := range rs.Tables {
		if t.Backend == model.BackendLegacy && st.legacy[t.Family].fallback != nil {
			if j.printed == nil {
				j.printed = map[model.Family][]textPlace{}
			}
			j.printed[t.Family] = append(j.printed[t.Family], textPlace{t.Name, len(j.chains), rule})
		} else if t.Backend == model.BackendLegacy {
			j.addLegacy(st.legacy[t.Family].tables[t.Name], t, rule)
		}
		for _, c := range t.Chains {
			j.chains, j.owner, j.first = append(j.chains, c), append(j.owner, t), append(j.first, int32(rule))
			if t.Backend != model.BackendLegacy {
				p := nftPlace{t, c, rule}
				if c.Base() {
					j.base = append(j.base, p)
				}
				if len(c.Rules) > 0 {
					if j.dumps == nil {
						j.dumps = make([]nftPlace, 0, n-len(j.chains)+1)
					}
					j.dumps = append(j.dumps, p)
				}
			}
			rule += len(c.Rules)
		}
	}
	slices.SortStableFunc(j.dumps, func(a, b nftPlace) int { return a.when() - b.when() })
	r.join = j
	return j
}

// addLegacy finds the chains of a table among the kernel's. Both mostly have them in
// the same order.
func (j *join) addLegacy(b *legacyTable, t *model.Table, rule int) {
	var names map[string]*blobChain
	l := legacyJoin{family: t.Family, table: t.Name, places: make([]legacyPlace, 0, len(t.Chains))}
	for i, c := range t.Chains {
		var bc *blobChain
		switch {
		case b == nil:
		case i < len(b.chains) && b.chains[i].name == c.Name:
			bc = &b.chains[i]
		default:
			if names == nil {
				names = make(map[string]*blobChain, len(b.chains))
				for i := range b.chains {
					names[b.chains[i].name] = &b.chains[i]
				}
			}
			bc = names[c.Name]
		}
		if bc == nil || int(bc.end-bc.first) != len(c.Rules) {
			j.odd = append(j.odd, fmt.Sprintf("chain %s of the legacy %s table %s is not the same in text and in the kernel: it is shown without counters", c.Name, familyWord(t.Family), t.Name))
		} else {
			bc.name = c.Name // the same string once
			l.places = append(l.places, legacyPlace{id: int32(c.ID), rule: int32(rule), first: bc.first, end: bc.end, policy: bc.policy})
		}
		rule += len(c.Rules)
	}
	j.legacy = append(j.legacy, l)
}

// fill reads the counters of rs. odd says where the text and the kernel disagree:
// those rules get no counter rather than another rule's. The tables in known are left
// out: their counters came with their text.
func (r *Reader) fill(ctx context.Context, st *state, rs *model.Ruleset, known map[*model.Table]bool) (counts *model.Counts, odd []string, err error) {
	j := r.joined(st, rs)
	chains, rules := rs.Size()
	counts = &model.Counts{Generation: rs.Generation, Taken: time.Now(),
		Rules: make([]model.Counters, rules), Chains: make([]model.Counters, chains)}
	r.fillLegacy(st, j, counts)
	missing, err := r.fillNFT(ctx, j, counts, known)
	return counts, append(missing, j.odd...), err
}

func (r *Reader) fillLegacy(st *state, j *join, counts *model.Counts) {
	for f, places := range j.printed {
		st.legacy[f].fallback.count(f, places, counts)
	}
	for _, l := range j.legacy {
		t := st.legacy[l.family].tables[l.table]
		for _, p := range l.places {
			into := counts.Rules[p.rule:]
			for i, c := range t.cells[p.first:p.end] {
				into[i] = c.counters()
			}
			if p.policy >= 0 {
				counts.Chains[p.id] = t.cells[p.policy].counters()
			}
		}
	}
}

func (r *Reader) fillNFT(ctx context.Context, j *join, counts *model.Counts, known map[*model.Table]bool) (odd []string, err error) {
	if r.refused != nil && known == nil {
		return nil, r.countText(ctx, j, counts)
	}
	for _, p := range j.base {
		if known[p.table] {
			counts.Chains[p.chain.ID] = p.chain.Counters
			continue
		}
		c, err := r.nft[0].chain(ctx, p.table.Family, p.table.Name, p.chain.Name)
		if err != nil {
			return nil, err
		}
		counts.Chains[p.chain.ID] = c.counters
	}
	missing := make([]int, len(j.dumps)) // each by one goroutine
	err = r.spread(ctx, len(j.dumps), func(s *nftSocket, i int) (err error) {
		p := &j.dumps[i]
		into := counts.Rules[p.rule : p.rule+len(p.chain.Rules)]
		if known[p.table] {
			for i := range into {
				into[i] = p.chain.Rules[i].Counters
			}
			return nil
		}
		missing[i], err = s.count(ctx, p.table, p.chain, into)
		return err
	})
	for i, n := range missing {
		if p := &j.dumps[i]; n > 0 {
			odd = append(odd, fmt.Sprintf("%d rules of chain %s in table %s were printed but not found in the kernel: they are shown without counters", n, p.chain.Name, tableKey{p.table.Family, p.table.Name}))
		}
	}
	return odd, err
}
