package ruleset

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nfscope/trace/nettest"
)

// TestKernelHere runs the script and holds what the programs save against what is read.
func TestKernelHere(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"iptables-legacy", "iptables-nft"} {
		nettest.Kernel(t, program, program+"-restore", program+"-save", "sh", "nft")
		ns := nettest.New(t, "here")
		script := strings.ReplaceAll(strings.ReplaceAll(hereScript, "\niptables", "\n"+program), "; iptables ", "; "+program+" ")
		nettest.Feed(t, ns, script, "sh")
		rs, _, found := ParseFile("script", []byte(script))
		for _, p := range found {
			// What a text below follows on the same line comes before it is read.
			if !strings.Contains(p.Error(), "-restore -T nat\" is not followed: what it reads is not below it") {
				t.Error(p)
			}
		}
		if len(found) != 1 {
			t.Errorf("%d problems", len(found))
		}
		saved, _ := ParseSave("save", []byte(nettest.Run(t, ns, program+"-save")), Options{})
		theirs := strings.Replace(rulesOf(saved.Tables()), "-o eth1", "-o eth0", 1) // the one that is not followed
		if d := cmp.Diff(theirs, rulesOf(rs.Tables[:2])); d != "" {
			t.Errorf("%s: %s", program, d)
		}
		listed, _ := ParseNFT("nft", []byte(nettest.Run(t, ns, "nft", "list", "table", "inet", "fw")))
		if d := cmp.Diff(canonicalShown(listed), canonicalShown(rs.Tables[2:])); d != "" {
			t.Errorf("%s: %s", program, d)
		}
	}
}

// TestSilentJSON: what nft -j leaves out is told where it matters.
func TestSilentJSON(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "silent")
	nettest.Feed(t, ns, `table inet t {
	set d { type ipv4_addr; flags dynamic; }
	set plain { type ipv4_addr; }
	set num { typeof vlan id; elements = { 5 }; }
	chain i { type filter hook input priority 0
		add @d { ip saddr }
		ip saddr @plain accept
	}
}
table netdev n { chain g { type filter hook ingress device lo priority 0
	}
}
`, "nft", "-f", "-")
	_, found := ParseNFTJSON("f", []byte(nettest.Run(t, ns, "nft", "-j", "list", "ruleset")))
	var got []string
	for _, p := range found {
		got = append(got, p.Error())
	}
	want := []string{
		"f: table inet t: the JSON does not tell that set d is dynamic, as rules that update it need; nft list ruleset without -j does",
		"f: table inet t: the JSON does not tell of which fields set num is (typeof); nft list ruleset without -j does",
		"f: table netdev n: the JSON does not tell the device of chain g; nft list ruleset without -j does",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, found := ParseNFT("f", []byte(nettest.Run(t, ns, "nft", "list", "ruleset"))); len(found) != 0 {
		t.Errorf("of the text it is told that %v", found)
	}
}
