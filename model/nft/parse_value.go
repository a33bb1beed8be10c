package nft

import (
	"net/netip"
	"strconv"
	"strings"
)

// quotedValue reads a value in quotes, the quotes included.
func quotedValue(t Type, s string) (Expr, bool) {
	q := Quoted(s[1 : len(s)-1])
	if t == Day {
		_, ok := symbols[Day][string(q)]
		return q, ok
	}
	return q, t.quoted()
}

// wordValue reads a value or a range of values of a type.
func wordValue(t Type, s string) (Expr, bool) {
	v, sure, ok := oneValue(t, s)
	if sure {
		return v, true
	}
	// A name may have a dash of its own, so each dash is tried.
	for i := 1; i+1 < len(s); i++ {
		if s[i] != '-' {
			continue
		}
		lo, sureLo, _ := oneValue(t, s[:i])
		hi, sureHi, _ := oneValue(t, s[i+1:])
		if sureLo && sureHi {
			return Range{lo, hi}, true
		}
	}
	return v, ok
}

// oneValue reads a single value. sure is false where it may be a name and nothing
// tells whether it is.
func oneValue(t Type, s string) (v Expr, sure, ok bool) {
	if n, is := symbols[t][s]; is {
		return Symbol{s, n, true}, true, true
	}
	switch t {
	case IfIndex, IfName: // fib oif missing
		if n, is := symbols[Bool][s]; is {
			return Symbol{s, n, true}, true, true
		}
	case IPv4Addr, IPv6Addr, AnyAddr:
		if v, ok = address(t, s); ok || t == IPv6Addr {
			return v, ok, ok
		}
	case EtherAddr:
		ok = isMAC(s)
		return MAC(s), ok, ok
	case Time:
		v, ok := parseSpan(s)
		return v, ok, ok
	case TCClass:
		if isTCHandle(s) {
			return TCHandle(s), true, true
		}
	case AnyType:
		if v, ok := address(AnyAddr, s); ok {
			return v, true, true
		}
		if isMAC(s) {
			return MAC(s), true, true
		}
	}
	if n, ok := number(s); ok {
		return n, true, true
	}
	if t == AnyType {
		if d, ok := parseSpan(s); ok {
			return d, true, true
		}
		if isTCHandle(s) {
			return TCHandle(s), true, true
		}
	}
	if t.open() && isName(s, t) {
		return Symbol{Name: s}, false, true
	}
	return Any{}, false, false
}

// address reads an address or a network.
func address(t Type, s string) (Expr, bool) {
	fits := func(a netip.Addr) bool {
		return a.Zone() == "" && (t == AnyAddr || a.Is4() == (t == IPv4Addr))
	}
	ip, bits, net := strings.Cut(s, "/")
	a, err := netip.ParseAddr(ip)
	if err != nil || !fits(a) {
		return nil, false
	}
	if !net {
		v := Addr{Addr: a}
		if a.String() != s {
			v.Text = s
		}
		return v, true
	}
	n, err := strconv.ParseUint(bits, 10, 8)
	if err != nil || int(n) > a.BitLen() {
		return nil, false
	}
	v := Prefix{Prefix: netip.PrefixFrom(a, int(n))}
	if v.Prefix.String() != s {
		v.Text = s
	}
	return v, true
}

// isMAC tells whether s is a link-layer address, or the first bytes of one under a
// prefix length.
func isMAC(s string) bool {
	s, bits, prefix := strings.Cut(s, "/")
	if n, err := strconv.ParseUint(bits, 10, 8); prefix && (err != nil || n > 48) {
		return false
	}
	groups := strings.Split(s, ":")
	if len(groups) != 6 {
		return false
	}
	for _, g := range groups {
		if _, err := strconv.ParseUint(g, 16, 8); err != nil || len(g) > 2 {
			return false
		}
	}
	return true
}

// isTCHandle tells whether s is a class of traffic control (tc(8)).
func isTCHandle(s string) bool {
	if s == "none" || s == "root" {
		return true
	}
	major, minor, ok := strings.Cut(s, ":")
	for _, n := range []string{major, minor} {
		if _, err := strconv.ParseUint(n, 16, 16); err != nil && n != "" {
			return false
		}
	}
	return ok && len(s) > 1
}

// number reads a decimal, hexadecimal or octal number.
func number(s string) (Number, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' || strings.Contains(s, "_") {
		return Number{}, false
	}
	n, err := strconv.ParseUint(s, 0, 64)
	if err == nil {
		if strconv.FormatUint(n, 10) == s {
			return Number{N: n}, true
		}
		return Number{N: n, Text: s}, true
	}
	digits, hex := strings.CutPrefix(s, "0x")
	if !hex || digits == "" || len(digits) > 64 || strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
		return Number{}, false
	}
	return Number{Text: s, Wide: true}, true
}

// isName tells whether s can be a name of one of the host's tables.
func isName(s string, t Type) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		case t == IfName || t == IfIndex || t == CgroupPath || t == Text:
			if c == '$' || c == '@' && i == 0 {
				return false
			}
		case i > 0 && (c == '+' || c == '/'):
		default:
			return false
		}
	}
	return s != "" && s[0] != '-' && s[0] != '.'
}
