package why

import (
	"cmp"
	"slices"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/journey"
)

// verdict is what is made of one flow.
type verdict struct {
	talk *talk
	kind Kind
	side Side
	// by is the packet that decides, nil where none does.
	by *sight
	// like are all packets of that end, by among them.
	like       []*sight
	confidence Confidence
	because    string
	// counters are those that make a cause likely.
	counters []*drop.Drop
	// waits is the neighbour that the packet waits for, nil where it does not; cut what netfilter
	// dropped of the question for it or its answer.
	waits *drop.Neighbour
	cut   *drop.Drop
	// owed is the newest copy of a segment that was not acknowledged, nil where there is none.
	owed *sight
	// asks is true where the socket that the request was for would tell more.
	asks bool
	// borne is true where the flow works all the same: kind is what some of its packets met.
	borne bool
	// times is how often the packet of a stalled connection was sent; idle tells of one that works
	// what did not come, do what to look at then. partly is true where too little of it was seen to
	// tell that, more where the next seconds may tell more of it.
	times  int
	idle   string
	do     string
	partly bool
	more   bool
	// long is true where packets are too long for the way on, and nobody tells the client.
	long bool
	// came is true where conntrack alone says that a reply came: nobody traced it.
	came bool
}

// answer is the kind of the whole answer.
func (v *verdict) answer() Kind {
	if v.borne {
		return Lossy
	}
	return v.kind
}

// Judge answers by what was seen. It changes nothing of it.
func Judge(s *Seen) *Answer {
	words := drop.Meanings()
	list := talks(sights(s, words), s.Filter)
	var all []*verdict
	for _, t := range list {
		all = append(all, t.judge(s, words))
	}
	if len(all) == 0 {
		return nothing(s, words)
	}
	slices.SortStableFunc(all, func(a, b *verdict) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(len(b.like), len(a.like)))
	})
	v := all[0]
	// One that works is no reason to look away from another that may stall.
	more := slices.ContainsFunc(all, func(v *verdict) bool { return v.more })
	a := &Answer{open: more, idle: v.idle != "" || v.partly, unheard: v.talk.unheard(s), Kind: v.answer(), Side: v.side, Confidence: v.confidence, Because: v.because, Flow: v.talk.name(), Requests: v.talk.requests, Replies: v.talk.replies, Flows: s.Flows}
	a.Sentence = v.sentence(s, words)
	a.evidence(s, v, all, words)
	return a
}

// rank orders verdicts: what is lost for sure comes first, and one that surely works behind all
// that may not.
func rank(v *verdict) int {
	order := []Kind{Works, Unknown, Lossy, Refused, Stalled, NoReply, Backlog, Netfilter, Kernel, Conntrack, Queue, Policy, Rule}
	const certainly, silent = 2, 3 // works: behind them Lossy
	k := v.answer()
	r := slices.Index(order, k)
	switch {
	case k == Works && (v.idle != "" || v.partly):
		return silent
	case k == Works && v.confidence == Certain:
		return certainly
	case r > 1:
		r += 2
	}
	if v.confidence == Certain {
		r += len(order)
	}
	return r
}

// judge makes one verdict of a flow's packets.
func (t *talk) judge(s *Seen, words drop.Dictionary) *verdict {
	v := &verdict{talk: t, confidence: Certain}
	t.answers = t.unheard(s) && t.oneWay() && t.answered(s)
	var borne *sight
	for _, side := range []Side{Request, Reply} {
		for _, x := range t.sights {
			switch {
			case x.reply != (side == Reply) || !x.lost() || t.done(x):
			case !t.bearable(x):
				if y := t.silenced(); y != nil && y.lost() && tooLarge(y.packet) && x.reason() == "PKT_TOO_BIG" {
					v.long, x, side = true, y, Reply // who hears of it sends shorter ones
				}
				v.blame(s, x, side)
				return v
			case borne == nil:
				borne = x
			}
		}
	}
	if x := t.vanished(); x != nil {
		v.unsure(s, x, words)
		return v
	}
	silenced := t.silenced()
	if borne != nil && silenced == nil { // else what is too long is sent again and again
		v.bear(s, borne)
		return v
	}
	if x := silenced; x != nil {
		if x.fate == open {
			v.unsure(s, x, words)
			v.side = Reply
		} else {
			v.blame(s, x, Reply)
		}
		return v
	}
	switch x := t.refusal(); {
	case x != nil:
		v.refuse(s, x)
	case t.requests.Delivered > 0 && t.replies.Seen == 0:
		v.unanswered(s, words)
	case t.replies.Delivered > 0 && t.requests.Seen == 0:
		v.kind, v.side, v.confidence = Works, Reply, Likely
		v.because = "only what came back was seen, the request was not"
	case t.replies.Delivered > 0:
		v.works(s)
		if x := v.sentLast(); v.waitsFor(x, s) {
			v.hold(x)
		}
	default:
		v.kind, v.side, v.confidence, v.because = Unknown, Request, Open, "the packets are still under way"
	}
	return v
}

