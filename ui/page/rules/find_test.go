package rules

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
)

// found lists the numbers of the rules that a text finds in a chain.
func found(text, chain string, backend model.Backend, rules ...model.Rule) []int {
	t := &model.Table{Backend: backend, Family: model.FamilyIPv4, Name: "filter"}
	c := &model.Chain{Name: chain, Hook: model.HookForward, Rules: rules}
	t.Chains = []*model.Chain{c}
	f := newFinder(text)
	f.enter(t, c)
	var out []int
	for i := range rules {
		if f.rule(&rules[i]) {
			out = append(out, i)
		}
	}
	return out
}

func TestFind(t *testing.T) {
	save := []string{
		0:  `-A FORWARD -s 10.0.0.0/8 -d 192.168.7.0/24 -j ACCEPT`,
		1:  `-A FORWARD -s 10.1.2.3/32 -p tcp -m tcp --dport 20:30 -j ACCEPT`,
		2:  `-A FORWARD -p tcp -m multiport --dports 80,443,8000:8100 -j ACCEPT`,
		3:  `-A FORWARD -m set --match-set Blocked src -j DROP`,
		4:  `-A FORWARD -p tcp -m comment --comment "SSH for the office in Zürich" -j ACCEPT`,
		5:  `-A FORWARD -m iprange --src-range 10.9.0.5-10.9.0.20 -j DROP`,
		6:  `-A FORWARD -d 172.16.0.0/255.240.0.0 -j DROP`,
		7:  `-A FORWARD -j DNAT --to-destination 10.2.0.2:8080`,
		8:  `-A FORWARD -s 0.0.0.0/0 -j DOCKER-USER`,
		9:  `-A FORWARD ! -d 10.0.0.12/32 -p udp -m udp --sport 53 -j DROP`,
		10: `-A FORWARD -m mark --mark 0x22/0xff -m limit --limit 22/sec -j ACCEPT`,
		11: `-A FORWARD -p tcp -m tcp --dport 1024: -j ACCEPT`,
		12: `-A FORWARD ! -s 10.0.0.0/8 -j DROP`,
	}
	var rules []model.Rule
	for _, s := range save {
		r := model.Rule{Text: s}
		if strings.HasSuffix(s, "DOCKER-USER") {
			r.Target, r.Jump = "DOCKER-USER", "DOCKER-USER"
		}
		rules = append(rules, r)
	}
	for text, want := range map[string][]int{
		"10.1.2.3":     {0, 1},
		"10.9.0.7":     {0, 5},
		"10.9.0.21":    {0},
		"192.168.7.9":  {0},
		"172.20.1.1":   {6},
		"172.32.0.1":   nil,
		"10.0.0.1":     {0}, // and not 10.0.0.12
		"10.0.0.12":    {0, 9},
		"10.2.0.2":     {0, 7},
		"10.9.0.0/24":  {0, 5},
		"11.0.0.0/8":   nil,
		"22":           {1}, // the range; not 0x22, not 22/sec
		"443":          {2},
		"8050":         {2, 11},
		"8080":         {2, 7, 11},
		"53":           {9},
		"2000":         {11},
		"blocked":      {3},
		"office":       {4},
		"ZÜRICH":       {4},
		"docker":       {8}, // by its maker
		"match-set":    {3},
		"dst port 443": {2},
		"10.0.0.0/8":   {0, 1, 5, 7, 12},
		"nothing":      nil,
	} {
		if got := found(text, "FORWARD", model.BackendLegacy, rules...); !slices.Equal(got, want) {
			t.Errorf("%q finds %v, want %v", text, got, want)
		}
	}
	if got := found("forw", "FORWARD", model.BackendNFTables, model.Rule{Text: "accept"}); len(got) != 1 {
		t.Error("a chain's name does not find its rules")
	}
	nft := []model.Rule{
		{Text: `ip saddr { 10.0.0.0/24, 10.5.0.1-10.5.0.9 } tcp dport { 22, 8000-8100 } accept`},
		{Text: `ip6 daddr 2001:db8::/32 udp sport != 53 drop`},
		{Text: `tcp dport @web jump limits`},
		{Text: `ip saddr != { 10.0.0.0/24, 10.5.0.4 } ip daddr != 10.0.0.0/8 drop`},
	}
	for text, want := range map[string][]int{
		"10.0.0.77": {0}, "10.5.0.4": {0, 3}, "10.7.7.7": nil, "10.5.0.10": nil, "2001:db8:1::5": {1}, "2001:db9::1": nil,
		"8099": {0}, "22": {0}, "53": {1}, "@web": {2},
	} {
		if got := found(text, "input", model.BackendNFTables, nft...); !slices.Equal(got, want) {
			t.Errorf("nft: %q finds %v, want %v", text, got, want)
		}
	}
}

func FuzzFinder(f *testing.F) {
	f.Add("10.0.0.1", `-A X -s 10.0.0.0/8 -p tcp --dport 1:2`)
	f.Add("2001:db8::1", `ip6 saddr 2001:db8::/32-:: tcp dport { 1-,:2,99999999999 }`)
	f.Add("ÄÖ", "-A X --comment äö")
	f.Add("80", "dports")
	f.Fuzz(func(t *testing.T, text, rule string) {
		got := found(text, "C", model.BackendLegacy, model.Rule{Text: rule})
		if _, err := netip.ParseAddr(text); err == nil || text == "" || len(got) > 0 {
			return
		}
		fd := newFinder(text)
		if fd.expr == nil && !fd.whole && strings.Contains(rule, text) && strings.ToLower(rule) == rule && strings.ToLower(text) == text {
			t.Errorf("%q is in %q and is not found", text, rule)
		}
	})
}
