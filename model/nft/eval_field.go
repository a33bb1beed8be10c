package nft

import (
	"fmt"
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/fact"
)

// field reads what a packet gives a value to.
func (e *evaluation) field(f Field) reading {
	switch f := f.(type) {
	case *Payload:
		return e.payload(f)
	case *Raw:
		return e.raw(f)
	case *Meta:
		return e.meta(f)
	case *CT:
		return e.ct(f)
	case *Exthdr:
		return e.exthdr(f)
	case *Option:
		return e.option(f)
	case *FIB:
		return e.fib(f)
	case *Route:
		return unknown(32, "the packet's route")
	case *Socket:
		return unknown(32, "the host's sockets")
	case *OSF:
		return unknown(0, "the sender's system")
	case *IPsec:
		return unknown(32, "the packet's IPsec path")
	case *Numgen:
		missing := traffic
		if f.Mode == "random" {
			missing = "a number thrown for each packet"
		}
		return open(32, missing).modulo(f.Mod, f.Offset)
	case *Hash:
		if f.Of != nil {
			if r := e.read(f.Of); r.breaks != fact.No {
				return r
			}
		}
		return open(32, "the kernel's hash").modulo(f.Mod, f.Offset)
	}
	return unknown(0, "what "+f.String()+" gives")
}

// modulo bounds a number that nobody knows (nft_numgen.c, nft_hash.c).
func (r reading) modulo(mod, offset uint32) reading {
	if mod > 0 {
		r.v.least, r.v.below = uint64(offset), uint64(offset)+uint64(mod)
	}
	return r
}

// exthdr is IPv6's extension headers (nft_exthdr.c).
func (e *evaluation) exthdr(f *Exthdr) reading {
	p := &e.packet
	if r, ok := e.family(model.FamilyIPv6); !ok {
		return r
	}
	there := fact.Unsure
	if !p.Extended {
		there = fact.No
	} else if f.Header == "frag" && (p.FragOffset > 0 || p.MoreFragments) {
		there = fact.Yes
	}
	switch {
	case f.Header == "mh": // the Mobility header is no extension header for model.Packet
		return unknown(32, "the header's extensions")
	case f.Name == "" && there != fact.Unsure:
		return known(exactly(uint64(there/2), 8), Bool)
	case f.Name == "":
		return open(8, "the header's extensions")
	case there == fact.No:
		return absent("no such header")
	}
	return unknown(32, "the header's extensions")
}

// option is the options of TCP, IPv4 and DCCP and SCTP's chunks: no Packet has them.
func (e *evaluation) option(f *Option) reading {
	proto, ok := map[string]model.Proto{"tcp": model.ProtoTCP, "sctp": model.ProtoSCTP, "dccp": model.ProtoDCCP}[f.Of]
	if ok && f.Name != "" && e.packet.ProtoKnown() && e.packet.Proto != proto {
		return instead("protocol", proto.String(), e.packet.Proto.String())
	}
	if f.Of == "ip" && f.Name != "" && e.packet.Family != model.FamilyIPv4 {
		return instead("family", "ip", e.packet.Family.String())
	}
	return unknown(32, "the header's options")
}

// fib is what the routing tables say. Of an address's type we know what the address is
// by itself, and whether it is the host's.
func (e *evaluation) fib(f *FIB) reading {
	const routes = "the host's addresses and routes"
	switch {
	case f.Result != "type":
		return reading{v: nothing(32), missing: routes, breaks: fact.Unsure, typ: f.typ}
	case len(f.Keys) != 1 || e.packet.Family != model.FamilyIPv4 && e.packet.Family != model.FamilyIPv6:
		return unknown(32, routes)
	}
	a := e.packet.Dst
	if f.Keys[0] == "saddr" {
		a = e.packet.Src
	} else if f.Keys[0] != "daddr" {
		return unknown(32, routes)
	}
	if a.Is4() {
		b := a.As4()
		switch {
		case b[0]&0xf0 == 0xe0:
			return known(exactly(5, 32), FIBType)
		case b[0] == 0, b == [4]byte{255, 255, 255, 255}:
			return known(exactly(3, 32), FIBType)
		}
	}
	none := nothing(32)
	if e.facts.Local != nil && a.IsValid() {
		switch e.facts.Local(a) {
		case fact.Yes:
			return known(exactly(2, 32), FIBType)
		case fact.No:
			local := uint64(2)
			none.other = &local
			return reading{v: none, typ: FIBType, missing: routes, have: "not local"}
		}
	}
	return reading{v: none, typ: FIBType, missing: routes}
}

