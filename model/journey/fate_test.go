package journey

import (
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/flow"
)

// deaf finds nothing and hears nothing of conntrack.
type deaf struct{}

func (deaf) ByID(uint32) *flow.Flow         { return nil }
func (deaf) ByTuple(model.Tuple) *flow.Flow { return nil }
func (deaf) Followed() bool                 { return false }
func (deaf) Whole() time.Time               { return time.Time{} }

// notYet hears of conntrack, and of no connection so far.
type notYet struct{ deaf }

func (notYet) Followed() bool { return true }

// TestConfirm: behind the last chain conntrack takes a new connection or drops its
// packet, and only conntrack's own events tell which.
func TestConfirm(t *testing.T) {
	p := udp("10.2.0.2", 5)
	snat := *p
	snat.Src, snat.SPort = p.Src.Next(), 5000
	fl := flow.Flow{ID: 77, Orig: flow.Side{Tuple: p.Tuple()}, Reply: flow.Side{Tuple: snat.Tuple().Reverse()}, NAT: flow.NAT{Class: []flow.Class{flow.ClassMasquerade}}}
	gone, since, other := fl, fl, fl
	gone.Gone, since.Gone, other.ID = began.Add(-time.Second), began.Add(time.Millisecond), 78
	far := other // of the same tuple, translated to what no event shows
	far.Reply.Tuple.DPort = 9999
	const open = "left postrouting for r1; whether conntrack took it is not known"
	for _, c := range []struct {
		name   string
		flows  Flows
		ct     CT
		hook   model.Hook
		want   string // the sentence's beginning
		whole  bool
		assume bool
		src    string // where it is translated to
	}{
		{"taken", oneFlow{&fl}, CT{ID: 77, State: ctNew}, model.HookPostrouting, "sent out of r1", true, false, "10.0.0.6:5000"},
		{"taken and over at once", oneFlow{&since}, CT{ID: 77, State: ctNew}, model.HookPostrouting, "sent out of r1", true, false, "10.0.0.6:5000"},
		{"not told of", oneFlow{&other}, CT{ID: 77, State: ctNew}, model.HookPostrouting, open, false, false, "10.0.0.6:5000"},
		{"not told of, its tuple is another's", oneFlow{&far}, CT{ID: 77, State: ctNew}, model.HookPostrouting, open, false, false, "10.0.0.6:5000"},
		{"an older one had its ID", oneFlow{&gone}, CT{ID: 77, State: ctNew}, model.HookPostrouting, open, false, false, "10.0.0.6:5000"},
		{"related", oneFlow{&other}, CT{ID: 77, State: ctRelated}, model.HookPostrouting, open, false, false, "10.0.0.6:5000"},
		{"for this host", oneFlow{&other}, CT{ID: 77, State: ctNew}, model.HookInput, "left input for this host; whether conntrack took it is not known", false, false, "10.0.0.6:5000"},
		{"in the table already", oneFlow{&fl}, CT{ID: 77, State: ctNew, Status: uint32(flow.Confirmed)}, model.HookPostrouting, "sent out of r1", true, false, "10.0.0.6:5000"},
		{"conntrack is not followed", deaf{}, CT{ID: 77, State: ctNew}, model.HookPostrouting, "sent out of r1", true, true, "10.0.0.6:5000"},
		{"nobody follows conntrack", nil, CT{ID: 77, State: ctNew}, model.HookPostrouting, "sent out of r1", true, true, "10.0.0.6:5000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := NewFold(Options{Probes: true})
			f.SetRules(rulesOf(), time.Time{})
			f.SetFlows(c.flows)
			a, b := arming(p), probe(c.hook, &snat)
			b.CT = &c.ct
			f.Event(&a)
			f.Event(&b)
			if j := f.Journeys()[0]; !c.whole && (j.Outcome.Verdict != Unknown || j.Outcome.Sentence != "under way" || j.Complete) {
				t.Errorf("while it is open: %s: %s", j.Outcome.Verdict, j.Outcome.Sentence)
			}
			f.Flush()
			j := f.Journeys()[0]
			contract(t, j)
			if !strings.HasPrefix(j.Outcome.Sentence, c.want) || (j.Outcome.Verdict == Accepted) != c.whole {
				t.Errorf("%s: %s, want %s", j.Outcome.Verdict, j.Outcome.Sentence, c.want)
			}
			if j.Complete != c.whole || (j.Why == "") != c.whole || slices.Equal(j.Possible, []string{Accepted, Dropped}) == c.whole {
				t.Errorf("complete %v: %q, possible %q", j.Complete, j.Why, j.Possible)
			}
			if len(j.Assumptions) != 0 != c.assume {
				t.Errorf("assumptions %q", j.Assumptions)
			}
			class := "snat" // as the headers show; a flow that was taken knows better
			if c.whole && !c.assume {
				class = "masquerade"
			}
			if j.NAT == nil || !slices.Equal(j.NAT.Class, []string{class}) || len(j.NAT.Src) != 2 || j.NAT.Src[1] != c.src {
				t.Errorf("nat %+v, want %s %s", j.NAT, class, c.src)
			}
		})
	}
}

