package why

import (
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
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
	const stuck, safe = ": the connection was answered and then stalled: the ", ": nothing of it was lost here, but "
	const partly = flow + ": the request was delivered (sent out of r1), and the reply came back; how the connection went on was not seen whole"
	const silent = flow + safe + "the server acknowledged what the client sent, and nothing of an answer came here in "
	const reset = flow + safe + "a TCP reset from 10.2.0.2 ended the connection before an answer came: its program, or a firewall there, broke it off"
	long := func(p model.Packet) model.Packet { p.Length = 1500; return p }
	halfOpen := func() *talking { return new(talking).pass(tcp(model.SYN, 100, 0)).pass(ans(model.SYN|model.ACK, 0, 1)) }
	local := func(s *talking) *talking {
		for _, j := range s.seen.Journeys {
			if j.Packet.DPort == 80 {
				j.Path, j.Out = journey.PathInput, ""
			}
		}
		return s
	}
	for _, c := range []struct {
		name       string
		talk       *talking
		kind       Kind
		side       Side
		confidence Confidence
		settled    bool
		sentence   string
		because    string // "" where another test says it
		lost       uint64
		filter     string
		after      time.Duration // the last packet, 5 s where it is 0
		unheard    bool
	}{
		{name: "asked and answered", talk: opened().pass(seg(push, 1, 1)).pass(ans(push, 1, 11)).pass(seg(model.ACK, 11, 11)),
			kind: Works, side: Reply, confidence: Certain, settled: true, sentence: fine},
		{name: "opened and closed", talk: opened().pass(seg(fin, 1, 1)).pass(ans(fin, 1, 2)).pass(seg(model.ACK, 2, 2)),
			kind: Works, side: Reply, confidence: Certain, settled: true, sentence: fine},
		{name: "opened only", talk: opened(),
			kind: Works, side: Reply, confidence: Likely, sentence: flow + safe + "behind its opening neither end sent anything"},
		{name: "the server speaks, the client listens", talk: opened().pass(ans(push, 1, 1)).pass(seg(model.ACK, 1, 11)),
			kind: Works, side: Reply, confidence: Certain, sentence: fine},
		{name: "the program is silent", talk: opened().pass(seg(push, 1, 1)).pass(ans(model.ACK, 1, 11)),
			kind: Works, side: Reply, confidence: Likely, sentence: silent + "5 s: its program sent none, or it was lost before here"},
		{name: "the program of this host is silent", talk: local(opened().pass(seg(push, 1, 1)).pass(ans(model.ACK, 1, 11))),
			kind: Works, side: Reply, confidence: Likely, sentence: flow + safe + "this host acknowledged what the client sent, and its program sent nothing back in 5 s"},
		{name: "asked a moment ago", talk: opened().pass(seg(push, 1, 1)).pass(ans(model.ACK, 1, 11)), after: 500 * time.Millisecond,
			kind: Works, side: Reply, confidence: Likely, sentence: fine, because: "a reply may still come"},
		{name: "the program is silent until the client gives up", talk: opened().pass(seg(push, 1, 1)).pass(ans(model.ACK, 1, 11)).wait(2990).pass(seg(fin, 11, 1)).pass(ans(model.ACK, 1, 12)),
			kind: Works, side: Reply, confidence: Likely, settled: false, sentence: silent + "3 s: its program sent none, or it was lost before here"},
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
		{name: "two copies, and an acknowledgement that is only late", talk: opened().pass(seg(push, 1, 1)).pass(seg(push, 1, 1)), after: 1900 * time.Millisecond,
			kind: Stalled, side: Request, confidence: Likely, because: "it may still be acknowledged", sentence: flow + stuck + "client sent the same segment 2 times, which came through here, and 10.2.0.2 was not heard to acknowledge it"},
		{name: "two copies, the last long ago", talk: opened().pass(seg(push, 1, 1)).pass(seg(push, 1, 1)), after: 2 * time.Second,
			kind: Stalled, side: Request, confidence: Certain, sentence: flow + stuck + "client sent the same segment 2 times, which came through here, and 10.2.0.2 was not heard to acknowledge it"},
		{name: "three copies just now", talk: opened().pass(seg(push, 1, 1)).pass(seg(push, 1, 1)).pass(seg(push, 1, 1)), after: 10 * time.Millisecond,
			kind: Stalled, side: Request, confidence: Certain, sentence: flow + stuck + "client sent the same segment 3 times, which came through here, and 10.2.0.2 was not heard to acknowledge it"},
		{name: "sent again, and answered by a reset", talk: opened().pass(seg(push, 1, 1)).pass(seg(push, 1, 1)).pass(ans(rst, 1, 1)),
			kind: Refused, side: Reply, confidence: Certain, settled: true, sentence: reset},
		{name: "reset before anything was sent", talk: opened().pass(ans(rst, 1, 1)),
			kind: Refused, side: Reply, confidence: Certain, settled: true, sentence: reset},
		{name: "reset where the client closed and sent nothing", talk: opened().pass(seg(fin, 1, 1)).pass(ans(rst, 1, 2)),
			kind: Works, side: Reply, confidence: Certain, settled: true, sentence: fine},
		{name: "reset, and an answer may have been lost", talk: opened().pass(seg(push, 1, 1)).pass(ans(rst, 1, 1)), lost: 1,
			kind: Works, side: Reply, confidence: Likely, sentence: partly},
		{name: "a reset behind an answer", talk: opened().pass(seg(push, 1, 1)).pass(ans(push, 1, 11)).pass(seg(fin, 11, 11)).pass(ans(rst, 11, 12)),
			kind: Works, side: Reply, confidence: Certain, settled: true, sentence: fine},
		{name: "sent once, and not acknowledged yet", talk: opened().pass(seg(push, 1, 1)),
			kind: Works, side: Reply, confidence: Likely, because: "it may still be acknowledged", sentence: flow + safe + "what the client sent last was not acknowledged yet"},
		{name: "sent with the FIN, and not acknowledged yet", talk: opened().pass(seg(push, 1, 1)).pass(seg(fin, 11, 1)),
			kind: Works, side: Reply, confidence: Likely, sentence: flow + safe + "what the client sent last was not acknowledged yet"},
		{name: "its opening was not acknowledged yet", talk: halfOpen(),
			kind: Works, side: Reply, confidence: Likely, sentence: flow + safe + "what the server sent last was not acknowledged yet"},
		{name: "a short answer, and a long one that is not acknowledged yet", talk: opened().pass(seg(push, 1, 1)).pass(ans(push, 1, 11)).pass(seg(model.ACK, 11, 11)).pass(long(ans(model.ACK, 11, 11))), after: 10 * time.Millisecond,
			kind: Works, side: Reply, confidence: Likely, sentence: flow + safe + "what the server sent last was not acknowledged yet"},
		{name: "long answers, of which one is under way", talk: opened().pass(seg(push, 1, 1)).pass(long(ans(model.ACK, 1, 11))).pass(seg(model.ACK, 11, 1461)).pass(long(ans(model.ACK, 1461, 11))), after: 900 * time.Millisecond,
			kind: Works, side: Reply, confidence: Certain, settled: true, sentence: fine},
		{name: "long answers, of which one is under way too long", talk: opened().pass(seg(push, 1, 1)).pass(long(ans(model.ACK, 1, 11))).pass(seg(model.ACK, 11, 1461)).pass(long(ans(model.ACK, 1461, 11))), after: time.Second,
			kind: Works, side: Reply, confidence: Likely, sentence: flow + safe + "what the server sent last was not acknowledged yet"},
		// What was not seen proves nothing.
		{name: "it was lost, and so may the acknowledgement", talk: opened().pass(seg(push, 1, 1)).pass(seg(push, 1, 1)), lost: 3,
			kind: Works, side: Reply, confidence: Likely, because: "packets were not seen, what the other end said may be among them", sentence: partly},
		{name: "the client goes on to ask, and events were lost", talk: opened().pass(seg(push, 1, 1)).pass(seg(push, 1, 1)).pass(seg(push, 1, 1)), lost: 3,
			kind: Stalled, side: Request, confidence: Likely, because: "packets were not seen, what the other end said may be among them", sentence: flow + stuck + "client sent the same segment 3 times, which came through here, and 10.2.0.2 was not heard to acknowledge it"},
		{name: "opened only, and events were lost", talk: halfOpen(), lost: 3,
			kind: Works, side: Reply, confidence: Likely, sentence: partly},
		{name: "asked and answered, and events were lost", talk: opened().pass(seg(push, 1, 1)).pass(ans(push, 1, 11)).pass(seg(model.ACK, 11, 11)), lost: 3,
			kind: Works, side: Reply, confidence: Certain, settled: true, sentence: fine},
		{name: "opened only, and replies are not traced", talk: halfOpen(), unheard: true,
			kind: Works, side: Reply, confidence: Likely, because: "-j TRACE does not trace what comes back to a translated request, so that not all of it was seen",
			sentence: "tcp 10.1.0.2 > 10.2.0.2:80 (translated to 10.3.0.3:80): the request was delivered (sent out of r1), and the reply came back; how the connection went on was not seen whole"},
		{name: "the filter has what is acknowledged no more", talk: opened().pass(seg(push, 1, 1)).pass(seg(push, 1, 1)), filter: "dst host 10.2.0.2 and (state established or not state established)",
			kind: Works, side: Reply, confidence: Likely, because: "the filter says more than addresses and ports, so that not all of it may be matched", sentence: partly},
		// Those that were open before.
		{name: "open before, not acknowledged", talk: new(talking).pass(seg(push, 1, 1)).pass(ans(model.ACK, 1, 1)),
			kind: Works, side: Reply, confidence: Likely, sentence: flow + safe + "what the client sent last was not acknowledged yet"},
		{name: "open before, asked and answered", talk: new(talking).pass(seg(push, 1, 1)).pass(ans(push, 1, 11)).pass(seg(model.ACK, 11, 11)),
			kind: Works, side: Reply, confidence: Certain, settled: true, sentence: fine},
		{name: "open before, the server speaks", talk: new(talking).pass(ans(push, 1, 1)).pass(seg(model.ACK, 1, 11)),
			kind: Works, side: Reply, confidence: Certain, settled: true, sentence: fine},
		{name: "open before, the program is silent", talk: new(talking).pass(seg(push, 1, 1)).pass(ans(model.ACK, 1, 11)),
			kind: Works, side: Reply, confidence: Likely, sentence: silent + "5 s: its program sent none, or it was lost before here"},
		{name: "open before, and kept open", talk: new(talking).pass(seg(model.ACK, 0, 1)).pass(ans(model.ACK, 1, 1)),
			kind: Works, side: Reply, confidence: Likely, sentence: flow + safe + "neither end sent anything while it was looked at"},
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
			if c.after == 0 {
				c.after = 5*time.Second - 10*time.Millisecond
			}
			s.Looked = last.Add(c.after).Sub(begin)
			if c.unheard {
				s.Mirrored, s.Journeys[0].NAT = true, &journey.NAT{Dst: []string{"10.2.0.2:80", "10.3.0.3:80"}}
			}
			a := judged(t, &s)
			if a.Sentence != c.sentence || a.Kind != c.kind || a.Side != c.side || a.Confidence != c.confidence || a.Settled() != c.settled {
				t.Errorf("%s, %s, %s, settled %v (%s):\n%s\nwant %s, %s, %s, %v:\n%s", a.Kind, a.Side, a.Confidence, a.Settled(), a.Because, a.Sentence, c.kind, c.side, c.confidence, c.settled, c.sentence)
			}
			if c.because != "" && a.Because != c.because {
				t.Errorf("%s, want %s", a.Because, c.because)
			}
			if a.Fine() != (c.sentence == fine) {
				t.Errorf("fine: %v: %s", a.Fine(), a.Sentence)
			}
			s.Over = false
			if a := judged(t, &s); a.Settled() != c.settled {
				t.Errorf("settled is %v while it is looked for, want %v: %s", a.Settled(), c.settled, a.Sentence)
			}
		})
	}
}

