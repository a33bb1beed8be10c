package labs

import (
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/guess"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// lostIn is a lab of which the first step's packet was dropped by the kernel.
func lostIn(lang string, current int) *page.Frame {
	s := uitest.Lab(lang, current)
	if current > 0 {
		j := *s.Journeys[0]
		j.Steps = j.Steps[:1]
		j.Outcome = journey.Outcome{Verdict: journey.Dropped, By: journey.Culprit{Kind: "kernel", Reason: "IP_RPFILTER"}}
		j.Drop = &drop.Drop{Source: drop.StepBPF, Reason: "IP_RPFILTER", Place: "ip_rcv_finish_core", Station: drop.StationRouting, In: "eth0", Packet: j.Packet, Count: 1,
			Facts: &drop.Facts{Sysctls: []drop.Sysctl{{Name: "net.ipv4.conf.all.rp_filter", Value: "1"}}, Back: &drop.Route{Dev: "eth1", Text: "198.51.100.7 dev eth1"}}}
		s.Journeys = []*journey.Journey{&j}
		s.Lab.Steps[0].Result = "timed out"
	}
	return frame(s, theme.Options{}, 120, 35)
}

// Behind a drop of the kernel's stands what nfscope itself says of it, in the language of
// the lesson.
func TestDropSentence(t *testing.T) {
	t.Parallel()
	for lang, want := range map[string][]string{
		"en": {"No rule dropped it: the kernel did.", "The kernel says: IP_RPFILTER, at routing (ip_rcv_finish_core):", "reverse path filter, strict:", "net.ipv4.conf.all.rp_filter is 1;", "came by eth0.", "the sender saw: timed out"},
		"zh": {"没有规则丢弃它：是内核丢的。", "内核的说法：IP_RPFILTER", "反向路径过滤（严格）", "rp_filter 为 1；", "发送方看到：超时"},
	} {
		p := New(Options{Pace: &pace{held: true}})
		f := lostIn(lang, 0)
		do(p, f, keys.GoOn, keys.Bottom, keys.GoOn)
		f.Snap = lostIn(lang, 1).Snap
		run(t, p, f)
		flat := ""
		for l := range strings.Lines(text(p, f)) { // the lesson's column, joined
			l, _, _ = strings.Cut(l, "│")
			flat += strings.TrimRight(l, " ")
		}
		for _, x := range want {
			if !strings.Contains(strings.ReplaceAll(flat, " ", ""), strings.ReplaceAll(x, " ", "")) {
				t.Errorf("%s: %q is not on the screen:\n%s", lang, x, text(p, f))
			}
		}
	}
}

// A packet that the kernel threw away ahead of the hooks was not seen, and why is told all
// the same: its journey has no step, only the drop.
func TestAhead(t *testing.T) {
	t.Parallel()
	ahead := func(current int) *snapshot.Snapshot {
		s := lostIn("en", current).Snap
		if current > 0 {
			j := s.Journeys[0]
			j.Steps, j.Outcome.By.Reason = nil, "OTHERHOST"
			j.Drop = &drop.Drop{Source: drop.StepBPF, Reason: "OTHERHOST", Place: "ip_rcv_core", Station: drop.StationDeviceIn, In: "eth0", Packet: j.Packet, Count: 1}
		}
		return s
	}
	p := New(Options{Pace: &pace{held: true}})
	f := frame(ahead(0), theme.Options{}, 200, 55)
	do(p, f, keys.GoOn, keys.Bottom, keys.Up, keys.GoOn)
	f.Snap = ahead(1)
	run(t, p, f)
	wants(t, p, f, "✓ Right. You said: unseen", "No hook of netfilter ever saw it.", "The kernel says: OTHERHOST")
}

// What the kernel says of the step's flow is told, though no journey has it; but not what
// it does on every healthy host, as with the rest of a closed connection.
func TestUsualDrop(t *testing.T) {
	t.Parallel()
	for reason, told := range map[string]bool{"NO_SOCKET": true, "QUEUE_PURGE": false} {
		p := New(Options{Pace: &pace{held: true}})
		f := frame(uitest.Lab("en", 0), theme.Options{}, 120, 35)
		do(p, f, keys.GoOn, keys.Bottom, keys.GoOn)
		f.Snap = uitest.Lab("en", 1)
		j := f.Snap.Journeys[0]
		d := &drop.Drop{Source: drop.StepBPF, Reason: reason, Station: drop.StationSocket, Packet: j.Packet, Time: j.Start, Count: 1}
		f.Snap.Drops.Rows = []*drop.Row{{Last: d, Count: 1}}
		run(t, p, f)
		if got := text(p, f); strings.Contains(got, "The kernel says: "+reason) != told {
			t.Errorf("%s: told %t\n%s", reason, !told, got)
		}
	}
}

// A drop that is told when the step was told already still becomes its end.
func TestDropToldLate(t *testing.T) {
	t.Parallel()
	p := New(Options{Pace: &pace{held: true}})
	f := lostIn("en", 0)
	do(p, f, keys.GoOn, keys.Bottom, keys.GoOn)
	f.Snap = lostIn("en", 1).Snap
	j := *f.Snap.Journeys[0]
	j.Drop, j.Outcome = nil, journey.Outcome{Verdict: journey.Unknown}
	whole := f.Snap.Journeys
	f.Snap.Journeys = []*journey.Journey{&j}
	run(t, p, f)
	if strings.Contains(text(p, f), "IP_RPFILTER") {
		t.Fatal("it is known too early")
	}
	f.Snap.Journeys = whole
	wants(t, p, f, "The kernel says: IP_RPFILTER")
}

// Packets that were answered and not traced (the lab's filter leaves them out) got through:
// that is no "unseen". One that is read late still decides whether the answer was right.
func TestNotTraced(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		result, want string
		verdict      int // of accepted, dropped, rejected, unseen
	}{
		{"2 answered by a, 1 answered by b", "✓ Right. You said: accepted", 0},
		{"2 answered by a, 1 answered by b", "✕ Not so. You said: unseen", 3},
		{"timed out", "✓ Right. You said: unseen", 3},
		{"refused", "No hook of netfilter ever saw it.", 0}, // by whom is not known
	} {
		p := New(Options{Pace: &pace{held: true}})
		f := frame(uitest.Lab("en", 0), theme.Options{}, 200, 55)
		do(p, f, keys.GoOn)
		for range c.verdict {
			do(p, f, keys.Down)
		}
		do(p, f, keys.GoOn)
		if c.verdict == 0 { // I cannot say which
			do(p, f, keys.Bottom, keys.GoOn)
		}
		f.Snap = uitest.Lab("en", 1)
		late := f.Snap.Journeys
		f.Snap.Journeys, f.Snap.Lab.Steps[0].Result = nil, c.result
		do(p, f, keys.GoOn) // a fast hand
		wants(t, p, f, c.want)
		if through := "It got through, since it was answered; its way was not traced."; c.result != "timed out" && c.result != "refused" {
			wants(t, p, f, through, "✓ gateway")
		} else if strings.Contains(text(p, f), through) {
			t.Errorf("%s: %s", c.result, text(p, f))
		}
		if right, of := p.marks(); of != 1 || right == 1 != strings.Contains(c.want, "Right") {
			t.Errorf("%+v: %d of %d are right", c, right, of)
		}
		f.Snap.Journeys = late
		p.View(f)
		if right, _ := p.marks(); right == 1 != (c.verdict == 0) {
			t.Errorf("%+v: read late, it is told as %+v", c, p.told[0].truth)
		}
	}
}

