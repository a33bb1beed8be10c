package journey

import (
	"fmt"
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/flow"
)

// Why a journey is not whole of which only the end is not known: the packet is gone, it
// may have been refused behind the last chain, or user space has it.
const (
	unseen  = "its end was not seen"
	untaken = "it is the first of a connection that conntrack did not tell of: behind the last chain conntrack drops what it cannot take (an address or a port that another connection has)"
	unsent  = "what user space did with it was not seen; without a listener on the queue the kernel drops it"
)

// endless reports whether nothing is missing of a journey but its end.
func (j *Journey) endless() bool { return j.Why == unseen || j.Why == untaken || j.Why == unsent }

// outcome says where the packet ended, who decided, and the sentence for it. why says
// what of that is not known, "" where all is.
func (f *Fold) outcome(b *builder, j *Journey) (why string) {
	var end model.Hook // the hook whose last chain saw the packet
	var last *walk
	for _, w := range b.walks {
		if w.verdict.Ends() && len(w.steps) > 0 {
			b.ending(j, w)
			return ""
		}
		if w.probe != model.HookNone {
			end = w.probe
		}
		if !w.hidden {
			last = w
		}
	}
	o := &j.Outcome
	o.Verdict = Unknown
	switch {
	case last != nil && last.verdict == model.VerdictQueue && b.stops(last):
		o.Verdict = Queued
		s := last.last()
		o.By = CulpritOf(&s)
		o.Sentence = "queued to user space by " + o.By.Words()
		j.Possible = eitherWay()
		return unsent
	case (end == model.HookInput || end == model.HookPostrouting) && !undecided(j): // a bridge has it behind the probe
		if !b.unconfirmed() {
			accepted(j, arrived(j, end))
			return ""
		}
		if !b.known.followed {
			accepted(j, arrived(j, end))
			j.Assumptions = append(j.Assumptions, "conntrack took the new connection behind the last chain: its events are not followed here")
			return ""
		}
		if b.took(b.known.entry) {
			accepted(j, arrived(j, end))
			return ""
		}
		o.By.Kind = "kernel"
		if !b.closed {
			o.Sentence = "under way"
			return unseen
		}
		o.Sentence = left(j, end) + "; whether conntrack took it is not known"
		j.Possible = eitherWay()
		return untaken
	case !b.closed:
		o.By.Kind = "kernel"
		o.Sentence = "under way"
	case b.sentBy != "" && !undecided(j) && b.throughBridge(): // no probe stands there
		accepted(j, arrived(j, model.HookPostrouting))
		return ""
	case undecided(j):
		s := &j.Steps[len(j.Steps)-1]
		o.By = CulpritOf(s)
		o.Sentence = "last seen at " + o.By.Words() + either(s.Target)
		j.Sole = f.sole(b, s)
		j.Possible = eitherWay()
	case !f.opt.Probes && last != nil && last.verdict == model.VerdictAccept && b.throughAll(last.place.hook) && f.asleep(b) == nil:
		// Without probe chains the last word of the last chain is all there is.
		accepted(j, "accepted by every chain that was traced")
		return ""
	default:
		o.By.Kind = "kernel"
		open := false
		if o.Sentence, open = f.vanished(b); open {
			j.Possible = eitherWay()
		}
	}
	return unseen
}

// eitherWay is what may have become of a packet that nobody saw end.
func eitherWay() []string { return []string{Accepted, Dropped} }

// unconfirmed reports whether the packet came to the end of its last hook with a
// connection that was not in conntrack's table yet. It is put there behind every chain
// (nf_confirm, at NF_IP_PRI_CONNTRACK_CONFIRM), or the packet is dropped. What answers it
// (REJECT's reset, an ICMP error) has the connection and goes by (__nf_conntrack_confirm).
func (b *builder) unconfirmed() bool {
	return b.hasCT && b.ct.ID != 0 && b.ct.Direction == 0 && b.ct.Status&uint32(flow.Confirmed) == 0 && b.ct.State&(ctNew|ctRelated) != 0
}

// took reports whether conntrack has the packet's connection: the kernel tells of it
// once it is confirmed. One that ended before the packet came is another of the same ID.
func (b *builder) took(fl *flow.Flow) bool {
	return fl != nil && fl.ID == b.ct.ID && (fl.Gone.IsZero() || !fl.Gone.Before(b.first.Add(-b.delay)))
}

