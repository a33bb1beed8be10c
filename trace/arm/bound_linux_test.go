package arm_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/trace/arm"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// TestMostIsTheKernels: packets in all are bounded by the kernel, below the rate. Those
// sent are as large as there are, since -j TRACE is bounded by bytes.
func TestMostIsTheKernels(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "iptables-legacy", "ip6tables-legacy")
	ns := nettest.New(t, "most")
	for _, method := range []string{arm.MethodOwner, arm.MethodRaw} {
		a := arming(t, ns, arm.Options{Filter: parse(t, "udp and dst port 9 and in lo"), Rate: 1000, Most: 3, Method: method})
		sendLarge(t, ns, 10)
		if traced, held := counted(t, a, 10); traced != 3 || held != 7 {
			t.Errorf("%s: traced %d, held %d, want 3 and 7", method, traced, held)
		}
		// What is matched only afterwards would use up the number.
		loose := arming(t, ns, arm.Options{Filter: parse(t, "udp and dst port 9 and in lo and not state new"), Rate: 1000, Most: 3, Method: method})
		sendLarge(t, ns, 10)
		if traced, held := counted(t, loose, 10); traced != 10 {
			t.Errorf("%s: traced %d, held %d, want all 10", method, traced, held)
		}
	}
}

// sendLarge sends the largest datagrams there are.
func sendLarge(t *testing.T, ns *netns.Handle, n int) {
	t.Helper()
	c, err := nettest.Dial(t, ns, "udp", "", "127.0.0.1:9", nettest.InVain)
	if err != nil {
		t.Fatal(err)
	}
	for sent := 0; sent < n; {
		if _, err := c.Write(make([]byte, 65507)); err == nil {
			sent++ // else the refusal of an earlier one was told, and nothing sent
		}
	}
}

// TestRawWithoutTime takes the matches away that bound -j TRACE in the kernel.
func TestRawWithoutTime(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy", "ip6tables-legacy")
	dirs, _ := filepath.Glob("/usr/lib/*/xtables")
	if len(dirs) == 0 {
		nettest.Skip(t, "where iptables has its matches is not known")
	}
	ns := nettest.New(t, "bound")
	for _, c := range []struct {
		without      []string
		note, holds  string
		most, traced uint64
	}{
		{[]string{"libxt_quota.so"}, "", "--datestop", 1, 3},
		{[]string{"libxt_time.so"}, "no match `time` here (xt_time), so the kernel of a stopped nfscope traces on until 0 MB", "--quota 65535", 1, 1},
		{[]string{"libxt_time.so"}, "until 3945 MB have passed", "--quota 3945207000", 0, 3}, // 100 * (1 + 600 s) + 100
		{[]string{"libxt_time.so", "libxt_quota.so"}, "has neither of the matches `time` and `quota`", "", 1, 3},
	} {
		lib := t.TempDir()
		all, _ := filepath.Glob(dirs[0] + "/*.so")
		for _, f := range all {
			if !strings.Contains(strings.Join(c.without, " "), filepath.Base(f)) {
				if err := os.Symlink(f, filepath.Join(lib, filepath.Base(f))); err != nil {
					t.Fatal(err)
				}
			}
		}
		t.Setenv("XTABLES_LIBDIR", lib)
		a := arming(t, ns, arm.Options{Filter: parse(t, "udp and dst port 9 and in lo"), For: 10 * time.Minute, Most: int(c.most), Method: arm.MethodRaw})
		notes := strings.Join(a.State().Notes, "\n")
		if has := strings.Count(notes, "xt_time"); c.note == "" && has != 0 || c.note != "" && (has != 1 || !strings.Contains(notes, c.note)) {
			t.Errorf("without %v it notes:\n%s", c.without, notes)
		}
		sendLarge(t, ns, 3)
		if traced, held := counted(t, a, 3); traced != c.traced {
			t.Errorf("without %v: traced %d, held %d, want %d traced", c.without, traced, held, c.traced)
		}
		if err := os.Unsetenv("XTABLES_LIBDIR"); err != nil { // to see what stands there
			t.Fatal(err)
		}
		if rules := nettest.Run(t, ns, "iptables-legacy", "-t", "raw", "-S"); !strings.Contains(rules, c.holds) {
			t.Errorf("without %v the rules are\n%s", c.without, rules)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	nothingLeft(t, ns)
}

// TestRawRate: iptables cannot count above 10,000 packets a second, so that is the limit there;
// what the method cannot do is said.
func TestRawRate(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy")
	ns := nettest.New(t, "rate")
	a := arming(t, ns, arm.Options{Filter: parse(t, "ip and udp"), Rate: 20000, Burst: 30000, Both: true, Method: arm.MethodRaw})
	for _, want := range []string{"iptables can limit to 10000 packets a second at most, and that is the limit",
		"-j TRACE knows what comes back by its addresses and ports alone: translated packets and ICMP errors of routers are not among it"} {
		if !slices.Contains(a.State().Notes, want) {
			t.Errorf("no %q among the notes %q", want, a.State().Notes)
		}
	}
	if rate := a.State().Rate; rate != 10000 {
		t.Errorf("it says that the limit is %d", rate)
	}
	if got := nettest.Run(t, ns, "iptables-legacy", "-t", "raw", "-S"); !strings.Contains(got, "--limit 10000/sec --limit-burst 10000 ") {
		t.Errorf("rules:\n%s", got)
	}
}
