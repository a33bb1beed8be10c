package why

import (
	"cmp"
	"net/netip"
	"slices"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
)

// talk is the packets of one flow, in both directions.
type talk struct {
	// orig is the tuple of what the client sends, as it comes here.
	orig   model.Tuple
	family model.Family
	// conn is conntrack's tuple of the connection, zero where it told none.
	conn model.Tuple
	// sights are its packets, about what only tells of them: ICMP errors.
	sights, about []*sight
	requests      Counts
	replies       Counts
	// answers is true where nobody traced replies, and conntrack and the client tell that they came.
	answers bool
	// at tells which ports the flow is named by: the service's, as far as it is known which that is.
	at struct{ src, dst bool }
}

// name is the flow in words, without the port that changes from one connection to the
// next; with both where nothing tells which one that is.
func (t *talk) name() string {
	f := drop.Flow{Proto: t.orig.Proto, Src: netip.AddrPortFrom(t.orig.Src, 0), Dst: netip.AddrPortFrom(t.orig.Dst, 0)}
	if t.orig.Proto.Ports() {
		f.Src, f.Dst = netip.AddrPortFrom(t.orig.Src, t.orig.SPort), netip.AddrPortFrom(t.orig.Dst, t.orig.DPort)
	}
	return f.At(t.at.src, t.at.dst).String()
}

// serve notes which end has the service: the one that is asked where a packet tells who asks, else the
// one whose port the filter names. Where that names the other's alone, both are told.
func (t *talk) serve(told bool, named []uint16) {
	src, dst := slices.Contains(named, t.orig.SPort), slices.Contains(named, t.orig.DPort)
	switch {
	case told || t.conn == t.orig:
		src, dst = src && !dst, true
	case t.conn == t.orig.Reverse():
		src, dst = true, false
	case src == dst:
		src, dst = true, true
	}
	t.at.src, t.at.dst = src, dst
}

// namedPorts are those that a filter asks for.
func namedPorts(f *filter.Filter) (ports []uint16) {
	list, err := f.Conjuncts(64)
	if err != nil {
		return nil
	}
	for _, c := range list {
		for _, x := range c.Conds {
			if !x.Not && x.Lo == x.Hi && (x.Field == filter.FieldSPort || x.Field == filter.FieldDPort) {
				ports = append(ports, x.Lo)
			}
		}
	}
	return ports
}

// translated says where requests are sent on to, "" where they keep their destination: rules
// behind DNAT name that, and not the address that the client knows.
func (t *talk) translated() string {
	for _, x := range t.sights {
		if x.reply || x.journey == nil {
			continue
		}
		if n := x.journey.NAT; n != nil && len(n.Dst) == 2 && n.Dst[0] != n.Dst[1] {
			return " (translated to " + n.Dst[1] + ")"
		}
	}
	return ""
}

// talks sorts packets by the flow that they are of. ICMP errors that belong to none are
// left out.
func talks(list []*sight, f *filter.Filter) []*talk {
	var out []*talk
	byTuple, byFlow := map[model.Tuple]*talk{}, map[uint32]*talk{}
	find := func(x *sight) *talk {
		if x.journey != nil && x.journey.Flow != 0 {
			if t := byFlow[x.journey.Flow]; t != nil {
				return t
			}
		}
		for _, k := range tuplesOf(x) {
			if t := byTuple[k]; t != nil && !t.foreign(x) {
				return t
			}
		}
		return nil
	}
	mirror := f.Mirror()
	// A drop has the kernel's own time, a traced packet the one at which it was told: an error may
	// seem to come before what it is about.
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b *sight) int { return cmp.Compare(last(a.about), last(b.about)) })
	told := map[*talk]bool{}
	for _, x := range list {
		t := find(x)
		if t == nil {
			if x.about {
				continue
			}
			t = &talk{family: x.packet.Family, orig: x.packet.Tuple()}
			if d := x.drop; d != nil && d.Tracked() {
				t.orig, told[t] = d.Orig, true
			} else if reply, sure := answers(x, f, mirror); reply {
				t.orig, told[t] = t.orig.Reverse(), sure
			} else {
				told[t] = sure
			}
			out = append(out, t)
		}
		for _, k := range tuplesOf(x) {
			if !x.about {
				byTuple[k] = t
			}
		}
		if x.journey != nil && x.journey.Flow != 0 {
			byFlow[x.journey.Flow] = t
		}
		if x.about {
			t.about = append(t.about, x)
			continue
		}
		if !t.conn.Src.IsValid() {
			t.conn = connection(x)
		}
		x.reply = t.isReply(x)
		t.sights = append(t.sights, x)
	}
	named := namedPorts(f)
	for _, t := range out {
		t.count()
		t.serve(told[t], named)
	}
	return out
}

// last orders what is so behind what is not.
func last(is bool) int {
	if is {
		return 1
	}
	return 0
}

// connection is what the client of the packet's connection sends, as it comes here and as conntrack
// has it; zero where that is not known.
func connection(x *sight) model.Tuple {
	switch d, j := x.drop, x.journey; {
	case x.about:
	case d != nil && d.Tracked():
		return d.Orig
	case j != nil && j.Direction == journey.Original && x.packet.Transport && x.packet.Proto.Ports():
		return x.packet.Tuple()
	}
	return model.Tuple{}
}

