package journey

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/ruleset"
)

// TestUntold: a packet that a rule of a chain may have dropped which told nothing is not
// said to be dropped by the kernel: where legacy tables are not traced, and where a rule
// may have ended the trace.
func TestUntold(t *testing.T) {
	t.Parallel()
	base := func(name string, h model.Hook, p model.Priority) *model.Chain {
		return &model.Chain{Name: name, Hook: h, Priority: p, Policy: "ACCEPT", Rules: []model.Rule{{Target: "DROP", Text: "-j DROP"}}}
	}
	nft := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "fw", Chains: []*model.Chain{
		base("in", model.HookInput, 0), base("pre", model.HookPrerouting, -290)}}
	legacy := &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "filter", Chains: []*model.Chain{base("INPUT", model.HookInput, 0)}}
	mangle := &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "mangle", Chains: []*model.Chain{base("PREROUTING", model.HookPrerouting, -150)}}
	idle := &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "filter", Chains: []*model.Chain{{Name: "INPUT", Hook: model.HookInput, Policy: "ACCEPT"}}}
	late := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "late", Chains: []*model.Chain{base("in", model.HookInput, 10)}}
	muting := func(h model.Hook, at model.Priority) *model.Table {
		c := base("c", h, at)
		c.Rules = []model.Rule{{Text: "meta nftrace set 0"}}
		return &model.Table{Backend: model.BackendNFTables, Family: model.FamilyIPv4, Name: "mute", Chains: []*model.Chain{c}}
	}
	two := muting(model.HookInput, -5)
	two.Chains = append(two.Chains, base("d", model.HookInput, 5))
	comment := muting(model.HookForward, 0)
	comment.Backend, comment.Chains[0].Rules[0].Text = model.BackendLegacy, "-A FORWARD -m comment --comment \"no nftrace set 0 here\""
	passed := muting(model.HookInput, 0)
	passed.Name, passed.Family, passed.Chains[0].Name = "fw", model.FamilyInet, "in"
	six := muting(model.HookInput, 0)
	six.Family = model.FamilyIPv6
	user := muting(model.HookInput, 5)
	user.Chains[0].Rules[0].Text = "jump u"
	user.Chains = append(user.Chains, &model.Chain{Name: "u", Rules: []model.Rule{{Text: "meta nftrace set 0"}}})
	between := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "between", Chains: []*model.Chain{base("c", model.HookPrerouting, -250)}}
	mangleIn := &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "mangle", Chains: []*model.Chain{base("INPUT", model.HookInput, -150)}}
	bridge := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyBridge, Name: "b", Chains: []*model.Chain{{Name: "user"}}}
	const kernel, untold = "no rule dropped it: the kernel did", "told nothing: it is not traced, or its event was lost"
	for _, c := range []struct {
		name   string
		tables []*model.Table
		chain  string
		want   string
		deaf   bool
	}{
		{"a legacy chain in the same hook", []*model.Table{nft, legacy}, "in", "last seen in the input hook; filter/INPUT (iptables-legacy), which it met there, " + untold, false},
		{"an nft chain in the same hook", []*model.Table{nft, late}, "in", "last seen in the input hook; inet late/in (nftables), which it met there, " + untold, false},
		{"no other chain", []*model.Table{nft}, "in", kernel, false},
		{"a rule before it ends traces", []*model.Table{nft, muting(model.HookPrerouting, -150)}, "in", kernel, false},
		{"a rule before it in the hook ends traces", []*model.Table{nft, muting(model.HookInput, -5)}, "in", kernel, false},
		{"a rule of another way ends traces", []*model.Table{nft, muting(model.HookForward, 0)}, "in", kernel, false},
		{"a rule of another family ends traces", []*model.Table{nft, six}, "in", kernel, false},
		{"a rule beside it may have ended the trace", []*model.Table{nft, muting(model.HookInput, 0)}, "in",
			"last seen in the input hook; rule 1 of ip mute/c (nftables): meta nftrace set 0 may have ended its trace: what came after is not known", false},
		{"a rule of a chain that it is not in", []*model.Table{nft, two}, "in", "last seen in the input hook; ip mute/d (nftables), which it met there, " + untold, false},
		{"a comment that reads so", []*model.Table{nft, comment}, "pre", kernel, false},
		{"a rule of a chain that told its end", []*model.Table{passed}, "in", kernel, false},
		{"a rule behind the next hook", []*model.Table{nft, muting(model.HookForward, 0)}, "pre", "rule 1 of ip mute/c (nftables): meta nftrace set 0 may have ended its trace", false},
		{"a rule of a user chain", []*model.Table{nft, user}, "in", "rule 1 of ip mute/u (nftables): meta nftrace set 0 may have ended its trace", false},
		{"an nft chain before conntrack", []*model.Table{nft, between}, "pre", "last seen in the prerouting hook; inet between/c (nftables), which it met there, " + untold, false},
		{"one that it had behind it in the hook, with nobody to hear it", []*model.Table{nft, mangleIn}, "in", kernel, true},
		{"a bridge's chain that is not called by a hook", []*model.Table{nft, bridge}, "in", kernel, false},
		{"one in another hook", []*model.Table{nft, mangle}, "in", kernel, false},
		{"conntrack stands between", []*model.Table{nft, mangle}, "pre", kernel, false},
		{"a legacy chain of another hook, with nobody to hear it", []*model.Table{nft, legacy}, "pre",
			"last seen in the prerouting hook; filter/INPUT (iptables-legacy), or the kernel, may have dropped it: legacy tables are not traced", true},
		{"one behind conntrack, with nobody to hear it", []*model.Table{nft, mangle}, "pre", "; mangle/PREROUTING (iptables-legacy), or the kernel, may have", true},
		{"one that it had behind it, with nobody to hear it", []*model.Table{nft, mangle}, "in", kernel, true},
		{"one that drops nothing, with nobody to hear it", []*model.Table{nft, idle}, "pre", kernel, true},
		{"a legacy chain of another hook, heard", []*model.Table{nft, legacy}, "pre", kernel, false},
	} {
		rs := &model.Ruleset{Tables: c.tables}
		rs.Number()
		f := NewFold(Options{Probes: true})
		f.SetNoLegacy(c.deaf)
		f.SetRules(ruleset.NewIndex(rs), time.Time{})
		p := model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Length: 30, IPID: 1}
		now := time.Unix(1, 0)
		e := Event{Source: SourceNFT, Time: now, ID: 1, Family: model.FamilyInet, In: "eth0"}
		first := e
		first.Table, first.Chain, first.Kind, first.Handle, first.Packet = ProbePrefix+"1", "prerouting", EventRule, 1, &p
		f.Event(&first)
		q := p
		e.Table, e.Chain, e.Kind, e.Verdict, e.Packet = "fw", c.chain, EventPolicy, model.VerdictAccept, &q
		f.Event(&e)
		f.Flush()
		j := f.Journeys()[0]
		if !strings.Contains(j.Outcome.Sentence, c.want) || j.Outcome.Verdict != Unknown || j.Complete {
			t.Errorf("%s: %s, %q, want %q; complete %v", c.name, j.Outcome.Verdict, j.Outcome.Sentence, c.want, j.Complete)
		}
	}
}

