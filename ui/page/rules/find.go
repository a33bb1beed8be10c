package rules

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"nfscope/model"
	"nfscope/model/filter"
	"nfscope/model/provenance"
)

// finder is the text of the filter bar as a test of rules. What is a filter is taken
// as one. Other text is looked for in rules, their comments included, in names of
// chains and in what provenance tells; a number also as a port, an address also in
// the networks and ranges that hold it.
//
// A finder is used by one goroutine: it remembers the chain it was last asked about.
type finder struct {
	expr *filter.Filter

	text   string // in lower case
	exact  bool   // it has no letters: both cases are one
	whole  bool   // it must not stand within a longer number or address
	net    netip.Prefix
	port   uint16
	makers []string // the programs whose names begin so

	table   *model.Table
	chain   *model.Chain
	all     bool // every rule of the chain is found, for the chain's sake
	maker   provenance.Origin
	hasMake bool
}

func newFinder(text string) *finder {
	f := &finder{text: strings.ToLower(text)}
	f.exact = strings.ToUpper(f.text) == f.text
	// A bare address is a filter too, but that asks for the very network; here the
	// rules are wanted that it comes under.
	if n, err := strconv.ParseUint(text, 10, 16); err == nil && n > 0 {
		f.port, f.whole = uint16(n), true
	} else if a, err := netip.ParseAddr(text); err == nil {
		f.net, f.whole = netip.PrefixFrom(a.Unmap().WithZone(""), a.Unmap().BitLen()), true
	} else if n, err := netip.ParsePrefix(text); err == nil && n.Bits() > 0 {
		f.net, f.whole = n.Masked(), true
	} else if flt, err := filter.Parse(text); err == nil && flt.Check(filter.Rules) == nil {
		f.expr = flt
	}
	if len(f.text) >= 2 {
		for _, n := range provenance.Names() {
			if strings.HasPrefix(n, f.text) {
				f.makers = append(f.makers, n)
			}
		}
	}
	return f
}

// enter says in which chain the rules to come stand.
func (f *finder) enter(t *model.Table, c *model.Chain) {
	f.table, f.chain, f.all = t, c, false
	if f.expr != nil {
		return
	}
	f.maker, f.hasMake = provenance.Chain(t, c)
	f.all = !f.whole && (f.in(c.Name) || f.maker.About != "" && f.in(f.maker.About))
}

// rule tells whether a rule of the chain is found.
func (f *finder) rule(r *model.Rule) bool {
	if f.expr != nil {
		return f.expr.Rule(f.table, f.chain, r, r.Counters)
	}
	if f.all || f.in(r.Text) {
		return true
	}
	if len(f.makers) > 0 {
		if o, ok := provenance.Rule(f.table, f.chain, r, f.maker, f.hasMake); ok {
			for _, n := range f.makers {
				if n == o.Name {
					return true
				}
			}
		}
	}
	return f.port > 0 && speaksOfPort(r.Text, f.port) || f.net.IsValid() && speaksOfNet(r.Text, f.net)
}

// in looks for the text, without regard to case.
func (f *finder) in(s string) bool {
	switch {
	case f.whole:
		return containsWhole(s, f.text)
	case f.exact:
		return strings.Contains(s, f.text)
	}
	return containsFold(s, f.text)
}

// containsFold looks for low, which is in lower case, in s.
func containsFold(s, low string) bool {
	if low == "" {
		return true
	}
	a, b := low[0], low[0]
	if 'a' <= a && a <= 'z' {
		b = a - 'a' + 'A'
	}
	if a >= utf8.RuneSelf {
		return strings.Contains(strings.ToLower(s), low)
	}
	for i := 0; i+len(low) <= len(s); i++ {
		if c := s[i]; c != a && c != b {
			continue
		}
		k := 1
		for k < len(low) {
			c := s[i+k]
			if c >= utf8.RuneSelf || low[k] >= utf8.RuneSelf {
				return strings.Contains(strings.ToLower(s), low)
			}
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			if c != low[k] {
				break
			}
			k++
		}
		if k == len(low) {
			return true
		}
	}
	return false
}

// containsWhole looks for a number or an address that is not part of a longer one.
func containsWhole(s, what string) bool {
	for at := 0; ; {
		i := strings.Index(s[at:], what)
		if i < 0 {
			return false
		}
		i += at
		before, after := byte(' '), byte(' ')
		if i > 0 {
			before = s[i-1]
		}
		if e := i + len(what); e < len(s) {
			after = s[e]
		}
		if !partOf(before) && before != '/' && (!partOf(after) || after == ':' || after == '-') && (after != '/' || strings.ContainsAny(what, ".:")) {
			return true
		}
		at = i + 1
	}
}

// partOf tells the characters that numbers, addresses and names are made of. A colon
// before a number parts it from an address: 10.2.0.2:80.
func partOf(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '.' || c == '_' || c == '-'
}