// In Chinese a sentence begins with a chain's own name, and has no spaces between Chinese.
func TestChineseSentences(t *testing.T) {
	t.Parallel()
	p := New(Options{Pace: &pace{held: true}})
	f := frame(uitest.Lab("zh", 1), theme.Options{}, 200, 55)
	do(p, f, keys.GoOn, keys.GoOn, keys.Bottom, keys.GoOn) // the second step
	p.begin(f.Snap.Lab, 1)
	do(p, f, keys.Bottom, keys.GoOn)
	f.Snap = uitest.Lab("zh", 2)
	run(t, p, f)
	screen := text(p, f)
	for _, bad := range []string{"Filter/", "Nat/", "策略 丢", "策略 决"} {
		if strings.Contains(screen, bad) {
			t.Errorf("%q is on the screen:\n%s", bad, screen)
		}
	}
	wants(t, p, f, "它被 filter/FORWARD 的策略丢弃。", "发送方看到：超时")
}

// A drawing that is wider than the lesson's column is not broken up; commands go on.
func TestDrawings(t *testing.T) {
	t.Parallel()
	const lesson = "Before\n\n    client --+\n             +-- router --+ server\n\n    table     PREROUTING   INPUT   OUTPUT\n    raw       x            -       x\n\n    iptables -A INPUT -p tcp     --dport 80 -j ACCEPT\n\nbehind\n"
	if got := fitting(lesson, 60, "(drawn)"); got != lesson {
		t.Errorf("where there is room:\n%s", got)
	}
	got := fitting(lesson, 25, "(drawn)")
	if strings.Contains(got, "--+") || strings.Contains(got, "raw ") || strings.Count(got, "(drawn)") != 1 || !strings.Contains(got, "    iptables -A INPUT") || !strings.Contains(got, "behind") {
		t.Errorf("where there is none:\n%s", got)
	}
}

