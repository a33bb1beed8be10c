package filter

import (
	"strings"

	"nfscope/model"
	"nfscope/model/drop"
)

// Drop holds the filter against a dropped packet. Words about headers hold together for
// the packet as it was when it was dropped, or for its connection's ends before or after
// translation; in and out are the interfaces it had by then. reason is the kernel's word
// or the counter's name, whatever its case. Of what has no packet (a counter, what a limit
// held back) such words are unknown.
func (f *Filter) Drop(d *drop.Drop) Truth {
	if f.root == nil {
		return Yes
	}
	s := subject{views: dropViews(d), whole: func(l *leaf) Truth { return dropLeaf(l, d) }}
	return s.eval(f.root)
}

func dropViews(d *drop.Drop) []view {
	var views []view
	if d.HasPacket() {
		views = append(views, view{&d.Packet, d.In, d.Out})
	}
	if d.Tracked() {
		for _, t := range []model.Tuple{d.Orig, d.Reply, d.Orig.Reverse(), d.Reply.Reverse()} {
			views = append(views, view{p: &model.Packet{Family: d.Packet.Family, Proto: t.Proto, Src: t.Src, Dst: t.Dst, SPort: t.SPort, DPort: t.DPort,
				Transport: t.Proto.Ports(), Mark: d.Packet.Mark}, in: d.In, out: d.Out})
		}
	}
	if t := d.About; t.Src.IsValid() {
		for _, t := range []model.Tuple{t, t.Reverse()} {
			views = append(views, view{p: &model.Packet{Family: d.Packet.Family, Proto: t.Proto, Src: t.Src, Dst: t.Dst, SPort: t.SPort, DPort: t.DPort,
				Transport: t.Proto.Ports(), Mark: d.Packet.Mark}, in: d.In, out: d.Out})
		}
	}
	return views
}

func dropLeaf(l *leaf, d *drop.Drop) Truth {
	switch l.word {
	case "in": // where there is no packet
		return iface(l.name, d.In)
	case "out":
		return iface(l.name, d.Out)
	case "reason":
		return truth(strings.EqualFold(d.Reason, l.name))
	case "dropped":
		return Yes
	case "zone":
		if !d.Tracked() {
			return Unknown
		}
		return truth(uint32(d.Zone) == l.value)
	case "state":
		if d.State == "" {
			return Unknown
		}
		return truth(strings.EqualFold(d.State, l.name))
	case "nat", "snat", "dnat":
		if !d.Tracked() {
			return Unknown
		}
		snat, dnat := d.Reply.Dst != d.Orig.Src || d.Reply.DPort != d.Orig.SPort, d.Reply.Src != d.Orig.Dst || d.Reply.SPort != d.Orig.DPort
		if d.Orig.Proto.ICMP() { // ports are type and code, or an identifier
			snat, dnat = d.Reply.Dst != d.Orig.Src, d.Reply.Src != d.Orig.Dst
		}
		return truth(snat && l.word != "dnat" || dnat && l.word != "snat")
	}
	return Unknown
}