// TestLegacyIsNotTraced: what a packet met in a legacy table is not said to be lost where
// nobody hears of it.
func TestLegacyIsNotTraced(t *testing.T) {
	t.Parallel()
	p := &model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Length: 30, IPID: 1}
	for deaf, want := range map[bool]string{
		false: "no event of filter/INPUT was seen, which it met: events were lost or came too late",
		true:  "what filter/INPUT did with it, which it met, is not known: legacy tables are not traced",
	} {
		f := NewFold(Options{Probes: true})
		f.SetNoLegacy(deaf)
		f.SetRules(parsed(t, "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP\nCOMMIT\n"), time.Time{})
		first, last := arming(p), probe(model.HookInput, p)
		f.Event(&first)
		f.Event(&last)
		f.Flush()
		if j := f.Journeys()[0]; j.Why != want || j.Complete {
			t.Errorf("nobody hears %v: %q, complete %v, want %q", deaf, j.Why, j.Complete, want)
		}
	}
}

// TestUntoldElsewhere: which chains may have dropped a packet that vanished hangs on where it was
// seen last, of what it came from there to before anything but chains drops packets.
func TestUntoldElsewhere(t *testing.T) {
	t.Parallel()
	p := udp("10.1.0.1", 5)
	seen := func(h model.Hook, at model.Priority) *model.Table {
		return nftTable("fw", chainOf("s", h, at, "accept"))
	}
	other := func(h model.Hook, at model.Priority) *model.Table {
		return nftTable("late", chainOf("c", h, at, "accept", target("drop")))
	}
	drops := func(table, chain string) *model.Table {
		return legacyTable(table, builtin(table, chain, "ACCEPT", target("DROP")))
	}
	six := drops("filter", "FORWARD")
	six.Family = model.FamilyIPv6
	device := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyNetdev, Name: "fw", Chains: []*model.Chain{chainOf("s", model.HookIngress, 0, "accept")}}
	bridge := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyBridge, Name: "b", Chains: []*model.Chain{chainOf("pre", model.HookPrerouting, 10, "accept")}}
	half := nftTable("fw", chainOf("s", model.HookInput, 0, "accept", model.Rule{Text: "counter"}, model.Rule{Text: "meta nftrace set 0"}))
	last := message("s", EventPolicy, 0, model.VerdictAccept, p)
	ingress := last
	ingress.Family = model.FamilyNetdev
	counted := message("s", EventRule, 10, model.VerdictContinue, p)
	below := bridgeChain("pre", model.VerdictAccept, p, "p1", "")
	const kernel, untold = ", no rule dropped it: the kernel did", "which it met there, told nothing"
	for _, c := range []struct {
		name   string
		deaf   bool
		tables []*model.Table
		events []Event
		want   string
	}{
		{"at ingress", false, []*model.Table{device, drops("mangle", "PREROUTING")}, []Event{ingress}, "last seen in the ingress hook" + kernel},
		{"at ingress, with nobody to hear it", true, []*model.Table{device, drops("filter", "INPUT")}, []Event{ingress}, "; filter/INPUT (iptables-legacy), or the kernel, may have dropped it"},
		{"forward, with nobody to hear it", true, []*model.Table{seen(model.HookPrerouting, -290), drops("filter", "FORWARD")}, []Event{arming(p), last}, "; filter/FORWARD (iptables-legacy), or the kernel, may have"},
		{"postrouting, with nobody to hear it", true, []*model.Table{seen(model.HookPrerouting, -290), drops("mangle", "POSTROUTING")}, []Event{arming(p), last}, "; mangle/POSTROUTING (iptables-legacy), or the kernel, may have"},
		{"another way, with nobody to hear it", true, []*model.Table{seen(model.HookForward, -5), drops("filter", "INPUT")}, []Event{arming(p), between(last, "r0", "r1", 0)}, "last seen in the forward hook" + kernel},
		{"another family's, with nobody to hear it", true, []*model.Table{seen(model.HookPrerouting, -290), six}, []Event{arming(p), last}, kernel},
		{"no rules were read, with nobody to hear it", true, nil, []Event{arming(p)}, kernel},
		{"the hook's early chains: conntrack is not between", false, []*model.Table{seen(model.HookInput, -290), other(model.HookInput, 0)}, []Event{arming(p), last}, "late/c (nftables), " + untold},
		{"one beside conntrack may come before it", false, []*model.Table{seen(model.HookPrerouting, -290), other(model.HookPrerouting, -200)}, []Event{arming(p), last}, "late/c (nftables), " + untold},
		{"seen beside conntrack, and perhaps behind it", false, []*model.Table{seen(model.HookPrerouting, -200), other(model.HookPrerouting, 0)}, []Event{arming(p), last}, "late/c (nftables), " + untold},
		{"conntrack is between", false, []*model.Table{seen(model.HookPrerouting, -290), other(model.HookPrerouting, -199)}, []Event{arming(p), last}, kernel},
		{"a bridge's chain that told", false, []*model.Table{bridge, seen(model.HookPrerouting, -290)}, []Event{arming(p), last, below}, kernel},
		{"behind a rule of the chain another ends traces", false, []*model.Table{half}, []Event{arming(p), counted}, "rule 2 of inet fw/s (nftables): meta nftrace set 0 may have ended its trace"},
	} {
		f := NewFold(Options{Probes: true})
		f.SetNoLegacy(c.deaf)
		if c.tables != nil {
			f.SetRules(rulesOf(c.tables...), time.Time{})
		}
		for i := range c.events {
			f.Event(&c.events[i])
		}
		f.Flush()
		if j := f.Journeys()[0]; !strings.Contains(j.Outcome.Sentence, c.want) || j.Outcome.Verdict != Unknown || len(f.Journeys()) != 1 {
			t.Errorf("%s: %d journeys, %s, %q, want %q", c.name, len(f.Journeys()), j.Outcome.Verdict, j.Outcome.Sentence, c.want)
		}
	}
}
