package ruleset_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"nfscope/model"
	"nfscope/model/ruleset"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// rules4 and rules6 are loaded into the kernel; the programs' own prints of them are
// what the parser has to understand.
const rules4 = `*raw
-A PREROUTING -p udp -j CT --notrack
COMMIT
*mangle
-A PREROUTING -i lo -m mark ! --mark 0x1/0xff -j MARK --set-xmark 0x2/0xff
-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
COMMIT
*nat
:KUBE-SVC - [0:0]
:KUBE-SEP - [0:0]
-A PREROUTING -d 203.0.113.9/32 -p tcp -m comment --comment "team/shop:http cluster IP" -m tcp --dport 80 -j KUBE-SVC
-A KUBE-SVC -m statistic --mode random --probability 0.33332999982 -j KUBE-SEP
-A KUBE-SEP -p tcp -j DNAT --to-destination 10.2.0.2:8080
-A POSTROUTING -s 10.0.0.0/8 -j MASQUERADE
COMMIT
*filter
:INPUT DROP [0:0]
:we:ird - [0:0]
:WEB - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -m comment --comment "a \"q\" \\ -j DROP" -j ACCEPT
-A INPUT -m comment --comment "it's" -j LOG --log-prefix "x \"y\" { z"
-A INPUT -m comment --comment "" -m comment --comment "two words"
-A INPUT -g we:ird
-A INPUT ! -s 10.0.0.0/255.0.255.0 -p tcp -m multiport --dports 80,443,8000:8100 -j WEB
-A FORWARD -p icmp -m icmp --icmp-type 8 -m limit --limit 3/min -j RETURN
-A we:ird -m conntrack --ctstate RELATED,ESTABLISHED -j REJECT --reject-with icmp-admin-prohibited
-A WEB -m iprange --src-range 10.0.0.1-10.0.0.9 -j DROP
COMMIT
`

const rules6 = `*filter
:FORWARD DROP [0:0]
:a - [0:0]
-A INPUT -s fd00::/8 -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT
-A INPUT -m comment --comment "no addr" -j a
-A a -j REJECT --reject-with icmp6-adm-prohibited
COMMIT
`

func parseSave(t *testing.T, text string, o ruleset.Options) []*model.Table {
	t.Helper()
	d, found := ruleset.ParseSave("save", []byte(text), o)
	for _, p := range found {
		t.Error(p)
	}
	return d.Tables()
}

// bare drops comments and blank lines.
func bare(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" && line[0] != '#' {
			b.WriteString(line)
		}
	}
	return b.String()
}

// tablesOf parts a text into its tables, sorted.
func tablesOf(text string) []string {
	tables := strings.SplitAfter(bare(text), "COMMIT\n")
	slices.Sort(tables)
	return tables
}

func printed(t *testing.T, tables []*model.Table, counters bool) string {
	t.Helper()
	var b strings.Builder
	if err := ruleset.WriteSave(&b, tables, nil, counters); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What the save programs print is understood whole, printed again as they do, and
// what is printed loads and gives the same.
func TestKernelSave(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		backend model.Backend
		family  model.Family
		program string
		rules   string
	}{
		{model.BackendLegacy, model.FamilyIPv4, "iptables-legacy", rules4},
		{model.BackendIptablesNFT, model.FamilyIPv4, "iptables-nft", rules4},
		{model.BackendLegacy, model.FamilyIPv6, "ip6tables-legacy", rules6},
		{model.BackendIptablesNFT, model.FamilyIPv6, "ip6tables-nft", rules6},
	} {
		t.Run(tt.program, func(t *testing.T) {
			t.Parallel()
			nettest.Kernel(t, "ip", tt.program, tt.program+"-save", tt.program+"-restore")
			ns, other := nettest.New(t, "save"), nettest.New(t, "again")
			nettest.Feed(t, ns, tt.rules, tt.program+"-restore")
			for _, counters := range []bool{true, false} {
				var args []string
				if counters {
					args = []string{"-c"}
				}
				text := nettest.Run(t, ns, tt.program+"-save", args...)
				tables := parseSave(t, text, ruleset.Options{})
				again := printed(t, tables, counters)
				if d := cmp.Diff(bare(text), bare(again)); d != "" {
					t.Errorf("%v: %s", args, d)
				}
				for _, tb := range tables {
					if tb.Backend != tt.backend || tb.Family != tt.family {
						t.Errorf("table %s is %s %s", tb.Name, tb.Backend, tb.Family)
					}
				}
				nettest.Feed(t, other, again, tt.program+"-restore", append(args, "--test")...)
				nettest.Feed(t, other, again, tt.program+"-restore", args...)
				// iptables-legacy-save prints the table registered last first.
				if d := cmp.Diff(tablesOf(text), tablesOf(nettest.Run(t, other, tt.program+"-save", args...))); d != "" {
					t.Errorf("loaded again: %s", d)
				}
			}
			listAgrees(t, ns, tt.program, parseSave(t, nettest.Run(t, ns, tt.program+"-save", "-c"), ruleset.Options{}))
		})
	}
}