// TestRace: of chains at one place that two tracers tell of, neither order nor sentence
// hang on which was read first.
func TestRace(t *testing.T) {
	p := udp("10.1.0.1", 5)
	rules := func(legacy ...model.Rule) Rules {
		return rulesOf(legacyTable("filter", builtin("filter", "INPUT", "ACCEPT", legacy...)), nftTable("fw", chainOf("in", model.HookInput, 0, "accept", target("accept"))))
	}
	nft := message("in", EventPolicy, 0, model.VerdictAccept, p)
	for _, c := range []struct {
		name   string
		rules  Rules
		legacy Event
		want   string
		steps  []string
		assume int
	}{
		{"policies", rules(), line("filter", "INPUT", EventPolicy, 1, model.HookInput, p), "delivered to this host, accepted by the policy of inet fw/in (nftables)",
			[]string{"L filter/INPUT policy accept", "N fw/in policy accept"}, 1},
		{"a rule is before a policy", rules(target("ACCEPT")), line("filter", "INPUT", EventRule, 1, model.HookInput, p), "delivered to this host, accepted by rule 1 of filter/INPUT",
			[]string{"L filter/INPUT 1 accept", "N fw/in policy accept"}, 1},
		{"the one that dropped it was last", rules(target("DROP")), line("filter", "INPUT", EventRule, 1, model.HookInput, p), "dropped by rule 1 of filter/INPUT",
			[]string{"N fw/in policy accept", "L filter/INPUT 1 drop"}, 0},
		{"so was the one that queued it", rules(target("NFQUEUE")), line("filter", "INPUT", EventRule, 1, model.HookInput, p), "queued to user space by rule 1 of filter/INPUT",
			[]string{"N fw/in policy accept", "L filter/INPUT 1 queue"}, 0},
		{"so was the one that may have", rules(target("TPROXY")), line("filter", "INPUT", EventRule, 1, model.HookInput, p), "last seen at rule 1 of filter/INPUT",
			[]string{"N fw/in policy accept", "L filter/INPUT 1 unknown"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			end := probe(model.HookInput, p)
			for _, events := range [][]Event{{arming(p), nft, end, c.legacy}, {arming(p), c.legacy, nft, end}} {
				if c.assume == 0 { // the packet came to no end
					events = slices.DeleteFunc(events, func(e Event) bool { return e.Table == end.Table && e.Kind == EventPolicy })
				}
				_, list := folded(c.rules, Options{Probes: true}, events...)
				if len(list) != 1 || !strings.HasPrefix(list[0].Outcome.Sentence, c.want) || !slices.Equal(rungs(list[0]), c.steps) || len(list[0].Assumptions) != c.assume {
					t.Errorf("%d journeys, %q %q, assumptions %q", len(list), rungs(list[0]), list[0].Outcome.Sentence, list[0].Assumptions)
				}
			}
		})
	}
}

// TestQueuePassed: what is behind a queue was let on there.
func TestQueuePassed(t *testing.T) {
	p := udp("10.1.0.1", 5)
	for _, c := range []struct{ text, want string }{
		{"-j NFQUEUE --queue-num 5", "delivered to this host, let on by user space at rule 1 of filter/INPUT (iptables-legacy): -j NFQUEUE"},
		{"-j NFQUEUE --queue-num 5 --queue-bypass", "delivered to this host, let on by user space, or past it by --queue-bypass, at rule 1 of filter/INPUT"},
	} {
		rules := rulesOf(legacyTable("filter", builtin("filter", "INPUT", "ACCEPT", model.Rule{Target: "NFQUEUE", Text: c.text})))
		_, list := folded(rules, Options{Probes: true}, arming(p), line("filter", "INPUT", EventRule, 1, model.HookInput, p), probe(model.HookInput, p))
		if o := list[0].Outcome; o.Verdict != Accepted || !strings.HasPrefix(o.Sentence, c.want) || o.By.Rule != 1 || !list[0].Complete || list[0].Possible != nil {
			t.Errorf("%s: %s %+v", o.Verdict, o.Sentence, list[0])
		}
	}
}

// TestQueueSeenBehind: a packet that was seen behind the rule that queued it is not queued any
// more, though it was not seen to its end.
func TestQueueSeenBehind(t *testing.T) {
	p := udp("10.1.0.1", 5)
	rules := rulesOf(legacyTable("mangle", builtin("mangle", "PREROUTING", "ACCEPT", model.Rule{Target: "NFQUEUE", Text: "-j NFQUEUE"})))
	queued := line("mangle", "PREROUTING", EventRule, 1, model.HookPrerouting, p)
	for _, c := range []struct {
		events  []Event
		verdict string
	}{{[]Event{arming(p), queued}, Queued}, {[]Event{arming(p), queued, probe(model.HookForward, p)}, Unknown}} {
		_, list := folded(rules, Options{Probes: true}, c.events...)
		if o := list[0].Outcome; len(list) != 1 || o.Verdict != c.verdict {
			t.Errorf("%s: %s", o.Verdict, o.Sentence)
		}
	}
}

