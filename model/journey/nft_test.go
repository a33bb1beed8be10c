package journey

import (
	"slices"
	"testing"
	"time"

	"nfscope/model"
)

// chained is a table of nf_tables with a chain that calls u, and one at postrouting.
func chained() Rules {
	return rulesOf(nftTable("fw", chainOf("fwd", model.HookForward, 0, "accept", jump("u")), chainOf("post", model.HookPostrouting, 0, "accept"), chainOf("u", 0, 0, "", target("accept"))))
}

// TestEndsOfChains: the three forms of a chain's end: a user chain's is a step, a base chain's
// none but the first to show the headers where no rule was met, and the policy is the last.
func TestEndsOfChains(t *testing.T) {
	p := udp("10.1.0.1", 5)
	to := *p
	to.Dst = p.Dst.Next()
	end := func(chain string, p *model.Packet) Event {
		return message(chain, EventRule, 0, model.VerdictContinue, p)
	}
	policy := func(chain string) Event { return message(chain, EventPolicy, 0, model.VerdictAccept, nil) }
	call := message("fwd", EventRule, 10, model.VerdictJump, &to)
	call.To = "u"
	for _, c := range []struct {
		name   string
		events []Event
		steps  []string
		shows  int // the step before which the destination changed, -1 where that is not told
	}{
		{"of a base chain", []Event{arming(p), end("fwd", &to), policy("fwd")}, []string{"N fw/fwd policy accept"}, 0},
		{"of a user chain, and of its caller", []Event{arming(p), call, end("u", nil), end("fwd", nil), policy("fwd"), end("post", &to), policy("post")},
			[]string{"N fw/fwd 1 jump", " N fw/u end return", "N fw/fwd policy accept", "N fw/post policy accept"}, 0},
		{"of a user chain in which the trace begins", []Event{end("u", p), end("fwd", nil), policy("fwd")}, []string{"N fw/u end return", "N fw/fwd policy accept"}, -1},
	} {
		_, list := folded(chained(), Options{Probes: true}, c.events...)
		if len(list) != 1 || !slices.Equal(rungs(list[0]), c.steps) {
			t.Errorf("%s: %d journeys, %q, want %q", c.name, len(list), rungs(list[0]), c.steps)
			continue
		}
		for i, s := range list[0].Steps {
			if shows := len(s.Packet) == 1 && s.Packet[0] == (Change{"dst", to.Dst.String()}); shows != (i == c.shows) {
				t.Errorf("%s: before step %d changed %v", c.name, i, s.Packet)
			}
		}
	}
}

// TestHeadersLost: an id of which the headers of a chain were lost is that of the packet that
// had it, where that one can have come there; else of a packet whose beginning nobody saw.
func TestHeadersLost(t *testing.T) {
	p := udp("10.1.0.1", 5)
	bare := func(chain string, v model.Verdict) Event { return message(chain, EventPolicy, 0, v, nil) }
	headed := func(chain string, v model.Verdict) Event { return message(chain, EventPolicy, 0, v, p) }
	for _, c := range []struct {
		name   string
		events []Event
		bases  []string // of each journey's last step
	}{
		{"it goes on", []Event{arming(p), headed("fwd", model.VerdictAccept), bare("post", model.VerdictDrop)}, []string{"post"}},
		{"the chain it was in has not ended", []Event{arming(p), message("fwd", EventRule, 10, model.VerdictContinue, p), bare("post", model.VerdictDrop)}, []string{"post"}},
		{"it was dropped", []Event{arming(p), headed("fwd", model.VerdictDrop), bare("post", model.VerdictAccept)}, []string{"fwd", "post"}},
		{"it has been further", []Event{arming(p), headed("post", model.VerdictAccept), bare("fwd", model.VerdictAccept)}, []string{"post", "fwd"}},
	} {
		_, list := folded(chained(), Options{Probes: true}, c.events...)
		var got []string
		for i, j := range list {
			got = append(got, j.Steps[len(j.Steps)-1].Base)
			if torn := j.Why == "events in its middle are missing"; torn != (i == len(list)-1) {
				t.Errorf("%s: journey %d: %q", c.name, i+1, j.Why)
			}
		}
		if !slices.Equal(got, c.bases) {
			t.Errorf("%s: the last chains are %q, want %q", c.name, got, c.bases)
		}
	}
}

