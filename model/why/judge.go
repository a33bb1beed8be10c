package why

import (
	"cmp"
	"slices"

	"nfscope/model"
	"nfscope/model/drop"
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
	// unkept counts drops among which what it needs may be, where cut is nil.
	unkept uint64
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
		if x := v.sentLast(); x != nil && v.waitsFor(x, s) {
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