// TestBeforeTrace: chains that stand before the one that switches the trace on told
// nothing, and nothing of them is missing.
func TestBeforeTrace(t *testing.T) {
	p := udp("10.1.0.1", 5)
	early := func(at model.Priority) Rules {
		return rulesOf(nftTable("fw", chainOf("pre", model.HookPrerouting, at, "accept"), chainOf("in", model.HookInput, 0, "drop")))
	}
	for _, c := range []struct {
		at    model.Priority
		whole bool
	}{{-400, true}, {-350, true}, {-349, false}} {
		_, list := folded(early(c.at), Options{Probes: true}, arming(p), message("in", EventPolicy, 0, model.VerdictDrop, p))
		if list[0].Complete != c.whole {
			t.Errorf("a chain at %d: complete %v: %s", c.at, list[0].Complete, list[0].Why)
		}
	}
}

// TestSynproxy holds what the target does to each kind of segment.
func TestSynproxy(t *testing.T) {
	for _, c := range []struct {
		flags model.TCPFlags
		want  model.Verdict
	}{
		{model.SYN, model.VerdictStolen}, {model.ACK, model.VerdictUnknown}, {model.ACK | model.PSH, model.VerdictUnknown},
		{model.RST, model.VerdictContinue}, {model.FIN | model.ACK, model.VerdictContinue}, {model.SYN | model.ACK, model.VerdictContinue},
	} {
		if got := synproxy(&model.Packet{Proto: model.ProtoTCP, Transport: true, Flags: c.flags}); got != c.want {
			t.Errorf("%s: %s, want %s", c.flags, got, c.want)
		}
	}
	if got := synproxy(&model.Packet{Proto: model.ProtoTCP}); got != model.VerdictUnknown {
		t.Errorf("without its header: %s", got)
	}
}

// TestStolenUnseen: of a stolen packet the kernel shows no headers, and nothing is
// missing for that.
func TestStolenUnseen(t *testing.T) {
	p := udp("10.1.0.1", 5)
	rules := rulesOf(nftTable("fw", chainOf("in", model.HookInput, 0, "accept", target("synproxy"))))
	_, list := folded(rules, Options{Probes: true}, arming(p), message("in", EventRule, 10, model.VerdictStolen, nil))
	if len(list) != 1 || !list[0].Complete || list[0].Outcome.Verdict != Unknown || !strings.HasPrefix(list[0].Outcome.Sentence, "taken over by rule 1 of inet fw/in") {
		t.Errorf("%d journeys: %s, %q", len(list), list[0].Outcome.Sentence, list[0].Why)
	}
	_, list = folded(rules, Options{Probes: true}, message("in", EventRule, 10, model.VerdictStolen, nil))
	if list[0].Complete {
		t.Error("complete without a beginning")
	}
}

// TestConfirmedLate: conntrack tells of a connection over a socket of its own, on a busy
// machine long after the packet's last chain. The journey waits for that, for the kernel's
// drop, or until its patience is over.
func TestConfirmedLate(t *testing.T) {
	p := udp("10.2.0.2", 5)
	fl := &flow.Flow{ID: 77, Orig: flow.Side{Tuple: p.Tuple()}, Reply: flow.Side{Tuple: p.Tuple().Reverse()}}
	ended := fallen(p, "NETFILTER_DROP", drop.StationNetfilter)
	ended.Hook, ended.Time = model.HookPostrouting, began.Add(time.Millisecond)
	for _, c := range []struct {
		name    string
		flow    *flow.Flow
		drop    *drop.Drop
		waited  time.Duration
		verdict string
	}{
		{"conntrack told", fl, nil, 2 * time.Second, Accepted},
		{"the kernel dropped it", nil, ended, 2 * time.Second, Dropped},
		{"nobody told", nil, nil, 4 * time.Second, Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := NewFold(Options{Probes: true})
			f.SetRules(rulesOf(), time.Time{})
			f.SetFlows(notYet{})
			a, b := arming(p), probe(model.HookPostrouting, p)
			b.CT = &CT{ID: 77, State: ctNew}
			f.Event(&a)
			f.Event(&b)
			f.Tick(b.Time.Add(time.Second))
			if f.Journeys()[0].Closed {
				t.Fatal("closed before anybody told what became of it")
			}
			if c.flow != nil {
				f.SetFlows(oneFlow{c.flow})
			}
			if c.drop != nil {
				f.Drop(c.drop)
			}
			f.Tick(b.Time.Add(c.waited))
			if j := f.Journeys()[0]; !j.Closed || j.Outcome.Verdict != c.verdict {
				t.Errorf("closed %v, %s: %s; want %s", j.Closed, j.Outcome.Verdict, j.Outcome.Sentence, c.verdict)
			}
		})
	}
}
