package journey

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/model/ruleset"
)

func udp(dst string, id uint16) *model.Packet {
	return &model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Transport: true, Length: 60, TTL: 64,
		Src: netip.MustParseAddr("10.0.0.5"), Dst: netip.MustParseAddr(dst), SPort: 4000, DPort: 53, IPID: id}
}

func rulesOf(tables ...*model.Table) Rules {
	rs := &model.Ruleset{Tables: tables}
	rs.Number()
	return ruleset.NewIndex(rs)
}

func legacyTable(name string, c ...*model.Chain) *model.Table {
	return &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: name, Chains: c}
}

func nftTable(name string, c ...*model.Chain) *model.Table {
	return &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: name, Chains: c}
}

// line is a legacy event: table:chain:kind:num at a hook.
func line(table, chain string, kind EventKind, num int, h model.Hook, p *model.Packet) Event {
	e := Event{Source: SourceLegacy, Time: began, Family: p.Family, Table: table, Chain: chain, Kind: kind, Num: num, Hook: h, Packet: p, HasMark: true}
	if h != model.HookOutput {
		e.In = "r0"
	}
	if h != model.HookPrerouting && h != model.HookInput {
		e.Out = "r1"
	}
	return e
}

func message(chain string, kind EventKind, handle uint64, v model.Verdict, p *model.Packet) Event {
	return Event{Source: SourceNFT, Time: began, Family: model.FamilyInet, Table: "fw", Chain: chain, Kind: kind, Handle: handle, Verdict: v, Packet: p, ID: 7, HasMark: true, In: "r0"}
}

func arming(p *model.Packet) Event {
	e := message("trace", EventRule, 9, model.VerdictAccept, p)
	e.Table = "nfscope_1_1"
	return e
}

func probe(h model.Hook, p *model.Packet) Event {
	e := message(h.String(), EventPolicy, 0, model.VerdictAccept, p)
	e.Table = "nfscope_1_1"
	if h != model.HookInput {
		e.Out = "r1"
	}
	return e
}

func folded(r Rules, o Options, events ...Event) (*Fold, []*Journey) {
	f := NewFold(o)
	if r != nil {
		f.SetRules(r, time.Time{})
	}
	for i := range events {
		f.Event(&events[i])
	}
	f.Flush()
	return f, f.Journeys()
}

