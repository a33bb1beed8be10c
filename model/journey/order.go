package journey

import "nfscope/model"

// Order says that one base chain was called before another of the same hook and priority.
type Order struct{ First, Then model.Called }

// orders are what the packet's way proves of chains at one place. One tracer tells of its
// chains in their order; two do not (see beside), but who stopped the packet came behind all
// that it passed, and before those that it never came to.
func (b *builder) orders(f *Fold, j *Journey) (out []Order) {
	if b.bases == nil || len(b.bases.tied) == 0 || !j.Closed || !j.Complete {
		return nil
	}
	prove := func(w, o *base) {
		if x, y := b.bases.tied[*w], b.bases.tied[*o]; x != y && x.Chain != "" && y.Chain != "" {
			out = append(out, Order{x, y})
		}
	}
	for i, w := range b.walks {
		if w.hidden || w.vague || below(w.family) {
			continue
		}
		for _, o := range b.walks[i+1:] {
			if o.place == w.place && !o.hidden && !o.vague && (o.source == w.source || b.stops(o)) {
				prove(w.called(), o.called())
			}
		}
		if !w.verdict.Ends() || int(w.place.hook) >= len(b.bases.at) || !b.began || !b.walks[0].place.before(w.place) {
			continue
		}
		for k := range b.bases.at[w.place.hook] {
			if c := &b.bases.at[w.place.hook][k]; c.place == w.place && c.family.Carries(b.key.family) && !b.walked(c) && (c.backend != model.BackendLegacy || !f.noLegacy) {
				prove(w.called(), c)
			}
		}
	}
	return out
}

// called is the base chain that a walk is through.
func (w *walk) called() *base { return &base{w.place, w.backend, w.family, w.table, w.base} }

// tie notes the chains that share their place with one of another table; those of one table
// are told apart by their handles.
func (all *bases) tie(rs *model.Ruleset) {
	names := map[base]model.Called{}
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			if c.Hook != model.HookNone {
				names[base{placeIn(t, c), t.Backend, t.Family, t.Name, c.Name}] = model.CalledOf(t, c)
			}
		}
	}
	all.tied = map[base]model.Called{}
	for h := range all.at {
		for i, a := range all.at[h] {
			for _, b := range all.at[h][i+1:] {
				if a.place == b.place && (a.table != b.table || a.family != b.family || a.backend != b.backend) && (a.family.Carries(b.family) || b.family.Carries(a.family)) {
					all.tied[a], all.tied[b] = names[a], names[b]
				}
			}
		}
	}
}
