package journey

import (
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
)

// TestSentIntoBridge: a packet that the host sends out of a bridge, made here or routed, meets
// the bridge's output and postrouting hooks behind those of the IP families, and the rest of its
// way agrees with that; frames that the bridge forwards, and other packets, do not. The events
// are those of the kernel (TestSentIntoBridge of trace/live).
func TestSentIntoBridge(t *testing.T) {
	p := udp("10.1.0.1", 5)
	routed, masked, other := *p, *p, *p
	routed.TTL = p.TTL - 1
	masked.TTL, masked.Src, masked.SPort = p.TTL-1, p.Src.Next(), 4001
	other.Dst = p.Dst.Next()
	bridge := func() *model.Table {
		return &model.Table{Backend: model.BackendNFTables, Family: model.FamilyBridge, Name: "b", Chains: []*model.Chain{
			chainOf("out", model.HookOutput, 0, "accept"), chainOf("fwd", model.HookForward, 0, "accept"), chainOf("post", model.HookPostrouting, 0, "accept"), chainOf("late", model.HookPostrouting, 10, "accept")}}
	}
	with := func(more ...*model.Table) Rules {
		return rulesOf(append(more, bridge(),
			nftTable("fw", chainOf("o", model.HookOutput, 0, "accept"), chainOf("f", model.HookForward, 0, "accept"), chainOf("p", model.HookPostrouting, 0, "accept")),
			&model.Table{Backend: model.BackendNFTables, Family: model.FamilyNetdev, Name: "e", Chains: []*model.Chain{chainOf("br", model.HookEgress, 0, "accept"), chainOf("port", model.HookEgress, 0, "accept")}})...)
	}
	rules, both := with(), with(legacyTable("mangle", builtin("mangle", "POSTROUTING", "ACCEPT")))

	ip := func(chain string, p *model.Packet, in, out string) Event {
		return between(message(chain, EventPolicy, 0, model.VerdictAccept, p), in, out, 0)
	}
	is := func(chain string, v model.Verdict, p *model.Packet) Event { return bridgeChain(chain, v, p, "", "p1") }
	dev := func(chain, out string, p *model.Packet) Event {
		e := ip(chain, p, "", out)
		e.Family, e.Table = model.FamilyNetdev, "e"
		return e
	}
	mangled := func(p *model.Packet, in string) Event {
		return between(line("mangle", "POSTROUTING", EventPolicy, 1, model.HookPostrouting, p), in, "br0", 0)
	}
	const accept, dropped = model.VerdictAccept, model.VerdictDrop
	local := []Event{between(arming(p), "", "br0", 0), ip("o", p, "", "br0"), ip("p", p, "", "br0"), between(probe(model.HookPostrouting, p), "", "br0", 0)}
	came := []Event{between(arming(p), "r0", "", 0), ip("f", &routed, "r0", "br0"), between(probe(model.HookForward, &routed), "r0", "br0", 0)}
	through := func(q *model.Packet) []Event {
		return append(slices.Clone(came), ip("p", &routed, "r0", "br0"), between(probe(model.HookPostrouting, q), "r0", "br0", 0))
	}
	frame := []Event{between(arming(p), "br0", "", 0), bridgeChain("fwd", accept, p, "p1", "p2"), ip("f", p, "br0", "br0"), between(probe(model.HookForward, p), "br0", "br0", 0)}
	and := func(l []Event, more ...Event) []Event { return append(slices.Clone(l), more...) }
	qdisc := fallen(p, "QDISC_DROP", drop.StationDeviceOut)
	qdisc.In, qdisc.Out = "", "p1"
	lower := fallen(&routed, "QDISC_DROP", drop.StationDeviceOut)
	lower.In, lower.Out = "", ""
	bare := func(e Event) Event { e.Packet = nil; return e }
	short := rulesOf(&model.Table{Backend: model.BackendNFTables, Family: model.FamilyBridge, Name: "b", Chains: []*model.Chain{
		{Name: "own"}, chainOf("out", model.HookOutput, 0, "accept"), chainOf("post", model.HookPostrouting, 0, "accept")}})
	var beside []Event // event by event
	forwarded := and(frame, bridgeChain("post", accept, p, "", "p2"), ip("p", p, "", "br0"), between(probe(model.HookPostrouting, p), "", "br0", 0))
	for i, e := range and(local, is("out", accept, p), is("post", dropped, p)) {
		forwarded[i].ID += 100
		beside = append(beside, e, forwarded[i])
	}
	forwarded[6].ID += 100
	beside = append(beside, forwarded[6])
	for _, c := range []struct {
		name     string
		rules    Rules
		events   []Event
		drop     *drop.Drop
		way      string // the chains that each packet met
		path     string
		sentence string // of the first begins with
		out      string
		why      string // it is not complete
	}{
		{"made here, output drops it", rules, and(local, is("out", dropped, p)), nil, "o p out", PathOutput, "dropped by the policy of bridge b/out", "br0", ""},
		{"made here, postrouting drops it", rules, and(local, is("out", accept, p), is("post", dropped, p)), nil, "o p out post", PathOutput, "dropped by the policy of bridge b/post", "br0", ""},
		{"made here, output told nothing", rules, and(local, is("post", accept, p), is("late", dropped, p)), nil, "o p post late", PathOutput, "dropped by the policy of bridge b/late", "br0", ""},
		{"made here, sent", rules, and(local, is("out", accept, p), is("post", accept, p), is("late", accept, p)), nil, "o p out post late", PathOutput, "sent out of br0", "br0", ""},
		{"made here, dropped at the port", rules, and(local, is("out", accept, p), is("post", accept, p), is("late", accept, p)), qdisc, "o p out post late", PathOutput, "dropped by the kernel", "br0", ""},
		{"made here, no table of IP's shows it", rulesOf(bridge()), and(local[:1], is("post", accept, p), is("late", dropped, p)), nil, "post late", PathOutput, "dropped by the policy of bridge b/late", "br0", ""},
		{"routed, output drops it", rules, and(through(&routed), is("out", dropped, &routed)), nil, "f p out", PathForward, "dropped by the policy of bridge b/out", "br0", ""},
		{"routed, postrouting drops it", rules, and(through(&routed), is("post", dropped, &routed)), nil, "f p post", PathForward, "dropped by the policy of bridge b/post", "br0", ""},
		{"routed, with another source since", rules, and(through(&masked), is("out", accept, &masked), is("post", dropped, &masked)), nil, "f p out post", PathForward, "dropped by the policy of bridge b/post", "br0", ""},
		{"routed, the legacy tracer is late", both, and(through(&routed), is("out", accept, &routed), is("post", dropped, &routed), mangled(&routed, "r0")), nil, "f POSTROUTING p out post", PathForward, "dropped by the policy of bridge b/post", "br0", ""},
		{"routed, the legacy tracer is early", both, and([]Event{mangled(&routed, "r0")}, and(through(&routed), is("out", accept, &routed), is("post", dropped, &routed))...), nil, "f POSTROUTING p out post", PathForward, "dropped by the policy of bridge b/post", "br0", ""},
		{"egress of the bridge and of its port", rules, and(local, dev("br", "br0", p), is("out", accept, p), is("post", accept, p), dev("port", "p1", p)), nil, "o p br out post port", PathOutput, "sent out of br0", "br0", ""},
		{"egress of the bridge, output drops it", rules, and(local, dev("br", "br0", p), is("out", dropped, p)), nil, "o p br out", PathOutput, "dropped by the policy of bridge b/out", "br0", ""},
		{"forwarded by the bridge", both, and(frame, bridgeChain("post", accept, p, "", "p2"), bridgeChain("late", accept, p, "", "p2"), ip("p", p, "", "br0"), mangled(p, ""), between(probe(model.HookPostrouting, p), "", "br0", 0)), nil,
			"fwd f post late POSTROUTING p", PathForward, "sent out of br0", "br0", ""},
		{"forwarded by the bridge, the legacy tracer first", both, and(frame, mangled(p, ""), bridgeChain("post", accept, p, "", "p2"), ip("p", p, "", "br0"), between(probe(model.HookPostrouting, p), "", "br0", 0)), nil,
			"fwd f post POSTROUTING p", PathForward, "sent out of br0", "br0", ""},
		{"another destination", rules, and(local, is("out", dropped, &other)), nil, "o p; out", PathOutput, "sent out of br0", "br0", ""},
		{"behind source translation the source stays", rules, and(through(&masked), is("out", dropped, &routed)), nil, "f p; out", PathForward, "sent out of br0", "br0", ""},
		{"another id", rules, and(local, between(is("out", dropped, p), "", "p1", 8)), nil, "o p; out", PathOutput, "sent out of br0", "br0", ""},
		{"the id is another's that is made here", rules, and(local, and([]Event{is("out", accept, p), is("post", accept, p)}, local...)...), nil, "o p out post; o p", PathOutput, "sent out of br0", "br0", ""},
		{"the id is another's that the bridge forwards", rules, and(local, and([]Event{is("post", accept, p)}, frame...)...), nil, "o p post; fwd f", PathOutput, "sent out of br0", "br0", ""},
		{"output once more", rules, and(local, is("out", accept, p), is("post", accept, p), is("out", accept, p)), nil, "o p out post; out", PathOutput, "sent out of br0", "br0", ""},
		{"another destination, in postrouting", rules, and(local, is("out", accept, p), is("post", dropped, &other)), nil, "o p out; post", PathOutput, "sent out of br0", "br0", ""},
		{"another destination, at the port's egress", rules, and(local, is("out", accept, p), is("post", accept, p), dev("port", "p1", &other)), nil, "o p out post; port", PathOutput, "sent out of br0", "br0", ""},
		{"another hop limit, dropped at the port behind output", rules, and(local, is("out", accept, p)), lower, "o p out", PathOutput, "sent out of br0", "br0", ""},
		{"another hop limit, dropped at the port behind postrouting", rules, and(local, is("out", accept, p), is("post", accept, p)), lower, "o p out post", PathOutput, "sent out of br0", "br0", ""},
		{"another hop limit, dropped behind the bridge's egress", rules, and(local, dev("br", "br0", p)), lower, "o p br", PathOutput, "sent out of br0", "br0", ""},
		{"another hop limit, no table of IP's shows it", short, and(local[:1], is("out", accept, p), is("post", accept, p)), lower, "out post", PathOutput, "last seen in the postrouting hook; nothing would show it after that", "br0", "its end was not seen"},
		{"routed, no table shows it, dropped at the port", short, came[:1], lower, "", PathUnknown, "dropped by the kernel", "", ""},
		{"routed, no table of IP's shows it", short, and(came[:1], is("out", accept, &routed), is("post", dropped, &routed)), nil, "out post", PathForward, "dropped by the policy of bridge b/post", "p1", ""},
		{"routed, the bridge's egress shows it", rules, and(came[:1], dev("br", "br0", &routed), is("post", dropped, &routed)), nil, "br post", PathForward, "dropped by the policy of bridge b/post", "br0", "no event of fw/f was seen"},
		{"postrouting of IP's told nothing", rules, and(local[:2], is("out", accept, p), is("post", dropped, p)), nil, "o out post", PathOutput, "dropped by the policy of bridge b/post", "br0", "no event of fw/p was seen"},
		{"postrouting's headers are lost", rules, and(local, is("out", accept, p), bare(is("post", dropped, p))), nil, "o p out post", PathOutput, "dropped by the policy of bridge b/post", "br0", "events in its middle are missing"},
		{"the id is another's whose headers are lost", rules, and(local, is("out", dropped, p), bare(is("post", accept, p)), ip("p", p, "", "br0")), nil, "o p out; post p", PathOutput, "dropped by the policy of bridge b/out", "br0", ""},
		{"traced from a chain that postrouting calls", short, and(local[:1], is("own", model.VerdictReturn, p), bare(is("post", dropped, p))), nil, "own post", PathOutput, "dropped by the policy of bridge b/post", "br0", ""},
		{"the id is another's, whose headers show in postrouting", rules, and(local, is("out", dropped, p), is("post", accept, p), ip("p", p, "", "br0")), nil, "o p out; post p", PathOutput, "dropped by the policy of bridge b/out", "br0", ""},
		{"dropped, and the id is another's that shows in postrouting", rules, and(local, is("post", dropped, p), ip("p", p, "", "br0")), nil, "o p post; p", PathOutput, "dropped by the policy of bridge b/post", "br0", ""},
		{"the id is another's of another destination that shows in postrouting", rules, and(local, is("post", accept, p), is("late", accept, p), ip("p", &other, "", "br0")), nil, "o p post late; p", PathOutput, "sent out of br0", "br0", ""},
		{"beside another that the bridge forwards", rules, beside, nil, "o p out post; fwd f post p", PathOutput, "dropped by the policy of bridge b/post", "br0", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := NewFold(Options{Probes: true})
			f.SetRules(c.rules, time.Time{})
			f.SetDrops(true)
			for i := range c.events {
				f.Event(&c.events[i])
			}
			for b := range f.underWay {
				if b.way != model.HookNone && b.began && b.nft.place.inBridge() && c.why == "" && !b.settled(true) {
					t.Error("more of it is waited for")
				}
			}
			if c.drop != nil {
				f.Drop(c.drop)
			}
			f.Flush()
			list := f.Journeys()
			var ways []string
			for _, j := range list {
				var way []string
				for i := range j.Steps {
					s := &j.Steps[i]
					if way = append(way, s.Chain); s.Family == model.FamilyBridge && s.Hook != map[string]model.Hook{"out": model.HookOutput, "fwd": model.HookForward, "post": model.HookPostrouting, "late": model.HookPostrouting, "own": model.HookPostrouting}[s.Chain] {
						t.Errorf("%s in hook %s", s.Chain, s.Hook)
					}
				}
				ways = append(ways, strings.Join(way, " "))
			}
			if got := strings.Join(ways, "; "); got != c.way {
				t.Fatalf("through %q, want %q", got, c.way)
			}
			j := list[0]
			if j.Path != c.path || j.Out != c.out || !strings.HasPrefix(j.Outcome.Sentence, c.sentence) || j.Complete != (c.why == "") || !strings.HasPrefix(j.Why, c.why) {
				t.Errorf("%s in %q out %q: %s (complete %v: %s)", j.Path, j.In, j.Out, j.Outcome.Sentence, j.Complete, j.Why)
			}
		})
	}
}

