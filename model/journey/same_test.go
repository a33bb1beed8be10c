package journey

import (
	"strings"
	"testing"
	"time"

	"nfscope/model"
)

// between gives an event its devices, and an id of its own where that is not 0.
func between(e Event, in, out string, id uint32) Event {
	e.In, e.Out = in, out
	if id != 0 {
		e.ID = id
	}
	return e
}

// bridgeChain is an event of a chain of table bridge b.
func bridgeChain(chain string, v model.Verdict, p *model.Packet, in, out string) Event {
	e := between(message(chain, EventPolicy, 0, v, p), in, out, 0)
	e.Family, e.Table = model.FamilyBridge, "b"
	return e
}

// TestSame holds which events are one packet's, by the devices that the kernel names.
func TestSame(t *testing.T) {
	p := udp("10.1.0.1", 5)
	filter := legacyTable("filter", builtin("filter", "INPUT", "ACCEPT"), builtin("filter", "FORWARD", "ACCEPT"), builtin("filter", "OUTPUT", "ACCEPT"))
	bridge := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyBridge, Name: "b", Chains: []*model.Chain{
		chainOf("pre", model.HookPrerouting, 10, "accept"), chainOf("in", model.HookInput, 0, "accept"), chainOf("fwd", model.HookForward, 0, "accept")}}
	accept := func(h model.Hook, in, out string) Event {
		return between(line("filter", strings.ToUpper(h.String()), EventPolicy, 1, h, p), in, out, 0)
	}
	mangle := legacyTable("mangle", builtin("mangle", "POSTROUTING", "ACCEPT"))
	mangled := between(line("mangle", "POSTROUTING", EventPolicy, 1, model.HookPostrouting, p), "vx0", "r1", 0)
	lower := *p
	lower.TTL--
	for _, c := range []struct {
		name     string
		tables   []*model.Table
		events   []Event
		journeys int
		path     string
		in, out  string
		sentence string // of the first begins with
	}{
		{"made here with the device set", []*model.Table{filter}, []Event{between(arming(p), "", "r1", 0), accept(model.HookOutput, "", "r1"), between(probe(model.HookPostrouting, p), "r1", "r1", 0)},
			1, PathOutput, "", "r1", "sent out of r1"},
		{"the same, the legacy tracer late", []*model.Table{filter}, []Event{between(arming(p), "", "r1", 0), between(probe(model.HookPostrouting, p), "r1", "r1", 0), accept(model.HookOutput, "", "r1")},
			1, PathOutput, "", "r1", "sent out of r1"},
		{"made here by a tunnel, which postrouting names", []*model.Table{filter}, []Event{between(arming(p), "", "r1", 0), accept(model.HookOutput, "", "r1"), between(probe(model.HookPostrouting, p), "vx0", "r1", 0)},
			1, PathOutput, "", "r1", "sent out of r1"},
		{"the same, the legacy tracer first", []*model.Table{filter, mangle}, []Event{accept(model.HookOutput, "", "r1"), mangled, between(arming(p), "", "r1", 0), between(probe(model.HookPostrouting, p), "vx0", "r1", 0)},
			1, PathOutput, "", "r1", "sent out of r1"},
		{"the same, of the legacy tracer postrouting alone, and first", []*model.Table{mangle}, []Event{mangled, between(arming(p), "", "r1", 0), between(probe(model.HookPostrouting, p), "vx0", "r1", 0)}, 1, PathOutput, "", "r1", "sent out of r1"},
		{"made here, comes back and is forwarded: its hop limit is lower", []*model.Table{filter}, []Event{between(arming(p), "", "r1", 0), accept(model.HookOutput, "", "r1"), between(probe(model.HookPostrouting, &lower), "r0", "r1", 0)}, 2, PathOutput, "", "r1", "last seen in the output hook"},
		{"made here, and a mark routes it anew", nil, []Event{between(arming(p), "", "r1", 0), between(probe(model.HookPostrouting, p), "", "r2", 0)}, 1, PathOutput, "", "r2", "sent out of r2"},
		{"forwarded by a bridge", []*model.Table{filter}, []Event{between(arming(p), "br0", "", 0), accept(model.HookForward, "br0", "br0"), between(probe(model.HookForward, p), "br0", "br0", 0),
			between(probe(model.HookPostrouting, p), "", "br0", 0)}, 1, PathForward, "br0", "br0", "sent out of br0"},
		{"sent on, and no chain of forward told of it", nil, []Event{between(arming(p), "r0", "", 0), between(probe(model.HookPostrouting, p), "r0", "r1", 0)}, 1, PathForward, "r0", "r1", "sent out of r1"},
		{"from a bridge, another is made here", nil, []Event{between(arming(p), "br0", "", 0), between(probe(model.HookPostrouting, p), "", "r1", 0)}, 2, PathUnknown, "br0", "", "last seen in the prerouting hook"},
		{"delivered to a bridge: another id", []*model.Table{filter}, []Event{between(arming(p), "br0", "", 0), accept(model.HookInput, "br0", ""), between(probe(model.HookInput, p), "br0", "", 8)},
			1, PathInput, "br0", "", "delivered to this host"},
		{"another id of another device", nil, []Event{between(arming(p), "br0", "", 0), between(probe(model.HookInput, p), "r0", "", 8)}, 2, PathUnknown, "br0", "", "last seen in the prerouting hook"},
		{"a copy that is flooded", nil, []Event{between(arming(p), "br0", "", 0), between(probe(model.HookForward, p), "br0", "br0", 8)}, 2, PathUnknown, "br0", "", "last seen in the prerouting hook"},
		{"a bridge's chains", []*model.Table{filter, bridge}, []Event{between(arming(p), "br0", "", 0), bridgeChain("pre", model.VerdictAccept, p, "p1", ""), bridgeChain("fwd", model.VerdictAccept, p, "p1", "p2"),
			accept(model.HookForward, "br0", "br0"), between(probe(model.HookForward, p), "br0", "br0", 0), between(probe(model.HookPostrouting, p), "", "br0", 0)}, 1, PathForward, "br0", "br0", "sent out of br0"},
		{"a bridge delivers what is routed, the legacy tracer first", []*model.Table{filter, bridge}, []Event{accept(model.HookForward, "br0", "r1"), between(arming(p), "br0", "", 0),
			bridgeChain("pre", model.VerdictAccept, p, "p1", ""), bridgeChain("in", model.VerdictAccept, p, "p1", ""), between(probe(model.HookForward, p), "br0", "r1", 8),
			between(probe(model.HookPostrouting, p), "br0", "r1", 8)}, 1, PathForward, "br0", "r1", "sent out of r1"},
		{"vanished, and a bridge's chain told nothing", []*model.Table{bridge}, []Event{between(arming(p), "br0", "", 0)}, 1, PathUnknown, "br0", "",
			"last seen in the prerouting hook, no rule of the IP families dropped it: the kernel did (routing, rp_filter, conntrack, ...), or holds it, or a chain below did, such as bridge b/pre (nftables)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, list := folded(rulesOf(c.tables...), Options{Probes: true}, c.events...)
			if len(f.byID) != 0 {
				t.Errorf("%d ids are left", len(f.byID))
			}
			if len(list) != c.journeys {
				t.Fatalf("%d journeys, want %d", len(list), c.journeys)
			}
			j := list[0]
			if j.Path != c.path || j.In != c.in || j.Out != c.out || !strings.HasPrefix(j.Outcome.Sentence, c.sentence) {
				t.Errorf("%s in %q out %q: %s", j.Path, j.In, j.Out, j.Outcome.Sentence)
			}
			if c.journeys == 1 && j.Complete != (j.Outcome.Verdict == Accepted) {
				t.Errorf("complete %v: %s", j.Complete, j.Why)
			}
		})
	}
}