// A tall page has what became of the steps before in sight, and wastes no room above it.
func TestSoFar(t *testing.T) {
	t.Parallel()
	p := New(Options{Pace: &pace{held: true}})
	f := frame(uitest.Lab("en", 0), theme.Options{}, 200, 55)
	f.Snap.Rules = &model.Ruleset{Tables: f.Snap.Rules.Tables[:1]}
	do(p, f, keys.GoOn)
	if strings.Contains(text(p, f), "so far") {
		t.Error("nothing is told yet")
	}
	for step := range 2 {
		do(p, f, keys.Bottom, keys.GoOn)
		f.Snap = uitest.Lab("en", step+1)
		f.Snap.Rules = &model.Ruleset{Tables: f.Snap.Rules.Tables[:1]}
		run(t, p, f)
		do(p, f, keys.GoOn)
	}
	wants(t, p, f, "so far", "✓ 1 the client opens the public port", "✕ 2 a packet to port 9000", "It was dropped by the policy of filter/FORWARD.")
	f.Snap = uitest.Lab("en", 0)
	f.Snap.Lab.Round = 1
	f.Snap.Rules = &model.Ruleset{}
	if strings.Contains(text(p, f), "so far") {
		t.Error("a new round begins with what was told")
	}
}

// Of a network that does not fit, the host with the packet is in sight.
func TestPictureFollows(t *testing.T) {
	t.Parallel()
	p := New(Options{Pace: &pace{held: true}})
	f := frame(uitest.Lab("en", 1), theme.Options{}, 80, 14)
	wants(t, p, f, "client")
	p.begin(f.Snap.Lab, 1)
	wants(t, p, f, "● pc")
	f.Snap = uitest.Lab("en", 0)
	p.begin(f.Snap.Lab, 0)
	wants(t, p, f, "● client")
}

// TestSendsNothingKnown: a step that does not say what it sends has no line about it.
func TestSendsNothingKnown(t *testing.T) {
	t.Parallel()
	for _, do := range []string{"tcp", ""} {
		f := lostIn("en", 0)
		l := *f.Snap.Lab
		l.Steps = append(l.Steps[:0:0], l.Steps...)
		l.Steps[0].Do = do
		lines := New(Options{}).head(f, &l, 100)
		if got := strings.Contains(strings.Join(lines, "\n"), "sends:"); got != (do != "") {
			t.Errorf("a step that does %q: %q", do, lines)
		}
	}
}

// What a step teaches is drawn without the marks of code.
func TestSaysPlain(t *testing.T) {
	t.Parallel()
	p := New(Options{Pace: &pace{held: true}})
	f := frame(uitest.Lab("en", 0), theme.Options{}, 120, 40)
	do(p, f, keys.GoOn, keys.Bottom, keys.GoOn)
	f.Snap = uitest.Lab("en", 1)
	f.Snap.Lab.Steps[0].Says = "See `ip route` there."
	run(t, p, f)
	wants(t, p, f, "See ip route there.")
}

