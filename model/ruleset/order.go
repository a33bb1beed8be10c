package ruleset

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"nfscope/model"
)

// Base is a base chain in the place where a hook calls it.
type Base struct {
	Table *model.Table
	Chain *model.Chain
	// Priority is where the kernel calls the chain, which for a nat chain of nftables
	// is not what the chain says: see Pipeline.
	Priority model.Priority
	// Sure is false where the order against a chain beside it is a guess; Why says so.
	Sure bool
	Why  string
}

// Where conntrack stands in a hook (net/netfilter/nf_conntrack_proto.c,
// ipv4_conntrack_ops): it finds or makes the entry first, and confirms it last.
const (
	ConntrackPriority        = model.PriorityConntrack // PREROUTING and OUTPUT
	ConntrackConfirmPriority = model.Priority(math.MaxInt32)
)

// ConntrackAt tells before which of a hook's base chains conntrack stands, as an index
// into them; len(bases) is behind all. ok is false where conntrack has no part in the
// hook. Whether it is switched on at all is not the ruleset's to say.
func ConntrackAt(h model.Hook, bases []Base) (at int, ok bool) {
	switch h {
	case model.HookPrerouting, model.HookOutput:
		at := slices.IndexFunc(bases, func(b Base) bool { return b.Priority > ConntrackPriority })
		if at < 0 {
			at = len(bases)
		}
		return at, true
	case model.HookInput, model.HookPostrouting:
		return len(bases), true
	}
	return 0, false
}

// Pipeline lists the base chains that a packet of family f meets in hook h, in the
// order in which the kernel calls them. Tables that are dormant are left out.
//
// The kernel orders by priority, and puts a new hook before those of equal priority
// (net/netfilter/core.c, nf_hook_entries_grow): the one registered last runs first.
// Chains of type nat are no hooks of their own: all of a family stand together in the
// one hook of nf_nat at -100 or 100, whatever their priority says, and are ordered
// among themselves by it (net/netfilter/nf_nat_core.c, nf_nat_register_fn). When a
// chain was registered can be told from the handles within one table; across tables it
// is a guess, and Sure says so.
func Pipeline(rs *model.Ruleset, f model.Family, h model.Hook) []Base {
	if h == model.HookNone {
		return nil
	}
	var places []place
	for _, t := range rs.Tables {
		if !sees(t.Family, f, h) || dormant(t) {
			continue
		}
		for _, c := range t.Chains {
			if c.Hook == h {
				places = append(places, makePlace(t, c, len(places)))
			}
		}
	}
	slices.SortFunc(places, before)
	bases := make([]Base, len(places))
	for i, p := range places {
		bases[i] = p.Base
	}
	for i := 1; i < len(places); i++ {
		if why := doubt(places[i-1], places[i]); why != "" {
			bases[i-1].Sure, bases[i-1].Why = false, why
			bases[i].Sure, bases[i].Why = false, why
		}
	}
	return bases
}

// sees reports whether a table of family t has its chains of hook h called for f.
func sees(t, f model.Family, h model.Hook) bool {
	if h == model.HookIngress || h == model.HookEgress {
		return t == model.FamilyNetdev || t == model.FamilyInet
	}
	return t.Carries(f)
}

func dormant(t *model.Table) bool {
	return slices.Contains(strings.FieldsFunc(t.Flags, func(r rune) bool { return r == ',' || r == ' ' }), "dormant")
}

// place is a Base with what orders it.
type place struct {
	Base
	nat  bool
	seen int // the place in the text
}

func makePlace(t *model.Table, c *model.Chain, seen int) place {
	p := place{Base: Base{Table: t, Chain: c, Priority: c.Priority, Sure: true}, seen: seen}
	p.nat = t.NAT(c)
	if p.nat {
		p.Priority = model.PriorityDstNAT
		if c.Hook == model.HookInput || c.Hook == model.HookPostrouting {
			p.Priority = model.PrioritySrcNAT
		}
	}
	return p
}

// before is the order of calls, with the best guess where it cannot be known.
func before(a, b place) int {
	return cmp.Or(
		cmp.Compare(a.Priority, b.Priority),
		cmp.Compare(truth(b.nat), truth(a.nat)),
		cmp.Compare(a.Chain.Priority, b.Chain.Priority),
		cmp.Compare(truth(b.legacy()), truth(a.legacy())),
		cmp.Compare(b.Table.Handle, a.Table.Handle),
		cmp.Compare(b.Table.Name, a.Table.Name),
		cmp.Compare(b.Chain.Handle, a.Chain.Handle),
		cmp.Compare(b.seen, a.seen),
	)
}

func (p place) legacy() bool { return p.Table.Backend == model.BackendLegacy }

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// doubt says why the order of two neighbours is a guess, "" where it is none.
func doubt(a, b place) string {
	const rule = ", the one registered last runs first"
	switch {
	case a.Priority != b.Priority:
		return ""
	case a.nat != b.nat:
		return "a nat and another chain at one priority" + rule + ", and when is not known"
	case a.Chain.Priority != b.Chain.Priority: // two nat chains
		return ""
	case a.legacy() != b.legacy():
		return "a legacy and an nf_tables chain at one priority" + rule + ", and when is not known"
	case a.Table != b.Table:
		return "chains of two tables at one priority" + rule + ", and when is not known"
	case a.Chain.Handle == 0 || b.Chain.Handle == 0:
		return "two chains at one priority" + rule + ", and the text has no handles to tell"
	}
	return ""
}
