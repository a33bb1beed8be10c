package journey

import (
	"fmt"
	"slices"

	"nfscope/model"
	"nfscope/model/drop"
)

// falls writes the end that the kernel's drop gives a journey. told is false where that
// says nothing new; why is what of it is not known, "" where all is.
//
// A drop by netfilter is a rule's, and that rule told of itself: it is no second cause. Where
// no rule told, netfilter's own part (a full connection table) or one that is not traced
// did it.
func (j *Journey) falls(e *end, words drop.Dictionary) (why string, told bool) {
	d, o := e.drop, &j.Outcome
	x := words.Explain(d)
	switch {
	case x.Grade == drop.Usual && o.Verdict == Accepted: // it has done its work
		return "", false
	case e.among > 1:
		o.Sentence = fmt.Sprintf("%s; the kernel dropped one or some of %d packets with these headers (%s): which of them is not known", o.Sentence, e.among, d.Cause())
		o.Verdict, j.Possible = Unknown, eitherWay()
		return "another packet had the same headers: which of them the kernel dropped is not known", true
	}
	before, open := *o, j.Possible != nil
	*o = Outcome{Verdict: Dropped, By: Culprit{Kind: "kernel", Reason: d.Reason, Station: d.Station.String(), Location: d.Place}, Do: x.Do}
	j.Drop, j.Possible = d, nil
	at, between := "dropped by netfilter", e.between
	if !e.doubt {
		between = j.suspects(between)
	}
	if d.Hook != model.HookNone {
		at += " in the " + d.Hook.String() + " hook"
	}
	switch {
	case j.refuses(d, &before, between):
		return "", true
	case (d.Queued() || d.Judged()) && before.Verdict == Queued:
		o.By = before.By
		o.By.Reason, o.By.Location = d.Reason, d.Place
		o.Sentence = "dropped: " + x.Sentence() + "; " + before.By.Words()
	case d.Netfilter() && (len(between) == 1 && between[0].base == nil || x.Without == "" && e.left && open && j.untaken(d, &before)):
		if x.Words = x.Without; x.Words == "" {
			x.Words, o.Do = "it refused the packet or its connection", "" // no trace names a rule
		}
		o.Sentence = "dropped by conntrack in the " + d.Hook.String() + " hook, by no rule: " + x.Sentence()
	case d.Netfilter() && len(between) > 0:
		o.By.Kind = "unknown"
		if b := between[0].base; len(between) == 1 {
			o.By.Backend, o.By.Family, o.By.Table, o.By.Chain = b.backend, b.family, b.table, b.name
		}
		o.Sentence = "dropped by " + names(between) + " in the " + d.Hook.String() + " hook: it was seen before and not behind; which rule it was, nothing told"
		return "the rule that dropped it told nothing: it is not traced, or its event was lost", true
	case d.Netfilter() && x.Without != "" && (e.left || !open) && !d.SentIntoBridge():
		x.Words = x.Without
		o.Sentence = at + ", by no rule: " + x.Sentence()
	case d.Netfilter():
		o.By.Kind = "unknown"
		o.Sentence = at + ", and no rule that was traced did it"
		if x.Without != "" {
			o.Sentence += ": " + x.Sentence()
		}
		if open && before.Verdict == Unknown {
			o.Sentence += "; it was " + before.Sentence
		}
		return "what dropped it told nothing: a rule that is not traced or whose event was lost, or conntrack", true
	default:
		o.Sentence = "dropped by the kernel " + d.Station.At() + " (" + d.Cause() + "): " + x.Sentence()
	}
	return "", true
}

// untaken reports whether only conntrack can have dropped a packet that was seen at the end of
// its last hook, with a connection that conntrack did not take: no chain stands behind that.
func (j *Journey) untaken(d *drop.Drop, before *Outcome) bool {
	if before.Verdict != Unknown || undecided(j) || d.SentIntoBridge() || j.Rules == nil {
		return false
	}
	return !slices.ContainsFunc(j.Rules.Ruleset().Tables, func(t *model.Table) bool {
		return slices.ContainsFunc(t.Chains, func(c *model.Chain) bool { return c.Hook == d.Hook && c.Priority > probePriority })
	})
}

// refuses gives a drop by netfilter to the rule that the packet was last seen at, where the
// legacy tracer could not tell what its target did (TPROXY drops what no socket takes): had
// it let the packet go on, what follows in that hook would have told of it.
func (j *Journey) refuses(d *drop.Drop, before *Outcome, between []standing) bool {
	if !d.Netfilter() || !j.Sole || before.Verdict != Unknown || !undecided(j) {
		return false
	}
	s := &j.Steps[len(j.Steps)-1]
	if s.Hook != d.Hook || len(between) > 0 && !slices.ContainsFunc(between, func(b standing) bool {
		return b.base != nil && b.base.backend == s.Backend && b.base.family == s.Family && b.base.table == s.Table && b.base.name == s.Base
	}) {
		return false
	}
	j.Steps = slices.Clone(j.Steps) // what was published stays as it is
	s = &j.Steps[len(j.Steps)-1]
	s.Verdict, s.Note = model.VerdictDrop, fate(s.Target, model.VerdictDrop, j.Packet.Flags)
	j.Outcome, j.Drop = stopped(s), nil // as where the rule told itself
	return true
}

// suspects leaves out of what stands between two seats the chains of nf_tables that told that
// they let the packet go on; all stay where none would be left. The steps must be this packet's for
// certain.
func (j *Journey) suspects(all []standing) []standing {
	left := slices.DeleteFunc(slices.Clone(all), func(s standing) bool {
		return s.base != nil && s.base.backend != model.BackendLegacy && slices.ContainsFunc(j.Steps, func(o Step) bool {
			return o.Verdict == model.VerdictAccept && o.Backend == s.base.backend && o.Family == s.base.family &&
				o.Hook == s.base.hook && o.Table == s.base.table && o.Base == s.base.name
		})
	})
	if len(left) == 0 {
		return all
	}
	return left
}