// TestStranger: a packet whose ends were seen to change is not taken for one that cannot
// be it: what is sent from here does not come in, and what came in is not sent from here.
func TestStranger(t *testing.T) {
	was, is := udp("10.1.0.1", 5), udp("10.1.0.1", 5)
	is.Dst, is.DPort = was.Dst.Next(), 99
	rules := rulesOf(legacyTable("mangle", builtin("mangle", "INPUT", "ACCEPT"), builtin("mangle", "FORWARD", "ACCEPT"), builtin("mangle", "OUTPUT", "ACCEPT"), builtin("mangle", "POSTROUTING", "ACCEPT")))
	mangle := func(h model.Hook, p *model.Packet, in, out string) Event {
		return between(line("mangle", strings.ToUpper(h.String()), EventPolicy, 1, h, p), in, out, 0)
	}
	sent := []Event{between(arming(was), "", "r1", 1), mangle(model.HookOutput, was, "", "r1"), mangle(model.HookPostrouting, is, "", "r1")}
	came := []Event{between(arming(was), "r0", "", 2), mangle(model.HookInput, is, "r0", "")}
	sentEnd, cameEnd := between(probe(model.HookPostrouting, is), "", "r1", 1), between(probe(model.HookInput, is), "r0", "", 2)
	tos, ends, from, to := *is, *is, *was, *was
	to.Src = was.Src.Next()
	tos.TOS = 8
	ends.Src, ends.Dst = is.Src.Next(), is.Dst.Next()
	from.Dst = is.Dst.Next()
	in, out := between(arming(is), "r0", "", 3), between(arming(is), "", "r1", 3)
	for _, c := range []struct {
		name   string
		events []Event
		end    Event
		other  Event
		twins  bool
	}{
		{"sent, another comes in", sent, sentEnd, in, false},
		{"sent, another is sent", sent, sentEnd, out, true},
		{"came in, another is sent", came, cameEnd, out, false},
		{"came in, another comes in", came, cameEnd, in, true},
		{"sent, another comes in, and input tells of it first", sent, sentEnd, mangle(model.HookInput, is, "r0", ""), false},
		{"came in, another of another service comes in", came, cameEnd, between(arming(&tos), "r0", "", 3), false},
		{"came in, another of other ends comes in", came, cameEnd, between(arming(&ends), "r0", "", 3), false},
		{"came in, another from there comes in", came, cameEnd, between(arming(&from), "r0", "", 3), true},
		{"came in, another to there comes in", came, cameEnd, between(arming(&to), "r0", "", 3), true},
		{"came in, another is forwarded, and forward tells of it first", came, cameEnd, mangle(model.HookForward, is, "r0", "r1"), true},
	} {
		_, list := folded(rules, Options{Probes: true}, append(append([]Event(nil), c.events...), c.other, c.end)...)
		if len(list) != 2 {
			t.Fatalf("%s: %d journeys", c.name, len(list))
		}
		if doubted := list[0].Why == twins; doubted != c.twins || list[0].Complete == c.twins {
			t.Errorf("%s: complete %v, %q, want twins %v", c.name, list[0].Complete, list[0].Why, c.twins)
		}
	}
}

