package path

import (
	"slices"

	"nfscope/model"
	"nfscope/model/ruleset"
)

// bases lists the base chains that packets of either IP family meet at a hook, in the
// kernel's order; ingress goes before prerouting, egress behind postrouting.
func bases(rs *model.Ruleset, h model.Hook) []ruleset.Base {
	at := func(h model.Hook) []ruleset.Base {
		return merge(ruleset.Pipeline(rs, model.FamilyIPv4, h), ruleset.Pipeline(rs, model.FamilyIPv6, h))
	}
	out := at(h)
	switch h {
	case model.HookPrerouting:
		out = append(at(model.HookIngress), out...)
	case model.HookPostrouting:
		out = append(out, at(model.HookEgress)...)
	}
	return out
}

// merge joins the two families' orders. Chains of inet tables are in both and stand
// once; what is only in one goes by its priority between them.
func merge(a, b []ruleset.Base) []ruleset.Base {
	in := func(list []ruleset.Base, c *model.Chain) int {
		return slices.IndexFunc(list, func(x ruleset.Base) bool { return x.Chain == c })
	}
	var out []ruleset.Base
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Chain == b[0].Chain:
			a[0].Sure = a[0].Sure && b[0].Sure
			out, a, b = append(out, a[0]), a[1:], b[1:]
		case in(b, a[0].Chain) < 0 && (in(a, b[0].Chain) >= 0 || a[0].Priority <= b[0].Priority):
			out, a = append(out, a[0]), a[1:]
		case in(a, b[0].Chain) < 0:
			out, b = append(out, b[0]), b[1:]
		default: // the families disagree on the order: the first one's stands
			i := in(b, a[0].Chain)
			a[0].Sure = false
			out, a, b = append(out, a[0]), a[1:], slices.Delete(slices.Clone(b), i, i+1)
		}
	}
	return append(append(out, a...), b...)
}
