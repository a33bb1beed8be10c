package why

import (
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
)

// wait lets time pass.
func (s *talking) wait(ms int) *talking {
	s.ms += ms
	return s
}

// TestStalls: a connection that opens and then stalls does not work, and one of which nothing more
// came is said to be just that; one on which both ends spoke, or that was closed, settles it.
func TestStalls(t *testing.T) {
	const flow = "tcp 10.1.0.2 > 10.2.0.2:80"
	const fine = "nothing is wrong here: the request " + flow + " was delivered (sent out of r1), and the reply came back"
	const stuck = ": the connection was answered and then stalled: the "
	long := func(p model.Packet) model.Packet { p.Length = 1500; return p }
	for _, c := range []struct {
		name       string
		talk       *talking
		kind       Kind
		side       Side
		confidence Confidence
		settled    bool
		sentence   string
		lost       uint64
		filter     string
	}{
		{name: "asked and answered", talk: opened().pass(seg(push, 1, 1)).pass(ans(push, 1, 11)).pass(seg(model.ACK, 11, 11)),
			kind: Works, side: Reply, confidence: Certain, settled: true, sentence: fine},
		{name: "opened and closed", talk: opened().pass(seg(fin, 1, 1)).pass(ans(fin, 1, 2)).pass(seg(model.ACK, 2, 2)),
			kind: Works, side: Reply, confidence: Certain, settled: true, sentence: fine},
		{name: "opened only", talk: opened(),
			kind: Works, side: Reply, confidence: Likely, sentence: flow + ": nothing of it was lost here, but behind its opening neither end sent anything"},
		{name: "the server speaks, the client listens", talk: opened().pass(ans(push, 1, 1)).pass(seg(model.ACK, 1, 11)),
			kind: Works, side: Reply, confidence: Certain, sentence: fine},
		{name: "the program is silent", talk: opened().pass(seg(push, 1, 1)).pass(ans(model.ACK, 1, 11)),
			kind: Works, side: Reply, confidence: Likely, sentence: flow + ": nothing of it was lost here, but the server acknowledged what the client sent, and its program sent nothing back in 5 s"},
		{name: "the program is silent until the client gives up", talk: opened().pass(seg(push, 1, 1)).pass(ans(model.ACK, 1, 11)).wait(2990).pass(seg(fin, 11, 1)).pass(ans(model.ACK, 1, 12)),
			kind: Works, side: Reply, confidence: Likely, settled: false, sentence: flow + ": nothing of it was lost here, but the server acknowledged what the client sent, and its program sent nothing back in 3 s"},
		{name: "only sent, and closed at once", talk: opened().pass(seg(push, 1, 1)).pass(ans(model.ACK, 1, 11)).pass(seg(fin, 11, 1)).pass(ans(model.ACK, 1, 12)),
			kind: Works, side: Reply, confidence: Certain, settled: true, sentence: fine},
		{name: "lost behind", talk: opened().pass(seg(push, 1, 1)).pass(seg(push, 1, 1)).pass(seg(push, 1, 1)),
			kind: Stalled, side: Request, confidence: Certain, sentence: flow + stuck + "client sent the same segment 3 times, which came through here, and 10.2.0.2 was not heard to acknowledge it"},
		{name: "long ones are lost behind", talk: opened().pass(seg(push, 1, 1)).pass(ans(model.ACK, 1, 11)).pass(long(ans(model.ACK, 1, 11))).pass(long(ans(model.ACK, 1, 11))),
			kind: Stalled, side: Reply, confidence: Certain, sentence: flow + stuck + "server sent the same segment 2 times, which came through here, and 10.1.0.2 was not heard to acknowledge it"},
		{name: "the client does not hear the answer to its SYN", talk: new(talking).pass(tcp(model.SYN, 100, 0)).pass(ans(model.SYN|model.ACK, 0, 1)).pass(ans(model.SYN|model.ACK, 0, 1)),
			kind: Stalled, side: Reply, confidence: Certain, sentence: flow + stuck + "server sent the same segment 2 times, which came through here, and 10.1.0.2 was not heard to acknowledge it"},
		{name: "sent again and acknowledged", talk: opened().pass(seg(push, 1, 1)).pass(seg(push, 1, 1)).pass(ans(push, 1, 11)).pass(seg(model.ACK, 11, 11)),
			kind: Works, side: Reply, confidence: Certain, settled: true, sentence: fine},
		{name: "acknowledgements sent again are no segments", talk: opened().pass(seg(push, 1, 1)).pass(ans(push, 1, 11)).pass(seg(model.ACK, 11, 11)).pass(seg(model.ACK, 11, 11)),
			kind: Works, side: Reply, confidence: Certain, settled: true, sentence: fine},
		{name: "sent again, and answered by a reset", talk: opened().pass(seg(push, 1, 1)).pass(seg(push, 1, 1)).pass(ans(rst, 1, 1)),
			kind: Works, side: Reply, confidence: Certain, settled: true, sentence: flow + ": nothing of it was lost here, but the server answered what the client sent by a TCP reset"},
		{name: "a reset behind an answer", talk: opened().pass(seg(push, 1, 1)).pass(ans(push, 1, 11)).pass(seg(fin, 11, 11)).pass(ans(rst, 11, 12)),
			kind: Works, side: Reply, confidence: Certain, settled: true, sentence: fine},
		{name: "sent once, and not acknowledged yet", talk: opened().pass(seg(push, 1, 1)),
			kind: Works, side: Reply, confidence: Certain, sentence: fine},
		{name: "it was lost, and so may the acknowledgement", talk: opened().pass(seg(push, 1, 1)).pass(seg(push, 1, 1)), lost: 3,
			kind: Works, side: Reply, confidence: Certain, settled: true, sentence: fine},
		{name: "on its way when it was looked at first", talk: new(talking).pass(seg(push, 1, 1)).pass(ans(model.ACK, 1, 1)),
			kind: Works, side: Reply, confidence: Certain, settled: true, sentence: fine},
		{name: "the filter has what is acknowledged no more", talk: opened().pass(seg(push, 1, 1)).pass(seg(push, 1, 1)), filter: "dst host 10.2.0.2 and (state established or not state established)",
			kind: Works, side: Reply, confidence: Certain, settled: true, sentence: fine},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := c.talk.seen
			if c.filter == "" {
				c.filter = "dst host 10.2.0.2"
			}
			f, err := filter.Parse(c.filter)
			if err != nil {
				t.Fatal(err)
			}
			s.Filter, s.Began, s.Watch, s.Over, s.Lost = f, begin, drop.Watch{Step: drop.StepBPF, Netns: inode}, true, c.lost
			last := s.Journeys[len(s.Journeys)-1].Start
			s.Looked = last.Add(5*time.Second - 10*time.Millisecond).Sub(begin)
			a := judged(t, &s)
			if a.Sentence != c.sentence || a.Kind != c.kind || a.Side != c.side || a.Confidence != c.confidence || a.Settled() != c.settled {
				t.Errorf("%s, %s, %s, settled %v (%s):\n%s\nwant %s, %s, %s, %v:\n%s", a.Kind, a.Side, a.Confidence, a.Settled(), a.Because, a.Sentence, c.kind, c.side, c.confidence, c.settled, c.sentence)
			}
			if s.Over = false; c.lost == 0 && !c.settled {
				if a := Judge(&s); a.Settled() {
					t.Errorf("settled while it may stall: %s", a.Sentence)
				}
			}
		})
	}
}