// TestStampsByChance: two events of a packet may be stamped in one microsecond though each
// is stamped anew; what comes later with another stamp is still the packet's.
func TestStampsByChance(t *testing.T) {
	const save = "*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p udp\nCOMMIT\n*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n"
	p := udp("10.0.0.9", 1)
	at := func(us int, e Event) Event { e.Stamp = began.Add(time.Duration(us) * time.Microsecond); return e }
	_, js := folded(parsed(t, save), Options{Probes: true}, arming(p),
		at(1, line("mangle", "FORWARD", EventRule, 1, model.HookForward, p)), at(1, line("mangle", "FORWARD", EventPolicy, 2, model.HookForward, p)),
		at(2, line("filter", "FORWARD", EventPolicy, 1, model.HookForward, p)), probe(model.HookForward, p), probe(model.HookPostrouting, p))
	if len(js) != 1 || !js[0].Complete || len(js[0].Steps) != 3 {
		t.Fatalf("%d journeys, the first %+v", len(js), js[0])
	}
}

// TestSevered: what is late for a journey that was closed without its end looks like
// another packet's. That makes a journey doubtful whose packet that one can be, for a
// while, and no other: neighbour solicitations all have the same key.
func TestSevered(t *testing.T) {
	rules := rulesOf(legacyTable("filter", builtin("filter", "FORWARD", "ACCEPT")))
	gone, other, like, mapped := udp("10.1.0.1", 5), udp("10.1.0.1", 5), udp("10.1.0.1", 5), udp("10.1.0.1", 5)
	other.Src, mapped.Dst = gone.Src.Next(), gone.Dst.Next()
	low := *gone
	low.TTL--
	for _, c := range []struct {
		name  string
		seen  *model.Packet // as it was seen last
		p     *model.Packet
		after time.Duration
		doubt bool
	}{
		{"like it", gone, like, time.Second, true},
		{"from another", gone, other, time.Second, false},
		{"with another hop limit", gone, &low, time.Second, false},
		{"like it, long after", gone, like, time.Minute, false},
		{"like what it was translated to", mapped, mapped, time.Second, true},
	} {
		f := NewFold(Options{Probes: true})
		f.SetRules(rules, began)
		put := func(at time.Duration, e Event) {
			if e.Time = began.Add(at); at > 0 {
				e.ID = 77
			}
			f.Event(&e)
		}
		put(0, arming(gone))
		put(0, line("filter", "FORWARD", EventPolicy, 1, model.HookForward, c.seen)) // and its end is late
		f.Tick(began.Add(500 * time.Millisecond))
		put(c.after, arming(c.p))
		put(c.after, line("filter", "FORWARD", EventPolicy, 1, model.HookForward, c.p))
		put(c.after, probe(model.HookForward, c.p))
		put(c.after, probe(model.HookPostrouting, c.p))
		f.Flush()
		list := f.Journeys()
		if len(list) != 2 || list[1].Complete == c.doubt || (list[1].Why == twins) != c.doubt {
			t.Errorf("%s: %d journeys, the last complete %v: %s", c.name, len(list), list[len(list)-1].Complete, list[len(list)-1].Why)
		}
		if len(f.cut) > 1 || f.cuts > 1 {
			t.Errorf("%s: %d, %d are kept", c.name, len(f.cut), f.cuts)
		}
	}
}

// TestRenamedApart: which of two packets alike a bridge delivered under another id is not known.
func TestRenamedApart(t *testing.T) {
	p := udp("10.1.0.1", 5)
	_, list := folded(rulesOf(), Options{Probes: true}, between(arming(p), "br0", "", 1), between(arming(p), "br0", "", 2), between(probe(model.HookInput, p), "br0", "", 8))
	if len(list) != 2 || list[0].Why != twins || list[1].Why != twins {
		t.Errorf("%d journeys, the first complete %v: %s", len(list), list[0].Complete, list[0].Why)
	}
}

