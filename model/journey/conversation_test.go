package journey

import (
	"testing"
	"time"

	"nfscope/model"
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
