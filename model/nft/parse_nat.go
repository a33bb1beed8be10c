package nft

import (
	"slices"
	"strings"
)

// nat reads what stands after snat, dnat, masquerade or redirect.
func (p *parser) nat(kind string) Statement {
	n := &NAT{Kind: kind}
	if kind == "snat" || kind == "dnat" {
		n.Family, _ = p.takeOne("ip", "ip6")
		n.Prefix = p.take("prefix")
		p.take("interval")
		if p.take("addr") { // read, but not printed: what the map holds says it
			p.expect(".")
			p.expect("port")
		}
	}
	if p.take("to") {
		if t := p.peek(); kind != "snat" && kind != "dnat" && t.kind == kindWord && t.text[0] != ':' {
			n.Port = p.expr(want{types: []Type{InetService}, field: true}) // redirect to 22: the colon may be left out
		} else {
			n.Addr, n.Port = p.endpoint(n.Family)
		}
	} else if kind == "snat" || kind == "dnat" {
		t := p.peek()
		if t.kind == kindEnd || t.kind == kindWord && !strings.ContainsAny(t.text, "0123456789.:") {
			p.unexpected(`"to"`)
			return n
		}
		n.Addr, n.Port = p.endpoint(n.Family)
	}
	if n.Prefix && n.Addr == nil {
		p.fail("a prefix without an address")
	}
	for p.why == "" {
		f, ok := p.takeOne("random", "fully-random", "persistent", "netmap")
		if !ok {
			break
		}
		if !slices.Contains(n.Flags, f) {
			n.Flags = append(n.Flags, f)
		}
		if !p.take(",") {
			break
		}
	}
	return n
}

func (p *parser) tproxy() Statement {
	t := &TProxy{}
	t.Family, _ = p.takeOne("ip", "ip6")
	p.expect("to")
	t.Addr, t.Port = p.endpoint(t.Family)
	return t
}

// endpoint reads ADDR, ADDR:PORT, :PORT, with ranges and maps in the place of each.
func (p *parser) endpoint(family string) (addr, port Expr) {
	t := p.peek()
	if p.why != "" || t.kind != kindWord {
		p.unexpected("an address or a port")
		return nil, nil
	}
	if t.text[0] != ':' || strings.HasPrefix(t.text, "::") {
		if a, n := literalAddr(family, t.text); n > 0 {
			p.i = t.begin + n
			addr = a
		} else {
			addr = p.expr(want{types: []Type{AnyAddr}, field: true})
			if _, ok := addr.(Number); ok && p.why == "" { // 0 : 80 would be printed as 0:80, one word
				p.fail("a number in the place of an address")
			}
		}
	}
	if t := p.peek(); p.why == "" && t.kind == kindWord && t.text[0] == ':' {
		p.i = t.begin + 1
		port = p.expr(want{types: []Type{InetService}, field: true})
	}
	return addr, port
}

// literalAddr reads an address, a network or a range of addresses at the beginning of
// a word and tells how far it goes; a port may follow behind a colon.
func literalAddr(family, s string) (Expr, int) {
	typ := addrType(family)
	one := func(s string) (Expr, int) {
		if strings.HasPrefix(s, "[") {
			if end := strings.IndexByte(s, ']'); end > 0 {
				if a, ok := address(typ, s[1:end]); ok {
					if a, ok := a.(Addr); ok && a.Is6() {
						return a, end + 1
					}
				}
			}
			return nil, 0
		}
		n := strings.IndexByte(s, '-')
		if n < 0 {
			n = len(s)
		}
		if a, ok := address(typ, s[:n]); ok {
			return a, n
		}
		if n = strings.IndexAny(s, ":-"); n < 0 { // IPv4, with a port behind it
			return nil, 0
		}
		if a, ok := address(typ, s[:n]); ok {
			return a, n
		}
		return nil, 0
	}
	lo, n := one(s)
	if n == 0 || n == len(s) || s[n] == ':' {
		return lo, n
	}
	if s[n] != '-' {
		return nil, 0
	}
	hi, m := one(s[n+1:])
	if m == 0 || n+1+m < len(s) && s[n+1+m] != ':' {
		return nil, 0
	}
	return Range{lo, hi}, n + 1 + m
}

func (p *parser) dup() Statement {
	p.expect("to")
	d := &Dup{To: p.expr(want{types: []Type{AnyType}, field: true})}
	if p.take("device") {
		d.Device = p.expr(want{types: []Type{IfName}, field: true})
	}
	return d
}

func (p *parser) fwd() Statement {
	f := &Fwd{}
	f.Family, _ = p.takeOne("ip", "ip6")
	p.expect("to")
	f.To = p.expr(want{types: []Type{AnyType}, field: true})
	if p.take("device") {
		f.Device = p.expr(want{types: []Type{IfName}, field: true})
	}
	return f
}
