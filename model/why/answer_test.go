package why

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
)

// TestReason: the kernel's word and what to do belong to the packet that decides, and a flow of
// which nothing is lost has none.
func TestReason(t *testing.T) {
	for _, c := range []struct {
		name, reason, do string
		seen             Seen
	}{
		{"a rule, which the kernel confirms", "NETFILTER_DROP", "", Seen{Journeys: []*journey.Journey{traced(10, udp(1), journey.Dropped, drops9)}, Drops: []*drop.Drop{netfilter(9, udp(1))}}},
		{"what every flow has", "", "", Seen{Journeys: []*journey.Journey{but(traced(10, tcp(model.ACK, 2, 3), journey.Accepted, journey.Culprit{}), func(j *journey.Journey) {
			j.Drop = lost(10, tcp(model.ACK, 2, 3), "TCP_OLD_ACK", "tcp_ack", drop.StationSocket, 0)
		})}}},
		{"no way back", "", "ip route get 10.1.0.2; add a route back", Seen{Over: true, Routes: &model.Routes{}, Journeys: []*journey.Journey{but(traced(10, udp(1), journey.Accepted, journey.Culprit{}), func(j *journey.Journey) { j.Path, j.Out = journey.PathInput, "" })}}},
		{"a full backlog", "TcpExtListenOverflows", drop.Meanings().Of("TcpExtListenOverflows").Do, Seen{Drops: []*drop.Drop{rose(900, "TcpExtListenOverflows", 1)}, Socket: &Socket{Proto: model.ProtoTCP, At: "tcp 0.0.0.0:80", Waiting: 2, Most: 1},
			Journeys: []*journey.Journey{but(traced(10, tcp(model.SYN, 1, 1), journey.Accepted, journey.Culprit{}), func(j *journey.Journey) { j.Path, j.Out = journey.PathInput, "" })}}},
		{"the first of two counters", "UdpNoPorts", "ss -lnu", Seen{Watch: drop.Watch{Step: drop.StepProc}, Drops: []*drop.Drop{rose(900, "UdpRcvbufErrors", 1), rose(900, "UdpNoPorts", 1)}, Journeys: []*journey.Journey{traced(10, udp(1), journey.Unknown, journey.Culprit{})}}},
		{"a neighbour that does not answer", "", "ip neigh show 10.2.0.2 dev r1: is the address right, is that host up and on this link?", Seen{Over: true, HopOf: Hop{To: netip.MustParseAddr(there4), Out: "r1"},
			Hop: &drop.Neighbour{Addr: netip.MustParseAddr(there4), Dev: "r1", State: "FAILED"}, Journeys: []*journey.Journey{traced(10, udp(1), journey.Accepted, journey.Culprit{})}}},
	} {
		s := c.seen
		s.Began = begin
		var err error
		if s.Filter, err = filter.Parse("dst host 10.2.0.2"); err != nil {
			t.Fatal(err)
		}
		if a := judged(t, &s); a.Reason != c.reason || a.Do != c.do {
			t.Errorf("%s: %q, %q, want %q, %q: %s", c.name, a.Reason, a.Do, c.reason, c.do, a.Sentence)
		}
	}
}