// TestOutcomes holds sentence, culprit and completeness of single packets.
func TestOutcomes(t *testing.T) {
	p := udp("10.1.0.1", 5)
	raw := legacyTable("raw", builtin("raw", "PREROUTING", "ACCEPT"), builtin("raw", "OUTPUT", "ACCEPT"))
	start := line("raw", "PREROUTING", EventPolicy, 1, model.HookPrerouting, p)
	input := func(policy string, rules ...model.Rule) *model.Table {
		return legacyTable("filter", builtin("filter", "INPUT", policy, rules...), builtin("filter", "FORWARD", "ACCEPT"), chainOf("a:b", 0, 0, "", always("DROP")))
	}
	in := func(kind EventKind, num int) Event { return line("filter", "INPUT", kind, num, model.HookInput, p) }
	fw := func(policy string, rules ...model.Rule) *model.Table {
		return nftTable("fw", chainOf("in", model.HookInput, 0, policy, rules...), chainOf("u", 0, 0, "", target("accept")))
	}
	for _, c := range []struct {
		name     string
		rules    Rules
		probes   bool
		events   []Event
		verdict  string
		sentence string // begins with
		why      string // part; "" where complete
	}{
		{"drop", rulesOf(raw, input("ACCEPT", target("DROP"))), false, []Event{start, in(EventRule, 1)}, Dropped,
			"dropped by rule 1 of filter/INPUT (iptables-legacy): -p udp -j DROP", ""},
		{"unconditional drop reads policy", rulesOf(raw, input("ACCEPT", target("ACCEPT"), always("DROP"), target("ACCEPT"))), false, []Event{start, in(EventPolicy, 2)}, Dropped,
			"dropped by rule 2 of filter/INPUT (iptables-legacy): -j DROP", ""},
		{"policy drop", rulesOf(raw, input("DROP", target("ACCEPT"))), false, []Event{start, in(EventPolicy, 2)}, Dropped,
			"dropped by the policy of filter/INPUT (iptables-legacy)", ""},
		{"reject", rulesOf(raw, input("DROP", target("REJECT"))), false, []Event{start, in(EventRule, 1)}, Rejected, "rejected by rule 1 of filter/INPUT", ""},
		{"a colon in a chain's name", rulesOf(raw, input("DROP", jump("a:b"))), false,
			[]Event{start, in(EventRule, 1), line("filter", "a:b", EventReturn, 1, model.HookInput, p)}, Dropped, "dropped by rule 1 of filter/a:b (iptables-legacy): -j DROP", ""},
		{"RETURN in a built-in chain", rulesOf(raw, input("DROP", target("RETURN"), target("ACCEPT"))), false, []Event{start, in(EventRule, 1), in(EventPolicy, 3)}, Dropped,
			"dropped by the policy of filter/INPUT", ""},
		{"accept without probes", rulesOf(raw, input("DROP", target("ACCEPT"))), false, []Event{start, in(EventRule, 1)}, Accepted,
			"accepted by every chain that was traced, accepted by rule 1 of filter/INPUT", ""},
		{"queued", rulesOf(raw, input("ACCEPT", target("NFQUEUE"))), false, []Event{start, in(EventRule, 1)}, Queued, "queued to user space by rule 1 of filter/INPUT", "without a listener on the queue the kernel drops it"},
		{"a target nobody knows is the last", rulesOf(raw, input("ACCEPT", target("MYSTERY"))), false, []Event{start, in(EventRule, 1)}, Unknown,
			"last seen at rule 1 of filter/INPUT (iptables-legacy): -p udp -j MYSTERY; what that did is not known", "its end was not seen"},
		{"no ruleset", nil, false, []Event{start, in(EventRule, 1)}, Unknown, "last seen at rule 1 of filter/INPUT", unlisted},
		{"the ruleset is older: number", rulesOf(raw, input("ACCEPT")), false, []Event{start, in(EventRule, 3)}, Unknown, "last seen at rule 3", unlisted},
		{"the ruleset is older: policy's number", rulesOf(raw, input("ACCEPT", target("DROP"))), false, []Event{start, in(EventPolicy, 5)}, Accepted, "accepted", unlisted},
		{"the ruleset is older: a jump is no policy", rulesOf(raw, input("ACCEPT", jump("a:b"))), false, []Event{start, in(EventPolicy, 1)}, Unknown, "", unlisted},
		{"not routed, without probes", rulesOf(raw, input("ACCEPT")), false, []Event{start}, Unknown, "last seen in the prerouting hook, no rule dropped it: the kernel did", "its end was not seen"},
		{"nothing after prerouting", rulesOf(raw), false, []Event{start}, Unknown,
			"last seen in the prerouting hook; nothing would show it after that", "its end was not seen"},
		{"vanished before a probe", rulesOf(fw("accept")), true, []Event{arming(p)}, Unknown, "last seen in the prerouting hook, no rule dropped it: the kernel did", "its end was not seen"},
		{"delivered", rulesOf(fw("drop", target("accept"))), true, []Event{arming(p), message("in", EventRule, 10, model.VerdictAccept, p), probe(model.HookInput, p)}, Accepted,
			"delivered to this host, accepted by rule 1 of inet fw/in (nftables): -p udp -j accept", ""},
		{"nothing decided", rulesOf(), true, []Event{arming(p), probe(model.HookForward, p), probe(model.HookPostrouting, p)}, Accepted, "sent out of r1: no rule and no policy decided", ""},
		{"handle not found", rulesOf(fw("accept", target("drop"))), true, []Event{arming(p), message("in", EventRule, 99, model.VerdictDrop, p)}, Dropped,
			"dropped by a rule of inet fw/in (nftables) (handle 99 is not in the ruleset that was read)", unlisted},
		{"reject shows as drop", rulesOf(fw("accept", target("reject"))), true, []Event{arming(p), message("in", EventRule, 10, model.VerdictDrop, p)}, Rejected, "rejected by rule 1 of inet fw/in", ""},
		{"stolen", rulesOf(fw("accept", target("fwd"))), true, []Event{arming(p), message("in", EventRule, 10, model.VerdictStolen, p)}, Unknown, "taken over by rule 1 of inet fw/in", ""},
		{"a chain without an event", rulesOf(input("ACCEPT"), fw("accept")), true,
			[]Event{arming(p), message("in", EventPolicy, 0, model.VerdictAccept, p), probe(model.HookInput, p)}, Accepted, "delivered", "no event of filter/INPUT was seen"},
		{"another's trace rule in a user chain", rulesOf(fw("drop")), false, []Event{message("u", EventRule, 10, model.VerdictAccept, p)}, Unknown, "", "its beginning was not seen"},
		{"another's trace rule in a user chain, the base chain is told", rulesOf(fw("drop")), false,
			[]Event{message("u", EventRule, 0, model.VerdictContinue, p), message("in", EventPolicy, 0, model.VerdictDrop, nil)}, Dropped, "dropped by the policy of inet fw/in (nftables)", "its beginning was not seen"},
		{"a drop in our own table", rulesOf(), true, []Event{func() Event { e := arming(p); e.Verdict = model.VerdictDrop; return e }()}, Dropped, "dropped by a rule of inet nfscope_1_1/trace", unlisted},
		{"headers were lost", rulesOf(fw("drop")), true, []Event{message("in", EventPolicy, 0, model.VerdictDrop, nil)}, Dropped, "dropped by the policy", "events in its middle are missing"},
		{"a way that does not end", rulesOf(input("ACCEPT", jump("a:b"))), true, []Event{arming(p), in(EventRule, 1), probe(model.HookInput, p)}, Accepted, "delivered",
			"the end of its way through filter/INPUT was not seen"},
		{"the ruleset is older: a rule behind the last", rulesOf(raw, input("ACCEPT")), false, []Event{start, in(EventRule, 1)}, Unknown, "last seen at rule 1", unlisted},
		{"begins in a chain that was called", rulesOf(raw, input("ACCEPT", jump("a:b"))), false,
			[]Event{line("filter", "a:b", EventReturn, 1, model.HookInput, p)}, Dropped, "dropped by rule 1 of filter/a:b", "its beginning was not seen"},
		{"a chain that nothing called", rulesOf(raw, input("ACCEPT", target("LOG"))), false,
			[]Event{start, in(EventRule, 1), line("filter", "a:b", EventReturn, 1, model.HookInput, p)}, Dropped, "dropped by", "events in its middle are missing"},
		{"no headers behind an accept", rulesOf(fw("accept", target("accept"), target("drop"))), true,
			[]Event{arming(p), message("in", EventRule, 10, model.VerdictAccept, p), message("in", EventRule, 11, model.VerdictDrop, nil)}, Dropped, "dropped by", "events in its middle are missing"},
		{"no arming event", rulesOf(raw, input("DROP")), true, []Event{start, in(EventPolicy, 1)}, Dropped, "dropped by", "its beginning was not seen"},
		{"dropped, and seen behind that", rulesOf(legacyTable("filter", builtin("filter", "FORWARD", "ACCEPT", target("DROP")))), true,
			[]Event{arming(p), probe(model.HookPostrouting, p), line("filter", "FORWARD", EventRule, 1, model.HookForward, p)}, Dropped, "dropped by rule 1 of filter/FORWARD", "it goes on behind the rule that ended it"},
		{"headers were lost, and its end", rulesOf(fw("drop", target("log"))), true, []Event{arming(p), message("in", EventRule, 10, model.VerdictContinue, nil)}, Unknown,
			"last seen in the input hook; events were lost", "events in its middle are missing"},
		{"a gap", rulesOf(fw("drop")), true, []Event{arming(p), {Source: SourceGap, Lost: 3, Time: began}, message("in", EventPolicy, 0, model.VerdictDrop, p)}, Dropped, "dropped by", "3 events were lost"},
		{"a gap, and nothing after it", rulesOf(fw("drop")), true, []Event{arming(p), {Source: SourceGap, Lost: 3, Time: began}}, Unknown, "last seen in the prerouting hook; events were lost", "3 events were lost"},
		{"right after a gap", rulesOf(fw("drop")), false, []Event{{Source: SourceGap, Time: began}, message("in", EventPolicy, 0, model.VerdictDrop, p)}, Dropped, "dropped by", "its beginning was not seen"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, list := folded(c.rules, Options{Probes: c.probes}, c.events...)
			if len(list) != 1 {
				t.Fatalf("%d journeys", len(list))
			}
			j := list[0]
			if j.Outcome.Verdict != c.verdict || !strings.HasPrefix(j.Outcome.Sentence, c.sentence) {
				t.Errorf("%s: %s\nwant %s: %s", j.Outcome.Verdict, j.Outcome.Sentence, c.verdict, c.sentence)
			}
			either := c.verdict == Queued || strings.Contains(j.Outcome.Sentence, "what that did is not known") || strings.Contains(j.Outcome.Sentence, "nothing would show it") || strings.Contains(j.Outcome.Sentence, "events were lost")
			if either != slices.Equal(j.Possible, []string{Accepted, Dropped}) || !either && j.Possible != nil {
				t.Errorf("possible %q: %s", j.Possible, j.Outcome.Sentence)
			}
			if j.Complete != (c.why == "") || !strings.Contains(j.Why, c.why) {
				t.Errorf("complete %v: %q, want %q", j.Complete, j.Why, c.why)
			}
			contract(t, j)
		})
	}
}