// TestStallsBeside: of several connections the one that may stall is told of before those that work,
// and as long as one may, none of them settles it.
func TestStallsBeside(t *testing.T) {
	f, err := filter.Parse("dst host 10.2.0.2")
	if err != nil {
		t.Fatal(err)
	}
	works := func() *talking {
		return opened().pass(seg(push, 1, 1)).pass(ans(push, 1, 11)).pass(seg(model.ACK, 11, 11))
	}
	long := func(p model.Packet) model.Packet { p.Length = 1500; return p }
	const before = "1 other flow matches the filter: 1 answered"
	for _, c := range []struct {
		name       string
		other      *talking
		kind       Kind
		confidence Confidence
		settled    bool // while it is looked for
		says       string
		lost       uint64
	}{
		{"works too", works(), Works, Certain, true, before, 0},
		{"may stall", opened().pass(long(seg(push, 1, 1))), Works, Likely, false, before, 0},
		{"stalls", opened().pass(seg(push, 1, 1)).pass(seg(push, 1, 1)), Stalled, Likely, false, before, 0},
		{"idle", opened(), Works, Likely, false, before, 0},
		{"not seen whole", opened(), Works, Likely, false, before, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Seen{Filter: f, Began: begin, Watch: drop.Watch{Step: drop.StepBPF, Netns: inode}, Looked: 200 * time.Millisecond, Lost: c.lost}
			s.Journeys = append(s.Journeys, works().seen.Journeys...)
			for _, j := range c.other.seen.Journeys {
				j.Flow++
				if j.Packet.DPort == 80 {
					j.Packet.SPort++
				} else {
					j.Packet.DPort++
				}
				s.Journeys = append(s.Journeys, j)
			}
			if a := judged(t, &s); a.Settled() != c.settled {
				t.Errorf("settled is %v while it is looked for: %s", a.Settled(), a.Sentence)
			}
			s.Over = true
			a := judged(t, &s)
			if a.Kind != c.kind || a.Confidence != c.confidence || a.Fine() != c.settled || !slices.Contains(a.Evidence, c.says) {
				t.Errorf("%s, %s (%s), want %s, %s, and %q:\n%s\n%s", a.Kind, a.Confidence, a.Because, c.kind, c.confidence, c.says, a.Sentence, strings.Join(a.Evidence, "\n"))
			}
			// Beside one that is lost for sure it is only counted.
			for _, j := range new(talking).rule(udp(1)).seen.Journeys {
				j.Flow = 99
				s.Journeys = append(s.Journeys, j)
			}
			if a := judged(t, &s); a.Kind != Rule {
				t.Errorf("%s: %s", a.Kind, a.Sentence)
			}
		})
	}
}
