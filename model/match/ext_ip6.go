package match

import (
	"net/netip"
	"strconv"
	"strings"
)

// ip6Matches look at IPv6's extension headers (RFC 8200, 4).
func ip6Matches() []extension {
	u32span := span(0xffffffff, false)
	return []extension{
		{name: "6:ah", only: only6, options: []option{opt("--ahspi", u32span).not(), opt("--ahlen", u32).not(), flag("--ahres")},
			finish: func(r *Rule, o []Option) []Option { return dropValue(allSPI(r, o), "--ahlen", Number{}) }},
		{name: "frag", only: only6, options: []option{opt("--fragid", u32span).not(), opt("--fraglen", u32).not(),
			flag("--fragres"), flag("--fragfirst"), flag("--fragmore"), flag("--fraglast")}, finish: allSPI},
		{name: "rt", only: only6, options: []option{opt("--rt-type", u32).not(), opt("--rt-segsleft", u32span).not(),
			opt("--rt-len", u32).not(), flag("--rt-0-res"), opt("--rt-0-addrs", kind{1, addrList}), flag("--rt-0-not-strict")},
			finish: allSPI},
		{name: "hbh", only: only6, options: []option{opt("--hbh-len", u32).not(), opt("--hbh-opts", one(headerOptions))}},
		{name: "dst", only: only6, options: []option{opt("--dst-len", u32).not(), opt("--dst-opts", one(headerOptions))}},
		{name: "mh", only: only6, options: []option{opt("--mh-type", span(0xff, true)).not()},
			finish: func(_ *Rule, o []Option) []Option {
				return drop(o, func(o *Option) bool { r, ok := o.Value.(Range); return ok && !o.Negated && r == Range{Hi: 0xff} })
			}},
		{name: "eui64", only: only6},
	}
}

// Addrs is a list of addresses.
type Addrs []netip.Addr

// String prints the addresses with a comma between.
func (a Addrs) String() string {
	s := make([]string, len(a))
	for i := range a {
		s[i] = addrText(a[i])
	}
	return strings.Join(s, ",")
}

func addrList(in input) (Value, bool) {
	var l Addrs
	for _, w := range strings.Split(in.words[0], ",") {
		a, ok := parseAddr(w, in.family)
		if !ok {
			return nil, false
		}
		l = append(l, a)
	}
	return l, len(l) <= 16
}

// HeaderOptions are the options of a hop-by-hop or destination header, in their order.
type HeaderOptions []HeaderOption

// HeaderOption is one option: its type and its length, -1 for any length.
type HeaderOption struct {
	Type   uint8
	Length int
}

// String prints 1:2,23.
func (h HeaderOptions) String() string {
	s := make([]string, len(h))
	for i, o := range h {
		if s[i] = strconv.Itoa(int(o.Type)); o.Length >= 0 {
			s[i] += ":" + strconv.Itoa(o.Length)
		}
	}
	return strings.Join(s, ",")
}

func headerOptions(s string) (Value, bool) {
	var h HeaderOptions
	for _, w := range strings.Split(s, ",") {
		typ, length, has := strings.Cut(w, ":")
		t, ok := number(typ, 255)
		o := HeaderOption{uint8(t), -1}
		if has && ok {
			var n uint64
			if n, ok = number(length, 255); n < 255 { // 255 means none
				o.Length = int(n)
			}
		}
		if !ok {
			return nil, false
		}
		h = append(h, o)
	}
	return h, len(h) <= 16
}