// TestRenamedBehind: what a bridge's chain met is not the packet that a later chain of it met before: its
// own beginning is missing.
func TestRenamedBehind(t *testing.T) {
	p := udp("10.1.0.1", 5)
	rules := rulesOf(&model.Table{Backend: model.BackendNFTables, Family: model.FamilyBridge, Name: "b", Chains: []*model.Chain{chainOf("first", model.HookInput, 5, "accept"), chainOf("later", model.HookInput, 10, "accept")}})
	in := func(chain string, id uint32) Event {
		return between(bridgeChain(chain, model.VerdictAccept, p, "p1", ""), "p1", "", id)
	}
	for again, want := range map[string]int{"first": 2, "later": 2} {
		_, list := folded(rules, Options{Probes: true}, between(arming(p), "p1", "", 1), in("later", 1), in(again, 8))
		if len(list) != want {
			t.Errorf("%s: %d journeys, want %d", again, len(list), want)
		}
	}
}

// TestApartHooks: what went one way is not seen at a hook of another.
func TestApartHooks(t *testing.T) {
	walked := func(h model.Hook, in, out string) *builder {
		b := &builder{probed: true}
		b.insert(&walk{source: SourceLegacy, family: model.FamilyIPv4, place: place{hook: h}, in: in, out: out})
		return b
	}
	device, framed := &builder{}, walked(model.HookPostrouting, "", "br0")
	device.insert(&walk{source: SourceNFT, family: model.FamilyNetdev, place: place{hook: model.HookIngress}, in: "r0"})
	framed.insert(&walk{source: SourceNFT, family: model.FamilyBridge, place: placeOf(model.FamilyBridge, model.HookPostrouting, 0), out: "p1"})
	unprobed := func(b *builder) *builder { b.probed = false; return b }
	for _, c := range []struct {
		name    string
		b       *builder
		h       model.Hook
		in, out string
		apart   bool
	}{
		{"came in, is made here", walked(model.HookPrerouting, "r0", ""), model.HookOutput, "", "r1", true},
		{"came in, is delivered", walked(model.HookPrerouting, "r0", ""), model.HookInput, "r0", "", false},
		{"came in, leaves a bridge without its name", walked(model.HookPrerouting, "br0", ""), model.HookPostrouting, "", "br0", false},
		{"came in, leaves elsewhere without its name", walked(model.HookPrerouting, "r0", ""), model.HookPostrouting, "", "r1", true},
		{"came in, leaves elsewhere, and may have been made here", unprobed(walked(model.HookPrerouting, "r0", "")), model.HookPostrouting, "", "r1", false},
		{"came over loopback, is sent", walked(model.HookPrerouting, "lo", ""), model.HookPostrouting, "", "lo", true},
		{"made here, comes in", walked(model.HookOutput, "", "r1"), model.HookPrerouting, "r0", "", true},
		{"made here, is delivered", walked(model.HookOutput, "", "lo"), model.HookInput, "lo", "", true},
		{"made here, is sent", walked(model.HookOutput, "", "r1"), model.HookPostrouting, "", "r1", false},
		{"made here, is sent with its device set", walked(model.HookOutput, "", "r1"), model.HookPostrouting, "r1", "r1", false},
		{"made here by a tunnel, which postrouting names", walked(model.HookOutput, "", "r1"), model.HookPostrouting, "vx0", "r1", false},
		{"postrouting names a device, and it is made here", walked(model.HookPostrouting, "vx0", "r1"), model.HookOutput, "", "r1", false},
		{"sent, comes in", walked(model.HookPostrouting, "", "r1"), model.HookPrerouting, "r0", "", true},
		{"sent on, is delivered", walked(model.HookPostrouting, "r0", "r1"), model.HookInput, "r0", "", true},
		{"sent on, came in before", walked(model.HookPostrouting, "r0", "r1"), model.HookPrerouting, "r0", "", false},
		{"delivered, is sent on", walked(model.HookInput, "r0", ""), model.HookForward, "r0", "r1", true},
		{"delivered, is sent", walked(model.HookInput, "r0", ""), model.HookPostrouting, "r0", "r1", true},
		{"made here, comes in at ingress", walked(model.HookOutput, "", "r1"), model.HookIngress, "r0", "", true},
		{"a device's ingress told of it, comes in", device, model.HookPrerouting, "r0", "", false},
		{"sent back by the bridge that it came by, came in before", walked(model.HookPostrouting, "br0", "br0"), model.HookPrerouting, "br0", "", false},
		{"sent back by a bridge, comes in elsewhere", walked(model.HookPostrouting, "br0", "br0"), model.HookPrerouting, "r0", "", true},
		{"sent by a device that is set, comes in by one", walked(model.HookPostrouting, "br0", "br1"), model.HookPrerouting, "br1", "", false},
		{"sent by a bridge, comes in by it", walked(model.HookPostrouting, "", "br0"), model.HookPrerouting, "br0", "", true},
		{"the bridge forwards it, came in before", framed, model.HookPrerouting, "br0", "", false},
		{"the bridge forwards it, comes in elsewhere", framed, model.HookPrerouting, "r0", "", true},
		{"copied by a bridge when it was forwarded, is made here", &builder{way: model.HookForward}, model.HookOutput, "", "r1", true},
		{"sent, was made here", walked(model.HookPostrouting, "", "r1"), model.HookOutput, "", "r1", false},
		{"forwarded, is made here", walked(model.HookForward, "r0", "r1"), model.HookOutput, "", "r1", true},
	} {
		e := Event{Family: model.FamilyIPv4, In: c.in, Out: c.out}
		if got := c.b.apart(c.h, &e); got != c.apart {
			t.Errorf("%s: apart %v", c.name, got)
		}
		if e.Family = model.FamilyBridge; c.b.apart(c.h, &e) {
			t.Errorf("%s: apart where a bridge tells of it", c.name)
		}
	}
}

