package journey

import (
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/flow"
)

// TestCTState names what conntrack called the packet (NF_CT_STATE_BIT).
func TestCTState(t *testing.T) {
	for bits, want := range map[uint32]string{0: "", 1: "INVALID", 2: "ESTABLISHED", 4: "RELATED", 8: "NEW", 64: "UNTRACKED"} {
		if got := ctState(bits); got != want {
			t.Errorf("%d is %q, want %q", bits, got, want)
		}
	}
}

// TestGuessClass: without an entry and a rule the ends that changed tell what the translation
// is; of a reply they are changed back.
func TestGuessClass(t *testing.T) {
	src, dst := []string{"10.0.0.5:1", "10.0.0.6:1"}, []string{"10.1.0.1:53", "10.2.0.1:53"}
	for _, c := range []struct {
		n     NAT
		reply bool
		want  []flow.Class
	}{
		{NAT{Src: src}, false, []flow.Class{flow.ClassSNAT}}, {NAT{Dst: dst}, false, []flow.Class{flow.ClassDNAT}},
		{NAT{Src: src}, true, []flow.Class{flow.ClassDNAT}}, {NAT{Dst: dst}, true, []flow.Class{flow.ClassSNAT}},
		{NAT{Src: src, Dst: dst}, false, []flow.Class{flow.ClassSNAT, flow.ClassDNAT}},
	} {
		if got := guessClass(&c.n, c.reply); !slices.Equal(got, c.want) {
			t.Errorf("%+v, reply %v: %v, want %v", c.n, c.reply, got, c.want)
		}
	}
}

// TestClassOfReply: that a packet is a reply its event says, or the entry whose reply it is.
func TestClassOfReply(t *testing.T) {
	p := udp("10.1.0.1", 5)
	to := *p
	to.Dst = p.Dst.Next()
	step := func(p *model.Packet, ct *CT) Event {
		e := message("fwd", EventPolicy, 0, model.VerdictAccept, p)
		e.CT = ct
		return e
	}
	for direction, want := range map[uint8]string{0: "dnat", 1: "snat"} {
		ct := &CT{ID: 9, State: 2, Status: uint32(flow.Confirmed), Direction: direction}
		_, list := folded(chained(), Options{Probes: true}, arming(p), step(&to, ct))
		if n := list[0].NAT; n == nil || !slices.Equal(n.Class, []string{want}) {
			t.Errorf("direction %d: %+v, want %s", direction, n, want)
		}
	}
}

// TestBegun: a trace that nfscope did not begin may have begun before the first that was told,
// unless that is in raw, or at a rule that says so.
func TestBegun(t *testing.T) {
	p := udp("10.1.0.1", 5)
	for _, c := range []struct {
		text  string
		begun bool
	}{{"udp dport 53 meta nftrace set 1 accept", true}, {"udp dport 53 accept", false}} {
		rules := rulesOf(nftTable("fw", chainOf("in", model.HookInput, 0, "accept", model.Rule{Text: c.text, Target: "accept"})))
		_, list := folded(rules, Options{}, message("in", EventRule, 10, model.VerdictAccept, p))
		if got := !strings.Contains(list[0].Why, "its beginning was not seen"); got != c.begun {
			t.Errorf("%s: begun %v: %s", c.text, got, list[0].Why)
		}
	}
	trace := rulesOf(nftTable("fw", chainOf("in", model.HookInput, 0, "accept", model.Rule{Text: "-p udp -j TRACE", Target: "TRACE"})))
	if _, list := folded(trace, Options{}, message("in", EventRule, 10, model.VerdictContinue, p), message("in", EventPolicy, 0, model.VerdictAccept, nil)); strings.Contains(list[0].Why, "its beginning") {
		t.Errorf("-j TRACE: %s", list[0].Why)
	}
	if _, list := folded(trace, Options{}, Event{Source: SourceGap, Time: began}, message("in", EventRule, 10, model.VerdictContinue, p), message("in", EventPolicy, 0, model.VerdictAccept, nil)); !strings.Contains(list[0].Why, "its beginning") {
		t.Errorf("behind a gap: %s", list[0].Why)
	}
}

