package journey

import (
	"strings"
	"time"

	"nfscope/model"
)

// legacy folds one TRACE event of x_tables. There is no packet id: a packet is
// known by its receive stamp where it has one, else by what stays the same in its
// headers, and by the order of its chains.
func (f *Fold) legacy(e *Event) {
	if e.Packet == nil {
		return
	}
	at := legacyPlace(e)
	b := f.legacyHome(at, e)
	if b == nil {
		b = f.begin(e)
	}
	f.key(b, e.Packet)
	b.stamped(e.Stamp)
	w := b.legacy
	if w == nil || !w.continues(at, e) {
		if w != nil {
			w.settle(model.VerdictAccept)
		}
		base := strings.ToUpper(at.hook.String())
		w = &walk{source: SourceLegacy, backend: model.BackendLegacy, family: e.Family, table: e.Table,
			place: at, base: base, stack: []string{base}}
		b.legacy = w
		b.insert(w)
	}
	if w.in == "" {
		w.in = e.In
	}
	if w.out == "" {
		w.out = e.Out
	}
	f.legacyStep(w, e)
	b.last, b.dirty = e.Time, true
}

// legacyPlace tells hook and priority by the table and the hook in the packet header.
func legacyPlace(e *Event) place {
	p := place{hook: e.Hook}
	if _, prio, ok := model.BuiltinChain(e.Table, strings.ToUpper(e.Hook.String())); ok {
		p.priority = prio
	}
	return p
}

// legacyHome finds the journey an event belongs to, nil where it begins one.
func (f *Fold) legacyHome(at place, e *Event) *builder {
	var weak []*builder
	for _, b := range f.byKey[keyOf(e.Packet)] {
		if !b.takesLegacy(at, e) {
			continue
		}
		if sameStamp(b.stamp, e.Stamp) {
			return b
		}
		weak = append(weak, b)
	}
	if len(weak) == 0 {
		return nil
	}
	// Of two packets that look the same the older one is ahead.
	best := weak[0]
	for _, b := range weak[1:] {
		const doubt = "another packet with the same headers was under way: steps may belong to the other"
		best.doubt, b.doubt, b.dirty = doubt, doubt, true
	}
	return best
}

func sameStamp(a, b time.Time) bool { return !a.IsZero() && a.Equal(b) }

// stamped notes an event's receive stamp. One stamp seen twice is the packet's own;
// different ones come from a packet that another namespace of this host sent: its
// skb carries a delivery time, and the kernel logs the time of the event instead
// (skb_tstamp_cond, include/linux/skbuff.h).
func (b *builder) stamped(at time.Time) {
	switch {
	case at.IsZero():
	case b.stamp.Equal(at):
		b.stampSure = true
	case !b.stampSure:
		b.stamp = at
	}
}

// takesLegacy reports whether the event can be the packet's next.
func (b *builder) takesLegacy(at place, e *Event) bool {
	if b.stampSure && !e.Stamp.IsZero() && !b.stamp.Equal(e.Stamp) {
		return false
	}
	if in := b.inside(); in != "" && e.In != "" && in != e.In {
		return false
	}
	if !akin(b.face(at), e.Packet) && !sameStamp(b.stamp, e.Stamp) {
		return false
	}
	for _, w := range b.walks {
		if w.verdict.Ends() && w.place.before(at) {
			return false
		}
		if r, s := rank(w.place.hook), rank(at.hook); r == s && w.place.hook != at.hook {
			return false // a packet sees one of input, forward and output
		}
		// A locally made packet and one from the wire never share a way.
		if w.place.hook == model.HookOutput && rank(at.hook) < rank(model.HookOutput) ||
			at.hook == model.HookOutput && rank(w.place.hook) < rank(model.HookOutput) {
			return false
		}
	}
	if b.legacy == nil {
		return true
	}
	return b.legacy.continues(at, e) || b.legacy.place.before(at) && !b.legacy.verdict.Ends()
}

// continues reports whether the event goes on in the same table and hook: never
// backwards within a chain.
func (w *walk) continues(at place, e *Event) bool {
	if w.table != e.Table || w.family != e.Family || w.place != at || w.verdict != model.VerdictUnknown {
		return false
	}
	if e.Chain == w.steps[len(w.steps)-1].Chain && e.Chain == w.top() {
		return e.Num > w.lastNum
	}
	return true
}

// legacyStep adds the step that an event tells of. The kernel logs a rule after
// its matches and before its target (ip_tables.c, trace_packet), and names an
// unconditional ACCEPT, DROP or RETURN like the end of the chain: only the number
// of rules tells the two apart.
func (f *Fold) legacyStep(w *walk, e *Event) {
	w.settle(model.VerdictContinue)
	w.arrive(e.Chain)
	w.lastNum = e.Num
	s := Step{Chain: e.Chain, Time: e.Time, RuleID: -1}
	var c *model.Chain
	if f.rules != nil {
		_, c = f.rules.Chain(model.BackendLegacy, e.Family, e.Table, e.Chain)
	}
	to := ""
	switch {
	case c != nil && e.Num >= 1 && e.Num <= len(c.Rules):
		r := &c.Rules[e.Num-1]
		s.Kind, s.Rule, s.Text, s.Comment, s.Target, s.RuleID = KindRule, r.Index, r.Text, r.Comment, r.Target, r.ID
		s.Verdict, to = r.Verdict(), r.Jump
	case c != nil && e.Kind == EventRule:
		s.Kind, s.Rule, s.Note = KindRule, e.Num, "this number is not in the ruleset that was read"
	case e.Kind == EventReturn:
		s.Kind, s.Verdict = KindEnd, model.VerdictReturn
		if c == nil {
			s.Note = "the chain is not in the ruleset that was read: this may be its last rule"
		}
	case e.Kind == EventPolicy:
		s.Kind = KindPolicy
		if c != nil {
			s.Verdict = c.PolicyVerdict()
		} else {
			s.Note = "the chain is not in the ruleset that was read: this may be a rule"
		}
	default:
		s.Kind, s.Rule, s.Note = KindRule, e.Num, "the chain is not in the ruleset that was read"
	}
	w.add(s, e.Packet, to)
}
