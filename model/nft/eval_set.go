package nft

import (
	"maps"
	"strings"

	"nfscope/model"
	"nfscope/model/fact"
)

// assign writes. What is written is what later statements read.
func (e *evaluation) assign(s *Assign) {
	r := e.read(s.Value)
	if _, ok := s.Value.(Symbol); ok { // what it stands for hangs on the field
		r = e.constant(s.Value, s.To.Type())
	}
	if r.breaks != fact.No {
		e.fails(s.Value.String(), "", r)
	}
	v := r.v
	switch to := s.To.(type) {
	case *Meta:
		if to.Key == "mark" {
			e.facts.Mark = fact.Fact[uint32]{Value: uint32(v.bits.lo), Known: v.sure() && !v.named}
			return
		}
	case *CT:
		if to.Key == "mark" {
			e.setConnMark(v)
			return
		}
	case *Payload:
		e.write(to, s, r)
		return
	case *Raw:
		e.res.Unsure = append(e.res.Unsure, to.String())
		switch to.Base {
		case "nh":
			if to.Len <= 128 && to.Offset < 1<<16 {
				e.network().put(int(to.Offset), sized(v, int(to.Len)))
			}
		case "th":
			if r, ok := e.transport(int(to.Len)); !ok {
				e.fails(s.String(), "", r)
				return
			}
			if to.Len <= 128 && to.Offset < 1<<16 {
				e.upper().put(int(to.Offset), sized(v, int(to.Len)))
			}
		}
		return
	case *Option, *Exthdr:
		if o, ok := s.To.(*Option); ok && o.Of == "tcp" {
			if r, ok := e.transport(0, model.ProtoTCP); !ok {
				e.fails(s.String(), "", r)
			}
			return
		}
		e.cannot(s.String(), "the header's options")
		return
	}
	e.written = maps.Clone(e.written)
	if e.written == nil {
		e.written = map[string]reading{}
	}
	r.typ = s.To.Type()
	e.written[s.To.String()] = r
}

func sized(v value, n int) value {
	if v.named {
		return nothing(n)
	}
	v.width = n
	return v
}

// write changes a header's field.
func (e *evaluation) write(to *Payload, s *Assign, r reading) {
	old := e.payload(to)
	if old.breaks == fact.Yes || old.v.width == 0 {
		if old.v.width == 0 && old.breaks == fact.No {
			old = unknown(0, "the packet's bytes")
		}
		e.fails(s.String(), "", old)
		return
	}
	if old.breaks == fact.Unsure {
		e.cannot(s.String(), old.missing)
	}
	name := to.String()
	if at, ok := networkSpots[name]; ok {
		e.network().put(at.at, sized(r.v, at.len))
	} else if at, ok := transportSpots[name]; ok {
		e.upper().put(at.at, sized(r.v, at.len))
	}
	e.touch(name, r.v)
}

// touch keeps the packet like its header, where that is certain.
func (e *evaluation) touch(name string, v value) {
	if !v.sure() || v.named {
		e.res.Unsure = append(e.res.Unsure, name)
		return
	}
	p := &e.packet
	_, field, _ := strings.Cut(name, " ")
	switch field {
	case "saddr", "daddr":
		if v.width != 32 && v.width != 128 {
			return
		}
		if field == "saddr" {
			p.Src = v.address()
		} else {
			p.Dst = v.address()
		}
	case "sport":
		p.SPort = uint16(v.bits.lo)
	case "dport":
		p.DPort = uint16(v.bits.lo)
	case "ttl", "hoplimit":
		p.TTL = uint8(v.bits.lo)
	case "dscp":
		p.TOS = p.TOS&3 | uint8(v.bits.lo<<2)
	case "ecn":
		p.TOS = p.TOS&^3 | uint8(v.bits.lo&3)
	}
}

func (e *evaluation) setConnMark(v value) {
	c := e.facts.Connection
	if !c.Known || c.Value.Exists() == fact.No { // without a connection nothing happens (nft_ct.c)
		return
	}
	n := *c.Value
	n.Mark = fact.Fact[uint32]{Value: uint32(v.bits.lo), Known: v.sure() && !v.named}
	e.facts.Connection.Value = &n
}