// TestSentHeadersLost: of an event of the bridge's postrouting hook without headers, which were
// lost, nobody knows the family whose chains would have told of the packet before.
func TestSentHeadersLost(t *testing.T) {
	p := udp("10.1.0.1", 5)
	f := NewFold(Options{})
	f.SetRules(rulesOf(nftTable("fw", chainOf("p", model.HookPostrouting, 0, "accept")),
		&model.Table{Backend: model.BackendNFTables, Family: model.FamilyBridge, Name: "b", Chains: []*model.Chain{chainOf("post", model.HookPostrouting, 0, "accept")}}), time.Time{})
	e := bridgeChain("post", model.VerdictAccept, p, "", "p1")
	e.Packet = nil
	f.Event(&e)
	f.Flush()
	if j := f.Journeys()[0]; j.Complete || j.Why != "events in its middle are missing" || len(j.Steps) != 1 {
		t.Errorf("%d steps, complete %v: %s", len(j.Steps), j.Complete, j.Why)
	}
}

// TestRoutedFromABridge: what a bridge's input hook saw may be routed on: it did not come to the
// input of the IP families, and the kernel may have dropped it on its way there.
func TestRoutedFromABridge(t *testing.T) {
	p := udp("10.1.0.1", 5)
	rules := rulesOf(legacyTable("filter", builtin("filter", "INPUT", "DROP"), builtin("filter", "FORWARD", "ACCEPT")),
		&model.Table{Backend: model.BackendNFTables, Family: model.FamilyBridge, Name: "b", Chains: []*model.Chain{chainOf("in", model.HookInput, 5, "accept")}})
	seen := []Event{between(arming(p), "br0", "", 0), bridgeChain("in", model.VerdictAccept, p, "p1", "")}
	_, list := folded(rules, Options{Probes: true}, seen...)
	if o := list[0].Outcome.Sentence; len(list) != 1 || list[0].Path != PathUnknown || o != "last seen in the input hook, no rule dropped it: the kernel did (routing, rp_filter, conntrack, ...), or holds it" {
		t.Errorf("%d journeys, %s, %q", len(list), list[0].Path, o)
	}
	f := NewFold(Options{Probes: true})
	f.SetRules(rules, time.Time{})
	f.SetDrops(true)
	for i := range seen {
		f.Event(&seen[i])
	}
	d := fallen(p, "IP_INHDR", drop.StationForward)
	d.In = "br0"
	f.Drop(d)
	f.Flush()
	if j := f.Journeys()[0]; !j.Complete || j.Outcome.By.Reason != "IP_INHDR" || j.Path != PathUnknown {
		t.Errorf("%v %q %s: %q", j.Complete, j.Why, j.Path, j.Outcome.Sentence)
	}
}
