package why

import (
	"net/netip"
	"slices"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/nat"
	"nfscope/model/ruleset"
	"nfscope/model/walk"
)

// Host is what is known of the namespace for a simulation.
type Host struct {
	Index  *ruleset.Index
	Local  []netip.Prefix
	Routes *model.Routes
	// Journeys are packets that were traced here: what they prove of the order of chains. Since
	// has the number of the first that counts, for chains that were registered anew.
	Journeys []*journey.Journey
	Since    map[model.Called]int

	first func(a, b model.Called) bool // what Journeys prove, nil where nobody asked
}

func (h *Host) own(a netip.Addr) bool {
	return a.IsLoopback() || slices.ContainsFunc(h.Local, func(p netip.Prefix) bool { return p.Addr() == a })
}

// device is the interface that packets for an address leave by.
func (h *Host) device(a netip.Addr) fact.Fact[string] {
	if a.IsValid() && h.own(a) {
		return fact.Of("lo")
	}
	d := ""
	if a.IsValid() {
		d = h.Routes.Device(a)
	}
	return fact.Fact[string]{Value: d, Known: d != ""}
}

// Simulate takes the first packet of a flow that a filter asks for through the rules, as
// far as the filter names it; nil where it does not, or where rules or addresses of the
// host are not known. Routing, rp_filter and what else the kernel asks are not reckoned.
func Simulate(f *filter.Filter, h Host) *journey.Journey {
	m, ok := AimOf(f)
	p, in := m.Packet, m.In
	if !ok || h.Index == nil || len(h.Local) == 0 || p.Family == 0 {
		return nil
	}
	walker := walk.New(h.Index)
	run := func(hook model.Hook, bases []ruleset.Base) *simulation {
		s := &simulation{host: &h, walker: walker, packet: p, in: fact.Fact[string]{Value: in, Known: in != ""}, possible: map[string]bool{}, other: bases, otherAt: hook}
		s.j = &journey.Journey{ID: "s1", Number: 1, Origin: "sim", Family: p.Family, Packet: p, Closed: true, Complete: true, In: in,
			Assumptions: append(slices.Clone(m.Assumed), "it is the first packet of a new connection", "its mark is "+markWords(p.Mark)+", and what the kernel does beside the rules is not reckoned")}
		s.run()
		return s
	}
	s := run(model.HookNone, nil)
	for i, g := range s.guesses {
		if i >= mostGuesses || slices.ContainsFunc(g.others, func(o []ruleset.Base) bool { return !sameEnd(s.j, run(g.hook, o).j) }) {
			s.j.Assumptions = append(s.j.Assumptions, g.String())
		}
	}
	return s.j
}

// sameEnd reports whether two simulated packets come to the same end.
func sameEnd(a, b *journey.Journey) bool {
	x, y := &a.Outcome, &b.Outcome
	return x.Verdict == y.Verdict && a.Path == b.Path && a.Out == b.Out && slices.Equal(a.Possible, b.Possible) &&
		(x.Verdict == journey.Accepted || x.By == y.By && x.Sentence == y.Sentence)
}

func markWords(m uint32) string {
	if m == 0 {
		return "0"
	}
	return "the filter's"
}

type simulation struct {
	host    *Host
	walker  *walk.Walker
	j       *journey.Journey
	packet  model.Packet
	facts   fact.Facts
	muddled bool
	in      fact.Fact[string]
	tracked *fact.Connection
	// marked is true where the connection may have been given a mark before anybody knows of it.
	marked bool
	// possible are the outcomes that packets may have had so far, by journey's words; one
	// that goes on is none.
	possible map[string]bool
	unsure   bool
	// guesses are those of the hooks that it came to. other is the order of the chains of one
	// hook where it is not to be the guessed one.
	guesses []guess
	other   []ruleset.Base
	otherAt model.Hook
}

