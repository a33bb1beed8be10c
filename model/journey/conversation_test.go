package journey

import (
	"slices"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/flow"
)

// both is a connection of three packets each way, told by conntrack ID, beside another.
func both(t *testing.T) []*Journey {
	t.Helper()
	p := udp("10.0.0.9", 1)
	back := *p
	back.Src, back.Dst, back.SPort, back.DPort = p.Dst, p.Src, p.DPort, p.SPort
	var events []Event
	for i := range 3 {
		for dir, q := range []*model.Packet{p, &back} {
			c := *q
			c.IPID = uint16(10*i + dir)
			for flow := range 2 {
				c := c
				c.IPID += uint16(1000 * flow)
				e := arming(&c)
				e.ID = uint32(c.IPID) + 1
				e.CT = &CT{ID: uint32(77 + flow), Direction: uint8(dir), State: 2}
				events = append(events, e)
			}
		}
	}
	_, js := folded(nil, Options{Probes: true}, events...)
	if len(js) != 12 {
		t.Fatalf("%d journeys, want 12", len(js))
	}
	return js
}

// TestAnswers: a reply names the request before it, and that of its own connection.
func TestAnswers(t *testing.T) {
	for i, j := range both(t) {
		want := map[bool]string{true: Reply, false: Original}[i/2%2 == 1]
		if j.Direction != want || j.FlowBy != FlowByID {
			t.Errorf("#%d: %s by %s, want %s by id", j.Number, j.Direction, j.FlowBy, want)
		}
		answers := j.Number - 2
		if i < 2 {
			answers = 0
		}
		if j.Answers != answers {
			t.Errorf("#%d answers %d, want %d", j.Number, j.Answers, answers)
		}
	}
}

// TestAnswersMoved: a packet whose connection becomes another on its way, as where two were made at
// once for one tuple (nf_ct_resolve_clash), is one of both.
func TestAnswersMoved(t *testing.T) {
	p, back := udp("10.1.0.1", 5), udp("10.1.0.9", 6)
	of := func(e Event, id, flow uint32, reply uint8) Event {
		e.ID, e.CT = id, &CT{ID: flow, Direction: reply}
		return e
	}
	_, list := folded(rulesOf(), Options{Probes: true}, of(between(arming(p), "r0", "", 0), 1, 16, 0), of(between(probe(model.HookForward, p), "r0", "r1", 0), 1, 32, 0), of(between(arming(back), "r1", "", 0), 2, 32, 1))
	if len(list) != 2 || list[1].Answers != list[0].Number {
		t.Errorf("%d journeys, the last answers %d", len(list), list[len(list)-1].Answers)
	}
}

// TestAnswersInTheOrderOfEvents: a request that the other tracer goes on telling of is
// closed after its answer, and is what was answered all the same.
func TestAnswersInTheOrderOfEvents(t *testing.T) {
	p := udp("10.0.0.9", 1)
	back := *p
	back.Src, back.Dst, back.SPort, back.DPort, back.IPID = p.Dst, p.Src, p.DPort, p.SPort, p.IPID+1
	f := NewFold(Options{Probes: true})
	at := time.Unix(1000, 0)
	for i, e := range []Event{arming(p), arming(&back), arming(p)} {
		e.ID, e.Time = uint32(1+i%2), at.Add(time.Duration(i)*100*time.Millisecond)
		if e.CT = &(CT{ID: 77, Direction: uint8(i % 2), State: 2}); i == 2 {
			e.Packet, e.Chain = nil, "prerouting"
		}
		f.Event(&e)
	}
	f.Tick(at.Add(355 * time.Millisecond)) // the answer, 250 ms old
	if js := f.Journeys(); len(js) != 2 || js[0].Closed || !js[1].Closed {
		t.Fatalf("%d journeys, want an open one and a closed one", len(js))
	} else if js[0].Answers != 0 || js[1].Answers != js[0].Number {
		t.Errorf("answers: %d, %d", js[0].Answers, js[1].Answers)
	}
}

