package journey

import (
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
)

// sentIntoBridge are the events of a packet of this host that is through the IP families'
// hooks, with br0 to leave by, made here and routed.
func sentIntoBridge(p *model.Packet) (local, routed []Event) {
	on := func(e Event, in, out string) Event { return between(e, in, out, 0) }
	local = []Event{on(arming(p), "", "br0"), on(probe(model.HookPostrouting, p), "", "br0")}
	lower := *p
	lower.TTL--
	return local, []Event{on(arming(p), "r0", ""), on(probe(model.HookForward, &lower), "r0", "br0"), on(probe(model.HookPostrouting, &lower), "r0", "br0")}
}

// TestSentIntoBridgeFalls: what netfilter drops in a bridge's hooks of a packet that the host
// sent there ends that packet; what it drops in those of the IP families is another's.
func TestSentIntoBridgeFalls(t *testing.T) {
	p := udp("10.1.0.1", 5)
	lower := *p
	lower.TTL--
	local, routed := sentIntoBridge(p)
	xmit := []string{"__br_forward", "br_dev_xmit", "dev_hard_start_xmit", "ip_output"}
	with := func(p *model.Packet, h model.Hook, callers ...string) *drop.Drop {
		d := fallen(p, "NETFILTER_DROP", drop.StationNetfilter)
		d.Place, d.In, d.Out, d.Hook, d.Callers = "nf_hook_slow", "", "p1", h, callers
		return d
	}
	refused := with(p, model.HookPostrouting, "br_forward_finish", "__br_forward", "br_dev_xmit")
	refused.Orig, refused.State, refused.Facts = p.Tuple(), "NEW", &drop.Facts{Conntrack: &drop.Conntrack{InsertFailed: 1}}
	out, post := bridgeChain("out", model.VerdictAccept, p, "", "p1"), bridgeChain("post", model.VerdictAccept, p, "", "p1")
	const unsaid = "dropped by netfilter in the "
	for _, c := range []struct {
		name   string
		events []Event
		drop   *drop.Drop
		want   string
		whole  bool
	}{
		{"made here, output", local, with(p, model.HookOutput, xmit...), unsaid + "output hook, and no rule that was traced did it", false},
		{"made here, postrouting", local, with(p, model.HookPostrouting, append([]string{"br_forward_finish"}, xmit...)...), unsaid + "postrouting hook, and no rule that was traced did it", false},
		{"made here, behind output", append(local[:2:2], out), with(p, model.HookPostrouting, xmit...), unsaid + "postrouting hook, and no rule that was traced did it", false},
		{"made here, behind a chain of postrouting", append(local[:2:2], out, post), with(p, model.HookPostrouting, xmit...), unsaid + "postrouting hook, and no rule that was traced did it", false},
		{"made here, output, and it was behind that", append(local[:2:2], out, post), with(p, model.HookOutput, xmit...), "sent out of br0", true},
		{"routed, output", routed, with(&lower, model.HookOutput, xmit...), unsaid + "output hook, and no rule that was traced did it", false},
		{"routed, postrouting", routed, with(&lower, model.HookPostrouting, xmit...), unsaid + "postrouting hook, and no rule that was traced did it", false},
		{"conntrack has taken it before", local, refused, unsaid + "postrouting hook, and no rule that was traced did it", false},
		{"another one, in the output hook of IP", local, with(p, model.HookOutput, "__ip_local_out", "ip_send_skb"), "sent out of br0", true},
		{"another one, in the output hook of IP under a bridge", local, with(p, model.HookOutput, "__ip_local_out", "vxlan_xmit", "br_dev_xmit"), "sent out of br0", true},
	} {
		f := NewFold(Options{Probes: true})
		f.SetRules(rulesOf(&model.Table{Backend: model.BackendNFTables, Family: model.FamilyBridge, Name: "b", Chains: []*model.Chain{
			chainOf("out", model.HookOutput, 0, "accept"), chainOf("post", model.HookPostrouting, 0, "accept")}}), time.Time{})
		f.SetDrops(true)
		for i := range c.events {
			f.Event(&c.events[i])
		}
		f.Drop(c.drop)
		f.Flush()
		if list := f.Journeys(); len(list) != 1 || !strings.HasPrefix(list[0].Outcome.Sentence, c.want) || list[0].Complete != c.whole {
			t.Errorf("%s: %d journeys, %q (%v: %s), want %q", c.name, len(list), list[0].Outcome.Sentence, list[0].Complete, list[0].Why, c.want)
		}
	}
}

