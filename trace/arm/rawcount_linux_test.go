package arm_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"nfscope/trace/arm"
	"nfscope/trace/guard"
	"nfscope/trace/nettest"
)

// TestTaken: who loads the raw table anew, or takes a part of what traces out of it, is
// noticed, and what is there no more cannot fail to be undone. Other rules may come and go.
func TestTaken(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy", "iptables-legacy-restore", "ip6tables-legacy")
	const unasked = "one hook is flushed, and nobody asks before the end"
	for _, c := range []struct {
		name  string
		taken string // by whose program
		take  []string
		stdin string
	}{
		{"all is flushed", "iptables-legacy", []string{"iptables-legacy", "-t", "raw", "-F"}, ""},
		{"all is loaded anew", "iptables-legacy", []string{"iptables-legacy-restore"}, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"},
		{"one hook is flushed", "iptables-legacy", []string{"iptables-legacy", "-t", "raw", "-F", "OUTPUT"}, ""},
		{unasked, "iptables-legacy", []string{"iptables-legacy", "-t", "raw", "-F", "OUTPUT"}, ""},
		{"the chain is flushed", "ip6tables-legacy", []string{"ip6tables-legacy", "-t", "raw", "-F", "CHAIN"}, ""},
		{"another table is flushed", "", []string{"iptables-legacy", "-t", "mangle", "-F"}, ""},
		{"a rule is added", "", []string{"iptables-legacy", "-t", "raw", "-I", "PREROUTING", "-j", "CHAIN"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ns := nettest.New(t, "taken")
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			g, err := guard.Start(exe)
			if err != nil {
				t.Fatal(err)
			}
			a, err := arm.Arm(t.Context(), ns, arm.Options{Filter: parse(t, "udp and dst port 9"), Method: arm.MethodRaw, Guard: g})
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := a.Held(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, chain, _ := strings.Cut(nettest.Run(t, ns, strings.TrimSuffix(c.take[0], "-restore"), "-t", "raw", "-S"), "-N ")
			chain, _, _ = strings.Cut(chain, "\n")
			for i := range c.take {
				c.take[i] = strings.Replace(c.take[i], "CHAIN", chain, 1)
			}
			nettest.Feed(t, ns, c.stdin, c.take[0], c.take[1:]...)
			if c.name != unasked {
				_, _, err = a.Held(t.Context())
				if errors.Is(err, arm.ErrTaken) != (c.taken != "") || c.taken != "" && !strings.HasSuffix(err.Error(), "("+c.taken+")") || c.taken == "" && err != nil {
					t.Errorf("it says %v", err)
				}
			}
			if c.name == "a rule is added" { // else the chain is in use
				nettest.Run(t, ns, "iptables-legacy", "-t", "raw", "-D", "PREROUTING", "-j", chain)
			}
			if err := a.Close(); err != nil {
				t.Errorf("it is over: %v", err)
			}
			if _, _, err := a.Held(t.Context()); errors.Is(err, arm.ErrTaken) != (c.taken != "") {
				t.Errorf("when it is over it says %v", err)
			}
			if err := g.Close(); err != nil {
				t.Errorf("the guard: %v", err)
			}
			for _, program := range []string{"iptables-legacy", "ip6tables-legacy"} {
				if left := nettest.Run(t, ns, program, "-t", "raw", "-S"); strings.Contains(left, arm.Prefix) {
					t.Errorf("%s: left is\n%s", program, left)
				}
			}
		})
	}
}
