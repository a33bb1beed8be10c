package filter_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"nfscope/model/filter"
)

// TestParts: what is said of a filter while it is typed.
func TestParts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text          string
		both          bool
		kernel, after string
	}{
		{"", false, "", ""},
		{"tcp and dst port 80", false, "tcp and dst port 80", ""},
		{"tcp and dst port 80 and dropped", false, "tcp and dst port 80", "dropped"},
		{"port (80 or 443) and chain X", false, "port 80 or port 443", "chain X"},
		{"not port 80 and not dropped", false, "not port 80", "not dropped"},
		// Of an alternative that the kernel cannot see every packet is one.
		{"tcp or dropped", false, "", "tcp or dropped"},
		{"udp and (tcp or dropped)", false, "udp", "tcp or dropped"},
		{"(tcp and dropped) or udp", false, "tcp or udp", "(tcp and dropped) or udp"},
		{"not (tcp and dropped)", false, "", "not (tcp and dropped)"},
		{"not (tcp or dropped)", false, "not tcp", "not (tcp or dropped)"},
		{"not (tcp or udp)", false, "not tcp and not udp", ""},
		// Where a packet comes in nobody knows where it will go out.
		{"tcp and out eth1", false, "tcp", "out eth1"},
		{"in eth0", false, "in eth0", ""},
		{"in eth0", true, "", "in eth0"},
		{"tcp and in eth0 and dst port 80", true, "tcp and dst port 80", "in eth0"},
	} {
		kernel, after := parse(t, c.text).Parts(c.both)
		if kernel != c.kernel || after != c.after {
			t.Errorf("%q, both %v: the kernel %q, afterwards %q, want %q, %q", c.text, c.both, kernel, after, c.kernel, c.after)
		}
	}
}

// TestPartsAreTheFilter: the kernel's part matches just what the rules match that a filter is
// compiled into, and both parts together what the filter matches.
func TestPartsAreTheFilter(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		a, b := randomFilter(r, 2), randomFilter(r, 2)
		late := pick(r, "dropped", "chain X")
		f := parse(t, pick(r, "("+a+") and "+late, "("+a+") or "+late+" and "+b, "not ("+a+" or "+late+") or "+b, a+" "+b))
		if strings.Contains(f.String(), "out ") {
			continue
		}
		kernel, after := f.Parts(false)
		rules, err := f.Conjuncts(1 << 20)
		if err != nil {
			continue
		}
		in, rest := parse(t, kernel), parse(t, after)
		for range 20 {
			p, from, to := randomPacket(r)
			if got, want := in.Packet(p, from, to), anyConjunct(rules, p, from, to); (got == filter.Yes) != want {
				t.Fatalf("%q: the kernel's part %q is %v of %s, its rules say %v", f, kernel, got, p, want)
			}
			if got, want := min(in.Packet(p, from, to), rest.Packet(p, from, to)), f.Packet(p, from, to); got != want {
				t.Fatalf("%q: %q and %q are %v of %s, the filter is %v", f, kernel, after, got, p, want)
			}
		}
	}
}
