package miss

import (
	"net"
	"slices"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/flow"
	"nfscope/model/journey"
)

// state is what is known of the packet as it goes from step to step.
type state struct {
	f *Finder
	j *journey.Journey
	// packet is as it stands before the step that is looked at; shown is its mark as the
	// last event with headers had it.
	packet model.Packet
	mark   fact.Fact[uint32]
	shown  uint32
	// connMark is the connection's, where a rule wrote it or it is new.
	connMark fact.Fact[uint32]
	// notrack is true once a rule took the packet out of connection tracking, template
	// once one gave it a template.
	notrack, template bool
	// left is what conntrack may call the packet behind its hook; late is true once a rule
	// behind it took the packet out of tracking.
	left fact.State
	late bool
	// fresh is true for the first packet of a connection that is not in conntrack's table
	// yet.
	fresh bool
	flow  *flow.Flow
	// now is true once something was told by what a set holds now.
	now  bool
	step int
}

// newState begins before a packet's first step. left is what conntrack may call it.
func newState(f *Finder, j *journey.Journey, left fact.State) *state {
	s := &state{f: f, j: j, packet: j.Packet, mark: fact.Of(j.Packet.Mark), shown: j.Packet.Mark, left: left}
	// A second packet of a connection without answer is NEW too, but has an entry.
	if s.fresh = j.CTState == "NEW" && j.Track.Told && j.Track.Status&flow.Confirmed == 0; s.fresh {
		s.connMark = fact.Of(uint32(0))
	}
	if j.FlowBy == journey.FlowByID && f.known.Flow != nil {
		s.flow = f.known.Flow(j.Flow)
	}
	if s.flow == nil {
		s.flow = f.entry(j)
	}
	return s
}

// before brings the packet to where a step's rules are looked at.
func (s *state) before(i int) {
	s.step = i
	st := &s.j.Steps[i]
	s.change(st.Packet)
	if i == 0 || !sameWalk(&s.j.Steps[i-1], st) || has(st.Packet, "mark") {
		s.mark = fact.Of(s.shown) // the walk's first event shows the headers
	}
}

// after does to the packet what a step that was hit did.
func (s *state) after(i int) {
	st := &s.j.Steps[i]
	if st.Kind == journey.KindRule {
		s.effect(st)
	}
	s.change(st.Did)
	if has(st.Did, "mark") && !s.mark.Known {
		s.mark = fact.Of(s.shown)
	}
}

func has(d journey.Delta, field string) bool {
	return slices.ContainsFunc(d, func(c journey.Change) bool { return c.Field == field })
}

// change applies header changes.
func (s *state) change(d journey.Delta) {
	d.Apply(&s.packet)
	if has(d, "mark") {
		s.shown = s.packet.Mark
	}
}

// effect reckons what a rule that was hit wrote where no header shows it: marks and the
// end of tracking.
func (s *state) effect(st *journey.Step) {
	t, c := s.j.Rules.Chain(st.Backend, st.Family, st.Table, st.Chain)
	if c == nil || st.Rule < 1 || st.Rule > len(c.Rules) {
		s.mark, s.connMark = fact.Fact[uint32]{}, fact.Fact[uint32]{}
		return
	}
	x := s.f.rule(t, &c.Rules[st.Rule-1])
	if x == nil {
		s.mark, s.connMark = fact.Fact[uint32]{}, fact.Fact[uint32]{}
		return
	}
	_, base := s.j.Rules.Chain(st.Backend, st.Family, st.Table, st.Base)
	if base == nil {
		base = c
	}
	p, facts := s.facts(t, base)
	var left fact.Facts
	if x.nft != nil {
		left = x.nft.Run(p, facts).Facts
	} else {
		left = x.match.Leaves(facts)
		s.template = s.template || x.match.Target.Name == "CT" && x.match.Target.Option("--notrack") == nil
	}
	s.mark = left.Mark
	if l := left.Connection; l.Known && l.Value != nil {
		s.connMark = l.Value.Mark
		switch early := st.Hook == model.HookPrerouting || st.Hook == model.HookOutput; {
		case l.Value.State != fact.Untracked:
		case early && base.Priority < connTrack:
			s.notrack = true
		case s.left != fact.Untracked:
			s.left, s.late = fact.Untracked, true
		}
	}
}

// facts is what the rules of a chain may ask of the packet now. base is a base chain, or
// one that is called from the base chain of the step under way.
func (s *state) facts(t *model.Table, c *model.Chain) (*model.Packet, *fact.Facts) {
	st := &s.j.Steps[s.step]
	_, base := s.j.Rules.Chain(st.Backend, st.Family, st.Table, st.Base)
	if base == nil {
		base = c
	}
	p := s.packet
	f := &fact.Facts{Backend: t.Backend, Mark: s.mark, Connection: s.connection(st.Hook, base.Priority), Local: s.f.known.Local}
	f.In, f.Out = s.devices(t.Family, st.Hook)
	s.origin(f, st.Hook)
	return &p, f
}

