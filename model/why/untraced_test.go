package why

import (
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/model/ruleset"
)

const untracedRules = `table netdev n {
	chain r0 { type filter hook ingress devices = { r0, r2 } priority 0; policy accept;
		udp dport 9 drop
	}
	chain r1 { type filter hook ingress device "r1" priority 0; policy drop; }
}
table inet n {
	chain r0 { type filter hook ingress device "r0" priority 1; policy accept;
		udp dport { 9, 10 } reject
	}
	chain marks { type filter hook forward priority -5; policy accept;
		udp dport 14 meta mark set 8
	}
	set blocked { type ipv4_addr; }
	chain through { type filter hook forward priority 0; policy accept;
		udp dport 9 meta mark 7 drop
		udp dport 10 limit rate 1/second drop
		udp dport 11 ip saddr @blocked drop
		udp dport 14 meta mark 8 drop
		udp dport 15 xt target "TARPIT"
		ip daddr 10.2.0.2 udp dport 12 ip ttl 64 drop
	}
	chain late { type filter hook forward priority 10; policy drop;
		udp dport 13 accept
	}
}
table inet nfscope_1_1 {
	chain first { type filter hook forward priority -10; policy drop; }
}
table bridge b {
	chain through { type filter hook forward priority 0; policy drop; }
}
`

// TestSuspects: what may have dropped a packet that nobody traced, by the rules: all that can
// have and none that cannot, of the hook, the device and the family that the kernel names.
func TestSuspects(t *testing.T) {
	h := Host{Index: ruleset.NewIndex(nftRules(t, untracedRules))}
	at := func(hook model.Hook, port uint16, change func(*drop.Drop)) *drop.Drop {
		d := netfilter(9, with(udp(1), func(p *model.Packet) { p.DPort = port }))
		d.Hook = hook
		if change != nil {
			change(d)
		}
		return d
	}
	by := func(callers ...string) func(*drop.Drop) { return func(d *drop.Drop) { d.Callers = callers } }
	const late = "the policy of inet n/late"
	for _, c := range []struct {
		name string
		drop *drop.Drop
		open bool
		want []string
	}{
		{"at ingress: the first that drops for sure ends it", at(model.HookIngress, 9, nil), false, []string{"rule 1 of netdev n/r0"}},
		{"at ingress: the other family's", at(model.HookIngress, 9, by("nft_do_chain_inet_ingress.cold", "__netif_receive_skb_core")), false, []string{"rule 1 of inet n/r0"}},
		{"at ingress: no rule of the first", at(model.HookIngress, 10, nil), false, []string{"rule 1 of inet n/r0"}},
		{"at ingress: another device", at(model.HookIngress, 9, func(d *drop.Drop) { d.In = "r1" }), false, []string{"the policy of netdev n/r1"}},
		{"at ingress: one of several devices", at(model.HookIngress, 9, func(d *drop.Drop) { d.In = "r2" }), false, []string{"rule 1 of netdev n/r0"}},
		{"forwarded: by its mark", at(model.HookForward, 9, func(d *drop.Drop) { d.Packet.Mark = 7 }), false, []string{"rule 1 of inet n/through"}},
		{"forwarded: a mark it has not", at(model.HookForward, 9, nil), false, []string{late}},
		{"forwarded: a limit", at(model.HookForward, 10, nil), false, []string{"rule 2 of inet n/through", late}},
		{"forwarded: a set whose members are not known", at(model.HookForward, 11, nil), false, []string{"rule 3 of inet n/through", late}},
		{"forwarded: by its headers", at(model.HookForward, 12, nil), false, []string{"rule 6 of inet n/through"}},
		{"forwarded: by what a chain before it wrote", at(model.HookForward, 14, nil), false, []string{"rule 4 of inet n/through"}},
		{"forwarded: a rule that nobody knows", at(model.HookForward, 15, nil), true, []string{late}},
		{"forwarded: none", at(model.HookForward, 13, nil), false, nil},
		{"forwarded by a bridge", at(model.HookForward, 13, by("nft_do_chain_bridge", "nf_hook_slow")), false, []string{"the policy of bridge b/through"}},
		{"forwarded by a bridge, by whose chain is not told", at(model.HookForward, 9, by("nf_hook_slow", "__br_forward", "br_handle_frame_finish")), false, nil},
		{"forwarded by a bridge, for br_netfilter", at(model.HookForward, 9, by("nf_hook_slow", "br_nf_forward_ip", "nf_hook_slow", "__br_forward")), false, []string{late}},
		{"forwarded, and it came by a bridge", at(model.HookForward, 9, by("nf_hook_slow", "NF_HOOK.constprop.0", "ip_forward", "ip_rcv", "br_pass_frame_up")), false, []string{late}},
		{"of which no hook is known", at(model.HookNone, 9, nil), false, nil},
	} {
		got := SuspectsOf(c.drop, h)
		var names []string
		for i := range got.List {
			name, _, _ := strings.Cut(got.List[i].Words(), " (nftables)")
			names = append(names, name)
		}
		if !slices.Equal(names, c.want) || got.Open != c.open {
			t.Errorf("%s: %q, open %v, want %q, %v", c.name, names, got.Open, c.want, c.open)
		}
	}
	if got := SuspectsOf(at(model.HookForward, 9, nil), Host{}); got.List != nil {
		t.Errorf("without rules: %v", got)
	}
}