// A packet whose end was not seen is not told as dropped: it is marked as not known, and no
// answer about it is right or wrong.
func TestEndNotKnown(t *testing.T) {
	t.Parallel()
	const unmarked, marked = "? Neither right nor wrong: nobody knows. You said: ", "? 不算对，也不算错：结局不得而知。你的回答："
	for _, c := range []struct {
		lang, outcome string
		answer        int // of accepted, dropped, ...
		want          []string
	}{
		{"en", journey.Unknown, 0, []string{unmarked + "accepted", "? What became of it is not known: its end was not seen."}},
		{"en", journey.Unknown, 1, []string{unmarked + "dropped", "? What became of it is not known: its end was not seen."}},
		{"en", journey.Queued, 1, []string{unmarked + "dropped", "? It was queued by rule 7 of filter/FORWARD; what became of it behind the ", "queue is not known."}},
		{"zh", journey.Unknown, 1, []string{marked + "dropped", "? 它怎样了，不得而知：没有看到它的结局。"}},
		{"zh", journey.Queued, 0, []string{marked + "accepted", "? filter/FORWARD 的规则 7 把它放进队列；它在队列另一头怎样了，不得而知。"}},
	} {
		p := New(Options{Pace: &pace{held: true}})
		f := frame(uitest.Lab(c.lang, 0), theme.Options{}, 200, 55)
		do(p, f, keys.GoOn)
		for range c.answer {
			do(p, f, keys.Down)
		}
		do(p, f, keys.GoOn, keys.GoOn) // the first rule
		f.Snap = uitest.Lab(c.lang, 1)
		j := *f.Snap.Journeys[0]
		j.Drop, j.Outcome = nil, journey.Outcome{Verdict: c.outcome}
		if c.outcome == journey.Queued {
			j.Outcome.By = journey.Culprit{Kind: "rule", Backend: model.BackendLegacy, Family: model.FamilyIPv4, Table: "filter", Chain: "FORWARD", Rule: 7}
		}
		f.Snap.Journeys, f.Snap.Lab.Steps[0].Result = []*journey.Journey{&j}, "timed out"
		run(t, p, f)
		wants(t, p, f, c.want...)
		screen := text(p, f)
		for _, bad := range []string{"Right.", "Not so.", "dropped it", "It was dropped", "It did meet", "It never came", "没有到过", "没有走到", "答对了", "不对。", "没有规则丢弃它", "它确实"} {
			if strings.Contains(screen, bad) {
				t.Errorf("%+v: %q is on the screen:\n%s", c, bad, screen)
			}
		}
		if right, of := p.marks(); right != 0 || of != 0 {
			t.Errorf("%+v: %d of %d answers are right", c, right, of)
		}
	}
}

// The right verdict by the wrong rule is half an answer, and no right one.
func TestHalfRight(t *testing.T) {
	t.Parallel()
	for lang, want := range map[string][]string{
		"en": {"✕ Half right: the verdict, but not who gave it. You said: accepted, by ", "It was accepted by the policy of nat/POSTROUTING."},
		"zh": {"✕ 对了一半：结果对，决定的规则不对。你的回答：accepted，由 ", "它被 nat/POSTROUTING 的策略放行。"},
	} {
		p := New(Options{Pace: &pace{held: true}})
		f := frame(uitest.Lab(lang, 0), theme.Options{}, 200, 55)
		do(p, f, keys.GoOn, keys.GoOn) // accepted
		for !strings.Contains(text(p, f), "◆ filter/FORWARD 2") {
			do(p, f, keys.Down)
		}
		do(p, f, keys.GoOn)
		f.Snap = uitest.Lab(lang, 1)
		run(t, p, f)
		wants(t, p, f, want...)
		if right, of := p.marks(); right != 0 || of != 1 {
			t.Errorf("%d of %d answers are right", right, of)
		}
	}
}

// Who goes back from the rules has said nothing yet.
func TestTakenBack(t *testing.T) {
	t.Parallel()
	p := New(Options{Pace: &pace{held: true}})
	f := frame(uitest.Lab("en", 0), theme.Options{}, 200, 55)
	do(p, f, keys.GoOn, keys.GoOn, keys.Back, keys.Bottom, keys.GoOn) // just show me
	wants(t, p, f, "Who answers?", "sent ...")
	if strings.Contains(text(p, f), "You said") {
		t.Errorf("an answer was taken back:\n%s", text(p, f))
	}
}

