package why

import (
	"fmt"
	"slices"
	"time"

	"nfscope/model"
)

// patience is how long who asked over TCP waits for an answer before its going says that none came.
const patience = time.Second

// surely is how often a segment was sent that surely nobody acknowledged in time; late is how long
// its sender waited in vain where it was sent less often.
const (
	surely = 3
	late   = 2 * time.Second
)

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
	// begun is true where its opening was seen, over where one end closed it.
	begun, over bool
	// stuck is the first copy of a segment that was sent again and never acknowledged, times how
	// often it was sent, newest the last copy; pending is the last segment that is not acknowledged.
	stuck   *sight
	times   int
	newest  *sight
	pending *sight
	// asked and said are true where the client and the server sent something; waited is how long
	// the client waited after that, to its FIN or to the end of the looking.
	asked, said bool
	waited      time.Duration
	// broken is the reset by which the server broke it off, nil where it did not.
	broken *sight
}

// conversed follows a connection's segments.
func (t *talk) conversed(s *Seen) (c conversation) {
	end := s.Began.Add(s.Looked)
	var last, bye time.Time // of the client
	got := map[bool]int{}   // the longest that was acknowledged, of the reply and of the request
	for _, x := range t.sights {
		p := x.packet
		c.over = c.over || t.done(x)
		if !p.Transport || x.fate != arrived {
			continue
		}
		c.begun = c.begun || p.Flags&model.SYN != 0
		if p.Flags&(model.FIN|model.RST) != 0 {
			c.over = true
			switch {
			case !x.reply && bye.IsZero():
				bye = x.at
			case x.reply && p.Flags&model.RST != 0 && (c.asked || bye.IsZero()):
				c.broken = x
			}
		}
		switch {
		case !data(p):
		case x.reply:
			c.said = true
		default:
			c.asked, last = true, x.at
		}
		if !carries(p) || p.Flags&model.RST != 0 {
			continue
		}
		if t.acknowledged(x) {
			if data(p) {
				got[x.reply] = max(got[x.reply], p.Length)
			}
			continue
		}
		if n, newest := t.copies(x); n > 1 && c.stuck == nil {
			c.stuck, c.times, c.newest = x, n, newest
		}
		// Of what goes on some is always under way: that as much came through before says enough.
		if end.Sub(x.at) >= patience || p.Length > got[x.reply] {
			c.pending = x
		}
	}
	if c.over && t.reset() {
		c.stuck, c.pending = nil, nil
	}
	switch {
	case c.asked && !bye.IsZero():
		c.waited = bye.Sub(last)
	case c.asked:
		c.waited = end.Sub(last)
	}
	return c
}