// bear makes a packet the verdict that was lost of a flow that works all the same.
func (v *verdict) bear(s *Seen, x *sight) {
	side := Request
	if x.reply {
		side = Reply
	}
	v.blame(s, x, side)
	v.borne = true
	if v.talk.answers {
		v.confidence = Likely
		v.because += "; that the flow went on after it conntrack says (SEEN_REPLY), and the client, whose replies are not traced"
		return
	}
	v.because += "; the flow went on after it"
}

// done reports whether the packet came to a connection that had been answered and is over:
// the last words of both ends often cross, and in TIME_WAIT the kernel gives no reason.
func (t *talk) done(x *sight) bool {
	over := x.reason() == "NO_SOCKET" || x.reason() == "NOT_SPECIFIED" && x.drop != nil && x.drop.Station == drop.StationSocket
	return x.fate == byKernel && over && x.packet.Proto == model.ProtoTCP && x.packet.Flags&model.SYN == 0 &&
		t.requests.Delivered > 0 && t.replies.Delivered > 0
}

// blame makes a lost packet the verdict, or one like it of which more is known.
func (v *verdict) blame(s *Seen, x *sight, side Side) {
	x = v.talk.exact(x)
	v.side, v.by = side, x
	v.kind = map[fate]Kind{byRule: Rule, byQueue: Queue, byTable: Conntrack, byNetwork: Netfilter, byKernel: Kernel}[x.fate]
	if j := x.journey; x.fate == byRule && j.Outcome.By.Kind == "policy" {
		v.kind = Policy
	}
	for _, y := range v.talk.sights {
		if y.reply == x.reply && y.lost() && x.endsLike(y) {
			v.like = append(v.like, y)
		}
	}
	switch {
	case x.fate == byNetwork:
		v.confidence, v.because = Likely, "the kernel says that netfilter dropped it, but it was not traced there, so the rule is not known"
		if v.only(s) != nil {
			v.because = "the kernel says that netfilter dropped it; it was not traced there, and by the rules of now no other can have"
		}
	case x.fate == byTable && !x.noRule():
		v.confidence, v.because = Likely, "conntrack's counter rose when it came; that no rule did it is not known"
	case x.fate == byRule && !x.journey.Complete:
		v.confidence, v.because = Likely, "its trace is not whole: "+x.journey.Why
	case x.fate == byRule && x.drop != nil:
		v.because = "the trace is whole, and the kernel says that netfilter dropped it in " + x.drop.Hook.String()
	case x.fate == byRule:
		v.because = "the trace is whole"
	case x.fate == byQueue && x.journey != nil:
		v.because = "the trace shows the rule, and the kernel says that nobody took it from there"
	case x.journey != nil:
		v.because = "no rule dropped it, and the kernel says why it did"
	default:
		v.because = "the kernel says so; it did not come to the trace"
	}
	if v.kind == Kernel && x.drop.Unresolved() {
		v.isCut(s, x.drop.NextHop())
	}
}

// noRule reports whether the packet was traced, and no rule told that it dropped it.
func (x *sight) noRule() bool { return x.journey != nil && x.journey.Outcome.By.Kind != "unknown" }

// vanished finds a packet that no rule dropped, that did not come to an end, and of which
// the kernel told nothing; the first one of the request, else of the reply.
func (t *talk) vanished() (found *sight) {
	for _, x := range t.sights {
		if x.fate != open || !x.over() || t.bearable(x) {
			continue
		}
		if found == nil || found.reply && !x.reply {
			found = x
		}
	}
	// One that is not whole says nothing where others came through.
	if found != nil && found.journey.Possible != nil && (!found.reply && t.requests.Delivered > 0 || found.reply && t.replies.Delivered > 0) {
		return nil
	}
	return found
}