// TestFirstDoubt: of several reasons to doubt a journey the first stays.
func TestFirstDoubt(t *testing.T) {
	b := &builder{}
	b.suspect(unlisted)
	if !b.dirty {
		t.Error("it is drawn without its doubt")
	}
	b.suspect(twins)
	if b.doubt != unlisted {
		t.Errorf("in doubt because %q", b.doubt)
	}
}

// TestBridgesPlaces: where a bridge's chains stand beside those of the IP families, whatever
// the priorities: br_netfilter hands packets over at 0 of prerouting and forward, and is done
// with them behind the bridge's input and before its postrouting.
func TestBridgesPlaces(t *testing.T) {
	for _, c := range []struct {
		hook     model.Hook
		priority model.Priority
		first    bool // before the IP families' chains of the hook
	}{
		{model.HookPrerouting, -1, true}, {model.HookPrerouting, 0, false}, {model.HookPrerouting, 1, false},
		{model.HookInput, -500, true}, {model.HookInput, 500, true},
		{model.HookForward, 0, true}, {model.HookForward, 1, false},
		{model.HookPostrouting, 500, true},
		{model.HookOutput, -500, false}, // what the host sends comes to it behind them
	} {
		at := placeOf(model.FamilyBridge, c.hook, c.priority)
		for _, ip := range []model.Priority{-1000, 0, probePriority} {
			if o := placeOf(model.FamilyIPv4, c.hook, ip); at.before(o) != c.first || o.before(at) == c.first {
				t.Errorf("%s at %d: before priority %d of IP %v", c.hook, c.priority, ip, at.before(o))
			}
		}
		if later := placeOf(model.FamilyBridge, c.hook, c.priority+1); !at.before(later) {
			t.Errorf("%s: %d is not before %d", c.hook, c.priority, c.priority+1)
		}
	}
}