func (s *simulation) run() {
	s.facts = fact.Facts{Bare: true, Mark: fact.Of(s.packet.Mark), Local: func(a netip.Addr) fact.Answer { return fact.Is(s.host.own(a)) }}
	made := s.packet.Src.IsValid() && s.host.own(s.packet.Src)
	hooks := []model.Hook{model.HookPrerouting}
	s.j.Path = journey.PathUnknown
	if made {
		hooks, s.j.Path = []model.Hook{model.HookOutput, model.HookPostrouting}, journey.PathOutput
	} else if !s.in.Known {
		if s.in = s.host.device(s.packet.Src); s.in.Known {
			s.j.In = s.in.Value
			s.j.Assumptions = append(s.j.Assumptions, "it comes by "+s.in.Value+", where the route back leads")
		}
	}
	for i := 0; i < len(hooks); i++ {
		if s.through(hooks[i]) {
			return
		}
		if hooks[i] != model.HookPrerouting {
			continue
		}
		switch {
		case s.muddled:
			s.unsure = true
			s.j.Assumptions = append(s.j.Assumptions, "where it is sent to is not known: its destination is translated")
			s.anywhere()
		case s.host.own(s.packet.Dst):
			hooks, s.j.Path = append(hooks, model.HookInput), journey.PathInput
		default:
			hooks, s.j.Path = append(hooks, model.HookForward, model.HookPostrouting), journey.PathForward
		}
	}
	o := &s.j.Outcome
	if s.unsure {
		o.Verdict, o.Sentence = journey.Unknown, "what becomes of it depends on what is not known"
		s.possible[journey.Accepted] = true
		for _, v := range []string{journey.Accepted, journey.Dropped, journey.Rejected, journey.Queued, journey.Unknown} {
			if s.possible[v] {
				s.j.Possible = append(s.j.Possible, v)
			}
		}
		return
	}
	o.Verdict, o.Sentence = journey.Accepted, "let through by all rules"
	if n := len(s.j.Steps); n > 0 {
		o.By = journey.CulpritOf(&s.j.Steps[n-1])
	}
}

// through takes the packet through a hook, and reports whether it ends there for sure.
func (s *simulation) through(h model.Hook) (ended bool) {
	early := h == model.HookPrerouting || h == model.HookOutput
	seen, translated := !early, false
	if early {
		s.tracked, s.facts.Connection = nil, fact.Of[*fact.Connection](nil)
	}
	s.devices(h)
	for _, b := range s.bases(h) {
		if probe(&b) {
			continue
		}
		if !seen && b.Priority > ruleset.ConntrackPriority {
			s.track()
			seen = true
		}
		nat := b.Table.NAT(b.Chain)
		out := s.tracked != nil && s.tracked.State == fact.Untracked // of tracking
		if nat && (translated || s.tracked == nil || out) {
			continue
		}
		var r walk.Result
		if !seen && !out && b.Priority == ruleset.ConntrackPriority {
			r = s.astride(&b)
		} else {
			r = s.walker.Chain(b.Table, b.Chain, s.packet, s.facts, s.muddled)
		}
		if nat && s.tracked.State&fact.Untracked != 0 {
			r = passedBy(r, &s.facts)
		}
		s.packet, s.facts, s.muddled = r.Packet, r.Facts, r.Muddled
		if !seen {
			s.tracked = r.Facts.Connection.Value
		}
		if len(r.Ends) > 0 && s.take(b, h, r.Ends) {
			return true
		}
		for i := range r.Ends {
			if e := &r.Ends[i]; e.NAT {
				translated = true
				s.translate(e, h)
			}
		}
	}
	if !seen {
		s.track()
	}
	return false
}

// bases are the chains of a hook in the order that is tried.
func (s *simulation) bases(h model.Hook) []ruleset.Base {
	if h == s.otherAt && s.other != nil {
		return s.other
	}
	bases := s.host.chains(s.packet.Family, h)
	if s.other == nil {
		s.guesses = append(s.guesses, s.host.guesses(h, bases)...)
	}
	return bases
}

// anywhere notes what may become of a packet that may be for this host or for another: its
// steps are not known, but every chain that it may come to can end it.
func (s *simulation) anywhere() {
	before, j := *s, *s.j
	for _, way := range [][]model.Hook{{model.HookInput}, {model.HookForward, model.HookPostrouting}} {
		for _, h := range way {
			if s.through(h) {
				break
			}
		}
		s.packet, s.facts, s.tracked = before.packet, before.facts, before.tracked
		*s.j = j
	}
}