// listAgrees holds iptables -S and -S -v against the save text.
func listAgrees(t *testing.T, ns *netns.Handle, program string, tables []*model.Table) {
	t.Helper()
	for _, want := range tables {
		o := ruleset.Options{Backend: want.Backend, Family: want.Family, Table: want.Name}
		verbose := parseSave(t, nettest.Run(t, ns, program, "-t", want.Name, "-S", "-v"), o)
		if d := cmp.Diff(rulesOf(want), rulesOf(verbose[0])); d != "" {
			t.Errorf("-S -v of %s: %s", want.Name, d)
		}
		plain := parseSave(t, nettest.Run(t, ns, program, "-t", want.Name, "-S"), o)
		for _, tb := range []*model.Table{want, plain[0]} {
			for _, c := range tb.Chains {
				c.Counters = model.Counters{}
				for i := range c.Rules {
					c.Rules[i].Counters = model.Counters{}
				}
			}
		}
		if d := cmp.Diff(rulesOf(want), rulesOf(plain[0])); d != "" {
			t.Errorf("-S of %s: %s", want.Name, d)
		}
		// Without being told, the table is found from its chains.
		text := nettest.Run(t, ns, program, "-t", want.Name, "-S")
		if d, _ := ruleset.ParseSave("S", []byte(text), ruleset.Options{}); d.Tables()[0].Name != want.Name {
			t.Errorf("table %s is taken as %s", want.Name, d.Tables()[0].Name)
		}
	}
}

// rulesOf lists chains and rules, user chains in the order of their names: iptables -S
// and iptables-save differ in it.
func rulesOf(t *model.Table) []string {
	var out []string
	for _, c := range t.Chains {
		out = append(out, fmt.Sprintf("%s %s %d %s %v", c.Name, c.Hook, c.Priority, c.Policy, c.Counters))
		for _, r := range c.Rules {
			out = append(out, fmt.Sprintf("%s %d %s %s %s %v %q %v", c.Name, r.Index, r.Text, r.Target, r.Jump, r.Goto, r.Comment, r.Counters))
		}
	}
	slices.Sort(out)
	return out
}

