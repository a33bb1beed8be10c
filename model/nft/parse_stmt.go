package nft

import (
	"strconv"
	"strings"
)

func (p *parser) comment() Statement {
	t := p.next()
	switch {
	case t.kind == kindString:
		return &Comment{t.text[1 : len(t.text)-1]}
	case t.kind == kindWord && t.text[0] != '"': // a script may leave the quotes out
		return &Comment{t.text}
	}
	p.fail("a comment without its text in quotes")
	return nil
}

func (p *parser) counter() Statement {
	if p.take("name") {
		return p.object("counter")
	}
	c := &Counter{}
	if p.take("packets") {
		c.Numbers = true
		c.Packets = p.number()
		p.expect("bytes")
		c.Bytes = p.number()
	}
	return c
}

// object reads what names a stateful object: a string, or what looks one up.
func (p *parser) object(kind string) Statement {
	o := &Object{Kind: kind}
	if t := p.peek(); t.kind == kindWord {
		at := p.i
		if f := p.field(); f == nil {
			p.i, p.why = at, ""
			p.next()
			o.Name = Quoted(t.text)
			return o
		}
		p.i = at
	}
	o.Name = p.expr(want{types: []Type{Text}, field: true})
	return o
}

func (p *parser) limit() Statement {
	if p.take("name") {
		return p.object("limit")
	}
	p.expect("rate")
	return p.rate()
}

// rate reads what stands after "limit rate".
func (p *parser) rate() *Limit {
	l := &Limit{Over: p.take("over")}
	if !l.Over {
		p.take("until")
	}
	t := p.next()
	n, per, slash := strings.Cut(t.text, "/")
	v, err := strconv.ParseUint(n, 10, 64)
	if err != nil {
		p.fail(`"` + clip(t.text) + `" is not a rate, expected such as 10/second`)
		return l
	}
	l.Rate.N = v
	if !slash {
		t = p.next()
		if l.Rate.Unit, per, slash = strings.Cut(t.text, "/"); !slash || !byteUnits[l.Rate.Unit] {
			p.fail(`"` + clip(t.text) + `" is not understood, expected such as kbytes/second`)
		}
	}
	if !periods[per] {
		p.fail(`"` + clip(per) + `" is not a time, expected second, minute, hour, day or week`)
	}
	l.Per = per
	if p.take("burst") {
		a := p.amount(true)
		l.Burst = &a
	}
	return l
}

var (
	byteUnits = set("bytes kbytes mbytes")
	periods   = set("second minute hour day week")
)

// amount reads a number of bytes, or of packets where they may be.
func (p *parser) amount(packets bool) Amount {
	a := Amount{N: p.number()}
	t := p.peek()
	if p.why == "" && t.kind == kindWord && (byteUnits[t.text] || packets && t.text == "packets") {
		a.Unit = p.next().text
		return a
	}
	p.unexpected("packets, bytes, kbytes or mbytes")
	return a
}

func (p *parser) quota() Statement {
	if p.take("name") {
		return p.object("quota")
	}
	return p.size()
}

func (p *parser) size() *Quota {
	q := &Quota{Over: p.take("over")}
	if !q.Over {
		p.take("until")
	}
	q.Size = p.amount(false)
	if p.take("used") {
		a := p.amount(false)
		q.Used = &a
	}
	return q
}

func (p *parser) last() Statement {
	l := &Last{}
	if p.take("used") {
		t := p.next()
		if _, ok := parseSpan(t.text); !ok && t.text != "never" {
			p.fail(`"` + clip(t.text) + `" is not a time such as 1h30m`)
		}
		l.Used = t.text
	}
	return l
}

// connStatement reads the statements that begin with ct; its fields are not among
// them.
func (p *parser) connStatement() Statement {
	if p.take("count") {
		c := &ConnLimit{Over: p.take("over")}
		c.N = p.number()
		return c
	}
	if k, ok := p.takeOne("helper", "timeout", "expectation"); ok && p.take("set") {
		return p.object("ct " + k)
	}
	return nil
}

