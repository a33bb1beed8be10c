package why

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
)

// begin is when the looking began.
var begin = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }

const here4, there4 = "10.1.0.2", "10.2.0.2"

// udp is a datagram from the client to port 9 of the server; id tells packets apart.
func udp(id uint16) model.Packet {
	return model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Src: netip.MustParseAddr(here4), Dst: netip.MustParseAddr(there4), SPort: 40000, DPort: 9, Transport: true, IPID: id, Length: 29, TTL: 64}
}

func tcp(flags model.TCPFlags, seq uint32, id uint16) model.Packet {
	p := udp(id)
	p.Proto, p.DPort, p.Flags, p.Seq = model.ProtoTCP, 80, flags, seq
	return p
}

func back(p model.Packet) model.Packet {
	p.Src, p.Dst, p.SPort, p.DPort = p.Dst, p.Src, p.DPort, p.SPort
	p.IPID += 1000
	return p
}

// traced is a packet that the trace showed.
func traced(ms int, p model.Packet, verdict string, by journey.Culprit) *journey.Journey {
	j := &journey.Journey{ID: "t", Start: at(ms), Origin: "trace", Family: p.Family, In: "r0", Out: "r1", Path: journey.PathForward, Packet: p, Closed: true, Complete: true, Flow: 7,
		Outcome: journey.Outcome{Verdict: verdict, By: by}}
	switch verdict {
	case journey.Dropped:
		j.Outcome.Sentence = "dropped by " + by.Words()
	case journey.Rejected:
		j.Outcome.Sentence = "rejected by " + by.Words()
	case journey.Queued:
		j.Outcome.Sentence = "queued to user space by " + by.Words()
	case journey.Unknown:
		j.Outcome.By.Kind = "kernel"
		j.Outcome.Sentence = "last seen in the prerouting hook, no rule dropped it: the kernel did (routing, rp_filter, conntrack, ...), or holds it"
	}
	return j
}

func rule(n int, text string) journey.Culprit {
	return journey.Culprit{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Table: "filter", Chain: "FORWARD", Kind: "rule", Rule: n, Text: text}
}

var drops9 = rule(2, "-A FORWARD -p udp --dport 9 -j DROP")

const inode = 4026531840

// lost is a packet that the kernel dropped.
func lost(ms int, p model.Packet, reason, place string, station drop.Station, hook model.Hook) *drop.Drop {
	return &drop.Drop{Time: at(ms), Source: drop.StepBPF, Reason: reason, Place: place, Station: station, Hook: hook, Netns: inode, In: "r0", Packet: p, Count: 1}
}

func netfilter(ms int, p model.Packet) *drop.Drop {
	return lost(ms, p, "NETFILTER_DROP", "nf_hook_slow", drop.StationNetfilter, model.HookForward)
}

func rose(ms int, name string, n uint64) *drop.Drop {
	return &drop.Drop{Time: at(ms), Source: drop.StepProc, Reason: name, Count: n, Netns: inode}
}

// with changes a packet.
func with(p model.Packet, change func(*model.Packet)) model.Packet { change(&p); return p }

// but changes a drop or a journey.
func but[T any](v *T, change func(*T)) *T { change(v); return v }