// TestRoutedBack: what leaves by the bridge that it came by and has a lower hop limit is the packet,
// under its second id; else it is a copy that the bridge floods. Another's trace may begin there too.
func TestRoutedBack(t *testing.T) {
	p := udp("10.1.0.1", 5)
	routed, twice := *p, *p
	routed.TTL, twice.TTL = p.TTL-1, p.TTL-2
	fw := func(rules ...model.Rule) *model.Table {
		return nftTable("fw", chainOf("pre", model.HookPrerouting, -10, "accept", model.Rule{Text: "meta nftrace set 1"}), chainOf("f", model.HookForward, 0, "accept", rules...))
	}
	user, counted, followed := fw(), fw(model.Rule{Text: "counter"}), fw(model.Rule{Text: "meta nftrace set 1"}, model.Rule{Text: "counter"})
	early := fw()
	early.Chains = append(early.Chains, chainOf("out", model.HookOutput, 0, "accept", model.Rule{Text: "meta nftrace set 1"}), chainOf("dev", model.HookIngress, 0, "accept", model.Rule{Text: "meta nftrace set 1"}))
	user.Chains = append(user.Chains, chainOf("u", 0, 0, "", model.Rule{Text: "meta nftrace set 1"}))
	ours := between(arming(p), "br0", "", 1)
	theirs := between(message("pre", EventRule, 10, model.VerdictContinue, p), "br0", "", 1)
	on := func(p *model.Packet, out string) Event {
		return between(message("f", EventPolicy, 0, model.VerdictAccept, p), "br0", out, 2)
	}
	post := func(p *model.Packet) Event {
		return between(probe(model.HookPostrouting, p), "br0", "br0", 2)
	}
	for _, c := range []struct {
		name         string
		table        *model.Table
		probes       bool
		events       []Event
		journeys, of int // and of which the last is a copy
	}{
		{"routed", fw(), true, []Event{ours, on(&routed, "br0")}, 1, 0},
		{"routed, and first seen behind forward", fw(), true, []Event{ours, post(&routed)}, 1, 0},
		{"flooded", fw(), true, []Event{ours, on(p, "br0")}, 2, 1},
		{"another packet", fw(), true, []Event{ours, on(&twice, "br0")}, 2, 0},
		{"a rule may have lowered it", fw(model.Rule{Target: "TTL", Text: "ip ttl set 63"}), true, []Event{ours, on(&routed, "br0")}, 2, 1},
		{"made by the kernel for the bridge", fw(), true, []Event{ours, post(p)}, 2, 0},
		{"routed, and another's trace may begin there", fw(model.Rule{Text: "meta nftrace set 1"}), true, []Event{ours, on(&routed, "br0")}, 1, 0},
		{"another's trace, and no rules were read", nil, false, []Event{theirs, on(&routed, "r1")}, 2, 0},
		{"another's trace", fw(), false, []Event{theirs, on(&routed, "br0")}, 1, 0},
		{"another's trace, out of another device", fw(), false, []Event{theirs, on(&routed, "r1")}, 1, 0},
		{"another's trace, which a rule ends", fw(model.Rule{Text: "meta nftrace set 0"}), false, []Event{theirs, on(&routed, "r1")}, 1, 0},
		{"another's trace, which may begin there", fw(model.Rule{Text: "meta nftrace set 1"}), false, []Event{theirs, on(&routed, "r1")}, 2, 0},
		{"another's trace, beside a rule that counts", counted, false, []Event{theirs, on(&routed, "r1")}, 1, 0},
		{"another's trace, which may begin at ingress and in output too", early, false, []Event{theirs, on(&routed, "r1")}, 1, 0},
		{"another's trace, which may begin before a rule that counts", followed, false, []Event{theirs, on(&routed, "r1")}, 2, 0},
		{"no rules were read", nil, true, []Event{ours, on(&routed, "br0")}, 2, 1},
		{"another's trace, which may begin in a chain", user, false, []Event{theirs, on(&routed, "r1")}, 2, 0},
	} {
		var rules Rules
		if c.table != nil {
			rules = rulesOf(c.table)
		}
		_, list := folded(rules, Options{Probes: c.probes}, c.events...)
		if n := len(list); n != c.journeys || list[n-1].CopyOf != c.of {
			t.Errorf("%s: %d journeys, the last a copy of %d, want %d, %d", c.name, n, list[n-1].CopyOf, c.journeys, c.of)
		}
	}
}

// TestMet: a chain that told nothing is missed by its table's backend and family, whatever other
// table has its name, and by the packet's way; one that sleeps is not.
func TestMet(t *testing.T) {
	p := udp("10.1.0.1", 5)
	table := func(b model.Backend, f model.Family, name string, c *model.Chain) *model.Table {
		return &model.Table{Backend: b, Family: f, Name: name, Chains: []*model.Chain{c}}
	}
	legacy := legacyTable("filter", builtin("filter", "INPUT", "ACCEPT"))
	variant := table(model.BackendIptablesNFT, model.FamilyIPv4, "filter", builtin("filter", "INPUT", "ACCEPT"))
	inet, four := nftTable("fw", chainOf("in", model.HookInput, 0, "accept")), table(model.BackendNFTables, model.FamilyIPv4, "fw", chainOf("in", model.HookInput, 5, "accept"))
	dormant := nftTable("dormant", chainOf("in", model.HookInput, 0, "accept"))
	dormant.Flags = "dormant"
	told := between(message("INPUT", EventPolicy, 0, model.VerdictAccept, p), "r0", "", 0)
	told.Family, told.Table = model.FamilyIPv4, "filter"
	in := message("in", EventPolicy, 0, model.VerdictAccept, p)
	delivered, made, sent := probe(model.HookInput, p), between(arming(p), "", "r1", 0), between(probe(model.HookPostrouting, p), "", "r1", 0)
	drops := line("filter", "OUTPUT", EventRule, 1, model.HookOutput, p)
	device := table(model.BackendNFTables, model.FamilyNetdev, "e", chainOf("c", model.HookEgress, 0, "drop"))
	egress := between(message("c", EventPolicy, 0, model.VerdictDrop, p), "", "r1", 0)
	egress.Family, egress.Table = model.FamilyNetdev, "e"
	fwd := line("filter", "FORWARD", EventPolicy, 1, model.HookForward, p)
	for _, c := range []struct {
		name   string
		rules  Rules
		events []Event
		misses string
	}{
		{"legacy beside iptables-nft", rulesOf(legacy, variant), []Event{arming(p), told, delivered}, "filter/INPUT"},
		{"two families", rulesOf(inet, four), []Event{arming(p), in, delivered}, "fw/in"},
		{"a table that sleeps", rulesOf(dormant), []Event{arming(p), delivered}, ""},
		{"made here", rulesOf(legacyTable("filter", builtin("filter", "OUTPUT", "ACCEPT"))), []Event{made, sent}, "filter/OUTPUT"},
		{"made here, dropped in output", rulesOf(legacyTable("mangle", builtin("mangle", "OUTPUT", "ACCEPT")), legacyTable("filter", builtin("filter", "OUTPUT", "ACCEPT", target("DROP")))), []Event{made, drops}, "mangle/OUTPUT"},
		{"dropped at a device's egress, behind forward", rulesOf(legacyTable("filter", builtin("filter", "FORWARD", "ACCEPT")), device), []Event{arming(p), probe(model.HookForward, p), egress}, "filter/FORWARD"},
		{"dropped at a device's egress, behind a forward that told", rulesOf(legacyTable("filter", builtin("filter", "FORWARD", "ACCEPT")), device), []Event{arming(p), fwd, probe(model.HookForward, p), egress}, ""},
		{"made here, and forward", rulesOf(legacyTable("filter", builtin("filter", "FORWARD", "ACCEPT"))), []Event{made, sent}, ""},
		{"made here, and prerouting", rulesOf(legacyTable("mangle", builtin("mangle", "PREROUTING", "ACCEPT"))), []Event{made, sent}, ""},
		{"it came in, and output", rulesOf(legacyTable("filter", builtin("filter", "OUTPUT", "ACCEPT"))), []Event{arming(p), probe(model.HookPostrouting, p)}, ""},
	} {
		_, list := folded(c.rules, Options{Probes: true}, c.events...)
		want := ""
		if c.misses != "" {
			want = "no event of " + c.misses + " was seen, which it met: events were lost or came too late"
		}
		if j := list[0]; j.Why != want || j.Complete != (want == "") {
			t.Errorf("%s: complete %v %q, want %q", c.name, j.Complete, j.Why, want)
		}
	}
}

