package miss

import (
	"slices"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/flow"
	"nfscope/model/journey"
)

// turned is what NAT did to a connection that conntrack has no entry of, since its first
// packet was dropped on the way: what that packet's way shows, between the hooks where DNAT
// and SNAT are done. A new connection has DNAT's bit where a nat chain changed its
// destination, and none where nothing was changed (nf_nat_setup_info).
func (s *state) turned() (nat fact.Fact[[]string]) {
	j := s.j
	if s.left != fact.New || j.In == "lo" { // over loopback DNAT was done when it was sent
		return nat
	}
	if s.fresh && j.Track.Status&flow.DstNAT != 0 {
		return fact.Of(bits(flow.DstNAT))
	}
	met, by := s.metNAT()
	if !s.fresh && !met || !j.Track.Early || !s.packet.Transport || !j.Packet.Transport {
		return nat
	}
	switch from, to := j.Packet.Tuple(), s.packet.Tuple(); {
	case from.Dst == to.Dst && from.DPort == to.DPort:
		return fact.Of(bits(0))
	case by:
		return fact.Of(bits(flow.DstNAT))
	}
	return nat // a rule may have changed it that does no NAT
}

// metNAT reports whether the packet met a nat chain where destinations are changed, as only
// the first of a connection does, and whether it hit a rule there that changes them.
func (s *state) metNAT() (met, hit bool) {
	for i := range s.j.Steps[:s.step] {
		st := &s.j.Steps[i]
		if st.Hook != model.HookPrerouting && st.Hook != model.HookOutput {
			continue
		}
		if t, c := s.j.Rules.Chain(st.Backend, st.Family, st.Table, st.Base); c != nil && t.NAT(c) {
			met = true
			hit = hit || st.Kind == journey.KindRule && slices.Contains([]string{"DNAT", "REDIRECT", "NETMAP"}, st.Target)
		}
	}
	return met, hit
}
