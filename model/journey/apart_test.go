package journey

import (
	"testing"
	"time"

	"nfscope/model"
)

// TestApart: packets that differ in one thing that nothing on their way changes are not
// one another, however their events come mixed; those that differ in nothing have the same
// steps each, or are told to be doubtful.
func TestApart(t *testing.T) {
	rules := rulesOf(legacyTable("mangle", builtin("mangle", "PREROUTING", "ACCEPT"), builtin("mangle", "FORWARD", "ACCEPT"), builtin("mangle", "POSTROUTING", "ACCEPT")))
	base := model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoTCP, Src: udp("10.1.0.1", 1).Src, Dst: udp("10.1.0.1", 1).Dst, SPort: 1, DPort: 2, Transport: true,
		Length: 60, TTL: 64, IPID: 7, Seq: 100, Ack: 200, Flags: model.ACK}
	for _, c := range []struct {
		name   string
		change func(*model.Packet)
		same   bool
	}{
		{"nothing", func(*model.Packet) {}, true},
		{"the IP id", func(p *model.Packet) { p.IPID++ }, false},
		{"the sequence number", func(p *model.Packet) { p.Seq++ }, false},
		{"the acknowledgement", func(p *model.Packet) { p.Ack++ }, false},
		{"the flags", func(p *model.Packet) { p.Flags |= model.PSH }, false},
		{"the length", func(p *model.Packet) { p.Length++ }, false},
		{"the flow label", func(p *model.Packet) { p.FlowLabel++ }, false},
		{"the place in a fragmented packet", func(p *model.Packet) { p.FragOffset += 8 }, false},
		{"the protocol", func(p *model.Packet) { p.Proto = 136 }, false}, // UDP-Lite
		{"the sender", func(p *model.Packet) { p.Src = p.Src.Next() }, false},
		{"the sender's port", func(p *model.Packet) { p.SPort++ }, false},
	} {
		p, q := base, base
		c.change(&q)
		event := func(h model.Hook, p *model.Packet) Event {
			chain := map[model.Hook]string{model.HookPrerouting: "PREROUTING", model.HookForward: "FORWARD", model.HookPostrouting: "POSTROUTING"}[h]
			e := line("mangle", chain, EventPolicy, 1, h, p)
			e.Stamp = time.Time{}
			return e
		}
		raw := func(p *model.Packet) Event { // -j TRACE: the legacy tracer alone tells
			e := event(model.HookPrerouting, p)
			e.Table, e.Chain, e.Kind = "raw", "PREROUTING", EventPolicy
			return e
		}
		_, list := folded(rules, Options{}, raw(&p), raw(&q), event(model.HookPrerouting, &p), event(model.HookPrerouting, &q),
			event(model.HookForward, &p), event(model.HookForward, &q), event(model.HookPostrouting, &p), event(model.HookPostrouting, &q))
		if len(list) != 2 {
			t.Errorf("%s: %d journeys", c.name, len(list))
			continue
		}
		for _, j := range list {
			if len(j.Steps) != 4 && (!c.same || j.Why != twins) || j.Why == twins && !c.same {
				t.Errorf("%s: #%d has %d steps, complete %v: %s", c.name, j.Number, len(j.Steps), j.Complete, j.Why)
			}
		}
	}
}

// TestReusedID: nftrace's ids are used again. Another hook before the last, other headers,
// and a silence make another packet of it, and nothing else does.
func TestReusedID(t *testing.T) {
	p := udp("10.1.0.1", 5)
	other := udp("10.1.0.1", 6)
	written := udp("10.1.0.1", 5)
	written.Content = 7
	for _, c := range []struct {
		name     string
		second   *model.Packet
		hook     model.Hook
		after    time.Duration
		journeys int
	}{
		{"the packet goes on", p, model.HookForward, time.Millisecond, 1},
		{"other headers", other, model.HookForward, time.Millisecond, 2},
		{"what it carries was written to", written, model.HookForward, time.Millisecond, 1},
		{"a hook before", p, model.HookPrerouting, time.Millisecond, 2},
		{"a silence", p, model.HookForward, time.Second, 2},
	} {
		f := NewFold(Options{Probes: true})
		f.SetRules(rulesOf(nftTable("fw", chainOf("pre", model.HookPrerouting, -100, "accept"), chainOf("fwd", model.HookForward, 0, "accept"))), time.Time{})
		first, second := message("fwd", EventPolicy, 0, model.VerdictAccept, p), message("fwd", EventPolicy, 0, model.VerdictAccept, c.second)
		switch {
		case c.hook == model.HookForward:
			first = message("pre", EventPolicy, 0, model.VerdictAccept, p)
		default:
			second = message("pre", EventPolicy, 0, model.VerdictAccept, c.second)
		}
		first.Time, second.Time = began, began.Add(c.after)
		first.ID, second.ID = 4, 4
		f.Event(&first)
		f.Tick(second.Time)
		f.Event(&second)
		f.Flush()
		if n := len(f.Journeys()); n != c.journeys {
			t.Errorf("%s: %d journeys, want %d", c.name, n, c.journeys)
		}
	}
}

// TestBackwards: the rules of a chain come in order, so one that comes before the last is
// another packet's.
func TestBackwards(t *testing.T) {
	const save = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p udp\n-A FORWARD -p udp\n-A FORWARD -p udp\nCOMMIT\n"
	p := udp("10.0.0.9", 1)
	rule := func(n int) Event {
		e := line("filter", "FORWARD", EventRule, n, model.HookForward, p)
		e.Stamp = time.Time{}
		return e
	}
	for _, c := range []struct{ first, second, journeys int }{{1, 2, 1}, {2, 1, 2}, {2, 2, 2}} {
		if _, list := folded(parsed(t, save), Options{}, rule(c.first), rule(c.second)); len(list) != c.journeys {
			t.Errorf("rule %d, then %d: %d journeys, want %d", c.first, c.second, len(list), c.journeys)
		}
	}
}
