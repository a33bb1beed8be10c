package match

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"nfscope/model/fact"
)

// aboutSet looks into an ipset. What a part of the key is depends on the set's type,
// which the rule does not say: so each part of the key is "ADDRESS PROTO:PORT
// INTERFACE MAC MARK", of which the set takes what it needs.
func aboutSet(e *evaluation, _ *Option) (string, fact.Answer) {
	o := e.m.Option("--match-set")
	if o == nil || o.Unknown != "" || e.f.InSet == nil {
		return fact.Missing + "the members of the set", fact.Unsure
	}
	v, _ := o.Value.(Set)
	key := make([]string, len(v.Dirs))
	for i, d := range v.Dirs {
		addr, port, dev, mac := e.p.Src, e.p.SPort, e.f.In, ""
		if e.f.Source.Known {
			mac = e.f.Source.Value.String()
		}
		if d == "dst" {
			addr, port, dev, mac = e.p.Dst, e.p.DPort, e.f.Out, "" // nobody tells where to
		}
		key[i] = addr.String() + " " + e.p.Proto.String() + ":"
		if e.p.Transport && e.p.Proto.Ports() {
			key[i] += strconv.Itoa(int(port))
		}
		key[i] += " " + dev.Value + " " + mac + " "
		if e.f.Mark.Known {
			key[i] += fmt.Sprintf("%#x", e.f.Mark.Value)
		}
	}
	a := e.f.InSet(v.Name, key)
	for i := range e.m.Options {
		if n := e.m.Options[i].Name; strings.HasPrefix(n, "--packets") || strings.HasPrefix(n, "--bytes") || n == "--return-nomatch" {
			a = min(a, fact.Unsure) // it asks for more than membership
		}
	}
	if o.Negated {
		a = a.Not()
	}
	if a == fact.Unsure {
		return fact.Missing + "the members of the set", a
	}
	first := make([]string, len(key))
	for i, k := range key {
		first[i], _, _ = strings.Cut(k, " ")
	}
	return strings.Join(first, ","), a
}

// aboutAddrType knows of an address what it is by itself, and whether it is the host's.
func aboutAddrType(e *evaluation, _ *Option) (string, fact.Answer) {
	all := fact.Yes
	var have []string
	for i := range e.m.Options {
		o := &e.m.Options[i]
		want, ok := o.Value.(Names)
		addr := e.p.Src
		if o.Name == "--dst-type" {
			addr = e.p.Dst
		}
		a := fact.Unsure
		if ok && o.Unknown == "" && e.m.Option("--limit-iface-in") == nil && e.m.Option("--limit-iface-out") == nil {
			a = addrType(addr, want, e.f.Local)
		}
		if strings.HasPrefix(o.Name, "--limit") {
			a = fact.Yes // it says how the others are asked
		}
		if o.Negated {
			a = a.Not()
		}
		if all = min(all, a); a != fact.Unsure && o.Value != nil {
			have = append(have, addr.String())
		}
	}
	if all == fact.Unsure {
		return fact.Missing + "the host's addresses and routes", all
	}
	return strings.Join(have, ", "), all
}

func addrType(a netip.Addr, want Names, local func(netip.Addr) fact.Answer) fact.Answer {
	if !a.Is4() { // IPv6's types are not exclusive (xt_addrtype.c, match_type6)
		if local != nil && len(want.List()) == 1 && want.Has("LOCAL") {
			return local(a)
		}
		return fact.Unsure
	}
	switch b := a.As4(); {
	case b[0]&0xf0 == 0xe0:
		return fact.Is(want.Has("MULTICAST"))
	case b[0] == 0, b == [4]byte{255, 255, 255, 255}:
		return fact.Is(want.Has("BROADCAST"))
	}
	is := fact.Unsure
	if local != nil {
		is = local(a)
	}
	switch {
	case is == fact.Yes:
		return fact.Is(want.Has("LOCAL"))
	case is == fact.No && len(want.List()) == 1 && want.Has("LOCAL"):
		return fact.No
	}
	return fact.Unsure
}

// aboutHelper is about the connection that this one was expected by (xt_helper.c).
func aboutHelper(e *evaluation, _ *Option) (string, fact.Answer) {
	o := e.m.Option("--helper")
	c := e.f.Connection
	switch {
	case o == nil || o.Unknown != "" || !c.Known:
	case exists(c) == fact.No: // said before the negation is looked at
		return "no connection", fact.Is(o.Negated)
	case c.Value.State == fact.New:
		return "nobody expected it", fact.Is(o.Negated)
	}
	return fact.Missing + "the connection's helper", fact.Unsure
}