// TestSentIntoBridgeHeld: a packet that a bridge's chain hands to user space, or whose last step
// there nobody knows, is not sent: the probe of the IP families lies before that.
func TestSentIntoBridgeHeld(t *testing.T) {
	p := udp("10.1.0.1", 5)
	lower := *p
	lower.TTL--
	rules := rulesOf(&model.Table{Backend: model.BackendNFTables, Family: model.FamilyBridge, Name: "b", Chains: []*model.Chain{
		chainOf("out", model.HookOutput, 0, "accept", model.Rule{Text: "queue to 3", Target: "queue"}, model.Rule{Text: "mystery", Target: "mystery"}), chainOf("post", model.HookPostrouting, 0, "accept")}})
	rule := func(n int, v model.Verdict, p *model.Packet) Event {
		e := bridgeChain("out", v, p, "", "p1")
		e.Kind, e.Handle = EventRule, rules.Ruleset().Tables[0].Chains[0].Rules[n-1].Handle
		return e
	}
	local, routed := sentIntoBridge(p)
	for _, c := range []struct {
		name      string
		p         *model.Packet
		events    []Event
		n         int
		v         model.Verdict
		held, let string // where nothing comes behind it, where the bridge's postrouting does
	}{
		{"made here, queued", p, local, 1, model.VerdictQueue, "queued to user space by rule 1 of bridge b/out (nftables): queue to 3", "sent out of br0, let on by user space at rule 1 of bridge b/out"},
		{"routed, queued", &lower, routed, 1, model.VerdictQueue, "queued to user space by rule 1 of bridge b/out (nftables): queue to 3", "sent out of br0, let on by user space at rule 1 of bridge b/out"},
		{"made here, nobody knows", p, local, 2, model.VerdictUnknown, "last seen at rule 2 of bridge b/out (nftables): mystery", "sent out of br0, accepted by rule 2 of bridge b/out"},
		{"routed, nobody knows", &lower, routed, 2, model.VerdictUnknown, "last seen at rule 2 of bridge b/out (nftables): mystery", "sent out of br0, accepted by rule 2 of bridge b/out"},
	} {
		events := append(c.events[:len(c.events):len(c.events)], rule(c.n, c.v, c.p))
		for _, let := range []bool{false, true} {
			want := c.held
			if let {
				events, want = append(events, bridgeChain("post", model.VerdictAccept, c.p, "", "p1")), c.let
			}
			_, list := folded(rules, Options{Probes: true}, events...)
			if len(list) != 1 || !strings.HasPrefix(list[0].Outcome.Sentence, want) || list[0].Complete != let || (len(list[0].Possible) == 2) == let {
				t.Errorf("%s, let on %v: %d journeys, %+v (%v: %s), want %q", c.name, let, len(list), list[0].Outcome, list[0].Complete, list[0].Why, want)
			}
		}
	}
}