// contract checks that all the fields of nfscope/journey/1 are there, none null, and
// that reading gives back what was written.
func contract(t *testing.T, j *Journey) {
	t.Helper()
	b, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	fields(t, m, map[string]any{"schema": "", "id": "", "start": "", "origin": "", "family": "", "in": "", "out": "", "path": "",
		"packet": map[string]any{}, "steps": []any{}, "outcome": map[string]any{}, "flow": 0.0, "complete": true, "gaps": 0.0, "assumptions": []any{}})
	fields(t, m["outcome"], map[string]any{"verdict": "", "sentence": "", "by": map[string]any{}})
	fields(t, m["outcome"].(map[string]any)["by"], map[string]any{"backend": "", "family": "", "table": "", "chain": "", "kind": "", "rule": 0.0, "text": ""})
	if by := m["outcome"].(map[string]any)["by"].(map[string]any); by["family"] == "unspec" || by["kind"] == "kernel" && by["family"] != m["family"] {
		t.Errorf("outcome by family %v of a packet of %v", by["family"], m["family"])
	}
	for _, s := range m["steps"].([]any) {
		fields(t, s, map[string]any{"backend": "", "hook": "", "family": "", "table": "", "chain": "", "kind": "", "rule": 0.0, "handle": 0.0,
			"text": "", "verdict": "", "target": ""})
	}
	if kind := j.Outcome.By.Kind; !slices.Contains([]string{"rule", "policy", "kernel"}, kind) {
		t.Errorf("outcome by kind %q", kind)
	}
	var back Journey
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if c, err := json.Marshal(&back); err != nil || string(c) != string(b) {
		t.Errorf("%v: read and written again:\n%s\n%s", err, b, c)
	}
}

