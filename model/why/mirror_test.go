package why

import (
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
)

// TestUntracedReplies: where what comes back to a translated request is not traced, nobody is blamed
// for it, and that conntrack saw it is said; else all is as it was.
func TestUntracedReplies(t *testing.T) {
	t.Parallel()
	f, err := filter.Parse("ip")
	if err != nil {
		t.Fatal(err)
	}
	met := func(j *journey.Journey, target string) { // the first packet of its connection
		j.Steps = append(j.Steps, journey.Step{Kind: journey.KindRule, Table: "nat", Target: target})
	}
	dnat := func(j *journey.Journey) {
		met(j, "DNAT")
		j.NAT = &journey.NAT{Dst: []string{"10.2.0.2:80", "10.2.0.3:80"}}
	}
	snat := func(j *journey.Journey) {
		met(j, "MASQUERADE")
		j.NAT = &journey.NAT{Src: []string{"10.1.0.2:40000", "10.2.0.1:40000"}}
	}
	older := func(j *journey.Journey) { dnat(j); j.Steps = nil }
	ruleOnly := func(j *journey.Journey) { met(j, "snat") }
	kept := func(j *journey.Journey) {
		j.NAT = &journey.NAT{Src: []string{"10.1.0.2:9", "10.1.0.2:9"}, Dst: []string{"10.2.0.2:80", "10.2.0.2:80"}}
	}
	goesOn := []model.Packet{tcp(model.SYN, 1, 1), tcp(model.ACK, 2, 2)}
	asks, datagram := goesOn[:1], []model.Packet{udp(1)}
	saw, other := &flow.Flow{ID: 7, Status: flow.SeenReply}, &flow.Flow{ID: 8, Status: flow.SeenReply}
	const another, may, untraced = "the replies take another way", "so that a reply may have come", "no reply was traced in 2 s"
	for _, c := range []struct {
		name       string
		packets    []model.Packet
		change     func(*journey.Journey)
		flow       *flow.Flow
		whole      bool // replies are traced by their connection
		kind       Kind
		confidence Confidence
		says       []string // among the sentence, because and evidence
	}{
		{"DNAT that works", goesOn, dnat, saw, false, Works, Likely, []string{"and the reply came back", "(SEEN_REPLY), and the client went on"}},
		{"SNAT that works", goesOn, snat, saw, false, Works, Likely, []string{"and the reply came back", "(SEEN_REPLY), and the client went on"}},
		{"a reply to a datagram", datagram, dnat, saw, false, Unknown, Open, []string{"the request was delivered (sent out of r1), and a reply came, which was not traced", "(SEEN_REPLY); -j TRACE", "its end is not known"}},
		{"a connection from before", datagram, older, saw, false, NoReply, Likely, []string{may, untraced}},
		{"conntrack saw none", asks, dnat, &flow.Flow{ID: 7}, false, NoReply, Likely, []string{may, untraced}},
		{"conntrack is not read", goesOn, dnat, nil, false, NoReply, Likely, []string{may, untraced}},
		{"only the rule is known", goesOn, ruleOnly, nil, false, NoReply, Likely, []string{may, untraced}},
		{"another's entry", datagram, dnat, other, false, NoReply, Likely, []string{may, untraced}},
		{"for this host", datagram, func(j *journey.Journey) { dnat(j); j.Path, j.Out = journey.PathInput, "" }, nil, false, NoReply, Likely, []string{may, untraced}},
		{"not translated", goesOn, kept, saw, false, NoReply, Certain, []string{another, "both directions were traced", "no reply came back"}},
		{"traced by its connection", goesOn, dnat, saw, true, NoReply, Certain, []string{another, "both directions were traced", "no reply came back"}},
	} {
		s := &Seen{Filter: f, Began: begin, Looked: 2 * time.Second, Over: true, Mirrored: !c.whole, Watch: drop.Watch{Step: drop.StepBPF}}
		for i, p := range c.packets {
			j := traced(10*i+10, p, journey.Accepted, journey.Culprit{})
			if c.change(j); i > 0 {
				j.Steps = nil
			}
			s.Journeys = append(s.Journeys, j)
		}
		if c.flow != nil {
			s.Flows = []*flow.Flow{c.flow}
		}
		a := judged(t, s)
		all := strings.Join(append(a.Evidence, a.Sentence, a.Because), "; ")
		if a.Kind != c.kind || a.Confidence != c.confidence {
			t.Errorf("%s: %s %s: %s", c.name, a.Kind, a.Confidence, all)
		}
		for _, want := range c.says {
			if !strings.Contains(all, want) {
				t.Errorf("%s: not %q: %s", c.name, want, all)
			}
		}
		if blames := strings.Contains(all, another) || strings.Contains(all, "look at "); blames != (c.confidence == Certain) {
			t.Errorf("%s: it blames %v: %s", c.name, blames, all)
		}
	}
}

