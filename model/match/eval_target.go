package match

import (
	"slices"

	"nfscope/model"
	"nfscope/model/fact"
)

// Leaves gives the facts as the rule's target leaves them where the rule matches: marks,
// and whether the packet is tracked. What cannot be reckoned is not known afterwards.
func (r *Rule) Leaves(f *fact.Facts) fact.Facts {
	out, t := *f, &r.Target
	if slices.ContainsFunc(t.Options, func(o Option) bool { return o.Unknown != "" }) || !t.Chain && t.Name != "" && targets[t.Name] == nil && targets["6:"+t.Name] == nil {
		out.Mark = fact.Fact[uint32]{}
		setConnMark(&out, fact.Fact[uint32]{})
		return out
	}
	switch t.Name {
	case "MARK":
		out.Mark = t.xset(f.Mark)
	case "CONNMARK":
		t.connMark(&out)
	case "NOTRACK":
		untrack(&out)
	case "CT":
		if t.Option("--notrack") != nil {
			untrack(&out)
		}
	case "HMARK", "SET", "TPROXY":
		out.Mark = fact.Fact[uint32]{}
	}
	return out
}

// xset clears the bits of the mask and flips those of the value (xt_mark.c).
func (t *Target) xset(old fact.Fact[uint32]) fact.Fact[uint32] {
	o := t.Option("--set-xmark")
	if o == nil {
		return fact.Fact[uint32]{}
	}
	v, ok := o.Value.(Masked)
	if !ok || !old.Known && v.Mask != ^uint32(0) {
		return fact.Fact[uint32]{}
	}
	return fact.Of(old.Value&^v.Mask ^ v.Value)
}

// connMark is xt_connmark.c, without its shifts.
func (t *Target) connMark(f *fact.Facts) {
	c := f.Connection
	var own fact.Fact[uint32]
	there := exists(c)
	if there == fact.Yes {
		own = c.Value.Mark
	}
	save, restore := t.Option("--save-mark") != nil, t.Option("--restore-mark") != nil
	if !save && !restore {
		setConnMark(f, t.xset(own))
		return
	}
	if there == fact.No { // nothing to save to or to restore from
		return
	}
	nfmask, ok1 := t.mask("--nfmask")
	ctmask, ok2 := t.mask("--ctmask")
	mixed := func(to fact.Fact[uint32], tomask uint32, from fact.Fact[uint32], frommask uint32) fact.Fact[uint32] {
		if !ok1 || !ok2 || !from.Known || !to.Known && tomask != ^uint32(0) ||
			t.Option("--left-shift-mark") != nil || t.Option("--right-shift-mark") != nil {
			return fact.Fact[uint32]{}
		}
		return fact.Of(to.Value&^tomask ^ from.Value&frommask)
	}
	if save {
		setConnMark(f, mixed(own, ctmask, f.Mark, nfmask))
	} else {
		f.Mark = mixed(f.Mark, nfmask, own, ctmask)
	}
}

func (t *Target) mask(name string) (uint32, bool) {
	o := t.Option(name)
	if o == nil {
		return 0, false
	}
	n, ok := o.Value.(Number)
	return uint32(n.N), ok
}

func setConnMark(f *fact.Facts, m fact.Fact[uint32]) {
	if c := f.Connection; exists(c) != fact.No && c.Known {
		n := *c.Value
		n.Mark = m
		f.Connection.Value = &n
	}
}

// exists says whether the packet has a connection.
func exists(c fact.Fact[*fact.Connection]) fact.Answer {
	if !c.Known {
		return fact.Unsure
	}
	return c.Value.Exists()
}

func untrack(f *fact.Facts) {
	if f.Connection.Known {
		f.Connection.Value = f.Connection.Value.Untrack()
	}
}

// Rewrites gives a packet as the target leaves it, mark and headers; sure is false where that
// cannot be reckoned.
func (t *Target) Rewrites(p *model.Packet) (after model.Packet, sure bool) {
	after = *p
	number := func(option string) (int, bool) {
		if o := t.Option(option); o != nil {
			n, ok := o.Value.(Number)
			return int(n.N), ok
		}
		return 0, false
	}
	switch t.Name {
	case "MARK":
		m := t.xset(fact.Of(p.Mark))
		after.Mark = m.Value
		return after, m.Known
	case "TTL", "HL": // net/netfilter/xt_HL.c
		option := "--" + map[string]string{"TTL": "ttl", "HL": "hl"}[t.Name]
		ttl := int(p.TTL)
		if n, ok := number(option + "-set"); ok {
			ttl = n
		} else if n, ok := number(option + "-inc"); ok {
			ttl = min(ttl+n, 255)
		} else if n, ok := number(option + "-dec"); ok {
			ttl = max(ttl-n, 0)
		} else {
			return after, false
		}
		after.TTL = uint8(ttl)
		return after, true
	case "TOS": // net/netfilter/xt_DSCP.c
		o := t.Option("--set-tos")
		if o == nil {
			return after, false
		}
		v, ok := o.Value.(Masked)
		after.TOS = p.TOS&^uint8(v.Mask) ^ uint8(v.Value)
		return after, ok
	case "DSCP":
		n, ok := number("--set-dscp")
		after.TOS = p.TOS&3 | uint8(n)<<2
		return after, ok
	}
	return after, false
}
