package journey

import (
	"fmt"
	"slices"

	"nfscope/model"
)

// answers tells the packet's direction in its connection, and which journey of the other
// direction it followed.
func (f *Fold) answers(b *builder, k *known, first *model.Packet) {
	switch {
	case b.hasCT && b.ct.ID != 0:
		k.direction = Original
		if b.ct.Direction == 1 {
			k.direction = Reply
		}
	case k.entry != nil && first != nil:
		switch first.Tuple() {
		case k.entry.Orig.Tuple:
			k.direction = Original
		case k.entry.Reply.Tuple:
			k.direction = Reply
		}
	}
	if k.flow == 0 || k.direction == "" {
		return
	}
	if !b.hasCT || b.ct.ID == 0 { // else it was told when the event came
		f.spoke(b, first, k.flow, k.direction == Reply)
	}
	k.answers = b.answers
}

// spoke notes which journey of the other direction was the newest when the connection of
// this one was told. Journeys are closed, and drawn, in another order than they began:
// one of a chatty tracer stays open longer. Nothing answers an ICMP error (RFC 1122, 3.2.2):
// what comes after one would have come without it.
func (f *Fold) spoke(b *builder, p *model.Packet, flow uint32, reply bool) {
	t := f.talks[flow]
	if t == nil {
		if len(f.talks) >= 2*max(f.opt.Keep, maxOpen) {
			clear(f.talks) // connections without number: what is forgotten is only who answered whom
		}
		t = &talk{}
		f.talks[flow] = t
	}
	own, other := &t.original, &t.reply
	if reply {
		own, other = other, own
	}
	if b.answers == 0 && *other < b.number {
		b.answers = *other
	}
	if p == nil || !p.ICMPError() {
		*own = max(*own, b.number)
	}
}

// About says in words which journey the packet answers, "" where that is not known: an
// ICMP error is about the newest packet of the other direction that was seen before it,
// and a reset that conntrack calls related is what REJECT itself sent.
func (j *Journey) About() string {
	p := &j.Packet
	switch {
	case j.Answers == 0:
		return ""
	case p.ICMPError():
		return fmt.Sprintf("ICMP error about #%d", j.Answers)
	case j.Path == PathOutput && j.CTState == "RELATED" && p.Proto == model.ProtoTCP && p.Flags&model.RST != 0:
		return fmt.Sprintf("REJECT's answer to #%d", j.Answers)
	}
	return fmt.Sprintf("answers #%d", j.Answers)
}

// talk holds the newest journeys of a connection's two directions.
type talk struct{ original, reply int }

// Conversation is the packets of one connection, as far as they were traced: what the
// client sent and what came back.
type Conversation struct {
	// Flow is the conntrack ID.
	Flow            uint32
	Original, Reply []*Journey
}

// ConversationOf finds among journeys in the order of their numbers those of the same
// connection as j; false where the connection is not known.
func ConversationOf(j *Journey, list []*Journey) (c Conversation, ok bool) {
	if j.Flow == 0 || j.Direction == "" {
		return c, false
	}
	c.Flow = j.Flow
	for _, o := range list {
		if o.Flow != j.Flow || o.Family != j.Family || !sameEnds(j, o) {
			continue
		}
		switch o.Direction {
		case Original:
			c.Original = append(c.Original, o)
		case Reply:
			c.Reply = append(c.Reply, o)
		}
	}
	return c, true
}

// sameEnds reports whether two journeys with one flow ID can be of one connection: the
// kernel uses an ID again. One end stays as it is whatever is translated, but for an ICMP
// error, which any router may send.
func sameEnds(a, b *Journey) bool {
	p, q := &a.Packet, &b.Packet
	if p.Proto != q.Proto {
		return p.Proto.ICMP() || q.Proto.ICMP()
	}
	if p.Proto.ICMP() || !p.Transport || !q.Transport {
		return true
	}
	if a.Direction == b.Direction {
		return p.Tuple() == q.Tuple()
	}
	return p.SPort == q.DPort || p.DPort == q.SPort || a.NAT != nil || b.NAT != nil
}

// Partner is the journey to lay beside j: the packet it answers, or else the first that
// came back after it; nil where there is none in the list, which is in the order of
// numbers.
func Partner(j *Journey, list []*Journey) *Journey {
	c, ok := ConversationOf(j, list)
	if !ok {
		return nil
	}
	other := c.Reply
	if j.Direction == Reply {
		other = c.Original
	}
	if j.Answers > 0 && j.Direction == Reply {
		if i := slices.IndexFunc(other, func(o *Journey) bool { return o.Number == j.Answers }); i >= 0 {
			return other[i]
		}
	}
	if i := slices.IndexFunc(other, func(o *Journey) bool { return o.Number > j.Number }); i >= 0 {
		return other[i]
	}
	if len(other) > 0 {
		return other[len(other)-1]
	}
	return nil
}
