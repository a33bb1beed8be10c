package uitest

import (
	"strings"

	"nfscope/model"
)

// n makes counters.
func n(packets, bytes uint64) model.Counters {
	return model.Counters{Packets: packets, Bytes: bytes, Valid: true}
}

// Rules makes the ruleset: legacy filter, nat and raw, an iptables-nft filter, and
// a native inet table with a set.
func Rules() *model.Ruleset {
	rs := &model.Ruleset{Generation: "gen-7", Taken: now, Tables: []*model.Table{
		legacyRaw(), legacyNAT(), legacyFilter(), nftFilter(), inetFw(),
	}}
	rs.Number()
	return rs
}

// base makes a built-in chain of an iptables table.
func base(table, name, policy string, c model.Counters, rules ...model.Rule) *model.Chain {
	h, p, _ := model.BuiltinChain(table, name)
	return &model.Chain{Name: name, Hook: h, Priority: p, Policy: policy, Counters: c, Rules: rules}
}

// user makes a user chain.
func user(name string, rules ...model.Rule) *model.Chain {
	return &model.Chain{Name: name, Rules: rules}
}

// rule reads target, jump and comment from the text of a save line.
func rule(text string, c model.Counters) model.Rule {
	r := model.Rule{Text: text, Counters: c}
	for _, flag := range []string{" -j ", " -g "} {
		if i := strings.LastIndex(text, flag); i >= 0 {
			r.Target = strings.Fields(text[i+4:])[0]
			r.Goto = flag == " -g "
			if strings.HasPrefix(r.Target, "DOCKER") || r.Target == "LOGDROP" || r.Target == "KUBE-FW" {
				r.Jump = r.Target
			}
		}
	}
	if _, rest, ok := strings.Cut(text, `--comment "`); ok {
		r.Comment, _, _ = strings.Cut(rest, `"`)
	} else if _, rest, ok := strings.Cut(text, "--comment "); ok {
		r.Comment = strings.Fields(rest)[0]
	}
	return r
}

func legacyRaw() *model.Table {
	return &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "raw", Chains: []*model.Chain{
		base("raw", "PREROUTING", "ACCEPT", n(128340, 96412003)),
		base("raw", "OUTPUT", "ACCEPT", n(4120, 391200)),
	}}
}

func legacyNAT() *model.Table {
	return &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "nat", Chains: []*model.Chain{
		base("nat", "PREROUTING", "ACCEPT", n(412, 24720),
			rule(`-A PREROUTING -d 203.0.113.1/32 -p tcp -m tcp --dport 443 -m comment --comment "公网入口 web" -j DNAT --to-destination 10.2.0.2:8443`, n(37, 2220)),
			rule(`-A PREROUTING -i eth1 -p udp -m udp --dport 53 -j REDIRECT --to-ports 5353`, n(120, 8160))),
		base("nat", "INPUT", "ACCEPT", n(120, 8160)),
		base("nat", "OUTPUT", "ACCEPT", n(61, 4392),
			rule(`-A OUTPUT -d 192.168.0.2/32 -p tcp -m tcp --dport 55 -j DNAT --to-destination 10.2.0.2:80`, n(0, 0))),
		base("nat", "POSTROUTING", "ACCEPT", n(98, 6144),
			rule(`-A POSTROUTING -s 10.2.0.0/24 -d 10.2.0.2/32 -m comment --comment hairpin -j MASQUERADE`, n(2, 120)),
			rule(`-A POSTROUTING -s 10.1.0.0/24 -o eth0 -j SNAT --to-source 203.0.113.1`, n(211, 12660)),
			rule(`-A POSTROUTING -s 10.2.0.0/24 -o eth0 -j MASQUERADE`, n(44, 2640))),
	}}
}

