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
