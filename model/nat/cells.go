package nat

import (
	"encoding/binary"
	"net/netip"
	"reflect"
	"slices"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/model/match"
	"nfscope/model/nft"
	"nfscope/model/walk"
)

// cells part addresses and ports at all that rules, the host's addresses and its routes
// compare them with: two of one cell are the same to everything that looks at them by
// itself. What rules do otherwise with an address (a hash, a mask that is no network) no
// cells tell: then open is true.
type cells struct {
	// of are those of a flow's sources and what they become, and those of its destinations.
	of   [2]line
	open bool
}

// line is addresses and ports parted into cells.
type line struct {
	v4    []uint32     // where cells begin, in order
	v6    []netip.Addr // the same
	ports [1 << 16]uint16
}

// sides are the ends that a condition looks at.
type sides uint8

const (
	sources sides = 1 << iota
	targets
	bothSides = sources | targets
)

// newCells reads all rules.
func newCells(rs *model.Ruleset, h *Host) *cells {
	c := &cells{}
	p := &parter{cells: c, at: bothSides}
	for _, t := range rs.Tables {
		if bridge(t.Family) {
			continue
		}
		for _, ch := range t.Chains {
			for i := range ch.Rules {
				p.rule(walk.ReadRule(t, &ch.Rules[i]))
			}
		}
	}
	for _, l := range h.Local {
		p.one(l.Addr())
	}
	if h.Routes != nil {
		for _, r := range h.Routes.List {
			p.prefix(r.To)
		}
	}
	for _, s := range special {
		p.prefix(netip.MustParsePrefix(s))
	}
	if p.mixed {
		p.mix()
	}
	for side := range c.of {
		c.of[side].cut(&p.begins[side])
	}
	return c
}

// cut numbers the cells.
func (l *line) cut(begins *[1 << 16]bool) {
	slices.Sort(l.v4)
	l.v4 = slices.Compact(l.v4)
	slices.SortFunc(l.v6, netip.Addr.Compare)
	l.v6 = slices.Compact(l.v6)
	n := uint16(0)
	for i := range begins {
		if begins[i] && i > 0 {
			n++
		}
		l.ports[i] = n
	}
}

// special are the networks that matches know by themselves, such as addrtype.
var special = [...]string{"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/128", "::1/128", "fe80::/10", "ff00::/8"}

// addr is the number of an address's cell; those of one family alone are compared.
func (l *line) addr(a netip.Addr) uint32 {
	i, found := 0, false
	switch {
	case a.Is4():
		i, found = slices.BinarySearch(l.v4, word(a))
	case a.IsValid():
		i, found = slices.BinarySearchFunc(l.v6, a, netip.Addr.Compare)
	default:
		return ^uint32(0)
	}
	if found {
		i++
	}
	return uint32(i)
}