// meta is what the kernel knows of a packet besides its bytes (nft_meta.c).
func (e *evaluation) meta(f *Meta) reading {
	p, facts := &e.packet, &e.facts
	named := func(d fact.Fact[string]) reading {
		if !d.Known {
			return open(32, "the interface").of(f.typ)
		}
		return known(called(d.Value), f.typ)
	}
	side := func(d fact.Fact[string], what string) reading {
		switch {
		case !d.Known:
			return unknown(32, "the interface")
		case d.Value == "":
			return absent("no interface")
		}
		return unknown(32, what)
	}
	id := func(u fact.Fact[uint32]) reading {
		if !u.Known {
			return unknown(32, "the sender's socket")
		}
		return known(exactly(uint64(u.Value), 32), f.typ)
	}
	switch f.Key {
	case "mark":
		if !facts.Mark.Known {
			return open(32, "the packet's mark").of(Mark)
		}
		return known(exactly(uint64(facts.Mark.Value), 32), Mark)
	case "iifname", "iif":
		return named(facts.In)
	case "oifname", "oif":
		return named(facts.Out)
	case "iifgroup":
		return side(facts.In, "the interface's group")
	case "oifgroup":
		return side(facts.Out, "the interface's group")
	case "iiftype", "oiftype":
		d := facts.In
		if f.Key == "oiftype" {
			d = facts.Out
		}
		if d.Known && d.Value == "lo" {
			return known(exactly(772, 16), f.typ)
		}
		return side(d, "the interface's type")
	case "iifkind", "oifkind":
		d := facts.In
		if f.Key == "oifkind" {
			d = facts.Out
		}
		return side(d, "the interface's kind")
	case "l4proto":
		if !p.ProtoKnown() {
			return unknown(8, cutShort)
		}
		return known(exactly(uint64(p.Proto), 8), f.typ)
	case "nfproto":
		n := map[model.Family]uint64{model.FamilyIPv4: 2, model.FamilyIPv6: 10}[p.Family]
		if e.table == model.FamilyBridge {
			n = 7
		}
		if n == 0 || e.table == model.FamilyNetdev {
			return unknown(8, "the packet's family")
		}
		return known(exactly(n, 8), f.typ)
	case "protocol":
		return e.etherType()
	case "length":
		if below(e.table) || p.Length == 0 || facts.Bare {
			r := open(32, "the packet's length")
			if facts.Bare && !below(e.table) {
				r.v.least = fact.Least(p)
				r.have = fmt.Sprint(r.v.least, " or more")
			}
			return r
		}
		return known(exactly(uint64(p.Length), 32), Integer)
	case "pkttype":
		n, ok := PktType.Lookup(facts.PacketType.Value)
		if !facts.PacketType.Known || !ok {
			return open(8, "the link layer's address")
		}
		return known(exactly(n, 8), PktType)
	case "skuid":
		return id(facts.User)
	case "skgid":
		return id(facts.Group)
	case "cpu":
		return open(32, "the CPU")
	case "random":
		return open(32, "a number thrown for each packet")
	case "priority":
		return open(32, "the packet's priority")
	case "time", "hour", "day":
		return open(64, "the time")
	case "nftrace":
		return open(8, "whether it is traced")
	case "secmark":
		return open(32, "the packet's security mark")
	case "ipsec", "secpath":
		return open(8, "the packet's IPsec path")
	case "cgroup":
		return unknown(32, "the sender's cgroup")
	case "rtclassid":
		return unknown(32, "the packet's route")
	}
	return unknown(32, "the packet's "+f.Key)
}

// below reports whether the tables of a family see frames, not IP packets.
func below(f model.Family) bool {
	return f == model.FamilyBridge || f == model.FamilyNetdev
}

func (e *evaluation) etherType() reading {
	switch {
	case e.table == model.FamilyNetdev: // a VLAN's tag may stand before
	case e.packet.Family == model.FamilyIPv4:
		return known(exactly(0x800, 16), EtherType)
	case e.packet.Family == model.FamilyIPv6:
		return known(exactly(0x86dd, 16), EtherType)
	}
	return open(16, "the frame's type")
}

func (r reading) of(t Type) reading {
	r.typ = t
	return r
}

