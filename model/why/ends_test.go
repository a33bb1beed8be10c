package why

import (
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
)

// last is the journey that was written down last, to be changed.
func (s *talking) last(change func(*journey.Journey)) *talking {
	change(s.seen.Journeys[len(s.seen.Journeys)-1])
	return s
}

// gone is a packet that only the kernel told of.
func (s *talking) gone(p model.Packet, reason, place string, station drop.Station) *talking {
	s.ms += 10
	s.seen.Drops = append(s.seen.Drops, lost(s.ms, p, reason, place, station, 0))
	return s
}

// refused is one that conntrack did not take, of which only the kernel told.
func (s *talking) refused(p model.Packet) *talking {
	s.gone(p, "NETFILTER_DROP", "nf_hook_slow", drop.StationNetfilter)
	d := s.seen.Drops[len(s.seen.Drops)-1]
	d.Hook, d.Facts = model.HookPrerouting, &drop.Facts{Conntrack: &drop.Conntrack{Count: 100, Max: 100, Drop: 1}}
	return s
}

// TestEnds: what is said of a flow by the ends of its packets: which of them decides, and how
// sure that is.
func TestEnds(t *testing.T) {
	one := func() *talking { return new(talking) }
	second := func(j *journey.Journey) { j.Flow, j.Packet.SPort = 8, 41000 } // another flow's
	unclosed := func(j *journey.Journey) { j.Closed = false }
	partly := func(j *journey.Journey) {
		j.Possible, j.Complete, j.Why = []string{journey.Accepted, journey.Dropped}, false, "events in its middle are missing"
	}
	queued := func(j *journey.Journey) {
		j.Outcome = journey.Outcome{Verdict: journey.Queued, By: rule(1, "-j NFQUEUE"), Sentence: "queued to user space by " + rule(1, "-j NFQUEUE").Words()}
	}
	policy := func(j *journey.Journey) { j.Outcome.By.Kind = "policy" }
	unsure := func(j *journey.Journey) { j.Complete, j.Why = false, "events in its middle are missing" }
	untold := func(j *journey.Journey) { j.Outcome.By.Kind = "unknown" }
	perf := func(s *talking) *talking {
		s.seen.Watch = drop.Watch{Step: drop.StepPerf, Netns: inode}
		s.seen.Drops = append(s.seen.Drops, &drop.Drop{Time: at(900), Source: drop.StepPerf, Reason: "IP_RPFILTER", Place: "ip_rcv_finish_core", Count: 1})
		return s
	}
	by := func(step drop.Step) func(*talking) *talking {
		return func(s *talking) *talking { s.seen.Watch = drop.Watch{Step: step, Netns: inode}; return s }
	}
	over := func(s *talking) *talking { s.seen.Over = true; return s }
	counted := func(s *talking, names ...string) *talking {
		for _, n := range names {
			s.seen.Drops = append(s.seen.Drops, rose(900, n, 1))
		}
		return by(drop.StepProc)(s)
	}
	seen := func(change func(*Seen)) *talking { s := new(talking); change(&s.seen); return s }
	listens := func(s *talking) *talking {
		s.seen.Socket = &Socket{Proto: model.ProtoTCP, At: "tcp 0.0.0.0:80", Most: 5}
		return s
	}
	sent := func(j *journey.Journey) { j.Path, j.In = journey.PathOutput, "" }
	local := func(j *journey.Journey) { j.Path, j.Out = journey.PathInput, "" }
	translated := func(j *journey.Journey) { j.NAT = &journey.NAT{Dst: []string{"10.2.0.2:9", "10.3.0.3:53"}} }
	behind := with(seg(push, 1, 1), func(p *model.Packet) { p.IPID = 5 })
	for _, c := range []struct {
		name       string
		talk       *talking
		kind       Kind
		side       Side
		confidence Confidence
		says       string // in the sentence, the reason or the evidence
	}{
		{"of two flows the one of which more is lost", one().rule(udp(1)).last(second).rule(udp(2)).rule(udp(3)), Rule, Request, Certain, "request direction: 2 packets seen, 2 dropped"},
		{"what is certain before what is likely", one().rule(udp(1)).last(second).last(unsure).kernel(udp(2), "IP_INHDR"), Kernel, Request, Certain, "1 other flow matches the filter: 1 dropped by a rule"},
		{"a rule before the kernel", one().kernel(udp(1), "IP_INHDR").rule(udp(2)).last(second), Rule, Request, Certain, "1 other flow matches the filter: 1 dropped by the kernel"},
		{"no reply before one that works", over(one().pass(udp(1)).pass(back(udp(1))).pass(udp(2)).last(second)), NoReply, Reply, Certain, "1 other flow matches the filter: 1 answered"},
		{"a policy", one().rule(udp(1)).last(policy), Policy, Request, Certain, "dropped by"},
		{"only the reply was seen", one().pass(back(udp(1))), Works, Reply, Likely, "nothing is wrong here: the reply of udp 10.1.0.2 > 10.2.0.2:9 came through"},
		{"only the reply was seen, and was dropped", one().rule(back(udp(1))), Rule, Reply, Certain, "the reply of udp 10.1.0.2 > 10.2.0.2:9 was dropped by"},
		{"a reply is dropped, whose request is under way", one().vanish(udp(1)).last(unclosed).rule(back(udp(1))), Rule, Reply, Certain, "the request was seen, the reply was dropped by"},
		{"under way", one().vanish(udp(1)).last(unclosed), Unknown, Request, Open, "udp 10.1.0.2 > 10.2.0.2:9 was seen, and is still under way"},
		{"nobody told", one().vanish(udp(1)), Unknown, Request, Open, "the kernel told of no drop of it"},
		{"nobody told, nor watched", by("")(one().vanish(udp(1))), Unknown, Request, Open, "nobody told of its end"},
		{"nobody told of the reply's", one().pass(udp(1)).vanish(back(udp(1))), Unknown, Reply, Open, "the request was delivered (sent out of r1), the reply was last seen in the prerouting hook"},
		{"it may have gone on", one().vanish(udp(1)).last(partly), Unknown, Request, Open, "it may have gone on unseen: events in its middle are missing"},
		{"it may have gone on, beside one that did", over(one().vanish(udp(1)).last(partly).pass(udp(2))), NoReply, Reply, Certain, "and no reply came back"},
		{"nobody told, beside one that came through", over(one().vanish(udp(1)).pass(udp(2))), Unknown, Request, Open, "last seen in the prerouting hook"},
		{"the reply may have gone on, and none came", one().pass(udp(1)).vanish(back(udp(1))).last(partly), Unknown, Reply, Open, "it may have gone on unseen"},
		{"in user space", one().vanish(udp(1)).last(queued), Unknown, Request, Open, "what user space did with it was not seen"},
		{"perf tells of a drop", perf(one().vanish(udp(1))), Kernel, Request, Likely, "which ones, in which namespace, is not told by perf"},
		{"the kernel alone", one().gone(udp(1), "IP_INHDR", "ip_forward", drop.StationForward), Kernel, Request, Certain, "the kernel says so; it did not come to the trace"},
		{"conntrack, untraced", one().refused(udp(1)), Conntrack, Request, Likely, "conntrack's counter rose when it came; that no rule did it is not known"},
		{"conntrack, traced", one().vanish(udp(1)).refused(udp(1)), Conntrack, Request, Certain, "dropped by conntrack, no rule did it: conntrack has no room for its connection"},
		{"conntrack, traced, by whom is not known", one().vanish(udp(1)).last(untold).refused(udp(1)), Conntrack, Request, Likely, "dropped by conntrack: conntrack has no room for its connection (a rule of the raw table"},
		{"no socket, of a connection that is over", opened().gone(seg(model.ACK, 2, 2), "NO_SOCKET", "tcp_v4_rcv", drop.StationSocket), Works, Reply, Certain, "nothing is wrong here"},
		{"no socket, of a new connection by its ports", opened().gone(tcp(model.SYN, 9000, 0), "NO_SOCKET", "tcp_v4_rcv", drop.StationSocket), Kernel, Request, Certain, "nobody listens at tcp port 80"},
		{"no reason, but at a socket", opened().gone(seg(push, 1, 1), "NOT_SPECIFIED", "ip_error", drop.StationRouting), Kernel, Request, Certain, "NOT_SPECIFIED in ip_error"},
		{"no socket, of datagrams", one().pass(udp(1)).pass(back(udp(1))).gone(udp(2), "NO_SOCKET", "__udp4_lib_rcv", drop.StationSocket), Kernel, Request, Certain, "nobody listens at udp port 9"},
		{"no socket, and no reply", one().pass(seg(model.ACK, 1, 1)).gone(behind, "NO_SOCKET", "tcp_v4_rcv", drop.StationSocket), Kernel, Request, Certain, "no connection of this host has these ends"},
		{"no socket, and a reply to nothing", one().pass(ans(model.ACK, 1, 1)).gone(behind, "NO_SOCKET", "tcp_v4_rcv", drop.StationSocket), Kernel, Request, Certain, "no connection of this host has these ends"},
		{"a reset of a connection that worked", opened().pass(seg(push, 1, 1)).pass(ans(push, 1, 11)).pass(ans(rst, 11, 11)), Works, Reply, Certain, "nothing is wrong here"},
		{"netfilter, in which hook is not known", one().gone(udp(1), "NETFILTER_DROP", "nf_hook_slow", drop.StationNetfilter), Netfilter, Request, Likely, "was dropped by netfilter, by a rule or a policy"},
		{"three counters", counted(one().vanish(udp(1)), "UdpNoPorts", "UdpRcvbufErrors", "UdpInCsumErrors"), Kernel, Request, Likely, "(UdpNoPorts), or 1 other cause\n"},
		{"four counters", counted(one().vanish(udp(1)), "UdpNoPorts", "UdpRcvbufErrors", "UdpInCsumErrors", "UdpMemErrors"), Kernel, Request, Likely, ", or 2 other causes\n"},
		{"sent from here", over(one().pass(udp(1)).last(sent)), NoReply, Reply, Certain, "the request was sent out of r1, and no reply came back"},
		{"sent on behind DNAT", over(one().pass(udp(1)).last(translated)), NoReply, Reply, Certain, "look at 10.3.0.3:53 and at the way there"},
		{"a segment that a program takes", listens(over(one().pass(seg(push, 1, 1)).last(local))), NoReply, Reply, Certain, "the server's socket tcp 0.0.0.0:80 took it, and its program sends nothing back"},
		{"dropped beside others, and what became of a reply is another matter", one().pass(udp(1)).rule(udp(2)).vanish(back(udp(1))), Rule, Request, Certain, "-j DROP (1 of 2 packets; 1 came through)\n"},
		{"a loss of the reply, beside requests that are lost", one().pass(udp(1)).rule(back(udp(1))).pass(udp(2)).pass(back(udp(2))).pass(back(udp(3))).pass(udp(3)), Lossy, Reply, Certain, "1 of 3 packets of the reply was dropped"},
		{"nothing, and events were lost", seen(func(s *Seen) { s.Over, s.Lost = true, 1 }), Nothing, Request, Likely, "events were lost"},
		{"nothing, and a gap", seen(func(s *Seen) { s.Over, s.Gaps = true, 1 }), Nothing, Request, Likely, "events were lost"},
		{"nothing yet", seen(func(*Seen) {}), Nothing, Request, Likely, "it may still come"},
		{"nothing, and the rules let it through", seen(func(s *Seen) { s.Over, s.Simulated = true, traced(0, udp(1), journey.Accepted, journey.Culprit{}) }), Nothing, Request, Certain, "; the rules would let it through (simulated)"},
		{"nothing, and the rules reject it", seen(func(s *Seen) { s.Over, s.Simulated = true, traced(0, udp(1), journey.Rejected, drops9) }), Nothing, Request, Certain, "; by the rules it would be rejected by rule 2"},
		{"nothing, and what the rules do is not known", seen(func(s *Seen) { s.Over, s.Simulated = true, traced(0, udp(1), journey.Unknown, journey.Culprit{}) }), Nothing, Request, Certain, "; what the rules would do with it is not known (simulated)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := c.talk.seen
			f, err := filter.Parse("dst host 10.2.0.2")
			if err != nil {
				t.Fatal(err)
			}
			s.Filter, s.Began, s.Looked = f, begin, 2*time.Second
			if s.Watch.Netns == 0 {
				s.Watch = drop.Watch{Step: drop.StepBPF, Netns: inode}
			}
			a := judged(t, &s)
			all := a.Sentence + "\n" + a.Because + "\n" + strings.Join(a.Evidence, "\n")
			if a.Kind != c.kind || a.Side != c.side || a.Confidence != c.confidence || !strings.Contains(all, c.says) {
				t.Errorf("%s, %s, %s, want %s, %s, %s, and %q:\n%s", a.Kind, a.Side, a.Confidence, c.kind, c.side, c.confidence, c.says, all)
			}
		})
	}
}