// TestMetWithoutProbes: where another's rule traces, and no chain of ours tells how far a packet
// came, it came through all chains up to where it was seen last, and through the rest of that
// hook: behind a device's egress, and the chains of a bridge that the host sends by, is none.
func TestMetWithoutProbes(t *testing.T) {
	p := udp("10.1.0.1", 5)
	begins := model.Rule{Text: "meta nftrace set 1"}
	fw := nftTable("fw", chainOf("pre", model.HookPrerouting, -300, "accept", begins), chainOf("o", model.HookOutput, 0, "accept", begins), chainOf("p", model.HookPostrouting, 0, "accept"))
	bridge := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyBridge, Name: "b", Chains: []*model.Chain{chainOf("out", model.HookOutput, 0, "accept")}}
	device := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyNetdev, Name: "e", Chains: []*model.Chain{chainOf("c", model.HookEgress, 0, "accept")}}
	rules := rulesOf(fw, bridge, device, legacyTable("raw", builtin("raw", "PREROUTING", "ACCEPT")), legacyTable("mangle", builtin("mangle", "INPUT", "ACCEPT")), legacyTable("filter", builtin("filter", "INPUT", "ACCEPT")))
	at := func(chain, in, out string) Event {
		return between(message(chain, EventPolicy, 0, model.VerdictAccept, p), in, out, 0)
	}
	out := bridgeChain("out", model.VerdictAccept, p, "", "p1")
	egress := func(dev string) Event {
		e := at("c", "", dev)
		e.Family, e.Table = model.FamilyNetdev, "e"
		return e
	}
	begun := func(chain, in, out string) []Event {
		return []Event{between(message(chain, EventRule, 10, model.VerdictContinue, p), in, out, 0), headed(at(chain, in, out), nil)}
	}
	came, made := begun("pre", "r0", ""), begun("o", "", "br0")
	and := func(l []Event, more ...Event) []Event { return append(l[:2:2], more...) }
	raw := line("raw", "PREROUTING", EventPolicy, 1, model.HookPrerouting, p)
	mangle, filter := line("mangle", "INPUT", EventPolicy, 1, model.HookInput, p), line("filter", "INPUT", EventPolicy, 1, model.HookInput, p)
	const accepted, nothing, lost = "accepted by every chain that was traced", "; nothing would show it after that", "its end was not seen"
	for _, c := range []struct {
		name     string
		events   []Event
		sentence string
		why      string
	}{
		{"egress", and(came, raw, at("p", "r0", "r1"), egress("r1")), accepted, ""},
		{"egress, postrouting told nothing", and(came, raw, egress("r1")), "last seen in the egress hook" + nothing, "no event of fw/p was seen"},
		{"a bridge's output", and(made, at("p", "", "br0"), out), accepted, ""},
		{"a bridge's output, postrouting told nothing", and(made, out), "last seen in the output hook" + nothing, "no event of fw/p was seen"},
		{"its port's egress", and(made, at("p", "", "br0"), out, egress("p1")), accepted, ""},
		{"input", and(came, raw, mangle, filter), accepted, ""},
		{"input, of which the last chain told nothing", and(came, raw, mangle), "last seen in the input hook", lost},
	} {
		_, list := folded(rules, Options{}, c.events...)
		if j := list[0]; len(list) != 1 || !strings.Contains(j.Outcome.Sentence, c.sentence) || j.Complete != (c.why == "") || !strings.HasPrefix(j.Why, c.why) {
			t.Errorf("%s: %d journeys, %s (complete %v: %s)", c.name, len(list), j.Outcome.Sentence, j.Complete, j.Why)
		}
	}
}