// TestAnswersWhereDrawnBefore: packets that are looked at before the kernel told their
// connection answer each other in the order in which they came.
func TestAnswersWhereDrawnBefore(t *testing.T) {
	p := udp("10.0.0.9", 1)
	back := *p
	back.Src, back.Dst, back.SPort, back.DPort = p.Dst, p.Src, p.DPort, p.SPort
	f := NewFold(Options{Probes: true})
	f.SetFlows(oneFlow{&flow.Flow{ID: 77, Orig: flow.Side{Tuple: p.Tuple()}, Reply: flow.Side{Tuple: back.Tuple()}}})
	var packets []*model.Packet
	for i := range 6 {
		c := []model.Packet{*p, back}[i%2]
		c.IPID = uint16(1 + i)
		packets = append(packets, &c)
	}
	for _, told := range []bool{false, true} {
		for i, c := range packets {
			e := arming(c)
			if e.ID = uint32(1 + i); told {
				e.Packet, e.Chain, e.CT = nil, "prerouting", &CT{ID: 77, Direction: uint8(i % 2), State: 2}
			}
			f.Event(&e)
		}
		if js := f.Journeys(); len(js) != 6 || js[0].Closed {
			t.Fatalf("%d journeys, want six that are open", len(js))
		}
	}
	f.Flush()
	for i, j := range f.Journeys() {
		if j.Answers != i || j.FlowBy != FlowByID {
			t.Errorf("#%d answers #%d by %s, want #%d by id", j.Number, j.Answers, j.FlowBy, i)
		}
	}
}

