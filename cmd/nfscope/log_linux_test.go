package main

import (
	"os"
	"strings"
	"testing"

	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// TestLog: `log` finds the groups in the rules, prints what they send with the rule, and
// gives the group back.
func TestLog(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy", "nft")
	t.Parallel()
	ns := nettest.New(t, "log")
	nettest.Run(t, ns, "iptables-legacy", "-A", "OUTPUT", "-p", "udp", "--dport", "4000", "-j", "NFLOG", "--nflog-group", "5", "--nflog-prefix", "out\x1b[31m")
	nettest.Run(t, ns, "iptables-legacy", "-A", "OUTPUT", "-p", "udp", "--dport", "4000", "-j", "LOG", "--log-prefix", "nobody reads this")
	nettest.Feed(t, ns, "table inet fw { chain in { type filter hook input priority 10; udp dport 4000 log prefix \"a\" group 7; udp dport 4001 log prefix \"b\" group 7; udp dport 4001 log prefix \"b\" group 7; }; }", "nft", "-f", "-")
	send := func(port string) { datagram(t, ns, "127.0.0.1:"+port) }

	r := launch(t, "nfscope", "--netns", ns.Name(), "log", "--json", "udp and dst port 4000", "--count", "2")
	r.hears("reading NFLOG")
	send("4001")
	send("4000")
	out, errs := r.ends(exitDone)
	list := objects(t, out)
	if st := endsWithStats(t, list); st["lost"] != 0.0 || len(list) != 3 {
		t.Fatalf("%s", out)
	}
	first, second := list[0], list[1]
	if first["group"] != 5.0 { // each group has a socket of its own
		first, second = second, first
	}
	if first["prefix"] != "out\x1b[31m" || first["group"] != 5.0 || first["hook"] != "output" || first["uid"] != float64(os.Getuid()) ||
		second["prefix"] != "a" || second["in"] != "lo" || second["schema"] != "nfscope/log/1" {
		t.Errorf("%s", out)
	}
	if !strings.Contains(errs, "reading NFLOG group 5, NFLOG group 7\n") || !strings.Contains(errs, "first network namespace") || !strings.Contains(errs, "2 lines in ") {
		t.Errorf("%s", errs)
	}

	r = launch(t, "nfscope", "--netns", ns.Name(), "log", "7", "5")
	r.hears("reading NFLOG")
	// A second reader is told of the first, and takes nothing.
	if _, errs := launch(t, "nfscope", "--netns", ns.Name(), "log", "5").ends(exitPrivilege); !strings.Contains(errs, "group 5 in namespace") || !strings.Contains(errs, "nfscope (process ") {
		t.Errorf("a taken group: %s", errs)
	}
	send("4000")
	send("4001")
	other, ambiguous := false, false // each group has a socket of its own
	r.line("the other group's, and the ambiguous one", func(l string) bool {
		other = other || strings.Contains(l, "probably rule 1 of filter/OUTPUT")
		ambiguous = ambiguous || strings.Contains(l, "rule 2 of inet fw/in or rule 3 of inet fw/in")
		return other && ambiguous
	})
	r.signal(os.Interrupt)
	out, _ = r.ends(exitInterrupted)
	if strings.Contains(out, "\x1b") || !strings.Contains(out, "probably rule 1 of inet fw/in") {
		t.Errorf("%q", out)
	}
	if b, err := procLog(ns); err != nil || strings.TrimSpace(b) != "" {
		t.Errorf("groups are still read: %q %v", b, err)
	}
	nothing := nettest.New(t, "nolog")
	for _, c := range []struct {
		ns     string
		args   []string
		status int
		says   string
	}{
		{nothing.Name(), nil, exitError, "no rule here logs"},
		{nothing.Name(), []string{"70000"}, exitUsage, "expected 0 to 65535"},
		{nothing.Name(), []string{"5", "dropped"}, exitUsage, "does not apply to packets"},
		{nothing.Name(), []string{"5", "--for", "-1s"}, exitUsage, "expected 0 or more"},
		{nothing.Name(), []string{"kernel"}, exitPrivilege, "first network namespace"},
		{nothing.Name(), []string{"5", "--for", "10ms"}, exitDone, "0 lines in "},
	} {
		if _, errs := launch(t, "nfscope", append([]string{"--netns", c.ns, "log"}, c.args...)...).ends(c.status); !strings.Contains(errs, c.says) {
			t.Errorf("%v: %s", c.args, errs)
		}
	}
	// A group named twice is not taken by ourselves.
	if _, errs := launch(t, "nfscope", "--netns", nothing.Name(), "log", "5", "05", "--for", "10ms").ends(exitDone); !strings.HasPrefix(errs, "reading NFLOG group 5\n") {
		t.Errorf("a group named twice: %s", errs)
	}
}

// procLog lists the readers of NFLOG groups.
func procLog(ns *netns.Handle) (s string, err error) {
	err = ns.Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_log")
		s = string(b)
		return err
	})
	return s, err
}
