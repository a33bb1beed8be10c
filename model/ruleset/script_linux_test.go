package ruleset

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nfscope/model"
	"nfscope/model/nft"
	"nfscope/trace/nettest"
)

// What commands make of nothing is what nft makes of them, as JSON and listed as text.
func TestKernelJSONCommands(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "njson")
	nettest.Feed(t, ns, commands, "nft", "-j", "-f", "-")
	ours, found := ParseNFTJSON("commands", []byte(commands))
	listed, more := ParseNFT("nft", []byte(nettest.Run(t, ns, "nft", "list", "ruleset")))
	for _, p := range append(found, more...) {
		t.Error(p)
	}

	if d := cmp.Diff(sortedObjects(shown(listed)), sortedObjects(shown(ours))); d != "" {
		t.Error(d)
	}
	// Parts of a ruleset have the same form.
	for _, what := range [][]string{{"table", "inet", "t"}, {"chain", "inet", "t", "in"}, {"set", "inet", "t", "s"}} {
		part, found := ParseNFTJSON("part", []byte(nettest.Run(t, ns, "nft", append([]string{"-j", "list"}, what...)...)))
		text, _ := ParseNFT("nft", []byte(nettest.Run(t, ns, "nft", append([]string{"list"}, what...)...)))
		if d := cmp.Diff(sortedObjects(shown(text)), sortedObjects(shown(part))); d != "" || len(found) > 0 && what[0] != "chain" { // of one chain it is told that it calls another
			t.Errorf("list %v: %v %s", what, found, d)
		}
	}
}

// nftScript has the commands of nft(8).
const nftScript = `#!/usr/sbin/nft -f
flush ruleset
define lan = "eth0"
define ports = { 22, 80 }
define more = { 443, $ports }
define net = 10.0.0.0/8
define prio = -5

add table inet t
add table ip gone
add chain inet t in { type filter hook input priority $prio; policy drop; }
add chain inet t web
add chain inet t old
create chain inet t lonely { comment "nobody calls" ; }
add set inet t s { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 }; }
add map inet t m { type ipv4_addr : verdict; }
add set inet t empty { type inet_service; }
add counter inet t c
add element inet t s { $net, 198.51.100.1 }
add element inet t m { 10.0.0.1 : jump web, 10.0.0.2 : drop }
add element inet t empty { 1, 2, 3 }
delete element inet t empty { 2 }
add rule inet t in counter accept comment "first $net"
add rule inet t in drop
insert rule inet t in iifname $lan tcp dport $more accept
add rule inet t in index 0 tcp dport { 8080, 8081 } \
	jump web
insert rule inet t in index 1 ip saddr vmap @m
rule inet t web ip saddr @s counter name "c"
add rule inet t old drop
flush chain inet t old
delete chain inet t old
delete table ip gone
table ip nat {
	define server = 10.1.0.1
	chain pre {
		type nat hook prerouting priority dstnat; policy accept;
		ip daddr $net tcp dport 80 dnat to $server
	}
}
add table ip6 x { chain a { ip6 saddr ::1 accept; drop; }; }
add rule ip6 x a return
`

// TestKernelScript loads the script and holds nft's listing against ours.
func TestKernelScript(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "script")
	nettest.Feed(t, ns, nftScript, "nft", "-f", "-")
	ours, found := ParseNFT("script", []byte(nftScript))
	listed, more := ParseNFT("nft", []byte(nettest.Run(t, ns, "nft", "list", "ruleset")))
	for _, p := range append(found, more...) {
		t.Error(p)
	}
	if d := cmp.Diff(canonicalShown(listed), canonicalShown(ours)); d != "" {
		t.Error(d)
	}
}

// canonicalShown is shown with elements and rules in nft's order and spelling.
func canonicalShown(tables []*model.Table) string {
	for _, tb := range tables {
		for i, e := range tb.Extra {
			if begin, end, ok := elementsIn(e); ok {
				tb.Extra[i] = e[:begin] + " " + strings.Join(sorted(elementList(e[begin:end])), ", ") + " " + e[end:]
			}
		}
		for _, c := range tb.Chains {
			for i := range c.Rules {
				r := &c.Rules[i]
				r.Text = nft.Parse(r.Text, tb.Family).Canonical()
				if begin := strings.Index(r.Text, "{ "); begin >= 0 {
					end := strings.Index(r.Text, " }")
					r.Text = r.Text[:begin+2] + strings.Join(sorted(elementList(r.Text[begin+2:end])), ", ") + r.Text[end:]
				}
			}
		}
	}
	return sortedObjects(shown(tables))
}