func TestJudge(t *testing.T) {
	none := journey.Culprit{}
	local := func(j *journey.Journey) *journey.Journey { j.Path, j.Out = journey.PathInput, ""; return j }
	fromHere := func(j *journey.Journey) *journey.Journey { j.Path, j.In = journey.PathOutput, ""; return j }
	reply := func(j *journey.Journey) *journey.Journey { j.Direction = journey.Reply; return j }
	unread := func(j *journey.Journey) *journey.Journey { j.Complete, j.Why = false, "the rules changed"; return j }
	byHandle := func(j *journey.Journey, handle uint64, c journey.Culprit) *journey.Journey { // of iptables-nft; zero for a rule that was not read
		st := journey.Step{Backend: model.BackendIptablesNFT, Family: model.FamilyIPv4, Table: "filter", Chain: "FORWARD", Kind: journey.KindRule, Rule: c.Rule, Text: c.Text, Handle: handle}
		j.Steps, j.Outcome.By = []journey.Step{st}, journey.CulpritOf(&st)
		j.Outcome.Sentence = "dropped by " + j.Outcome.By.Words()
		return j
	}
	unknown := func(ms int, p model.Packet) *journey.Journey { return traced(ms, p, journey.Unknown, none) }
	icmpError := model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoICMP, Src: netip.MustParseAddr("10.1.0.1"), Dst: netip.MustParseAddr(here4), Transport: true, ICMPType: 3, ICMPCode: 3}
	masquerade := netip.MustParseAddr("10.2.0.1")
	masked := func(p model.Packet) *drop.Drop { // of a connection behind SNAT
		return but(netfilter(12, p), func(d *drop.Drop) {
			q := udp(1)
			d.Orig = q.Tuple()
			d.Reply = d.Orig.Reverse()
			d.Reply.Dst = masquerade
		})
	}
	rpFilter := lost(9, udp(1), "IP_RPFILTER", "ip_rcv_finish_core", drop.StationRouting, 0)
	r1, r0 := Hop{To: netip.MustParseAddr("10.2.0.2"), Out: "r1"}, Hop{To: netip.MustParseAddr(here4), Out: "r0"}
	out := func(j *journey.Journey, name string) *journey.Journey { j.Out = name; return j }
	const flow9, flow80 = "udp 10.1.0.2 > 10.2.0.2:9", "tcp 10.1.0.2 > 10.2.0.2:80"
	const kernel = " was dropped by the kernel, no rule did it: "
	for _, c := range []struct {
		name       string
		seen       Seen
		kind       Kind
		side       Side
		confidence Confidence
		sentence   string
		// says must be among because and evidence, silent must not.
		says, silent string
		dropped      bool
	}{
		{name: "a rule, which the kernel confirms", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Dropped, drops9)}, Drops: []*drop.Drop{netfilter(9, udp(1))}},
			kind: Rule, side: Request, confidence: Certain, dropped: true, says: "the kernel says that netfilter dropped it in forward",
			sentence: flow9 + " was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP"},
		{name: "a rule's drop is no second cause, another packet's reason is none of this one", seen: Seen{
			Journeys: []*journey.Journey{traced(10, udp(1), journey.Dropped, drops9)},
			Drops:    []*drop.Drop{netfilter(10, udp(1)), lost(11, with(udp(2), func(p *model.Packet) { p.DPort = 10 }), "IP_RPFILTER", "ip_rcv_finish_core", drop.StationRouting, 0)}},
			kind: Rule, side: Request, confidence: Certain, dropped: true, silent: "RPFILTER", says: "request direction: 1 packet seen, 1 dropped",
			sentence: flow9 + " was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP"},
		{name: "a rule's drop and a reason of the same flow are two packets", seen: Seen{
			Journeys: []*journey.Journey{traced(10, udp(0), journey.Dropped, drops9)},
			Drops:    []*drop.Drop{lost(10, udp(0), "IP_RPFILTER", "ip_rcv_finish_core", drop.StationRouting, 0)}},
			kind: Rule, side: Request, confidence: Certain, dropped: true, says: "request direction: 2 packets seen, 2 dropped",
			sentence: flow9 + " was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP (1 of 2 packets; 1 had another end)"},
		{name: "what a rule drops when its trace is over was traced by nobody", seen: Seen{
			Journeys: []*journey.Journey{traced(10, tcp(model.SYN, 5, 0), journey.Dropped, drops9)}, Ended: at(900),
			Drops: []*drop.Drop{netfilter(9, tcp(model.SYN, 5, 0)), netfilter(1009, tcp(model.SYN, 5, 0))}},
			kind: Rule, side: Request, confidence: Certain, dropped: true, says: "request direction: 1 packet seen, 1 dropped",
			sentence: flow80 + " was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP"},
		{name: "what is dropped later is the end of a traced packet all the same", seen: Seen{
			Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none)}, Ended: at(900),
			Drops: []*drop.Drop{lost(1009, udp(1), "NEIGH_FAILED", "neigh_invalidate", drop.StationDeviceOut, 0)}},
			kind: Kernel, side: Request, confidence: Certain, dropped: true, says: "request direction: 1 packet seen, 1 dropped",
			sentence: flow9 + kernel + "the next hop 10.2.0.2 does not answer ARP (NEIGH_FAILED)"},
		{name: "a packet that waits for a neighbour is not delivered", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none)}, Over: true,
			Hop: &drop.Neighbour{Addr: netip.MustParseAddr("10.2.0.2"), Dev: "r1", State: "INCOMPLETE"}, HopOf: r1},
			kind: Kernel, side: Request, confidence: Likely, dropped: true, silent: "came through",
			sentence: flow9 + " was not delivered, no rule did it: likely it waits for the next hop 10.2.0.2 on r1, which does not answer ARP (INCOMPLETE)"},
		{name: "another way out's neighbour is none of it", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none)}, Over: true,
			Hop: &drop.Neighbour{Addr: netip.MustParseAddr("10.2.0.2"), Dev: "r1", State: "INCOMPLETE"}, HopOf: Hop{To: r1.To, Out: "r2"}},
			kind: NoReply, side: Reply, confidence: Certain,
			sentence: flow9 + ": the request was delivered (sent out of r1), and no reply came back in 2 s: look at 10.2.0.2 and at the way there"},
		{name: "one that has its neighbour is", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none)}, Over: true,
			Hop: &drop.Neighbour{Addr: netip.MustParseAddr("10.2.0.2"), Dev: "r1", State: "STALE"}, HopOf: r1},
			kind: NoReply, side: Reply, confidence: Certain,
			sentence: flow9 + ": the request was delivered (sent out of r1), and no reply came back in 2 s: look at 10.2.0.2 and at the way there"},
		{name: "a packet of which nobody knows the end has no other end", seen: Seen{
			Journeys: []*journey.Journey{traced(10, udp(1), journey.Dropped, drops9), unknown(20, udp(2))}},
			kind: Rule, side: Request, confidence: Certain, dropped: true,
			sentence: flow9 + " was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP (1 of 2 packets; what became of 1 is not known)"},
		{name: "the kernel, behind all rules", seen: Seen{Journeys: []*journey.Journey{unknown(10, udp(1))}, Drops: []*drop.Drop{lost(9, udp(1), "IP_RPFILTER", "ip_rcv_finish_core", drop.StationRouting, 0)}},
			kind: Kernel, side: Request, confidence: Certain, dropped: true, says: "no rule dropped it, and the kernel says why it did",
			sentence: flow9 + kernel + "reverse path filter: the answer to its sender would not go out of the interface it came by (IP_RPFILTER)"},
		{name: "as joined where it was traced", seen: Seen{Journeys: []*journey.Journey{but(traced(10, udp(1), journey.Dropped, none), func(j *journey.Journey) {
			j.Outcome.By = journey.Culprit{Kind: "kernel", Reason: "IP_RPFILTER"}
			j.Drop = rpFilter
		})}, Drops: []*drop.Drop{rpFilter}}, kind: Kernel, side: Request, confidence: Certain, dropped: true, says: "request direction: 1 packet seen, 1 dropped",
			sentence: flow9 + kernel + "reverse path filter: the answer to its sender would not go out of the interface it came by (IP_RPFILTER)"},
		{name: "of another namespace", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none)}, Over: true,
			Drops: []*drop.Drop{but(lost(10, udp(1), "NO_SOCKET", "__udp4_lib_rcv", drop.StationSocket, 0), func(d *drop.Drop) { d.Netns = 1 })}},
			kind: NoReply, side: Reply, confidence: Certain, silent: "NO_SOCKET",
			sentence: flow9 + ": the request was delivered (sent out of r1), and no reply came back in 2 s: look at 10.2.0.2 and at the way there"},
		{name: "from before", seen: Seen{Over: true, Journeys: []*journey.Journey{traced(-3000, udp(1), journey.Dropped, drops9)}, Drops: []*drop.Drop{netfilter(-3000, udp(1))}},
			kind: Nothing, side: Request, confidence: Certain, sentence: "nothing of this flow was seen here in 2 s: udp and dst host 10.2.0.2 and dst port 9"},
		{name: "REJECT's answer is no drop", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Rejected, drops9), reply(traced(11, icmpError, journey.Accepted, none))},
			Drops: []*drop.Drop{netfilter(10, udp(1)), lost(12, icmpError, "NO_SOCKET", "icmp_rcv", drop.StationSocket, 0)}},
			kind: Rule, side: Request, confidence: Certain, dropped: true, says: "an ICMP error about it came from 10.1.0.1: port unreachable (nobody listens there, or a firewall rejects it)", silent: "NO_SOCKET",
			sentence: flow9 + " was rejected by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP"},
		{name: "sent again", seen: Seen{Journeys: []*journey.Journey{traced(10, tcp(model.SYN, 5, 1), journey.Dropped, drops9), traced(1010, tcp(model.SYN, 5, 2), journey.Dropped, drops9)}},
			kind: Rule, side: Request, confidence: Certain, dropped: true, says: "request direction: 2 packets seen, 2 dropped (1 sent again)",
			sentence: flow80 + " was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP"},
		{name: "two fates", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), traced(20, udp(2), journey.Accepted, none), traced(30, udp(3), journey.Dropped, drops9)}},
			kind: Rule, side: Request, confidence: Certain, dropped: true,
			sentence: flow9 + " was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP (1 of 3 packets; 2 came through)"},
		{name: "not whole", seen: Seen{Journeys: []*journey.Journey{but(traced(10, udp(1), journey.Dropped, drops9), func(j *journey.Journey) { j.Complete, j.Why = false, "events in its middle are missing" })}},
			kind: Rule, side: Request, confidence: Likely, dropped: true, says: "its trace is not whole: events in its middle are missing",
			sentence: flow9 + " was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP"},
		{name: "a rule that was made while it was looked: its packets before it was read", seen: Seen{Journeys: []*journey.Journey{traced(5, udp(1), journey.Accepted, none), byHandle(unread(traced(10, udp(2), journey.Dropped, none)), 7, journey.Culprit{}), byHandle(traced(20, udp(3), journey.Dropped, none), 7, drops9), byHandle(traced(30, udp(4), journey.Dropped, none), 8, rule(3, "-A FORWARD -j DROP"))}},
			kind: Rule, side: Request, confidence: Certain, dropped: true,
			sentence: flow9 + " was dropped by rule 2 of filter/FORWARD (iptables-nft): -A FORWARD -p udp --dport 9 -j DROP (2 of 4 packets; 1 came through; 1 had another end)"},
		{name: "a legacy rule whose text was another's before the rules were read again", seen: Seen{Journeys: []*journey.Journey{unread(traced(10, udp(1), journey.Dropped, rule(2, "-A FORWARD -p tcp -j DROP"))), unread(traced(20, udp(2), journey.Dropped, rule(1, "-A FORWARD -p tcp -j DROP"))), traced(30, udp(3), journey.Dropped, drops9)}},
			kind: Rule, side: Request, confidence: Certain, dropped: true,
			sentence: flow9 + " was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP (2 of 3 packets; of 1 that netfilter dropped the rule is not certain)"},
		{name: "two rules that are certain are two ends", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Dropped, drops9), traced(20, udp(2), journey.Dropped, rule(2, "-A FORWARD -j DROP"))}},
			kind: Rule, side: Request, confidence: Certain, dropped: true,
			sentence: flow9 + " was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP (1 of 2 packets; 1 had another end)"},
		{name: "what was not traced first, and was then", seen: Seen{Journeys: []*journey.Journey{traced(500, udp(2), journey.Dropped, drops9)}, Drops: []*drop.Drop{netfilter(9, udp(1))}},
			kind: Rule, side: Request, confidence: Certain, dropped: true,
			sentence: flow9 + " was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP (1 of 2 packets; of 1 that netfilter dropped the rule is not certain)"},
		{name: "the rule of the reply is not that of the request", seen: Seen{Journeys: []*journey.Journey{reply(traced(500, back(udp(2)), journey.Dropped, drops9))}, Drops: []*drop.Drop{netfilter(9, udp(1))}},
			kind: Netfilter, side: Request, confidence: Likely, dropped: true,
			sentence: flow9 + " was dropped by netfilter in the forward hook, by a rule or a policy that was not traced"},
		{name: "a rule that keeps the only answer from the client", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), reply(traced(11, icmpError, journey.Dropped, drops9))}, Drops: []*drop.Drop{netfilter(12, icmpError)}},
			kind: Rule, side: Reply, confidence: Certain, dropped: true, says: "or a firewall rejects it), dropped by rule 2 of filter/FORWARD", silent: "nfscope trace",
			sentence: flow9 + ": the request was delivered (sent out of r1), and the ICMP error about it from 10.1.0.1, port unreachable (nobody listens there, or a firewall rejects it), was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP"},
		{name: "netfilter keeps the only answer from the client, untraced", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none)}, Drops: []*drop.Drop{but(netfilter(12, icmpError), func(d *drop.Drop) { p := udp(1); d.Orig, d.Reply = p.Tuple(), p.Tuple().Reverse() })}},
			kind: Netfilter, side: Reply, confidence: Likely, dropped: true, says: "or a firewall rejects it), dropped by netfilter",
			sentence: flow9 + ": the request was delivered (sent out of r1), and the ICMP error about it from 10.1.0.1, port unreachable (nobody listens there, or a firewall rejects it), was dropped by netfilter in the forward hook, by a rule or a policy that was not traced"},
		{name: "a rule that keeps some of the same answers from the client", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), reply(traced(11, icmpError, journey.Dropped, drops9)), reply(traced(12, icmpError, journey.Accepted, none)), reply(traced(13, icmpError, journey.Dropped, drops9))}},
			kind: Refused, side: Reply, confidence: Certain, says: "dropped by rule 2",
			sentence: flow9 + ": the request was delivered (sent out of r1), and an ICMP error came back from 10.1.0.1: port unreachable (nobody listens there, or a firewall rejects it)"},
		{name: "the kernel keeps the only answer from the client", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), reply(unknown(11, icmpError))}, Drops: []*drop.Drop{but(lost(11, icmpError, "IP_RPFILTER", "ip_rcv_finish_core", drop.StationRouting, 0), func(d *drop.Drop) { p := udp(1); d.Orig, d.Reply = p.Tuple(), p.Tuple().Reverse() })}},
			kind: Kernel, side: Reply, confidence: Certain, dropped: true, says: "or a firewall rejects it), dropped by the kernel",
			sentence: flow9 + ": the request was delivered (sent out of r1), and the ICMP error about it from 10.1.0.1, port unreachable (nobody listens there, or a firewall rejects it), was dropped by the kernel, no rule did it: reverse path filter: the answer to its sender would not go out of the interface it came by (IP_RPFILTER)"},
		{name: "nobody tells what became of the only answer", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), reply(unknown(11, icmpError))}},
			kind: Unknown, side: Reply, confidence: Open, says: "or a firewall rejects it), and what became of it is not known",
			sentence: flow9 + ": the request was delivered (sent out of r1), and the ICMP error about it from 10.1.0.1, port unreachable (nobody listens there, or a firewall rejects it), was last seen in the prerouting hook, no rule dropped it: the kernel did (routing, rp_filter, conntrack, ...), or holds it"},
		{name: "the only answer is still under way", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), but(reply(unknown(11, icmpError)), func(j *journey.Journey) { j.Closed = false })}},
			kind: NoReply, side: Reply, confidence: Likely, says: "a reply may still come",
			sentence: flow9 + ": the request was delivered (sent out of r1), and no reply came back in 2 s: look at 10.2.0.2 and at the way there"},
		{name: "a reset that is still under way", seen: Seen{Journeys: []*journey.Journey{traced(10, tcp(model.SYN, 1, 1), journey.Accepted, none), but(reply(unknown(11, back(tcp(model.RST|model.ACK, 0, 2)))), func(j *journey.Journey) { j.Closed = false })}},
			kind: Unknown, side: Request, confidence: Open, sentence: flow80 + " was seen, and is still under way"},
		{name: "of two answers the one that came is told", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), reply(traced(11, icmpError, journey.Dropped, drops9)), reply(unknown(12, icmpError)),
			traced(13, with(icmpError, func(p *model.Packet) { p.Src, p.Dst = netip.MustParseAddr("10.1.0.9"), netip.MustParseAddr(there4) }), journey.Accepted, none), reply(traced(14, with(icmpError, func(p *model.Packet) { p.Src = netip.MustParseAddr(there4) }), journey.Accepted, none))}},
			kind: Refused, side: Reply, confidence: Certain,
			sentence: flow9 + ": the request was delivered (sent out of r1), and an ICMP error came back from 10.2.0.2: port unreachable (nobody listens there, or a firewall rejects it)"},
		{name: "a redirect that came through is no answer", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), reply(traced(11, icmpError, journey.Dropped, drops9)), reply(traced(12, with(icmpError, func(p *model.Packet) { p.ICMPType = 5 }), journey.Accepted, none))}},
			kind: Rule, side: Reply, confidence: Certain, dropped: true,
			sentence: flow9 + ": the request was delivered (sent out of r1), and the ICMP error about it from 10.1.0.1, port unreachable (nobody listens there, or a firewall rejects it), was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP"},
		{name: "netfilter keeps the only answer from the client behind SNAT, untraced", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none)}, Drops: []*drop.Drop{masked(with(icmpError, func(p *model.Packet) { p.Dst = masquerade }))}},
			kind: Netfilter, side: Reply, confidence: Likely, dropped: true,
			sentence: flow9 + ": the request was delivered (sent out of r1), and the ICMP error about it from 10.1.0.1, port unreachable (nobody listens there, or a firewall rejects it), was dropped by netfilter in the forward hook, by a rule or a policy that was not traced"},
		{name: "netfilter drops what a router between here and the client says of the reply, untraced", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), reply(traced(11, back(udp(1)), journey.Accepted, none))},
			Drops: []*drop.Drop{masked(with(icmpError, func(p *model.Packet) { p.Dst, p.ICMPCode = netip.MustParseAddr(there4), 4 }))}},
			kind: Works, side: Reply, confidence: Certain, sentence: "nothing is wrong here: the request " + flow9 + " was delivered (sent out of r1), and the reply came back"},
		{name: "a loss that was made good names no rule of one that was not", seen: Seen{Journeys: []*journey.Journey{traced(10, tcp(model.SYN, 1, 1), journey.Accepted, none), reply(traced(11, back(tcp(model.SYN|model.ACK, 9, 2)), journey.Accepted, none)),
			traced(12, tcp(model.ACK, 2, 3), journey.Dropped, drops9), traced(14, tcp(model.ACK, 2, 4), journey.Accepted, none)}, Drops: []*drop.Drop{netfilter(20, tcp(model.ACK, 20, 5))}},
			kind: Netfilter, side: Request, confidence: Likely, dropped: true,
			sentence: flow80 + " was dropped by netfilter in the forward hook, by a rule or a policy that was not traced (1 of 4 packets; 2 came through; 1 had another end)"},
		{name: "the end of the request counts before that of the reply", seen: Seen{Journeys: []*journey.Journey{reply(unknown(10, back(udp(1)))), unknown(20, udp(2))}},
			kind: Unknown, side: Request, confidence: Open, sentence: flow9 + " was last seen in the prerouting hook, no rule dropped it: the kernel did (routing, rp_filter, conntrack, ...), or holds it"},
		{name: "no reply, and a gap", seen: Seen{Over: true, Gaps: 1, Notes: []string{"IPv4 and IPv6 are limited each for itself"}, Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none)}}, kind: NoReply, side: Reply, confidence: Likely, says: "1 losses of unknown size\nIPv4 and IPv6 are limited each for itself",
			sentence: flow9 + ": the request was delivered (sent out of r1), and no reply came back in 2 s: look at 10.2.0.2 and at the way there"},
		{name: "no reply, and packets were held back", seen: Seen{Over: true, Held: 2, Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none)}}, kind: NoReply, side: Reply, confidence: Likely, says: "2 packets held back by the rate limit",
			sentence: flow9 + ": the request was delivered (sent out of r1), and no reply came back in 2 s: look at 10.2.0.2 and at the way there"},
		{name: "what a server does not read", seen: Seen{Over: true, Notes: []string{"IPv4 and IPv6 are limited each for itself"}, Journeys: []*journey.Journey{local(traced(10, udp(1), journey.Accepted, none))}, Socket: &Socket{Proto: model.ProtoUDP, At: "udp 0.0.0.0:9", Waiting: 832}},
			kind: NoReply, side: Reply, confidence: Certain, silent: "IPv4 and IPv6 are limited each for itself", sentence: flow9 + ": the request was delivered, and no reply came: the server's socket udp 0.0.0.0:9 holds 832 bytes that its program does not read"},
		{name: "beside other flows", seen: Seen{Journeys: []*journey.Journey{but(traced(5, with(udp(7), func(p *model.Packet) { p.SPort = 41000 }), journey.Accepted, none), func(j *journey.Journey) { j.Flow = 8 }), traced(10, udp(1), journey.Dropped, drops9)}},
			kind: Rule, side: Request, confidence: Certain, dropped: true, says: "1 other flow matches the filter: 1 without a reply",
			sentence: flow9 + " was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP"},
		{name: "a rule that drops an ICMP error of the client", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), reply(traced(12, back(udp(1)), journey.Accepted, none)), traced(13, with(icmpError, func(p *model.Packet) { p.Src, p.Dst, p.ICMPCode = p.Dst, p.Src, 4 }), journey.Dropped, drops9)}},
			kind: Works, side: Reply, confidence: Certain, sentence: "nothing is wrong here: the request " + flow9 + " was delivered (sent out of r1), and the reply came back"},
		{name: "a rule that drops an ICMP error beside a reply", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), reply(traced(11, icmpError, journey.Dropped, drops9)), reply(traced(12, back(udp(1)), journey.Accepted, none))}},
			kind: Works, side: Reply, confidence: Certain, says: "dropped by rule 2", sentence: "nothing is wrong here: the request " + flow9 + " was delivered (sent out of r1), and the reply came back"},
		{name: "a rule that drops the wish for smaller packets", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), reply(traced(11, with(icmpError, func(p *model.Packet) { p.ICMPCode = 4 }), journey.Dropped, drops9)), reply(traced(12, back(udp(1)), journey.Accepted, none))}},
			kind: Rule, side: Reply, confidence: Certain, dropped: true,
			sentence: flow9 + ": the request was delivered (sent out of r1), and the ICMP error about it from 10.1.0.1, it is too large for the next link, and may not be cut into fragments, was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP"},
		{name: "a wish for smaller packets that is dropped counts before a loss that was made good", seen: Seen{Journeys: []*journey.Journey{traced(10, tcp(model.SYN, 1, 1), journey.Accepted, none), reply(traced(11, back(tcp(model.SYN|model.ACK, 9, 2)), journey.Accepted, none)),
			traced(12, tcp(model.ACK, 2, 3), journey.Dropped, drops9), traced(14, tcp(model.ACK, 2, 4), journey.Accepted, none), reply(traced(15, with(icmpError, func(p *model.Packet) { p.ICMPCode = 4 }), journey.Dropped, drops9))}},
			kind: Rule, side: Reply, confidence: Certain, dropped: true,
			sentence: flow80 + ": the request was delivered (sent out of r1), and the ICMP error about it from 10.1.0.1, it is too large for the next link, and may not be cut into fragments, was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP"},
		{name: "no reply, and a counter that may be anybody's", seen: Seen{Over: true, Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none)}, Drops: []*drop.Drop{rose(900, "TcpExtListenDrops", 1)}}, kind: NoReply, side: Reply, confidence: Certain, silent: "meanwhile",
			sentence: flow9 + ": the request was delivered (sent out of r1), and no reply came back in 2 s: look at 10.2.0.2 and at the way there"},
		{name: "no reply of this host, where conntrack is not at work", seen: Seen{Over: true, Journeys: []*journey.Journey{but(local(traced(10, udp(1), journey.Accepted, none)), func(j *journey.Journey) { j.Flow = 0 })}}, kind: NoReply, side: Reply, confidence: Certain,
			sentence: flow9 + ": the request was delivered, and no reply came in 2 s: no socket of a program is known to have taken it"},
		{name: "no reply over lo needs no route", seen: Seen{Over: true, Routes: &model.Routes{}, Journeys: []*journey.Journey{but(local(traced(10, udp(1), journey.Accepted, none)), func(j *journey.Journey) { j.In = "lo" })}}, kind: NoReply, side: Reply, confidence: Certain,
			sentence: flow9 + ": the request was delivered, and no reply came in 2 s: no socket of a program is known to have taken it"},
		{name: "of two replies that are gone the first counts", seen: Seen{Journeys: []*journey.Journey{traced(5, udp(1), journey.Accepted, none), reply(but(unknown(10, back(udp(1))), func(j *journey.Journey) { j.Outcome.Sentence = "last seen in the input hook" })), reply(but(unknown(20, back(udp(2))), func(j *journey.Journey) { j.Outcome.Sentence = "seen last" }))}},
			kind: Unknown, side: Reply, confidence: Open, sentence: flow9 + ": the request was delivered (sent out of r1), the reply was last seen in the input hook (1 of 2 packets; what became of 1 is not known)"},
		{name: "half of a connection", seen: Seen{Journeys: []*journey.Journey{traced(10, tcp(model.SYN, 1, 1), journey.Accepted, none), traced(12, tcp(model.ACK, 2, 3), journey.Dropped, drops9)}},
			kind: Rule, side: Request, confidence: Certain, dropped: true, says: "the replies take another way",
			sentence: flow80 + " was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP (1 of 2 packets; 1 came through)"},
		{name: "half of a connection, and a loss", seen: Seen{Lost: 1, Journeys: []*journey.Journey{traced(10, tcp(model.SYN, 1, 1), journey.Accepted, none), traced(12, tcp(model.ACK, 2, 3), journey.Dropped, drops9)}},
			kind: Rule, side: Request, confidence: Certain, dropped: true, silent: "another way",
			sentence: flow80 + " was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP (1 of 2 packets; 1 came through)"},
		{name: "the middle of a connection", seen: Seen{Journeys: []*journey.Journey{traced(10, tcp(model.ACK, 1, 1), journey.Accepted, none), traced(12, tcp(model.ACK, 2, 3), journey.Dropped, drops9)}},
			kind: Rule, side: Request, confidence: Certain, dropped: true, silent: "another way",
			sentence: flow80 + " was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP (1 of 2 packets; 1 came through)"},
		{name: "netfilter, not traced", seen: Seen{Drops: []*drop.Drop{netfilter(9, udp(1))}}, kind: Netfilter, side: Request, confidence: Likely, dropped: true,
			sentence: flow9 + " was dropped by netfilter in the forward hook, by a rule or a policy that was not traced"},
		{name: "the table is full", seen: Seen{Journeys: []*journey.Journey{unknown(10, udp(1))}, Drops: []*drop.Drop{but(lost(9, udp(1), "NETFILTER_DROP", "nf_hook_slow", drop.StationNetfilter, model.HookPrerouting), func(d *drop.Drop) {
			d.Facts = &drop.Facts{Conntrack: &drop.Conntrack{Count: 100, Max: 100, Drop: 1}}
		})}}, kind: Conntrack, side: Request, confidence: Certain, dropped: true, says: "100 of 100 connections are in the table",
			sentence: flow9 + " was dropped by conntrack, no rule did it: conntrack has no room for its connection"},
		{name: "the table is full, by the counter", seen: Seen{Watch: drop.Watch{Step: drop.StepProc, Netns: inode}, Journeys: []*journey.Journey{unknown(10, udp(1))}, Drops: []*drop.Drop{rose(900, "nf_conntrack drop", 1)}},
			kind: Conntrack, side: Request, confidence: Likely, dropped: true, says: "which names no packet",
			sentence: flow9 + " was dropped by conntrack, no rule did it: likely new connections were dropped: the connection table is full, or its memory"},
		{name: "a counter of IPv4 and one of TCP", seen: Seen{Watch: drop.Watch{Step: drop.StepProc, Netns: inode}, Journeys: []*journey.Journey{unknown(10, udp(1))},
			Drops: []*drop.Drop{rose(900, "TcpExtListenOverflows", 3), rose(900, "Ip6InNoRoutes", 1), rose(900, "IpExtInNoRoutes", 2), rose(900, "rt_cache in_no_route", 3), rose(950, "IpExtInNoRoutes", 1)}},
			kind: Kernel, side: Request, confidence: Likely, dropped: true, says: "IpExtInNoRoutes rose by 3",
			sentence: flow9 + kernel + "likely packets came to which no route leads on (IpExtInNoRoutes)"},
		{name: "a counter of netfilter and the kernel", seen: Seen{Watch: drop.Watch{Step: drop.StepProc, Netns: inode}, Journeys: []*journey.Journey{unknown(10, udp(1))}, Drops: []*drop.Drop{rose(900, "IpInDiscards", 1), rose(900, "IpOutDiscards", 2)}},
			kind: Unknown, side: Request, confidence: Open, says: "rises for netfilter and for the kernel\nIpOutDiscards rose by 2", silent: "no rule did",
			sentence: flow9 + " was likely dropped by netfilter or the kernel, which of the two cannot be told without eBPF: packets could not be sent: no memory, no neighbour, or netfilter refused them (IpOutDiscards), or packets were thrown away for want of memory or by a policy (IpInDiscards)"},
		{name: "nobody tells", seen: Seen{Watch: drop.Watch{Step: drop.StepProc, Netns: inode}, Journeys: []*journey.Journey{unknown(10, udp(1))}}, kind: Unknown, side: Request, confidence: Open, says: "the kernel's reasons cannot be read here",
			sentence: flow9 + " was last seen in the prerouting hook, no rule dropped it: the kernel did (routing, rp_filter, conntrack, ...), or holds it"},
		{name: "no listener on the queue", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Queued, rule(1, "-A FORWARD -j NFQUEUE --queue-num 7"))},
			Drops: []*drop.Drop{lost(9, udp(1), "NOT_SPECIFIED", "nf_queue", drop.StationNetfilter, model.HookForward)}}, kind: Queue, side: Request, confidence: Certain, dropped: true, says: "the kernel says that nobody took it",
			sentence: flow9 + " was queued to user space, where no program reads, and so dropped by rule 1 of filter/FORWARD (iptables-legacy): -A FORWARD -j NFQUEUE --queue-num 7"},
		{name: "the reply", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), reply(traced(12, back(udp(1)), journey.Dropped, drops9))}}, kind: Rule, side: Reply, confidence: Certain, dropped: true,
			sentence: flow9 + ": the request was delivered (sent out of r1), the reply was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP"},
		{name: "the reply, without conntrack", seen: Seen{Journeys: []*journey.Journey{but(traced(10, udp(1), journey.Accepted, none), func(j *journey.Journey) { j.Flow = 0 }), but(traced(12, back(udp(1)), journey.Dropped, drops9), func(j *journey.Journey) { j.Flow = 0 })}},
			kind: Rule, side: Reply, confidence: Certain, dropped: true,
			sentence: flow9 + ": the request was delivered (sent out of r1), the reply was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP"},
		{name: "it works", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), reply(traced(12, back(udp(1)), journey.Accepted, none))}}, kind: Works, side: Reply, confidence: Certain,
			sentence: "nothing is wrong here: the request " + flow9 + " was delivered (sent out of r1), and the reply came back"},
		{name: "the reply waits for a neighbour", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), out(reply(traced(12, back(udp(1)), journey.Accepted, none)), "r0")},
			Hop: &drop.Neighbour{Addr: r0.To, Dev: "r0", State: "INCOMPLETE"}, HopOf: r0}, kind: Kernel, side: Reply, confidence: Likely, dropped: true, says: "reply direction: 1 packet seen\n",
			sentence: flow9 + ": the request was delivered (sent out of r1), the reply was not delivered, no rule did it: likely it waits for the next hop 10.1.0.2 on r0, which does not answer ARP (INCOMPLETE)"},
		{name: "it works, and the neighbour of the request is another matter", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), out(reply(traced(12, back(udp(1)), journey.Accepted, none)), "r0")},
			Hop: &drop.Neighbour{Addr: r1.To, Dev: "r1", State: "FAILED"}, HopOf: r1}, kind: Works, side: Reply, confidence: Certain,
			sentence: "nothing is wrong here: the request " + flow9 + " was delivered (sent out of r1), and the reply came back"},
		{name: "it works, and what every flow has is no drop", seen: Seen{
			Journeys: []*journey.Journey{local(traced(10, tcp(model.SYN, 1, 1), journey.Accepted, none)), fromHere(reply(traced(11, back(tcp(model.SYN|model.ACK, 9, 2)), journey.Accepted, none))),
				local(traced(12, tcp(model.ACK, 2, 3), journey.Accepted, none)), local(traced(13, tcp(model.ACK|model.RST, 4, 4), journey.Accepted, none)),
				local(traced(14, tcp(model.ACK|model.FIN, 6, 5), journey.Accepted, none))},
			Drops: []*drop.Drop{lost(12, tcp(model.ACK, 2, 3), "TCP_OLD_ACK", "tcp_ack", drop.StationSocket, 0), lost(13, tcp(model.ACK|model.RST, 4, 4), "NO_SOCKET", "tcp_v4_rcv", drop.StationSocket, 0),
				lost(14, tcp(model.ACK|model.FIN, 6, 5), "NOT_SPECIFIED", "tcp_v4_rcv", drop.StationSocket, 0)}},
			kind: Works, side: Reply, confidence: Certain, sentence: "nothing is wrong here: the request " + flow80 + " was delivered, and the reply came back"},
		{name: "refused by a reset", seen: Seen{Journeys: []*journey.Journey{traced(10, tcp(model.SYN, 1, 1), journey.Accepted, none), reply(traced(11, back(tcp(model.RST|model.ACK, 0, 2)), journey.Accepted, none))}},
			kind: Refused, side: Reply, confidence: Certain, sentence: flow80 + ": the request was delivered (sent out of r1), and 10.2.0.2 refused it by a TCP reset: nobody listens at that port, or a firewall there rejects it"},
		{name: "refused by an ICMP error", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), reply(traced(11, icmpError, journey.Accepted, none))}},
			kind: Refused, side: Reply, confidence: Certain, sentence: flow9 + ": the request was delivered (sent out of r1), and an ICMP error came back from 10.1.0.1: port unreachable (nobody listens there, or a firewall rejects it)"},
		{name: "behind DNAT", seen: Seen{Journeys: []*journey.Journey{but(traced(10, udp(1), journey.Dropped, drops9), func(j *journey.Journey) {
			j.NAT = &journey.NAT{Class: []string{"dnat"}, Dst: []string{"10.2.0.2:9", "10.3.0.3:53"}}
		})}}, kind: Rule, side: Request, confidence: Certain, dropped: true,
			sentence: flow9 + " (translated to 10.3.0.3:53) was dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP"},
		{name: "an ICMP redirect is no refusal", seen: Seen{Over: true, Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), reply(traced(11, with(icmpError, func(p *model.Packet) { p.ICMPType, p.ICMPCode = 5, 1 }), journey.Accepted, none))}},
			kind: NoReply, side: Reply, confidence: Certain, says: "an ICMP error about it came from 10.1.0.1: redirect code 1",
			sentence: flow9 + ": the request was delivered (sent out of r1), and no reply came back in 2 s: look at 10.2.0.2 and at the way there"},
		{name: "an ICMP quench is no refusal", seen: Seen{Over: true, Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), reply(traced(11, with(icmpError, func(p *model.Packet) { p.ICMPType, p.ICMPCode = 4, 0 }), journey.Accepted, none))}},
			kind: NoReply, side: Reply, confidence: Certain, sentence: flow9 + ": the request was delivered (sent out of r1), and no reply came back in 2 s: look at 10.2.0.2 and at the way there"},
		{name: "an ICMP error that the client's other address gets", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none), reply(traced(11, with(icmpError, func(p *model.Packet) { p.Dst = masquerade }), journey.Accepted, none))}},
			kind: Refused, side: Reply, confidence: Certain, sentence: flow9 + ": the request was delivered (sent out of r1), and an ICMP error came back from 10.1.0.1: port unreachable (nobody listens there, or a firewall rejects it)"},
		{name: "the same ICMP error again and again", seen: Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Rejected, drops9), reply(traced(11, icmpError, journey.Accepted, none)), reply(traced(12, icmpError, journey.Accepted, none))}},
			kind: Rule, side: Request, confidence: Certain, dropped: true, says: "2 ICMP errors about it came from 10.1.0.1: port unreachable",
			sentence: flow9 + " was rejected by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP"},
		{name: "closed port", seen: Seen{Journeys: []*journey.Journey{local(traced(10, udp(1), journey.Accepted, none)), reply(fromHere(traced(11, icmpError, journey.Accepted, none)))},
			Drops: []*drop.Drop{lost(10, udp(1), "NO_SOCKET", "__udp4_lib_rcv", drop.StationSocket, 0)}}, kind: Kernel, side: Request, confidence: Certain, dropped: true,
			sentence: flow9 + kernel + "nobody listens at udp port 9 of 10.2.0.2 (NO_SOCKET)"},
		{name: "a silent server", seen: Seen{Over: true, Journeys: []*journey.Journey{local(traced(10, udp(1), journey.Accepted, none))}, Socket: &Socket{Proto: model.ProtoUDP, At: "udp 0.0.0.0:9"}},
			kind: NoReply, side: Reply, confidence: Certain, sentence: flow9 + ": the request was delivered, and no reply came: the server's socket udp 0.0.0.0:9 took it, and its program sends nothing back"},
		{name: "a closed port, by the counter", seen: Seen{NoSocket: true, Over: true, Watch: drop.Watch{Step: drop.StepProc, Netns: inode}, Journeys: []*journey.Journey{local(traced(10, udp(1), journey.Accepted, none))}, Drops: []*drop.Drop{rose(-900, "UdpNoPorts", 1), rose(900, "UdpNoPorts", 2), rose(900, "Udp6NoPorts", 1), rose(950, "UdpNoPorts", 1)}},
			kind: Kernel, side: Request, confidence: Likely, dropped: true, says: "no socket is at its port, and UdpNoPorts rose meanwhile, which names no packet\nUdpNoPorts rose by 3", silent: "came through",
			sentence: flow9 + kernel + "likely datagrams came to ports where nobody listens (UdpNoPorts)"},
		{name: "a counter of closed ports, and a socket", seen: Seen{Over: true, Watch: drop.Watch{Step: drop.StepProc, Netns: inode}, Journeys: []*journey.Journey{local(traced(10, udp(1), journey.Accepted, none))}, Drops: []*drop.Drop{rose(900, "UdpNoPorts", 1)}, Socket: &Socket{Proto: model.ProtoUDP, At: "udp 0.0.0.0:9"}},
			kind: NoReply, side: Reply, confidence: Certain, sentence: flow9 + ": the request was delivered, and no reply came: the server's socket udp 0.0.0.0:9 took it, and its program sends nothing back"},
		{name: "a counter of closed ports, and sockets that could not be asked for", seen: Seen{Over: true, Watch: drop.Watch{Step: drop.StepProc, Netns: inode}, Journeys: []*journey.Journey{local(traced(10, udp(1), journey.Accepted, none))}, Drops: []*drop.Drop{rose(900, "UdpNoPorts", 1)}},
			kind: NoReply, side: Reply, confidence: Certain, sentence: flow9 + ": the request was delivered, and no reply came in 2 s: no socket of a program is known to have taken it"},
		{name: "a counter of closed ports, where each drop is told", seen: Seen{NoSocket: true, Over: true, Journeys: []*journey.Journey{local(traced(10, udp(1), journey.Accepted, none))}, Drops: []*drop.Drop{rose(900, "UdpNoPorts", 1)}},
			kind: NoReply, side: Reply, confidence: Certain, sentence: flow9 + ": the request was delivered, and no reply came in 2 s: no socket of a program is known to have taken it"},
		{name: "no reply, and a loss", seen: Seen{Over: true, Lost: 3, Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, none)}}, kind: NoReply, side: Reply, confidence: Likely, says: "lost: 3 events lost",
			sentence: flow9 + ": the request was delivered (sent out of r1), and no reply came back in 2 s: look at 10.2.0.2 and at the way there"},
		{name: "an answer that has no way back", seen: Seen{Over: true, Routes: &model.Routes{}, Journeys: []*journey.Journey{local(traced(10, tcp(model.SYN, 1, 1), journey.Accepted, none))}, Drops: []*drop.Drop{rose(900, "TcpExtListenOverflows", 1)}, Socket: &Socket{Proto: model.ProtoTCP, At: "tcp 0.0.0.0:80", Most: 5}},
			kind: NoReply, side: Reply, confidence: Certain, says: "meanwhile, of whatever flow: TcpExtListenOverflows rose by 1",
			sentence: flow80 + ": the request was delivered, and no reply came: no route of this host leads back to 10.1.0.2"},
		{name: "a SYN that the kernel does not answer", seen: Seen{Over: true, Journeys: []*journey.Journey{local(traced(10, tcp(model.SYN, 1, 1), journey.Accepted, none))}, Drops: []*drop.Drop{rose(900, "TcpExtListenDrops", 1)}, Socket: &Socket{Proto: model.ProtoTCP, At: "tcp 0.0.0.0:80", Most: 5}},
			kind: NoReply, side: Reply, confidence: Certain, says: "meanwhile, of whatever flow: TcpExtListenDrops rose by 1",
			sentence: flow80 + ": the request was delivered, and no reply came: the socket tcp 0.0.0.0:80 listens, and the kernel of this host did not answer the SYN"},
		{name: "a full backlog", seen: Seen{Journeys: []*journey.Journey{local(traced(10, tcp(model.SYN, 1, 1), journey.Accepted, none))}, Drops: []*drop.Drop{rose(900, "TcpExtListenOverflows", 1)}, Socket: &Socket{Proto: model.ProtoTCP, At: "tcp 0.0.0.0:80", Waiting: 2, Most: 1}},
			kind: Backlog, side: Request, confidence: Certain, dropped: true, sentence: flow80 + kernel + "the accept queue of tcp 0.0.0.0:80 is full (2 connections wait, the limit is 1)"},
		{name: "a backlog that was full", seen: Seen{Journeys: []*journey.Journey{local(traced(10, tcp(model.SYN, 1, 1), journey.Accepted, none))}, Drops: []*drop.Drop{rose(900, "TcpExtListenOverflows", 1)}, Socket: &Socket{Proto: model.ProtoTCP, At: "tcp 0.0.0.0:80", Most: 1}},
			kind: Backlog, side: Request, confidence: Likely, dropped: true, sentence: flow80 + kernel + "the queue of the listening socket is full"},
		{name: "nothing, and a loss", seen: Seen{Over: true, Held: 4}, kind: Nothing, side: Request, confidence: Likely, says: "4 packets held back by the rate limit", sentence: "nothing of this flow was seen here in 2 s: udp and dst host 10.2.0.2 and dst port 9"},
		{name: "drops of the host that nobody was told of", seen: Seen{Over: true, Watch: drop.Watch{Step: drop.StepBPF, Netns: inode, Missed: 3}}, kind: Nothing, side: Request, confidence: Certain, says: "lost: nothing\n3 times in the whole host the kernel freed something, a packet or a socket's message, as dropped and told nobody",
			sentence: "nothing of this flow was seen here in 2 s: udp and dst host 10.2.0.2 and dst port 9"},
		{name: "nothing, beside a bridge that hides it", seen: Seen{Over: true, Bridge: "br0", Watch: drop.Watch{Step: drop.StepBPF}}, kind: Nothing, side: Request, confidence: Likely, sentence: "nothing of this flow was seen here in 2 s: udp and dst host 10.2.0.2 and dst port 9", says: "packets that the bridge br0 only passes on may meet no hook that is traced"},
		{name: "nothing, beside an XDP program", seen: Seen{Over: true, XDP: "r0", Watch: drop.Watch{Step: drop.StepBPF}}, kind: Nothing, side: Request, confidence: Likely, sentence: "nothing of this flow was seen here in 2 s: udp and dst host 10.2.0.2 and dst port 9", says: "an XDP program has what comes by r0 before anything here sees it"},
		{name: "nothing, without eBPF", seen: Seen{Over: true, Watch: drop.Watch{Step: drop.StepProc}}, kind: Nothing, side: Request, confidence: Likely, says: "dropped before prerouting",
			sentence: "nothing of this flow was seen here in 2 s: udp and dst host 10.2.0.2 and dst port 9"},
		{name: "a probe that was not sent", seen: Seen{Over: true, Probe: &Probe{What: "UDP datagram to 10.2.0.2:9", Result: "network is unreachable", Refused: true, Unsent: true}}, kind: Kernel, side: Request, confidence: Certain, dropped: true,
			sentence: "the probe (UDP datagram to 10.2.0.2:9) was not sent, the kernel of this host refused it: network is unreachable"},
		{name: "a probe that came back and was not seen", seen: Seen{Over: true, Probe: &Probe{What: "UDP datagram to 10.2.0.2:9", Result: "connection refused", Refused: true}}, kind: Nothing, side: Request, confidence: Likely,
			sentence: "nothing of this flow was seen here in 2 s: udp and dst host 10.2.0.2 and dst port 9"},
		{name: "nothing, and what the rules would do", seen: Seen{Over: true, Simulated: traced(0, udp(1), journey.Dropped, drops9)}, kind: Nothing, side: Request, confidence: Certain,
			sentence: "nothing of this flow was seen here in 2 s: udp and dst host 10.2.0.2 and dst port 9; by the rules it would be dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP (simulated)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := c.seen
			text := "udp and dst host 10.2.0.2 and dst port 9"
			if strings.Contains(c.sentence, "tcp ") {
				text = "tcp and dst host 10.2.0.2 and dst port 80"
			}
			f, err := filter.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			s.Filter, s.Began, s.Looked = f, begin, 2*time.Second
			if s.Watch.Step == "" {
				s.Watch = drop.Watch{Step: drop.StepBPF, Netns: inode}
			}
			a := judged(t, &s)
			if a.Sentence != c.sentence || a.Kind != c.kind || a.Side != c.side || a.Confidence != c.confidence || a.Dropped() != c.dropped {
				t.Errorf("%s, %s, %s, dropped %v (%s):\n%s\nwant %s, %s, %s, dropped %v:\n%s", a.Kind, a.Side, a.Confidence, a.Dropped(), a.Because, a.Sentence, c.kind, c.side, c.confidence, c.dropped, c.sentence)
			}
			all := a.Because + "\n" + strings.Join(a.Evidence, "\n")
			if c.says != "" && !strings.Contains(all, c.says) {
				t.Errorf("%q is not said:\n%s", c.says, all)
			}
			if c.silent != "" && strings.Contains(a.Sentence+all, c.silent) {
				t.Errorf("%q is said:\n%s\n%s", c.silent, a.Sentence, all)
			}
			for i, j := range a.Journeys {
				if slices.Contains(a.Journeys[:i], j) {
					t.Error("a packet is there twice")
				}
			}
			b, err := a.JSON(&s, begin)
			if err != nil || !json.Valid(b) {
				t.Errorf("%v: %s", err, b)
			}
		})
	}
}

