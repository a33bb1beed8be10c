package arm

import (
	"cmp"
	"slices"

	"github.com/google/nftables/expr"

	"nfscope/model/filter"
)

// Every packet of the host walks the chains that arm, so what matters there is how soon
// the packets of other flows are through. nf_tables evaluates loads of up to four bytes
// from the network and transport headers, and comparisons with them, in its own loop;
// everything else is a call, an interface's name or a set a dear one
// (net/netfilter/nf_tables_core.c, nft_do_chain). The order of conditions is free: one
// that cannot be looked at (no such header) is one that does not hold, and a rule holds
// where all its conditions do.

// cheapFirst orders conditions by what they cost and how many packets they turn away.
func cheapFirst(conds []filter.Cond) []filter.Cond {
	out := slices.Clone(conds)
	slices.SortStableFunc(out, func(a, b filter.Cond) int { return cmp.Compare(cost(a), cost(b)) })
	return out
}

const (
	costWord   = iota // one word of a header that few packets have
	costPrefix        // one that more have
	costCall
	costName
	costSet
	costNot = 10 // added where most packets hold it
)

func cost(k filter.Cond) (c int) {
	switch k.Field {
	case filter.FieldSrc, filter.FieldDst:
		if c = costWord; k.Prefix.Bits() < k.Prefix.Addr().BitLen()*3/4 && k.Prefix.Bits() < 48 {
			c = costPrefix
		}
	case filter.FieldSPort, filter.FieldDPort:
		if c = costWord; k.Lo != k.Hi {
			c = costCall
		}
	case filter.FieldIn, filter.FieldOut:
		c = costName
	case filter.FieldPorts:
		c = costSet
	default:
		c = costCall
	}
	if k.Not {
		c += costNot
	}
	return c
}

// word is the part of a whole IPv6 address or prefix that one quick comparison can look
// at: four bytes, at an offset from the address's beginning, that tell most hosts or
// networks apart. ok is false where there is none.
func word(k filter.Cond) (offset int, data []byte, ok bool) {
	if k.Not || !k.Prefix.Addr().Is6() || k.Prefix.Bits() < 32 {
		return 0, nil, false
	}
	offset = (k.Prefix.Bits()/32 - 1) * 4
	return offset, k.Prefix.Addr().AsSlice()[offset : offset+4], true
}

// skip is a rule that lets go at once what none of some rules matches, because all of
// them ask for the same word of a header; nil where they do not, or where one rule alone
// does as much.
func (w *rules) skip(list []filter.Conjunct) ([]expr.Any, error) {
	if len(list) < 2 {
		return nil, nil
	}
	for _, k := range cheapFirst(list[0].Conds) {
		if cost(k) > costPrefix {
			break
		}
		if slices.ContainsFunc(list[1:], func(c filter.Conjunct) bool { return !slices.Contains(c.Conds, k) }) {
			continue
		}
		if at, data, ok := word(k); ok {
			return []expr.Any{loadAddress(k.Field, true, at, 4), &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: data},
				&expr.Verdict{Kind: expr.VerdictAccept}}, nil
		}
		k.Not = true
		out, err := w.cond(k)
		return append(out, &expr.Verdict{Kind: expr.VerdictAccept}), err
	}
	return nil, nil
}

// loadAddress loads size bytes of an address in the IP header, from an offset in it.
func loadAddress(f filter.Field, v6 bool, offset, size int) *expr.Payload {
	at := map[filter.Field]int{filter.FieldSrc: 12, filter.FieldDst: 16}[f]
	if v6 {
		at = map[filter.Field]int{filter.FieldSrc: 8, filter.FieldDst: 24}[f]
	}
	return &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: uint32(at + offset), Len: uint32(size)}
}
