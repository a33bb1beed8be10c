package journey

import (
	"slices"
	"testing"
	"time"

	"nfscope/model"
)

// TestStampsTellApart: a receive stamp that was seen twice is the packet's own, and what has
// another is the event of one that has none yet. One that was seen once says nothing.
func TestStampsTellApart(t *testing.T) {
	const save = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp\n-A INPUT -p udp\n-A INPUT -p udp\nCOMMIT\n"
	p := udp("10.0.0.9", 0)
	id := func(id uint32) Event { return between(arming(p), "r0", "", id) }
	rule := func(n, us int) Event {
		e := line("filter", "INPUT", EventRule, n, model.HookInput, p)
		e.Stamp = began.Add(time.Duration(us) * time.Microsecond)
		return e
	}
	for _, c := range []struct {
		name   string
		events []Event
		steps  [][]string
	}{
		{"its own", []Event{rule(1, 1), rule(2, 1), rule(3, 2)}, [][]string{{"L filter/INPUT 1 continue", "L filter/INPUT 2 continue"}, {"L filter/INPUT 3 continue"}}},
		{"stamped anew", []Event{rule(1, 1), rule(2, 2)}, [][]string{{"L filter/INPUT 1 continue", "L filter/INPUT 2 continue"}, nil}},
	} {
		_, list := folded(parsed(t, save), Options{Probes: true}, append([]Event{id(1), id(2)}, c.events...)...)
		for i, want := range c.steps {
			if len(list) != len(c.steps) || !slices.Equal(rungs(list[i]), want) || list[i].Why != twins {
				t.Errorf("%s: journey %d of %d: %q, want %q; %s", c.name, i+1, len(list), rungs(list[i]), want, list[i].Why)
			}
		}
	}
}

// TestDueAfterLoss: of a packet that events were lost of an event may be the next though one
// before it never came: another packet must not have it for certain.
func TestDueAfterLoss(t *testing.T) {
	const save = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp\nCOMMIT\n*mangle\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp\nCOMMIT\n"
	p := udp("10.0.0.9", 0)
	ev := func(table, chain string, kind EventKind, n int, h model.Hook, us int) Event {
		e := line(table, chain, kind, n, h, p)
		e.Stamp = began.Add(time.Duration(us) * time.Microsecond)
		return e
	}
	raw := func(us int) []Event {
		return []Event{ev("raw", "PREROUTING", EventRule, 1, model.HookPrerouting, us), ev("raw", "PREROUTING", EventPolicy, 2, model.HookPrerouting, us)}
	}
	events := slices.Concat([]Event{between(arming(p), "r0", "", 1)}, raw(1), []Event{{Source: SourceGap, Lost: 1, Time: began}, between(arming(p), "r0", "", 2)}, raw(2), []Event{
		ev("mangle", "PREROUTING", EventPolicy, 1, model.HookPrerouting, 2),
		ev("filter", "INPUT", EventRule, 1, model.HookInput, 1),
		ev("filter", "INPUT", EventPolicy, 2, model.HookInput, 2)})
	_, list := folded(parsed(t, save), Options{Probes: true}, events...)
	want := []string{"L raw/PREROUTING 1 continue", "L raw/PREROUTING policy accept", "L filter/INPUT 1 continue"}
	if len(list) != 2 || !slices.Equal(rungs(list[0]), want) || list[0].Complete {
		t.Errorf("%d journeys, the first %q, complete %v", len(list), rungs(list[0]), list[0].Complete)
	}
}

// TestBehindTheEnd: what stands behind the rule that ended a packet's way is another packet's,
// of each tracer.
func TestBehindTheEnd(t *testing.T) {
	const save = "*mangle\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp -j DROP\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"
	p := udp("10.0.0.9", 1)
	_, list := folded(parsed(t, save), Options{}, line("mangle", "INPUT", EventRule, 1, model.HookInput, p), line("filter", "INPUT", EventPolicy, 1, model.HookInput, p))
	if len(list) != 2 || list[0].Outcome.Verdict != Dropped || len(list[1].Steps) != 1 {
		t.Errorf("%d journeys, the first %q", len(list), rungs(list[0]))
	}
	fw := rulesOf(nftTable("fw", chainOf("pre", model.HookPrerouting, 0, "drop")), legacyTable("filter", builtin("filter", "INPUT", "ACCEPT")))
	_, list = folded(fw, Options{Probes: true}, arming(p), message("pre", EventPolicy, 0, model.VerdictDrop, p), line("filter", "INPUT", EventPolicy, 1, model.HookInput, p))
	if len(list) != 2 || list[0].Outcome.Verdict != Dropped || !list[0].Complete {
		t.Errorf("%d journeys, the first %q, complete %v", len(list), rungs(list[0]), list[0].Complete)
	}
}