// undecided reports whether the last that was seen is a step whose verdict is not known.
func undecided(j *Journey) bool {
	n := len(j.Steps)
	return n > 0 && j.Steps[n-1].Verdict == model.VerdictUnknown
}

// throughAll reports whether no chain is left that would have told of the packet,
// had it gone on from the hook it was last seen in.
func (b *builder) throughAll(h model.Hook) bool {
	at, ok := last(h)
	return ok && b.missing(at) == nil
}

// ending fills in a drop, a reject or a theft.
func (b *builder) ending(j *Journey, w *walk) {
	s := w.last()
	j.Outcome = stopped(&s)
}

// stopped is how a packet ended at a step that drops, rejects or takes it over.
func stopped(s *Step) (o Outcome) {
	o.By = CulpritOf(s)
	switch s.Verdict {
	case model.VerdictReject:
		o.Verdict, o.Sentence = Rejected, "rejected by "+o.By.Words()
	case model.VerdictDrop:
		o.Verdict, o.Sentence = Dropped, "dropped by "+o.By.Words()
	default:
		o.Verdict, o.Sentence = Unknown, "taken over by "+o.By.Words()
	}
	if s.Note != "" {
		o.Sentence += " (" + s.Note + ")"
	}
	return o
}

// sole reports whether no chain that is not traced can have dropped the packet in the hook
// of its last step: those behind it would have told, and so would the end of that hook.
func (f *Fold) sole(b *builder, s *Step) bool {
	at, _ := b.reach()
	seen := f.opt.Probes || s.Hook != model.HookInput && s.Hook != model.HookPostrouting // conntrack's own part is behind the last chain
	if !seen || at.hook != s.Hook || b.bases == nil || int(at.hook) >= len(b.bases.at) || b.gaps > 0 || b.torn || b.muted(at) != nil {
		return false
	}
	asleep := func(c base) bool {
		return f.noNFT && b.nft == nil && c.hook == at.hook && c.backend != model.BackendLegacy && c.family.Carries(b.key.family) && !c.place.before(at)
	}
	return !slices.ContainsFunc(b.bases.at[at.hook], asleep) && !slices.ContainsFunc(b.bases.natNFT, asleep)
}

// arrived says where an accepted packet went.
func arrived(j *Journey, end model.Hook) string {
	if end == model.HookInput {
		return "delivered to this host"
	}
	if j.Out == "" {
		return "sent out"
	}
	return "sent out of " + j.Out
}

// left says where a packet went of which it is not known whether it got there.
func left(j *Journey, end model.Hook) string {
	switch {
	case end == model.HookInput:
		return "left input for this host"
	case j.Out == "":
		return "left postrouting"
	}
	return "left postrouting for " + j.Out
}

// accepted fills in an accept: where the packet went, and the last filtering word.
func accepted(j *Journey, where string) {
	o := &j.Outcome
	o.Verdict, o.Sentence = Accepted, where
	s := lastAccept(j.Steps)
	if s == nil {
		o.By.Kind = "kernel"
		o.Sentence += ": no rule and no policy decided"
		return
	}
	o.By = CulpritOf(s)
	switch {
	case s.Verdict != model.VerdictQueue:
		o.Sentence += ", accepted by "
	case s.Text == "" || strings.Contains(s.Text, "bypass"):
		o.Sentence += ", let on by user space, or past it by --queue-bypass, at "
	default:
		o.Sentence += ", let on by user space at "
	}
	o.Sentence += o.By.Words()
}

// lastAccept finds the step that let the packet through: the last rule of a table
// that is not nat, else the last policy of one, else whatever accepted last. A packet
// that is behind a queue was let on there.
func lastAccept(steps []Step) *Step {
	var rule, policy, any *Step
	for i := range steps {
		s := &steps[i]
		if s.Verdict != model.VerdictAccept && s.Verdict != model.VerdictQueue {
			continue
		}
		any = s
		if _, nat := natTargets[s.Target]; nat || s.Backend != model.BackendNFTables && s.Table == "nat" {
			continue
		}
		if s.Kind == KindRule {
			rule = s
		} else if s.Kind == KindPolicy {
			policy = s
		}
	}
	switch {
	case rule != nil:
		return rule
	case policy != nil:
		return policy
	}
	return any
}

