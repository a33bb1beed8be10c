package journey

import (
	"slices"
	"testing"
	"time"

	"nfscope/model"
)

// TestCopiesAre: a copy that a rule made leaves by the output hook with the ends that the
// packet had on its way; whatever else looks like it is none, in whatever order the two
// tracers tell.
func TestCopiesAre(t *testing.T) {
	p := udp("10.1.0.1", 5)
	elsewhere := *p
	elsewhere.Dst = udp("10.3.0.1", 5).Dst
	from, port := *p, *p
	from.Src, port.DPort = p.Src.Next(), p.DPort+1
	elsePort, nat := *p, *p
	elsePort.SPort = p.SPort + 1
	nat.Dst = p.Dst.Next()
	rule := model.Rule{Target: "TEE", Text: "-p udp -j TEE --gateway 10.2.0.2"}
	tee := legacyTable("mangle", builtin("mangle", "PREROUTING", "ACCEPT", rule, rule, target("LOG")), builtin("mangle", "FORWARD", "ACCEPT", rule), builtin("mangle", "OUTPUT", "ACCEPT", rule))
	dup := nftTable("fw", chainOf("pre", model.HookPrerouting, -150, "accept", model.Rule{Text: "udp dport 53 dup to 10.2.0.2"}), chainOf("o", model.HookOutput, 0, "accept", model.Rule{Text: "udp dport 53 dup to 10.2.0.2"}))
	in := func(id uint32) Event { return between(arming(p), "r0", "", id) }
	out := func(p *model.Packet, id uint32) Event { return between(arming(p), "", "r1", id) }
	hit := func() Event { return line("mangle", "PREROUTING", EventRule, 1, model.HookPrerouting, p) }
	second, logs := hit(), hit()
	second.Num, logs.Num = 2, 3
	made := func() Event { return line("mangle", "OUTPUT", EventRule, 1, model.HookOutput, p) }
	sends := func(id uint32) Event {
		return between(message("o", EventRule, 10, model.VerdictContinue, p), "", "r1", id)
	}
	dups := message("pre", EventRule, 10, model.VerdictContinue, nil)
	dups.ID = 1
	sent := between(probe(model.HookPostrouting, p), "", "r1", 8)
	for _, c := range []struct {
		name   string
		table  *model.Table
		events []Event
		copies []int // CopyOf of each journey
	}{
		{"TEE", tee, []Event{in(1), hit(), out(p, 2)}, []int{0, 1}},
		{"TEE, told late", tee, []Event{in(1), out(p, 2), hit()}, []int{0, 1}},
		{"TEE of two that look the same", tee, []Event{in(1), in(2), hit(), out(p, 3), hit()}, []int{0, 0, 1}},
		{"TEE of two that look the same, each", tee, []Event{in(1), in(2), hit(), hit(), out(p, 3), out(p, 4)}, []int{0, 0, 1, 2}},
		{"TEE of two that look the same, told late", tee, []Event{in(1), in(2), out(p, 3), out(p, 4), hit(), hit()}, []int{0, 0, 1, 2}},
		{"TEE of one after the other", tee, []Event{in(1), hit(), out(p, 2), in(3), hit(), out(p, 4)}, []int{0, 1, 0, 3}},
		{"TEE twice", tee, []Event{in(1), hit(), second, out(p, 2), out(p, 3)}, []int{0, 1, 1}},
		{"TEE behind translation", tee, []Event{in(1), line("mangle", "FORWARD", EventRule, 1, model.HookForward, &nat), out(&nat, 2)}, []int{0, 1}},
		{"TEE of what is made here", tee, []Event{out(p, 1), made(), out(p, 2), made()}, []int{0, 1}},
		{"TEE of what is made here, and the next", tee, []Event{out(p, 1), made(), out(p, 2), made(), out(p, 3)}, []int{0, 1, 0}},
		{"dup of what is made here", dup, []Event{out(p, 1), out(p, 2), sends(2), sends(1)}, []int{0, 1}},
		{"dup of what is made here, and the next", dup, []Event{out(p, 1), out(p, 2), sends(2), sends(1), out(p, 3)}, []int{0, 1, 0}},
		{"a rule that copies nothing", tee, []Event{in(1), logs, out(p, 2)}, []int{0, 0}},
		{"from another port", tee, []Event{in(1), hit(), out(&elsePort, 2)}, []int{0, 0}},
		{"dup", dup, []Event{in(1), headed(dups, p), out(p, 2)}, []int{0, 1}},
		{"to another", tee, []Event{in(1), hit(), out(&elsewhere, 2)}, []int{0, 0}},
		{"to another, told late", tee, []Event{in(1), out(&elsewhere, 2), hit()}, []int{0, 0}},
		{"from another", tee, []Event{in(1), hit(), out(&from, 2)}, []int{0, 0}},
		{"to another port", tee, []Event{in(1), hit(), out(&port, 2)}, []int{0, 0}},
		{"what was sent before it came", tee, []Event{out(p, 2), in(1), hit()}, []int{0, 0}},
		{"its output was not seen", tee, []Event{in(1), hit(), sent}, []int{0, 0}},
		{"its output was not seen, told late", tee, []Event{in(1), sent, hit()}, []int{0, 0}},
		{"dup, the headers of which were lost", dup, []Event{in(1), dups, out(p, 2)}, []int{0, 1}},
		{"no rule copied it", tee, []Event{in(1), out(p, 2)}, []int{0, 0}},
		{"another that came in", tee, []Event{in(1), between(arming(p), "r2", "", 2), hit()}, []int{0, 0}},
	} {
		_, list := folded(rulesOf(c.table), Options{Probes: true}, c.events...)
		var got []int
		for _, j := range list {
			got = append(got, j.CopyOf)
		}
		if !slices.Equal(got, c.copies) {
			t.Errorf("%s: copies of %v, want %v", c.name, got, c.copies)
		}
	}
}

// TestCopyDrawnBefore: a copy that was drawn before the rule was told that made it says of what.
func TestCopyDrawnBefore(t *testing.T) {
	p := udp("10.1.0.1", 5)
	f := NewFold(Options{Probes: true})
	f.SetRules(rulesOf(legacyTable("mangle", builtin("mangle", "PREROUTING", "ACCEPT", model.Rule{Target: "TEE", Text: "-j TEE --gateway 10.2.0.2"}))), time.Time{})
	for _, e := range []Event{between(arming(p), "r0", "", 1), between(arming(p), "", "r1", 2), line("mangle", "PREROUTING", EventRule, 1, model.HookPrerouting, p)} {
		f.Event(&e)
		f.Journeys()
	}
	if list := f.Journeys(); len(list) != 2 || list[1].CopyOf != 1 {
		t.Errorf("%d journeys, the last a copy of %d", len(list), list[len(list)-1].CopyOf)
	}
}

// headed gives an event headers.
func headed(e Event, p *model.Packet) Event {
	e.Packet = p
	return e
}
