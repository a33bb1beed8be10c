package journey

import (
	"fmt"
	"slices"
	"time"

	"nfscope/model"
)

// Where no rule traces, programs between the chains follow packets by themselves
// (trace/between): all that is known of one is where it was seen. Its journey has a step for
// each base chain that it was seen before and behind, and the one that it was lost at.

// following is what is needed of packets that programs alone tell of.
type following struct {
	on bool
	// beside are what stands in the hooks of other namespaces, by name.
	beside map[string][]standing
}

// SetFollowing says whether sights make journeys of their own.
func (f *Fold) SetFollowing(on bool) { f.following.on = on }

// SetBeside tells the rules of another namespace, which packets are followed into.
func (f *Fold) SetBeside(netns string, rs *model.Ruleset) {
	stands := standings(rs)
	f.movedUnder(netns, time.Time{}, func(stood []standing) bool {
		return !slices.EqualFunc(stood, stands, func(a, b standing) bool {
			return a.at == b.at && a.of == b.of && (a.base == nil) == (b.base == nil) && (a.base == nil || *a.base == *b.base)
		})
	})
	b := map[string][]standing{netns: stands}
	for n, l := range f.following.beside { // a clone may have the same
		if n != netns {
			b[n] = l
		}
	}
	f.following.beside = b
}

// stands is what stands in a namespace's hooks.
func (f *Fold) stands(netns string) []standing {
	if netns != "" {
		return f.following.beside[netns]
	}
	if f.rules == nil {
		return nil
	}
	return standings(f.rules.Ruleset())
}

// movedUnder tells the courses in a namespace that are not filed that its rules are about to
// change, after confirmed: touched says of what stood there whether it does. Who had left before
// then had the old ones all the way.
func (f *Fold) movedUnder(netns string, confirmed time.Time, touched func(stood []standing) bool) {
	stands := f.stands(netns)
	if stands == nil {
		return
	}
	for _, w := range f.sights.line {
		if w.number == 0 || w.filed || w.name.netns != netns {
			continue
		}
		if w.stood == nil {
			w.stood = stands
		}
		w.moved = w.moved || (!w.left() || w.seen().Time.After(confirmed)) && touched(stands)
	}
}

// arrive files the courses that nothing more is heard of, all of them at the end.
func (f *Fold) arrive(now time.Time, all bool) (filed bool) {
	if !f.following.on {
		return false
	}
	for _, w := range f.sights.line {
		wait := f.opt.Held // it may be with user space
		if w.left() || f.gone(w) {
			wait = f.opt.Quiet
		}
		if w.number != 0 && !w.filed && (all || now.Sub(w.seen().Time) >= wait) {
			filed = f.walked(w) || filed
		}
	}
	return filed
}

// gone reports whether a drop was told of the packet's sk_buff behind where it was seen last.
func (f *Fold) gone(w *course) bool {
	return slices.ContainsFunc(f.falls.by[w.key], func(n *fall) bool {
		return !n.taken && n.drop.Skb == w.skb && !n.drop.Time.Before(w.seen().Time)
	})
}

// trail is how far a followed packet came.
func (w *course) trail() trail {
	first, last := w.begin(), w.seen()
	t := trail{number: w.number, follow: w.name.follow, key: w.key, sum: w.sum, packet: last.Packet, at: place{last.Hook, last.Priority}, reach: place{last.Hook, last.Priority},
		since: first.Time, last: last.Time, out: last.Out, left: w.left(), probed: true, fixed: everything()}
	if first.Hook != model.HookOutput {
		t.inside = first.In
	}
	for i := range w.all {
		switch h := w.all[i].Hook; h {
		case model.HookInput, model.HookForward, model.HookOutput:
			t.way = h
		}
	}
	return t
}

