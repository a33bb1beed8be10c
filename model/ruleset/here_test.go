package ruleset

import (
	"strings"
	"testing"
)

// hereScript gives programs what they read in the script itself.
const hereScript = `#!/bin/sh
NET=10.0.0.0/8
iptables -A INPUT -s 192.0.2.1 -j DROP
iptables -N gone
iptables-restore -w 5 <<EOF
# comment
*filter
:INPUT DROP [0:0]
:web - [0:0]
-A INPUT -p tcp -m comment --comment "a \$5 \\\\ ; it's" --dport 22 -j web
-A web -s $NET -j ACCEPT
COMMIT
*nat
-A POSTROUTING -o eth0 -j MASQUERADE
COMMIT
EOF
iptables -A INPUT -p icmp -j ACCEPT
iptables-restore --noflush <<-'END'
	*filter
	-A web -p tcp --dport 80 -m comment --comment "$NET" -j ACCEPT
	COMMIT
	END
iptables-restore -T nat <<EOF; iptables -A FORWARD -j DROP
*nat
-A POSTROUTING -o eth1 -j MASQUERADE
COMMIT
EOF
nft -f - <<'EOF'
define port = 22
table inet fw {
	map ways {
		type inet_service : verdict
		elements = { 80 : jump web }
	}
	chain web { }
	chain in { type filter hook input priority 0; policy drop
		tcp dport $port accept
		tcp dport vmap @ways
	}
}
EOF
nft add rule inet fw web ip saddr $NET counter accept
nft 'insert rule inet fw in iifname "lo" accept; add set inet fw s { type mark; }'
nft list ruleset > /dev/null
`

// TestHereProblems: what a text below a command has wrong is told with its own line, and
// what only a shell can work out is not read.
func TestHereProblems(t *testing.T) {
	for text, want := range map[string]string{
		"iptables-restore <<E\n*filter\n-A INPUT -j WHAT\n\nwarp\nCOMMIT\nE\n":            `f:5:1: "warp" is not understood`,
		"iptables-restore <<E\n*filter\n-A INPUT -s $X -j DROP\nCOMMIT\nE\n":              `f:1:1: "iptables-restore" is not followed: it holds what only the shell can work out`,
		"iptables-restore <<E\n*filter\n-A INPUT -s \x60x\x60 -j DROP\nCOMMIT\nE\n":       `f:1:1: "iptables-restore" is not followed: it holds what only the shell can work out`,
		"if true; then\niptables-restore <<E\n*filter\n-A INPUT -j DROP\nCOMMIT\nE\nfi\n": `f:2:1: "iptables-restore" is not followed: it stands inside of if`,
		"iptables-restore /etc/rules\niptables-restore <<E\nE\n":                          `f:1:1: "iptables-restore /etc/rules" is not followed: what it reads, /etc/rules, is not in the text`,
		"iptables-restore <<E\n-A INPUT -j DROP\nE\n":                                     `f:2:1: a line outside of any table`,
		"iptables-restore <<E\n*nope\n-A INPUT -j DROP\nCOMMIT\nE\n":                      `f:2:1: there is no table nope`,
		"nft -f - <<E\nadd table t\n\nadd rule ip t c drop\nE\n":                          `f:4:1: "add rule ip t c drop" is not done: there is no chain c`,
		"nft -f /etc/nftables.conf\nnft add table t\n":                                    `f:1:1: "nft -f /etc/nftables.conf" is not followed: what it reads, /etc/nftables.conf, is not in the text`,
		"#!/bin/sh\nnft add rule ip t c accept\n":                                         `f:2:1: "add rule ip t c accept" is not done: there is no table ip t`,
	} {
		rs, doc, found := ParseFile("f", []byte(text))
		var all []string
		for _, p := range found {
			all = append(all, p.Error())
		}
		if got := strings.Join(all, "\n"); !strings.Contains(got, want) || doc != nil {
			t.Errorf("%s:\n%s, want\n%s", text, got, want)
		}
		if strings.Contains(want, "not followed") {
			for _, tb := range rs.Tables {
				for _, c := range tb.Chains {
					if len(c.Rules) > 0 {
						t.Errorf("%s: %s has rules", text, c.Name)
					}
				}
			}
		}
	}
}

// TestNowhere: a jump to what is no chain is told of in nft's text as it is in iptables',
// with its place, once, and the rules are marked.
func TestNowhere(t *testing.T) {
	for text, want := range map[string]string{
		"table inet fw {\n\tchain a {\n\t\tjump nowhere\n\t\ttcp dport 1 goto nowhere\n\t\tjump b\n\t}\n\tchain b {\n\t}\n}\n":            "f:3:3: table inet fw has no chain nowhere in the text, which is called here",
		"table inet fw {\n\tchain a {\n\t\ttcp dport vmap { 1 : jump nowhere }\n\t}\n}\n":                                                 "f:3:3: table inet fw has no chain nowhere in the text, which is called here",
		"table inet fw {\n\tmap m {\n\t\ttype mark : verdict\n\t\telements = { 1 : goto nowhere }\n\t}\n\tchain a {\n\t}\n}\n":            "f:2:2: table inet fw has no chain nowhere in the text, which is called here",
		`{"nftables": [{"rule": {"family": "inet", "table": "fw", "chain": "a", "expr": [{"jump": {"target": "nowhere"}}]}}]}`:            "f:1:24: table inet fw has no chain nowhere in the text, which is called here",
		"add table inet fw\nadd chain inet fw a\nadd rule inet fw a jump later\nadd rule inet fw a jump nowhere\nadd chain inet fw later": "f:4:1: table inet fw has no chain nowhere in the text, which is called here",
	} {
		rs, _, found := ParseFile("f", []byte(text))
		if len(found) != 1 || found[0].Error() != want || !found[0].Remark {
			t.Errorf("%s: %v, want %s", text, found, want)
		}
		for _, c := range rs.Tables[0].Chains {
			for _, r := range c.Rules {
				if (r.Marked != "") != strings.Contains(r.Text, "nowhere") {
					t.Errorf("%s: %q is marked %q", text, r.Text, r.Marked)
				}
			}
		}
	}
}
