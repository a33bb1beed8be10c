package main

import (
	"regexp"
	"strings"
	"testing"

	"nfscope/docs/labs"
	"nfscope/trace/nettest"
)

// TestTables: the matrix has what the kernel has registered, with its own priorities, and
// says what is not there.
func TestTables(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	rules, err := labs.FS.ReadFile("hooks/box.save")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ program, mark, security string }{{"iptables-legacy-restore", "L", "50 L1"}, {"iptables-nft-restore", "I", "150 I1"}} {
		ns := nettest.New(t, "tables")
		if out := nfscope(t, exitDone, "--netns", ns.Name(), "tables"); !strings.Contains(out, "5 tables with 17 chains; here 0 tables with 0 base chains") {
			t.Errorf("an empty namespace:\n%s", out)
		}
		nettest.Feed(t, ns, string(rules), c.program)
		out := nfscope(t, exitDone, "--netns", ns.Name(), "tables")
		for _, want := range []string{"here 5 tables with 17 base chains", "-300 " + c.mark + "1", c.security} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", c.program, want, out)
			}
		}
		if strings.Contains(out, "(-") {
			t.Errorf("%s: something is called not registered:\n%s", c.program, out)
		}
		if c.mark == "I" { // the kernel's own listing knows as much
			text := nettest.Run(t, ns, "nft", "list", "ruleset")
			if n := len(regexp.MustCompile(`hook \w+ priority`).FindAllString(text, -1)); n != 17 {
				t.Errorf("nft lists %d base chains", n)
			}
		}
		nettest.Feed(t, ns, "table ip6 six { chain in { type filter hook input priority 5; }\n}\n", "nft", "-f", "-")
		list := objects(t, nfscope(t, exitDone, "--netns", ns.Name(), "tables", "--json"))
		if len(list) != 3 || at(list[1], "family") != "ip6" || at(list[0], "schema") != "nfscope/tables/1" {
			t.Errorf("--json: %v", list)
		}
		if out := nfscope(t, exitDone, "--netns", ns.Name(), "tables", "--family", "ip6"); !strings.HasPrefix(out, "IPv6: ") || !strings.Contains(out, "ip6 six/in") {
			t.Errorf("ip6:\n%s", out)
		}
	}
	nfscope(t, exitUsage, "tables", "--family", "arp")
	nfscope(t, exitUsage, "tables", "--file", "there-is-none")
}