// TestNotBegun: a search that ended before its trace was armed has seen nothing, in no time.
func TestNotBegun(t *testing.T) {
	f, err := filter.Parse("udp and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	l := NewLook(f, "")
	d := lost(10, udp(1), "NO_SOCKET", "__udp4_lib_rcv", drop.StationSocket, 0)
	l.Drop(d)
	a := judged(t, l.Seen(begin, true))
	if want := "nothing of this flow was seen here in 0 ms: udp and dst port 9"; a.Sentence != want || a.Confidence != Open {
		t.Errorf("%s: %s, want %s", a.Confidence, a.Sentence, want)
	}
}

// TestNobodyWatched: where nobody tells of drops, neither that nothing came is certain, and that is said.
func TestNobodyWatched(t *testing.T) {
	f, err := filter.Parse("udp and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	a := judged(t, &Seen{Filter: f, Began: begin, Looked: 2 * time.Second, Over: true})
	if want := "looked for 2 s in this namespace: both directions traced from prerouting and output on; drops: nobody watched"; a.Confidence != Likely || !slices.Contains(a.Evidence, want) {
		t.Errorf("%s: %q, want %q", a.Confidence, a.Evidence, want)
	}
}

// TestLookKeeps: of a flood of drops a bound is kept, and the rest is told as lost.
func TestLookKeeps(t *testing.T) {
	f, err := filter.Parse("udp and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	l := NewLook(f, "")
	l.Begin(begin)
	l.Snapshot(&snapshot.Snapshot{})
	for range mostDrops + 7 {
		l.Drop(lost(10, udp(1), "NO_SOCKET", "__udp4_lib_rcv", drop.StationSocket, 0))
	}
	if s := l.Seen(begin, true); len(s.Drops) != mostDrops || s.Lost != 7 {
		t.Errorf("%d kept, %d lost", len(s.Drops), s.Lost)
	}
}

// TestFilterSaysMore: where replies may not be matched, that none came is not certain.
func TestFilterSaysMore(t *testing.T) {
	for text, want := range map[string]Confidence{"udp and dst port 9": Certain, "udp and dst port 9 and state new": Likely} {
		f, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		a := judged(t, &Seen{Filter: f, Began: begin, Over: true, Watch: drop.Watch{Step: drop.StepBPF, Netns: inode}, Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, journey.Culprit{})}})
		if a.Kind != NoReply || a.Confidence != want {
			t.Errorf("%s: %s %s: %s", text, a.Kind, a.Confidence, a.Because)
		}
	}
}
