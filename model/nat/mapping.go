// Package nat says what address translation does and why: what the rules translate to,
// which of them made a flow's mapping, whether today's rules would make it again, and how
// full the pools of ports are.
package nat

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/flow"
	"nfscope/model/match"
	"nfscope/model/nft"
	"nfscope/model/walk"
)

// Mapping is what a rule translates a connection to.
type Mapping struct {
	// Class is ClassSNAT, ClassDNAT, ClassMasquerade or ClassRedirect. NETMAP and nft's
	// prefix forms are Net besides: the address keeps its place within the network.
	Class flow.Class
	Net   bool
	// Addrs are the addresses; none where the address stays or the kernel chooses it
	// (masquerade, redirect).
	Addrs []flow.Range
	// Ports are those given, nil where there are none.
	Ports *Ports
	// Open says that the rule takes address or port from somewhere that is not known here,
	// such as a named map.
	Open bool
}

// Ports is a range of ports, both ends in it.
type Ports struct {
	First, Last uint16
	// Shifted ranges keep the distance between the old port and a base.
	Shifted bool
}

// Size is how many ports there are.
func (p Ports) Size() int { return int(p.Last) - int(p.First) + 1 }

// Has reports whether a port is in the range.
func (p Ports) Has(n uint16) bool { return p.First <= n && n <= p.Last }

// String prints 1024-65535.
func (p Ports) String() string {
	if p.First == p.Last {
		return fmt.Sprint(p.First)
	}
	return fmt.Sprintf("%d-%d", p.First, p.Last)
}

// MappingOf reads what a rule translates to, for packets that leave a hook's nat chains;
// ok is false for a rule that does not translate.
func MappingOf(r *walk.Rule, h model.Hook) (m Mapping, ok bool) {
	if r == nil {
		return m, false
	}
	if r.NFT != nil {
		for _, s := range r.NFT.Statements {
			if n, is := s.(*nft.NAT); is {
				return nftMapping(n), true
			}
		}
		return m, false
	}
	return legacyMapping(&r.Match.Target, h)
}

func legacyMapping(t *match.Target, h model.Hook) (m Mapping, ok bool) {
	switch t.Name {
	case "SNAT":
		m.Class = flow.ClassSNAT
	case "DNAT":
		m.Class = flow.ClassDNAT
	case "MASQUERADE":
		m.Class = flow.ClassMasquerade
	case "REDIRECT":
		m.Class = flow.ClassRedirect
	case "NETMAP":
		m.Class, m.Net = flow.ClassDNAT, true
		if h == model.HookPostrouting || h == model.HookInput {
			m.Class = flow.ClassSNAT
		}
	default:
		return m, false
	}
	for i := range t.Options {
		o := &t.Options[i]
		switch v := o.Value.(type) {
		case match.NATRange:
			m.take(v)
		case match.Ports:
			m.take(v.NATRange)
		case match.Net:
			m.Addrs = append(m.Addrs, netRange(v))
		case nil:
		default: // words that nobody understands
			m.Open = true
		}
	}
	return m, true
}

func (m *Mapping) take(v match.NATRange) {
	if v.Lo.IsValid() {
		m.Addrs = append(m.Addrs, flow.Range{First: v.Lo, Last: v.Hi})
	}
	if v.Ports {
		m.Ports = &Ports{v.PortLo, v.PortHi, v.Shifted}
	}
}

// netRange is the first and the last address of a network.
func netRange(n match.Net) flow.Range {
	first, mask := n.Addr.AsSlice(), n.Mask.AsSlice()
	last := slices.Clone(first)
	for i := range last {
		last[i] |= ^mask[i]
	}
	end, _ := netip.AddrFromSlice(last)
	return flow.Range{First: n.Addr, Last: end}
}

func nftMapping(n *nft.NAT) Mapping {
	m := Mapping{Class: flow.Class(n.Kind), Net: n.Prefix || slices.Contains(n.Flags, "netmap")}
	m.address(n.Addr)
	m.port(n.Port)
	return m
}

// address takes what the address becomes. Of a map all that it holds.
func (m *Mapping) address(x nft.Expr) {
	switch v := x.(type) {
	case nil:
	case nft.Addr:
		m.Addrs = append(m.Addrs, flow.Range{First: v.Addr, Last: v.Addr})
	case nft.Prefix:
		m.Addrs = append(m.Addrs, flow.PrefixRange(v.Prefix))
	case nft.Range:
		lo, ok1 := v.Lo.(nft.Addr)
		hi, ok2 := v.Hi.(nft.Addr)
		if !ok1 || !ok2 {
			m.Open = true
			return
		}
		m.Addrs = append(m.Addrs, flow.Range{First: lo.Addr, Last: hi.Addr})
	case nft.Concat: // of a map: the address, then the port
		if len(v) != 2 {
			m.Open = true
			return
		}
		m.address(v[0])
		m.port(v[1])
	case *nft.MapLookup:
		set, ok := v.In.(nft.Set)
		if !ok {
			m.Open = true
			return
		}
		for _, e := range set {
			if e.Data == nil {
				m.Open = true
				continue
			}
			m.address(e.Data)
		}
	default:
		m.Open = true
	}
}

