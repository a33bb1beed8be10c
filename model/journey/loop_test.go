package journey

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/flow"
)

// overLo is an event of a packet that the host sends to itself.
func overLo(e Event, id uint32) Event {
	e.ID, e.In, e.Out = id, "", ""
	h, ok := model.ParseHook(strings.ToLower(e.Chain))
	if e.Source == SourceLegacy {
		h, ok = e.Hook, true
	}
	switch {
	case ok && (h == model.HookOutput || h == model.HookPostrouting):
		e.Out = loopback
	case e.Chain == "trace" && id == 1:
		e.Out = loopback
	default:
		e.In = loopback
	}
	return e
}

// TestHalves: a packet over loopback is sent as one journey and comes in as another,
// each names the other, and neither is taken for the other, whichever tracer is read
// first and though the second half is dropped before any probe sees it.
func TestHalves(t *testing.T) {
	sent, came := udp("10.0.0.5", 7), udp("10.0.0.5", 7)
	came.Dst, came.DPort = sent.Src.Next(), 99 // translated on its way out
	rules := rulesOf(legacyTable("mangle", builtin("mangle", "OUTPUT", "ACCEPT"), builtin("mangle", "POSTROUTING", "ACCEPT"), builtin("mangle", "PREROUTING", "ACCEPT")),
		legacyTable("filter", builtin("filter", "INPUT", "DROP")))
	nft := []Event{overLo(arming(sent), 1), overLo(probe(model.HookPostrouting, came), 1), overLo(arming(came), 2)}
	legacy := []Event{
		overLo(line("mangle", "OUTPUT", EventPolicy, 1, model.HookOutput, sent), 0),
		overLo(line("mangle", "POSTROUTING", EventPolicy, 1, model.HookPostrouting, came), 0),
		overLo(line("mangle", "PREROUTING", EventPolicy, 1, model.HookPrerouting, came), 0),
		overLo(line("filter", "INPUT", EventPolicy, 1, model.HookInput, came), 0),
	}
	for _, c := range []struct {
		name   string
		events []Event
	}{{"nf_tables first", slices.Concat(nft, legacy)}, {"legacy first", slices.Concat(legacy, nft)},
		{"in turn", []Event{nft[0], legacy[0], nft[1], nft[2], legacy[1], legacy[2], legacy[3]}}} {
		_, list := folded(rules, Options{Probes: true}, c.events...)
		if len(list) != 2 {
			t.Errorf("%s: %d journeys", c.name, len(list))
			continue
		}
		a, b := list[0], list[1]
		if !a.Complete || !b.Complete || a.Half != 2 || b.Half != 1 || a.Path != PathOutput || b.Path != PathInput ||
			!strings.HasSuffix(a.Outcome.Sentence, "; it comes in again over lo as #2") || b.Outcome.Verdict != Dropped || !strings.HasSuffix(b.Outcome.Sentence, "; it was sent as #1") {
			t.Errorf("%s: %s %q %q, half %d\n%s %q %q, half %d", c.name, a.Path, a.Outcome.Sentence, a.Why, a.Half, b.Path, b.Outcome.Sentence, b.Why, b.Half)
		}
	}
}

// TestHalfUnderWay: of a half that is under way only its own way is told: the other may be
// another packet's yet.
func TestHalfUnderWay(t *testing.T) {
	p := udp("10.0.0.5", 7)
	f := NewFold(Options{Probes: true})
	f.SetRules(rulesOf(), time.Time{})
	for _, e := range []Event{overLo(arming(p), 1), overLo(probe(model.HookPostrouting, p), 1), overLo(arming(p), 2)} {
		f.Event(&e)
	}
	for i, j := range f.Journeys() {
		if j.Half != 2-i || strings.Contains(j.Outcome.Sentence, "#") {
			t.Errorf("under way: half %d, %s", j.Half, j.Outcome.Sentence)
		}
	}
	f.Flush()
	for i, want := range []string{"comes in again over lo as #2", "was sent as #1"} {
		if s := f.Journeys()[i].Outcome.Sentence; !strings.Contains(s, want) {
			t.Errorf("%s, want %s", s, want)
		}
	}
}

// TestHalvesAlike: which of two that look the same comes in is not guessed.
func TestHalvesAlike(t *testing.T) {
	p := udp("10.0.0.5", 7)
	_, list := folded(rulesOf(), Options{Probes: true}, overLo(arming(p), 1), overLo(probe(model.HookPostrouting, p), 1),
		func() Event { e := overLo(arming(p), 1); e.ID = 3; return e }(), overLo(arming(p), 2))
	if len(list) != 3 || list[0].Half != 0 || list[1].Half != 0 || list[2].Half != 0 {
		t.Errorf("%d journeys, halves %d %d", len(list), list[0].Half, list[1].Half)
	}
}