func word(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// parter finds what rules compare with.
type parter struct {
	*cells
	begins [2][1 << 16]bool // of ports
	at     sides            // what is read now looks at these
	mixed  bool             // a rule may make a source of a destination
}

func (p *parter) rule(x *walk.Rule) {
	if x.Match != nil {
		p.value(reflect.ValueOf(x.Match))
	}
	if x.NFT != nil {
		p.value(reflect.ValueOf(x.NFT))
	}
}

// mix makes both sides have the cells of both.
func (p *parter) mix() {
	a, b := &p.of[0], &p.of[1]
	a.v4, a.v6 = append(a.v4, b.v4...), append(a.v6, b.v6...)
	b.v4, b.v6 = slices.Clone(a.v4), slices.Clone(a.v6)
	for i := range p.begins[0] {
		x := p.begins[0][i] || p.begins[1][i]
		p.begins[0][i], p.begins[1][i] = x, x
	}
}

// optionSides are the options of x_tables that look at one side alone.
var optionSides = map[string]sides{"-s": sources, "--sport": sources, "--sports": sources, "--src-range": sources, "--to-source": sources,
	"-d": targets, "--dport": targets, "--dports": targets, "--dst-range": targets, "--to-destination": targets}

// keySides is what a key of nftables looks at.
func keySides(x nft.Expr) (s sides) {
	switch x := x.(type) {
	case *nft.Payload:
		switch x.Name {
		case "saddr", "sport":
			return sources
		case "daddr", "dport":
			return targets
		}
	case nft.Concat:
		for _, k := range x {
			s |= keySides(k)
		}
		return s
	}
	return bothSides
}

// under reads a value that looks at some sides alone.
func (p *parter) under(s sides, v ...any) {
	old := p.at
	p.at = s
	for _, x := range v {
		if x != nil {
			p.value(reflect.ValueOf(x))
		}
	}
	p.at = old
}

// value takes every address and every number there is in a rule as it was read: rather
// some too many than one too few.
func (p *parter) value(v reflect.Value) {
	if !v.CanInterface() { // no address may be overlooked
		p.open = p.open || v.Type() == reflect.TypeFor[netip.Addr]() || v.Type() == reflect.TypeFor[netip.Prefix]()
	} else {
		switch x := v.Interface().(type) {
		case netip.Addr:
			p.one(x)
			return
		case netip.Prefix:
			p.prefix(x)
			return
		case match.Net:
			if bits := x.Bits(); bits >= 0 && x.Addr.IsValid() {
				p.prefix(netip.PrefixFrom(x.Addr, bits).Masked())
			} else {
				p.open = true
			}
			return
		case match.Option:
			if s, ok := optionSides[x.Name]; ok {
				p.under(s, x.Value)
				return
			}
		case nft.Match:
			p.under(keySides(x.Left), x.Left, x.Right)
			return
		case nft.VerdictMap:
			p.under(keySides(x.Key), x.Key, x.In)
			return
		case nft.Assign:
			if _, mark := x.To.(*nft.Meta); !mark {
				p.mixed = true
			}
		case match.Target:
			p.open = p.open || x.Name == "NETMAP" || x.Name == "DNPT" || x.Name == "SNPT"
		case nft.NAT:
			p.open = p.open || x.Prefix || slices.Contains(x.Flags, "netmap")
		case nft.Number:
			p.open = p.open || x.Wide
		case nft.Hash, nft.Raw:
			p.open = true
			return
		case nft.Binary:
			p.open = p.open || ofHeader(&x)
		}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			p.value(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			p.value(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			p.value(v.Field(i))
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		p.number(v.Uint())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if n := v.Int(); n >= 0 {
			p.number(uint64(n))
		}
	case reflect.String, reflect.Bool: // names of chains, sets, interfaces, and switches
	default: // a map, or what no rule has yet: nobody looked for addresses in it
		p.open = true
	}
}

// ofHeader reports whether bits of what the flow's tuples hold are combined.
func ofHeader(x nft.Expr) bool {
	switch x := x.(type) {
	case *nft.Binary:
		return ofHeader(x.Left) || ofHeader(x.Right)
	case *nft.Meta, *nft.CT:
		return x.String() != "ct mark" && x.String() != "meta mark"
	case nft.Number, nft.Symbol:
		return false
	}
	return true
}

func (p *parter) number(n uint64) {
	for side := range p.of {
		switch {
		case p.at>>side&1 == 0:
		case n < 1<<16:
			p.begins[side][n] = true
			if n < 1<<16-1 {
				p.begins[side][n+1] = true
			}
		case n < 1<<32:
			p.of[side].v4 = append(p.of[side].v4, uint32(n))
			if n < 1<<32-1 {
				p.of[side].v4 = append(p.of[side].v4, uint32(n)+1)
			}
		}
	}
}

func (p *parter) one(a netip.Addr) {
	if a.IsValid() {
		p.prefix(netip.PrefixFrom(a.WithZone(""), a.BitLen()))
	}
}

func (p *parter) prefix(x netip.Prefix) {
	if !x.IsValid() {
		return
	}
	r := flow.PrefixRange(x)
	for _, a := range []netip.Addr{r.First, r.Last.Next()} { // there is none after the last of all
		for side := range p.of {
			switch {
			case p.at>>side&1 == 0:
			case a.Is4():
				p.of[side].v4 = append(p.of[side].v4, word(a))
			case a.IsValid():
				p.of[side].v6 = append(p.of[side].v6, a)
			}
		}
	}
}
