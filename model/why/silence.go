package why

import (
	"slices"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/journey"
)

// unanswered is a verdict about a request that came through, to which nothing came back.
func (v *verdict) unanswered(s *Seen, words drop.Dictionary) {
	v.kind, v.side = NoReply, Reply
	for _, x := range v.talk.sights {
		if x.fate == arrived && !x.reply {
			v.like = append(v.like, x)
		}
	}
	v.by = v.like[0]
	switch {
	case s.Probe != nil && s.Probe.Refused:
		v.kind, v.because = Refused, "the probe's socket was told so"
		return
	case v.talk.unheard(s) && v.talk.answered(s):
		v.untracedReply()
		return
	case s.Lost > 0 || s.Gaps > 0 || s.Held > 0:
		v.confidence, v.because = Likely, "packets were not seen, a reply may be among them"
	case !s.Over:
		v.confidence, v.because = Likely, "a reply may still come"
	case v.talk.unheard(s):
		v.confidence, v.because = Likely, "-j TRACE does not trace what comes back to a translated request, so that a reply may have come"
	case len(s.Filter.After()) > 0:
		v.confidence, v.because = Likely, "the filter says more than addresses and ports, so that replies may not be matched"
	case !here(v.by) && v.by.journey.Flow == 0:
		v.confidence, v.because = Likely, "conntrack is not at work here, so that an ICMP error about it would not have been seen"
	default:
		v.because = "both directions were traced and nothing was lost"
	}
	if !here(v.by) {
		if v.waitsFor(v.by, s) {
			v.side = Request
			v.undeliver()
		}
		return
	}
	v.asks = !v.by.packet.Proto.ICMP() || echo(v.by.packet)
	rose := slices.ContainsFunc(s.Drops, func(d *drop.Drop) bool { return d.Reason == "TcpExtListenOverflows" && !d.Time.Before(s.Began) })
	full := s.Socket != nil && s.Socket.Full()
	if v.by.packet.Proto == model.ProtoTCP && rose && (full || !v.stranded(s)) {
		v.kind, v.side, v.confidence = Backlog, Request, Likely
		v.because = "TcpExtListenOverflows rose meanwhile, which names no socket"
		if full {
			v.confidence, v.because = Certain, "the queue of its socket is over, and TcpExtListenOverflows rose meanwhile"
		}
	}
	v.closed(s, words)
}

// closed makes a datagram the verdict that came to a port without a socket, where the kernel's
// own account of drops cannot be read.
func (v *verdict) closed(s *Seen, words drop.Dictionary) {
	if p := v.by.packet; p.Proto != model.ProtoUDP || !s.NoSocket || s.Watch.Step == drop.StepBPF {
		return
	}
	name := "UdpNoPorts"
	if v.by.packet.Family == model.FamilyIPv6 {
		name = "Udp6NoPorts"
	}
	list := suspects(s, v.by, words)
	i := slices.IndexFunc(list, func(d *drop.Drop) bool { return d.Reason == name })
	if i < 0 {
		return
	}
	v.counters = list[i : i+1]
	v.kind, v.side, v.confidence = Kernel, Request, Likely
	v.because = "no socket is at its port, and " + name + " rose meanwhile, which names no packet"
	v.undeliver()
}

// undeliver takes back that packets came to their end.
func (v *verdict) undeliver() {
	for _, x := range v.like {
		x.fate = open
	}
	v.talk.requests.Delivered -= len(v.like)
}

// stranded reports whether this host has no way back to who asked: its answer is never sent,
// so that no rule, no drop and often no counter tells of it.
func (v *verdict) stranded(s *Seen) bool {
	return here(v.by) && v.by.journey.In != "lo" && s.Routes.Lack(v.by.packet.Src)
}

// hairpin reports whether a request came from the network that it was sent back to, with another
// destination and its own source: who got it answers past this host.
func (v *verdict) hairpin(s *Seen) bool {
	if v.by == nil || v.by.journey == nil || v.by.reply {
		return false
	}
	j := v.by.journey
	n := j.NAT
	if n == nil || len(n.Dst) != 2 || n.Dst[0] == n.Dst[1] || len(n.Src) == 2 && n.Src[0] != n.Src[1] || j.In == "" || j.In != j.Out {
		return false
	}
	return s.Routes.Together(v.by.packet.Src, v.by.to().Addr())
}

// here reports whether a packet was for this host.
func here(x *sight) bool { return x.journey != nil && x.journey.Path == journey.PathInput }
