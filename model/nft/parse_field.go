package nft

import (
	"slices"
	"strconv"
	"strings"
)

// field reads what a packet gives a value to. It gives nil, and goes over nothing,
// where the words name no field.
func (p *parser) field() Field {
	t := p.peek()
	if t.kind != kindWord {
		return nil
	}
	at := p.i
	p.next()
	f := p.fieldOf(t.text)
	if f == nil || p.why != "" {
		p.i = at
		return nil
	}
	return f
}

func (p *parser) fieldOf(word string) Field {
	if metaShort[word] || metaBare[word] {
		return &Meta{word, metaKeys[word]}
	}
	switch word {
	case "meta":
		return p.meta()
	case "ct":
		return p.ct()
	case "fib":
		return p.fib()
	case "rt":
		if f := p.route(); f != nil {
			return f
		}
	case "socket":
		return p.socket()
	case "osf":
		return p.osf()
	case "ipsec":
		return p.ipsec()
	case "numgen", "jhash", "symhash":
		return p.generator(word)
	case "exthdr":
		if k := p.next(); k.kind == kindWord && extensions[k.text] != nil {
			return &Exthdr{k.text, "", Bool}
		}
		return nil
	case "arp":
		if k, ok := p.takeOne("saddr", "daddr"); ok {
			if l, ok := p.takeOne("ip", "ether"); ok {
				k += " " + l
				return &Payload{word, k, headers[word][k]}
			}
			return nil
		}
	case "sctp":
		if p.take("chunk") {
			return p.option("sctp", chunks, "type", "flags", "length")
		}
	case "tcp":
		if p.take("option") {
			return p.option("tcp", tcpOptions, "kind", "length")
		}
	case "ip":
		if p.take("option") {
			return p.option("ip", ipOptions, "type", "length")
		}
	case "dccp":
		if p.take("option") {
			return p.option("dccp", nil)
		}
	}
	if strings.HasPrefix(word, "@") {
		if f := raw(word); f != nil {
			return f
		}
		return nil
	}
	if fields := headers[word]; fields != nil {
		k := p.peek()
		if typ, ok := fields[k.text]; ok && k.kind == kindWord {
			p.next()
			return &Payload{word, k.text, typ}
		}
		if inner := headers[k.text]; tunnels[word] && inner != nil && k.kind == kindWord {
			p.next()
			if typ, ok := inner[p.peek().text]; ok {
				return &Payload{word + " " + k.text, p.next().text, typ}
			}
		}
	}
	if fields := extensions[word]; fields != nil {
		k := p.peek()
		if typ, ok := fields[indexed(k.text)]; ok && k.kind == kindWord {
			p.next()
			return &Exthdr{word, k.text, typ}
		}
	}
	return nil
}

// indexed gives the name of a field of a list: addr[2] is looked up as addr[1].
func indexed(s string) string {
	name, n, ok := strings.Cut(s, "[")
	if n, closed := strings.CutSuffix(n, "]"); ok && closed {
		if v, err := strconv.ParseUint(n, 10, 8); err == nil && v > 0 {
			return name + "[1]"
		}
	}
	return s
}

// raw reads @base,offset,length.
func raw(s string) Field {
	parts := strings.Split(s[1:], ",")
	if len(parts) != 3 || !rawBases[parts[0]] {
		return nil
	}
	offset, err1 := strconv.ParseUint(parts[1], 10, 32)
	length, err2 := strconv.ParseUint(parts[2], 10, 32)
	if err1 != nil || err2 != nil || length == 0 {
		return nil
	}
	return &Raw{parts[0], uint32(offset), uint32(length)}
}

var rawBases = set("ll nh th ih")

// option reads an option and its field; common are the fields that each has.
func (p *parser) option(of string, known map[string]map[string]Type, common ...string) Field {
	k := p.next()
	if k.kind != kindWord {
		return nil
	}
	o := &Option{Of: of, Kind: k.text, typ: Bool}
	fields, named := known[k.text]
	if rawLen(k.text) > 0 {
		o.typ = Integer
		return o
	}
	if _, err := strconv.ParseUint(k.text, 10, 8); err != nil && !named {
		return nil
	}
	f := p.peek()
	if f.kind != kindWord {
		return o
	}
	typ, ok := fields[f.text]
	if !ok && slices.Contains(common, f.text) {
		typ, ok = Integer, true
	}
	if ok {
		p.next()
		o.Name, o.typ = f.text, typ
	}
	return o
}

func (p *parser) meta() Field {
	k := p.next()
	if typ, ok := metaKeys[k.text]; ok && k.kind == kindWord {
		return &Meta{k.text, typ}
	}
	return nil
}