func fields(t *testing.T, got any, want map[string]any) {
	t.Helper()
	m, _ := got.(map[string]any)
	for k, v := range want {
		if reflect.TypeOf(m[k]) != reflect.TypeOf(v) {
			t.Errorf("field %q is %T, want %T in %v", k, m[k], v, got)
		}
	}
}

type oneFlow struct{ *flow.Flow }

func (o oneFlow) ByID(id uint32) *flow.Flow { return o.Flow }
func (o oneFlow) Followed() bool            { return true }
func (o oneFlow) Whole() time.Time          { return time.Time{} }
func (o oneFlow) ByTuple(t model.Tuple) *flow.Flow {
	if t == o.Orig.Tuple || t == o.Reply.Tuple {
		return o.Flow
	}
	return nil
}

// TestNAT holds the translation of both directions, where TRACE shows only one part.
func TestNAT(t *testing.T) {
	orig := udp("10.2.0.2", 5)
	reply := &model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Transport: true, Length: 70, TTL: 60, IPID: 9,
		Src: netip.MustParseAddr("10.2.0.2"), SPort: 53, Dst: netip.MustParseAddr("203.0.113.1"), DPort: 40001}
	fl := &flow.Flow{ID: 77, Orig: flow.Side{Tuple: orig.Tuple()}, Reply: flow.Side{Tuple: reply.Tuple()}, NAT: flow.NAT{Class: []flow.Class{flow.ClassMasquerade}}}
	restored := *reply
	restored.Dst, restored.DPort = orig.Src, orig.SPort
	rules := rulesOf(legacyTable("raw", builtin("raw", "PREROUTING", "ACCEPT")), legacyTable("filter", builtin("filter", "FORWARD", "ACCEPT", target("DROP"))))
	pre := func(p *model.Packet) Event { return line("raw", "PREROUTING", EventPolicy, 1, model.HookPrerouting, p) }
	fwd := func(p *model.Packet, kind EventKind, num int) Event {
		return line("filter", "FORWARD", kind, num, model.HookForward, p)
	}
	for _, c := range []struct {
		name     string
		events   []Event
		src, dst []string
	}{
		{"a later packet of the flow", []Event{pre(orig), fwd(orig, EventPolicy, 2)}, []string{"10.0.0.5:4000", "203.0.113.1:40001"}, nil},
		{"a reply", []Event{pre(reply), fwd(&restored, EventPolicy, 2)}, nil, []string{"203.0.113.1:40001", "10.0.0.5:4000"}},
		{"dropped before it was translated", []Event{pre(orig), fwd(orig, EventRule, 1)}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := NewFold(Options{})
			f.SetRules(rules, time.Time{})
			f.SetFlows(oneFlow{fl})
			for i := range c.events {
				f.Event(&c.events[i])
			}
			f.Flush()
			j := f.Journeys()[0]
			contract(t, j)
			if c.src == nil && c.dst == nil {
				if j.NAT != nil {
					t.Fatalf("translated: %+v", j.NAT)
				}
				return
			}
			if j.NAT == nil || !slices.Equal(j.NAT.Src, c.src) || !slices.Equal(j.NAT.Dst, c.dst) || !slices.Equal(j.NAT.Class, []string{"masquerade"}) {
				t.Errorf("%+v, want %v %v", j.NAT, c.src, c.dst)
			}
			if want := map[bool]string{false: Original, true: Reply}[c.dst != nil]; j.Flow != 77 || j.FlowBy != FlowByTuple || j.Direction != want {
				t.Errorf("%s of flow %d by %q", j.Direction, j.Flow, j.FlowBy)
			}
		})
	}
}