// unsure is a verdict about a packet whose end nobody told of: the counters may.
func (v *verdict) unsure(s *Seen, x *sight, words drop.Dictionary) {
	v.by, v.like = x, []*sight{x}
	if v.side = Request; x.reply {
		v.side = Reply
	}
	v.kind, v.confidence, v.because = Unknown, Open, "nobody told of its end"
	j := x.journey
	switch {
	case j.Outcome.Verdict == journey.Queued:
		v.kind, v.because = Unknown, "what user space did with it was not seen"
		return
	case j.Possible != nil:
		v.because = "it may have gone on unseen: " + j.Why
		return
	case s.Watch.Step == drop.StepBPF:
		v.because = "the kernel told of no drop of it"
	}
	v.counters = suspects(s, x, words)
	switch {
	case len(v.counters) > 0:
		v.kind, v.confidence = Kernel, Likely
		v.because = "no rule dropped it, and a counter rose meanwhile, which names no packet"
		if v.counters[0].Source == drop.StepPerf {
			v.because = "no rule dropped it, and the kernel dropped packets for that meanwhile; which ones, in which namespace, is not told by perf"
		}
		switch words.Explain(v.counters[0]).By {
		case drop.ByConntrack:
			v.kind = Conntrack
		case drop.ByUnknown:
			v.kind, v.confidence, v.because = Unknown, Open, "a counter rose meanwhile, which names no packet and rises for netfilter and for the kernel"
		}
	case s.Watch.Step != drop.StepBPF && s.Watch.Step != "":
		v.because = "no rule dropped it, and the kernel's reasons cannot be read here"
	}
}

// suspects are counters that rose, and drops without packets, that may be a packet's end.
func suspects(s *Seen, x *sight, words drop.Dictionary) (out []*drop.Drop) {
	v6 := x.packet.Family == model.FamilyIPv6
	for _, d := range s.Drops {
		e := words.Explain(d)
		switch {
		case d.HasPacket() || d.ARP != "" || d.Netfilter() || e.Grade == drop.Usual || d.Time.Before(s.Began):
			continue
		case d.Source == drop.StepProc && !speaksOf(d.Reason, x.packet, v6):
			continue
		case d.Source == drop.StepProc && words[d.Reason].Host && s.Watch.Step != drop.StepProc:
			continue
		}
		if i := slices.IndexFunc(out, func(o *drop.Drop) bool { return o.Source == d.Source && o.Reason == d.Reason && o.Place == d.Place }); i >= 0 {
			c := *out[i]
			c.Count += d.Count
			out[i] = &c
			continue
		}
		out = append(out, d)
	}
	// What is of the whole host counts where nothing of this namespace rose.
	ofHost := func(d *drop.Drop) bool { return words[d.Reason].Host }
	if slices.ContainsFunc(out, func(d *drop.Drop) bool { return !ofHost(d) }) {
		out = slices.DeleteFunc(out, ofHost)
	}
	slices.SortStableFunc(out, func(a, b *drop.Drop) int {
		return cmp.Or(cmp.Compare(vague(a.Reason), vague(b.Reason)), cmp.Compare(a.Reason, b.Reason))
	})
	return out
}

// vague are counters that say only that something was thrown away; those that rise for
// netfilter too come first of them, so that the kernel is not blamed beside them.
func vague(reason string) int {
	switch reason {
	case "IpOutDiscards", "Ip6OutDiscards":
		return 1
	case "IpInDiscards", "Ip6InDiscards", "NOT_SPECIFIED":
		return 2
	}
	return 0
}

// speaksOf reports whether a counter of /proc may count such a packet.
func speaksOf(name string, p *model.Packet, v6 bool) bool {
	has := func(prefix string) bool { return len(name) >= len(prefix) && name[:len(prefix)] == prefix }
	switch {
	case has("nf_conntrack"), has("softnet"):
		return true
	case has("TcpExtIPReversePathFilter"), has("rt_cache"), has("Icmp") && !has("Icmp6"), has("Ip") && !has("Ip6"):
		return !v6
	case has("Ip6"), has("Icmp6"):
		return v6
	case has("Udp6"):
		return v6 && p.Proto == model.ProtoUDP
	case has("Udp"):
		return !v6 && p.Proto == model.ProtoUDP
	case has("Tcp"):
		return p.Proto == model.ProtoTCP
	}
	return true
}

