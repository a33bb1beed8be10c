package why

import (
	"slices"
	"strings"

	"nfscope/model/flow"
	"nfscope/model/journey"
)

// unheard reports whether what comes back to the request is not traced: the trace knows it by
// addresses and ports alone, and they are not those of the request.
func (t *talk) unheard(s *Seen) bool {
	return s.Mirrored && slices.ContainsFunc(t.sights, func(x *sight) bool {
		return !x.reply && x.journey != nil && rewritten(x.journey)
	})
}

// rewritten reports whether a packet was translated. What leaves behind SNAT the legacy tracer does
// not show: where conntrack's entry is not known the rule that the packet met tells.
func rewritten(j *journey.Journey) bool {
	if n := j.NAT; n != nil && (len(n.Src) == 2 && n.Src[0] != n.Src[1] || len(n.Dst) == 2 && n.Dst[0] != n.Dst[1]) {
		return true
	}
	return begins(j)
}

// begins reports whether a rule translated the packet: that is the first of its connection.
func begins(j *journey.Journey) bool {
	return slices.ContainsFunc(j.Steps, func(st journey.Step) bool {
		return st.Kind == journey.KindRule && slices.Contains([]string{"SNAT", "DNAT", "MASQUERADE", "REDIRECT", "NETMAP"}, strings.ToUpper(st.Target))
	})
}

// answered reports whether conntrack's entry of the flow says that a reply came. Of a connection
// that was there before that may be one from before.
func (t *talk) answered(s *Seen) bool {
	return slices.ContainsFunc(s.Flows, func(f *flow.Flow) bool {
		return f.Status&flow.SeenReply != 0 && slices.ContainsFunc(t.sights, func(x *sight) bool {
			return !x.reply && x.journey != nil && x.journey.Flow == f.ID && begins(x.journey)
		})
	})
}

// untracedReply is a verdict about a request that was translated, to which a reply came that only
// conntrack saw. That it came to the client is known where that went on.
func (v *verdict) untracedReply() {
	const but = "-j TRACE does not trace what comes back to a translated request"
	if v.talk.oneWay() {
		v.kind, v.confidence = Works, Likely
		v.because = "conntrack says that a reply came (SEEN_REPLY), and the client went on after it; " + but
		v.by, v.like = nil, nil
		return
	}
	v.kind, v.confidence, v.came = Unknown, Open, true
	v.because = "conntrack says that a reply came (SEEN_REPLY); " + but + ", so that its end is not known"
}

// asksState reports whether a packet met its end for its state in conntrack: the rule asks for one,
// or conntrack could not place the packet.
func (x *sight) asksState() bool {
	if x.journey.CTState == "INVALID" || x.drop != nil && x.drop.State == "INVALID" {
		return true
	}
	for i, part := range strings.Split(strings.ReplaceAll(x.journey.Outcome.By.Text, `\"`, ""), `"`) { // between quotes are comments
		w := strings.Fields(part)
		if i%2 == 0 && (slices.Contains(w, "--ctstate") || slices.Contains(w, "--state") || slices.Contains(w, "ct") && slices.Contains(w, "state")) {
			return true
		}
	}
	return false
}
