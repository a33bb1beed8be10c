package record

import (
	"math/big"
	"net"
	"net/netip"
	"regexp"
	"strings"
)

// numberPatterns find the sets in which nft (1.0.6) spells addresses as numbers, because
// their rule was made with @nh,96,32 or @ll,48,48: "ip saddr { 0xa010043 }", and "ip saddr
// vmap { 167837763 : drop }".
func numberPatterns() (sets, one *regexp.Regexp) {
	const n = `(?:0x[0-9a-f]+|[1-9][0-9]*)`
	return regexp.MustCompile(`\b(?:(?:ip6?|ether) [sd]addr|arp [sd]addr (?:ip|ether)) (?:& [0-9a-f.:]+ )?` + asked + `\{[^{}]*\}`),
		regexp.MustCompile(`\b` + n + `(?:-` + n + `)?\b`)
}

// numbers replaces the addresses in a set of numbers, behind what is compared with them.
func (r *Redactor) numbers(m string, aside func(string) string) string {
	what, set, _ := strings.Cut(m, "{")
	return what + "{" + r.find.number.ReplaceAllStringFunc(set, func(n string) string {
		a, b, span := strings.Cut(n, "-")
		if !span {
			b = a
		}
		x, y := r.number(what, a), r.number(what, b)
		if x == a && y == b { // also of a range of addresses with dots: 10.1.2.5-10.1.2.9
			return n
		}
		if natural(x).Cmp(natural(y)) > 0 { // so that the range can still be read
			x, y = y, x
		}
		if !span {
			return aside(x)
		}
		return aside(x + "-" + y)
	})
}

func natural(s string) *big.Int {
	n, _ := new(big.Int).SetString(s, 0)
	return n
}

// number replaces an address that is written as a number. Which of those that are compared
// together it is of shows in how long it is; a port, which may stand among them, is short.
func (r *Redactor) number(what, s string) string {
	n := natural(s)
	four := strings.Contains(what, "ip saddr ") || strings.Contains(what, "ip daddr ") || strings.Contains(what, "addr ip ")
	var to []byte
	switch bits := n.BitLen(); {
	case bits <= 16 || bits > 128 || bits <= 24 && four:
		return s
	case bits <= 32 && four:
		to = r.Addr(netip.AddrFrom4([4]byte(n.FillBytes(make([]byte, 4))))).AsSlice()
	case bits <= 48 && strings.Contains(what, "ether"):
		mac, err := net.ParseMAC(r.mac(net.HardwareAddr(n.FillBytes(make([]byte, 6))).String()))
		if err != nil {
			return "0x0"
		}
		to = mac
	default:
		to = r.Addr(netip.AddrFrom16([16]byte(n.FillBytes(make([]byte, 16))))).AsSlice()
	}
	n = new(big.Int).SetBytes(to)
	if strings.HasPrefix(s, "0x") {
		return "0x" + n.Text(16)
	}
	return n.String()
}