// TestNothingAnswersAnError: an ICMP error is about a packet, and the packet after it is
// no answer to it.
func TestNothingAnswersAnError(t *testing.T) {
	p := udp("10.0.0.9", 1)
	fault := *p
	fault.Src, fault.Dst, fault.Proto, fault.ICMPType, fault.ICMPCode, fault.IPID = p.Dst, p.Src, model.ProtoICMP, 3, 3, p.IPID+1
	again := *p
	again.IPID = p.IPID + 2
	var events []Event
	for i, q := range []*model.Packet{p, &fault, &again} {
		e := arming(q)
		e.ID, e.CT = uint32(1+i), &CT{ID: 77, Direction: uint8(i % 2), State: 2}
		events = append(events, e)
	}
	_, js := folded(nil, Options{Probes: true}, events...)
	if len(js) != 3 || js[1].Answers != js[0].Number || js[2].Answers != 0 {
		t.Errorf("%d journeys: %+v", len(js), js)
	}
	if got, want := js[1].About(), "ICMP error about #1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestPartner: the packet beside is that of the other direction.
func TestPartner(t *testing.T) {
	js := both(t)
	c, ok := ConversationOf(js[0], js)
	if !ok || len(c.Original) != 3 || len(c.Reply) != 3 || c.Flow != 77 {
		t.Fatalf("conversation %+v", c)
	}
	for i, want := range map[int]int{0: 2, 2: 0, 4: 6, 6: 4, 8: 10, 10: 8, 1: 3} {
		if p := Partner(js[i], js); p != js[want] {
			t.Errorf("beside #%d stands %v, want #%d", js[i].Number, p, js[want].Number)
		}
	}
	lone := &Journey{Number: 1}
	if Partner(lone, js) != nil {
		t.Error("a packet of no connection has a partner")
	}
}

// TestOneConversation: the kernel gives an ID again, so a conversation has the packets alone
// whose ends can be of one connection.
func TestOneConversation(t *testing.T) {
	of := func(n int, dir string, with func(*Journey)) *Journey {
		j := &Journey{Number: n, Family: model.FamilyIPv4, Flow: 77, Direction: dir, Packet: *udp("10.1.0.1", 1)}
		if dir == Reply {
			p := &j.Packet
			p.Src, p.Dst, p.SPort, p.DPort = p.Dst, p.Src, p.DPort, p.SPort
		}
		with(j)
		return j
	}
	same := func(*Journey) {}
	foreign := func(j *Journey) { j.Packet.SPort, j.Packet.DPort = 1, 2 }
	j := of(1, Original, same)
	for _, c := range []struct {
		name string
		o    *Journey
		in   bool
	}{
		{"the next request", of(2, Original, same), true},
		{"the answer", of(2, Reply, same), true},
		{"an ICMP error", of(2, Reply, func(j *Journey) { j.Packet.Proto, j.Packet.SPort, j.Packet.DPort = model.ProtoICMP, 0, 0 }), true},
		{"another flow", of(2, Reply, func(j *Journey) { j.Flow = 78 }), false},
		{"another family", of(2, Original, func(j *Journey) { j.Family = model.FamilyIPv6 }), false},
		{"another protocol", of(2, Original, func(j *Journey) { j.Packet.Proto = model.ProtoTCP }), false},
		{"another port of the same side", of(2, Original, foreign), false},
		{"an answer to other ports", of(2, Reply, foreign), false},
		{"an answer to other ports, which were translated", of(2, Reply, func(j *Journey) { foreign(j); j.NAT = &NAT{} }), true},
		{"an answer from a port that was translated", of(2, Reply, func(j *Journey) { j.Packet.SPort = 1 }), true},
	} {
		got, ok := ConversationOf(j, []*Journey{j, c.o})
		if in := slices.Contains(append(got.Original, got.Reply...), c.o); !ok || in != c.in {
			t.Errorf("%s: in the conversation %v", c.name, in)
		}
	}
	late := of(9, Reply, same)
	for _, c := range []struct {
		name string
		of   *Journey
		list []*Journey
		want *Journey
	}{
		{"what a reply answers", of(9, Reply, func(j *Journey) { j.Answers = 1 }), []*Journey{j, of(2, Original, same)}, j},
		{"what came back after a request that answers something itself", of(3, Original, func(j *Journey) { j.Answers = 2 }), []*Journey{of(2, Reply, same), late}, late},
		{"the last before it, where nothing came after", of(10, Original, same), []*Journey{of(2, Reply, same), late}, late},
	} {
		if got := Partner(c.of, c.list); got != c.want {
			t.Errorf("%s: #%d", c.name, got.Number)
		}
	}
}

// TestAbout: what is said of a packet that another stands before.
func TestAbout(t *testing.T) {
	tcp := model.Packet{Proto: model.ProtoTCP, Flags: model.RST | model.ACK}
	for want, j := range map[string]*Journey{
		"":                      {Packet: tcp},
		"answers #3":            {Packet: tcp, Answers: 3, Path: PathForward, CTState: "RELATED"},
		"answers #4":            {Packet: tcp, Answers: 4, Path: PathOutput, CTState: "ESTABLISHED"},
		"answers #5":            {Packet: model.Packet{Proto: model.ProtoTCP, Flags: model.ACK}, Answers: 5, Path: PathOutput, CTState: "RELATED"},
		"REJECT's answer to #6": {Packet: tcp, Answers: 6, Path: PathOutput, CTState: "RELATED"},
		"ICMP error about #7":   {Packet: model.Packet{Proto: model.ProtoICMP, ICMPType: 3, Transport: true}, Answers: 7},
	} {
		if got := j.About(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// talking are the flows of one connection without IDs in events.
type talking struct{ oneFlow }

func (talking) ByID(uint32) *flow.Flow { return nil }

// TestAnsweredOnce: what a packet answers is the newest of the other direction when its
// connection was told, and no other that is told later; what is told late is not newer.
func TestAnsweredOnce(t *testing.T) {
	p := udp("10.0.0.9", 1)
	back := *p
	back.Src, back.Dst, back.SPort, back.DPort = p.Dst, p.Src, p.DPort, p.SPort
	f := NewFold(Options{Probes: true})
	f.SetFlows(talking{oneFlow{&flow.Flow{ID: 77, Orig: flow.Side{Tuple: p.Tuple()}, Reply: flow.Side{Tuple: back.Tuple()}}}})
	begin := func(n int, q model.Packet) *builder {
		b := &builder{number: n}
		q.IPID = uint16(n)
		k := known{flow: 77, direction: Original}
		if q.Src == back.Src {
			k.direction = Reply
		}
		f.answers(b, &k, &q)
		return b
	}
	begin(1, *p)
	reply := begin(3, back)
	begin(2, *p) // it began before, and was told of now
	k := known{flow: 77, direction: Reply}
	if f.answers(reply, &k, &back); k.answers != 1 {
		t.Errorf("the reply answers #%d, told again", k.answers)
	}
	begin(6, *p)
	begin(5, *p)
	if b := begin(7, back); b.answers != 6 {
		t.Errorf("a reply answers #%d, want #6", b.answers)
	}
	if b := begin(4, back); b.answers != 0 {
		t.Errorf("a reply that began before answers #%d", b.answers)
	}
}