// vanished says where a packet was seen last that nobody dropped. open is true where
// it may have gone on unseen.
func (f *Fold) vanished(b *builder) (sentence string, open bool) {
	at, _ := b.reach()
	last := kernels(at.hook)
	if at.hook == model.HookPrerouting && slices.ContainsFunc(b.walks, (*walk).bridgeDelivers) {
		last = model.HookInput
	}
	where := "last seen in the " + last.String() + " hook"
	if at.hook == model.HookNone {
		where = "last seen in an unknown hook"
	}
	switch {
	case b.gaps > 0 || b.torn:
		return where + "; events were lost", true
	case !f.opt.Probes && !b.shows(at.hook):
		return where + "; nothing would show it after that", true
	}
	if m := b.muted(at); m != nil {
		return where + "; " + m.by.Words() + " may have ended its trace: what came after is not known", true
	}
	if at.above() != at { // as of a copy that a bridge floods of what the host sends
		return where + "; nothing would show it after that", true
	}
	if c := f.asleep(b); c != nil {
		return where + "; what " + Where(c.backend, c.family, c.table, c.name) + " did with it, if it came there, is not known: nf_tables' chains are not traced", true
	}
	if c := b.untold(at); c != nil {
		return where + "; " + Where(c.backend, c.family, c.table, c.name) + ", which it met there, told nothing: it is not traced, or its event was lost", true
	}
	if f.noLegacy {
		if s := b.unheard(at); s != nil {
			return where + "; " + s.words + ", or the kernel, may have dropped it: legacy tables are not traced", true
		}
	}
	if c := b.unseenBelow(); c != nil {
		return where + ", no rule of the IP families dropped it: the kernel did (routing, rp_filter, conntrack, ...), or holds it, or a chain below did, such as " +
			Where(c.backend, c.family, c.table, c.name), false
	}
	return where + ", no rule dropped it: the kernel did (routing, rp_filter, conntrack, ...), or holds it", false
}

// shows reports whether chains follow on a hook, whichever way the packet goes.
func (b *builder) shows(h model.Hook) bool {
	if b.bases == nil {
		return false
	}
	has := func(h model.Hook) bool {
		for i := range b.bases.at[h] {
			if b.bases.at[h][i].family.Carries(b.key.family) {
				return true
			}
		}
		return false
	}
	if h == model.HookPrerouting {
		return has(model.HookInput) && (has(model.HookForward) || has(model.HookPostrouting))
	}
	return true
}

// CulpritOf names the step that decided.
func CulpritOf(s *Step) Culprit {
	c := Culprit{Backend: s.Backend, Family: s.Family, Table: s.Table, Chain: s.Chain, Kind: "rule", Rule: s.Rule, Text: s.Text}
	if s.Kind == KindPolicy {
		c.Kind, c.Text = "policy", ""
	}
	return c
}

// Words is the culprit as a sentence has it: "rule 2 of filter/INPUT (iptables-legacy): -A ...".
func (c Culprit) Words() string {
	at := Where(c.Backend, c.Family, c.Table, c.Chain)
	if c.Kind == "policy" {
		return "the policy of " + at
	}
	rule := "a rule"
	if c.Rule > 0 {
		rule = fmt.Sprintf("rule %d", c.Rule)
	}
	s := rule + " of " + at
	if c.Text != "" {
		s += ": " + c.Text
	}
	return s
}

// Where names a chain: filter/INPUT (iptables-legacy), inet fw/input (nftables).
// IPv4 goes without saying for iptables.
func Where(b model.Backend, f model.Family, table, chain string) string {
	var s strings.Builder
	if b == model.BackendNFTables {
		fmt.Fprintf(&s, "%s ", f)
	}
	fmt.Fprintf(&s, "%s/%s (%s", table, chain, b)
	if b != model.BackendNFTables && f != model.FamilyIPv4 {
		if f == model.FamilyIPv6 {
			s.WriteString(", IPv6")
		} else {
			fmt.Fprintf(&s, ", %s", f)
		}
	}
	s.WriteString(")")
	return s.String()
}
