package match

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"nfscope/model"
	"nfscope/model/fact"
)

// Net is an address under a mask, which need not be a prefix: 10.0.0.1/255.0.0.255.
type Net struct {
	Addr, Mask netip.Addr
	// Short is true where iptables leaves out the mask of a single address, and keeps
	// the bits that the mask covers not.
	Short bool
}

// Has tells whether an address is in the net.
func (n Net) Has(a netip.Addr) bool {
	return a.Is4() == n.Addr.Is4() && and(a, n.Mask) == and(n.Addr, n.Mask)
}

// Bits gives the prefix length, -1 where the mask is no prefix.
func (n Net) Bits() int { return prefix(n.Mask) }

// String prints 10.0.0.0/8 or 10.0.0.1/255.0.0.255.
func (n Net) String() string {
	bits := n.Bits()
	switch {
	case bits < 0:
		return addrText(n.Addr) + "/" + addrText(n.Mask)
	case n.Short && bits == n.Addr.BitLen():
		return addrText(n.Addr)
	}
	return addrText(n.Addr) + "/" + strconv.Itoa(bits)
}

// Nets is a list of nets after -s or -d. iptables makes a rule of each.
type Nets []Net

// String prints the nets with a comma between.
func (n Nets) String() string {
	s := make([]string, len(n))
	for i := range n {
		s[i] = n[i].String()
	}
	return strings.Join(s, ",")
}

// Has tells whether an address is in one of the nets.
func (n Nets) Has(a netip.Addr) bool {
	for i := range n {
		if n[i].Has(a) {
			return true
		}
	}
	return false
}

// Addr is a single address.
type Addr struct{ netip.Addr }

// String prints the address as inet_ntop does.
func (a Addr) String() string { return addrText(a.Addr) }

// AddrRange is a range of addresses, both ends in it.
type AddrRange struct{ Lo, Hi netip.Addr }

// String prints 10.0.0.1-10.0.0.9.
func (r AddrRange) String() string { return addrText(r.Lo) + "-" + addrText(r.Hi) }

// Has tells whether an address is in the range.
func (r AddrRange) Has(a netip.Addr) bool {
	return a.Is4() == r.Lo.Is4() && !a.Less(r.Lo) && !r.Hi.Less(a)
}

// addrText prints as the C library does, which writes the last four bytes of an
// IPv4-compatible address (::1.2.3.4, RFC 4291 2.5.5.1) as IPv4, and netip does not.
func addrText(a netip.Addr) string {
	if a.Is6() {
		b := a.As16()
		if bytes.Equal(b[:12], make([]byte, 12)) && (b[12] != 0 || b[13] != 0) {
			return fmt.Sprintf("::%d.%d.%d.%d", b[12], b[13], b[14], b[15])
		}
	}
	return a.String()
}

func and(a, mask netip.Addr) netip.Addr {
	x, y := a.AsSlice(), mask.AsSlice()
	for i := range x {
		x[i] &= y[i]
	}
	r, _ := netip.AddrFromSlice(x)
	return r
}

// prefix counts a mask's ones; -1 where a zero stands before a one.
func prefix(mask netip.Addr) int {
	n, end := 0, false
	for _, b := range mask.AsSlice() {
		for i := 7; i >= 0; i-- {
			one := b>>i&1 == 1
			if one && end {
				return -1
			}
			if end = end || !one; one {
				n++
			}
		}
	}
	return n
}

func maskOf(bits, size int) netip.Addr {
	b := make([]byte, size/8)
	for i := range bits {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// parseAddr reads a numeric address of the family. IPv4 may be cut short, as in 10.1
// for 10.1.0.0 (xtables.c, numeric_to_ipaddr). A name is not read: only the host's
// resolver knows it.
func parseAddr(s string, f model.Family) (netip.Addr, bool) {
	if f == model.FamilyIPv6 {
		a, err := netip.ParseAddr(s)
		return a, err == nil && a.Is6() && a.Zone() == ""
	}
	var b [4]byte
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	for i, p := range parts {
		n, ok := number(p, 255)
		if !ok {
			return netip.Addr{}, false
		}
		b[i] = byte(n)
	}
	return netip.AddrFrom4(b), true
}

// parseNet reads address[/mask], the mask as a length or in the address's own form.
func parseNet(s string, f model.Family) (n Net, ok bool) {
	addr, mask, has := strings.Cut(s, "/")
	a, ok := parseAddr(addr, f)
	if !ok {
		return n, false
	}
	m := maskOf(a.BitLen(), a.BitLen())
	if has {
		if bits, isLen := number(mask, uint64(a.BitLen())); isLen {
			m = maskOf(int(bits), a.BitLen())
		} else if m, ok = parseAddr(mask, f); !ok || m.Is4() && strings.Count(mask, ".") != 3 {
			return n, false
		}
	}
	return Net{Addr: a, Mask: m}, true
}

// The kinds of addresses.
var (
	nets = kind{1, func(in input) (Value, bool) {
		var l Nets
		for _, s := range strings.Split(in.words[0], ",") {
			n, ok := parseNet(strings.TrimSpace(s), in.family)
			if !ok {
				return nil, false
			}
			n.Addr = and(n.Addr, n.Mask)
			l = append(l, n)
		}
		return l, true
	}}
	shortNet = kind{1, func(in input) (Value, bool) {
		n, ok := parseNet(in.words[0], in.family)
		n.Short = true
		return n, ok && n.Bits() >= 0 // iptables loads another mask as that of one address
	}}
	longNet = kind{1, func(in input) (Value, bool) {
		n, ok := parseNet(in.words[0], in.family)
		if ok {
			n.Addr = and(n.Addr, n.Mask)
		}
		return n, ok
	}}
	host = kind{1, func(in input) (Value, bool) {
		a, ok := parseAddr(in.words[0], in.family)
		return Addr{a}, ok && (a.Is6() || strings.Count(in.words[0], ".") == 3)
	}}
	addrRange = kind{1, func(in input) (Value, bool) {
		lo, hi, pair := strings.Cut(in.words[0], "-")
		if !pair {
			hi = lo
		}
		a, ok1 := parseAddr(lo, in.family)
		b, ok2 := parseAddr(hi, in.family)
		return AddrRange{a, b}, ok1 && ok2
	}}
	plen = kind{1, func(in input) (Value, bool) {
		top := uint64(32)
		if in.family == model.FamilyIPv6 {
			top = 128
		}
		n, ok := number(in.words[0], top)
		return Number{N: n}, ok
	}}
	mac = one(func(s string) (Value, bool) {
		var m fact.MAC
		parts := strings.Split(s, ":")
		if len(parts) != len(m) {
			return nil, false
		}
		for i, p := range parts {
			n, err := strconv.ParseUint(p, 16, 8)
			if err != nil {
				return nil, false
			}
			m[i] = byte(n)
		}
		return m, true
	})
)