// foreign reports whether a packet is of another connection than the flow: behind NAT two of them
// may have the same addresses and ports, until the kernel drops one for that. The reply that
// conntrack takes for a connection of its own (apart) is none.
func (t *talk) foreign(x *sight) bool {
	k := connection(x)
	return k.Src.IsValid() && t.conn.Src.IsValid() && k != t.conn && k.Reverse() != t.conn
}

// tuplesOf are the tuples by which packets of the same flow may go.
func tuplesOf(x *sight) []model.Tuple {
	k := x.packet.Tuple()
	if d := x.drop; d != nil && d.Tracked() && x.fate == byTable { // behind NAT it has what is another's
		return []model.Tuple{d.Orig, d.Orig.Reverse()}
	}
	out := []model.Tuple{k, k.Reverse()}
	if d := x.drop; d != nil && d.Tracked() {
		out = append(out, d.Orig, d.Reply)
	}
	if d := x.drop; d != nil && d.About.Src.IsValid() {
		out = append(out, d.About)
	}
	return out
}

// answers reports whether the first packet of a flow that was seen is one that came back, and
// whether that is sure: else it is taken for one that asks.
func answers(x *sight, f, mirror *filter.Filter) (reply, sure bool) {
	if j := x.journey; j != nil && (j.Direction != "" || begins(j)) {
		return j.Direction == journey.Reply, true
	}
	p := x.packet
	switch {
	case p.Proto == model.ProtoTCP && p.Flags&model.SYN != 0:
		return p.Flags&model.ACK != 0, true
	case p.Proto.ICMP() && p.Transport:
		return p.ICMPType == 0 || p.ICMPType == 129, true
	}
	in, out := "", ""
	if x.journey != nil {
		in, out = x.journey.In, x.journey.Out
	}
	asks, comes := f.Packet(p, in, out), mirror.Packet(p, in, out)
	return asks == filter.No && comes != filter.No, (asks == filter.No) != (comes == filter.No)
}

// isReply reports whether a packet of the flow is one that came back.
func (t *talk) isReply(x *sight) bool {
	k := x.packet.Tuple()
	if j := x.journey; j != nil && j.Direction != "" && !(k == t.orig.Reverse() && t.apart(j)) {
		return j.Direction == journey.Reply
	}
	switch {
	case k == t.orig:
		return false
	case k == t.orig.Reverse():
		return true
	}
	if d := x.drop; d != nil && d.Tracked() {
		return k == d.Reply
	}
	return x.packet.Src != t.orig.Src
}

// apart reports whether conntrack does not know that a packet belongs to the first one of the
// flow: that was not tracked, or it is in another zone. Then it takes the reply for a new
// connection of the server's.
func (t *talk) apart(j *journey.Journey) bool {
	if len(t.sights) == 0 || t.sights[0].journey == nil {
		return false
	}
	first := t.sights[0].journey
	return first.CTState == untracked || first.Flow != 0 && j.Flow != 0 && first.Flow != j.Flow
}

// untracked is the state of a packet that a rule took out of conntrack's hands.
const untracked = "UNTRACKED"

// parted says that conntrack has the two directions apart, "" where it has not.
func (t *talk) parted() string {
	for _, x := range t.sights {
		j := x.journey
		if !x.reply || j == nil || j.Direction != journey.Original || !t.apart(j) {
			continue
		}
		if t.sights[0].journey.CTState == untracked {
			return "conntrack takes the reply for a new connection: it was told not to track the request (NOTRACK)"
		}
		return "conntrack takes the reply for a new connection: it has the request in another entry, as where the zones of the two directions differ"
	}
	return ""
}

// oneWay reports whether the client goes on with a TCP connection of which nothing came back by
// here: the replies take another way, and conntrack sees half of it.
func (t *talk) oneWay() bool {
	opened := false
	for _, x := range t.sights {
		switch p := x.packet; {
		case x.reply || p.Proto != model.ProtoTCP || !p.Transport:
			return false
		case p.Flags&(model.SYN|model.ACK) == model.SYN:
			opened = true
		case opened && p.Flags&(model.SYN|model.ACK|model.RST) == model.ACK:
			return true
		}
	}
	return false
}

// count counts what became of the packets, and those that were sent again.
func (t *talk) count() {
	type known struct {
		tuple    model.Tuple
		seq, ack uint32
		flags    model.TCPFlags
		length   int
		ttl      uint8 // what goes round in a circle is not sent again
	}
	before := map[known]bool{}
	for _, x := range t.sights {
		c := &t.requests
		if x.reply {
			c = &t.replies
		}
		c.Seen++
		switch {
		case x.lost():
			c.Dropped++
		case x.fate == arrived:
			c.Delivered++
		}
		if p := x.packet; p.Proto == model.ProtoTCP && p.Transport && p.Flags&(model.SYN|model.FIN) != 0 {
			k := known{p.Tuple(), p.Seq, p.Ack, p.Flags, p.Length, p.TTL}
			if x.again = before[k]; x.again {
				c.Again++
			}
			before[k] = true
		}
	}
}
