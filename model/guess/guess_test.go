package guess

import (
	"fmt"
	"slices"
	"testing"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/journey"
)

// ruleset is one chain with a rule of each kind, and one that nothing calls.
func ruleset() *model.Ruleset {
	rule := func(n int, text, target string) model.Rule { return model.Rule{Index: n, Text: text, Target: target} }
	return &model.Ruleset{Tables: []*model.Table{{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "filter", Chains: []*model.Chain{
		{Name: "INPUT", Hook: model.HookInput, Policy: "DROP", Rules: []model.Rule{
			rule(1, "-A INPUT -p tcp --dport 22 -j ACCEPT", "ACCEPT"), rule(2, "-A INPUT -j LOG", "LOG"), rule(3, "-A INPUT -p tcp -j REJECT", "REJECT"), rule(4, "-A INPUT -p udp -j NFQUEUE", "NFQUEUE")}},
		{Name: "OUTPUT", Hook: model.HookOutput, Policy: "ACCEPT"},
	}}}}
}

func TestChoices(t *testing.T) {
	rs := ruleset()
	if got := fmt.Sprint(Verdicts(rs)); got != "[accepted dropped rejected unseen]" {
		t.Error(got)
	}
	if got := fmt.Sprint(Verdicts(nil)); got != "[accepted dropped unseen]" {
		t.Error(got)
	}
	for v, want := range map[Verdict]string{
		Accepted: "INPUT 1 INPUT 4 OUTPUT policy kernel ", Dropped: "INPUT 4 INPUT policy kernel ", Rejected: "INPUT 3 ", Unseen: ""} {
		got := ""
		for _, p := range Places(rs, v) {
			switch p.Kind {
			case Rule:
				got += fmt.Sprintf("%s %d ", p.Chain, p.Rule)
			case Policy:
				got += p.Chain + " policy "
			default:
				got += "kernel "
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", v, got, want)
		}
	}
}

// packet met rule 1 without a match, rule 2, and then ended by a step.
func packet(verdict string, kind journey.Kind, rule int, v model.Verdict) *journey.Journey {
	step := func(kind journey.Kind, rule int, v model.Verdict) journey.Step {
		return journey.Step{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Table: "filter", Chain: "INPUT", Kind: kind, Rule: rule, Verdict: v}
	}
	j := &journey.Journey{Steps: []journey.Step{step(journey.KindMiss, 1, 0), step(journey.KindRule, 2, model.VerdictContinue), step(kind, rule, v)}}
	j.Outcome = journey.Outcome{Verdict: verdict, By: journey.Culprit{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Table: "filter", Chain: "INPUT", Kind: string(kind), Rule: rule}}
	return j
}

func TestFits(t *testing.T) {
	rs := ruleset()
	place := func(v Verdict, n int) *Place { return &Places(rs, v)[n] }
	rejected := packet(journey.Rejected, journey.KindRule, 3, model.VerdictReject)
	policy := packet(journey.Dropped, journey.KindPolicy, 0, model.VerdictDrop)
	queued := packet(journey.Queued, journey.KindRule, 4, model.VerdictQueue)
	gone := packet(journey.Unknown, journey.KindRule, 2, model.VerdictContinue)
	gone.Outcome.By = journey.Culprit{}
	killed := packet(journey.Unknown, journey.KindRule, 2, model.VerdictContinue)
	killed.Outcome.By, killed.Drop = journey.Culprit{}, &drop.Drop{}
	full := packet(journey.Queued, journey.KindRule, 4, model.VerdictQueue)
	full.Drop = &drop.Drop{}
	for _, c := range []struct {
		name           string
		j              *journey.Journey
		reached        bool
		a              Answer
		verdict, where bool
	}{
		{"by the rule", rejected, true, Answer{Rejected, place(Rejected, 0)}, true, true},
		{"a verdict alone", rejected, true, Answer{Verdict: Rejected}, true, true},
		{"wrong verdict", rejected, true, Answer{Dropped, place(Dropped, 2)}, false, false},
		{"by the policy", policy, false, Answer{Dropped, place(Dropped, 1)}, true, true},
		{"not by the queue", policy, false, Answer{Dropped, place(Dropped, 0)}, true, false},
		{"what a program did is not known", queued, false, Answer{Dropped, place(Dropped, 0)}, false, true},
		{"a program let it through", queued, true, Answer{Accepted, place(Accepted, 1)}, true, true},
		{"it found the queue full", full, true, Answer{Dropped, place(Dropped, 0)}, true, true},
		{"it was another rule's", queued, true, Answer{Accepted, place(Accepted, 0)}, true, false},
		{"the kernel", killed, false, Answer{Dropped, place(Dropped, 2)}, true, true},
		{"not the policy but the kernel", killed, false, Answer{Dropped, place(Dropped, 1)}, true, false},
		{"nobody was asked", &journey.Journey{Outcome: journey.Outcome{Verdict: journey.Accepted, By: journey.Culprit{Kind: "kernel"}}}, true, Answer{Accepted, place(Accepted, 3)}, true, true},
		{"unseen", nil, false, Answer{Verdict: Unseen}, true, true},
		{"not unseen", policy, false, Answer{Verdict: Unseen}, false, true},
		{"no answer", policy, false, Answer{}, false, true},
	} {
		truth := Of(c.j, c.reached)
		if v, w := truth.Fits(c.a); v != c.verdict || w != c.where {
			t.Errorf("%s: %v %v, want %v %v (%+v)", c.name, v, w, c.verdict, c.where, truth)
		}
	}
	if truth := Of(queued, true); !truth.Asked {
		t.Error("nobody was asked")
	}
	// What is not known is no drop: an answer or a drop tells it, nothing else does.
	for _, c := range []struct {
		name    string
		j       *journey.Journey
		reached bool
		want    Verdict
		by      Kind
	}{
		{"its end was not seen", gone, false, Unknown, ""},
		{"it was answered", gone, true, Accepted, Kernel},
		{"the kernel dropped it", killed, false, Dropped, Kernel},
		{"the kernel dropped this one", killed, true, Dropped, Kernel},
		{"queued", queued, false, Unknown, Rule},
		{"queued, and answered", queued, true, Accepted, Rule},
		{"queued, and dropped", full, false, Dropped, Rule},
	} {
		if truth := Of(c.j, c.reached); truth.Verdict != c.want || truth.By.Kind != c.by {
			t.Errorf("%s: %s by %q, want %s by %q", c.name, truth.Verdict, truth.By.Kind, c.want, c.by)
		}
	}
}

// TestAhead: a frame for another host's MAC address is gone before the first hook, and no
// hook saw it, whether the kernel told of its drop or nobody asked it to.
func TestAhead(t *testing.T) {
	other := &journey.Journey{Closed: true, Drop: &drop.Drop{Reason: "OTHERHOST", Station: drop.StationDeviceIn},
		Outcome: journey.Outcome{Verdict: journey.Dropped, By: journey.Culprit{Kind: "kernel", Reason: "OTHERHOST"}}}
	for name, j := range map[string]*journey.Journey{"watched": other, "not watched": nil} {
		truth := Of(j, false)
		if v, _ := truth.Fits(Answer{Verdict: Unseen}); !v || truth.Verdict != Unseen {
			t.Errorf("%s: %+v", name, truth)
		}
		if v, _ := truth.Fits(Answer{Verdict: Dropped}); v {
			t.Errorf("%s: a drop in a hook", name)
		}
	}
	if truth := Of(other, false); truth.By.Kind != Kernel || truth.Journey != other {
		t.Errorf("who dropped it: %+v", truth)
	}
	// What came to a hook was seen, and so was what the kernel drops behind one.
	routed, seen := *other, *other
	routed.Drop = &drop.Drop{Reason: "IP_RPFILTER", Station: drop.StationRouting}
	seen.Steps = packet(journey.Dropped, journey.KindPolicy, 0, model.VerdictDrop).Steps
	for _, j := range []*journey.Journey{&routed, &seen} {
		if truth := Of(j, false); truth.Verdict != Dropped {
			t.Errorf("%s: %+v", j.Drop.Reason, truth)
		}
	}
}

func TestAbout(t *testing.T) {
	rs := ruleset()
	truth := Of(packet(journey.Rejected, journey.KindRule, 3, model.VerdictReject), true)
	for p, want := range map[*Place]Why{&Places(rs, Accepted)[0]: Missed, &Places(rs, Rejected)[0]: Matched, &Places(rs, Accepted)[1]: Later, &Places(rs, Accepted)[2]: Elsewhere} {
		if why, _ := truth.About(p); why != want {
			t.Errorf("%s %d: %d, want %d", p.Chain, p.Rule, why, want)
		}
	}
	if near := truth.Near(2); len(near) != 1 || near[0].Rule != 1 {
		t.Errorf("near: %+v", near)
	}
}

// TestNear: a rule for another protocol is no near miss while there are others, however near it
// stands: its port is told of by nobody.
func TestNear(t *testing.T) {
	at := Place{Kind: Policy, Backend: model.BackendLegacy, Family: model.FamilyIPv4, Table: "filter", Chain: "INPUT"}
	missed := func(rule int, match string) journey.Step {
		return journey.Step{Kind: journey.KindMiss, Backend: at.Backend, Family: at.Family, Table: at.Table, Chain: at.Chain, Rule: rule, Because: []journey.Because{{Match: match, Result: "no"}}}
	}
	for _, c := range []struct {
		steps []journey.Step
		want  []int
	}{
		{[]journey.Step{missed(1, "state"), missed(2, "multiport dports"), missed(3, "tcp dport"), missed(4, "protocol"), missed(5, "protocol")}, []int{2, 3}},
		{[]journey.Step{missed(1, "protocol"), missed(2, "protocol"), missed(3, "protocol")}, []int{2, 3}},
		{[]journey.Step{missed(1, "protocol"), missed(2, "src")}, []int{2}},
		{nil, nil},
	} {
		truth := Truth{By: at, Journey: &journey.Journey{Steps: c.steps}}
		var got []int
		for _, s := range truth.Near(2) {
			got = append(got, s.Rule)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("near: %v, want %v", got, c.want)
		}
	}
}
