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

// talking is a flow being written down packet by packet: each comes 10 ms after the one before.
type talking struct {
	seen Seen
	ms   int
}

// pass is a packet that comes through.
func (s *talking) pass(p model.Packet) *talking {
	s.ms += 10
	s.seen.Journeys = append(s.seen.Journeys, traced(s.ms, p, journey.Accepted, journey.Culprit{}))
	return s
}

// rule is one that a rule drops.
func (s *talking) rule(p model.Packet) *talking {
	s.ms += 10
	s.seen.Journeys = append(s.seen.Journeys, traced(s.ms, p, journey.Dropped, drops9))
	return s
}

// kernel is one that the kernel drops behind the rules.
func (s *talking) kernel(p model.Packet, reason string) *talking {
	s.pass(p)
	j := s.seen.Journeys[len(s.seen.Journeys)-1]
	j.Drop = lost(s.ms, p, reason, "ip_forward", drop.StationForward, 0)
	j.Outcome = journey.Outcome{Verdict: journey.Dropped, By: journey.Culprit{Kind: "kernel", Reason: reason}}
	s.seen.Drops = append(s.seen.Drops, j.Drop)
	return s
}

// vanish is one whose end nobody told.
func (s *talking) vanish(p model.Packet) *talking {
	s.ms += 10
	s.seen.Journeys = append(s.seen.Journeys, traced(s.ms, p, journey.Unknown, journey.Culprit{}))
	return s
}

// seg is a segment from the client, ans one from the server; both count from 100 and 900.
func seg(flags model.TCPFlags, seq, ack uint32) model.Packet {
	p := tcp(flags, 100+seq, 0)
	p.Ack = 900 + ack
	return p
}

func ans(flags model.TCPFlags, seq, ack uint32) model.Packet {
	p := back(tcp(flags, 900+seq, 0))
	p.Ack = 100 + ack
	return p
}

const push, fin, rst = model.PSH | model.ACK, model.FIN | model.ACK, model.RST | model.ACK

// opened is a connection that is open.
func opened() *talking {
	return new(talking).pass(tcp(model.SYN, 100, 0)).pass(ans(model.SYN|model.ACK, 0, 1)).pass(seg(model.ACK, 1, 1))
}