// TestHandlesOfGenerations: a handle is that of the rules which were in force when the event
// came: nf_tables gives it to another rule when a table is made anew.
func TestHandlesOfGenerations(t *testing.T) {
	f := NewFold(Options{Probes: true})
	for i, text := range []string{"udp dport 53 drop", "udp dport 1-99 drop"} {
		f.SetRules(rulesOf(nftTable("fw", chainOf("in", model.HookInput, 0, "accept", model.Rule{Text: text}))), time.Time{})
		p := udp("10.1.0.1", uint16(i+1))
		for _, e := range []Event{arming(p), message("in", EventRule, 10, model.VerdictDrop, p)} {
			e.ID = uint32(i + 1)
			f.Event(&e)
		}
	}
	f.Flush()
	list := f.Journeys()
	if len(list) != 2 || list[0].Outcome.By.Text != "udp dport 53 drop" || list[1].Outcome.By.Text != "udp dport 1-99 drop" {
		t.Errorf("%d journeys: %+v, %+v", len(list), list[0].Outcome, list[len(list)-1].Outcome)
	}
}

// TestBegunInAUserChain: where a rule of a user chain switches the trace on, no event names the
// base chain: the devices tell which way the packet goes, and what is still to come is not known.
func TestBegunInAUserChain(t *testing.T) {
	p := udp("10.1.0.1", 5)
	stopping := rulesOf(nftTable("fw", chainOf("pre", model.HookPrerouting, 5, "drop"), chainOf("fwd", model.HookForward, 5, "drop"), chainOf("out", model.HookOutput, 5, "drop"), chainOf("u", 0, 0, "", target("accept"))))
	for _, c := range []struct {
		in, out, path string
	}{{"r0", "r1", PathForward}, {"", "r1", PathOutput}, {"r0", "", PathUnknown}} {
		_, list := folded(stopping, Options{}, between(message("u", EventRule, 10, model.VerdictAccept, p), c.in, c.out, 0))
		if len(list) != 1 || len(list[0].Steps) != 1 || list[0].Steps[0].Ahead != nil || list[0].Path != c.path || list[0].In != c.in || list[0].Out != c.out || list[0].Complete {
			t.Errorf("in %q out %q: %s, complete %v", c.in, c.out, list[0].Path, list[0].Complete)
		}
	}
}

// TestBaseNotSeen: a trace that a rule of a user chain began, and that ended there, is not whole:
// the base chain is not known.
func TestBaseNotSeen(t *testing.T) {
	rules := rulesOf(nftTable("fw", chainOf("in", model.HookInput, 0, "accept"), chainOf("u", 0, 0, "", model.Rule{Text: "meta nftrace set 1 drop", Target: "drop"})))
	_, list := folded(rules, Options{}, message("u", EventRule, 10, model.VerdictDrop, udp("10.1.0.1", 5)))
	if j := list[0]; j.Complete || j.Why != "the trace was switched on in a user chain, and its base chain was not seen" {
		t.Errorf("complete %v: %s", j.Complete, j.Why)
	}
}

// TestLastOfConntrack: of what events told of conntrack the last holds: a rule behind conntrack
// may take the packet out of tracking.
func TestLastOfConntrack(t *testing.T) {
	p := udp("10.1.0.1", 5)
	tracked, not := message("fwd", EventPolicy, 0, model.VerdictAccept, p), message("post", EventPolicy, 0, model.VerdictAccept, p)
	tracked.CT, not.CT = &CT{ID: 9, State: ctNew}, &CT{State: 64}
	_, list := folded(chained(), Options{Probes: true}, arming(p), tracked, not)
	if len(list) != 1 || list[0].CTState != "UNTRACKED" || list[0].Flow != 0 {
		t.Errorf("%s, flow %d", list[0].CTState, list[0].Flow)
	}
}
