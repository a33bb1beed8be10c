package filter

import (
	"net/netip"
	"strings"
)

// mentions goes over what a rule's text names, in iptables' or nft's spelling, word by
// word and without making anything anew: 100,000 rules are read while a key is pressed.
// An option says what the values behind it are, until the next one.
type mentions struct {
	text  string
	at    int
	dir   dir
	ports bool // values are ports
	iface dir  // values are interfaces: dirSrc those a packet comes in by, dirDst out
}

// parts tells the bytes between words: blank, tab, comma, quote and braces.
func parts(c byte) bool {
	if ',' < c && c < '{' {
		return false
	}
	return c == ' ' || c == '\t' || c == ',' || c == '"' || c == '{' || c == '}'
}

// next gives the next word, "" at the end, and whether it is a value: then dir, ports
// and iface say of what.
func (m *mentions) next() (word string, value bool) {
	s, i := m.text, m.at
	for i < len(s) && parts(s[i]) {
		i++
	}
	from := i
	for i < len(s) && !parts(s[i]) {
		i++
	}
	m.at = i
	if from == i {
		return "", false
	}
	word = s[from:i]
	return word, !m.option(word)
}

// option takes a word that says what the next ones are.
func (m *mentions) option(w string) bool {
	o := w
	for o != "" && o[0] == '-' {
		o = o[1:]
	}
	switch o {
	case "s", "source", "saddr", "to-source", "src-range":
		m.dir, m.ports, m.iface = dirSrc, false, dirAny
	case "d", "destination", "daddr", "to-destination", "dst-range":
		m.dir, m.ports, m.iface = dirDst, false, dirAny
	case "sport", "sports", "source-port", "source-ports":
		m.dir, m.ports, m.iface = dirSrc, true, dirAny
	case "dport", "dports", "destination-port", "destination-ports":
		m.dir, m.ports, m.iface = dirDst, true, dirAny
	case "ports", "to-ports", "port":
		m.dir, m.ports, m.iface = dirAny, true, dirAny
	case "i", "in-interface", "iifname", "iif":
		m.dir, m.ports, m.iface = dirAny, false, dirSrc
	case "o", "out-interface", "oifname", "oif":
		m.dir, m.ports, m.iface = dirAny, false, dirDst
	default:
		if len(o) != len(w) { // an option that says nothing of these
			m.dir, m.ports, m.iface = dirAny, false, dirAny
		}
		return false
	}
	return true
}

// addrOf reads an address or a network, and the port behind an address.
func addrOf(w string) (n netip.Prefix, port uint16, hasPort, ok bool) {
	points, colons, slash := 0, 0, false
	for i := 0; i < len(w) && w[i] != '%'; i++ {
		switch c := w[i]; {
		case c == '.':
			points++
		case c == ':':
			colons++
		case c == '/':
			slash = true
		case c == '[' || c == ']' || '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F':
		default:
			return n, 0, false, false
		}
	}
	if points < 3 && colons == 0 {
		return n, 0, false, false
	}
	// What cannot be is not tried: the parsers' errors cost more than their answers.
	if slash {
		if p, err := netip.ParsePrefix(w); err == nil {
			return p.Masked(), 0, false, true
		}
	}
	if colons == 1 && points >= 3 || w[0] == '[' { // DNAT --to-destination
		if ap, err := netip.ParseAddrPort(w); err == nil {
			return single(ap.Addr()), ap.Port(), true, true
		}
	}
	if points < 3 && colons < 2 {
		return n, 0, false, false
	}
	a, err := netip.ParseAddr(strings.Trim(w, "[]"))
	return single(a), 0, false, err == nil
}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// portsOf reads a port or a range of ports where one may stand.
func portsOf(w string, ports bool) (lo, hi uint16, ok bool) {
	if w[0] == ':' { // nft: redirect to :5555
		w, ports = w[1:], true
	}
	if !ports {
		return 0, 0, false
	}
	from, to, isRange := strings.Cut(w, ":")
	if !isRange {
		if from, to, isRange = strings.Cut(w, "-"); !isRange {
			to = from
		}
	}
	lo, ok = decimal(from)
	if !ok {
		return 0, 0, false
	}
	hi, ok = decimal(to)
	return lo, hi, ok
}

// decimal reads a port's number.
func decimal(s string) (uint16, bool) {
	n := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		if n = n*10 + int(c-'0'); n > 65535 {
			return 0, false
		}
	}
	return uint16(n), s != ""
}

// lowerIs tells whether s in small letters is low.
func lowerIs(s, low string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x80 {
			return strings.ToLower(s) == low
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if i >= len(low) || c != low[i] {
			return false
		}
	}
	return len(s) == len(low)
}
