package why

import (
	"cmp"
	"slices"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/journey"
)

// unsure is a verdict about a packet whose end nobody told of: the counters may.
func (v *verdict) unsure(s *Seen, x *sight, words drop.Dictionary) {
	v.by, v.like = x, []*sight{x}
	if v.side = Request; x.reply {
		v.side = Reply
	}
	v.kind, v.confidence, v.because = Unknown, Open, "nobody told of its end"
	j := x.journey
	switch {
	case j.Outcome.Verdict == journey.Queued:
		v.kind, v.because = Unknown, "what user space did with it was not seen"
		return
	case j.Possible != nil:
		v.because = "it may have gone on unseen: " + j.Why
		return
	case s.Watch.Step == drop.StepBPF:
		v.because = "the kernel told of no drop of it"
	}
	v.counters = suspects(s, x, words)
	switch {
	case len(v.counters) > 0:
		v.kind, v.confidence = Kernel, Likely
		v.because = "no rule dropped it, and a counter rose meanwhile, which names no packet"
		if v.counters[0].Source == drop.StepPerf {
			v.because = "no rule dropped it, and the kernel dropped packets for that meanwhile; which ones, in which namespace, is not told by perf"
		}
		switch words.Explain(v.counters[0]).By {
		case drop.ByConntrack:
			v.kind = Conntrack
		case drop.ByUnknown:
			v.kind, v.confidence, v.because = Unknown, Open, "a counter rose meanwhile, which names no packet and rises for netfilter and for the kernel"
		}
	case s.Watch.Step != drop.StepBPF && s.Watch.Step != "":
		v.because = "no rule dropped it, and the kernel's reasons cannot be read here"
	}
}

// suspects are counters that rose, and drops without packets, that may be a packet's end.
func suspects(s *Seen, x *sight, words drop.Dictionary) (out []*drop.Drop) {
	v6 := x.packet.Family == model.FamilyIPv6
	for _, d := range s.Drops {
		e := words.Explain(d)
		switch {
		case d.HasPacket() || d.ARP != "" || d.Netfilter() || e.Grade == drop.Usual || d.Time.Before(s.Began):
			continue
		case d.Source == drop.StepProc && !speaksOf(d.Reason, x.packet, v6):
			continue
		case d.Source == drop.StepProc && words[d.Reason].Host && s.Watch.Step != drop.StepProc:
			continue
		}
		if i := slices.IndexFunc(out, func(o *drop.Drop) bool { return o.Source == d.Source && o.Reason == d.Reason && o.Place == d.Place }); i >= 0 {
			c := *out[i]
			c.Count += d.Count
			out[i] = &c
			continue
		}
		out = append(out, d)
	}
	// What is of the whole host counts where nothing of this namespace rose.
	ofHost := func(d *drop.Drop) bool { return words[d.Reason].Host }
	if slices.ContainsFunc(out, func(d *drop.Drop) bool { return !ofHost(d) }) {
		out = slices.DeleteFunc(out, ofHost)
	}
	slices.SortStableFunc(out, func(a, b *drop.Drop) int {
		return cmp.Or(cmp.Compare(vague(a.Reason), vague(b.Reason)), cmp.Compare(a.Reason, b.Reason))
	})
	return out
}

// vague are counters that say only that something was thrown away; those that rise for
// netfilter too come first of them, so that the kernel is not blamed beside them.
func vague(reason string) int {
	switch reason {
	case "IpOutDiscards", "Ip6OutDiscards":
		return 1
	case "IpInDiscards", "Ip6InDiscards", "NOT_SPECIFIED":
		return 2
	}
	return 0
}

// speaksOf reports whether a counter of /proc may count such a packet.
func speaksOf(name string, p *model.Packet, v6 bool) bool {
	has := func(prefix string) bool { return len(name) >= len(prefix) && name[:len(prefix)] == prefix }
	switch {
	case has("nf_conntrack"), has("softnet"):
		return true
	case has("TcpExtIPReversePathFilter"), has("rt_cache"), has("Icmp") && !has("Icmp6"), has("Ip") && !has("Ip6"):
		return !v6
	case has("Ip6"), has("Icmp6"):
		return v6
	case has("Udp6"):
		return v6 && p.Proto == model.ProtoUDP
	case has("Udp"):
		return !v6 && p.Proto == model.ProtoUDP
	case has("Tcp"):
		return p.Proto == model.ProtoTCP
	}
	return true
}
