package ruleset

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nfscope/model"
)

const listed = `# Warning: table ip filter is managed by iptables-nft, do not touch!
table ip filter { # handle 1
	chain INPUT { # handle 1
		type filter hook input priority filter; policy drop;
		xt match recent counter packets 0 bytes 0 # handle 6
		counter packets 0 bytes 0 log prefix "x "y { z" # handle 7
	}
}
table inet fw { # handle 19
	flags dormant
	comment "my table"

	set big { # handle 9
		type ipv4_addr
		elements = { 1.0.0.1, 1.0.0.2,
			     1.0.0.3 }
	}

	map vm { # handle 10
		type ipv4_addr : verdict
		elements = { 1.2.3.4 : jump mapped, 2.3.4.5 : drop }
	}

	chain u { # handle 1
		comment "chain comment"
		tcp dport { 80, 443 } counter packets 3 bytes 180 accept comment "web # handle 5" # handle 12
		ip saddr vmap { 1.1.1.1 : jump u2, 2.2.2.2 : goto u2 } # handle 14
		ip saddr vmap @vm # handle 15
		ip daddr 1.2.3.4 counter packets 1 bytes 2 goto u2 # handle 17
		tcp dport 99 reject with tcp reset # handle 18
		log prefix "a } { b accept" level info # handle 19
		icmp type redirect ct status dnat counter packets 7 bytes 8 # handle 20
		ip saddr { 1.1.1.1, 2.2.2.2,
			   3.3.3.3
			 } drop # handle 21
		tcp dport 22 jump {
			ip saddr 1.1.1.1 accept
			counter packets 9 bytes 9 drop
		} # handle 29
		tcp dport 5 tproxy to 127.0.0.1:99 meta mark set 0x00000001 accept # handle 30
	}

	chain u2 { # handle 2
	}

	chain mapped {
	}

	chain in { # handle 3
		type filter hook input priority filter + 5; policy drop;
	}
}
table netdev nd {
	chain ing {
		type filter hook ingress devices = { "a", "b" } priority -500; policy accept;
		flags offload
		ip saddr 1.1.1.1 fwd to "lo"
	}
}
table bridge br {
	chain f {
		type filter hook forward priority srcnat - 1; policy accept;
	}
}
table ip6 n {
	chain post {
		type nat hook postrouting priority srcnat
		snat to fd00::1
	}
}
`

// digest prints what ParseNFT understood, a line for each thing.
func digest(tables []*model.Table) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, t := range tables {
		add("%s %s %s %d %q", t.Backend, t.Family, t.Name, t.Handle, t.Flags)
		for _, e := range t.Extra {
			add(" + %s", e)
		}
		for _, c := range t.Chains {
			add(" %s %d %s %q %d dev=%q policy=%q %q", c.Name, c.Handle, c.Type, c.Hook, c.Priority, c.Device, c.Policy, c.Extra)
			for _, r := range c.Rules {
				n := "-"
				if r.Counters.Valid {
					n = fmt.Sprint(r.Counters.Packets, ":", r.Counters.Bytes)
				}
				add("  %d #%d [%s] %s | %s,%s,%v %q %s", r.Index, r.Handle, n, r.Text, r.Target, r.Jump, r.Goto, r.Comment, r.Marked)
			}
		}
	}
	return out
}

func TestParseNFT(t *testing.T) {
	tables, found := ParseNFT("f", []byte(listed))
	if len(found) != 1 || !strings.HasPrefix(found[0].Error(), "f:6:3: the braces of the rule do not match") {
		t.Error(found)
	}
	const nameless = "the rules in braces stand in a chain without a name, they are not listed apart"
	want := []string{
		`iptables-nft ip filter 1 ""`,
		` INPUT 1 filter "input" 0 dev="" policy="drop" []`,
		`  1 #6 [0:0] xt match recent counter | ,,false "" nft cannot print xt match recent, iptables-nft-save can`,
		`  2 #7 [0:0] counter log prefix "x "y { z" | ,,false "" the braces of the rule do not match`,
		`nftables inet fw 19 "dormant"`,
		` + comment "my table"`,
		" + set big { # handle 9\n\ttype ipv4_addr\n\telements = { 1.0.0.1, 1.0.0.2,\n\t\t     1.0.0.3 }\n}",
		" + map vm { # handle 10\n\ttype ipv4_addr : verdict\n\telements = { 1.2.3.4 : jump mapped, 2.3.4.5 : drop }\n}",
		` u 1  "" 0 dev="" policy="" ["comment \"chain comment\""]`,
		`  1 #12 [3:180] tcp dport { 80, 443 } counter accept comment "web # handle 5" | accept,,false "web # handle 5" `,
		`  2 #14 [-] ip saddr vmap { 1.1.1.1 : jump u2, 2.2.2.2 : goto u2 } | vmap,,false "" `,
		`  3 #15 [-] ip saddr vmap @vm | vmap,,false "" `,
		`  4 #17 [1:2] ip daddr 1.2.3.4 counter goto u2 | u2,u2,true "" `,
		`  5 #18 [-] tcp dport 99 reject with tcp reset | reject,,false "" `,
		`  6 #19 [-] log prefix "a } { b accept" level info | ,,false "" `,
		`  7 #20 [7:8] icmp type redirect ct status dnat counter | ,,false "" `,
		`  8 #21 [-] ip saddr { 1.1.1.1, 2.2.2.2, 3.3.3.3 } drop | drop,,false "" `,
		`  9 #29 [-] tcp dport 22 jump { ip saddr 1.1.1.1 accept; counter drop; } | jump,,false "" ` + nameless,
		`  10 #30 [-] tcp dport 5 tproxy to 127.0.0.1:99 meta mark set 0x00000001 accept | accept,,false "" `,
		` u2 2  "" 0 dev="" policy="" []`,
		` mapped 0  "" 0 dev="" policy="" []`,
		` in 3 filter "input" 5 dev="" policy="drop" []`,
		`nftables netdev nd 0 ""`,
		` ing 0 filter "ingress" -500 dev="a,b" policy="accept" ["flags offload"]`,
		`  1 #0 [-] ip saddr 1.1.1.1 fwd to "lo" | fwd,,false "" `,
		`nftables bridge br 0 ""`,
		` f 0 filter "forward" 299 dev="" policy="accept" []`,
		`nftables ip6 n 0 ""`,
		` post 0 nat "postrouting" 100 dev="" policy="accept" []`,
		`  1 #0 [-] snat to fd00::1 | snat,,false "" `,
	}
	if d := cmp.Diff(want, digest(tables)); d != "" {
		t.Error(d)
	}
	// The same with CRLF.
	crlf, _ := ParseNFT("f", []byte(strings.ReplaceAll(listed, "\n", "\r\n")))
	if d := cmp.Diff(want, digest(crlf)); d != "" {
		t.Error("CRLF", d)
	}
}

