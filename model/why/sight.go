package why

import (
	"net/netip"
	"slices"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
)

// fate is what became of a packet.
type fate uint8

const (
	open      fate = iota // nobody knows yet, or ever
	byRule                // a rule or a policy that is known
	byQueue               // NFQUEUE without a listener
	byTable               // conntrack
	byNetwork             // netfilter, which part of it is not known
	byKernel
	arrived // at a socket of this host, or out of it
)

// sight is one packet as it was seen: by the trace, by the kernel's account of its drop,
// or by both.
type sight struct {
	journey *journey.Journey
	drop    *drop.Drop
	packet  *model.Packet
	at      time.Time
	reply   bool
	// about is an ICMP error about the flow, which is no packet of it.
	about bool
	// again is true where the same packet had been sent before.
	again bool
	fate  fate
	// usual marks a drop that happens to every flow.
	usual bool
	words drop.Explanation // of a drop
}

// lost reports whether the packet is surely gone.
func (s *sight) lost() bool { return s.fate >= byRule && s.fate <= byKernel && !s.usual }

// over reports whether the packet was traced, and nothing more comes of it.
func (s *sight) over() bool { return s.journey != nil && s.journey.Closed }

// early is how much before the looking a packet may seem to have come: the clocks are two.
const early = 5 * time.Millisecond

// sights joins what the trace showed and what the kernel dropped.
func sights(s *Seen, words drop.Dictionary) []*sight {
	var out []*sight
	taken := map[*drop.Drop]bool{} // the fold of journeys knows whose end it is
	for _, j := range s.Journeys {
		if j.Start.Before(s.Began.Add(-early)) || j.CopyOf > 0 || sentToSelf(j) || neighbourly(&j.Packet) {
			continue
		}
		out = append(out, &sight{journey: j, drop: j.Drop, packet: &j.Packet, at: j.Start})
		if j.Drop != nil {
			taken[j.Drop] = true
		}
	}
	u, both := newUntold(out), s.Filter.Both()
	for _, d := range s.Drops {
		if taken[d] || !ours(s, d) || both.Drop(d) != filter.Yes || u.take(d) {
			continue
		}
		if !s.Ended.IsZero() && d.Time.After(s.Ended) {
			continue // it came when nothing was traced any more
		}
		out = append(out, &sight{drop: d, packet: &d.Packet, at: d.Time})
	}
	for _, x := range out {
		x.about = x.packet.ICMPError()
		x.judge(words)
	}
	slices.SortStableFunc(out, func(a, b *sight) int { return a.at.Compare(b.at) })
	return out
}

// sentToSelf reports whether the packet's other half tells more: what this host sends to
// itself leaves by lo and comes in again.
func sentToSelf(j *journey.Journey) bool {
	return j.Half > 0 && j.Path == journey.PathOutput && j.Outcome.Verdict == journey.Accepted
}

// ours reports whether a drop is of one packet, in this namespace and since the looking began.
func ours(s *Seen, d *drop.Drop) bool {
	switch {
	case !d.HasPacket() || d.Count != 1 || d.Copy() || neighbourly(&d.Packet), d.Time.Before(s.Began.Add(-early)):
		return false
	case d.Netns != 0 && s.Watch.Netns != 0 && d.Netns != s.Watch.Netns:
		return false
	}
	return true
}

// judge says what became of the packet.
func (x *sight) judge(words drop.Dictionary) {
	if x.drop != nil {
		x.words = words.Explain(x.drop)
		x.usual = x.words.Grade == drop.Usual
	}
	if x.journey != nil {
		o := &x.journey.Outcome
		switch o.Verdict {
		case journey.Dropped, journey.Rejected:
			if k := o.By.Kind; (k == "rule" || k == "policy") && (x.drop == nil || !x.drop.Queued()) {
				x.fate = byRule
				return
			}
		case journey.Queued:
			if x.drop != nil {
				x.fate = byQueue
			}
			return
		case journey.Accepted: // what every flow has was no loss: it had done its work
			if x.drop == nil || x.usual {
				x.fate = arrived
				return
			}
		}
	}
	if x.drop == nil {
		return
	}
	switch {
	case x.drop.Queued():
		x.fate = byQueue
	case x.words.By == drop.ByConntrack:
		x.fate = byTable
	case x.drop.Netfilter():
		x.fate = byNetwork
	default:
		x.fate = byKernel
	}
}

// reason is the kernel's word for the packet's end, "" where it gave none.
func (x *sight) reason() string {
	switch {
	case x.drop != nil:
		return x.drop.Reason
	case x.journey != nil:
		return x.journey.Outcome.By.Reason
	}
	return ""
}

// to is where the packet was sent on to, behind all NAT.
func (x *sight) to() netip.AddrPort {
	p := x.packet
	if n := x.journey.NAT; n != nil && len(n.Dst) == 2 {
		if behind, err := netip.ParseAddrPort(n.Dst[1]); err == nil {
			return behind
		} else if behind, err := netip.ParseAddr(n.Dst[1]); err == nil { // no ports
			return netip.AddrPortFrom(behind, 0)
		}
	}
	return netip.AddrPortFrom(p.Dst, p.DPort)
}

// hop is the packet's way out, nil where it has none that is known.
func (x *sight) hop() *Hop {
	if x.journey == nil || here(x) || x.journey.Out == "" {
		return nil
	}
	return &Hop{x.to().Addr(), x.journey.Out}
}
