package why

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
)

// TestTalks: which packets are of one flow, and which of them came back; with NAT, without
// conntrack, and where the first that was seen is one that came back.
func TestTalks(t *testing.T) {
	other, masquerade := netip.MustParseAddr("10.3.0.3"), netip.MustParseAddr("10.2.0.1")
	loose := func(p model.Packet) *sight { // that conntrack knows nothing of
		j := traced(10, p, journey.Accepted, journey.Culprit{})
		j.Flow = 0
		return &sight{journey: j, packet: &j.Packet, at: j.Start, fate: arrived}
	}
	tracked := func(p model.Packet) *sight { x := loose(p); x.journey.Flow = 7; return x }
	about := func(x *sight) *sight { x.about = true; return x }
	moved := with(udp(1), func(p *model.Packet) { p.Dst, p.DPort = other, 53 }) // behind DNAT
	gone := func(p model.Packet) *sight {
		d := netfilter(9, p)
		request := udp(1)
		d.Orig, d.Reply = request.Tuple(), moved.Tuple().Reverse()
		return &sight{drop: d, packet: &d.Packet, at: d.Time, fate: byNetwork}
	}
	icmp := func(family model.Family, proto model.Proto, kind uint8) model.Packet {
		p := back(udp(1))
		p.Family, p.Proto, p.SPort, p.DPort, p.ICMPType = family, proto, 0, 0, kind
		if family == model.FamilyIPv6 {
			p.Src, p.Dst = netip.MustParseAddr("fd02::2"), netip.MustParseAddr("fd01::2")
		}
		return p
	}
	broken := icmp(model.FamilyIPv4, model.ProtoICMP, 3)
	ack := func(flags model.TCPFlags, seq uint32) *sight { return tracked(tcp(flags, seq, 1)) }
	nat := func(x *sight, dst ...string) *sight { x.journey.NAT = &journey.NAT{Dst: dst}; return x }
	bare := func(p model.Packet) *sight { x := loose(p); x.journey.CTState = "UNTRACKED"; return x }
	of := func(flow uint32, p model.Packet) *sight {
		x := loose(p)
		x.journey.Flow, x.journey.Direction = flow, journey.Original
		return x
	}
	low := func(p model.Packet) model.Packet { p.SPort = 7; return p }
	translates := func(x *sight) *sight {
		x.journey.Steps = []journey.Step{{Kind: journey.KindRule, Table: "nat", Target: "DNAT"}}
		return x
	}
	quoting := func(p, q model.Packet) *sight {
		d := netfilter(9, p)
		d.About = q.Tuple()
		return &sight{drop: d, packet: &d.Packet, at: d.Time, fate: byNetwork}
	}
	for _, c := range []struct {
		name, filter string
		list         []*sight
		flow         string // of the first talk, "" for none
		replies      string // a letter for each packet of it: q, r
		about, again int
		to           string
	}{
		{"an ICMP error about nobody's flow", "ip", []*sight{about(tracked(broken))}, "", "", 0, 0, ""},
		{"an ICMP error about a flow, and one about another", "ip", []*sight{tracked(udp(1)), about(tracked(broken)), about(loose(broken))}, "udp 10.1.0.2:40000 > 10.2.0.2:9", "q", 1, 0, ""},
		{"a drop behind DNAT", "ip", []*sight{gone(moved)}, "udp 10.1.0.2 > 10.2.0.2:9", "q", 0, 0, ""},
		{"a drop of what comes back to it", "ip", []*sight{gone(back(moved))}, "udp 10.1.0.2 > 10.2.0.2:9", "r", 0, 0, ""},
		{"a drop behind DNAT, and what comes back", "ip", []*sight{gone(moved), loose(back(moved))}, "udp 10.1.0.2 > 10.2.0.2:9", "qr", 0, 0, ""},
		{"the answer to a SYN is first", "tcp", []*sight{loose(back(tcp(model.SYN|model.ACK, 1, 1)))}, "tcp 10.1.0.2 > 10.2.0.2:80", "r", 0, 0, ""},
		{"the answer to an echo is first", "icmp", []*sight{loose(icmp(model.FamilyIPv4, model.ProtoICMP, 0))}, "icmp 10.1.0.2 > 10.2.0.2", "r", 0, 0, ""},
		{"the answer to an echo of IPv6 is first", "icmpv6", []*sight{loose(icmp(model.FamilyIPv6, model.ProtoICMPv6, 129))}, "icmpv6 fd01::2 > fd02::2", "r", 0, 0, ""},
		{"by the filter's mirror", "udp and dst port 9", []*sight{loose(back(udp(1)))}, "udp 10.1.0.2 > 10.2.0.2:9", "r", 0, 0, ""},
		{"neither by the filter nor by its mirror", "udp and dst port 9", []*sight{loose(moved)}, "udp 10.1.0.2:40000 > 10.3.0.3:53", "q", 0, 0, ""},
		{"by the interface", "out r0", []*sight{loose(back(udp(1)))}, "udp 10.1.0.2 > 10.2.0.2:9", "r", 0, 0, ""},
		{"by its source, where only the connection is the same", "ip", []*sight{tracked(udp(1)), tracked(with(back(moved), func(p *model.Packet) { p.Dst = masquerade }))}, "udp 10.1.0.2:40000 > 10.2.0.2:9", "qr", 0, 0, ""},
		{"of another connection, the first one's reply where that was not tracked", "udp and dst port 9", []*sight{bare(udp(1)), of(8, back(udp(1)))}, "udp 10.1.0.2 > 10.2.0.2:9", "qr", 0, 0, ""},
		{"of another connection, the first one's reply", "udp and dst port 9", []*sight{of(7, udp(1)), of(8, back(udp(1)))}, "udp 10.1.0.2 > 10.2.0.2:9", "qr", 0, 0, ""},
		{"of a connection, behind one of which conntrack told nothing", "ip", []*sight{loose(back(udp(1))), of(7, udp(1))}, "udp 10.2.0.2:9 > 10.1.0.2", "qq", 0, 0, ""},
		{"a FIN again", "tcp", []*sight{ack(model.FIN|model.ACK, 1), ack(model.FIN|model.ACK, 1)}, "tcp 10.1.0.2:40000 > 10.2.0.2:80", "qq", 0, 1, ""},
		{"an ICMP error that is told before what it is about", "udp", []*sight{about(loose(broken)), about(quoting(broken, udp(1))), loose(udp(1))}, "udp 10.1.0.2:40000 > 10.2.0.2:9", "q", 1, 0, ""},
		{"a SYN again", "tcp", []*sight{ack(model.SYN, 1), ack(model.SYN, 1)}, "tcp 10.1.0.2 > 10.2.0.2:80", "qq", 0, 1, ""},
		{"a SYN of another number", "tcp", []*sight{ack(model.SYN, 1), ack(model.SYN, 2)}, "tcp 10.1.0.2 > 10.2.0.2:80", "qq", 0, 0, ""},
		{"an acknowledgement again", "tcp", []*sight{ack(model.ACK, 1), ack(model.ACK, 1)}, "tcp 10.1.0.2:40000 > 10.2.0.2:80", "qq", 0, 0, ""},
		{"translated", "ip", []*sight{nat(tracked(udp(1)), "10.2.0.2:9", "10.3.0.3:53")}, "udp 10.1.0.2:40000 > 10.2.0.2:9", "q", 0, 0, " (translated to 10.3.0.3:53)"},
		{"translated to what it had", "ip", []*sight{nat(tracked(udp(1)), "10.2.0.2:9", "10.2.0.2:9")}, "udp 10.1.0.2:40000 > 10.2.0.2:9", "q", 0, 0, ""},
		{"its port is lower than the server's, by the SYN", "tcp", []*sight{loose(low(tcp(model.SYN, 1, 1)))}, "tcp 10.1.0.2 > 10.2.0.2:80", "q", 0, 0, ""},
		{"its port is lower than the server's, by the connection", "udp", []*sight{of(7, low(udp(1)))}, "udp 10.1.0.2 > 10.2.0.2:9", "q", 0, 0, ""},
		{"its port is lower than the server's, by the direction in the filter", "dst host 10.2.0.2", []*sight{loose(low(udp(1)))}, "udp 10.1.0.2 > 10.2.0.2:9", "q", 0, 0, ""},
		{"its port is lower than the server's, by the port in the filter", "port 9", []*sight{loose(low(udp(1)))}, "udp 10.1.0.2 > 10.2.0.2:9", "q", 0, 0, ""},
		{"its port is lower than the server's, by the port in the filter, the answer first", "port 9", []*sight{loose(back(low(udp(1))))}, "udp 10.2.0.2:9 > 10.1.0.2", "q", 0, 0, ""},
		{"its port is lower than the server's, by a rule that translates", "ip", []*sight{translates(loose(low(udp(1))))}, "udp 10.1.0.2 > 10.2.0.2:9", "q", 0, 0, ""},
		{"its port is lower than the server's, and nothing tells", "udp", []*sight{loose(low(udp(1)))}, "udp 10.1.0.2:7 > 10.2.0.2:9", "q", 0, 0, ""},
		{"the filter names the client's port", "src port 7", []*sight{loose(low(tcp(model.SYN, 1, 1)))}, "tcp 10.1.0.2:7 > 10.2.0.2:80", "q", 0, 0, ""},
		{"the filter names both ports, and a SYN tells", "src port 7 and dst port 80", []*sight{loose(low(tcp(model.SYN, 1, 1)))}, "tcp 10.1.0.2 > 10.2.0.2:80", "q", 0, 0, ""},
		{"the filter names both ports", "port 7 and port 9", []*sight{loose(low(udp(1)))}, "udp 10.1.0.2:7 > 10.2.0.2:9", "q", 0, 0, ""},
		{"the filter names neither port alone", "portrange 7-9 and not port 8", []*sight{loose(low(udp(1)))}, "udp 10.1.0.2:7 > 10.2.0.2:9", "q", 0, 0, ""},
		{"the reply is translated back", "udp and dst port 9", []*sight{nat(loose(back(udp(1))), "10.2.0.1:40000", "10.1.0.2:40000")}, "udp 10.1.0.2 > 10.2.0.2:9", "r", 0, 0, ""},
	} {
		f, err := filter.Parse(c.filter)
		if err != nil {
			t.Fatal(err)
		}
		list := talks(c.list, f)
		if c.flow == "" || len(list) != 1 {
			if c.flow != "" || len(list) != 0 {
				t.Errorf("%s: %d flows", c.name, len(list))
			}
			continue
		}
		k, replies := list[0], ""
		for _, x := range k.sights {
			replies += map[bool]string{false: "q", true: "r"}[x.reply]
		}
		if k.name() != c.flow || replies != c.replies || len(k.about) != c.about || k.requests.Again != c.again || k.translated() != c.to {
			t.Errorf("%s: %s%s, %s, %d about it, %d again", c.name, k.name(), k.translated(), replies, len(k.about), k.requests.Again)
		}
	}
}