func TestParseNFTScripts(t *testing.T) {
	tests := []struct{ name, text, want, problem string }{
		{"a script", "#!/usr/sbin/nft -f\n# mine\nflush ruleset\ntable ip a { chain x { }; }\ntable a\ndelete table a\n" +
			"table a {\n  chain c { type filter hook input priority 0 ; policy drop; tcp dport 22 accept; counter }\n}\ntable a { chain c { drop ; } }",
			"nftables ip a 0 \"\"\n c 0 filter \"input\" 0 dev=\"\" policy=\"drop\" []\n" +
				"  1 #0 [-] tcp dport 22 accept | accept,,false \"\" \n  2 #0 [-] counter | ,,false \"\" \n  3 #0 [-] drop | drop,,false \"\" ", ""},
		{"a long line", "table ip a {\n chain c {\n  tcp dport 22 \\\n   accept # why\n }\n}",
			"nftables ip a 0 \"\"\n c 0  \"\" 0 dev=\"\" policy=\"\" []\n  1 #0 [-] tcp dport 22 accept | accept,,false \"\" nft says: # why", ""},
		{"unknown", "table ip a {\n\tgadget x\n}\nadd rule ip a c drop\n", "nftables ip a 0 \"\"\n + gadget x", `f:2:2: "gadget x" is not understood`},
		{"cut", "table ip a {\n\tchain c {\n\t\ttcp dport", "nftables ip a 0 \"\"\n c 0  \"\" 0 dev=\"\" policy=\"\" []\n  1 #0 [-] tcp dport | ,,false \"\" ",
			"f:3:12: the text ends inside chain c"},
		{"a family unknown", "table foo a {\n}\n", "nftables unspec foo a 0 \"\"", `f:1:1: unknown family "foo"`},
		{"a priority unknown", "table ip a {\n\tchain c {\n\t\ttype filter hook input priority $p; policy accept;\n\t}\n}",
			"nftables ip a 0 \"\"\n c 0 filter \"input\" 0 dev=\"\" policy=\"accept\" []", `f:3:3: $p stands for nothing`},
		{"too many braces", "table ip a {\n}\n}\n", "nftables ip a 0 \"\"", `f:3:1: a "}" without its "{"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rs, _, found := ParseFile("f", []byte(tt.text))
			if d := cmp.Diff(tt.want, strings.Join(digest(rs.Tables), "\n")); d != "" {
				t.Error(d)
			}
			switch {
			case tt.problem == "" && len(found) > 0:
				t.Errorf("problems: %v", found)
			case tt.problem != "" && (len(found) == 0 || !strings.Contains(found[0].Error(), tt.problem)):
				t.Errorf("problems: %v\nwant %s", found, tt.problem)
			}
		})
	}
}

func FuzzParseNFT(f *testing.F) {
	f.Add([]byte(listed))
	f.Add([]byte("table a {\n\tchain c {\n\t\tx { \\\n \"{\n\t}\n} # handle 3\nflush ruleset;table x; delete table x # handle 9"))
	f.Fuzz(func(t *testing.T, text []byte) {
		tables, found := ParseNFT("f", text)
		for _, p := range found {
			if p.Error() == "" {
				t.Error("a problem without words")
			}
		}
		rs := &model.Ruleset{Tables: tables}
		rs.Number()
		g := NewGraph(rs)
		g.Loops()
		for h := model.HookPrerouting; h <= model.HookEgress; h++ {
			Pipeline(rs, model.FamilyIPv4, h)
		}
		for _, tb := range tables {
			for _, c := range tb.Chains {
				for _, r := range c.Rules {
					if r.Text == "" || strings.ContainsRune(r.Text, '\n') {
						t.Errorf("rule %+v", r)
					}
				}
			}
		}
	})
}
