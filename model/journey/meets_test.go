package journey

import (
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
)

// TestRuledBy: a drop by netfilter is given the rule that a traced packet met, and none
// where that is another's, or one of several that met different ends.
func TestRuledBy(t *testing.T) {
	p := udp("10.2.0.2", 5)
	journey := func(rule int, change func(*Journey)) *Journey {
		j := &Journey{Number: rule, Start: began, Packet: *p, Outcome: Outcome{Verdict: Dropped, By: Culprit{Kind: "rule", Table: "filter", Chain: "INPUT", Rule: rule}}}
		if change != nil {
			change(j)
		}
		return j
	}
	d := fallen(p, "NETFILTER_DROP", drop.StationNetfilter)
	d.Hook = model.HookInput
	nat := *d
	nat.Orig, nat.Reply = p.Tuple(), p.Tuple().Reverse()
	nat.Packet.Dst = p.Dst.Next()
	kernel := fallen(p, "NO_SOCKET", drop.StationSocket)
	for _, c := range []struct {
		name string
		list []*Journey
		drop *drop.Drop
		want int // the rule
	}{
		{"a rule's", []*Journey{journey(2, nil)}, d, 2},
		{"a policy's", []*Journey{journey(3, func(j *Journey) { j.Outcome.By.Kind = "policy" })}, d, 3},
		{"a rejected packet's", []*Journey{journey(2, func(j *Journey) { j.Outcome.Verdict = Rejected })}, d, 2},
		{"translated", []*Journey{journey(2, nil)}, &nat, 2},
		{"one rule, two packets", []*Journey{journey(2, nil), journey(2, nil)}, d, 2},
		{"two rules, two packets", []*Journey{journey(2, nil), journey(3, nil)}, d, 0},
		{"read late", []*Journey{journey(2, func(j *Journey) { j.Start, j.Late = began.Add(3*time.Second), 3*time.Second })}, d, 2},
		{"another packet's", []*Journey{journey(2, func(j *Journey) { j.Packet.IPID++ })}, d, 0},
		{"other ends", []*Journey{journey(2, func(j *Journey) { j.Packet.Src = p.Src.Next() })}, d, 0},
		{"long before", []*Journey{journey(2, func(j *Journey) { j.Start = began.Add(-time.Minute) })}, d, 0},
		{"after it", []*Journey{journey(2, func(j *Journey) { j.Start = began.Add(time.Minute) })}, d, 0},
		{"accepted", []*Journey{journey(2, func(j *Journey) { j.Outcome.Verdict = Accepted })}, d, 0},
		{"which rule is not known", []*Journey{journey(2, func(j *Journey) { j.Outcome.By.Kind = "unknown" })}, d, 0},
		{"the kernel's own", []*Journey{journey(2, nil)}, kernel, 0},
		{"nothing traced", nil, d, 0},
	} {
		got := 0
		if j := RuledBy(c.list, c.drop); j != nil {
			got = j.Outcome.By.Rule
		}
		if got != c.want {
			t.Errorf("%s: rule %d, want %d", c.name, got, c.want)
		}
	}
}

// TestRuledLike: a drop by netfilter of which no trace is known is told of the newest traced
// packet of its flow that a rule dropped in its hook.
func TestRuledLike(t *testing.T) {
	p := udp("10.2.0.2", 5)
	p.SPort, p.DPort = 40000, 53
	journey := func(rule int, change func(*Journey)) *Journey {
		j := &Journey{Number: rule, Start: began, Packet: *p, Outcome: Outcome{Verdict: Dropped, By: Culprit{Kind: "rule", Rule: rule}}, Steps: []Step{{Hook: model.HookPrerouting}, {Hook: model.HookForward}}}
		j.Packet.SPort, j.Packet.IPID = 50000, 9 // another client's port, another packet
		if change != nil {
			change(j)
		}
		return j
	}
	d := fallen(p, "NETFILTER_DROP", drop.StationNetfilter)
	d.Hook = model.HookForward
	nat := *d
	nat.Orig = p.Tuple()
	nat.Packet.Dst, nat.Packet.DPort = p.Dst.Next(), 5353
	nat.Reply = nat.Packet.Tuple().Reverse()
	back := nat // what comes back, its source not yet put back
	back.Packet.Src, back.Packet.Dst, back.Packet.SPort, back.Packet.DPort = nat.Packet.Dst, p.Src, 5353, 40000
	kernel := fallen(p, "NO_SOCKET", drop.StationSocket)
	several := *d
	several.Count = 2
	for _, c := range []struct {
		name string
		list []*Journey
		drop *drop.Drop
		want int
	}{
		{"the newest", []*Journey{journey(2, nil), journey(3, nil)}, d, 3},
		{"a policy's, rejected", []*Journey{journey(2, func(j *Journey) { j.Outcome.By.Kind, j.Outcome.Verdict = "policy", Rejected })}, d, 2},
		{"translated", []*Journey{journey(2, nil)}, &nat, 2},
		{"the other direction", []*Journey{journey(2, nil)}, &back, 0},
		{"what comes back", []*Journey{journey(2, func(j *Journey) { j.Packet = back.Packet })}, &back, 2},
		{"another service", []*Journey{journey(2, func(j *Journey) { j.Packet.DPort++ })}, d, 0},
		{"another client", []*Journey{journey(2, func(j *Journey) { j.Packet.Src = p.Src.Next() })}, d, 0},
		{"another hook", []*Journey{journey(2, func(j *Journey) { j.Steps[1].Hook = model.HookInput })}, d, 0},
		{"accepted", []*Journey{journey(2, func(j *Journey) { j.Outcome.Verdict = Accepted })}, d, 0},
		{"not told", []*Journey{journey(2, func(j *Journey) { j.Outcome.By.Kind = "unknown" })}, d, 0},
		{"without steps", []*Journey{journey(2, func(j *Journey) { j.Steps = nil })}, d, 0},
		{"the kernel's own", []*Journey{journey(2, nil)}, kernel, 0},
		{"several", []*Journey{journey(2, nil)}, &several, 0},
	} {
		got := 0
		if j := RuledLike(c.list, c.drop); j != nil {
			got = j.Outcome.By.Rule
		}
		if got != c.want {
			t.Errorf("%s: rule %d, want %d", c.name, got, c.want)
		}
	}
}
