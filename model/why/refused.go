package why

import (
	"slices"
	"time"

	"nfscope/model"
)

// refusal finds what told the client that it is not wanted: a reset, or an ICMP error, which
// came to it. Behind an answer a later error counts, but not of TCP, which takes it for passing and
// sends again.
func (t *talk) refusal() *sight {
	var answered time.Time
	for _, x := range t.sights {
		if p := x.packet; x.reply && x.fate == arrived && p.Proto == model.ProtoTCP && p.Flags&model.RST != 0 && !t.opened() {
			return x
		}
		if x.reply {
			answered = x.at
		}
	}
	if t.replies.Seen > 0 && t.orig.Proto == model.ProtoTCP {
		return nil
	}
	for _, x := range t.about {
		if x.fate == arrived && refuses(x.packet) && t.toClient(x) && x.at.After(answered) {
			return x
		}
	}
	return nil
}

// refuse makes what told the client that it is not wanted the verdict. One who was answered before may
// be answered again.
func (v *verdict) refuse(s *Seen, x *sight) {
	v.kind, v.side, v.by, v.because = Refused, Reply, x, "both the request and what came back were seen"
	if !x.about || v.talk.replies.Seen == 0 {
		return
	}
	if blind := v.talk.blind(s); blind != "" {
		v.confidence, v.because = Likely, blind
	} else if !s.Over {
		v.confidence, v.because = Likely, "a reply may still come"
	}
}

// opened reports whether the server took the connection before.
func (t *talk) opened() bool {
	return slices.ContainsFunc(t.sights, func(x *sight) bool { return x.reply && x.packet.Flags&model.RST == 0 })
}