// statusBits are the bits of a connection's status that fact.Connection tells of.
var statusBits = map[string]uint64{"EXPECTED": 1, "SEEN_REPLY": 2, "ASSURED": 4, "CONFIRMED": 8, "SNAT": 16, "DNAT": 32}

// ct is what conntrack knows (nft_ct.c): of a packet without a connection only the state.
func (e *evaluation) ct(f *CT) reading {
	if !e.facts.Connection.Known {
		if f.Key == "state" {
			return open(32, "the connection").of(CTState)
		}
		return unknown(32, "the connection").of(f.typ)
	}
	c := e.facts.Connection.Value
	switch {
	case f.Key == "state":
		return states(c.States())
	case c.Exists() == fact.No:
		return absent("no connection")
	case c.Exists() == fact.Unsure:
		return unknown(32, "whether it is "+c.States().String()).of(f.typ)
	}
	number := func(u fact.Fact[uint32], what string) reading {
		if !u.Known {
			return open(32, what).of(f.typ)
		}
		return known(exactly(uint64(u.Value), 32), f.typ)
	}
	switch f.Key {
	case "mark":
		return number(c.Mark, "the connection's mark")
	case "id":
		return number(c.ID, "the connection's number")
	case "direction":
		if !c.Reply.Known {
			return open(8, "the direction").of(CTDir)
		}
		return known(exactly(uint64(b2i(c.Reply.Value)), 8), CTDir)
	case "status":
		n, mask := uint64(0), uint64(0)
		if c.Status.Known {
			for _, b := range statusBits {
				mask |= b
			}
		}
		if c.NAT.Known {
			mask |= statusBits["SNAT"] | statusBits["DNAT"]
		}
		for _, s := range slices.Concat(c.Status.Value, c.NAT.Value) {
			n |= statusBits[s]
		}
		v := nothing(32)
		v.bits, v.known = word{0, n}, v.known.or(word{0, mask})
		return reading{v: v, typ: CTStatus, missing: "the connection's status"}
	case "zone":
		if !c.Zone.Known {
			return open(16, "the connection's zone")
		}
		return known(exactly(uint64(c.Zone.Value), 16), f.typ)
	case "helper":
		if !c.Helper.Known {
			return unknown(0, "the connection's helper").of(Text)
		}
		if c.Helper.Value == "" {
			return absent("no helper")
		}
		return known(called(c.Helper.Value), Text)
	case "expiration":
		return open(64, "when the connection expires").of(Time)
	case "label":
		return open(128, "the connection's labels")
	case "bytes", "packets", "avgpkt":
		return open(64, "the connection's counters")
	case "l3proto", "protocol", "saddr", "daddr", "proto-src", "proto-dst":
		return e.tuple(c, f)
	}
	return unknown(32, "the connection's "+f.Key)
}

// states reads a state that may be one of several: one bit is set, so those of the
// others are not.
func states(s fact.State) reading {
	if s.Sure() {
		return known(exactly(uint64(s), 32), CTState)
	}
	r := open(32, "whether it is "+s.String()).of(CTState)
	if s == 0 || s == fact.AnyState {
		r.missing = "the connection"
	}
	r.v.known = r.v.known.or(word{0, uint64(^uint32(s))})
	r.have = strings.ToLower(s.String())
	return r
}

// tuple reads one of a connection's two tuples; without a direction the original one.
func (e *evaluation) tuple(c *fact.Connection, f *CT) reading {
	t := c.Original
	if f.Dir == "reply" {
		t = c.Answered
	}
	if !t.Known {
		return unknown(32, "the connection's addresses").of(f.typ)
	}
	v := t.Value
	is6 := v.Src.Is6()
	switch f.Key {
	case "l3proto":
		n := uint64(2)
		if is6 {
			n = 10
		}
		return known(exactly(n, 8), f.typ)
	case "protocol":
		return known(exactly(uint64(v.Proto), 8), f.typ)
	case "proto-src":
		return known(exactly(uint64(v.SPort), 16), f.typ)
	case "proto-dst":
		return known(exactly(uint64(v.DPort), 16), f.typ)
	}
	if f.Family != "" && (f.Family == "ip6") != is6 {
		return instead("family", f.Family, e.packet.Family.String())
	}
	a := v.Src
	if f.Key == "daddr" {
		a = v.Dst
	}
	if !a.IsValid() || e.table == model.FamilyARP {
		return unknown(32, "the connection's addresses")
	}
	return known(addressValue(a), f.typ)
}