// TestLoopback folds a packet that is sent to this host itself: two journeys.
func TestLoopback(t *testing.T) {
	p := udp("10.0.0.5", 0)
	at := func(e Event, in, out string) Event { e.In, e.Out = in, out; return e }
	out := line("filter", "OUTPUT", EventPolicy, 1, model.HookOutput, p)
	post := line("mangle", "POSTROUTING", EventPolicy, 1, model.HookPostrouting, p)
	in := line("filter", "INPUT", EventPolicy, 1, model.HookInput, p)
	second := arming(p)
	second.ID = 8
	end := probe(model.HookInput, p)
	end.ID = 8
	rules := rulesOf(legacyTable("filter", builtin("filter", "INPUT", "ACCEPT"), builtin("filter", "OUTPUT", "ACCEPT")),
		legacyTable("mangle", builtin("mangle", "POSTROUTING", "ACCEPT")))
	_, list := folded(rules, Options{Probes: true}, at(arming(p), "", "lo"), at(probe(model.HookPostrouting, p), "", "lo"), at(second, "lo", ""), at(end, "lo", ""),
		at(out, "", "lo"), at(post, "", "lo"), at(in, "lo", ""))
	if len(list) != 2 || list[0].Path != PathOutput || list[1].Path != PathInput || !list[0].Complete || !list[1].Complete {
		for _, j := range list {
			t.Errorf("%s %v %q: %s", j.Path, j.Complete, j.Why, told(j))
		}
		t.Fatalf("%d journeys", len(list))
	}
}

// TestExtended joins an IPv6 packet with extension headers, of which nf_tables' trace
// shows the first one only.
func TestExtended(t *testing.T) {
	ip := []byte{0x60, 0, 0, 1, 0, 16, 0, 64, 15: 5, 23: 1, 39: 2}
	full, err := model.DecodePacket(model.FamilyIPv6, append(slices.Clone(ip), 17, 0, 1, 4, 0, 0, 0, 0, 0, 99, 0, 53, 0, 8, 0, 0), nil)
	if err != nil {
		t.Fatal(err)
	}
	cut, err := model.DecodePacket(model.FamilyIPv6, ip, []byte{0, 99, 0, 53, 0, 8, 0, 0})
	if err != nil {
		t.Fatal(err)
	}
	if full.Proto != model.ProtoUDP || full.DPort != 53 || !full.Extended || !cut.Extended {
		t.Fatalf("%+v\n%+v", full, cut)
	}
	tb := legacyTable("filter", builtin("filter", "INPUT", "DROP"))
	tb.Family = model.FamilyIPv6
	_, list := folded(rulesOf(tb), Options{Probes: true}, arming(&cut), line("filter", "INPUT", EventPolicy, 1, model.HookInput, &full))
	if len(list) != 1 || list[0].Outcome.Verdict != Dropped || !list[0].Complete {
		t.Fatalf("%d journeys, %s", len(list), list[0].Outcome.Sentence)
	}
}