// TestLosses: a flow that goes on after a loss works, and the loss is told; one that does not
// go on is dropped, though other packets of it come through.
func TestLosses(t *testing.T) {
	const by = " dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP"
	const flow9, flow80 = "udp 10.1.0.2 > 10.2.0.2:9", "tcp 10.1.0.2 > 10.2.0.2:80"
	ask := func(id uint16) model.Packet { return udp(id) }
	reply := func(id uint16) model.Packet { return back(udp(id)) }
	for _, c := range []struct {
		name     string
		talk     *talking
		kind     Kind
		side     Side
		sentence string
	}{
		{"sent again and acknowledged", opened().rule(seg(push, 1, 1)).pass(seg(push, 1, 1)).pass(ans(model.ACK, 1, 11)), Lossy, Request, flow80 + " works, but 1 of 4 packets was" + by},
		{"acknowledged, what was sent again was not seen", opened().rule(seg(push, 1, 1)).pass(ans(model.ACK, 1, 11)).pass(seg(model.ACK, 11, 1)), Lossy, Request, flow80 + " works, but 1 of 4 packets was" + by},
		{"the SYN, sent again", new(talking).rule(tcp(model.SYN, 100, 0)).pass(tcp(model.SYN, 100, 0)).pass(ans(model.SYN|model.ACK, 0, 1)).pass(seg(model.ACK, 1, 1)), Lossy, Request, flow80 + " works, but 1 of 3 packets was" + by},
		{"the SYN, sent again and not answered", new(talking).rule(tcp(model.SYN, 100, 0)).pass(tcp(model.SYN, 100, 0)), Rule, Request, flow80 + " was" + by + " (1 of 2 packets; 1 came through)"},
		{"the reply's", opened().pass(seg(push, 1, 1)).rule(ans(push, 1, 11)).pass(ans(push, 1, 11)), Lossy, Reply, flow80 + " works, but 1 of 3 packets of the reply was" + by},
		{"too long, cut smaller afterwards", opened().kernel(seg(model.ACK, 1, 1), "PKT_TOO_BIG").pass(seg(model.ACK, 1, 1)).pass(ans(model.ACK, 1, 500)), Lossy, Request,
			flow80 + " works, but 1 of 4 packets was dropped by the kernel, no rule did it: it is larger than the MTU of the way out and may not be cut into fragments (PKT_TOO_BIG)"},
		{"too long for ever, though short ones come through behind", opened().kernel(seg(model.ACK, 1, 1), "PKT_TOO_BIG").kernel(seg(model.ACK, 1, 1), "PKT_TOO_BIG").pass(seg(fin, 2000, 1)).pass(ans(model.ACK, 1, 1)), Kernel, Request,
			flow80 + " was dropped by the kernel, no rule did it: it is larger than the MTU of the way out and may not be cut into fragments (PKT_TOO_BIG) (2 of 5 packets; 3 came through)"},
		{"the last word of a connection that is over", opened().pass(seg(fin, 1, 1)).pass(ans(fin, 1, 2)).rule(seg(model.ACK, 2, 2)), Lossy, Request, flow80 + " works, but 1 of 4 packets was" + by},
		{"a reset of a connection that is over", opened().pass(ans(fin, 1, 1)).rule(seg(rst, 1, 2)), Lossy, Request, flow80 + " works, but 1 of 3 packets was" + by},
		{"a reset that the other end waits for", opened().pass(seg(push, 1, 1)).rule(ans(rst, 1, 1)).pass(seg(push, 1, 1)), Rule, Reply,
			flow80 + ": the request was delivered (sent out of r1), the reply was" + by + " (1 of 2 packets; 1 came through)"},
		{"numbers that begin anew", new(talking).pass(tcp(model.SYN, 1<<32-3, 0)).pass(ans(model.SYN|model.ACK, 0, 1<<32-102)).rule(seg(push, 1<<32-102, 1)).pass(seg(push, 1<<32-102, 1)).pass(ans(model.ACK, 1, 1<<32-80)), Lossy, Request, flow80 + " works, but 1 of 3 packets was" + by},
		{"of datagrams, which go on", new(talking).pass(ask(1)).pass(reply(1)).rule(ask(2)).pass(ask(3)).pass(reply(3)), Lossy, Request, flow9 + " works, but 1 of 3 packets was" + by},
		{"of datagrams, which go on and are answered no more", new(talking).pass(ask(1)).pass(reply(1)).rule(ask(2)).pass(ask(3)), Rule, Request, flow9 + " was" + by + " (1 of 3 packets; 2 came through)"},
		{"of datagrams, most of the reply", new(talking).pass(ask(1)).rule(reply(1)).pass(ask(2)).rule(reply(2)).pass(ask(3)).pass(reply(3)), Rule, Reply, flow9 + ": the request was delivered (sent out of r1), the reply was" + by + " (2 of 3 packets; 1 came through)"},
		{"the reply's, and no request was seen", new(talking).rule(ans(push, 1, 11)).pass(ans(push, 1, 11)), Rule, Reply, "the reply of " + flow80 + " was" + by + " (1 of 2 packets; 1 came through)"},
		{"acknowledged, and that was lost too", opened().rule(seg(push, 1, 1)).rule(ans(model.ACK, 1, 11)), Rule, Request, flow80 + " was" + by + " (1 of 3 packets; 2 came through)"},
		{"an acknowledgement, and an older one behind it", opened().rule(seg(model.ACK, 1, 50)).pass(seg(model.ACK, 1, 20)), Rule, Request, flow80 + " was" + by + " (1 of 4 packets; 3 came through)"},
		{"never sent again, though the client acknowledges what the server says", opened().rule(seg(push, 1, 1)).pass(ans(push, 1, 1)).pass(seg(model.ACK, 1, 11)), Rule, Request, flow80 + " was" + by + " (1 of 4 packets; 3 came through)"},
		{"what came before the last word", opened().rule(seg(push, 1, 1)).pass(seg(fin, 11, 1)).pass(ans(fin, 1, 1)), Rule, Request, flow80 + " was" + by + " (1 of 4 packets; 3 came through)"},
		{"the last word of a connection that the other end reset", opened().pass(seg(fin, 1, 1)).pass(ans(rst, 1, 2)).rule(seg(model.ACK, 2, 2)), Lossy, Request, flow80 + " works, but 1 of 4 packets was" + by},
		{"a reset acknowledges nothing", new(talking).pass(tcp(model.SYN, 1<<31, 0)).pass(ans(model.SYN|model.ACK, 0, 1<<31-99)).rule(seg(push, 1<<31-99, 1)).pass(back(tcp(model.RST, 901, 0))), Rule, Request, flow80 + " was" + by + " (1 of 2 packets; 1 came through)"},
		{"of datagrams, the last", new(talking).pass(ask(1)).pass(reply(1)).rule(ask(2)), Rule, Request, flow9 + " was" + by + " (1 of 2 packets; 1 came through)"},
		{"of datagrams, most", new(talking).rule(ask(1)).rule(ask(2)).rule(ask(3)).pass(ask(4)).pass(reply(4)).pass(ask(5)).pass(reply(5)), Rule, Request, flow9 + " was" + by + " (3 of 5 packets; 2 came through)"},
		{"of datagrams, two of both sides", new(talking).pass(ask(1)).rule(reply(1)).rule(ask(2)).pass(ask(3)).pass(reply(3)).pass(ask(4)).pass(reply(4)), Lossy, Request, flow9 + " works, but 1 of 4 packets was" + by + " (1 more was dropped otherwise)"},
		{"of datagrams, two", new(talking).rule(ask(1)).rule(ask(2)).pass(ask(3)).pass(reply(3)).pass(ask(4)).pass(reply(4)), Lossy, Request, flow9 + " works, but 2 of 4 packets were" + by},
		{"an end that nobody told of, of one of many", new(talking).pass(ask(1)).pass(reply(1)).vanish(ask(2)).pass(ask(3)).pass(reply(3)), Works, Reply, "nothing is wrong here: the request " + flow9 + " was delivered (sent out of r1), and the reply came back"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := c.talk.seen
			f, err := filter.Parse("dst host 10.2.0.2")
			if err != nil {
				t.Fatal(err)
			}
			s.Filter, s.Began, s.Looked, s.Watch = f, begin, 2*time.Second, drop.Watch{Step: drop.StepBPF, Netns: inode}
			a := judged(t, &s)
			if a.Sentence != c.sentence || a.Kind != c.kind || a.Side != c.side || a.Confidence != Certain || a.Dropped() != (c.kind == Rule || c.kind == Kernel) {
				t.Errorf("%s, %s, %s, dropped %v (%s):\n%s\nwant %s, %s:\n%s", a.Kind, a.Side, a.Confidence, a.Dropped(), a.Because, a.Sentence, c.kind, c.side, c.sentence)
			}
			if c.kind == Lossy && (!strings.HasSuffix(a.Because, "; the flow went on after it") || !a.Settled() || a.By.Kind == "" && a.Reason == "") {
				t.Errorf("settled %v, by %q, reason %q: %s", a.Settled(), a.By.Kind, a.Reason, a.Because)
			}
		})
	}
}