// TestTracedBefore: a rule of the user's chains began no trace of a packet that came through
// nfscope's own before.
func TestTracedBefore(t *testing.T) {
	p := udp("10.1.0.1", 5)
	const save = "*raw\n:PREROUTING ACCEPT [0:0]\n:nfscope_1 - [0:0]\n-A PREROUTING -p udp -j nfscope_1\n-A nfscope_1 -j TRACE\nCOMMIT\n"
	own := line("raw", "nfscope_1", EventReturn, 2, model.HookPrerouting, p)
	policy := line("raw", "PREROUTING", EventPolicy, 2, model.HookPrerouting, p)
	early := message("in", EventRule, 10, model.VerdictContinue, p)
	rules := parsed(t, save)
	for name, c := range map[string]struct {
		events []Event
		want   bool
	}{
		"by nfscope's table":              {[]Event{arming(p), policy}, true},
		"by nfscope's chain in raw":       {[]Event{own, policy}, true},
		"by somebody in raw":              {[]Event{policy}, false},
		"in a chain before nfscope's own": {[]Event{early, arming(p), policy}, false},
	} {
		rs := *rules.Ruleset()
		rs.Tables = append(rs.Tables[:1:1], nftTable("fw", chainOf("in", model.HookPrerouting, -500, "accept", model.Rule{Text: "meta nftrace set 1"})))
		if _, list := folded(rulesOf(rs.Tables...), Options{}, c.events...); len(list) != 1 || list[0].Traced != c.want {
			t.Errorf("%s: %d journeys, traced %v", name, len(list), list[0].Traced)
		}
	}
}

// TestUnordered: of chains at one priority that different tracers tell of nobody knows the
// order, unless one of them ended the packet's way; of others it is known.
func TestUnordered(t *testing.T) {
	p := udp("10.1.0.1", 5)
	for _, c := range []struct {
		name     string
		priority model.Priority
		verdict  model.Verdict
		assumed  bool
	}{{"one priority", 0, model.VerdictAccept, true}, {"another", 1, model.VerdictAccept, false}, {"one ends it", 0, model.VerdictDrop, false}} {
		rules := rulesOf(legacyTable("filter", builtin("filter", "INPUT", "ACCEPT")), nftTable("fw", chainOf("in", model.HookInput, c.priority, "accept")))
		_, list := folded(rules, Options{Probes: true}, arming(p), line("filter", "INPUT", EventPolicy, 1, model.HookInput, p), message("in", EventPolicy, 0, c.verdict, p))
		if got := strings.Contains(strings.Join(list[0].Assumptions, "\n"), "filter/INPUT (iptables-legacy) and inet fw/in (nftables) stand at the same priority: which ran first is not known"); len(list) != 1 || got != c.assumed {
			t.Errorf("%s: %d journeys, assumed %q", c.name, len(list), list[0].Assumptions)
		}
	}
}

// TestClassByEntry: an entry that says no class still tells which way the packet goes.
func TestClassByEntry(t *testing.T) {
	p, back := udp("10.1.0.1", 5), udp("10.0.0.9", 6)
	back.Src, back.SPort, back.DPort = p.Dst, 53, 4001
	fl := &flow.Flow{ID: 77, Orig: flow.Side{Tuple: p.Tuple()}, Reply: flow.Side{Tuple: back.Tuple()}}
	for _, c := range []struct {
		p        *model.Packet
		src, dst bool
	}{{p, true, false}, {back, false, true}} {
		f := NewFold(Options{Probes: true})
		f.SetRules(rulesOf(), time.Time{})
		f.SetFlows(oneFlow{fl})
		for _, e := range []Event{arming(c.p), probe(model.HookPostrouting, c.p)} {
			f.Event(&e)
		}
		f.Flush()
		if n := f.Journeys()[0].NAT; n == nil || (n.Src != nil) != c.src || (n.Dst != nil) != c.dst || !slices.Equal(n.Class, []string{"snat"}) {
			t.Errorf("%s: %+v", c.p, n)
		}
	}
}

// TestDevicesOfHooks: which devices rules of output and postrouting have is told by events of
// the IP families there: a bridge's ports are others.
func TestDevicesOfHooks(t *testing.T) {
	for _, c := range []struct {
		family model.Family
		vague  bool
		told   bool
	}{{model.FamilyIPv4, false, true}, {model.FamilyBridge, false, false}, {model.FamilyIPv4, true, false}} {
		var d Devices
		d.note(&walk{source: SourceLegacy, family: c.family, vague: c.vague, place: place{hook: model.HookPostrouting}, in: "p1", out: "p2"})
		d.note(&walk{source: SourceLegacy, family: c.family, vague: c.vague, place: place{hook: model.HookOutput}, out: "p2"})
		d.note(&walk{source: SourceLegacy, family: c.family, vague: c.vague, place: place{hook: model.HookOutput}, out: "p3"})
		if want := (Devices{Output: "p2", Came: "p1", Told: true}); c.told != (d == want) || !c.told && d != (Devices{}) {
			t.Errorf("%+v: %+v", c, d)
		}
	}
}
