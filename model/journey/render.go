package journey

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/flow"
)

// render makes the journey as far as it is known. The answer never changes; a
// journey that goes on gets a new one.
func (f *Fold) render(b *builder) *Journey {
	if b.pub != nil && !b.dirty && (b.closed || b.gaps == f.missed-b.missed) {
		return b.pub
	}
	if !b.closed {
		f.learn(b)
	}
	k := &b.known
	j := &Journey{Start: b.first, Late: b.delay, Origin: "trace",
		Path: PathUnknown, Gaps: b.gaps, Half: b.half, CopyOf: b.copyOf, Rules: b.rules, RulesGone: b.gone, Closed: b.closed,
		Flow: k.flow, FlowBy: k.flowBy, CTState: k.state, Direction: k.direction, Answers: k.answers, Track: k.track}
	j.name(b.number)
	first, last := b.lay(j, &f.changes)
	b.lookAhead(j)
	if first != nil {
		j.Packet, j.Family = *first, first.Family
	}
	j.Assumptions, j.KnownBy = b.unordered(), b.knownBy()
	b.piece.tell(j)
	if b.even > 0 {
		j.Assumptions = append(j.Assumptions, b.evenly())
	}
	if b.startsLate() {
		j.Assumptions = append(j.Assumptions, byConnection)
	}
	why := f.outcome(b, j)
	if b.end != nil {
		e := *b.end
		e.doubt = b.doubt != "" || b.alikes != nil
		if w, told := j.falls(&e, f.falls.words); told {
			why = w
		}
	}
	if b.half > b.number && b.closed {
		j.Outcome.Sentence += fmt.Sprintf("; it comes in again over %s as #%d", loopback, b.half)
	} else if b.half != 0 && b.closed {
		j.Outcome.Sentence += fmt.Sprintf("; it was sent as #%d", b.half)
	}
	if by := cmp.Or(b.flooded, b.sentBy); by != "" && b.closed {
		j.Outcome.Sentence += fmt.Sprintf("; it is a copy of #%d, which %s sends out of several ports: what it met before that is told there", b.copyOf, by)
	} else if b.copyOf != 0 && b.closed {
		j.Outcome.Sentence += fmt.Sprintf("; it is a copy of #%d", b.copyOf)
	}
	if b.piece.n > 1 && b.closed {
		j.Outcome.Sentence += fmt.Sprintf("; it is fragment %d of the datagram that #%d begins", b.piece.n, b.piece.of)
	}
	fl := k.entry
	if b.unconfirmed() && !b.took(fl) {
		fl = nil // another connection's, or one that conntrack may have refused
	}
	j.NAT = b.nat(j, fl, first, last)
	f.complete(b, j, why)
	j.Orders = b.orders(f, j)
	j.Owner, j.Link, j.Traced = b.owner, b.link, b.traced()
	b.pub, b.dirty = j, false
	return j
}

// stops reports whether the packet came to no chain after the walk, as far as it shows.
func (b *builder) stops(w *walk) bool {
	if w.verdict.Ends() {
		return true
	}
	n := len(w.steps)
	if w.hidden || n == 0 || w.place.before(b.walks[len(b.walks)-1].place) {
		return false
	}
	if v := w.steps[n-1].verdict; v != model.VerdictQueue && v != model.VerdictUnknown {
		return false
	}
	for i := len(b.walks) - 1; b.walks[i] != w; i-- {
		if b.walks[i].source == w.source { // each tracer tells in order
			return false
		}
	}
	return true
}

// unordered says of which chains nobody knows the order: those at one place that
// different tracers tell of.
func (b *builder) unordered() (l []string) {
	for i, w := range b.walks {
		for _, o := range b.walks[i+1:] {
			if w.place.before(o.place) {
				break
			}
			if w.beside(o) && !w.hidden && !o.hidden && !b.stops(w) && !b.stops(o) {
				l = append(l, fmt.Sprintf("%s and %s stand at the same priority: which ran first is not known",
					Where(w.backend, w.family, w.table, w.base), Where(o.backend, o.family, o.table, o.base)))
			}
		}
	}
	return l
}

// passed reports whether the packet was seen behind a walk.
func (b *builder) passed(k int) bool {
	return k < len(b.walks)-1 && b.walks[k].place.before(b.walks[len(b.walks)-1].place)
}

// Two of the NF_CT_STATE_BIT values.
const (
	ctRelated = 4
	ctNew     = 8
)

// ctState names NF_CT_STATE_BIT values (nf_conntrack_tuple_common.h).
func ctState(bits uint32) string {
	switch {
	case bits&64 != 0:
		return "UNTRACKED"
	case bits&1 != 0:
		return "INVALID"
	case bits&ctRelated != 0:
		return "RELATED"
	case bits&2 != 0:
		return "ESTABLISHED"
	case bits&ctNew != 0:
		return "NEW"
	}
	return ""
}

// natTargets maps the targets of nat rules to the class of what they do.
var natTargets = map[string]flow.Class{
	"SNAT": flow.ClassSNAT, "DNAT": flow.ClassDNAT, "MASQUERADE": flow.ClassMasquerade, "REDIRECT": flow.ClassRedirect,
	"snat": flow.ClassSNAT, "dnat": flow.ClassDNAT, "masquerade": flow.ClassMasquerade, "redirect": flow.ClassRedirect,
}

