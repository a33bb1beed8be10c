package ladder

import (
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/journey"
)

// TestChangesStandWithWhoMadeThem: what a rule did is shown on its row and not again where
// the next event shows it; what nobody's rule did is shown where it was seen, with who did it.
func TestChangesStandWithWhoMadeThem(t *testing.T) {
	dst := journey.Change{Field: "dst", Value: "10.2.0.2"}
	src := journey.Change{Field: "src", Value: "10.2.0.1"}
	ttl := journey.Change{Field: "ttl", Value: "63"}
	back := journey.Change{Field: "dst", Value: "10.9.9.9"}
	j := &journey.Journey{Steps: []journey.Step{
		{Kind: journey.KindRule, Rule: 1, Did: journey.Delta{dst}},
		{Kind: journey.KindPolicy, Packet: journey.Delta{dst, ttl, src}, By: []journey.Author{{Field: "ttl", By: journey.ByForwarding}, {Field: "src", By: journey.ByConntrack}}},
		{Kind: journey.KindPolicy, Packet: journey.Delta{back}},
		{Kind: journey.KindRule, Rule: 2, Packet: journey.Delta{dst}, Did: journey.Delta{dst}},
	}}
	for i, want := range []string{"dst 10.2.0.2", "ttl 63 by forwarding, src 10.2.0.1 by conntrack", "dst 10.9.9.9", "dst 10.2.0.2"} {
		if got := Say(nil).changed(j, i); got != want {
			t.Errorf("step %d: %q, want %q", i, got, want)
		}
	}
}

func TestWhatCanStillDrop(t *testing.T) {
	one := Row{Packet: "mark 0x1", Ahead: []string{"inet fw/forward (nftables)"}}
	two := Row{Ahead: []string{"inet fw/forward (nftables)", "inet late/post (nftables)"}}
	for _, c := range []struct {
		row  Row
		w    int
		want string
	}{
		{one, 0, "mark 0x1, inet fw/forward (nftables) can still drop"},
		{one, 40, "mark 0x1, 1 chain can still drop"},
		{two, 100, "2 chains can still drop: inet fw/forward (nftables), inet late/post (nftables)"},
		{two, 30, "2 chains can still drop"},
		{two, 17, "2 can still drop"},
		{Row{Packet: "NEW"}, 1, "NEW"},
	} {
		if got := c.row.note(c.w); got != c.want {
			t.Errorf("at %d: %q, want %q", c.w, got, c.want)
		}
	}
	policy := journey.Step{Kind: journey.KindPolicy, Ahead: two.Ahead, Verdict: model.VerdictAccept}
	rule := policy
	rule.Kind, rule.Rule, rule.Backend, rule.Table, rule.Chain = journey.KindRule, 3, model.BackendLegacy, "filter", "FORWARD"
	j := &journey.Journey{Steps: []journey.Step{policy, rule}}
	if rows := Rows(j); rows[0].Ahead != nil || len(rows[1].Ahead) != 2 {
		t.Errorf("rows: %+v", rows)
	}
	if got := strings.Join(Ahead(j), "; "); got != "rule 3 of filter/FORWARD accepted it; these can still drop it: "+strings.Join(two.Ahead, ", ") {
		t.Errorf("in words: %s", got)
	}
}

func TestRemarksSayHowTheFlowIsKnown(t *testing.T) {
	j := &journey.Journey{Flow: 123, FlowBy: journey.FlowByID, CTState: "ESTABLISHED", Direction: journey.Reply, Answers: 17, Complete: true}
	if got := Remarks(j); len(got) != 1 || got[0] != "conntrack: state ESTABLISHED, flow 123 (told by the kernel), a reply, answers #17" {
		t.Errorf("got %q", got)
	}
	j.FlowBy, j.Direction, j.Answers, j.CTState = journey.FlowByTuple, journey.Original, 0, ""
	if got := Remarks(j); len(got) != 1 || got[0] != "conntrack: flow 123 (found by its tuple)" {
		t.Errorf("got %q", got)
	}
}