// blind says why some of a connection may not have been seen: then what did not come proves
// nothing; "" where all was.
func (t *talk) blind(s *Seen) string {
	switch {
	case s.Lost > 0 || s.Gaps > 0 || s.Held > 0:
		return "packets were not seen, what the other end said may be among them"
	case t.unheard(s):
		return "-j TRACE does not trace what comes back to a translated request, so that not all of it was seen"
	case len(s.Filter.After()) > 0:
		return "the filter says more than addresses and ports, so that not all of it may be matched"
	}
	return ""
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

// copies counts how often a segment was seen, and gives the last copy.
func (t *talk) copies(x *sight) (n int, newest *sight) {
	for _, y := range t.sights {
		if x.same(y) {
			n, newest = n+1, y
		}
	}
	return n, newest
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
	const seen = "request and reply were seen to the end of their way"
	v.kind, v.side, v.because = Works, Reply, seen
	if v.talk.orig.Proto != model.ProtoTCP {
		return
	}
	c, blind := v.talk.conversed(s), v.talk.blind(s)
	if v.owed = c.pending; c.stuck != nil {
		v.owed = c.newest
	}
	// One that was open before may be one that only listens.
	v.more = c.stuck != nil || c.pending != nil || !c.over && !(c.said && (c.asked || !c.begun))
	switch {
	case c.stuck != nil && (blind == "" || c.times >= surely):
		v.stuck(s, &c, blind)
	case blind != "" && (c.stuck != nil || c.pending != nil || !c.said):
		v.confidence, v.because, v.partly = Likely, blind, true
	case c.broken != nil && !c.said:
		v.kind, v.by, v.because = Refused, c.broken, "both the request and what came back were seen"
	case v.more && !s.Over:
		v.confidence, v.because = Likely, "it may still stall"
	case c.pending != nil:
		v.confidence, v.because = Likely, "it may still be acknowledged"
		if v.idle = "what the client sent last was not acknowledged yet"; c.pending.reply {
			v.idle = "what the server sent last was not acknowledged yet"
		}
	case c.said:
	case c.asked && c.waited >= patience:
		v.silent(c.waited)
	case !c.over && c.asked:
		v.confidence, v.because = Likely, "a reply may still come"
	case !c.over:
		v.confidence, v.because = Likely, seen+"; whether more was due is not known"
		v.idle = "behind its opening neither end sent anything"
		if !c.begun {
			v.idle = "neither end sent anything while it was looked at"
		}
	}
}

// stuck makes a segment the verdict that was sent again and again. Two copies are sent where an
// acknowledgement is only late too.
func (v *verdict) stuck(s *Seen, c *conversation, blind string) {
	v.kind, v.by, v.times = Stalled, c.stuck, c.times
	v.because = "both directions were traced and nothing was lost, and no acknowledgement of it was among them"
	if v.side = Request; c.stuck.reply {
		v.side = Reply
	}
	switch {
	case blind != "":
		v.confidence, v.because = Likely, blind
	case !s.Over || c.times < surely && s.Began.Add(s.Looked).Sub(c.newest.at) < late:
		v.confidence, v.because = Likely, "it may still be acknowledged"
	}
}

// silent says of a connection that what the client sent came to the server, and no answer here. An
// answer that is sent by this host itself would have been seen.
func (v *verdict) silent(waited time.Duration) {
	v.confidence = Likely
	if slices.ContainsFunc(v.talk.sights, func(x *sight) bool { return !x.reply && here(x) }) {
		v.because = "request and reply were seen to the end of their way; whether an answer was due is not known"
		v.idle = fmt.Sprintf("this host acknowledged what the client sent, and its program sent nothing back in %s", span(waited))
		return
	}
	v.because = "request and reply were seen to the end of their way; whether an answer was due, and whether it was sent, is not known"
	v.idle = fmt.Sprintf("the server acknowledged what the client sent, and nothing of an answer came here in %s: its program sent none, or it was lost before here", span(waited))
	v.do = "ss -tio on the server: has it sent bytes that are not acknowledged? Then they are lost on the way back: is the MTU of a link there smaller?"
}

// sender is who sent a packet.
func (x *sight) sender() string {
	if x.reply {
		return "server"
	}
	return "client"
}

// stalled says of a connection that opened where it got stuck.
func (v *verdict) stalled(name string) string {
	x, to := v.by, v.by.packet.Dst.String()
	if !x.reply {
		to = x.to().Addr().String()
	}
	return fmt.Sprintf("%s: the connection was answered and then stalled: the %s sent the same segment %d times, which came through here, and %s was not heard to acknowledge it", name, x.sender(), v.times, to)
}

// lookThere is what to do about a segment that is not acknowledged. What every link must carry
// fits through any; how long the frames were is not told, the kernel may have joined several.
func (v *verdict) lookThere() string {
	least := 576
	if v.talk.family == model.FamilyIPv6 {
		least = 1280
	}
	if v.talk.longest(v.by) > least {
		return "look there and on the way: does the segment arrive (it is long: is the MTU of a link smaller?), and does the acknowledgement come back by this host?"
	}
	return "look there and on the way: does the segment arrive, and does the acknowledgement come back by this host?"
}
