package why

import (
	"nfscope/model"
)

// bearable reports whether a flow works all the same though a packet was lost: packets of
// both sides come through, more of the packet's side than are lost, and what it carried was
// made good. Of replies that are not traced conntrack and the client tell that they came.
func (t *talk) bearable(x *sight) bool {
	c := t.requests
	if x.reply {
		c = t.replies
	}
	if t.requests.Delivered == 0 || t.replies.Delivered == 0 && !t.answers || c.Dropped > c.Delivered && !(x.reply && t.answers) {
		return false
	}
	if p := x.packet; p.Proto == model.ProtoTCP && p.Transport {
		return t.madeGood(x)
	}
	return t.wentOn(x)
}

// madeGood reports whether a TCP segment was sent again and came through, or carried nothing
// because its connection was over. An acknowledgement behind it that has its number, and carries
// nothing, is not what was lost. That others came through behind it proves nothing: where
// only what is long is lost, the short ones do.
func (t *talk) madeGood(x *sight) bool {
	p := x.packet
	silent, closed := false, false // behind its sender's FIN; the other end has closed too
	for _, y := range t.sights {
		q := y.packet
		if !q.Transport {
			continue
		}
		mine, came, later := y.reply == x.reply, y.fate == arrived, y.at.After(x.at)
		switch {
		case mine && came && q.Flags&model.FIN != 0 && less(q.Seq, p.Seq):
			silent = true
		case !mine && q.Flags&(model.FIN|model.RST) != 0:
			closed = true
		}
		if !came || !later || p.Flags&model.RST != 0 {
			continue
		}
		if mine && q.Seq == p.Seq && !less(q.Ack, p.Ack) && (carries(q) || !carries(p)) || !mine && q.Flags&model.ACK != 0 && less(p.Seq, q.Ack) {
			return true
		}
	}
	return closed && (silent || p.Flags&model.RST != 0)
}

// less compares TCP's numbers, which begin anew behind the highest (RFC 9293, 3.4).
func less(a, b uint32) bool { return int32(a-b) < 0 }

// wentOn reports whether packets of both sides came through after one that was lost. A
// protocol without sequence numbers tells no more.
func (t *talk) wentOn(x *sight) bool {
	request, reply := false, false
	for _, y := range t.sights {
		if y.fate == arrived && y.at.After(x.at) {
			request, reply = request || !y.reply, reply || y.reply
		}
	}
	return request && reply
}
