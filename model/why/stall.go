package why

import (
	"fmt"
	"slices"
	"time"

	"nfscope/model"
)

// patience is how long who asked over TCP waits for an answer before its going says that none came.
const patience = time.Second

// mostHeader is more than the headers of a segment that carries nothing: 60 bytes of IP and 60 of TCP.
const mostHeader = 120

// carries reports whether a segment has something that the other end acknowledges.
func carries(p *model.Packet) bool {
	return p.Flags&(model.SYN|model.FIN|model.PSH) != 0 || p.Length > mostHeader
}

// data reports whether it has something for the program at the other end.
func data(p *model.Packet) bool {
	return p.Flags&model.SYN == 0 && (p.Flags&model.PSH != 0 || p.Length > mostHeader)
}

// conversation is how far a TCP connection that works came while it was looked at.
type conversation struct {
	// opened is true where both ends were seen to open it, over where one of them closed it.
	opened, over bool
	// stuck is the first copy of a segment that was sent again and never acknowledged, times how
	// often it was sent; pending is true where one was sent that is not acknowledged.
	stuck   *sight
	times   int
	pending bool
	// asked and said are true where the client and the server sent something; waited is how long
	// the client waited after that, to its FIN or to the end of the looking.
	asked, said bool
	waited      time.Duration
	// broken is true where the server broke it off by a reset.
	broken bool
}

// conversed follows a connection's segments. Nothing is known of other protocols, and of replies
// that the filter does not match or the trace cannot see.
func (t *talk) conversed(s *Seen) (c conversation) {
	if t.orig.Proto != model.ProtoTCP || len(s.Filter.After()) > 0 || t.unheard(s) || s.Lost > 0 || s.Gaps > 0 || s.Held > 0 {
		return c
	}
	var syn, both bool
	var last, bye time.Time // of the client
	for _, x := range t.sights {
		p := x.packet
		if !p.Transport || x.fate != arrived {
			continue
		}
		switch {
		case p.Flags&(model.FIN|model.RST) != 0:
			c.over, c.broken = true, c.broken || x.reply && p.Flags&model.RST != 0
			if !x.reply && bye.IsZero() {
				bye = x.at
			}
		case p.Flags&(model.SYN|model.ACK) == model.SYN:
			syn = syn || !x.reply
		case p.Flags&model.SYN != 0:
			both = syn && x.reply
		case both && !x.reply:
			c.opened = true
		}
		switch {
		case data(p) && x.reply:
			c.said = true
		case data(p):
			c.asked, last = true, x.at
		}
		if carries(p) && p.Flags&model.RST == 0 && !t.acknowledged(x) {
			c.pending = true
			if n := t.copies(x); n > 1 && c.stuck == nil {
				c.stuck, c.times = x, n
			}
		}
	}
	if c.over && t.reset() {
		c.stuck, c.pending = nil, false
	}
	switch {
	case c.asked && !bye.IsZero():
		c.waited = bye.Sub(last)
	case c.asked:
		c.waited = s.Began.Add(s.Looked).Sub(last)
	}
	return c
}

// acknowledged reports whether the other end was heard to have got a segment, or its beginning.
func (t *talk) acknowledged(x *sight) bool {
	return slices.ContainsFunc(t.sights, func(y *sight) bool {
		q := y.packet
		return y.reply != x.reply && y.fate == arrived && q.Transport && q.Flags&model.ACK != 0 && less(x.packet.Seq, q.Ack)
	})
}

// same reports whether two segments carry the same, or one the beginning of the other.
func (x *sight) same(y *sight) bool {
	p, q := x.packet, y.packet
	const ends = model.SYN | model.FIN
	return y.reply == x.reply && q.Transport && y.fate == arrived && q.Seq == p.Seq && carries(q) && q.Flags&ends == p.Flags&ends
}

// copies counts how often a segment was seen.
func (t *talk) copies(x *sight) (n int) {
	for _, y := range t.sights {
		if x.same(y) {
			n++
		}
	}
	return n
}

// longest is the length of its longest copy.
func (t *talk) longest(x *sight) (n int) {
	for _, y := range t.sights {
		if x.same(y) {
			n = max(n, y.packet.Length)
		}
	}
	return n
}

// reset reports whether an end broke the connection off.
func (t *talk) reset() bool {
	return slices.ContainsFunc(t.sights, func(x *sight) bool { return x.packet.Flags&model.RST != 0 })
}

// works is a verdict about a connection of which both sides came through.
func (v *verdict) works(s *Seen) {
	v.kind, v.side, v.because = Works, Reply, "request and reply were seen to the end of their way"
	if v.talk.orig.Proto != model.ProtoTCP {
		return
	}
	c := v.talk.conversed(s)
	v.more = !c.over && (c.stuck != nil || c.opened && (c.pending || !c.asked || !c.said))
	switch {
	case c.stuck != nil:
		v.kind, v.by, v.times = Stalled, c.stuck, c.times
		v.because = "both directions were traced and nothing was lost, and no acknowledgement of it was among them"
		if v.side = Request; c.stuck.reply {
			v.side = Reply
		}
		if !s.Over {
			v.confidence, v.because = Likely, "it may still be acknowledged"
		}
	case !c.opened, c.said, !s.Over && !c.over:
	case c.asked && c.broken:
		v.idle = "the server answered what the client sent by a TCP reset"
	case c.asked && !c.pending && c.waited >= patience:
		v.confidence, v.because = Likely, "request and reply were seen to the end of their way; whether an answer was due is not known"
		v.idle = fmt.Sprintf("the server acknowledged what the client sent, and its program sent nothing back in %s", span(c.waited))
	case !c.asked && !c.over:
		v.confidence, v.because = Likely, "request and reply were seen to the end of their way; whether more was due is not known"
		v.idle = "behind its opening neither end sent anything"
	}
}

// stalled says of a connection that opened where it got stuck.
func (v *verdict) stalled(name string) string {
	x, to := v.by, v.by.packet.Dst.String()
	if !x.reply {
		to = x.to().Addr().String()
	}
	who := "client"
	if x.reply {
		who = "server"
	}
	return fmt.Sprintf("%s: the connection was answered and then stalled: the %s sent the same segment %d times, which came through here, and %s was not heard to acknowledge it", name, who, v.times, to)
}
