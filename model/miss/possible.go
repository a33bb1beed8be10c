package miss

import (
	"slices"
	"strings"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/flow"
	"nfscope/model/journey"
)

// oddState is said where the rules that a packet hit and missed leave no state for it.
const oddState = "what is known of its connection fits no state: the rules that it hit and missed contradict each other"

// possible tells what conntrack may call the packet behind its hook: all that is known of
// it leaves these states, and the rules that it hit and missed did not rule them out.
// odd is true where they ruled out all: then nothing is known.
func (f *Finder) possible(j *journey.Journey, gaps []gap) (left fact.State, odd bool) {
	left = f.evidence(j)
	if left.Sure() || !j.Complete {
		return left, false
	}
	for {
		before := left
		if left = f.narrow(j, gaps, left); left == 0 {
			return fact.AnyState, true
		}
		if left == before || left.Sure() {
			return left, false
		}
	}
}

// evidence is what the trace and conntrack's own events say of the state.
func (f *Finder) evidence(j *journey.Journey) fact.State {
	t := &j.Track
	switch {
	case j.CTState != "":
		return fact.StateOf(j.CTState)
	case !j.Complete: // its parts may be two packets'
		return fact.AnyState
	case t.None:
		return fact.Invalid | fact.Untracked
	}
	left := fact.AnyState
	switch discovery(&j.Packet) {
	case fact.Yes:
		left &= fact.Untracked | fact.Invalid
	case fact.No:
		if t.Early {
			left &^= fact.Untracked // but for a rule that says so, which is looked at on the way
		}
	}
	about := f.about(j.Rules)
	if t.Absent && !about.silenced {
		left &^= fact.Established
	}
	if e := f.entry(j); e != nil {
		left &= whenFound(j, e)
	}
	// Only packets that begin a connection, or are related to one, meet a nat chain
	// (nf_nat_inet_fn).
	if slices.ContainsFunc(j.Steps, func(s journey.Step) bool {
		t, c := j.Rules.Chain(s.Backend, s.Family, s.Table, s.Base)
		return c != nil && t.NAT(c)
	}) {
		left &= fact.New | fact.Related
	}
	return left
}

// discovery reports whether the packet is one of those that conntrack lets go untracked by
// itself: neighbour discovery and the groups' membership (nf_conntrack_proto_icmpv6.c).
func discovery(p *model.Packet) fact.Answer {
	switch {
	case p.Family != model.FamilyIPv6:
		return fact.No
	case !p.ProtoKnown(), p.Proto == model.ProtoICMPv6 && !p.Transport:
		return fact.Unsure
	case p.Proto != model.ProtoICMPv6:
		return fact.No
	}
	switch p.ICMPType {
	case 130, 131, 132, 143, 133, 134, 135, 136:
		return fact.Yes
	}
	return fact.No
}

// entry is the conntrack entry that the packet found, where that is known though the
// trace does not tell; its state may be INVALID or UNTRACKED all the same.
func (f *Finder) entry(j *journey.Journey) *flow.Flow {
	t := &j.Track
	if j.CTState != "" || !j.Complete || t.Before == nil || t.After == nil || t.Before.Key().Zone != 0 || t.Before.Reply.Zone != 0 || f.about(j.Rules).zones {
		return nil
	}
	return t.After
}

// whenFound is the state of a packet that finds an entry (resolve_normal_ct in
// nf_conntrack_core.c). The protocol may still call it INVALID. That no reply was told of
// does not mean that none was seen: what a packet changes is told when it leaves, so not
// of one that a rule drops.
func whenFound(j *journey.Journey, e *flow.Flow) fact.State {
	first := fact.New
	if e.Status&flow.Expected != 0 {
		first = fact.Related
	}
	open := fact.Invalid | fact.Untracked
	if j.Packet.Tuple() != e.Orig.Tuple || j.Track.Before.Status&flow.SeenReply != 0 {
		return open | fact.Established
	}
	return open | first | fact.Established
}

// narrow rules out the states in which the packet would have hit a rule that it missed,
// or missed one that it hit.
func (f *Finder) narrow(j *journey.Journey, gaps []gap, left fact.State) fact.State {
	s := newState(f, j, left)
	try := func(t *model.Table, c *model.Chain, r *model.Rule, against fact.Answer) {
		if !asksState(t.Backend, r.Text) {
			return
		}
		x := f.rule(t, r)
		if x == nil {
			return
		}
		now := s.left
		for _, one := range now.List() {
			s.left = one
			p, facts := s.facts(t, c)
			if a, _ := x.eval(p, facts); a == against {
				now &^= one
			}
		}
		s.left = now
	}
	g := 0
	for i := range j.Steps {
		s.before(i)
		for ; g < len(gaps) && gaps[g].at == i; g++ {
			gap := &gaps[g]
			if gap.before {
				continue
			}
			for n := gap.from + gap.skip; n <= gap.to; n++ {
				try(gap.table, gap.chain, &gap.chain.Rules[n-1], fact.Yes)
			}
		}
		st := &j.Steps[i]
		if st.Kind == journey.KindRule {
			if t, c := j.Rules.Chain(st.Backend, st.Family, st.Table, st.Chain); c != nil && st.Rule >= 1 && st.Rule <= len(c.Rules) && c.Rules[st.Rule-1].Text == st.Text {
				try(t, c, &c.Rules[st.Rule-1], fact.No)
			}
		}
		if s.left == 0 {
			return 0
		}
		s.after(i)
		if s.late { // a rule changed the state on the way
			return left
		}
	}
	return s.left
}

// asksState reports whether a rule looks at the packet's connection.
func asksState(b model.Backend, text string) bool {
	if b == model.BackendNFTables {
		return strings.HasPrefix(text, "ct ") || strings.Contains(text, " ct ")
	}
	return strings.Contains(text, "-m conntrack ") || strings.Contains(text, "-m state ")
}

// StateUntold reports whether a ruleset, which may be nil, has rules that ask what conntrack
// made of a packet and of which no trace event tells that: the first event of each chain of
// nf_tables does.
func StateUntold(rs *model.Ruleset) bool {
	if rs == nil {
		return false
	}
	for _, t := range rs.Tables {
		if t.Backend != model.BackendLegacy {
			continue
		}
		for _, c := range t.Chains {
			if slices.ContainsFunc(c.Rules, func(r model.Rule) bool { return asksState(t.Backend, r.Text) }) {
				return true
			}
		}
	}
	return false
}

// manners is what a ruleset does with conntrack.
type manners struct {
	// zones is true where a rule gives packets a zone, silenced where one keeps conntrack
	// from telling of changes.
	zones, silenced bool
}

// about reads a ruleset's manners, once.
func (f *Finder) about(r journey.Rules) manners {
	if f.manners.of == r {
		return f.manners.manners
	}
	var m manners
	for _, t := range r.Ruleset().Tables {
		for _, c := range t.Chains {
			for i := range c.Rules {
				text := c.Rules[i].Text
				m.zones = m.zones || strings.Contains(text, "zone")
				m.silenced = m.silenced || strings.Contains(text, "events") || strings.Contains(text, "ct event")
			}
		}
	}
	f.manners.of, f.manners.manners = r, m
	return m
}
