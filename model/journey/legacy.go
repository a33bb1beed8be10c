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
	k := f.keyOf(e.Packet)
	b := f.legacyHome(at, e, k)
	if b == nil {
		b = f.begin(e)
		b.note(e)
		f.room(k)
		f.key(b, k)
		f.compare(b, e, at)
		f.link(b, e, at)
		f.linkCopy(b, e, at)
	} else if b.note(e); !b.stampSure && e.Follow == 0 {
		b.assume(at, e)
	}
	b.stamped(e.Stamp)
	w := b.legacy
	if w == nil || !w.continues(at, e) {
		base := builtinName(at.hook)
		w = f.pool.walk()
		w.source, w.backend, w.family, w.table = SourceLegacy, model.BackendLegacy, e.Family, e.Table
		w.place, w.stated, w.base, w.stack = at, at.priority, base, append(w.stack, base)
		b.legacy = w
		b.insert(w)
	}
	if w.in == "" {
		w.in = e.In
	}
	if w.out == "" {
		w.out = e.Out
	}
	w.port = w.port || e.PhysOut != ""
	b.framed()
	f.legacyStep(b, w, e)
	b.origin(e)
	f.fragment(b, e)
	f.touch(b, e.Time)
	f.heard(b)
}

// room closes the oldest journey of a key that too many have.
func (f *Fold) room(k packetKey) {
	n := 0
	for b := f.byKey[k]; b != nil; b = b.same {
		n++
	}
	if n >= maxSame {
		f.hurry(f.byKey[k])
	}
}

// legacyPlace tells hook and priority by the table and the hook in the packet header.
func legacyPlace(e *Event) place {
	p := place{hook: e.Hook}
	if _, prio, ok := model.BuiltinChain(e.Table, builtinName(e.Hook)); ok {
		p.priority = prio
	}
	return p
}

// builtinName is the name of a hook's built-in chain.
func builtinName(h model.Hook) string {
	switch h {
	case model.HookPrerouting:
		return "PREROUTING"
	case model.HookInput:
		return "INPUT"
	case model.HookForward:
		return "FORWARD"
	case model.HookOutput:
		return "OUTPUT"
	case model.HookPostrouting:
		return "POSTROUTING"
	}
	return strings.ToUpper(h.String())
}

// legacyHome finds the journey an event belongs to, nil where it begins one.
func (f *Fold) legacyHome(at place, e *Event, k packetKey) *builder {
	if b := f.whose(e, k); b != nil && b.takesLegacy(at, e) {
		return b
	}
	var weak, strong, odd *builder
	some := f.someoneIsDue(at, e, k)
	for b := f.byKey[k]; b != nil; b = b.same {
		if b.others(e) || !b.takesLegacy(at, e) || some && !f.due(b, at) {
			continue
		}
		best := &weak
		switch {
		case sameStamp(b.stamp, e.Stamp):
			best = &strong
		case b.stampSure && !e.Stamp.IsZero():
			best = &odd
		}
		// Of two packets that look the same the older one is ahead.
		if *best == nil {
			*best = b
			continue
		}
		f.guess(*best, b)
	}
	switch {
	case strong != nil:
		return strong
	case weak != nil || odd == nil:
		return weak
	}
	// Stamps are told in microseconds: two events of one may have had the same by chance,
	// and no other packet goes on here.
	odd.stampSure = false
	return odd
}

// someoneIsDue reports whether several journeys can take an event, and it is the next of
// one at least.
func (f *Fold) someoneIsDue(at place, e *Event, k packetKey) bool {
	n, due := 0, false
	for b := f.byKey[k]; b != nil && (n < 2 || !due); b = b.same {
		if !b.others(e) && b.takesLegacy(at, e) {
			n++
			due = due || f.due(b, at)
		}
	}
	return n > 1 && due
}

// due reports whether nothing is missing before a place that the legacy tracer had to tell
// first: its events come in their true order.
func (f *Fold) due(b *builder, at place) bool {
	return b.late || f.missed != b.missed || b.unwalked(at, true) == nil
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
	if !b.fits(at, e) || b.flooded != "" && at.hook == model.HookPrerouting || b.sentBy != "" {
		return false
	}
	w := b.legacy
	return w == nil || w.continues(at, e) || w.place.before(at) && !w.verdict.Ends() ||
		w.verdict == model.VerdictQueue && w.place == at && w.table == e.Table && w.family == e.Family // NF_REPEAT
}