// speaksOfNet tells whether one of the addresses, networks and ranges that stand in a
// rule's text has addresses in common with n. A network of all addresses is none, and
// neither is one that is negated, unless it is n itself.
func speaksOfNet(text string, n netip.Prefix) bool {
	v4 := n.Addr().Is4()
	list := false // of a negated set: != { a, b }
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '{':
			list = strings.HasSuffix(text[:i], "!= ")
		case c == '}':
			list = false
		}
		if !isHex(c) && (v4 || c != ':') {
			i++
			continue
		}
		j, points, colons := i, 0, 0
	word:
		for ; j < len(text); j++ {
			switch c := text[j]; {
			case c == '.':
				points++
			case c == ':':
				colons++
			case c != '/' && c != '-' && !isHex(c):
				break word
			}
		}
		if (v4 && points >= 3 || !v4 && colons >= 2) && overlaps(text[i:j], n) && (!list && !negated(text[:i]) || isJust(text[i:j], n)) {
			return true
		}
		for j < len(text) && partOf(text[j]) { // the rest of a name
			j++
		}
		i = j
	}
	return false
}

// negated tells whether what follows is to be something else.
func negated(before string) bool {
	for _, s := range []string{"! -s ", "! -d ", "! --src-range ", "! --dst-range ", "!= "} {
		if strings.HasSuffix(before, s) {
			return true
		}
	}
	return false
}

// isJust tells whether a word is n and no other address.
func isJust(word string, n netip.Prefix) bool {
	if p, err := netip.ParsePrefix(word); err == nil {
		return p.Masked() == n
	}
	a, err := netip.ParseAddr(word)
	return err == nil && n.IsSingleIP() && a == n.Addr()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// overlaps reads 10.0.0.1, 10.0.0.0/8, 10.0.0.0/255.0.0.0, 10.0.0.1-10.0.0.9 and
// 10.0.0.1:80.
func overlaps(word string, n netip.Prefix) bool {
	addr, mask, masked := strings.Cut(word, "/")
	if masked {
		p, err := netip.ParsePrefix(word)
		if err == nil {
			return p.Bits() > 0 && p.Overlaps(n)
		}
		a, err1 := netip.ParseAddr(addr)
		m, err2 := netip.ParseAddr(mask)
		return err1 == nil && err2 == nil && underMask(a, m, n.Addr())
	}
	if from, to, ok := strings.Cut(word, "-"); ok {
		a, err1 := netip.ParseAddr(from)
		b, err2 := netip.ParseAddr(to)
		if err1 != nil || err2 != nil || a.BitLen() != n.Addr().BitLen() || b.BitLen() != a.BitLen() {
			return false
		}
		// They share an address unless one ends before the other begins.
		return n.Contains(a) || a.Compare(n.Addr()) <= 0 && n.Addr().Compare(b) <= 0
	}
	a, err := netip.ParseAddr(word)
	if err != nil && n.Addr().Is4() {
		if i := strings.LastIndexByte(word, ':'); i > 0 {
			a, err = netip.ParseAddr(word[:i])
		}
	}
	return err == nil && n.Contains(a)
}

// underMask tells whether addr is in a network whose mask may have holes.
func underMask(net, mask, addr netip.Addr) bool {
	a, m, b := net.AsSlice(), mask.AsSlice(), addr.AsSlice()
	if len(a) != len(b) || len(m) != len(b) {
		return false
	}
	some := byte(0)
	for i := range b {
		if a[i]&m[i] != b[i]&m[i] {
			return false
		}
		some |= m[i]
	}
	return some != 0
}

// speaksOfPort tells whether a rule's text names a port, alone, in a list or in a
// range: --dport 20:30, --dports 80,443, dport { 22, 8000-8100 }, --to-ports 5353.
func speaksOfPort(text string, port uint16) bool {
	for at := 0; ; {
		i := strings.Index(text[at:], "port")
		if i < 0 {
			return false
		}
		at += i + len("port")
		rest := strings.TrimPrefix(text[at:], "s")
		if rest == "" || rest[0] != ' ' {
			continue
		}
		rest = strings.TrimLeft(rest, " !=<>")
		end := strings.IndexByte(rest, ' ')
		if strings.HasPrefix(rest, "{") {
			end = strings.IndexByte(rest, '}')
		}
		if end < 0 {
			end = len(rest)
		}
		if portIn(rest[:end], port) {
			return true
		}
	}
}

// portIn reads a list of ports and ranges.
func portIn(list string, port uint16) bool {
	lo, n, digits, ranged := 0, 0, false, false
	for i := 0; i <= len(list); i++ {
		c := byte(',')
		if i < len(list) {
			c = list[i]
		}
		switch {
		case '0' <= c && c <= '9':
			if n = n*10 + int(c-'0'); n > 65535 {
				return false
			}
			digits = true
		case c == ':' || c == '-':
			lo, n, digits, ranged = n, 0, false, true
		case c == ',' || c == ' ' || c == '{':
			if ranged && !digits { // "1024:"
				n = 65535
			}
			if !ranged {
				lo = n
			}
			if (digits || ranged) && lo <= int(port) && int(port) <= n {
				return true
			}
			lo, n, digits, ranged = 0, 0, false, false
		default: // a name, a map
			return false
		}
	}
	return false
}
