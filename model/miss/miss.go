// Package miss says of a traced packet which rules were looked at and did not match, and
// why: the kernel traces only rules that match. All rules of a chain between two that
// were hit were looked at, so the trace tells which; the conditions that failed are
// computed from what is known of the packet (model/match, model/nft). What cannot be
// known is named.
package miss

import (
	"cmp"
	"net/netip"
	"slices"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
)

// Known is what else is known. All of it may be nil.
type Known struct {
	// Flow finds the conntrack entry of an ID.
	Flow func(id uint32) *flow.Flow
	// Local tells whether an address is one of the host's own.
	Local func(netip.Addr) fact.Answer
	// InSet looks a key up in a named set of a table, or in an ipset, as it is now; key is
	// that of fact.Facts. It is asked only of rules whose answer it can decide, and may block.
	InSet func(t *model.Table, set string, key []string) fact.Answer
}

// The bounds of what is computed for one journey.
const (
	// MaxRules is how many rules are held against the packet. The rules nearest to a hit
	// go first.
	MaxRules = 20_000
	// MaxSteps is how many misses are told, in all.
	MaxSteps = 1000
)

// Finder finds misses. It is not safe for concurrent use.
type Finder struct {
	known Known
	// read holds rules that were read from their text. It is emptied when it is full.
	read map[*model.Rule]*text
	// of are the rules that were read.
	of journey.Rules
	// manners are of the ruleset last asked about.
	manners struct {
		of journey.Rules
		manners
	}
}

// New makes a Finder.
func New(k Known) *Finder { return &Finder{known: k, read: map[*model.Rule]*text{}} }

// Look gives the journey with the misses among its steps, in the order in which the
// rules were looked at. Of more than limit (and of more than MaxSteps) those with the
// fewest failing conditions stay, and the journey says how many are left out. The
// journey itself is not changed. One that is not closed, or of which the rules are not
// known, has none.
func (f *Finder) Look(j *journey.Journey, limit int) *journey.Journey {
	if limit <= 0 || limit > MaxSteps {
		limit = MaxSteps
	}
	if j.Closed && j.RulesGone {
		out := *j
		out.Assumptions = append(slices.Clip(out.Assumptions), rulesGone)
		return &out
	}
	if !j.Closed || j.Rules == nil {
		return j
	}
	if f.of != j.Rules { // what is read of other rules would keep them in memory
		clear(f.read)
		f.of = j.Rules
	}
	gaps := f.gaps(j)
	left := share(gaps)
	states, odd := f.possible(j, gaps)
	if asksMaps(j) {
		j = f.chosen(j, states)
	}
	out := *j
	out.Steps = make([]journey.Step, 0, len(j.Steps))
	s := newState(f, j, states)
	var all []found
	var unknown []string
	g := 0
	for i := range j.Steps {
		s.before(i)
		for ; g < len(gaps) && gaps[g].at == i; g++ {
			l, open := f.judge(s, &gaps[g], g)
			if all = append(all, l...); open != "" {
				unknown = append(unknown, open)
			}
		}
		s.after(i)
	}
	out.MissesLeftOut = left + keep(&all, limit)
	told := map[int]int{}
	for i := range all {
		told[all[i].gap]++
	}
	at := 0
	for i := range j.Steps {
		first := true
		for ; at < len(all) && gaps[all[at].gap].at == i; at++ {
			st := all[at].step(&gaps[all[at].gap], &j.Steps[i])
			gap := &gaps[all[at].gap]
			if n := gap.to - gap.from + 1 - gap.untold - told[all[at].gap]; n > 0 && (first || all[at-1].gap != all[at].gap) {
				st.Beside = n
			}
			first = false
			out.Steps = append(out.Steps, st)
		}
		out.Steps = append(out.Steps, j.Steps[i])
	}
	if len(unknown) > 0 {
		out.Assumptions = append(slices.Clip(out.Assumptions), unknown...)
	}
	if s.now {
		out.Assumptions = append(slices.Clip(out.Assumptions), ofNow)
	}
	if odd {
		out.Assumptions = append(slices.Clip(out.Assumptions), oddState)
	}
	if len(all) > 0 && !j.Complete {
		out.Assumptions = append(slices.Clip(out.Assumptions), "what is told as no match was not hit by an event that is missing ("+j.Why+")")
	}
	return &out
}

// ofNow is said where more than one thing of a rule can have failed, and a set is one.
const ofNow = "what is told of the members of sets is as of now: they may have changed since the packet came"

// rulesGone is said of a journey without misses because its rules were let go.
const rulesGone = "which rules it met and did not match is not known any more: the rules changed since, and those of then were let go to save memory"

// States tells what conntrack may have called the packet of a closed journey, AnyState
// where nothing is known.
func (f *Finder) States(j *journey.Journey) fact.State {
	if !j.Closed || j.Rules == nil {
		return fact.AnyState
	}
	gaps := f.gaps(j)
	share(gaps)
	left, _ := f.possible(j, gaps)
	return left
}

// In is what a snapshot knows: its flows and the host's addresses.
func In(s *snapshot.Snapshot) Known {
	k := Known{Flow: s.Flows.Table.ByID}
	if len(s.Local) > 0 {
		k.Local = func(a netip.Addr) fact.Answer {
			return fact.Is(a.IsLoopback() || slices.ContainsFunc(s.Local, func(p netip.Prefix) bool { return p.Addr() == a }))
		}
	}
	return k
}

// Know says what is known from now on.
func (f *Finder) Know(k Known) { f.known = k }

// share cuts the gaps down to MaxRules: each keeps the rules before its hit. It gives the
// number of rules that are passed over.
func share(gaps []gap) (left int) {
	total := 0
	for i := range gaps {
		total += gaps[i].to - gaps[i].from + 1
	}
	if total <= MaxRules {
		return 0
	}
	room := MaxRules
	order := make([]int, len(gaps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(gaps[a].to-gaps[a].from, gaps[b].to-gaps[b].from) })
	for n, i := range order { // small gaps stay whole
		g := &gaps[i]
		size := g.to - g.from + 1
		g.skip = max(0, size-room/(len(order)-n))
		room -= size - g.skip
		left += g.skip
	}
	return left
}

// found is a rule that was looked at.
type found struct {
	gap, rule int
	because   []journey.Because
	note      string
	// failing is how many conditions failed.
	failing int
}

// keep leaves the nearest misses, in their order, and tells how many went.
func keep(all *[]found, limit int) (left int) {
	l := *all
	if len(l) <= limit {
		return 0
	}
	order := make([]int, len(l))
	for i := range order {
		order[i] = i
	}
	// Of two as near the one nearer to the hit, which is the later one.
	slices.SortStableFunc(order, func(a, b int) int {
		if c := cmp.Compare(l[a].failing, l[b].failing); c != 0 {
			return c
		}
		return cmp.Compare(b, a)
	})
	order = order[:limit]
	slices.Sort(order)
	kept := make([]found, len(order))
	for i, k := range order {
		kept[i] = l[k]
	}
	*all = kept
	return len(l) - limit
}