// TestRulesMove marks what was folded after the rules were last known to be in force, where
// a chain of it has changed, or base chains came or went.
func TestRulesMove(t *testing.T) {
	raw := legacyTable("raw", builtin("raw", "PREROUTING", "ACCEPT"))
	filter := func(policy string, more ...*model.Chain) *model.Table {
		return legacyTable("filter", append([]*model.Chain{builtin("filter", "INPUT", policy)}, more...)...)
	}
	spare := func(texts ...string) *model.Chain {
		c := chainOf("spare", model.HookNone, 0, "")
		for _, x := range texts {
			c.Rules = append(c.Rules, model.Rule{Index: len(c.Rules) + 1, Text: x})
		}
		return c
	}
	old := rulesOf(raw, filter("DROP", spare("-A spare -j DROP")))
	for name, c := range map[string]struct {
		now   Rules
		marks bool
	}{
		"its chain":         {rulesOf(raw, filter("ACCEPT", spare("-A spare -j DROP"))), true},
		"a base chain":      {rulesOf(raw, filter("DROP", spare("-A spare -j DROP"), builtin("filter", "FORWARD", "ACCEPT"))), true},
		"one less":          {rulesOf(filter("DROP", spare("-A spare -j DROP"))), true},
		"another chain":     {rulesOf(raw, filter("DROP", spare("-A spare -j LOG", "-A spare -j DROP"))), false},
		"a user chain less": {rulesOf(raw, filter("DROP")), false},
	} {
		t.Run(name, func(t *testing.T) { rulesMove(t, old, c.now, c.marks) })
	}
}

// inputRules has rules in filter's INPUT alone.
func inputRules(texts ...string) Rules {
	c := builtin("filter", "INPUT", "ACCEPT")
	for i, x := range texts {
		c.Rules = append(c.Rules, model.Rule{Index: i + 1, ID: 7, Text: x, Target: "DROP"})
	}
	return rulesOf(legacyTable("filter", c))
}

// TestRulesMovedText: a rule of a legacy table is told by its number alone. Where that is another
// rule since, the packet is told by neither text, and what the number was and is stands beside it;
// of one that is closed and of one under way. Where the text is the same it stays.
func TestRulesMovedText(t *testing.T) {
	with := inputRules
	const a, b, one = "-A INPUT -s 10.1.0.1/32 -j DROP", "-A INPUT -p udp -j DROP", "dropped by rule 1 of filter/INPUT (iptables-legacy)"
	const seen, open = "last seen at rule 2 of filter/INPUT (iptables-legacy)", "; what that did is not known"
	for name, c := range map[string]struct {
		was, is              Rules
		num                  int
		before, closed, live string // of a packet before the change, and of one that is closed, or under way
	}{
		"another":    {with(a), with(b, a), 1, one + ": " + a, one + " (before the rules changed it was " + a + ", and now it is " + b + ")", ""},
		"the same":   {with(a), with(a, b), 1, one + ": " + a, one + ": " + a, ""},
		"gone":       {with(a), with(), 1, one + ": " + a, one + " (before the rules changed it was " + a + ", and there is none now)", ""},
		"made since": {with(a), with(a, b), 2, seen + open, seen + " (it was made since the rules were read before, and is now " + b + ")" + open, seen + open},
		"never read": {with(a), with(b), 2, seen + open, seen + open, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := NewFold(Options{})
			f.SetRules(c.was, time.Time{})
			for i := range 3 {
				p := udp("10.1.0.1", uint16(i+1))
				e := line("filter", "INPUT", EventRule, c.num, model.HookInput, p)
				e.Time = began.Add(time.Duration(i) * time.Second)
				f.Event(&e)
			}
			f.Tick(began.Add(1500 * time.Millisecond)) // the last is under way
			before := f.Journeys()[1].Outcome.Sentence
			f.SetRules(c.is, began.Add(500*time.Millisecond))
			f.Flush()
			list := f.Journeys()
			for i, want := range []string{c.before, c.closed, cmp.Or(c.live, c.closed)} {
				j := list[i]
				st := j.Steps[0]
				if j.Outcome.Sentence != want || st.Text != j.Outcome.By.Text || (st.Text != "") != strings.HasSuffix(want, ": "+a) || (st.RuleID >= 0) != (st.Text != "") {
					t.Errorf("packet %d: %s, want %s\n%+v, %+v", i, j.Outcome.Sentence, want, j.Outcome.By, st)
				}
			}
			if before != c.before {
				t.Errorf("before: %s", before)
			}
		})
	}
}

