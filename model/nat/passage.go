package nat

import (
	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/flow"
	"nfscope/model/ruleset"
	"nfscope/model/walk"
)

// passage takes the first packet of a flow through the hooks as today's rules would.
type passage struct {
	f    *Finder
	flow *flow.Look
	path path
	// guess fills in what is likely but not sure: no mark, and the interface that answers
	// would leave by.
	guess bool

	packet  model.Packet
	facts   fact.Facts
	muddled bool
	// tracked is what conntrack has of the packet behind its hook.
	tracked *fact.Connection
}

// hooked is what the base chains of one hook may do.
type hooked struct {
	// maps are the ends that may translate, in order.
	maps []walk.End
	// plain says that the packet may go on untranslated; unclear that something else may
	// become of it, that nobody knows.
	plain, unclear bool
	// drop is the first of the ends of a chain that drops whatever comes to it, before which
	// nothing is unclear; late where it stands behind the translation: it is asked of the
	// packet as it was translated.
	drop *walk.End
	late bool
	// drops is how many such ends there are.
	drops int
}

func (f *Finder) passage(fl *flow.Look, p path, guess bool) *passage {
	t := fl.Orig
	s := &passage{f: f, flow: fl, path: p, guess: guess}
	s.packet = model.Packet{Family: fl.Family, Proto: t.Proto, Src: t.Src, Dst: t.Dst, SPort: t.SPort, DPort: t.DPort, Transport: true}
	switch {
	case t.Proto == model.ProtoTCP:
		s.packet.Flags = model.SYN
	case t.Proto.ICMP():
		s.packet.SPort, s.packet.DPort = 0, 0
		s.packet.ICMPType, s.packet.ICMPCode, s.packet.ICMPID = uint8(t.DPort>>8), uint8(t.DPort), t.SPort
	case !t.Proto.Ports():
		s.packet.SPort, s.packet.DPort, s.packet.Transport = 0, 0, false
	}
	s.facts = fact.Facts{Bare: true, Local: f.host.local}
	if guess {
		s.facts.Mark = fact.Of(uint32(0))
	}
	return s
}

// devices sets the interfaces that a hook has.
func (s *passage) devices(h model.Hook) {
	none := fact.Of("")
	in := fact.Fact[string]{}
	if s.guess {
		in = s.f.host.device(s.flow.Orig.Src)
	}
	out := s.f.host.device(s.flow.Reply.Src)
	switch h {
	case model.HookPrerouting, model.HookInput:
		s.facts.In, s.facts.Out = in, none
	case model.HookForward:
		s.facts.In, s.facts.Out = in, out
	case model.HookOutput: // routed before it is translated
		s.facts.In, s.facts.Out = none, s.f.host.device(s.flow.Orig.Dst)
	case model.HookPostrouting: // what it came in by is there in newer kernels only
		s.facts.In, s.facts.Out = fact.Fact[string]{}, out
	}
}

// connection is what conntrack has of the packet at a place, and whether it has a say.
func (s *passage) connection(h model.Hook, at model.Priority, translated flow.Status) fact.Fact[*fact.Connection] {
	early := h == model.HookPrerouting || h == model.HookOutput
	switch {
	case early && at == ruleset.ConntrackPriority:
		return fact.Fact[*fact.Connection]{}
	case early && at < ruleset.ConntrackPriority:
		if s.tracked == nil {
			return fact.Of[*fact.Connection](nil)
		}
		return fact.Of(s.tracked)
	}
	c := *s.tracked
	if c.State&fact.New != 0 {
		names := []string{}
		if translated&flow.SrcNAT != 0 {
			names = append(names, "SNAT")
		}
		if translated&flow.DstNAT != 0 {
			names = append(names, "DNAT")
		}
		c.Status, c.NAT = fact.Of(names), fact.Of(names)
	}
	return fact.Of(&c)
}

// track lets conntrack see the packet: it is new, unless a rule took it out of tracking.
func (s *passage) track() {
	state := fact.New
	if c := s.facts.Connection; !c.Known {
		state |= fact.Untracked
	} else if c.Value != nil {
		switch {
		case c.Value.State == fact.Untracked:
			s.tracked = &fact.Connection{State: fact.Untracked}
			return
		case c.Value.State&fact.Untracked != 0:
			state |= fact.Untracked
		}
	}
	s.tracked = &fact.Connection{State: state, Reply: fact.Of(false), Mark: fact.Of(uint32(0)), Zone: fact.Of(zone(s.flow)),
		Original: fact.Of(s.flow.Orig), Helper: fact.Fact[string]{}}
	if s.flow.Status&(flow.SrcNAT|flow.DstNAT) == 0 {
		s.tracked.Answered = fact.Of(s.flow.Reply)
	}
}