// TestUntraced: one suspect is named in the sentence, as likely; several are evidence; and of
// another packet than the verdict's they are none.
func TestUntraced(t *testing.T) {
	f, err := filter.Parse("udp and dst port 9")
	if err != nil {
		t.Fatal(err)
	}
	d := netfilter(9, udp(1))
	const begins = "udp 10.1.0.2 > 10.2.0.2:9 was dropped by netfilter in the forward hook, "
	const vague = begins + "by a rule or a policy that was not traced"
	one := []journey.Culprit{drops9}
	many := []journey.Culprit{drops9, rule(3, "-j DROP"), rule(4, "-j DROP"), rule(5, "-j DROP"), rule(6, "-j DROP")}
	for _, c := range []struct {
		name           string
		suspects       *Suspects
		of             *drop.Drop
		sentence, says string
	}{
		{"nobody asked", nil, nil, vague, "the rule is not known"},
		{"one", &Suspects{List: one}, d, begins + "likely by " + drops9.Words(), "by the rules of now no other can have"},
		{"one, and what is not known", &Suspects{List: one, Open: true}, d, vague, "by the rules of now it may have been rule 2 of filter/FORWARD"},
		{"several", &Suspects{List: many}, d, vague, "by the rules of now it may have been rule 5 of filter/FORWARD (iptables-legacy): -j DROP\nor 1 more rule of that hook"},
		{"none", &Suspects{}, d, vague, "the rule is not known"},
		{"another packet's", &Suspects{List: one}, netfilter(9, udp(2)), vague, "the rule is not known"},
	} {
		s := Seen{Filter: f, Began: begin, Looked: 1, Watch: drop.Watch{Step: drop.StepBPF, Netns: inode}, Drops: []*drop.Drop{d}, Suspects: c.suspects, Untraced: c.of}
		a := judged(t, &s)
		a.Near(&miss.Finder{}, 0) // no packet was traced that could have missed a rule
		var by journey.Culprit
		if strings.Contains(c.sentence, "likely by") {
			by = c.suspects.List[0]
		}
		if a.By != by {
			t.Errorf("%s: by %v, want %v", c.name, a.By, by)
		}
		said(t, a.Evidence...)
		all := a.Because + "\n" + strings.Join(a.Evidence, "\n")
		if a.Kind != Netfilter || a.Confidence != Likely || a.Untraced != d || a.Sentence != c.sentence || !strings.Contains(all, c.says) || strings.Count(all, "may have been") > mostSuspects {
			t.Errorf("%s: %s %s\n%s\n%s", c.name, a.Kind, a.Confidence, a.Sentence, all)
		}
	}
}

func nftRules(t *testing.T, text string) *model.Ruleset {
	t.Helper()
	tables, found := ruleset.ParseNFT("test", []byte(text))
	if len(found) > 0 {
		t.Fatal(found)
	}
	rs := &model.Ruleset{Tables: tables}
	rs.Number()
	return rs
}