// nat tells what address translation did, nil where nothing changed.
func (b *builder) nat(j *Journey, fl *flow.Flow, first, last *model.Packet) *NAT {
	if first == nil {
		return nil
	}
	from, to := first.Tuple(), last.Tuple()
	var class []flow.Class
	for i := range j.Steps {
		if c, ok := natTargets[j.Steps[i].Target]; ok && j.Steps[i].Kind == KindRule {
			class = append(class, c)
		}
	}
	// The legacy tracer never shows a packet after SNAT, nor a reply after its source
	// was put back: conntrack knows what becomes of a packet that was let through.
	reply := b.hasCT && b.ct.Direction == 1
	if fl != nil && (j.Outcome.Verdict == Accepted || len(class) > 0 && j.Outcome.Verdict == Unknown) {
		switch from {
		case fl.Orig.Tuple:
			to = fl.Reply.Tuple.Reverse()
		case fl.Reply.Tuple:
			to, reply = fl.Orig.Tuple.Reverse(), true
		}
	}
	n := translated(from, to)
	if n == nil {
		return nil
	}
	if fl != nil && len(fl.NAT.Class) > 0 {
		class = fl.NAT.Class
	}
	if len(class) == 0 {
		class = guessClass(n, reply)
	}
	for _, c := range class {
		if !slices.Contains(n.Class, string(c)) {
			n.Class = append(n.Class, string(c))
		}
	}
	return n
}

// guessClass names the translation by the ends that changed; in a reply they are
// changed back.
func guessClass(n *NAT, reply bool) []flow.Class {
	src, dst := n.Src != nil, n.Dst != nil
	if reply {
		src, dst = dst, src
	}
	var c []flow.Class
	if src {
		c = append(c, flow.ClassSNAT)
	}
	if dst {
		c = append(c, flow.ClassDNAT)
	}
	return c
}

// unbegun reports whether the packet may have been traced before the first event. A
// trace begins in our own chain, in the legacy raw table, which alone takes -j TRACE
// (xt_TRACE.c), or at a rule of nf_tables that says so.
func (f *Fold) unbegun(b *builder) bool {
	if b.late && b.mixed {
		return true // one tracer's beginning says nothing of the other's
	}
	if b.began || b.flooded != "" || b.sentBy != "" {
		return false
	}
	if b.late || f.opt.Probes {
		return true
	}
	if slices.ContainsFunc(b.walks, func(w *walk) bool { return w.source == SourceLegacy && w.table == "raw" }) {
		return false
	}
	w := b.walks[0]
	if w.source == SourceLegacy || len(w.steps) == 0 {
		return true
	}
	s := w.step(0)
	return s.Target != "TRACE" && !strings.Contains(s.Text, "nftrace set 1")
}

// traced reports whether the trace was on before the first of the user's base chains. In the
// legacy raw table, where the trace must begin there, a chain of ours does it ahead of all
// other rules.
func (b *builder) traced() bool {
	w := b.walks[0]
	return w.hidden || b.began && w.source == SourceLegacy && w.table == "raw"
}

// complete says whether the ladder is whole, and why not. why is what the outcome
// does not know.
func (f *Fold) complete(b *builder, j *Journey, why string) {
	at, end := b.reach()
	if !end && !f.opt.Probes && j.Outcome.Verdict == Accepted {
		at, _ = last(at.hook)
	}
	switch {
	case b.gaps > 0:
		j.Why = fmt.Sprintf("%d events were lost while it was under way", b.gaps)
	case b.torn:
		j.Why = "events in its middle are missing"
	case b.doubt != "":
		j.Why = b.doubt
	case b.alikes != nil:
		j.Why = twins
	case f.unbegun(b):
		j.Why = "its beginning was not seen: events were lost, or another's trace rule began here"
		if f.outwaited {
			j.Why = "its beginning was not seen: events were lost, another's trace rule began here, or it waited long for user space"
		}
	case b.contradicted():
		j.Why = "it goes on behind the rule that ended it: rules or packets were mistaken"
	case b.vague():
		j.Why = "the trace was switched on in a user chain, and its base chain was not seen"
	case !b.closed:
		j.Why = "under way"
	default:
		if w := b.unfinished(at); w != nil {
			j.Why = "the end of its way through " + w.table + "/" + w.base + " was not seen: events were lost or came too late"
		} else if c := f.asleep(b); c != nil {
			j.Why = "what " + c.table + "/" + c.name + " did with it, if it came there, is not known: nf_tables' chains are not traced"
		} else if c := b.missing(at); c != nil {
			j.Why = "no event of " + c.table + "/" + c.name + " was seen, which it met: events were lost or came too late"
			if f.noLegacy && c.backend == model.BackendLegacy {
				j.Why = "what " + c.table + "/" + c.name + " did with it, which it met, is not known: legacy tables are not traced"
			}
		} else {
			j.Why, j.Complete = why, why == ""
		}
	}
}

// unfinished finds a base chain that the packet left in a way that no event tells of.
func (b *builder) unfinished(reach place) *walk {
	for _, w := range b.walks {
		if n := len(w.steps); !w.hidden && w.verdict == model.VerdictUnknown && w.place.before(reach) &&
			(n == 0 || w.steps[n-1].verdict != model.VerdictUnknown) {
			return w
		}
	}
	return nil
}

// contradicted reports whether a walk follows one that ended the packet's way.
func (b *builder) contradicted() bool {
	n := len(b.walks) - 1
	for i, w := range b.walks {
		if w.verdict.Ends() && i < n && w.place.before(b.walks[n].place) {
			return true
		}
	}
	return false
}

func (b *builder) vague() bool {
	return slices.ContainsFunc(b.walks, func(w *walk) bool { return w.vague })
}