// TestKin: between two places a packet's ends may differ only by what is translated there.
func TestKin(t *testing.T) {
	pre, fwd, in, out := place{model.HookPrerouting, -350}, place{model.HookForward, 0}, place{model.HookInput, 0}, place{model.HookPostrouting, probePriority}
	post, late := place{model.HookPostrouting, 0}, place{model.HookPrerouting, -50}
	made, sent, egress := place{model.HookOutput, -350}, place{model.HookOutput, -50}, place{model.HookEgress, 0}
	was := udp("10.1.0.1", 5)
	change := func(with func(*model.Packet)) *model.Packet {
		q := *was
		with(&q)
		return &q
	}
	src, dst := change(func(q *model.Packet) { q.Src = q.Src.Next() }), change(func(q *model.Packet) { q.Dst = q.Dst.Next() })
	sport, dport := change(func(q *model.Packet) { q.SPort++ }), change(func(q *model.Packet) { q.DPort++ })
	for _, c := range []struct {
		name   string
		q      *model.Packet
		at, to place
		kin    bool
	}{
		{"the same", was, pre, out, true},
		{"destination, by prerouting", dst, pre, fwd, true},
		{"destination's port, within prerouting", dport, pre, late, true},
		{"destination, where nothing translates it", dst, late, fwd, false},
		{"destination, behind forward", dst, fwd, out, false},
		{"destination's port, behind forward", dport, fwd, out, false},
		{"destination, by output", dst, made, sent, true},
		{"destination, behind output", dst, sent, post, false},
		{"source, behind postrouting", src, out, egress, false},
		{"its ports were not seen", change(func(q *model.Packet) { q.Transport, q.SPort, q.DPort = false, 0, 0 }), pre, pre, true},
		{"the length", change(func(q *model.Packet) { q.Length++ }), pre, out, false},
		{"source, by postrouting", src, fwd, out, true},
		{"source's port, by postrouting", sport, in, out, true},
		{"source, before postrouting translates it", src, fwd, post, false},
		{"source, by prerouting", src, pre, fwd, false},
		{"source's port, by prerouting", sport, pre, in, false},
		{"both, over all", change(func(q *model.Packet) { q.Src, q.Dst = q.Src.Next(), q.Dst.Next() }), pre, out, true},
	} {
		if got := kin(was, c.at, c.q, c.to); got != c.kin {
			t.Errorf("%s: kin %v", c.name, got)
		}
		if got := kin(c.q, c.to, was, c.at); got != c.kin {
			t.Errorf("%s, the other way round: kin %v", c.name, got)
		}
	}
	ping := &model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoICMP, Transport: true, ICMPType: 8, ICMPID: 7, Src: was.Src, Dst: was.Dst}
	other := *ping
	other.ICMPID = 8
	if kin(ping, pre, &other, pre) || !kin(ping, fwd, &other, out) {
		t.Error("an echo's id is its own until its source is translated")
	}
	early, later := udp("10.1.0.1", 5), udp("10.1.0.1", 6)
	if early.FragOffset, later.FragOffset = 1480, 1480; keyOf(early) == keyOf(later) {
		t.Error("fragments of two datagrams are not told apart")
	}
	first := func(ports uint16) *model.Packet {
		q := frag("fd01::a", 5, 0)
		q.Transport, q.SPort, q.DPort = true, ports, ports
		return q
	}
	if !kin(first(53), pre, first(0), fwd) {
		t.Error("behind an extension header the tracers see other ports")
	}
	label := frag("fd01::a", 5, 1448)
	label.FlowLabel++
	if kin(frag("fd01::a", 5, 1448), pre, label, fwd) {
		t.Error("fragments of two flows are not one packet")
	}
	one, two := frag("fd01::a", 5, 1448), frag("fd01::a", 6, 1448)
	if kin(one, pre, two, fwd) || kin(one, pre, frag("fd01::a", 5, 2896), fwd) || !kin(one, pre, one, fwd) {
		t.Error("fragments of two datagrams are not one packet, nor two of one datagram")
	}
}

// TestFragmentsBySeveralDevices: of a fragment without headers the device tells that it is
// another's.
func TestFragmentsBySeveralDevices(t *testing.T) {
	unshown := asNFT(frag("fd01::a", 5, 1448))
	_, list := folded(rulesOf(), Options{Probes: true}, between(arming(unshown), "r0", "", 1), between(probe(model.HookForward, unshown), "r0", "r1", 1), between(probe(model.HookPostrouting, unshown), "r0", "r2", 1))
	if len(list) != 2 {
		t.Errorf("%d journeys of fragments that leave by two devices", len(list))
	}
}
