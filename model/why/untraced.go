package why

import (
	"net/netip"
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/fact"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
	"nfscope/model/walk"
)

// Suspects are the rules and policies that may have dropped a packet which nobody traced.
type Suspects struct {
	List []journey.Culprit
	// Open is true where others may have too: what a rule does is not known.
	Open bool
}

// SuspectsOf takes a packet that netfilter dropped in a hook through the chains of that hook, by
// the rules of now. Of a packet that was not traced the kernel tells no more.
func SuspectsOf(d *drop.Drop, h Host) (s Suspects) {
	if h.Index == nil || d.Hook == model.HookNone || !d.HasPacket() {
		return s
	}
	family, in := d.Packet.Family, called(d)
	switch {
	case in == model.FamilyBridge:
		family = in
	case in == 0 && bridged(d): // ebtables' rules may have done it too
		return s
	}
	bases, walker := h.chains(family, d.Hook), walk.New(h.Index)
	s.along(d, &h, walker, in, bases)
	for i, g := range h.guesses(d.Hook, bases) {
		if i >= mostGuesses {
			s.Open = true
			break
		}
		for _, other := range g.others {
			s.along(d, &h, walker, in, other)
		}
	}
	return s
}

// along adds those that may have dropped the packet where the hook's chains are called in an order.
func (s *Suspects) along(d *drop.Drop, h *Host, walker *walk.Walker, in model.Family, bases []ruleset.Base) {
	known := func(name string) fact.Fact[string] { return fact.Fact[string]{Value: name, Known: name != ""} }
	facts := fact.Facts{Mark: fact.Of(d.Packet.Mark), In: known(d.In), Out: known(d.Out), Local: func(a netip.Addr) fact.Answer { return fact.Is(h.own(a)) }}
	packet, muddled := d.Packet, false
	for _, b := range bases {
		if in != 0 && b.Table.Family != in || !on(b.Chain, d) || probe(&b) {
			continue
		}
		r := walker.Chain(b.Table, b.Chain, packet, facts, muddled)
		goes := false
		for i := range r.Ends {
			switch e := &r.Ends[i]; e.Verdict {
			case model.VerdictDrop, model.VerdictReject:
				st := step(&b, d.Hook, e)
				if c := journey.CulpritOf(&st); !slices.Contains(s.List, c) {
					s.List = append(s.List, c)
				}
			case model.VerdictAccept:
				goes = true
			default:
				s.Open, goes = true, true
			}
		}
		if !goes {
			return
		}
		packet, facts, muddled = r.Packet, r.Facts, r.Muddled
	}
}

// called is the family of the chain that dropped the packet, by the kernel's function that called
// it; 0 where that is not known.
func called(d *drop.Drop) model.Family {
	for _, f := range d.Callers {
		switch f, _, _ = strings.Cut(f, "."); f {
		case "nft_do_chain_bridge":
			return model.FamilyBridge
		case "nft_do_chain_netdev":
			return model.FamilyNetdev
		case "nft_do_chain_ipv4":
			return model.FamilyIPv4
		case "nft_do_chain_ipv6":
			return model.FamilyIPv6
		case "nft_do_chain_inet", "nft_do_chain_inet_ingress":
			return model.FamilyInet
		}
	}
	return 0
}

// bridged reports whether it was a bridge that called netfilter, for its own chains: br_netfilter
// calls those of IP.
func bridged(d *drop.Drop) bool {
	for _, f := range d.Callers {
		switch {
		case strings.HasPrefix(f, "nf_"), strings.HasPrefix(f, "nft_"), strings.HasPrefix(f, "NF_HOOK"):
		case strings.HasPrefix(f, "br_nf_"):
			return false
		default:
			return strings.HasPrefix(f, "br_") || strings.HasPrefix(f, "__br_")
		}
	}
	return false
}

// on reports whether a chain may have seen the packet: one at ingress or egress is bound to devices.
func on(c *model.Chain, d *drop.Drop) bool {
	dev := d.In
	if d.Hook == model.HookEgress {
		dev = d.Out
	}
	return c.Device == "" || dev == "" || slices.Contains(strings.Split(c.Device, ","), dev)
}

// suspects are those of the verdict's packet, nil where nobody asked.
func (v *verdict) suspects(s *Seen) *Suspects {
	if v.kind != Netfilter || s.Untraced != v.untraced() {
		return nil
	}
	return s.Suspects
}

// untraced is the drop by netfilter that the verdict rests on.
func (v *verdict) untraced() *drop.Drop {
	if v.cut != nil {
		return v.cut
	}
	return v.by.drop
}

// only is the one rule that can have dropped the verdict's packet, nil where there are several,
// or none is known.
func (v *verdict) only(s *Seen) *journey.Culprit {
	if x := v.suspects(s); x != nil && len(x.List) == 1 && !x.Open {
		return &x.List[0]
	}
	return nil
}

// mostSuspects is how many are named.
const mostSuspects = 4

// maybe names the suspects where there is not one alone.
func (a *Answer) maybe(s *Seen, v *verdict) {
	x := v.suspects(s)
	if x == nil || v.only(s) != nil {
		return
	}
	for i := range x.List[:min(mostSuspects, len(x.List))] {
		a.Evidence = append(a.Evidence, "by the rules of now it may have been "+x.List[i].Words())
	}
	if n := len(x.List) - mostSuspects; n > 0 {
		a.Evidence = append(a.Evidence, "or "+plural(n, "more rule", "more rules")+" of that hook")
	}
}