// TestClash: connections that have the same addresses and ports behind SNAT, each of its own client,
// are flows of their own: a drop of one is no drop of the other, and no reply of the other's answers
// it. The kernel drops all but the first (insert_failed), or a rule does before that is found out.
func TestClash(t *testing.T) {
	client := func(port uint16) model.Packet {
		return with(udp(port), func(p *model.Packet) { p.SPort = port })
	}
	behind := with(udp(1), func(p *model.Packet) { p.Src, p.SPort = netip.MustParseAddr("10.2.0.1"), 7000 })
	gone := func(port uint16, f fate) *sight {
		d, request := netfilter(9, behind), client(port)
		d.Orig, d.Reply = request.Tuple(), behind.Tuple().Reverse()
		return &sight{drop: d, packet: &d.Packet, at: d.Time, fate: f}
	}
	of := func(flow uint32, direction string, p model.Packet) *sight {
		j := traced(10, p, journey.Accepted, journey.Culprit{})
		j.Flow, j.Direction = flow, direction
		return &sight{journey: j, packet: &j.Packet, at: j.Start, fate: arrived}
	}
	request, reply := of(7, journey.Original, client(40000)), of(7, journey.Reply, back(behind))
	f, err := filter.Parse("udp and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		list []*sight
		want string // of each flow the client's port, and a letter for each packet: q, r
	}{
		{"the first is answered, the others are dropped", []*sight{request, reply, gone(40001, byTable), gone(40002, byTable)}, "40000 qr, 40001 q, 40002 q"},
		{"a rule drops the others", []*sight{request, reply, gone(40001, byNetwork), gone(40002, byNetwork)}, "40000 qr, 40001 q, 40002 q"},
		{"a rule drops all", []*sight{gone(40001, byNetwork), gone(40002, byNetwork), gone(40001, byNetwork)}, "40001 qq, 40002 q"},
		{"the same client again", []*sight{gone(40001, byTable), gone(40001, byTable)}, "40001 qq"},
		{"a drop, and a reply to what was not seen", []*sight{gone(40001, byTable), reply}, "40001 q, 7000 r"},
	} {
		var got []string
		for _, k := range talks(c.list, f) {
			letters := ""
			for _, x := range k.sights {
				letters += map[bool]string{false: "q", true: "r"}[x.reply]
			}
			got = append(got, fmt.Sprintf("%d %s", k.orig.SPort, letters))
		}
		if got := strings.Join(got, ", "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestCounters: which counters may be a packet's end, and which comes first.
func TestCounters(t *testing.T) {
	v6 := with(udp(1), func(p *model.Packet) {
		p.Family, p.Src, p.Dst = model.FamilyIPv6, netip.MustParseAddr("fd01::2"), netip.MustParseAddr("fd02::2")
	})
	segment := tcp(model.SYN, 1, 1)
	perf := func(reason, place string, n uint64) *drop.Drop {
		return &drop.Drop{Time: at(900), Source: drop.StepPerf, Reason: reason, Place: place, Count: n}
	}
	const host, local = "rt_cache in_no_route", "IpExtInNoRoutes"
	for _, c := range []struct {
		name   string
		packet model.Packet
		step   drop.Step
		drops  []*drop.Drop
		want   string
	}{
		{"of the family", udp(1), drop.StepProc, []*drop.Drop{rose(900, "Ip6InNoRoutes", 1), rose(900, local, 2), rose(900, "Icmp6InCsumErrors", 1), rose(900, "IcmpInCsumErrors", 1), rose(900, "TcpExtIPReversePathFilter", 1)}, "IcmpInCsumErrors 1, IpExtInNoRoutes 2, TcpExtIPReversePathFilter 1"},
		{"of IPv6", v6, drop.StepProc, []*drop.Drop{rose(900, "Ip6InNoRoutes", 1), rose(900, local, 2), rose(900, "Icmp6InCsumErrors", 1), rose(900, "IcmpInCsumErrors", 1), rose(900, "TcpExtIPReversePathFilter", 1), rose(900, host, 1)}, "Icmp6InCsumErrors 1, Ip6InNoRoutes 1"},
		{"of the protocol", udp(1), drop.StepProc, []*drop.Drop{rose(900, "UdpNoPorts", 1), rose(900, "Udp6NoPorts", 1), rose(900, "TcpExtListenOverflows", 1)}, "UdpNoPorts 1"},
		{"of UDP over IPv6", v6, drop.StepProc, []*drop.Drop{rose(900, "UdpNoPorts", 1), rose(900, "Udp6NoPorts", 1)}, "Udp6NoPorts 1"},
		{"of TCP", segment, drop.StepProc, []*drop.Drop{rose(900, "UdpNoPorts", 1), rose(900, "TcpExtListenOverflows", 1)}, "TcpExtListenOverflows 1"},
		{"of TCP over IPv6", with(v6, func(p *model.Packet) { p.Proto = model.ProtoTCP }), drop.StepProc, []*drop.Drop{rose(900, "Udp6NoPorts", 1), rose(900, "TcpExtListenOverflows", 1)}, "TcpExtListenOverflows 1"},
		{"of conntrack, for both families", v6, drop.StepProc, []*drop.Drop{rose(900, "nf_conntrack drop", 1)}, "nf_conntrack drop 1"},
		{"of the whole host, beside one of the namespace", udp(1), drop.StepProc, []*drop.Drop{rose(900, host, 1), rose(900, local, 1)}, "IpExtInNoRoutes 1"},
		{"of the whole host alone", udp(1), drop.StepProc, []*drop.Drop{rose(900, host, 1)}, "rt_cache in_no_route 1"},
		{"of the whole host, where more is told", udp(1), drop.StepPerf, []*drop.Drop{rose(900, host, 1)}, ""},
		{"from before", udp(1), drop.StepProc, []*drop.Drop{rose(-900, local, 1)}, ""},
		{"what is told again is added up, of each place", udp(1), drop.StepPerf, []*drop.Drop{perf("IP_RPFILTER", "a", 2), perf("IP_RPFILTER", "b", 1), perf("IP_RPFILTER", "a", 3)}, "IP_RPFILTER 5, IP_RPFILTER 1"},
		{"what rises for much comes last", udp(1), drop.StepProc, []*drop.Drop{rose(900, "IpInDiscards", 1), rose(900, "IpOutDiscards", 1), rose(900, "UdpNoPorts", 1)}, "UdpNoPorts 1, IpOutDiscards 1, IpInDiscards 1"},
		{"what has no reason comes last", udp(1), drop.StepPerf, []*drop.Drop{perf("NOT_SPECIFIED", "a", 1), perf("UDP_CSUM", "b", 1)}, "UDP_CSUM 1, NOT_SPECIFIED 1"},
		{"what netfilter dropped, by name", udp(1), drop.StepPerf, []*drop.Drop{perf("NETFILTER_DROP", "nf_hook_slow", 1)}, ""},
		{"a packet of its own, and ARP", udp(1), drop.StepBPF, []*drop.Drop{lost(900, udp(2), "NO_SOCKET", "__udp4_lib_rcv", drop.StationSocket, 0), {Time: at(900), Source: drop.StepBPF, Reason: "NEIGH_FAILED", ARP: "who has", Count: 1}}, ""},
	} {
		p := c.packet
		s := &Seen{Began: begin, Watch: drop.Watch{Step: c.step}, Drops: c.drops}
		var list []string
		for _, d := range suspects(s, &sight{packet: &p}, drop.Meanings()) {
			list = append(list, fmt.Sprintf("%s %d", d.Reason, d.Count))
		}
		if got := strings.Join(list, ", "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestTold: what rose meanwhile is told by name, added up, four names at most, and nothing that
// is of a packet, of before or of every host.
func TestTold(t *testing.T) {
	list := []*drop.Drop{rose(-900, "IpInDiscards", 1), lost(1, udp(1), "NO_SOCKET", "__udp4_lib_rcv", drop.StationSocket, 0), {Time: at(1), Source: drop.StepBPF, Reason: "NEIGH_FAILED", ARP: "who has", Count: 1},
		{Time: at(1), Source: drop.StepBPF, Reason: "NOT_SPECIFIED", Place: "ip6_mc_input", Station: drop.StationSocket, Count: 1}, // usual
		rose(1, "UdpNoPorts", 2), rose(2, "UdpNoPorts", 3), rose(3, "UdpInCsumErrors", 1), rose(3, "IpInHdrErrors", 1), rose(3, "IpFragFails", 1), rose(3, "IpReasmFails", 1)}
	want := "UdpNoPorts rose by 5; UdpInCsumErrors rose by 1; IpInHdrErrors rose by 1; IpFragFails rose by 1"
	if got := strings.Join(told(list, drop.Meanings(), begin), "; "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
