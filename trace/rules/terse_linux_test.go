package rules

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/diff"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// manyMembers makes a table with a set of n members, and all else that has elements.
func manyMembers(t testing.TB, ns *netns.Handle, n int) {
	t.Helper()
	var s strings.Builder
	s.WriteString("table inet fw {\n\tset many {\n\t\ttype ipv4_addr\n\t\telements = {")
	for i := range n {
		fmt.Fprintf(&s, "10.%d.%d.%d,", i>>16, i>>8&255, i&255)
	}
	s.WriteString(`}
	}
	map ways {
		type inet_service : verdict
		elements = { 22 : accept, 23 : jump web }
	}
	map hosts {
		type ipv4_addr : ipv4_addr
		flags interval
		elements = { 10.0.0.0/8 : 10.1.1.1 }
	}
	chain web {
	}
	chain in {
		type filter hook input priority 0
		ip saddr @many drop
		tcp dport { 80, 443 } accept
		tcp dport vmap { 1 : drop, 2 : jump web }
		tcp dport vmap @ways
		ip saddr . tcp dport { 10.0.0.1 . 22, 10.0.0.2 . 23 } accept
	}
}
`)
	nettest.Feed(t, ns, s.String(), "nft", "-f", "-")
}

// texts are all rules of the native tables.
func texts(rs *model.Ruleset) (list []string) {
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			for i := range c.Rules {
				list = append(list, t.Name+"/"+c.Name+" "+c.Rules[i].Text)
			}
		}
	}
	return list
}

// TestTerse: the members of a set are neither read nor printed for the rules that speak
// of it, in one table or in several, beside iptables-nft's or not; what stands in braces
// within a rule is. With Elements all is there.
func TestTerse(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "iptables-nft")
	ns := nettest.New(t, "terse")
	manyMembers(t, ns, 5000)
	// readings counts the sets whose elements nft asks the kernel for.
	readings := func(args ...string) int {
		return strings.Count(nettest.Run(t, ns, "nft", append([]string{"--debug=mnl"}, args...)...), fmt.Sprintf("| %05d |", unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETSETELEM))
	}
	if n := readings("list", "set", "inet", "fw", "many"); n != 1 {
		t.Fatalf("nft tells of %d sets that it reads, want 1", n)
	}
	for _, more := range []func(){
		func() {},
		func() { nettest.Run(t, ns, "iptables-nft", "-A", "INPUT", "-j", "ACCEPT") },
		func() {
			nettest.Feed(t, ns, "table ip more { set s { type mark; elements = { 1 }\n}\n}\n", "nft", "-f", "-")
		},
	} {
		more()
		var printed int
		var asked [][]string
		r := open(t, ns)
		run := r.programs.run
		r.programs.run = func(ctx context.Context, path string, args ...string) (*printout, error) {
			out, err := run(ctx, path, args...)
			printed += out.size
			if filepath.Base(path) == "nft" {
				asked = append(asked, args)
			}
			return out, err
		}
		terse := clean(t, r)
		if len(asked) != 1 || printed > 8<<10 {
			t.Fatalf("%v: %d bytes", asked, printed)
		}
		if n := readings(asked[0]...); n != 3 { // those in braces
			t.Errorf("%v: the elements of %d sets are read", asked, n)
		}
		full := open(t, ns)
		full.Elements()
		all := clean(t, full)
		if !terse.Terse || all.Terse {
			t.Errorf("terse: %t, in full: %t", terse.Terse, all.Terse)
		}
		if a, b := texts(terse), texts(all); !slices.Equal(a, b) || !strings.Contains(strings.Join(a, "\n"), "vmap { 1 : drop, 2 : jump web }") {
			t.Errorf("terse:\n%s\nin full:\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
		}
		for i, x := range []*model.Ruleset{terse, all} {
			extra := strings.Join(x.Table(model.BackendNFTables, model.FamilyInet, "fw").Extra, "\n")
			for _, name := range []string{"set many {", "map ways {", "map hosts {"} {
				if !strings.Contains(extra, name) {
					t.Errorf("%s is missing", name)
				}
			}
			if n := strings.Count(extra, "elements = {"); n != 1+2*i { // those of the verdict map are always there
				t.Errorf("%d sets have elements, want %d", n, 1+2*i)
			}
			if !strings.Contains(extra, "22 : accept") || !strings.Contains(extra, "23 : jump web") {
				t.Errorf("the verdict map is not read:\n%s", extra)
			}
		}
	}
}

// TestTerseChange: another member is no change of the rules, another set is.
func TestTerseChange(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "tersechange")
	manyMembers(t, ns, 10)
	r := open(t, ns)
	before := clean(t, r)
	nettest.Run(t, ns, "nft", "add element inet fw many { 192.0.2.1 }")
	after := clean(t, r)
	if c := diff.Rulesets(before, after); before.Generation == after.Generation || len(c) != 0 {
		t.Errorf("a member more: generation %s, then %s; changes %v", before.Generation, after.Generation, c)
	}
	nettest.Run(t, ns, "nft", "add set inet fw another { type mark; }")
	if c := diff.Rulesets(after, clean(t, r)); len(c) != 1 {
		t.Errorf("a set more: changes %v", c)
	}
}