// TestUntracedLoss: a connection whose replies are not traced works where its lost segment was sent
// again, and conntrack and the client tell that replies came; without them it is dropped, and what
// comes next is waited for.
func TestUntracedLoss(t *testing.T) {
	t.Parallel()
	f, err := filter.Parse("ip")
	if err != nil {
		t.Fatal(err)
	}
	const by = "dropped by rule 2 of filter/FORWARD (iptables-legacy): -A FORWARD -p udp --dport 9 -j DROP"
	syn, ack, data := tcp(model.SYN, 100, 0), seg(model.ACK, 1, 1), seg(push, 1, 1)
	for _, c := range []struct {
		name       string
		talk       *talking
		status     flow.Status
		kind       Kind
		confidence Confidence
		sentence   string
	}{
		{"the SYN", new(talking).rule(syn).pass(syn).pass(ack).pass(data), flow.SeenReply, Lossy, Likely, "works, but 1 of 4 packets was " + by},
		{"data", new(talking).pass(syn).pass(ack).rule(data).pass(data), flow.SeenReply, Lossy, Likely, "works, but 1 of 4 packets was " + by},
		{"never sent again", new(talking).pass(syn).pass(ack).rule(data).pass(ack), flow.SeenReply, Rule, Certain, "was " + by + " (1 of 4 packets; 3 came through)"},
		{"most", new(talking).pass(syn).pass(ack).rule(data).rule(data).rule(data).pass(data).rule(seg(push, 11, 1)), flow.SeenReply, Rule, Certain, "was " + by + " (4 of 7 packets; 3 came through)"},
		{"conntrack saw no reply", new(talking).rule(syn).pass(syn).pass(ack).pass(data), 0, Rule, Certain, "was " + by + " (1 of 4 packets; 3 came through)"},
		{"the client does not go on", new(talking).rule(syn).pass(syn), flow.SeenReply, Rule, Certain, "was " + by + " (1 of 2 packets; 1 came through)"},
	} {
		s := c.talk.seen
		s.Filter, s.Began, s.Looked, s.Over, s.Mirrored, s.Watch = f, begin, 2*time.Second, true, true, drop.Watch{Step: drop.StepBPF, Netns: inode}
		for _, j := range s.Journeys {
			if j.Packet.Flags&model.SYN != 0 {
				j.Steps = append([]journey.Step{{Kind: journey.KindRule, Table: "nat", Target: "DNAT"}}, j.Steps...)
			}
		}
		s.Flows = []*flow.Flow{{ID: 7, Status: c.status}}
		a := judged(t, &s)
		if a.Kind != c.kind || a.Confidence != c.confidence || !strings.HasSuffix(a.Sentence, c.sentence) {
			t.Errorf("%s: %s %s (%s): %s", c.name, a.Kind, a.Confidence, a.Because, a.Sentence)
		}
		s.Over, s.Flows = false, nil
		if a := Judge(&s); !a.Mixed() {
			t.Errorf("%s: what is sent again is not waited for: %s %s", c.name, a.Kind, a.Sentence)
		}
	}
}

// TestMirrored: only the raw method knows what comes back by its addresses alone.
func TestMirrored(t *testing.T) {
	t.Parallel()
	f, err := filter.Parse("ip")
	if err != nil {
		t.Fatal(err)
	}
	for method, want := range map[string]bool{snapshot.MethodRaw: true, snapshot.MethodOwner: false, "": false} {
		l := NewLook(f, "")
		l.Begin(begin)
		l.Snapshot(&snapshot.Snapshot{Trace: snapshot.Trace{Method: method}})
		if got := l.Seen(at(1000), true).Mirrored; got != want {
			t.Errorf("%q: %v", method, got)
		}
	}
}