func (p *parser) ct() Field {
	c := &CT{}
	c.Dir, _ = p.takeOne("original", "reply")
	c.Family, _ = p.takeOne("ip", "ip6")
	k := p.next()
	typ, ok := ctKeys[k.text]
	if !ok || k.kind != kindWord || c.Dir != "" && !ctDirKeys[k.text] {
		return nil
	}
	c.Key, c.typ = k.text, typ
	switch {
	case c.Family != "" && typ != AnyAddr:
		return nil
	case c.Family != "":
		c.typ = addrType(c.Family)
	}
	return c
}

func addrType(family string) Type {
	switch family {
	case "ip":
		return IPv4Addr
	case "ip6":
		return IPv6Addr
	}
	return AnyAddr
}

func (p *parser) fib() Field {
	f := &FIB{}
	for {
		k, ok := p.takeOne("saddr", "daddr", "mark", "iif", "oif")
		if !ok {
			return nil
		}
		f.Keys = append(f.Keys, k)
		if !p.take(".") {
			break
		}
	}
	k, ok := p.takeOne("oif", "oifname", "type", "check")
	if !ok {
		return nil
	}
	f.Result = k
	f.typ = map[string]Type{"oif": IfIndex, "oifname": IfName, "type": FIBType, "check": Bool}[k]
	return f
}

// route reads the route's keys; rt type and others are those of a header.
func (p *parser) route() Field {
	at := p.i
	r := &Route{}
	r.Family, _ = p.takeOne("ip", "ip6")
	k, ok := p.takeOne("classid", "nexthop", "mtu", "ipsec")
	if !ok || r.Family != "" && k != "nexthop" {
		p.i = at
		return nil
	}
	r.Key = k
	r.typ = map[string]Type{"classid": Realm, "nexthop": addrType(r.Family), "mtu": Integer, "ipsec": Bool}[k]
	return r
}

func (p *parser) socket() Field {
	k, ok := p.takeOne("transparent", "mark", "wildcard", "cgroupv2")
	if !ok {
		return nil
	}
	s := &Socket{Key: k, typ: Integer}
	switch k {
	case "mark":
		s.typ = Mark
	case "cgroupv2":
		s.typ = CgroupPath
		if !p.take("level") {
			return nil
		}
		s.Level = strconv.FormatUint(p.number(), 10)
	}
	return s
}

func (p *parser) osf() Field {
	o := &OSF{}
	if p.take("ttl") {
		ttl, ok := p.takeOne("loose", "skip")
		if !ok {
			return nil
		}
		o.TTL = ttl
	}
	k, ok := p.takeOne("name", "version")
	if !ok {
		return nil
	}
	o.Key = k
	return o
}

func (p *parser) ipsec() Field {
	x := &IPsec{typ: Integer}
	dir, ok := p.takeOne("in", "out")
	if !ok {
		return nil
	}
	x.Dir = dir
	if p.take("spnum") {
		x.Num = strconv.FormatUint(p.number(), 10)
	}
	if x.Key, ok = p.takeOne("reqid", "spi"); ok {
		return x
	}
	x.Family, _ = p.takeOne("ip", "ip6")
	x.typ = addrType(x.Family)
	if x.Key, ok = p.takeOne("saddr", "daddr"); !ok {
		return nil
	}
	return x
}

// generator reads numgen, jhash and symhash.
func (p *parser) generator(word string) Field {
	h := &Hash{}
	mode := ""
	switch word {
	case "numgen":
		m, ok := p.takeOne("inc", "random")
		if !ok {
			return nil
		}
		mode = m
	case "jhash":
		h.Of = p.expr(want{field: true, only: true})
	}
	p.expect("mod")
	h.Mod = p.number32()
	if word == "jhash" && p.take("seed") {
		h.Seed = p.peek().text
		p.number()
	}
	if p.take("offset") {
		h.Offset = p.number32()
	}
	if mode != "" {
		return &Numgen{mode, h.Mod, h.Offset}
	}
	return h
}

// number reads a number.
func (p *parser) number() uint64 {
	if t := p.peek(); p.why == "" && t.kind == kindWord {
		if n, ok := number(t.text); ok && !n.Wide {
			p.next()
			return n.N
		}
	}
	p.unexpected("a number")
	return 0
}

func (p *parser) number32() uint32 {
	n := p.number()
	if n > 1<<32-1 {
		p.fail(strconv.FormatUint(n, 10) + " is more than 32 bits")
	}
	return uint32(n)
}
