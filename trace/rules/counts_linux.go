package rules

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
)

// Counts reads the counters of all rules and chains of rs, which this Reader's
// Snapshot gave, from the kernel. It runs no program. When the namespace no longer
// has that ruleset it returns ErrStale.
func (r *Reader) Counts(ctx context.Context, rs *model.Ruleset) (*model.Counts, error) {
	st, err := r.observe(ctx)
	if err != nil {
		return nil, err
	}
	if st.key() != rs.Generation {
		return nil, ErrStale
	}
	counts, _, err := r.fill(ctx, st, rs)
	switch {
	case gone(err):
		return nil, ErrStale
	case err != nil:
		return nil, r.explain(err)
	}
	if !st.nft {
		return counts, nil
	}
	gen, _, err := r.generation(ctx)
	if err != nil {
		return nil, r.explain(err)
	}
	if gen != st.gen {
		return nil, ErrStale
	}
	return counts, nil
}

// gone reports whether err says that the ruleset changed under the reader: a dump was
// interrupted, or what it asked for is not there any more.
func gone(err error) bool { return errors.Is(err, errMoved) || errors.Is(err, unix.ENOENT) }

// fill reads the counters of rs. odd says where the text and the kernel disagree:
// those rules get no counter rather than another rule's.
func (r *Reader) fill(ctx context.Context, st *state, rs *model.Ruleset) (counts *model.Counts, odd []string, err error) {
	chains, rules := rs.Size()
	counts = &model.Counts{Generation: rs.Generation, Taken: time.Now(),
		Rules: make([]model.Counters, rules), Chains: make([]model.Counters, chains)}
	type chainKey struct {
		tableKey
		chain string
	}
	policies := map[chainKey]model.Counters{}
	var buf []nftRule
	for _, t := range rs.Tables {
		if t.Backend == model.BackendLegacy {
			odd = append(odd, fillLegacy(st.legacy[t.Family].blobs[t.Name], t, counts)...)
			continue
		}
		key := tableKey{t.Family, t.Name}
		if len(policies) == 0 {
			list, err := r.nft.chains(ctx)
			if err != nil {
				return nil, nil, err
			}
			for _, c := range list {
				policies[chainKey{tableKey{c.family, c.table}, c.name}] = c.counters
			}
		}
		for _, c := range t.Chains {
			counts.Chains[c.ID] = policies[chainKey{key, c.Name}]
			if len(c.Rules) == 0 {
				continue
			}
			if buf, err = r.nft.rules(ctx, t.Family, t.Name, c.Name, buf[:0]); err != nil {
				return nil, nil, err
			}
			if missing := fillChain(buf, c, counts); missing > 0 {
				odd = append(odd, fmt.Sprintf("%d rules of chain %s in table %s were printed but not found in the kernel: they are shown without counters", missing, c.Name, key))
			}
		}
	}
	return counts, odd, nil
}

func fillLegacy(b *blob, t *model.Table, counts *model.Counts) (odd []string) {
	for _, c := range t.Chains {
		var bc *blobChain
		if b != nil {
			bc = b.chain(c.Name)
		}
		if bc == nil || len(bc.rules) != len(c.Rules) {
			odd = append(odd, fmt.Sprintf("chain %s of the legacy %s table %s is not the same in text and in the kernel: it is shown without counters", c.Name, familyWord(t.Family), t.Name))
			continue
		}
		counts.Chains[c.ID] = bc.policy
		for i := range c.Rules {
			counts.Rules[c.Rules[i].ID] = bc.rules[i]
		}
	}
	return odd
}

// fillChain joins by handle; both lists are in the same order. It counts the rules
// that have no handle or that the kernel does not have.
func fillChain(kernel []nftRule, c *model.Chain, counts *model.Counts) (missing int) {
	next := 0
	for i := range c.Rules {
		ru := &c.Rules[i]
		at := next
		for at < len(kernel) && kernel[at].handle != ru.Handle {
			at++
		}
		if ru.Handle == 0 || at == len(kernel) {
			missing++
			continue
		}
		counts.Rules[ru.ID] = kernel[at].counters
		next = at + 1
	}
	return missing
}
