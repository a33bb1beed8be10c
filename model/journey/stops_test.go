package journey

import (
	"slices"
	"testing"

	"nfscope/model"
)

// TestStopsByWay: which chains can still drop a packet hangs on where it is and which way it
// goes: those of its family alone that have a policy or a rule for it, or one nobody can read.
func TestStopsByWay(t *testing.T) {
	drop, accept := target("drop"), target("accept")
	other := nftTable("six", chainOf("fwd", model.HookForward, 1, "drop"), chainOf("in", model.HookInput, 1, "drop"))
	other.Family = model.FamilyIPv6
	bridge := nftTable("b", chainOf("fwd", model.HookForward, 1, "drop"))
	bridge.Family = model.FamilyBridge
	asleep := nftTable("asleep", chainOf("fwd", model.HookForward, 1, "drop"))
	asleep.Flags = "dormant"
	ours := nftTable("nfscope_1_1", chainOf("post", model.HookPostrouting, 1, "drop"))
	rs := &model.Ruleset{Tables: []*model.Table{other, bridge, asleep, ours,
		nftTable("fw", chainOf("pre", model.HookPrerouting, -10, "accept", drop), chainOf("in", model.HookInput, 0, "drop"), chainOf("fwd", model.HookForward, 0, "accept", accept, drop),
			chainOf("out", model.HookOutput, 0, "drop"), chainOf("post", model.HookPostrouting, 0, "accept", jump("u")), chainOf("u", 0, 0, "", jump("v")), chainOf("v", 0, 0, "", drop)),
		nftTable("odd", chainOf("in", model.HookInput, 5, "accept", model.Rule{Text: "# nobody can print this", Marked: "unreadable"}), chainOf("maps", model.HookInput, 6, "accept", model.Rule{Text: "tcp dport vmap @all"}),
			chainOf("counts", model.HookInput, 7, "accept", model.Rule{Text: "counter"}, accept)),
	}}
	rs.Number()
	all := basesOf(rs)
	for _, c := range []struct {
		name   string
		at     place
		way    model.Hook
		beside int
		later  []string
	}{
		{"it is delivered", place{model.HookPrerouting, -300}, model.HookInput, 0, []string{"inet fw/pre (nftables)", "inet fw/in (nftables)", "inet odd/in (nftables)", "inet odd/maps (nftables)"}},
		{"it is forwarded", place{model.HookPrerouting, -300}, model.HookForward, 0, []string{"inet fw/pre (nftables)", "inet fw/fwd (nftables)", "inet fw/post (nftables)"}},
		{"where it goes is not known", place{model.HookPrerouting, -300}, model.HookNone, 0, []string{"inet fw/pre (nftables)"}},
		{"it is made here", place{model.HookOutput, -300}, model.HookOutput, 0, []string{"inet fw/out (nftables)", "inet fw/post (nftables)"}},
		{"it is being forwarded", place{model.HookForward, 0}, model.HookForward, 1, []string{"inet fw/post (nftables)"}},
		{"it has been in the chain", place{model.HookForward, 1}, model.HookForward, 0, []string{"inet fw/post (nftables)"}},
		{"behind all", place{model.HookPostrouting, 1}, model.HookForward, 0, nil},
	} {
		got := all.after(&aheadKey{c.at, model.FamilyIPv4, c.way})
		if len(got.beside) != c.beside || !slices.Equal(got.later, c.later) {
			t.Errorf("%s: beside %d, later %q, want %d, %q", c.name, len(got.beside), got.later, c.beside, c.later)
		}
	}
}

// TestAheadOfWhat: an accept of a rule and of a policy that filter name what is still to come,
// as the last step of a chain; that of nat decides nothing.
func TestAheadOfWhat(t *testing.T) {
	p := udp("10.1.0.1", 5)
	rules := rulesOf(nftTable("fw", chainOf("pre", model.HookPrerouting, -10, "accept", target("accept")), chainOf("fwd", model.HookForward, 0, "accept"), chainOf("nat", model.HookPrerouting, -5, "accept", target("dnat")),
		chainOf("post", model.HookPostrouting, 0, "drop")), legacyTable("nat", builtin("nat", "PREROUTING", "ACCEPT")))
	_, list := folded(rules, Options{Probes: true}, arming(p), message("pre", EventRule, 10, model.VerdictAccept, p), message("nat", EventRule, 10, model.VerdictAccept, p),
		line("nat", "PREROUTING", EventPolicy, 1, model.HookPrerouting, p), message("fwd", EventPolicy, 0, model.VerdictAccept, p), message("post", EventPolicy, 0, model.VerdictDrop, p))
	var got []int
	for _, s := range list[0].Steps {
		got = append(got, len(s.Ahead))
	}
	if want := []int{0, 1, 0, 1, 0}; len(list) != 1 || !slices.Equal(got, want) {
		t.Errorf("%d journeys, %q: chains ahead %v, want %v", len(list), rungs(list[0]), got, want)
	}
}