// TestJSON: each member of nfscope/why/1 has its own.
func TestJSON(t *testing.T) {
	f, err := filter.Parse("udp and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	s := &Seen{Filter: f, Looked: 2 * time.Second, Lost: 1, Gaps: 2, Held: 3, Watch: drop.Watch{Step: drop.StepBPF, Held: 4, Lost: 5, Merged: 2}, Place: "nfs-x", Probe: &Probe{What: "UDP", Result: "refused", Refused: true}}
	for _, c := range []struct {
		a    Answer
		want string
	}{
		{Answer{Kind: Rule, Side: Reply, Sentence: "a > b", Confidence: Likely, Because: "so", Flow: "udp a > b", By: drops9, Reason: "NETFILTER_DROP", Evidence: []string{"e"}, Do: "look", Requests: Counts{Seen: 1, Dropped: 2, Delivered: 3, Again: 4}, Replies: Counts{Seen: 5},
			Journeys: []*journey.Journey{{ID: "t7"}}, Simulated: &journey.Journey{}},
			`{"schema":"nfscope/why/1","time":"2026-11-20T12:00:00.000000000Z","filter":"udp and dst port 9","kind":"rule","side":"reply","dropped":true,"sentence":"a > b","confidence":"likely","because":"so","flow":"udp a > b",` +
				`"by":{"backend":"iptables-legacy","family":"ip","table":"filter","chain":"FORWARD","kind":"rule","rule":2,"text":"-A FORWARD -p udp --dport 9 -j DROP"},"reason":"NETFILTER_DROP","evidence":["e"],"do":"look",` +
				`"requests":{"seen":1,"dropped":2,"delivered":3,"again":4},"replies":{"seen":5,"dropped":0,"delivered":0},"journeys":["t7"],"simulated":true,"probe":{"what":"UDP","result":"refused","refused":true},"looked_ns":2000000000,"drops_by":"bpf",` +
				`"loss":{"lost":1,"gaps":2,"held":3,"untold":7},"netns":"nfs-x"}`},
		{Answer{Kind: Works, Side: Reply, Confidence: Certain},
			`{"schema":"nfscope/why/1","time":"2026-11-20T12:00:00.000000000Z","filter":"udp and dst port 9","kind":"works","side":"reply","dropped":false,"sentence":"","confidence":"certain","because":"","flow":"","evidence":[],` +
				`"requests":{"seen":0,"dropped":0,"delivered":0},"replies":{"seen":0,"dropped":0,"delivered":0},"journeys":[],"simulated":false,"probe":{"what":"UDP","result":"refused","refused":true},"looked_ns":2000000000,"drops_by":"bpf",` +
				`"loss":{"lost":1,"gaps":2,"held":3,"untold":7},"netns":"nfs-x"}`},
	} {
		if got, err := c.a.JSON(s, begin); err != nil || string(got) != c.want {
			t.Errorf("%v\n%s\nwant\n%s", err, got, c.want)
		}
	}
}

// TestLookBegins: what was seen, lost and counted before it is looked is none of it, nor is what
// is of other flows; conntrack's entries are those of the packets, else those of the filter.
func TestLookBegins(t *testing.T) {
	f, err := filter.Parse("udp and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	tab := &flow.Table{}
	entry := func(id uint32, port uint16) {
		p := with(udp(1), func(p *model.Packet) { p.SPort = port })
		tab.Apply(flow.Event{Type: flow.EventNew, Time: begin, Flow: &flow.Flow{ID: id, Family: p.Family, Orig: flow.Side{Tuple: p.Tuple()}, Reply: flow.Side{Tuple: p.Tuple().Reverse()}}})
	}
	entry(7, 40000)
	entry(8, 41000)
	snap := func(n uint64, list ...*journey.Journey) *snapshot.Snapshot {
		return &snapshot.Snapshot{Journeys: list, Loss: snapshot.Loss{Trace: n, Dropped: 10 * n, Drops: 100 * n, Gaps: n}, Routes: &model.Routes{}, Trace: snapshot.Trace{Held: 3, Notes: []string{"a note"}},
			Drops: snapshot.Drops{Watch: drop.Watch{Step: drop.StepBPF, Netns: inode, Held: n, Lost: n, Merged: n, Missed: n}}, Flows: snapshot.Flows{Table: tab}}
	}
	l := NewLook(f, "nfs-x")
	just := lost(-3, udp(1), "NO_SOCKET", "__udp4_lib_rcv", drop.StationSocket, 0)
	l.Drop(lost(-10, udp(1), "NO_SOCKET", "__udp4_lib_rcv", drop.StationSocket, 0))
	l.Drop(rose(-3, "UdpNoPorts", 1))
	l.Drop(just)
	l.Snapshot(snap(1))
	l.Begin(begin)
	l.Drop(lost(10, udp(1), "NO_SOCKET", "__udp4_lib_rcv", drop.StationSocket, 0))
	l.Drop(lost(10, with(udp(1), func(p *model.Packet) { p.DPort = 10 }), "NO_SOCKET", "__udp4_lib_rcv", drop.StationSocket, 0))
	l.Drop(rose(10, "UdpNoPorts", 1))
	l.Snapshot(snap(2)) // what was lost by now was lost while it looks
	before, ours := traced(-3000, udp(1), journey.Accepted, journey.Culprit{}), traced(10, udp(1), journey.Accepted, journey.Culprit{})
	l.Snapshot(snap(3, before, ours))
	s := l.Seen(at(2000), false)
	if len(s.Drops) != 3 || s.Drops[0] != just || !slices.Equal(s.Journeys, []*journey.Journey{ours}) || s.Lost != 222 || s.Gaps != 2 || s.Held != 3 || len(s.Notes) != 1 || s.Routes == nil || s.Flows != nil || s.Looked != 2*time.Second || s.Place != "nfs-x" {
		t.Errorf("%+v", s)
	}
	if w := s.Watch; w.Held != 2 || w.Lost != 2 || w.Merged != 2 || w.Missed != 2 || w.Step != drop.StepBPF {
		t.Errorf("%+v", w)
	}
	ids := func(s *Seen) (out []uint32) {
		for _, f := range s.Flows {
			out = append(out, f.ID)
		}
		slices.Sort(out)
		return out
	}
	if got := ids(l.Seen(at(2000), true)); !slices.Equal(got, []uint32{7}) {
		t.Errorf("the flows of the packets: %v", got)
	}
	l.Snapshot(snap(3))
	if got := ids(l.Seen(at(2000), true)); !slices.Equal(got, []uint32{7, 8}) {
		t.Errorf("the flows of the filter: %v", got)
	}
	l.End(at(1500))
	if got := l.Seen(at(4000), true).Looked; got != 1500*time.Millisecond {
		t.Errorf("looked for %v, of which the trace lasted 1.5 s", got)
	}
}