const rulesNFT = `table inet fw {
	comment "my table"
	counter c1 { packets 7 bytes 8 }
	quota q1 { over 10 mbytes }
	limit l1 { rate 10/second }
	set big { type ipv4_addr; elements = { 1.0.0.1, 1.0.0.2, 1.0.0.3, 1.0.0.4, 1.0.0.5 } }
	set ranges { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 11.0.0.1-11.0.0.9 } }
	chain u2 { }
	chain mapped { }
	map vm { type ipv4_addr : verdict; elements = { 1.2.3.4 : jump mapped, 2.3.4.5 : drop } }
	chain u {
		comment "chain comment"
		tcp dport { 80, 443 } counter packets 3 bytes 180 accept comment "web # handle 5"
		ip saddr vmap { 1.1.1.1 : jump u2, 2.2.2.2 : goto u2 }
		ip saddr vmap @vm
		ip daddr 1.2.3.4 counter goto u2
		tcp dport 99 reject with tcp reset
		log prefix "a } { b accept" level info
		log prefix "end" group 3
		limit rate 5/second burst 10 packets counter packets 4 bytes 400 drop
		meta mark set 0x1 ct mark set meta mark
		icmp type redirect return
		ip saddr { 1.1.1.1, 2.2.2.2, 3.3.3.3, 4.4.4.4, 5.5.5.5, 6.6.6.6, 7.7.7.7 } drop
	}
	chain in {
		type filter hook input priority filter + 5; policy drop;
		ct state vmap { established : accept, related : accept, invalid : drop }
		counter name "c1"
		limit name "l1" accept
		jump u
		tcp dport 22 jump {
			ip saddr 1.1.1.1 accept
			counter drop
		}
	}
}
table ip n {
	chain pre {
		type nat hook prerouting priority dstnat - 10;
		tcp dport 80 dnat to 10.0.0.1:8080
		tcp dport 81 dnat to tcp dport map { 81 : 10.0.0.1, 82 : 10.0.0.2 }
		tcp dport 82 redirect to :99
	}
	chain post {
		type nat hook postrouting priority srcnat;
		ip saddr 10.0.0.0/8 snat to 1.1.1.1
		oif "lo" masquerade random
	}
}
table netdev nd {
	chain ing {
		type filter hook ingress device "lo" priority -500; policy accept;
		ip saddr 1.1.1.1 fwd to "lo"
	}
}
table bridge br {
	chain f {
		type filter hook forward priority filter;
		ether type arp accept
	}
}
table arp a {
	chain i {
		type filter hook input priority 0;
		arp operation request drop
	}
}
table ip6 six {
	chain o {
		type route hook output priority mangle;
		icmpv6 type echo-request counter meta mark set 5
	}
}
`

// What nft lists is understood as nft's own JSON says it, and the texts kept make the
// same ruleset again.
func TestKernelNFT(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "ip", "nft")
	ns, other := nettest.New(t, "nft"), nettest.New(t, "again")
	nettest.Feed(t, ns, rulesNFT, "nft", "-f", "-")
	tables := parseNFT(t, nettest.Run(t, ns, "nft", "-a", "-y", "list", "ruleset"))
	if d := cmp.Diff(fromJSON(t, nettest.Run(t, ns, "nft", "-j", "-a", "list", "ruleset")), outline(tables)); d != "" {
		t.Error(d)
	}
	for _, args := range [][]string{{"-a"}, {"-y"}, {}} {
		other := parseNFT(t, nettest.Run(t, ns, "nft", append(args, "list", "ruleset")...))
		if d := cmp.Diff(script(tables), script(other)); d != "" {
			t.Errorf("nft %v: %s", args, d)
		}
	}
	nettest.Feed(t, other, script(tables), "nft", "-f", "-")
	again := parseNFT(t, nettest.Run(t, other, "nft", "-a", "-y", "list", "ruleset"))
	if d := cmp.Diff(script(tables), script(again)); d != "" {
		t.Error(d)
	}
	in := tables[0].Chain("u").Rules[0]
	if in.Counters != (model.Counters{Packets: 3, Bytes: 180, Valid: true}) || in.Comment != "web # handle 5" {
		t.Errorf("%+v", in)
	}
}

func parseNFT(t *testing.T, text string) []*model.Table {
	t.Helper()
	tables, found := ruleset.ParseNFT("nft", []byte(text))
	for _, p := range found {
		t.Error(p)
	}
	return tables
}