// TestSentIntoBridgeFloods: what a bridge copies of a packet is linked to it, be it a frame that
// the bridge forwards or a packet that the host sends there and that came to the end of its way
// through the IP families; not where another may be meant.
func TestSentIntoBridgeFloods(t *testing.T) {
	p := udp("10.1.0.1", 5)
	lower, low, other := *p, *p, *p
	lower.TTL--
	low.TTL -= 2
	other.Dst = p.Dst.Next()
	bridge := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyBridge, Name: "b", Chains: []*model.Chain{
		chainOf("fwd", model.HookForward, 0, "accept"), chainOf("out", model.HookOutput, 0, "accept"), chainOf("post", model.HookPostrouting, 0, "accept")}}
	longer := &model.Table{Backend: bridge.Backend, Family: bridge.Family, Name: bridge.Name, Chains: append(bridge.Chains[:3:3], chainOf("late", model.HookPostrouting, 10, "accept"))}
	mangle := legacyTable("mangle", builtin("mangle", "POSTROUTING", "ACCEPT"))
	at := func(chain string, p *model.Packet, in string) Event {
		return between(bridgeChain(chain, model.VerdictAccept, p, in, "p1"), in, "p1", 8)
	}
	both := func(p *model.Packet) []Event { return []Event{at("out", p, ""), at("post", p, "")} }
	local, routed := sentIntoBridge(p)
	alike := slices.Clone(local)
	for i := range alike {
		alike[i].ID += 100
	}
	frame := []Event{between(arming(p), "br0", "", 0)}
	line := between(line("mangle", "POSTROUTING", EventPolicy, 1, model.HookPostrouting, p), "", "br0", 0)
	before := line
	before.Packet = udp("10.9.0.1", 77)
	const sent, unseen = "sent out of p1, accepted by the policy of bridge b/post", "last seen in the postrouting hook; nothing would show it after that"
	for _, c := range []struct {
		name    string
		unarmed bool
		events  []Event // of the packet
		copied  []Event // of its copy, and then of the packet
		path    string
		of, n   int
		want    string // the copy's sentence begins with
	}{
		{"made here", false, local, both(p), PathOutput, 1, 2, sent},
		{"routed", false, routed, both(&lower), PathForward, 1, 2, sent},
		{"routed, output told nothing", false, routed, []Event{at("post", &lower, "")}, PathForward, 1, 2, unseen},
		{"made here, the legacy tracer is late", false, local, append(both(p), line), PathOutput, 1, 2, sent},
		{"made here, another legacy event came before", false, append([]Event{before}, local...), append(both(p), line), PathOutput, 2, 3, sent},
		{"made here, two chains of postrouting", false, local, []Event{at("post", p, ""), at("late", p, "")}, PathOutput, 1, 2, unseen},
		{"made here, postrouting told nothing", false, local, []Event{at("out", p, "")}, PathOutput, 1, 2, "last seen in the output hook; nothing would show it after that"},
		{"another destination", false, local, both(&other), PathUnknown, 0, 2, unseen},
		{"another hop limit", false, local, both(&low), PathUnknown, 0, 2, unseen},
		{"two are alike", false, append(slices.Clone(local), alike...), both(p), PathUnknown, 0, 3, unseen},
		{"not at the end of postrouting", false, local[:len(local)-1], both(p), PathUnknown, 0, 2, unseen},
		{"its own beginning was not seen", false, local[1:], both(p), PathUnknown, 0, 2, unseen},
		{"without probes", true, local, both(p), PathUnknown, 0, 2, "accepted by every chain that was traced"},
		{"forwarded by the bridge, without probes", true, frame, []Event{between(probe(model.HookForward, p), "br0", "br0", 8), at("post", p, "")}, PathForward, 0, 2, "accepted by every chain that was traced"},
		{"forwarded by the bridge", false, frame, []Event{between(probe(model.HookForward, p), "br0", "br0", 8), at("post", p, "")}, PathForward, 1, 2, "last seen in the postrouting hook"},
	} {
		rules := rulesOf(bridge)
		switch {
		case strings.Contains(c.name, "legacy"):
			rules = rulesOf(bridge, mangle)
		case strings.Contains(c.name, "two chains"):
			rules = rulesOf(longer)
		}
		_, list := folded(rules, Options{Probes: !c.unarmed}, append(c.events[:len(c.events):len(c.events)], c.copied...)...)
		if len(list) != c.n {
			t.Errorf("%s: %d journeys", c.name, len(list))
			continue
		}
		if j := list[c.n-1]; j.Path != c.path || j.CopyOf != c.of || !strings.HasPrefix(j.Outcome.Sentence, c.want) || j.Complete != (c.want == sent) || strings.Contains(c.want, "nothing would show") != (len(j.Possible) == 2) {
			t.Errorf("%s: %s, copy of #%d, %d steps: %s (%v: %s)", c.name, j.Path, j.CopyOf, len(j.Steps), j.Outcome.Sentence, j.Possible, j.Why)
		}
	}
}