// devices sets the interfaces that a hook has.
func (s *simulation) devices(h model.Hook) {
	none := fact.Of("")
	switch out := s.host.device(s.packet.Dst); h {
	case model.HookPrerouting, model.HookInput:
		s.facts.In, s.facts.Out = s.in, none
	case model.HookForward:
		s.facts.In, s.facts.Out, s.j.Out = s.in, out, out.Value
	case model.HookOutput:
		s.facts.In, s.facts.Out, s.j.Out = none, out, out.Value
	default:
		s.facts.In, s.facts.Out = fact.Fact[string]{}, out
	}
}

// take notes what a base chain does; true where nothing comes out of it.
func (s *simulation) take(b ruleset.Base, h model.Hook, ends []walk.End) bool {
	goes := false
	for i := range ends {
		switch e := &ends[i]; e.Verdict {
		case model.VerdictAccept:
			goes = true
		case model.VerdictDrop:
			s.possible[journey.Dropped] = true
		case model.VerdictReject:
			s.possible[journey.Rejected] = true
		case model.VerdictQueue:
			s.possible[journey.Queued] = true
		default:
			s.possible[journey.Unknown], goes = true, true
		}
	}
	if len(ends) != 1 || ends[0].Verdict == model.VerdictUnknown {
		s.unsure = s.unsure || goes
		if goes {
			return false
		}
	}
	st := step(&b, h, &ends[0])
	s.j.Steps = append(s.j.Steps, st)
	if goes {
		return false
	}
	o := &s.j.Outcome
	o.By = journey.CulpritOf(&st)
	switch st.Verdict {
	case model.VerdictReject:
		o.Verdict, o.Sentence = journey.Rejected, "rejected by "+o.By.Words()
	case model.VerdictQueue:
		o.Verdict, o.Sentence = journey.Queued, "queued to user space by "+o.By.Words()
	default:
		o.Verdict, o.Sentence = journey.Dropped, "dropped by "+o.By.Words()
	}
	if len(ends) > 1 {
		o.Sentence += ", or a rule behind it"
	}
	return true
}

// step is the end of a chain as a journey has it.
func step(b *ruleset.Base, h model.Hook, e *walk.End) journey.Step {
	st := journey.Step{Backend: b.Table.Backend, Hook: h, Family: b.Table.Family, Table: b.Table.Name, Base: b.Chain.Name, Chain: e.Chain.Name, Kind: journey.KindPolicy, Verdict: e.Verdict, RuleID: -1}
	if r := e.Rule; r != nil {
		st.Kind, st.Rule, st.Handle, st.Text, st.Comment, st.Target, st.RuleID = journey.KindRule, r.Index, r.Handle, r.Text, r.Comment, r.Target, r.ID
	}
	return st
}

// translate does what a rule of nat does to the destination; where that is not one
// address the headers are not known any more. The source counts for nothing behind it.
func (s *simulation) translate(e *walk.End, h model.Hook) {
	m, ok := nat.MappingOf(e.Read, h)
	if ok && m.Source() {
		return
	}
	if !ok || !e.Sure || m.Open || m.Net || len(m.Addrs) > 1 || m.Ports != nil && m.Ports.Size() > 1 {
		s.muddled = true
		return
	}
	switch {
	case len(m.Addrs) == 1 && m.Addrs[0].First == m.Addrs[0].Last:
		s.packet.Dst = m.Addrs[0].First
	case m.Class == flow.ClassRedirect && len(s.host.Local) > 0:
		if s.packet.Dst = s.ownAt(); !s.packet.Dst.IsValid() {
			s.muddled = true
			return
		}
	case len(m.Addrs) == 1:
		s.muddled = true
		return
	}
	if m.Ports != nil && s.packet.Proto.Ports() {
		s.packet.DPort = m.Ports.First
	}
}

// ownAt is an address of this host to which a packet is redirected (nf_nat_redirect.c).
func (s *simulation) ownAt() netip.Addr {
	if s.host.own(s.packet.Dst) {
		return s.packet.Dst
	}
	for _, l := range s.host.Local {
		if l.Addr().Is4() == s.packet.Dst.Is4() && !l.Addr().IsLoopback() && l.Contains(s.packet.Src) {
			return l.Addr()
		}
	}
	return netip.Addr{}
}