func legacyFilter() *model.Table {
	return &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "filter", Chains: []*model.Chain{
		base("filter", "INPUT", "ACCEPT", n(12034, 912034),
			rule(`-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT`, n(10344, 843312)),
			rule(`-A INPUT -d 203.0.113.10/32 -j DROP`, n(17, 1020)),
			rule(`-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT`, n(0, 0)),
			rule(`-A INPUT -p tcp -m multiport --dports 137,138,139,445 -m comment --comment "no SMB from outside" -g LOGDROP`, n(3, 180))),
		base("filter", "FORWARD", "DROP", n(9, 540),
			rule(`-A FORWARD -j DOCKER-USER`, n(103441, 88123004)),
			rule(`-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`, n(102877, 88089100)),
			rule(`-A FORWARD -o br0 -j DOCKER`, n(39, 2340)),
			rule(`-A FORWARD -p tcp -m tcp --dport 25 -m comment --comment "禁止直接发信" -j REJECT --reject-with icmp-port-unreachable`, n(12, 720)),
			rule(`-A FORWARD -i eth1 -o eth0 -j ACCEPT`, n(513, 30844))),
		base("filter", "OUTPUT", "ACCEPT", n(4120, 391200)),
		user("DOCKER",
			rule(`-A DOCKER -d 10.2.0.3/32 -p tcp -m tcp --dport 8080 -j ACCEPT`, n(0, 0)),
			rule(`-A DOCKER -d 10.2.0.2/32 -p tcp -m tcp --dport 8443 -j ACCEPT`, n(37, 2220))),
		user("DOCKER-USER",
			rule(`-A DOCKER-USER -s 198.51.100.66/32 -m comment --comment "abuse 2026-03-11" -j DROP`, n(58, 3480)),
			rule(`-A DOCKER-USER -j RETURN`, n(103383, 88119524))),
		user("LOGDROP",
			rule(`-A LOGDROP -m limit --limit 5/min -j LOG --log-prefix "smb: "`, n(2, 120)),
			rule(`-A LOGDROP -j DROP`, n(3, 180))),
	}}
}

func nftFilter() *model.Table {
	h := func(handle uint64, r model.Rule) model.Rule { r.Handle = handle; return r }
	return &model.Table{Backend: model.BackendIptablesNFT, Family: model.FamilyIPv4, Name: "filter", Chains: []*model.Chain{
		base("filter", "INPUT", "DROP", n(23, 1380),
			h(8, rule(`-A INPUT -i lo -j ACCEPT`, n(820, 65600))),
			h(9, rule(`-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`, n(9233, 723400))),
			h(10, rule(`-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT`, n(411, 24660))),
			h(11, rule(`-A INPUT -p icmp -j ACCEPT`, n(64, 5376))),
			h(12, rule(`-A INPUT -j KUBE-FW`, n(23, 1380)))),
		base("filter", "FORWARD", "ACCEPT", n(103371, 88119000)),
		base("filter", "OUTPUT", "ACCEPT", n(4108, 390000)),
		user("KUBE-FW",
			h(15, rule(`-A KUBE-FW -m mark --mark 0x8000/0x8000 -m comment --comment "kubernetes firewall for dropping marked packets" -j DROP`, n(0, 0)))),
	}}
}

func inetFw() *model.Table {
	none := model.Counters{}
	return &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "fw",
		Extra: []string{
			"set blocked {\n\ttype ipv4_addr\n\tflags interval\n\telements = { 192.0.2.0/24, 198.51.100.0/28 }\n}",
		},
		Chains: []*model.Chain{
			{Name: "pre", Hook: model.HookPrerouting, Priority: -300, Type: "filter", Policy: "accept", Handle: 1, Rules: []model.Rule{
				{Handle: 5, Text: "ip saddr @blocked counter drop", Target: "drop", Counters: n(2210, 132600)},
			}},
			{Name: "input", Hook: model.HookInput, Priority: 10, Type: "filter", Policy: "accept", Handle: 2, Rules: []model.Rule{
				{Handle: 6, Text: `tcp dport 8080 reject comment "admin only"`, Target: "reject", Comment: "admin only", Counters: none},
				{Handle: 7, Text: "ct state established,related accept", Target: "accept", Counters: none},
			}},
			{Name: "forward", Hook: model.HookForward, Priority: 10, Type: "filter", Policy: "accept", Handle: 3, Rules: []model.Rule{
				{Handle: 9, Text: "meta l4proto { tcp, udp } jump limits", Target: "jump", Jump: "limits", Counters: none},
				{Handle: 10, Text: "oifname \"eth0\" counter accept", Target: "accept", Counters: n(70012, 61230044)},
			}},
			{Name: "limits", Handle: 4, Rules: []model.Rule{
				{Handle: 12, Text: "ct count over 200 counter drop", Target: "drop", Counters: n(0, 0)},
			}},
		}}
}