// TestAnswerOfReject: what REJECT sends back has the unconfirmed connection of what it
// rejected, and conntrack lets it pass without taking that.
func TestAnswerOfReject(t *testing.T) {
	p := udp("10.1.0.1", 5)
	for _, c := range []struct {
		name      string
		direction uint8
		complete  bool
	}{{"the answer", 1, true}, {"a first packet", 0, false}} {
		start, end := arming(p), probe(model.HookPostrouting, p)
		start.In, start.Out, end.In = "", "r1", ""
		end.CT = &CT{ID: 77, Direction: c.direction, State: ctRelated}
		f := NewFold(Options{Probes: true})
		f.SetRules(rulesOf(), began)
		f.SetFlows(oneFlow{&flow.Flow{ID: 1}})
		f.Event(&start)
		f.Event(&end)
		f.Flush()
		if j := f.Journeys()[0]; j.Complete != c.complete || (j.Outcome.Verdict == Accepted) != c.complete {
			t.Errorf("%s: complete %v, %s (%s)", c.name, j.Complete, j.Outcome.Sentence, j.Why)
		}
	}
}

// TestRedirectUntold: what address translation may have dropped is not laid to a chain
// behind it that told nothing.
func TestRedirectUntold(t *testing.T) {
	const kernel, untold = "no rule dropped it: the kernel did", "told nothing: it is not traced, or its event was lost"
	for _, c := range []struct {
		name     string
		icmp     uint8          // of ICMPv6 from 128 on
		seen, at model.Priority // of the chain that told, and of that which did not
		want     string
	}{
		{"a redirect", 5, -100, 0, kernel},
		{"another message", 3, -100, 0, untold},
		{"a redirect of ICMPv6", 137, -100, 0, kernel},
		{"another message of ICMPv6", 136, -100, 0, untold},
		{"a redirect behind translation", 5, -50, 0, untold},
		{"a redirect, and both are before translation", 5, -150, -120, untold},
		{"a redirect, and a chain beside translation", 5, -150, -100, untold},
	} {
		p := udp("10.1.0.1", 5)
		p.Proto, p.ICMPType, p.SPort, p.DPort = model.ProtoICMP, c.icmp, 0, 0
		if c.icmp >= 128 {
			p.Family, p.Proto, p.Src, p.Dst = model.FamilyIPv6, model.ProtoICMPv6, netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
		}
		start, out := arming(p), message("out", EventPolicy, 0, model.VerdictAccept, p)
		start.In, start.Out, out.In, out.Out = "", "r1", "", "r1"
		rules := rulesOf(nftTable("fw", chainOf("out", model.HookOutput, c.seen, "accept")), nftTable("late", chainOf("c", model.HookOutput, c.at, "accept", target("drop"))))
		_, list := folded(rules, Options{Probes: true}, start, out)
		if len(list) != 1 || list[0].Complete || !strings.Contains(list[0].Outcome.Sentence, c.want) {
			t.Errorf("%s: %s", c.name, list[0].Outcome.Sentence)
		}
	}
}

// TestLeavesAs: what comes in over loopback is the other half of what can have left as it:
// that was not stopped, goes out by loopback, and has its ends but for those that are
// translated behind where it was seen last.
func TestLeavesAs(t *testing.T) {
	p := udp("10.0.0.5", 7)
	change := func(with func(*model.Packet)) *model.Packet { q := *p; with(&q); return &q }
	early, done := place{model.HookPostrouting, 0}, place{model.HookPostrouting, probePriority}
	for _, c := range []struct {
		name    string
		at      place
		out     string
		verdict model.Verdict
		came    *model.Packet
		leaves  bool
	}{
		{"the same", done, loopback, model.VerdictAccept, p, true},
		{"where the device is not told", done, "", model.VerdictAccept, p, true},
		{"dropped", done, loopback, model.VerdictDrop, p, false},
		{"by another device", done, "r1", model.VerdictAccept, p, false},
		{"to another address", early, loopback, model.VerdictAccept, change(func(q *model.Packet) { q.Dst = q.Dst.Next() }), false},
		{"to another port", early, loopback, model.VerdictAccept, change(func(q *model.Packet) { q.DPort++ }), false},
		{"from another address, not translated yet", early, loopback, model.VerdictAccept, change(func(q *model.Packet) { q.Src = q.Src.Next() }), true},
		{"from another port, not translated yet", early, loopback, model.VerdictAccept, change(func(q *model.Packet) { q.SPort++ }), true},
		{"from another address", done, loopback, model.VerdictAccept, change(func(q *model.Packet) { q.Src = q.Src.Next() }), false},
		{"from another port", done, loopback, model.VerdictAccept, change(func(q *model.Packet) { q.SPort++ }), false},
	} {
		b := &builder{}
		b.insert(&walk{source: SourceNFT, family: model.FamilyInet, place: c.at, out: c.out, verdict: c.verdict, head: p})
		if got := b.leavesAs(c.came); got != c.leaves {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestHalvesInTurn: a packet that has its other half is not that of the next one.
func TestHalvesInTurn(t *testing.T) {
	p := udp("10.0.0.5", 7)
	half := func(e Event, n int, id uint32) Event { e = overLo(e, uint32(n)); e.ID = id; return e }
	_, list := folded(rulesOf(), Options{Probes: true},
		half(arming(p), 1, 1), half(probe(model.HookPostrouting, p), 1, 1), half(arming(p), 2, 2), half(probe(model.HookInput, p), 2, 2),
		half(arming(p), 1, 3), half(probe(model.HookPostrouting, p), 1, 3), half(arming(p), 2, 4), half(probe(model.HookInput, p), 2, 4))
	var got []int
	for _, j := range list {
		got = append(got, j.Half)
	}
	if !slices.Equal(got, []int{2, 1, 4, 3}) {
		t.Errorf("the halves are %v", got)
	}
}