// continues reports whether the event goes on in the same table and hook: never
// backwards within a chain.
func (w *walk) continues(at place, e *Event) bool {
	if w.table != e.Table || w.family != e.Family || w.place != at || w.verdict != model.VerdictUnknown {
		return false
	}
	if n := len(w.steps); n > 0 && e.Chain == w.steps[n-1].chain && e.Chain == w.top() {
		return e.Num > w.lastNum
	}
	return true
}

// legacyStep adds the step that an event tells of. The kernel logs a rule after
// its matches and before its target (ip_tables.c, trace_packet), and names an
// unconditional ACCEPT, DROP or RETURN like the end of the chain: only the number
// of rules tells the two apart.
func (f *Fold) legacyStep(b *builder, w *walk, e *Event) {
	if strings.HasPrefix(e.Chain, ProbePrefix) { // where -j TRACE stands
		b.began = true
		return
	}
	w.goesOn(e.Chain)
	if !w.arrive(e.Chain) {
		if len(w.steps) == 0 && w == b.walks[0] {
			b.late = true
		} else {
			b.torn = true
		}
	}
	w.lastNum = e.Num
	s := step{chain: e.Chain, at: e.Time, packet: f.pool.packet(e)}
	var c *model.Chain
	if f.rules != nil {
		_, c = f.rules.Chain(model.BackendLegacy, e.Family, e.Table, e.Chain)
	}
	to := ""
	if (c == nil || !numbered(c, e)) && (f.rules == nil || !f.grown(c, e)) {
		b.suspect(unlisted)
	}
	switch {
	case c != nil && e.Num >= 1 && e.Num <= len(c.Rules):
		r := &c.Rules[e.Num-1]
		s.kind, s.rule = KindRule, r
		s.verdict, to = r.Verdict(), r.Jump
		if r.Target == "SYNPROXY" && r.Jump == "" {
			s.verdict = synproxy(e.Packet)
			s.note = fate(r.Target, s.verdict, e.Packet.Flags)
		}
	case c != nil && e.Kind == EventRule:
		s.kind, s.num, s.note = KindRule, e.Num, "this number is not in the ruleset that was read"
	case e.Kind == EventReturn:
		s.kind, s.verdict = KindEnd, model.VerdictReturn
		if c == nil {
			s.verdict, s.note = model.VerdictUnknown, "the chain is not in the ruleset that was read: this may be its last rule"
		}
	case e.Kind == EventPolicy:
		s.kind = KindPolicy
		if c != nil {
			s.verdict = c.PolicyVerdict()
		} else {
			s.note = "the chain is not in the ruleset that was read: this may be a rule"
		}
	default:
		s.kind, s.num, s.note = KindRule, e.Num, "the chain is not in the ruleset that was read"
	}
	w.add(&s, to)
	b.steps++
	if f.openSteps++; duplicates(s.rule) {
		f.copied(b)
	}
}

// grown reports whether the chain is known but for the rules that arm this trace: where
// there are no owner tables they stand at the head of raw's chains, and the ruleset
// may have been read before. So may raw itself be missing from it.
func (f *Fold) grown(c *model.Chain, e *Event) bool {
	return !f.opt.Probes && e.Table == "raw" && e.Kind == EventPolicy && (c == nil || e.Num > len(c.Rules))
}

// numbered reports whether the event's number can be of this chain: a ruleset that
// was read before the rules changed betrays itself here.
func numbered(c *model.Chain, e *Event) bool {
	if e.Num < 1 || e.Num > len(c.Rules) {
		return e.Kind != EventRule && e.Num == len(c.Rules)+1
	}
	if e.Kind == EventRule {
		return true
	}
	switch c.Rules[e.Num-1].Verdict() {
	case model.VerdictAccept, model.VerdictDrop, model.VerdictReturn, model.VerdictQueue:
		return true
	}
	return false
}
