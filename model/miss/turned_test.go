package miss_test

import (
	"slices"
	"testing"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/model/journey"
	"nfscope/model/miss"
)

// TestTurned: what a rule that asks for DNAT is told of a packet that was dropped before
// conntrack had an entry of it.
func TestTurned(t *testing.T) {
	const rules = nat + "-A PREROUTING -p udp -j DNAT --to-destination 10.2.0.2:9\n-A PREROUTING -p udp -j MARK --set-mark 1\nCOMMIT\n" +
		filter + "-A FORWARD -m conntrack --ctstate DNAT -m limit --limit 1/hour --limit-burst 1 -j ACCEPT\n-A FORWARD -m conntrack ! --ctstate DNAT -m limit --limit 1/hour --limit-burst 1 -j ACCEPT\n-A FORWARD -j DROP\n"
	turn := journey.Delta{{Field: "dst", Value: "10.2.0.2"}, {Field: "dport", Value: "9"}}
	const dnat, none, unknown = "FORWARD 2: conntrack ctstate NEW, DNAT", "FORWARD 1: conntrack ctstate NEW", "FORWARD 1: conntrack ctstate NEW, not known: its NAT, limit not known: how many packets came before"
	for _, c := range []struct {
		name, met string // what it met in nat/PREROUTING
		turn      journey.Delta
		edit      func(*journey.Journey)
		want      string
	}{
		{name: "a rule of DNAT", met: "PREROUTING 1", turn: turn, want: dnat},
		{name: "another port alone", met: "PREROUTING 1", turn: turn[1:], want: dnat},
		{name: "a rule that did nothing", met: "PREROUTING 1", want: none},
		{name: "no rule", met: "PREROUTING policy", want: none},
		{name: "changed, but by no rule of DNAT", met: "PREROUTING 2", turn: turn, want: unknown},
		{name: "seen late", met: "PREROUTING 1", turn: turn, want: unknown, edit: func(j *journey.Journey) { j.Track.Early = false }},
		{name: "over loopback", met: "PREROUTING policy", want: unknown, edit: func(j *journey.Journey) { j.In = "lo" }},
		{name: "no ports", met: "PREROUTING policy", want: unknown, edit: func(j *journey.Journey) { j.Packet.Transport = false }},
		{name: "the kernel told", turn: turn, want: dnat, edit: func(j *journey.Journey) {
			j.CTState, j.Track.Told, j.Track.Status, j.Track.Early = "NEW", true, flow.DstNAT, false
		}},
		{name: "the kernel told before DNAT", turn: turn, met: "PREROUTING 1", want: dnat, edit: func(j *journey.Journey) { j.CTState, j.Track.Told = "NEW", true }},
		{name: "told to be new, and not changed", want: none, edit: func(j *journey.Journey) { j.CTState, j.Track.Told = "NEW", true }},
		{name: "not the first: it has an entry", want: unknown, edit: func(j *journey.Journey) { j.CTState, j.Track.Told, j.Track.Status = "NEW", true, flow.Confirmed }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var met []string
			if c.met != "" {
				met = []string{c.met}
			}
			j := walked(t, rules, met...)
			j.Packet.Dst, j.Packet.DPort, j.Track.Early, j.CTState = j.Packet.Src.Next(), 53, true, "NEW"
			at := journey.Step{Backend: model.BackendLegacy, Hook: model.HookForward, Family: model.FamilyIPv4, Table: "filter", Base: "FORWARD", Chain: "FORWARD",
				Kind: journey.KindRule, Rule: 3, Text: "-A FORWARD -j DROP", Target: "DROP", Verdict: model.VerdictDrop, Packet: c.turn}
			j.Steps = append(j.Steps, at)
			if c.edit != nil {
				c.edit(j)
			}
			got := told(miss.New(miss.Known{}).Look(j, 0))
			if !slices.Contains(got, c.want) {
				t.Errorf("told %q, want %q", got, c.want)
			}
		})
	}
}
