package filter_test

import (
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/filter"
	"nfscope/model/flow"
)

const enter = "the filter is held against packets as they enter: "

// TestHints holds filters against rules of nat that change what they ask for.
func TestHints(t *testing.T) {
	t.Parallel()
	legacy := func(target, text string) *model.Ruleset {
		rs := &model.Ruleset{Tables: []*model.Table{{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "nat",
			Chains: []*model.Chain{{Name: "PREROUTING", Hook: model.HookPrerouting, Rules: []model.Rule{{Text: text, Target: target}}}}}}}
		rs.Number()
		return rs
	}
	native := func(target, text string) *model.Ruleset {
		rs := legacy(target, text)
		rs.Tables[0].Backend, rs.Tables[0].Name, rs.Tables[0].Chains[0].Name = model.BackendNFTables, "n", "pre"
		return rs
	}
	const rule1 = "rule 1 of nat/PREROUTING (iptables-legacy) "
	dnat := legacy("DNAT", "-A PREROUTING -p udp -m udp --dport 80 -j DNAT --to-destination 10.2.0.2:99")
	host := legacy("DNAT", "-A PREROUTING -d 203.0.113.9/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.2.0.2:99")
	for _, c := range []struct {
		text string
		rs   *model.Ruleset
		want string // what follows "as they enter: "; "" for no hint
	}{
		{"dst port 99", legacy("DNAT", "-A PREROUTING -p udp -m udp --dport 80 -j DNAT --to-destination :99"), rule1 + "turns port 80 into port 99; try `dst port 80`"},
		{"udp and dst port 99", dnat, rule1 + "turns port 80 into 10.2.0.2:99; try `udp and dst port 80`"},
		{"port 99 or icmp", dnat, rule1 + "turns port 80 into 10.2.0.2:99; try `port 80 or icmp`"},
		{"tcp and dst port 99", dnat, ""}, {"dst port 80", dnat, ""}, {"dst portrange 80-99", dnat, ""}, {"not dst port 99", dnat, ""}, {"", dnat, ""},
		{"ip6 and dst port 99", dnat, ""}, {"udp and port 53", dnat, ""},
		{"udp and dst host 10.2.0.2", dnat, rule1 + "turns port 80 into 10.2.0.2:99; try it without `dst host 10.2.0.2`"},
		{"udp and src port 80", dnat, rule1 + "turns port 80 into 10.2.0.2:99, and back in replies; try `udp and src port 99`"},
		{"dst host 10.2.0.2 and dst port 99", host, rule1 + "turns 203.0.113.9:80 into 10.2.0.2:99; try `dst host 203.0.113.9 and dst port 80`"},
		{"dst net 10.2.0.0/16", host, rule1 + "turns 203.0.113.9:80 into 10.2.0.2:99; try `dst host 203.0.113.9`"},
		{"src host 203.0.113.9", host, rule1 + "turns 203.0.113.9:80 into 10.2.0.2:99, and back in replies; try `src host 10.2.0.2`"},
		{"dst port 5555", legacy("REDIRECT", "-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 5555"), rule1 + "turns port 80 into port 5555; try `dst port 80`"},
		{"src host 10.2.0.1", legacy("SNAT", "-A POSTROUTING -s 10.1.0.0/24 -o r1 -j SNAT --to-source 10.2.0.1"), rule1 + "turns 10.1.0.0/24 into 10.2.0.1; try `src net 10.1.0.0/24`"},
		{"dst host 10.1.0.2", legacy("SNAT", "-A POSTROUTING -s 10.1.0.0/24 -o r1 -j SNAT --to-source 10.2.0.1"), rule1 + "turns 10.1.0.0/24 into 10.2.0.1, and back in replies; try `dst host 10.2.0.1`"},
		{"src host 10.1.0.2", legacy("SNAT", "-A POSTROUTING -s 10.1.0.0/24 -o r1 -j SNAT --to-source 10.2.0.1"), ""},
		{"udp and dst host 10.1.0.2", legacy("MASQUERADE", "-A POSTROUTING -s 10.1.0.0/24 -j MASQUERADE"),
			rule1 + "masquerades 10.1.0.0/24 behind this host's own address, and back in replies; try it without `dst host 10.1.0.2`"},
		{"dst host 10.9.0.2", legacy("MASQUERADE", "-A POSTROUTING -s 10.1.0.0/24 -j MASQUERADE"), ""},
		{"dst port 99", legacy("DNAT", "-A PREROUTING -p udp -m udp ! --dport 80 -j DNAT --to-destination 10.2.0.2:99"), ""},
		{"dst port 99", legacy("ACCEPT", "-A INPUT -p udp -m udp --dport 99 -j ACCEPT"), ""},
		{"dst port 99", native("dnat", "udp dport 80 dnat to 10.2.0.2:99"), "rule 1 of ip n/pre (nftables) turns port 80 into 10.2.0.2:99; try `dst port 80`"},
		{"dst port 99", native("dnat", "udp dport 80 dnat to :99"), "rule 1 of ip n/pre (nftables) turns port 80 into port 99; try `dst port 80`"},
		{"dst port 5555", native("redirect", "tcp dport 80 redirect to :5555"), "rule 1 of ip n/pre (nftables) turns port 80 into port 5555; try `dst port 80`"},
		{"src host 10.2.0.1", native("snat", "ip saddr 10.1.0.2 snat to 10.2.0.1"), "rule 1 of ip n/pre (nftables) turns 10.1.0.2 into 10.2.0.1; try `src host 10.1.0.2`"},
		{"dst port 99", native("dnat", "dnat to tcp dport map { 80 : 10.0.0.1 . 99 }"), ""},
		{"dst port 99", nil, ""},
	} {
		var want []string
		if c.want != "" {
			want = []string{enter + c.want}
		}
		if got := filter.Hints(parse(t, c.text), c.rs, nil); !slices.Equal(got, want) {
			t.Errorf("%q:\n%s\nwant\n%s", c.text, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		for _, h := range filter.Hints(parse(t, c.text), c.rs, nil) {
			if _, try, ok := strings.Cut(h, "try `"); ok {
				parse(t, strings.TrimSuffix(try, "`"))
			}
		}
	}
	many := legacy("DNAT", "-A PREROUTING -p udp -m udp --dport 80 -j DNAT --to-destination 10.2.0.2:99")
	r := many.Tables[0].Chains[0].Rules[0]
	many.Tables[0].Chains[0].Rules = slices.Repeat([]model.Rule{r}, 50)
	many.Number()
	if got := filter.Hints(parse(t, "dst port 99"), many, nil); len(got) != 3 {
		t.Errorf("%d hints of 50 rules", len(got))
	}
}

// TestFlowHints: where no rule says it plainly, conntrack's entries may.
func TestFlowHints(t *testing.T) {
	t.Parallel()
	flows := []*flow.Flow{natted(), natted()}
	for _, c := range []struct{ text, want string }{
		{"dst port 8443", "a connection that conntrack has enters as 10.0.0.5:51000 > 203.0.113.9:443 and leaves as 10.2.0.1:40001 > 10.2.0.2:8443; try `tcp and dst host 203.0.113.9 and dst port 443`"},
		{"tcp and src port 443", "a connection that conntrack has enters as 10.2.0.2:8443 > 10.2.0.1:40001 and leaves as 203.0.113.9:443 > 10.0.0.5:51000; try `tcp and src host 10.2.0.2 and src port 8443`"},
		{"port 8443", ""}, {"dst port 443", ""}, {"udp and dst port 8443", ""}, {"host 10.9.9.9", ""},
	} {
		var want []string
		if c.want != "" {
			want = []string{enter + c.want}
		}
		if got := filter.Hints(parse(t, c.text), nil, slices.Values(flows)); !slices.Equal(got, want) {
			t.Errorf("%q:\n%s\nwant\n%s", c.text, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}