// behind reports whether a place of a hook is behind the translation there.
func behind(h model.Hook, at model.Priority) bool {
	switch h {
	case model.HookPrerouting, model.HookOutput:
		return at > model.PriorityDstNAT
	case model.HookPostrouting, model.HookInput:
		return at > model.PrioritySrcNAT
	}
	return false
}

// translate brings the packet behind a translation, as the flow was translated, and gives
// the status of which it is then.
func (s *passage) translate(source bool) flow.Status {
	r, p := s.flow.Reply, &s.packet
	if source {
		if p.Src = r.Dst; r.Proto.Ports() {
			p.SPort = r.DPort
		}
		return s.flow.Status & flow.SrcNAT
	}
	if p.Dst = r.Src; r.Proto.Ports() {
		p.DPort = r.SPort
	}
	return s.flow.Status & flow.DstNAT
}

// through takes the packet through a hook.
func (s *passage) through(h model.Hook, translated flow.Status) hooked {
	out := hooked{plain: true}
	early := h == model.HookPrerouting || h == model.HookOutput
	bases := s.f.bases(s.flow.Family, h)
	if early {
		s.tracked, s.facts.Connection = nil, fact.Of[*fact.Connection](nil)
	}
	seen := !early // conntrack has seen it
	mark := s.tracked
	for _, b := range bases {
		if !seen && b.Priority > ruleset.ConntrackPriority {
			s.track()
			seen, mark = true, s.tracked
		}
		nat, late := b.Table.NAT(b.Chain), behind(h, b.Priority)
		switch {
		case late:
			translated |= s.translate(!early)
		case !nat:
		case !b.Sure:
			out.unclear = true
		case !out.plain || s.tracked != nil && s.tracked.State == fact.Untracked:
			continue // translated already, or never
		}
		s.devices(h)
		s.facts.Connection = s.connection(h, b.Priority, translated)
		s.facts.InSet = nil
		if in := s.f.host.InSet; in != nil {
			t := b.Table
			s.facts.InSet = func(set string, key []string) fact.Answer {
				s.f.looked = true
				return in(t, set, key)
			}
		}
		r := s.f.walker.Chain(b.Table, b.Chain, s.packet, s.facts, s.muddled)
		s.packet, s.facts, s.muddled = r.Packet, r.Facts, r.Muddled
		if seen && r.Facts.Connection.Known && r.Facts.Connection.Value != nil {
			n := *mark
			n.Mark = r.Facts.Connection.Value.Mark
			s.tracked, mark = &n, &n
		} else if !seen && r.Facts.Connection.Known {
			s.tracked = r.Facts.Connection.Value
		}
		out.take(r.Ends, nat, late)
	}
	if !seen {
		s.track()
	}
	if s.tracked.State&fact.Untracked != 0 && early && s.tracked.State != fact.Untracked {
		out.unclear = true
	}
	return out
}

// take adds what one chain may do.
func (o *hooked) take(ends []walk.End, nat, late bool) {
	plain, drops := false, 0
	for i := range ends {
		e := &ends[i]
		switch {
		case e.NAT && nat:
			o.maps = append(o.maps, *e)
		case e.NAT: // in a chain that is none of nat's the kernel refuses it
			o.unclear = true
		case e.Verdict == model.VerdictAccept:
			plain = true
		case e.Verdict == model.VerdictDrop, e.Verdict == model.VerdictReject:
			drops++
		default:
			o.unclear, plain = true, true
		}
	}
	if drops == len(ends) && o.drop == nil && !o.unclear {
		o.drop, o.drops, o.late = &ends[0], drops, late
	}
	if nat && !plain {
		o.plain = false
	}
}

func bridge(f model.Family) bool { return f == model.FamilyBridge || f == model.FamilyNetdev }

// bases are the base chains of a hook, in their order.
func (f *Finder) bases(fam model.Family, h model.Hook) []ruleset.Base {
	k := hookOf{fam, h}
	l, ok := f.hooks[k]
	if !ok {
		l = ruleset.Pipeline(f.index.Ruleset(), fam, h)
		f.hooks[k] = l
	}
	return l
}
