package journey

import (
	"testing"

	"nfscope/model"
)

// TestLastAccept: the last word of a packet that went through is the last rule's that filters,
// else the last policy's; that of nat's chains, which decide nothing, only where there is no
// other. One that user space let on was let on there.
func TestLastAccept(t *testing.T) {
	step := func(b model.Backend, table string, kind Kind, target string, v model.Verdict) Step {
		return Step{Backend: b, Table: table, Kind: kind, Target: target, Verdict: v}
	}
	const l, n = model.BackendLegacy, model.BackendNFTables
	rule := step(l, "filter", KindRule, "ACCEPT", model.VerdictAccept)
	policy := step(l, "mangle", KindPolicy, "", model.VerdictAccept)
	natRule, natPolicy, natNFT := step(l, "nat", KindRule, "ACCEPT", model.VerdictAccept), step(l, "nat", KindPolicy, "", model.VerdictAccept), step(n, "fw", KindRule, "masquerade", model.VerdictAccept)
	queue := step(l, "filter", KindRule, "NFQUEUE", model.VerdictQueue)
	jump := step(l, "filter", KindRule, "U", model.VerdictJump)
	for _, c := range []struct {
		name  string
		steps []Step
		last  int // -1 for none
	}{
		{"a rule, and policies behind it", []Step{rule, policy, policy}, 0},
		{"the last of two rules", []Step{rule, policy, rule}, 2},
		{"the last of two policies", []Step{jump, policy, policy}, 2},
		{"a rule of nat behind it", []Step{policy, natRule}, 0},
		{"a policy of nat behind it", []Step{policy, natPolicy}, 0},
		{"a translation by nf_tables behind it", []Step{rule, natNFT}, 0},
		{"nat alone", []Step{natRule, natPolicy}, 1},
		{"user space", []Step{policy, queue, policy}, 1},
		{"nobody", []Step{jump}, -1},
	} {
		got := lastAccept(c.steps)
		switch {
		case c.last < 0 && got != nil, c.last >= 0 && got != &c.steps[max(0, c.last)]:
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// TestWhereItWent: what is said of a packet that went through, and by whom.
func TestWhereItWent(t *testing.T) {
	by := func(text string, v model.Verdict) []Step {
		return []Step{{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Table: "filter", Chain: "FORWARD", Kind: KindRule, Rule: 1, Text: text, Verdict: v}}
	}
	for _, c := range []struct {
		out   string
		end   model.Hook
		steps []Step
		want  string
	}{
		{"", model.HookInput, nil, "delivered to this host: no rule and no policy decided"},
		{"r1", model.HookInput, by("-j ACCEPT", model.VerdictAccept), "delivered to this host, accepted by rule 1 of filter/FORWARD (iptables-legacy): -j ACCEPT"},
		{"r1", model.HookPostrouting, nil, "sent out of r1: no rule and no policy decided"},
		{"", model.HookPostrouting, nil, "sent out: no rule and no policy decided"},
		{"r1", model.HookPostrouting, by("-j NFQUEUE", model.VerdictQueue), "sent out of r1, let on by user space at rule 1 of filter/FORWARD (iptables-legacy): -j NFQUEUE"},
		{"r1", model.HookPostrouting, by("-j NFQUEUE --queue-bypass", model.VerdictQueue), "sent out of r1, let on by user space, or past it by --queue-bypass, at rule 1 of filter/FORWARD (iptables-legacy): -j NFQUEUE --queue-bypass"},
		{"r1", model.HookPostrouting, by("", model.VerdictQueue), "sent out of r1, let on by user space, or past it by --queue-bypass, at rule 1 of filter/FORWARD (iptables-legacy)"},
	} {
		j := &Journey{Out: c.out, Steps: c.steps}
		if accepted(j, arrived(j, c.end)); j.Outcome.Verdict != Accepted || j.Outcome.Sentence != c.want {
			t.Errorf("%s: %s\nwant %s", j.Outcome.Verdict, j.Outcome.Sentence, c.want)
		}
	}
}
