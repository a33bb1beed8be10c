package match

import (
	"net/netip"
	"strconv"
	"strings"

	"nfscope/model"
)

// natTargets change addresses and ports.
func natTargets() []extension {
	random, fully, persistent := flag("--random"), flag("--random-fully"), flag("--persistent")
	toAddr, toPorts := kind{1, natRange}, one(natPorts)
	prefixes := []option{opt("--src-pfx", kind{1, pfx}), opt("--dst-pfx", kind{1, pfx})}
	return []extension{
		{name: "SNAT", options: []option{opt("--to-source", toAddr), random, fully, persistent}},
		{name: "DNAT", options: []option{opt("--to-destination", toAddr), random, persistent}},
		{name: "MASQUERADE", options: []option{opt("--to-ports", toPorts), random, fully}},
		{name: "REDIRECT", options: []option{opt("--to-ports", toPorts), random}},
		{name: "NETMAP", options: []option{opt("--to", longNet)}},
		{name: "DNPT", only: only6, options: prefixes},
		{name: "SNPT", only: only6, options: prefixes},
	}
}

// NATRange is what an address and a port are changed to.
type NATRange struct {
	// Lo and Hi are the addresses, both invalid where the address stays.
	Lo, Hi netip.Addr
	// Ports tells whether PortLo and PortHi are given, Shifted whether Base is: the
	// port that the first of the old ports becomes.
	Ports, Shifted       bool
	PortLo, PortHi, Base uint16
}

// String prints 10.0.0.1-10.0.0.9:80-90, with brackets around IPv6 before a port.
func (r NATRange) String() string {
	s := ""
	if r.Lo.IsValid() {
		if s = addrText(r.Lo); r.Hi != r.Lo {
			s += "-" + addrText(r.Hi)
		}
		if r.Lo.Is6() && r.Ports {
			s = "[" + s + "]"
		}
	}
	if r.Ports {
		s += ":" + r.PortText()
	}
	return s
}

// PortText prints the ports alone: 80-90.
func (r NATRange) PortText() string {
	s := strconv.Itoa(int(r.PortLo))
	if r.PortHi != r.PortLo {
		s += "-" + strconv.Itoa(int(r.PortHi))
	}
	if r.Shifted {
		s += "/" + strconv.Itoa(int(r.Base))
	}
	return s
}

func natRange(in input) (Value, bool) {
	var r NATRange
	s, port, has := in.words[0], "", false
	if in.family == model.FamilyIPv6 {
		if strings.HasPrefix(s, ":") && !strings.HasPrefix(s, "::") {
			s, port, has = "", s[1:], true
		} else if strings.HasPrefix(s, "[") {
			end := strings.IndexByte(s, ']')
			if end < 0 {
				return nil, false
			}
			if s, port = s[1:end], s[end+1:]; port != "" {
				if port, has = strings.CutPrefix(port, ":"); !has {
					return nil, false
				}
			}
		}
	} else {
		s, port, has = strings.Cut(s, ":")
	}
	if s != "" {
		lo, hi, pair := strings.Cut(s, "-")
		if !pair {
			hi = lo
		}
		var ok1, ok2 bool
		r.Lo, ok1 = parseAddr(lo, in.family)
		r.Hi, ok2 = parseAddr(hi, in.family)
		if !ok1 || !ok2 || !pair && r.Lo.Is4() && strings.Count(lo, ".") != 3 {
			return nil, false
		}
	}
	if has && !r.ports(port) {
		return nil, false
	}
	return r, r.Ports || r.Lo.IsValid()
}

// ports reads 80, 80-90 or 80-90/8080.
func (r *NATRange) ports(s string) bool {
	s, base, shifted := strings.Cut(s, "/")
	lo, hi, pair := strings.Cut(s, "-")
	if !pair {
		hi = lo
	}
	a, ok1 := number(lo, 0xffff)
	b, ok2 := number(hi, 0xffff)
	c, ok3 := uint64(1), true
	if shifted {
		c, ok3 = number(base, 0xffff)
	}
	r.Ports, r.Shifted = true, shifted
	r.PortLo, r.PortHi = uint16(a), uint16(b)
	if shifted {
		r.Base = uint16(c)
	}
	return ok1 && ok2 && ok3 && a <= b && c > 0 && (!shifted || pair)
}

// Ports is the NATRange of a target that has ports only.
type Ports struct{ NATRange }

// String prints 80-90.
func (p Ports) String() string { return p.PortText() }

func natPorts(s string) (Value, bool) {
	var r NATRange
	ok := r.ports(s) && !r.Shifted
	return Ports{r}, ok
}

// pfx is a prefix that keeps the bits behind its length, as iptables does.
func pfx(in input) (Value, bool) {
	a, l, has := strings.Cut(in.words[0], "/")
	p := Prefix{Bits: 128}
	var ok1, ok2 bool
	p.Addr, ok1 = parseAddr(a, in.family)
	if ok2 = true; has {
		var n uint64
		n, ok2 = number(l, 128)
		p.Bits = int(n)
	}
	return p, ok1 && ok2
}

// Prefix is an address with a length.
type Prefix struct {
	Addr netip.Addr
	Bits int
}

// String prints fd00::/64.
func (p Prefix) String() string { return addrText(p.Addr) + "/" + strconv.Itoa(p.Bits) }