// origin fills in who sent the packet, at the hooks where rules can ask for it, and what
// the link layer says of one that came.
func (s *state) origin(f *fact.Facts, h model.Hook) {
	switch h {
	case model.HookOutput, model.HookPostrouting:
		if o := s.j.Owner; o != nil && s.j.Path == journey.PathOutput {
			f.User, f.Group = fact.Of(o.UID), fact.Of(o.GID)
		}
	case model.HookPrerouting, model.HookInput, model.HookForward:
		l := s.j.Link
		if l == nil || s.j.In == "" || s.j.In == "lo" {
			return
		}
		src, err := net.ParseMAC(l.Src)
		dst, derr := net.ParseMAC(l.Dst)
		if err != nil || derr != nil || len(src) != 6 || len(dst) != 6 {
			return
		}
		f.Source = fact.Of(fact.MAC(src))
		switch { // eth_type_trans; what is for another host goes no further than the device
		case l.Dst == "ff:ff:ff:ff:ff:ff":
			f.PacketType = fact.Of("broadcast")
		case dst[0]&1 != 0:
			f.PacketType = fact.Of("multicast")
		default:
			f.PacketType = fact.Of("unicast")
		}
	}
}

// devices tells the interfaces that a hook has.
func (s *state) devices(f model.Family, h model.Hook) (in, out fact.Fact[string]) {
	switch f {
	case model.FamilyIPv4, model.FamilyIPv6, model.FamilyInet:
	default:
		return // a bridge's ports
	}
	name := func(s string) fact.Fact[string] { return fact.Fact[string]{Value: s, Known: s != ""} }
	none := fact.Of("")
	switch h {
	case model.HookPrerouting, model.HookInput:
		return name(s.j.In), none
	case model.HookForward:
		return name(s.j.In), name(s.j.Out)
	case model.HookOutput:
		if out = name(s.j.Devices.Output); !out.Known && s.j.NAT == nil { // else it may be routed anew
			out = name(s.j.Out)
		}
		return none, out
	case model.HookPostrouting: // what it came in by is there in newer kernels only
		return fact.Fact[string]{Value: s.j.Devices.Came, Known: s.j.Devices.Told}, name(s.j.Out)
	}
	return
}

// connTrack is where conntrack sees a packet (NF_IP_PRI_CONNTRACK), dstNAT and srcNAT
// where the nat hooks stand.
const (
	connTrack model.Priority = -200
	dstNAT    model.Priority = -100
	srcNAT    model.Priority = 100
)

// connection is what conntrack has of the packet at a place.
func (s *state) connection(h model.Hook, at model.Priority) fact.Fact[*fact.Connection] {
	var unknown fact.Fact[*fact.Connection]
	early := h == model.HookPrerouting || h == model.HookOutput
	switch {
	case h == model.HookIngress || h == model.HookEgress || early && at == connTrack:
		return unknown
	case early && at < connTrack:
		switch {
		case s.notrack:
			return fact.Of(&fact.Connection{State: fact.Untracked})
		case s.template || h == model.HookPrerouting && (s.j.In == "lo" || s.j.In == ""):
			return unknown // what comes over loopback has its connection already
		}
		return fact.Of[*fact.Connection](nil)
	}
	if s.notrack {
		return fact.Of(&fact.Connection{State: fact.Untracked})
	}
	c := &fact.Connection{State: s.left, Mark: s.connMark}
	fresh := s.fresh && !(s.j.In == "lo" && (h == model.HookPrerouting || h == model.HookInput)) // it came round and was confirmed
	s.ends(c, fresh && early && at < dstNAT)
	fl := s.flow
	if fl == nil {
		switch {
		case fresh && early && at < dstNAT:
			c.Status = fact.Of([]string{})
		case early && at == dstNAT, (h == model.HookPostrouting || h == model.HookInput) && at >= srcNAT:
		default:
			c.NAT = s.turned()
		}
		return fact.Of(c)
	}
	c.Zone = fact.Of(fl.Zone)
	nat := fl.Status & (flow.SrcNAT | flow.DstNAT)
	if !fresh || nat == 0 {
		c.Answered = fact.Of(fl.Reply.Tuple)
	}
	switch {
	case fresh && early && at < dstNAT:
		nat = 0
	case fresh && (early && at == dstNAT || at == srcNAT && (h == model.HookPostrouting || h == model.HookInput)):
		return fact.Of(c) // nat chains may or may not have run
	case fresh && (h != model.HookPostrouting && h != model.HookInput || at < srcNAT):
		nat &= flow.DstNAT
	}
	names := bits(nat)
	c.NAT = fact.Of(names)
	if fresh {
		c.Status = c.NAT
	}
	return fact.Of(c)
}

// bits names the bits of a status that rules can ask for.
func bits(s flow.Status) []string {
	names := []string{}
	for i, n := range [...]string{"EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED", "SNAT", "DNAT"} {
		if s&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}

// ends fills in which entry it is, the packet's direction and the original tuple. first is
// true where the packet is the entry's first and not translated yet.
func (s *state) ends(c *fact.Connection, first bool) {
	j := s.j
	if first && s.packet.Transport {
		c.Original = fact.Of(s.packet.Tuple())
	}
	if s.flow != nil {
		c.Original = fact.Of(s.flow.Orig.Tuple)
	}
	switch {
	case j.CTState == "" && s.flow != nil:
		c.Reply, c.ID = fact.Of(j.Packet.Tuple() != s.flow.Orig.Tuple), fact.Of(s.flow.ID)
	case j.FlowBy == journey.FlowByID:
		c.ID = fact.Of(j.Flow)
		if j.Direction != "" {
			c.Reply = fact.Of(j.Direction == journey.Reply)
		}
	}
}
