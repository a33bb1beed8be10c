package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"nfscope/trace/nettest"
)

// TestSets holds `sets` against what ipset and nft were told.
func TestSets(t *testing.T) {
	nettest.Kernel(t, "ipset", "nft", "iptables-legacy")
	t.Parallel()
	ns := nettest.New(t, "sets")
	var members []string
	var ip, nft strings.Builder
	ip.WriteString("create blocked hash:ip timeout 600\ncreate same hash:net\nadd same 10.0.0.0/8\n")
	nft.WriteString("table inet fw {\nset same { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 }\n}\nmap ways { type inet_service : verdict; elements = { 22 : accept }\n}\nset many { type ipv4_addr; elements = {")
	for i := range 1200 {
		a := fmt.Sprintf("10.0.%d.%d", i>>8, i&255)
		members = append(members, a)
		ip.WriteString("add blocked " + a + "\n")
		nft.WriteString(a + ",")
	}
	nettest.Feed(t, ns, ip.String(), "ipset", "restore")
	nettest.Feed(t, ns, nft.String()+"}\n}\n}\n", "nft", "-f", "-")
	nettest.Run(t, ns, "iptables-legacy", "-A", "INPUT", "-m", "set", "--match-set", "blocked", "src", "-j", "DROP")
	slices.Sort(members)
	run := func(status int, args ...string) (out, errs string) {
		t.Helper()
		return launch(t, "nfscope", append([]string{"--netns", ns.Name(), "sets"}, args...)...).ends(status)
	}

	out, errs := run(exitDone, "--json", "--exact")
	list := objects(t, out)
	endsWithStats(t, list)
	if len(list) != 6 || errs != "" {
		t.Fatalf("want five sets and the stats:\n%s%s", out, errs)
	}
	found := map[string]map[string]any{}
	for _, o := range list[:5] {
		if o["schema"] != "nfscope/set/1" {
			t.Errorf("%v", o)
		}
		found[fmt.Sprint(o["backend"], " ", o["name"])] = o
	}
	for _, w := range []struct {
		set, field string
		want       any
	}{
		{"ipset blocked", "type", "hash:ip"}, {"ipset blocked", "count", 1200.0}, {"ipset blocked", "timeout_ns", 600e9}, {"ipset blocked", "references", 1.0},
		{"ipset blocked", "family", nil}, {"ipset same", "references", 0.0}, {"ipset same", "count", 1.0},
		{"nft same", "family", "inet"}, {"nft same", "table", "fw"}, {"nft same", "type", "ipv4_addr"}, {"nft same", "count", 1.0}, {"nft same", "references", nil},
		{"nft many", "count", 1200.0}, {"nft ways", "data", "verdict"}, {"nft ways", "count", 1.0},
	} {
		if got := found[w.set][w.field]; got != w.want {
			t.Errorf("%s: %s is %v, want %v", w.set, w.field, got, w.want)
		}
	}
	out, _ = run(exitDone)
	if !strings.Contains(out, "ipset blocked") || !strings.Contains(out, "1200 members") || !strings.Contains(out, "timeout 10m") || !strings.Contains(out, "nft inet fw ways") {
		t.Errorf("as text:\n%s", out)
	}

	for _, name := range []string{"blocked", "many"} {
		var all []string
		for from := 0; from < 1200; {
			out, errs := run(exitDone, name, "--from", fmt.Sprint(from), "--json")
			list := objects(t, out)
			endsWithStats(t, list)
			for i, o := range list[:len(list)-1] {
				if o["schema"] != "nfscope/member/1" || o["index"] != float64(from+i) || o["set"] != name {
					t.Fatalf("member %d: %v", from+i, o)
				}
				if left, ok := o["left_ns"].(float64); ok != (name == "blocked") || ok && (left <= 0 || left > 600e9) {
					t.Errorf("%s: %v is left", name, o["left_ns"])
				}
				all = append(all, o["member"].(string))
			}
			if more := strings.Contains(errs, fmt.Sprintf("--from %d goes on", from+500)); more != (from < 1000) {
				t.Errorf("after the page from %d: %q", from, errs)
			}
			from += len(list) - 1
		}
		slices.Sort(all)
		if !slices.Equal(all, members) {
			t.Errorf("%s: %d members by the page, want %d, or others", name, len(all), len(members))
		}
		out, errs := run(exitDone, name, "--count", "0")
		if n := strings.Count(out, "\n"); n != 1200 || errs != "" {
			t.Errorf("%s: all are %d lines, and %q", name, n, errs)
		}
	}

	for member, word := range map[string]string{"10.0.1.1": "yes", "192.0.2.1": "no"} {
		for _, name := range []string{"blocked", "fw many", "ipset same", "inet fw same"} {
			if out, _ := run(exitDone, append(strings.Fields(name), "--has", member)...); !strings.HasPrefix(out, word+": "+member+" is ") {
				t.Errorf("%s in %s: %s", member, name, out)
			}
		}
		out, _ := run(exitDone, "many", "--json", "--has", member)
		if list := objects(t, out); len(list) != 2 || list[0]["in"] != (word == "yes") || list[0]["member"] != member {
			t.Errorf("as JSON: %s", out)
		}
	}
	for _, c := range []struct {
		args string
		says string
	}{
		{"same", "several sets are named same: ipset same, nft inet fw same"},
		{"nothing", "there is no set nothing; there are ipset"},
		{"many --has port", `"port" cannot be looked up in nft inet fw many`},
	} {
		if out, errs := run(exitUsage, strings.Fields(c.args)...); out != "" || !strings.Contains(errs, c.says) {
			t.Errorf("%s: %s%s, want %q", c.args, out, errs, c.says)
		}
	}
	if _, errs := run(exitDone, "blocked", "--from", "5000"); !strings.Contains(errs, "ipset blocked has no member at place 5000") {
		t.Errorf("behind the end: %q", errs)
	}
}

// TestRulesHaveElements: what prints all of the rules has the elements of nft's sets too.
func TestRulesHaveElements(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	ns := nettest.New(t, "elements")
	nettest.Feed(t, ns, "table inet fw { set s { type ipv4_addr; elements = { 192.0.2.77 }\n}\n}\n", "nft", "-f", "-")
	for _, args := range [][]string{{"rules"}, {"rules", "--format", "json"}, nil} {
		if out, _ := launch(t, "nfscope", append([]string{"--netns", ns.Name()}, args...)...).ends(exitDone); !strings.Contains(out, "elements = { 192.0.2.77 }") || strings.Contains(out, "terse") {
			t.Errorf("%v:\n%s", args, out)
		}
	}
	nettest.Feed(t, ns, "table inet ways { chain ssh {\n}\nmap m { type inet_service : verdict; elements = { 22 : jump ssh }\n}\nchain in { type filter hook input priority 0; tcp dport vmap @m\n}\n}\n", "nft", "-f", "-")
	if out, _ := launch(t, "nfscope", "--netns", ns.Name(), "rules", "--format", "dot").ends(exitDone); !strings.Contains(out, "->") {
		t.Errorf("dot has no arrow of the verdict map:\n%s", out)
	}
}
