package journey

import (
	"net/netip"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
)

const (
	// lag is how much later than the drop, whose time is the kernel's, the trace may have
	// been read where its reader does not tell.
	lag = time.Second
	// late is how long after it was first traced a packet may be dropped: a neighbour is
	// waited for three seconds.
	late = 10 * time.Second
)

// Meets reports whether a drop that no journey ends with is this packet's all the same: the
// kernel's own word for what a rule did, which is no end of its own; or one that has just
// come. Headers that no router and no rule changes are the same, the time fits, and so does
// who dropped it.
func (j *Journey) Meets(d *drop.Drop) bool {
	p, q := &j.Packet, &d.Packet
	switch {
	case p.Family != q.Family || p.Proto != q.Proto,
		!j.near(d),
		p.IPID != 0 && q.IPID != 0 && p.IPID != q.IPID,
		p.FragOffset != q.FragOffset,
		p.Proto == model.ProtoTCP && p.Transport && q.Transport && p.Seq != q.Seq,
		p.Proto.ICMP() && p.Transport && q.Transport && (p.ICMPType != q.ICMPType || p.Seq != q.Seq):
		return false
	}
	if t := p.Tuple(); t != q.Tuple() && (!d.Tracked() || t != d.Orig && t != d.Reply) {
		return false
	}
	switch j.Outcome.Verdict {
	case Dropped, Rejected, Queued:
		return d.Netfilter()
	case Accepted: // behind all chains conntrack may still drop it
		return !d.Netfilter() || d.Hook == model.HookInput || d.Hook == model.HookPostrouting
	}
	return true
}

// near reports whether the drop's time fits the packet's.
func (j *Journey) near(d *drop.Drop) bool {
	return !d.Time.Before(j.Start.Add(-max(lag, j.Late))) && !d.Time.After(j.Start.Add(late))
}

// RuledBy finds the traced packet whose end a drop by netfilter is, where a rule or a policy
// is known to have dropped it: the kernel itself names none. It is nil where there is none,
// or where several might be it and met different ends. list is ordered by time; all that is
// newer than the drop is walked: this is not for each frame.
func RuledBy(list []*Journey, d *drop.Drop) *Journey {
	if !ruled(d) {
		return nil
	}
	var found *Journey
	for i := len(list) - 1; i >= 0 && !list[i].Start.Add(late).Before(d.Time); i-- {
		j := list[i]
		if !j.near(d) { // first, since of most it reads the times alone: each is far from the other in memory
			continue
		}
		if !j.ruled() || !j.Meets(d) {
			continue
		}
		switch {
		case found == nil:
			found = j
		case found.Outcome.By != j.Outcome.By:
			return nil
		}
	}
	return found
}

// seenLike is how many of the newest packets are looked at for one like another.
const seenLike = 4096

// RuledLike finds the newest traced packet of the same flow as a drop by netfilter, without the
// client's port, that a rule or a policy dropped in the same hook. It may have met another rule
// than the drop did.
func RuledLike(list []*Journey, d *drop.Drop) *Journey {
	if !ruled(d) {
		return nil
	}
	now := drop.FlowOf(&d.Packet)
	came := now // before address translation
	if d.Tracked() {
		p := d.Packet
		t := d.Reply
		if from := netip.AddrPortFrom(p.Src, p.SPort); from == netip.AddrPortFrom(d.Orig.Src, d.Orig.SPort) || from == netip.AddrPortFrom(d.Reply.Dst, d.Reply.DPort) {
			t = d.Orig
		}
		p.Src, p.Dst, p.SPort, p.DPort = t.Src, t.Dst, t.SPort, t.DPort
		came = drop.FlowOf(&p)
	}
	for i := len(list) - 1; i >= max(0, len(list)-seenLike); i-- {
		j := list[i]
		if n := len(j.Steps); n == 0 || !j.ruled() || j.Steps[n-1].Hook != d.Hook {
			continue
		}
		if f := drop.FlowOf(&j.Packet); f == now || f == came {
			return j
		}
	}
	return nil
}

// ruled reports whether a drop is of one packet and by netfilter.
func ruled(d *drop.Drop) bool { return d.Netfilter() && d.HasPacket() && d.Count == 1 }

// ruled reports whether a rule or a policy that is known dropped the packet.
func (j *Journey) ruled() bool {
	o := &j.Outcome
	return (o.By.Kind == "rule" || o.By.Kind == "policy") && (o.Verdict == Dropped || o.Verdict == Rejected)
}
