package nat

import (
	"net/netip"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/match"
	"nfscope/model/nft"
	"nfscope/model/walk"
)

// owner is the interface that has an address of the host, "" where it is not known: the one
// that the route to the address's network leads to. It does not hang on which table counts.
func (h *Host) owner(a netip.Addr) (device string) {
	if h.Routes == nil {
		return ""
	}
	for _, p := range h.Local {
		if p.Addr() != a || p.IsSingleIP() {
			continue
		}
		for _, r := range h.Routes.List {
			if r.To != p.Masked() {
				continue
			}
			if r.Device == "" || device != "" && device != r.Device {
				return ""
			}
			device = r.Device
		}
	}
	return device
}

// masquerades reports whether a rule may give an address by MASQUERADE, which takes that of
// the interface that the packet leaves by, and one of another where that has none
// (inet_select_addr, ipv6_dev_get_saddr). Where the interface is not known it may.
func (h *Host) masquerades(r *walk.Rule, family model.Family, a netip.Addr) bool {
	own := h.owner(a)
	if own == "" || leavesBy(r, family, own) != fact.No {
		return true
	}
	numbered := map[string]bool{}
	for _, p := range h.Local {
		if p.Addr().Is4() == a.Is4() {
			numbered[h.owner(p.Addr())] = true
		}
	}
	another := false
	for _, x := range h.Routes.List {
		if x.Device == "" || leavesBy(r, family, x.Device) == fact.No {
			continue
		}
		if !numbered[x.Device] {
			return true
		}
		another = true
	}
	return !another // it may be for an interface that no route names
}

// leavesBy tells whether what a rule asks of the interface that a packet leaves by holds for
// one; nothing else of the rule is looked at.
func leavesBy(r *walk.Rule, family model.Family, device string) fact.Answer {
	p, f := model.Packet{Family: family}, fact.Facts{Out: fact.Of(device)}
	a := fact.Yes
	if r.NFT == nil {
		for _, m := range r.Match.Conds {
			for _, o := range m.Options {
				if m.Name == "" && o.Name == "-o" {
					b, _ := (&match.Match{Options: []match.Option{o}}).Eval(&p, &f)
					a = min(a, b)
				}
			}
		}
		return a
	}
	for _, s := range r.NFT.Statements {
		if m, ok := s.(*nft.Match); ok {
			if meta, ok := m.Left.(*nft.Meta); ok && (meta.Key == "oifname" || meta.Key == "oif") {
				b, _ := (&nft.Rule{Family: r.NFT.Family, Statements: []nft.Statement{m}}).Eval(&p, &f)
				a = min(a, b)
			}
		}
	}
	return a
}