// TestRulesMovedTwice: of a packet that two changes may have been before, all that its rule may
// have been is named, once and in their order.
func TestRulesMovedTwice(t *testing.T) {
	with := inputRules
	const one, seen, open = "dropped by rule 1 of filter/INPUT (iptables-legacy)", "last seen at rule 1 of filter/INPUT (iptables-legacy)", "; what that did is not known"
	for name, c := range map[string]struct {
		rules []Rules
		note  string
		// made is true where there was no rule when it came.
		made bool
	}{
		"another each time": {[]Rules{with("-j A"), with("-j B"), with("-j C")}, "before the rules changed it was -j A, and now it is -j B; they changed again, and now it is -j C", false},
		"gone":              {[]Rules{with("-j A"), with("-j B"), with()}, "before the rules changed it was -j A, and now it is -j B; they changed again, and there is none now", false},
		"gone, and back":    {[]Rules{with("-j A"), with(), with("-j A")}, "before the rules changed it was -j A, and there is none now; they changed again, and now it is -j A", false},
		"the second time":   {[]Rules{with("-j A"), with("-j A", "-j X"), with("-j B", "-j X")}, "before the rules changed it was -j A, and now it is -j B", false},
		"the first time":    {[]Rules{with("-j A"), with("-j B"), with("-j B", "-j X")}, "before the rules changed it was -j A, and now it is -j B", false},
		"made since":        {[]Rules{with(), with("-j B"), with("-j C")}, "it was made since the rules were read before, and is now -j B; they changed again, and now it is -j C", true},
	} {
		t.Run(name, func(t *testing.T) {
			for closed := range c.rules { // before which change it is closed; behind the last
				f := NewFold(Options{})
				f.SetRules(c.rules[0], time.Time{})
				e := line("filter", "INPUT", EventRule, 1, model.HookInput, udp("10.1.0.1", 1))
				e.Time = began
				f.Event(&e)
				for i, r := range c.rules[1:] {
					if closed == i {
						f.Flush()
					}
					f.SetRules(r, began.Add(-time.Second))
				}
				f.Flush()
				want := one + " (" + c.note + ")"
				switch {
				case c.made && closed >= len(c.rules)-1: // that is said at its step alone
					want = seen + open
				case c.made:
					want = seen + " (" + c.note + ")" + open
				}
				if j := f.Journeys()[0]; j.Outcome.Sentence != want || j.Steps[0].Note != c.note || j.Steps[0].Text != "" {
					t.Errorf("closed before change %d: %s\nwant %s\n%+v", closed+1, j.Outcome.Sentence, want, j.Steps[0])
				}
			}
		})
	}
}

// rulesMove folds three packets, of which the last is under way, and then the rules move.
func rulesMove(t *testing.T, old, now Rules, marks bool) {
	f := NewFold(Options{})
	f.SetRules(old, time.Time{})
	for i := range 3 {
		p := udp("10.1.0.1", uint16(i+1))
		a, b := line("raw", "PREROUTING", EventPolicy, 1, model.HookPrerouting, p), line("filter", "INPUT", EventPolicy, 1, model.HookInput, p)
		a.Time, b.Time = began.Add(time.Duration(i)*time.Second), began.Add(time.Duration(i)*time.Second)
		f.Event(&a)
		f.Event(&b)
	}
	f.Tick(began.Add(1500 * time.Millisecond))
	before := f.Journeys()
	f.SetRules(now, began.Add(500*time.Millisecond))
	f.Flush()
	for i, j := range f.Journeys() {
		if want := i == 0 || !marks; j.Complete != want || !j.Complete && j.Why != rulesMoved {
			t.Errorf("journey %d: complete %v: %s", i, j.Complete, j.Why)
		}
	}
	if !before[1].Complete {
		t.Error("what was handed out has changed")
	}
}

// rungs are a journey's steps as rung prints them.
func rungs(j *Journey) (l []string) {
	for i := range j.Steps {
		l = append(l, rung(&j.Steps[i]))
	}
	return l
}