func (p *parser) reject() Statement {
	r := &Reject{}
	if !p.take("with") {
		return r
	}
	k, ok := p.takeOne("icmp", "icmpv6", "icmpx", "tcp")
	switch {
	case !ok:
		p.unexpected("icmp, icmpv6, icmpx or tcp reset")
	case k == "tcp":
		p.expect("reset")
		r.With = "tcp reset"
	default:
		p.take("type")
		r.With = k
		r.Code = p.literal(map[string]Type{"icmp": ICMPCode, "icmpv6": ICMPv6Code, "icmpx": ICMPXCode}[k], false)
	}
	return r
}

func (p *parser) queue() Statement {
	q := &Queue{}
	flags := func() {
		for p.why == "" {
			f, ok := p.takeOne("bypass", "fanout")
			if !ok {
				p.unexpected("bypass or fanout")
			}
			q.Flags = append(q.Flags, f)
			if !p.take(",") {
				return
			}
		}
	}
	if p.take("flags") {
		flags()
	}
	if p.take("num") || p.take("to") {
		q.To = p.expr(want{types: []Type{Integer}, field: true})
		if t := p.peek(); q.Flags == nil && (t.is("bypass") || t.is("fanout")) {
			flags()
		}
	}
	return q
}

func (p *parser) synproxy() Statement {
	if p.take("name") {
		return p.object("synproxy")
	}
	y := &Synproxy{}
	p.synOptions(y)
	return y
}

func (p *parser) synOptions(y *Synproxy) {
	for p.why == "" {
		k, ok := p.takeOne("mss", "wscale", "timestamp", "sack-perm")
		switch {
		case !ok:
			return
		case k == "mss":
			y.MSS = p.num()
		case k == "wscale":
			y.WScale = p.num()
		case k == "timestamp":
			y.Timestamp = true
		default:
			y.Sack = true
		}
	}
}

func (p *parser) setUpdate(op string) Statement {
	s := &SetUpdate{Op: op, Set: p.setName()}
	p.expect("{")
	s.Elem = p.elem(nil, []Type{AnyType}, true)
	p.expect("}")
	return s
}

// setOld reads the form of nft 0.8: set add ip saddr @name.
func (p *parser) setOld() Statement {
	op, ok := p.takeOne("add", "update", "delete")
	if !ok {
		p.unexpected("add, update or delete")
		return nil
	}
	s := &SetUpdate{Op: op, Elem: p.elem(nil, nil, true)}
	s.Set = p.setName()
	return s
}

func (p *parser) setName() string {
	t := p.peek()
	if p.why != "" || t.kind != kindWord || len(t.text) < 2 || t.text[0] != '@' {
		p.unexpected("the name of a set such as @seen")
		return ""
	}
	return p.next().text[1:]
}

func (p *parser) meter() Statement {
	m := &Meter{}
	if t := p.next(); t.kind == kindWord {
		m.Name = t.text
	} else {
		p.fail("a meter without a name")
	}
	if p.take("size") {
		m.Size = p.number()
	}
	p.expect("{")
	m.Elem = p.elem(nil, nil, true)
	p.expect("}")
	return m
}

func (p *parser) flow() Statement {
	if _, ok := p.takeOne("add", "offload"); !ok {
		p.unexpected("add")
		return nil
	}
	return &FlowAdd{p.setName()}
}

func (p *parser) strip() Statement {
	p.expect("tcp")
	p.expect("option")
	t := p.next()
	_, err := strconv.ParseUint(t.text, 10, 8)
	if _, ok := tcpOptions[t.text]; (!ok && err != nil) || t.kind != kindWord {
		p.fail(`"` + clip(t.text) + `" is not an option of TCP`)
	}
	return &StripOption{t.text}
}

func (p *parser) tunnel() Statement {
	p.expect("name")
	return p.object("tunnel")
}

// xt stands where iptables-nft made the rule: nft knows the extension's name alone.
func (p *parser) xt() Statement {
	p.fail("nft knows the name of an extension of x_tables only, iptables-nft-save prints it in full")
	return nil
}
