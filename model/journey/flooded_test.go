package journey

import (
	"slices"
	"strings"
	"testing"

	"nfscope/model"
)

// TestFloodedApart: what begins at a bridge's forward hook, or behind it, is a copy of the one
// packet that came in by that bridge with the same headers and has not gone on yet, and of none
// where two did. The bridge hands the packet itself to the last port.
func TestFloodedApart(t *testing.T) {
	p := udp("10.1.0.1", 5)
	other, tos, lower := *p, *p, *p
	other.Src, tos.TOS = p.Src.Next(), 8
	lower.TTL--
	bridge := func() *model.Table {
		return &model.Table{Backend: model.BackendNFTables, Family: model.FamilyBridge, Name: "b", Chains: []*model.Chain{chainOf("in", model.HookInput, 0, "accept"), chainOf("f", model.HookForward, 0, "accept"), chainOf("post", model.HookPostrouting, 0, "accept")}}
	}
	in := func(dev string, id uint32) Event { return between(arming(p), dev, "", id) }
	fwd := func(p *model.Packet, in string, id uint32) Event {
		return between(probe(model.HookForward, p), in, "br0", id)
	}
	out := func(id uint32) Event { return between(probe(model.HookPostrouting, p), "", "br0", id) }
	port := func(chain, out string, id uint32) Event {
		return between(bridgeChain(chain, model.VerdictAccept, p, "p1", out), "p1", out, id)
	}
	for _, c := range []struct {
		name   string
		events []Event
		copies []int // CopyOf of each journey
	}{
		{"one", []Event{in("br0", 1), out(2), out(1)}, []int{0, 1}},
		{"three ports", []Event{in("br0", 1), out(2), out(3), out(1)}, []int{0, 1, 1}},
		{"two came in", []Event{in("br0", 1), in("br0", 2), out(3)}, []int{0, 0, 0}},
		{"two came in and go on", []Event{in("br0", 1), in("br0", 2), out(2), out(1)}, []int{0, 0}},
		{"by another bridge", []Event{in("br1", 1), out(2)}, []int{0, 0}},
		{"what came in was not seen", []Event{out(2)}, []int{0}},
		{"in forward", []Event{in("br0", 1), fwd(p, "br0", 2), fwd(p, "br0", 1)}, []int{0, 1}},
		{"a bridge's own chain", []Event{in("br0", 1), port("f", "p2", 2), port("f", "p3", 1)}, []int{0, 1}},
		{"the beginning of both was lost", []Event{fwd(p, "br0", 1), fwd(p, "br0", 2)}, []int{0, 0}},
		{"another came meanwhile", []Event{in("br0", 1), fwd(p, "br0", 2), fwd(p, "br0", 1), out(1), in("br0", 5), out(2)}, []int{0, 1, 0}},
		{"behind the packet itself", []Event{in("br0", 1), out(1), out(2)}, []int{0, 0}},
		{"routed into the bridge", []Event{in("br0", 1), fwd(p, "r0", 2)}, []int{0, 0}},
		{"made by the kernel for the bridge", []Event{in("br0", 1), between(probe(model.HookPostrouting, p), "br0", "br0", 2)}, []int{0, 0}},
		{"beside one that was made here", []Event{between(arming(p), "", "br0", 1), port("f", "p2", 2)}, []int{0, 0}},
		{"delivered, and its beginning was lost", []Event{in("br0", 1), port("f", "p2", 1), port("in", "", 2)}, []int{0, 0}},
		{"routed there, and what it met was lost", []Event{in("r0", 1), between(bridgeChain("post", model.VerdictAccept, &lower, "", "p1"), "", "p1", 2)}, []int{0, 0}},
		{"from another", []Event{in("br0", 1), fwd(&other, "br0", 2)}, []int{0, 0}},
		{"of another service", []Event{in("br0", 1), fwd(&tos, "br0", 2)}, []int{0, 0}},
	} {
		_, list := folded(rulesOf(bridge()), Options{Probes: true}, c.events...)
		var got []int
		for _, j := range list {
			if got = append(got, j.CopyOf); j.CopyOf != 0 && (j.Path != PathForward || !strings.Contains(j.Outcome.Sentence, "which br0 sends out of several ports")) {
				t.Errorf("%s: #%d went the way of %s: %s", c.name, j.Number, j.Path, j.Outcome.Sentence)
			}
		}
		if !slices.Equal(got, c.copies) {
			t.Errorf("%s: copies of %v, want %v", c.name, got, c.copies)
		}
	}
}

// TestFloodedAndDelivered: a broadcast goes to the host too, which keeps the packet itself: what
// the input hook's legacy tables tell is not the copies'.
func TestFloodedAndDelivered(t *testing.T) {
	p := udp("10.1.0.255", 5)
	rules := rulesOf(legacyTable("filter", builtin("filter", "INPUT", "ACCEPT")),
		&model.Table{Backend: model.BackendNFTables, Family: model.FamilyBridge, Name: "b", Chains: []*model.Chain{chainOf("f", model.HookForward, 0, "accept")}})
	forward := bridgeChain("f", model.VerdictAccept, p, "p1", "p2")
	forward.ID = 2
	_, list := folded(rules, Options{Probes: true}, between(arming(p), "br0", "", 1), forward,
		between(line("filter", "INPUT", EventPolicy, 1, model.HookInput, p), "br0", "", 0), between(probe(model.HookPostrouting, p), "", "br0", 2), between(probe(model.HookInput, p), "br0", "", 8))
	if len(list) != 2 || !list[0].Complete || !list[1].Complete || list[1].CopyOf != 1 || len(list[0].Steps) != 1 || list[0].Path != PathInput {
		for _, j := range list {
			t.Errorf("#%d, a copy of %d, %s, %d steps: %s (%v %s)", j.Number, j.CopyOf, j.Path, len(j.Steps), j.Outcome.Sentence, j.Complete, j.Why)
		}
	}
}

// TestFloodedMisses: a copy that a bridge makes comes to the chains of forward, wherever it was seen
// first, and to none of prerouting: there it was one packet still.
func TestFloodedMisses(t *testing.T) {
	p := udp("10.1.0.255", 5)
	rules := rulesOf(legacyTable("raw", builtin("raw", "PREROUTING", "ACCEPT")), legacyTable("filter", builtin("filter", "INPUT", "ACCEPT"), builtin("filter", "FORWARD", "ACCEPT")))
	legacy := func(table, chain string, h model.Hook, out string) Event {
		return between(line(table, chain, EventPolicy, 1, h, p), "br0", out, 0)
	}
	for _, why := range []string{"", "no event of filter/FORWARD was seen, which it met: events were lost or came too late"} {
		events := []Event{between(arming(p), "br0", "", 1), legacy("raw", "PREROUTING", model.HookPrerouting, ""), legacy("filter", "INPUT", model.HookInput, ""), between(probe(model.HookPostrouting, p), "", "br0", 2)}
		if why == "" {
			events = append(events, legacy("filter", "FORWARD", model.HookForward, "br0"))
		}
		_, list := folded(rules, Options{Probes: true}, append(events, between(probe(model.HookInput, p), "br0", "", 8))...)
		if len(list) != 2 || !list[0].Complete || list[1].CopyOf != 1 || list[1].Complete != (why == "") || list[1].Why != why {
			t.Errorf("%d journeys, the last a copy of %d, complete %v %q, want %q", len(list), list[len(list)-1].CopyOf, list[len(list)-1].Complete, list[len(list)-1].Why, why)
		}
	}
}