// TestInferred settles a target that nobody knows by what follows.
func TestInferred(t *testing.T) {
	p := udp("10.1.0.1", 5)
	rules := rulesOf(legacyTable("raw", builtin("raw", "PREROUTING", "ACCEPT", target("MYSTERY"))), legacyTable("filter",
		builtin("filter", "INPUT", "DROP", target("MYSTERY"), jump("A"), target("ACCEPT")), chainOf("A", 0, 0, "", target("MYSTERY"), target("DROP"))))
	in := func(chain string, num int) Event {
		return line("filter", chain, EventRule, num, model.HookInput, p)
	}
	_, list := folded(rules, Options{}, line("raw", "PREROUTING", EventRule, 1, model.HookPrerouting, p), in("INPUT", 1), in("INPUT", 2), in("A", 1), in("INPUT", 3))
	want := []string{"L raw/PREROUTING 1 accept", "L filter/INPUT 1 continue", "L filter/INPUT 2 jump", " L filter/A 1 return", "L filter/INPUT 3 accept"}
	if !slices.Equal(rungs(list[0]), want) || !list[0].Complete || list[0].Steps[0].Note != inferred || list[0].Steps[3].Note != inferred {
		t.Errorf("%v %q\n%q\n%q", list[0].Complete, list[0].Why, rungs(list[0]), want)
	}
}

// TestSamePlace puts the chain that dropped the packet last among those of its place,
// whichever tracer was read first.
func TestSamePlace(t *testing.T) {
	p := udp("10.1.0.1", 5)
	rules := rulesOf(legacyTable("filter", builtin("filter", "INPUT", "ACCEPT")), nftTable("fw", chainOf("in", model.HookInput, 0, "accept", target("drop"))))
	_, list := folded(rules, Options{Probes: true}, arming(p), message("in", EventRule, 10, model.VerdictDrop, p), line("filter", "INPUT", EventPolicy, 1, model.HookInput, p))
	if want := []string{"L filter/INPUT policy accept", "N fw/in 1 drop"}; len(list) != 1 || !slices.Equal(rungs(list[0]), want) || !list[0].Complete {
		t.Errorf("%d journeys, %q", len(list), rungs(list[0]))
	}
}

// TestTwins doubts what cannot be told apart.
func TestTwins(t *testing.T) {
	p := udp("10.1.0.1", 0)
	rules := rulesOf(legacyTable("filter", builtin("filter", "INPUT", "DROP", jump("A")), chainOf("A", 0, 0, "")))
	in := func(kind EventKind, num, second int) Event {
		e := line("filter", "INPUT", kind, num, model.HookInput, p)
		e.Stamp = began.Add(time.Duration(second) * time.Second)
		return e
	}
	t.Run("two begun by legacy", func(t *testing.T) {
		_, list := folded(rules, Options{Probes: true}, in(EventPolicy, 2, 1), in(EventPolicy, 2, 2), arming(p))
		if len(list) != 2 || list[0].Why != twins || list[1].Why != twins {
			t.Errorf("%d journeys, %q", len(list), list[0].Why)
		}
	})
	t.Run("the rest of one that was closed", func(t *testing.T) {
		f := NewFold(Options{Probes: true})
		f.SetRules(rules, time.Time{})
		first, other, second, rest := in(EventRule, 1, 1), arming(udp("10.1.0.9", 9)), arming(p), in(EventPolicy, 2, 1)
		other.ID = 99
		second.Time, rest.Time = began.Add(time.Second), began.Add(time.Second)
		f.Event(&first)
		f.Event(&other)
		f.Tick(second.Time)
		f.Event(&second)
		f.Event(&rest)
		f.Flush()
		for _, j := range f.Journeys() {
			if j.Complete {
				t.Errorf("complete: %q", rungs(j))
			}
		}
	})
}

// TestUntracked joins no entry that an earlier packet of the tuple left.
func TestUntracked(t *testing.T) {
	p := udp("10.1.0.1", 5)
	f := NewFold(Options{Probes: true})
	f.SetRules(rulesOf(), time.Time{})
	f.SetFlows(oneFlow{&flow.Flow{ID: 77, Orig: flow.Side{Tuple: p.Tuple()}, Reply: flow.Side{Tuple: udp("10.1.0.9", 1).Tuple().Reverse()}}})
	a, b := arming(p), probe(model.HookInput, p)
	b.CT = &CT{State: 64}
	f.Event(&a)
	f.Event(&b)
	f.Flush()
	if j := f.Journeys()[0]; j.CTState != "UNTRACKED" || j.Flow != 0 || j.NAT != nil || !j.Complete {
		t.Errorf("%s flow %d nat %+v %q", j.CTState, j.Flow, j.NAT, j.Why)
	}
}