// port takes what the port becomes. Of several the range that has them all.
func (m *Mapping) port(x nft.Expr) {
	grow := func(lo, hi uint64) {
		if lo > hi || hi > 0xffff {
			m.Open = true
			return
		}
		if m.Ports == nil {
			m.Ports = &Ports{First: uint16(lo), Last: uint16(hi)}
			return
		}
		m.Ports.First, m.Ports.Last = min(m.Ports.First, uint16(lo)), max(m.Ports.Last, uint16(hi))
	}
	switch v := x.(type) {
	case nil:
	case nft.Number:
		grow(v.N, v.N)
	case nft.Range:
		lo, ok1 := v.Lo.(nft.Number)
		hi, ok2 := v.Hi.(nft.Number)
		if !ok1 || !ok2 {
			m.Open = true
			return
		}
		grow(lo.N, hi.N)
	case *nft.MapLookup:
		set, ok := v.In.(nft.Set)
		if !ok {
			m.Open = true
			return
		}
		for _, e := range set {
			m.port(e.Data)
		}
	default:
		m.Open = true
	}
}

// Source reports whether the mapping is of the source.
func (m *Mapping) Source() bool { return m.Class == flow.ClassSNAT || m.Class == flow.ClassMasquerade }

// end is an address with a port, or what stands in its place.
type end struct {
	addr netip.Addr
	port uint16
}

// gives tells whether the mapping can make one end of another. local tells of an address
// whether it is the host's own.
func (m *Mapping) gives(before, after end, p model.Proto, local func(netip.Addr) fact.Answer) fact.Answer {
	a := fact.Yes
	switch {
	case m.Open:
		a = fact.Unsure
	case len(m.Addrs) > 0 && m.Net:
		a = fact.Is(slices.ContainsFunc(m.Addrs, func(r flow.Range) bool { return sameHost(before.addr, after.addr, r) }))
	case len(m.Addrs) > 0:
		a = fact.Is(slices.ContainsFunc(m.Addrs, func(r flow.Range) bool { return r.Contains(after.addr) }))
	case m.Class == flow.ClassMasquerade, m.Class == flow.ClassRedirect:
		a = local(after.addr)
	default:
		a = fact.Is(before.addr == after.addr)
	}
	if m.Open || !p.Ports() && !p.ICMP() {
		return a
	}
	switch {
	case m.Ports != nil && p.Ports():
		a = min(a, fact.Is(m.Ports.Has(after.port)))
	case m.Source(): // any port will do where the old one is taken
	default: // "If it's dst rewrite, can't change port" (nf_nat_core.c)
		a = min(a, fact.Is(before.port == after.port))
	}
	return a
}

// sameHost reports whether an address lies in a network of which it has the net's bits,
// and the rest of another address (nf_nat_core's NF_NAT_RANGE_NETMAP, xt_NETMAP.c).
func sameHost(before, after netip.Addr, r flow.Range) bool {
	if before.BitLen() != after.BitLen() || !r.Contains(after) {
		return false
	}
	b, a, lo, hi := before.AsSlice(), after.AsSlice(), r.First.AsSlice(), r.Last.AsSlice()
	for i := range a {
		if host := lo[i] ^ hi[i]; a[i]&host != b[i]&host {
			return false
		}
	}
	return true
}

// String says what the mapping makes: "203.0.113.1:1024-2047", "the address of the
// interface it leaves by".
func (m *Mapping) String() string {
	var l []string
	for _, r := range m.Addrs {
		s := r.First.String()
		if r.Last != r.First {
			s += "-" + r.Last.String()
		}
		l = append(l, s)
	}
	s := strings.Join(l, " or ")
	switch {
	case m.Open:
		s = "what a map says"
	case s == "" && m.Class == flow.ClassMasquerade:
		s = "the address of the interface it leaves by"
	case s == "" && m.Class == flow.ClassRedirect:
		s = "this host"
	case s == "":
		s = "its own address"
	}
	if m.Ports != nil {
		if len(m.Addrs) == 1 && m.Addrs[0].First.Is6() {
			return "[" + s + "]:" + m.Ports.String()
		}
		if len(m.Addrs) == 0 {
			return s + ", port " + m.Ports.String()
		}
		return s + ":" + m.Ports.String()
	}
	return s
}