// TestRenamedOnly: another id is another packet's where the kernel would not have given this one a
// new one: that is only where a bridge delivers it.
func TestRenamedOnly(t *testing.T) {
	p := udp("10.1.0.1", 5)
	fw := nftTable("fw", chainOf("pre", model.HookPrerouting, -10, "accept"), chainOf("in", model.HookInput, 0, "accept"))
	at := func(chain string, id uint32) Event {
		return between(message(chain, EventPolicy, 0, model.VerdictAccept, p), "r0", "", id)
	}
	named := between(line("raw", "PREROUTING", EventPolicy, 1, model.HookPrerouting, p), "r0", "", 9)
	named.Follow, named.Turn = 2, 3
	turned := between(probe(model.HookInput, p), "r0", "", 8)
	turned.Turn = 1
	for _, c := range []struct {
		name   string
		events []Event
	}{
		{"within prerouting", []Event{between(arming(p), "r0", "", 1), at("pre", 2)}},
		{"within input", []Event{between(arming(p), "r0", "", 1), at("in", 1), between(probe(model.HookInput, p), "r0", "", 2)}},
		{"behind forward", []Event{between(arming(p), "r0", "", 1), between(probe(model.HookForward, p), "r0", "r1", 1), between(probe(model.HookPostrouting, p), "r0", "r1", 2)}},
		{"the legacy tracer's has an id that is not this one", []Event{named, turned}},
	} {
		if _, list := folded(rulesOf(fw), Options{Probes: true}, c.events...); len(list) != 2 {
			t.Errorf("%s: %d journeys", c.name, len(list))
		}
	}
}

// TestRenamedReused: the id that a packet had before a bridge delivered it may be another's by then.
func TestRenamedReused(t *testing.T) {
	p, q := udp("10.1.0.1", 5), udp("10.1.0.1", 6)
	in := func(e Event) Event { return between(e, "br0", "", 1) }
	_, list := folded(rulesOf(nftTable("fw", chainOf("in", model.HookInput, 0, "accept", target("log")))), Options{Probes: true}, in(arming(p)), in(arming(q)),
		in(message("in", EventRule, 10, model.VerdictContinue, q)), between(message("in", EventPolicy, 0, model.VerdictAccept, p), "br0", "", 8),
		in(message("in", EventPolicy, 0, model.VerdictAccept, nil)), between(probe(model.HookInput, p), "br0", "", 8), in(probe(model.HookInput, q)))
	if len(list) != 2 || !list[0].Complete || !list[1].Complete {
		t.Errorf("%d journeys, the last complete %v: %s", len(list), list[len(list)-1].Complete, list[len(list)-1].Why)
	}
}

// TestAssumed: an event that shows other ends than the packet had is taken for its with a doubt.
func TestAssumed(t *testing.T) {
	for name, change := range map[string]func(*model.Packet){
		"nothing":                       func(*model.Packet) {},
		"the source":                    func(p *model.Packet) { p.Src = p.Src.Next() },
		"the destination":               func(p *model.Packet) { p.Dst = p.Dst.Next() },
		"the source's port":             func(p *model.Packet) { p.SPort++ },
		"the service, as REDIRECT does": func(p *model.Packet) { p.DPort++ },
	} {
		p := udp("10.1.0.1", 5)
		q := *p
		change(&q)
		b := &builder{}
		b.insert(&walk{source: SourceLegacy, family: model.FamilyIPv4, place: place{hook: model.HookPrerouting}, head: p})
		if b.assume(place{hook: model.HookPostrouting}, &Event{Packet: &q}); b.assumed != (name != "nothing") {
			t.Errorf("%s changed: assumed %v", name, b.assumed)
		}
	}
}

// TestStart: a packet begins when the first of its events was told, whichever tracer is read first.
func TestStart(t *testing.T) {
	p := udp("10.1.0.1", 5)
	late := between(line("filter", "OUTPUT", EventPolicy, 1, model.HookOutput, p), "", "r1", 0)
	late.Time = began.Add(5 * time.Millisecond)
	events := []Event{between(arming(p), "", "r1", 0), late, between(probe(model.HookPostrouting, p), "", "r1", 0)}
	for _, order := range [][]int{{0, 1, 2}, {1, 0, 2}, {0, 2, 1}} {
		var told []Event
		for _, i := range order {
			told = append(told, events[i])
		}
		_, list := folded(rulesOf(legacyTable("filter", builtin("filter", "OUTPUT", "ACCEPT"))), Options{Probes: true}, told...)
		if len(list) != 1 || !list[0].Start.Equal(began) {
			t.Errorf("%v: %d packets, the first begins at %v, not %v", order, len(list), list[0].Start, began)
		}
	}
}
