package speech

import (
	"testing"

	"nfscope/model"
	"nfscope/model/guess"
	"nfscope/model/journey"
)

// TestSaw: how often is counted in Chinese; a number in the name of who answered stays.
func TestSaw(t *testing.T) {
	t.Parallel()
	for result, zh := range map[string]string{
		"2 answered by app 1 on web, 12 timed out": "2 次已应答，来自 app 1 on web；12 次超时",
		"answered: you are 1 of 2":                 "已应答：you are 1 of 2",
	} {
		if got := In("zh").Saw(result); got != "发送方看到："+zh {
			t.Errorf("%s is %s", result, got)
		}
	}
}

// TestBypass: of a packet that passed a rule for a queue with bypass nobody knows whether a
// program let it by, or none was there; of one without bypass a program did.
func TestBypass(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"-A INPUT -j NFQUEUE --queue-num 99 --queue-bypass": {
			"Rule 3 of filter/INPUT is for a queue: what decides behind that let it through, or nobody reads it, and bypass did.",
			"filter/INPUT 的规则 3 要把它放进队列：队列另一头放行了它，或没有程序读那个队列，由 bypass 放行。"},
		"-A INPUT -j NFQUEUE --queue-num 99": {
			"It was queued by rule 3 of filter/INPUT, and let through by what decides behind the queue.",
			"filter/INPUT 的规则 3 把它放进队列，队列另一头放行了它。"},
	} {
		truth := &guess.Truth{Verdict: guess.Accepted, Asked: true, By: guess.Place{Kind: guess.Rule, Backend: model.BackendLegacy, Family: model.FamilyIPv4, Table: "filter", Chain: "INPUT", Rule: 3, Text: text}}
		for i, lang := range []string{"en", "zh"} {
			if got := In(lang).Truth(truth, 1); got != want[i] {
				t.Errorf("%s: %q, want %q", text, got, want[i])
			}
		}
	}
}

// TestFirstOfMany: packets of one step may fare differently, so that question and answer say
// that they are about the first. Where none was traced it is about all.
func TestFirstOfMany(t *testing.T) {
	t.Parallel()
	truth := &guess.Truth{Verdict: guess.Dropped, Journey: &journey.Journey{},
		By: guess.Place{Kind: guess.Rule, Backend: model.BackendLegacy, Family: model.FamilyIPv4, Table: "filter", Chain: "INPUT", Rule: 4}}
	untold := &guess.Truth{Verdict: guess.Accepted}
	for lang, want := range map[string][5]string{
		"en": {"What will happen to it?", "It was dropped by rule 4 of filter/INPUT.", "What will happen to the first of them?", "The first one: it was dropped by rule 4 of filter/INPUT.",
			"It got through, since it was answered; its way was not traced."},
		"zh": {"它会怎样？", "它被 filter/INPUT 的规则 4 丢弃。", "其中第一个会怎样？", "其中第一个：它被 filter/INPUT 的规则 4 丢弃。",
			"它通过了，因为有应答；它的路径没有被跟踪。"},
	} {
		s := In(lang)
		if got := [5]string{s.What(1), s.Truth(truth, 1), s.What(6), s.Truth(truth, 6), s.Truth(untold, 300)}; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