// outline lists what nft -j says too; nft 1.0.6 leaves the device out of it.
func outline(tables []*model.Table) []string {
	var out []string
	for _, t := range tables {
		out = append(out, fmt.Sprintf("table %s %s %d", t.Family, t.Name, t.Handle))
		for _, c := range t.Chains {
			out = append(out, fmt.Sprintf("chain %s %s %s %s %s %d %s %d", t.Family, t.Name, c.Name, c.Type, c.Hook, c.Priority, c.Policy, c.Handle))
			for _, r := range c.Rules {
				n := "-"
				if r.Counters.Valid {
					n = fmt.Sprint(r.Counters.Packets, ":", r.Counters.Bytes)
				}
				out = append(out, fmt.Sprintf("rule %s %s %s %d %s %q", t.Family, t.Name, c.Name, r.Handle, n, r.Comment))
			}
		}
	}
	slices.Sort(out)
	return out
}

func fromJSON(t *testing.T, text string) []string {
	t.Helper()
	type object struct {
		Family, Name, Table, Chain, Type, Hook, Policy, Comment string
		Prio                                                    int
		Handle                                                  int
		Expr                                                    []json.RawMessage
	}
	var list struct{ Nftables []map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list.Nftables {
		for kind, raw := range e {
			var o object
			if kind != "table" && kind != "chain" && kind != "rule" {
				continue
			}
			if err := json.Unmarshal(raw, &o); err != nil {
				t.Fatal(err)
			}
			switch kind {
			case "table":
				out = append(out, fmt.Sprintf("table %s %s %d", o.Family, o.Name, o.Handle))
			case "chain":
				out = append(out, fmt.Sprintf("chain %s %s %s %s %s %d %s %d", o.Family, o.Table, o.Name, o.Type, o.Hook, o.Prio, o.Policy, o.Handle))
			case "rule":
				n := "-"
				for _, raw := range o.Expr {
					var x struct {
						Counter *struct{ Packets, Bytes uint64 }
					}
					if json.Unmarshal(raw, &x) == nil && x.Counter != nil {
						n = fmt.Sprint(x.Counter.Packets, ":", x.Counter.Bytes)
					}
				}
				out = append(out, fmt.Sprintf("rule %s %s %s %d %s %q", o.Family, o.Table, o.Chain, o.Handle, n, o.Comment))
			}
		}
	}
	slices.Sort(out)
	return out
}

// script writes tables as nft reads them, from what the model keeps. User chains come
// first with nothing in them, so that whatever names them loads.
func script(tables []*model.Table) string {
	var b strings.Builder
	for _, t := range tables {
		fmt.Fprintf(&b, "table %s %s {\n", t.Family, t.Name)
		for _, c := range t.Chains {
			if !c.Base() {
				fmt.Fprintf(&b, "chain %s {\n%s\n}\n", c.Name, strings.Join(c.Extra, "\n"))
			}
		}
		for _, e := range t.Extra {
			b.WriteString(withoutHandles(e) + "\n")
		}
		for _, c := range t.Chains {
			fmt.Fprintf(&b, "chain %s {\n", c.Name)
			if c.Base() {
				device := ""
				if c.Device != "" {
					device = fmt.Sprintf(" device %q", c.Device)
				}
				fmt.Fprintf(&b, "type %s hook %s%s priority %d; policy %s;\n", c.Type, c.Hook, device, c.Priority, c.Policy)
			}
			for _, r := range c.Rules {
				b.WriteString(r.Text + "\n")
			}
			b.WriteString("}\n")
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func withoutHandles(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i], _, _ = strings.Cut(l, " # handle")
	}
	return strings.Join(lines, "\n")
}

// A packet goes through chains of equal priority, through nat chains and through a
// table that was dormant: each writes its number into the packet's mark, and the mark
// is the order that Pipeline tells.
func TestKernelOrder(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "ip", "nft")
	ns := nettest.New(t, "order")
	// A ct rule switches conntrack on, and nat with it.
	nettest.Feed(t, ns, `table ip track {
	chain in {
		type filter hook input priority 0; policy accept;
		ct state new counter
	}
}
table ip t {
	chain c1 { type filter hook output priority 7; meta mark set meta mark << 4; meta mark set meta mark | 1; }
	chain c2 { type filter hook output priority 7; meta mark set meta mark << 4; meta mark set meta mark | 2; }
	chain c3 { type nat hook output priority -120; meta mark set meta mark << 4; meta mark set meta mark | 3; }
	chain c4 { type filter hook output priority -105; meta mark set meta mark << 4; meta mark set meta mark | 4; }
	chain c5 { type nat hook output priority -50; meta mark set meta mark << 4; meta mark set meta mark | 5; }
	chain c6 { type nat hook output priority -120; meta mark set meta mark << 4; meta mark set meta mark | 6; }
}
table ip asleep {
	flags dormant
	chain c7 { type filter hook output priority -500; meta mark set meta mark << 4; meta mark set meta mark | 7; }
}
`, "nft", "-f", "-")
	rs := &model.Ruleset{Tables: parseNFT(t, nettest.Run(t, ns, "nft", "-a", "-y", "list", "ruleset"))}
	rs.Number()
	mark := ""
	for _, b := range ruleset.Pipeline(rs, model.FamilyIPv4, model.HookOutput) {
		mark += strings.TrimPrefix(b.Chain.Name, "c")
		if !b.Sure {
			t.Errorf("%s is not sure: %s", b.Chain.Name, b.Why)
		}
	}
	nettest.Feed(t, ns, fmt.Sprintf(`table ip end {
	chain c {
		type filter hook output priority 1000; policy accept;
		udp dport 9 meta mark 0x%s counter
		udp dport 9 counter
	}
}
`, mark), "nft", "-f", "-")
	c, err := nettest.Dial(t, ns, "udp", "", "127.0.0.1:9", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	end := parseNFT(t, nettest.Run(t, ns, "nft", "list", "table", "ip", "end"))[0].Chains[0]
	if end.Rules[0].Counters.Packets != 1 || end.Rules[1].Counters.Packets != 1 {
		t.Errorf("predicted order %s; counters %+v, %+v", mark, end.Rules[0].Counters, end.Rules[1].Counters)
	}
}

// At equal priority it is the time of registration that tells legacy and nf_tables
// apart, both ways: no text knows it, and Pipeline must say so.
func TestKernelOrderOfBackends(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"legacy", "nft"} {
		t.Run(first+" first", func(t *testing.T) {
			t.Parallel()
			nettest.Kernel(t, "ip", "nft", "iptables-legacy")
			ns := nettest.New(t, "both")
			legacy := func() { nettest.Run(t, ns, "iptables-legacy", "-A", "OUTPUT", "-j", "DROP") }
			if first == "legacy" {
				legacy()
			}
			nettest.Feed(t, ns, "table ip t {\n\tchain c {\n\t\ttype filter hook output priority 0; counter drop\n\t}\n}\n", "nft", "-f", "-")
			if first == "nft" {
				legacy()
			}
			c, err := nettest.Dial(t, ns, "udp", "", "127.0.0.1:9", time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Write([]byte("x")); err == nil {
				t.Error("the packet was not dropped")
			}
			rs := &model.Ruleset{Tables: append(parseSave(t, nettest.Run(t, ns, "iptables-legacy-save", "-c"), ruleset.Options{}),
				parseNFT(t, nettest.Run(t, ns, "nft", "-a", "-y", "list", "ruleset"))...)}
			rs.Number()
			last := model.BackendNFTables
			if first == "nft" {
				last = model.BackendLegacy
			}
			for _, b := range ruleset.Pipeline(rs, model.FamilyIPv4, model.HookOutput) {
				if hit := b.Chain.Rules[0].Counters.Packets == 1; b.Sure || hit != (b.Table.Backend == last) {
					t.Errorf("%s: sure %v, hit %v; the one registered last, %s, runs first", b.Table.Backend, b.Sure, hit, last)
				}
			}
		})
	}
}