// unanswered is a verdict about a request that came through, to which nothing came back.
func (v *verdict) unanswered(s *Seen, words drop.Dictionary) {
	v.kind, v.side = NoReply, Reply
	for _, x := range v.talk.sights {
		if x.fate == arrived && !x.reply {
			v.like = append(v.like, x)
		}
	}
	v.by = v.like[0]
	switch {
	case s.Probe != nil && s.Probe.Refused:
		v.kind, v.because = Refused, "the probe's socket was told so"
		return
	case v.talk.unheard(s) && v.talk.answered(s):
		v.untracedReply()
		return
	case s.Lost > 0 || s.Gaps > 0 || s.Held > 0:
		v.confidence, v.because = Likely, "packets were not seen, a reply may be among them"
	case !s.Over:
		v.confidence, v.because = Likely, "a reply may still come"
	case v.talk.unheard(s):
		v.confidence, v.because = Likely, "-j TRACE does not trace what comes back to a translated request, so that a reply may have come"
	case len(s.Filter.After()) > 0:
		v.confidence, v.because = Likely, "the filter says more than addresses and ports, so that replies may not be matched"
	case !here(v.by) && v.by.journey.Flow == 0:
		v.confidence, v.because = Likely, "conntrack is not at work here, so that an ICMP error about it would not have been seen"
	default:
		v.because = "both directions were traced and nothing was lost"
	}
	if !here(v.by) {
		if v.waitsFor(v.by, s) {
			v.side = Request
			v.undeliver()
		}
		return
	}
	v.asks = true
	rose := slices.ContainsFunc(s.Drops, func(d *drop.Drop) bool { return d.Reason == "TcpExtListenOverflows" && !d.Time.Before(s.Began) })
	full := s.Socket != nil && s.Socket.Full()
	if v.by.packet.Proto == model.ProtoTCP && rose && (full || !v.stranded(s)) {
		v.kind, v.side, v.confidence = Backlog, Request, Likely
		v.because = "TcpExtListenOverflows rose meanwhile, which names no socket"
		if full {
			v.confidence, v.because = Certain, "the queue of its socket is over, and TcpExtListenOverflows rose meanwhile"
		}
	}
	v.closed(s, words)
}

// closed makes a datagram the verdict that came to a port without a socket, where the kernel's
// own account of drops cannot be read.
func (v *verdict) closed(s *Seen, words drop.Dictionary) {
	if p := v.by.packet; p.Proto != model.ProtoUDP || !s.NoSocket || s.Watch.Step == drop.StepBPF {
		return
	}
	name := "UdpNoPorts"
	if v.by.packet.Family == model.FamilyIPv6 {
		name = "Udp6NoPorts"
	}
	list := suspects(s, v.by, words)
	i := slices.IndexFunc(list, func(d *drop.Drop) bool { return d.Reason == name })
	if i < 0 {
		return
	}
	v.counters = list[i : i+1]
	v.kind, v.side, v.confidence = Kernel, Request, Likely
	v.because = "no socket is at its port, and " + name + " rose meanwhile, which names no packet"
	v.undeliver()
}

// undeliver takes back that packets came to their end.
func (v *verdict) undeliver() {
	for _, x := range v.like {
		x.fate = open
	}
	v.talk.requests.Delivered -= len(v.like)
}

// stranded reports whether this host has no way back to who asked: its answer is never sent,
// so that no rule, no drop and often no counter tells of it.
func (v *verdict) stranded(s *Seen) bool {
	return here(v.by) && v.by.journey.In != "lo" && s.Routes.Lack(v.by.packet.Src)
}

// hairpin reports whether a request came from the network that it was sent back to, with another
// destination and its own source: who got it answers past this host.
func (v *verdict) hairpin(s *Seen) bool {
	if v.by == nil || v.by.journey == nil || v.by.reply {
		return false
	}
	j := v.by.journey
	n := j.NAT
	if n == nil || len(n.Dst) != 2 || n.Dst[0] == n.Dst[1] || len(n.Src) == 2 && n.Src[0] != n.Src[1] || j.In == "" || j.In != j.Out {
		return false
	}
	return s.Routes.Together(v.by.packet.Src, v.by.to().Addr())
}

// here reports whether a packet was for this host.
func here(x *sight) bool { return x.journey != nil && x.journey.Path == journey.PathInput }

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