// Behind the verdict stands why the rules before it did not match.
func TestNearMisses(t *testing.T) {
	t.Parallel()
	for lang, want := range map[string][2]string{"en": {"Rule 1 of nat/POSTROUTING did not match.", "did not match: mark 0 is not 7."}, "zh": {"nat/POSTROUTING 的规则 1 不匹配。", "不匹配：mark 0 不是 7。"}} {
		p := New(Options{Pace: &pace{held: true}})
		f := frame(uitest.Lab(lang, 0), theme.Options{}, 200, 55)
		do(p, f, keys.GoOn, keys.Bottom, keys.GoOn)
		f.Snap = uitest.Lab(lang, 1)
		j := *f.Snap.Journeys[0]
		end := j.Steps[len(j.Steps)-1] // the policy that had the last word
		missed := end
		missed.Kind, missed.Rule = journey.KindMiss, 1
		j.Steps = append(slices.Clone(j.Steps[:len(j.Steps)-1]), missed, end)
		f.Snap.Journeys[0] = &j
		run(t, p, f)
		wants(t, p, f, want[0])
		j.Steps[len(j.Steps)-2].Because = []journey.Because{{Match: "mark", Want: "7", Have: "0", Result: "no"}}
		wants(t, p, f, want[1])
		// A rule that was named in vain is told of where the question was.
		p.answer = guess.Answer{Verdict: guess.Dropped, Where: &guess.Place{Kind: guess.Rule, Backend: end.Backend, Family: end.Family, Table: end.Table, Chain: end.Chain, Rule: 1}}
		wants(t, p, f, want[1])
		if n := strings.Count(text(p, f), want[1]); n != 1 {
			t.Errorf("%s: told %d times:\n%s", lang, n, text(p, f))
		}
	}
}

// The line above the page tells lab and step, in ASCII where nothing else can be drawn.
func TestSays(t *testing.T) {
	t.Parallel()
	for ascii, want := range map[bool]string{false: "One gateway: DNAT in, and who may leave · Step 1 of 3", true: "One gateway: DNAT in, and who may leave - Step 1 of 3"} {
		p := New(Options{Pace: &pace{held: true}})
		f := frame(uitest.Lab("en", 0), theme.Options{ASCII: ascii}, 120, 40)
		if got := p.Says(f); got != "One gateway: DNAT in, and who may leave" {
			t.Errorf("before it begins: %q", got)
		}
		do(p, f, keys.GoOn)
		if got := p.Says(f); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A packet that meets no rule says so in place of its way, with what conntrack knows of it.
func TestNoRuleAsked(t *testing.T) {
	t.Parallel()
	for lang, want := range map[string]string{"en": "no rule is asked; conntrack: ESTABLISHED", "zh": "不问任何规则；conntrack：ESTABLISHED"} {
		p := New(Options{Pace: &pace{held: true}})
		f := frame(uitest.Lab(lang, 0), theme.Options{}, 120, 40)
		do(p, f, keys.GoOn, keys.Bottom, keys.GoOn)
		f.Snap = uitest.Lab(lang, 1)
		j := *f.Snap.Journeys[0]
		j.Steps, j.CTState = nil, "ESTABLISHED"
		f.Snap.Journeys[0] = &j
		run(t, p, f)
		wants(t, p, f, want)
	}
}

// Where no lab is there and none can be chosen, no key for steps is named.
func TestHintsWithoutLab(t *testing.T) {
	t.Parallel()
	p := New(Options{})
	f := frame(&snapshot.Snapshot{}, theme.Options{}, 80, 24)
	if wants(t, p, f, "No lab is running"); slices.Contains(p.Hints(), keys.GoOn) {
		t.Errorf("without a lab: %v", p.Hints())
	}
	if text(p, frame(uitest.Lab("en", 0), theme.Options{}, 80, 24)); !slices.Contains(p.Hints(), keys.GoOn) {
		t.Errorf("with a lab: %v", p.Hints())
	}
}
