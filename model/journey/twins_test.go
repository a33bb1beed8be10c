package journey

import (
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
)

// TestEven: packets that are the same in all are whole where each had the same steps, and
// doubted where one had others.
func TestEven(t *testing.T) {
	const save = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp -j LOG\n-A INPUT -m statistic --mode random --probability 0.5 -j DROP\nCOMMIT\n"
	p := func() *model.Packet { return udp("10.0.0.9", 0) }
	id := func(e Event, id uint32) Event { e.ID = id; return e }
	in := func(kind EventKind, n int) Event { return line("filter", "INPUT", kind, n, model.HookInput, p()) }
	start := []Event{id(arming(p()), 1), id(arming(p()), 2)}
	end := []Event{id(probe(model.HookInput, p()), 1), id(probe(model.HookInput, p()), 2)}
	for _, c := range []struct {
		name   string
		events []Event
		whole  bool
	}{
		{"the same steps", slices.Concat(start, end, []Event{in(EventRule, 1), in(EventRule, 1), in(EventPolicy, 3), in(EventPolicy, 3)}), true},
		{"one has a step more", slices.Concat(start, end, []Event{in(EventRule, 1), in(EventPolicy, 3), in(EventPolicy, 3)}), false},
		{"the other's events came before it began", slices.Concat(start[:1], []Event{in(EventPolicy, 3)}, start[1:], []Event{in(EventRule, 1), in(EventPolicy, 3)}, end), false},
		{"one is dropped", slices.Concat(start, end[:1], []Event{in(EventRule, 1), in(EventRule, 1), in(EventRule, 2), in(EventPolicy, 3)}), false},
	} {
		_, list := folded(parsed(t, save), Options{Probes: true}, c.events...)
		if len(list) != 2 {
			t.Fatalf("%s: %d journeys", c.name, len(list))
		}
		for _, j := range list {
			assumed := slices.ContainsFunc(j.Assumptions, func(a string) bool { return strings.HasPrefix(a, "2 packets with the same headers") })
			if j.Complete != c.whole || assumed != c.whole || !c.whole && j.Why != twins {
				t.Errorf("%s: complete %v (%s), assumed %q", c.name, j.Complete, j.Why, j.Assumptions)
			}
		}
	}
}

// TestEvenWithoutProbes: where no chain of ours tells how far a packet came, it has all its events
// when the chains have told that it came to: those of its last hook, and none behind a drop.
func TestEvenWithoutProbes(t *testing.T) {
	const save = "*raw\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n*mangle\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp -j DROP\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"
	p := func() *model.Packet { return udp("10.0.0.9", 0) }
	raw := line("raw", "PREROUTING", EventPolicy, 1, model.HookPrerouting, p())
	in := func(table string, kind EventKind, n int) Event {
		return line(table, "INPUT", kind, n, model.HookInput, p())
	}
	passed, dropped, last := in("mangle", EventPolicy, 2), in("mangle", EventRule, 1), in("filter", EventPolicy, 1)
	for _, c := range []struct {
		name   string
		events []Event
		whole  bool
	}{
		{"delivered", []Event{raw, raw, passed, passed, last, last}, true},
		{"dropped", []Event{raw, raw, dropped, dropped}, true},
		{"of one the last chain told nothing", []Event{raw, raw, passed, passed, last}, false},
	} {
		_, list := folded(parsed(t, save), Options{}, c.events...)
		if len(list) != 2 {
			t.Fatalf("%s: %d journeys", c.name, len(list))
		}
		for _, j := range list {
			if j.Complete != c.whole || !c.whole && j.Why != twins {
				t.Errorf("%s: complete %v (%s)", c.name, j.Complete, j.Why)
			}
		}
	}
}

// TestNotTwins: packets that nothing was mixed up of are not doubted: those that one tracer alone
// tells of, which is in order; those of which something that no rule writes differs; those whose
// events have their packets' numbers.
func TestNotTwins(t *testing.T) {
	rules := rulesOf(legacyTable("raw", builtin("raw", "PREROUTING", "ACCEPT")), legacyTable("filter", builtin("filter", "INPUT", "ACCEPT")))
	p, low := udp("10.0.0.9", 0), udp("10.0.0.9", 0)
	low.TTL--
	raw, other := line("raw", "PREROUTING", EventPolicy, 1, model.HookPrerouting, p), line("filter", "INPUT", EventPolicy, 1, model.HookInput, udp("10.0.0.9", 7))
	first, one, two := between(arming(p), "r0", "", 1), raw, raw
	first.Turn, one.ID, one.Turn, one.Follow, two.ID, two.Turn, two.Follow = 1, 1, 1, 1, 2, 2, 2
	for name, events := range map[string][]Event{
		"one tracer":  {raw, raw},
		"hop limit":   {other, between(arming(p), "r0", "", 1), between(arming(low), "r0", "", 2)},
		"their names": {first, one, two},
	} {
		f := NewFold(Options{Probes: name != "one tracer"})
		f.SetRules(rules, time.Time{})
		for i := range events {
			f.Event(&events[i])
		}
		drawn := f.Journeys()
		f.Flush()
		for _, j := range append(drawn, f.Journeys()...) {
			if j.Why == twins || len(drawn) < 2 {
				t.Errorf("%s: #%d of %d: %s", name, j.Number, len(drawn), j.Why)
			}
		}
	}
}

// TestAlike: what no rule writes tells packets apart, and what one may write does not.
func TestAlike(t *testing.T) {
	const mangle = "*mangle\n:PREROUTING ACCEPT [0:0]\n%\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"
	a, b := udp("10.0.0.9", 0), udp("10.0.0.9", 0)
	b.TTL, b.TOS = 60, 8
	other := udp("10.0.0.9", 0)
	other.Content = 7
	id := func(e Event, id uint32) Event { e.ID = id; return e }
	for _, c := range []struct {
		name, rule string
		b          *model.Packet
		apart      bool
	}{
		{"hop limit and class", "-A PREROUTING -j MARK --set-xmark 0x1/0xffffffff", b, true},
		{"both are written", "-A PREROUTING -j TTL --ttl-set 60\n-A PREROUTING -j TOS --set-tos 0x08/0xff", b, false},
		{"content", "-A PREROUTING -j TTL --ttl-set 60", other, true},
		{"a helper may write into it", "-A PREROUTING -p udp -j CT --helper sip", other, false},
	} {
		_, list := folded(parsed(t, strings.Replace(mangle, "%", c.rule, 1)), Options{Probes: true}, id(arming(a), 1), id(arming(c.b), 2),
			line("filter", "INPUT", EventPolicy, 1, model.HookInput, c.b))
		if apart := len(list) == 2 && list[0].Why != twins && list[1].Why != twins && len(list[0].Steps) == 0 && len(list[1].Steps) == 1; apart != c.apart {
			t.Errorf("%s: apart %v, want %v: %q, %q", c.name, apart, c.apart, list[0].Why, list[1].Why)
		}
	}
	if got := altersBy(&model.Rule{Target: "MYSTERY"}); got != everything() {
		t.Errorf("a target that nobody knows writes %+v", got)
	}
}
