package filter

import (
	"strings"
	"testing"

	"nfscope/model"
)

func TestForRule(t *testing.T) {
	legacy := &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "raw"}
	nat := &model.Table{Backend: model.BackendIptablesNFT, Family: model.FamilyIPv6, Name: "nat"}
	inet := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "my fw"}
	pre := &model.Chain{Name: "PREROUTING", Hook: model.HookPrerouting, Priority: -300}
	dnat := &model.Chain{Name: "PREROUTING", Hook: model.HookPrerouting, Priority: -100}
	in := &model.Chain{Name: "INPUT", Hook: model.HookInput}
	post := &model.Chain{Name: "post", Hook: model.HookPostrouting}
	user := &model.Chain{Name: "X"}
	for _, c := range []struct {
		table      *model.Table
		chain      *model.Chain
		rule       string
		want, left string
	}{
		{legacy, pre, "-A PREROUTING -s 10.0.0.0/8 ! -d 10.1.1.1/32 -i eth+ -p tcp -m tcp --sport 1:9 --dport 80 -j DROP",
			"ip and src net 10.0.0.0/8 and not (dst host 10.1.1.1) and in eth+ and proto tcp and src portrange 1-9 and dst port 80 and table raw and chain PREROUTING and rule 7", ""},
		{legacy, in, "-A INPUT -s 10.0.0.1/32 -d 10.1.1.1/32 -p udp -m udp --dport 53 -m conntrack --ctstate NEW -j DROP",
			"ip and src host 10.0.0.1 and proto udp and table raw and chain INPUT and rule 7", "-d 10.1.1.1/32|--dport 53|--ctstate NEW"},
		{legacy, user, "-A X -s 10.0.0.1/32 -i eth0 -p tcp -j DROP", "ip and proto tcp and table raw and chain X and rule 7", "-s 10.0.0.1/32|-i eth0"},
		{nat, dnat, "-A PREROUTING -d fd00::1/128 -p tcp -m multiport ! --dports 80,90:99 -m comment --comment x -j DNAT --to-destination [fd00::2]:1",
			"ip6 and dst host fd00::1 and proto tcp and not (dst port 80 or dst portrange 90-99) and table nat and chain PREROUTING and rule 7", ""},
		{legacy, pre, "-A PREROUTING -s 10.0.0.1/255.0.0.255 -m quantum --spin up -p 200 -m socket", "ip and proto 200 and table raw and chain PREROUTING and rule 7", "-s 10.0.0.1/255.0.0.255|--spin up|-m socket"},
		{legacy, pre, "# text unknown", "ip and table raw and chain PREROUTING and rule 7", ""},
		{inet, pre, `ip saddr { 10.0.0.0/8, 11.0.0.1 } tcp dport != { 22, 80-90 } iifname "eth*" accept`,
			`ip and (src net 10.0.0.0/8 or src host 11.0.0.1) and proto tcp and not (dst port 22 or dst portrange 80-90) and in eth+ and table "my fw" and chain PREROUTING and rule 7`, ""},
		{inet, post, "ip saddr 10.0.0.1 meta l4proto { tcp, udp } counter masquerade", `ip and (proto tcp or proto udp) and table "my fw" and chain post and rule 7`, "ip saddr 10.0.0.1"},
		{inet, pre, "ip saddr @bad limit rate 5/second ct state new drop", `ip and table "my fw" and chain PREROUTING and rule 7`, "ip saddr @bad|limit rate 5/second|ct state new"},
	} {
		rule := &model.Rule{Index: 7, Text: c.rule}
		got, left := ForRule(c.table, c.chain, rule)
		if l := strings.Join(left, "|"); got != c.want || l != c.left {
			t.Errorf("%s\n  want %s, without %s\n  have %s, without %s", c.rule, c.want, c.left, got, l)
		}
		if _, err := Parse(got); err != nil {
			t.Errorf("%s: %v", got, err)
		}
	}
	if got, _ := ForRule(&model.Table{Family: model.FamilyARP, Backend: model.BackendNFTables}, in, &model.Rule{Text: "drop"}); got != "" {
		t.Errorf("of ARP: %q", got)
	}
}

// Whatever the rule says, the filter can be read and speaks of the rule's place.
func FuzzForRule(f *testing.F) {
	for _, s := range []string{"-A X -s 10.0.0.0/8 -p tcp --dport 80 -j DROP", "ip saddr { 10.0.0.1, fd00::/8 } th dport 1-9 drop", "meta l4proto 300", `iifname "a b*"`,
		"-i \"a\\\"b\" -p 255 ! -s ::ffff:1.2.3.4", "ip6 saddr ::ffff:1.2.3.4", "tcp dport ssh"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, text string, native bool) {
		tb := &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "a \"b"}
		if native {
			tb.Backend, tb.Family = model.BackendNFTables, model.FamilyInet
		}
		got, _ := ForRule(tb, &model.Chain{Name: "(", Hook: model.HookPrerouting, Priority: -300}, &model.Rule{Index: 1, Text: text})
		if _, err := Parse(got); err != nil || !strings.HasSuffix(got, ` and chain "(" and rule 1`) {
			t.Errorf("%q gives %q: %v", text, got, err)
		}
	})
}