// walked files the journey of a packet that programs followed; it is false where nobody asked
// for it.
func (f *Fold) walked(w *course) bool {
	w.filed = true
	first, last := w.begin(), w.seen()
	t := w.trail()
	j := &Journey{Start: first.Time, Origin: "trace", Family: first.Packet.Family, Netns: w.name.netns, In: t.inside, Out: last.Out, Path: PathUnknown, Packet: first.Packet,
		Closed: true, Complete: true, Came: w.came}
	stands := w.stood
	if stands == nil {
		stands = f.stands(j.Netns)
		if j.Netns == "" {
			j.Rules = f.inForce
		}
	}
	switch t.way {
	case model.HookInput:
		j.Path = PathInput
	case model.HookForward:
		j.Path = PathForward
	case model.HookOutput:
		j.Path = PathOutput
	}
	for i := range w.all[:len(w.all)-1] {
		j.pass(&w.all[i], &w.all[i+1], stands)
	}
	if j.NAT = translated(first.Packet.Tuple(), last.Packet.Tuple()); j.NAT != nil {
		for _, c := range guessClass(j.NAT, false) {
			j.NAT.Class = append(j.NAT.Class, string(c))
		}
	}
	o := &j.Outcome
	o.By.Kind = "unknown"
	if t.left {
		o.Verdict, o.Sentence = Accepted, arrived(j, last.Hook)+": which rules let it on nothing told, it was not traced"
	} else {
		o.Verdict, o.Sentence = Unknown, "last seen in the "+last.Hook.String()+" hook"
		if l := names(standBetween(stands, &last.Seat, j.Family)); w.lost > 0 {
			o.Sentence += "; events were lost"
		} else if l != "" {
			o.Sentence += " before " + l
		}
		j.Possible, j.Complete, j.Why = eitherWay(), false, unseen
	}
	j.name(w.number)
	if f.chose != nil && !f.chose(j) {
		return false
	}
	if j.Netns == "" { // drops are told of the namespace that is looked at
		if e, ok := f.fall(&t); ok {
			if why, told := j.falls(&e, f.falls.words); told {
				j.Complete, j.Why = why == "", why
			}
		}
		f.falls.keep(t)
	}
	switch {
	case w.lost > 0:
		j.Complete, j.Why = false, fmt.Sprintf("%d events were lost while it was under way", w.lost)
	case w.moved && j.Complete:
		j.Complete, j.Why = false, rulesMoved
	}
	if w.came != 0 {
		o.Sentence += fmt.Sprintf("; it came as #%d", w.came)
	}
	if len(f.done) >= f.opt.Keep {
		f.forget(0)
	}
	f.file(filed{number: j.Number, journey: j})
	if f.opt.Closed != nil {
		f.opt.Closed(j)
	}
	return true
}

// pass adds a step for each base chain between two seats that the packet was seen at.
func (j *Journey) pass(from, to *Sight, stands []standing) {
	changed, begin := Diff(&from.Packet, &to.Packet), len(j.Steps)
	if from.Hook == to.Hook {
		for _, s := range standBetween(stands, &Seat{Hook: from.Hook, Priority: from.Priority, Until: to.Priority}, j.Family) {
			if b := s.base; b != nil {
				j.Steps = append(j.Steps, Step{Backend: b.backend, Hook: b.hook, Family: b.family, Table: b.table, Base: b.name, Chain: b.name, Kind: KindPassed,
					Verdict: model.VerdictContinue, Text: "passed", Time: to.Time, RuleID: -1})
			}
		}
	}
	if n := len(j.Steps) - begin; n == 1 {
		j.Steps[begin].Did = changed
	} else if n > 1 {
		j.Steps[len(j.Steps)-1].Packet = changed
	}
}

// translated is what address translation did between two tuples, nil for nothing. Its class is not told.
func translated(from, to model.Tuple) *NAT {
	n := &NAT{}
	if from.Src != to.Src || from.SPort != to.SPort {
		n.Src = []string{from.SrcString(), to.SrcString()}
	}
	if from.Dst != to.Dst || from.DPort != to.DPort {
		n.Dst = []string{from.DstString(), to.DstString()}
	}
	if n.Src == nil && n.Dst == nil {
		return nil
	}
	return n
}
