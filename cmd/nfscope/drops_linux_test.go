package main

import (
	"os"
	"strings"
	"testing"

	"nfscope/trace/nettest"
)

// TestDrops: `drops` says why a packet is gone, as text and as JSON, filtered, and ends
// as it was told.
func TestDrops(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy")
	t.Parallel()
	ns := nettest.New(t, "drops")
	nettest.Run(t, ns, "iptables-legacy", "-A", "OUTPUT", "-p", "udp", "--dport", "4001", "-j", "DROP")
	send := func(port string) {
		t.Helper()
		datagram(t, ns, "127.0.0.1:"+port)
	}

	r := launch(t, "nfscope", "--netns", ns.Name(), "drops", "--json", "--count", "1", "udp", "and", "reason", "no_socket")
	r.hears("watching drops: each packet")
	send("4001")
	send("4000")
	out, errs := r.ends(exitDone)
	list := objects(t, out)
	if st := endsWithStats(t, list); st["lost"] != 0.0 || len(list) != 2 {
		t.Fatalf("%s%s", out, errs)
	}
	d := list[0]
	for k, want := range map[string]any{"schema": "nfscope/drop/1", "reason": "NO_SOCKET", "by": "kernel", "reason_words": "nobody listens at udp port 4000 of 127.0.0.1", "in": "lo", "hook": "",
		"station": "socket", "netns": ns.Name(), "count": 1.0, "source": "bpf"} {
		if d[k] != want {
			t.Errorf("%s: %v, want %v", k, d[k], want)
		}
	}
	if p := d["packet"].(map[string]any); p["dport"] != 4000.0 || p["src"] != "127.0.0.1" {
		t.Errorf("%s", out)
	}

	r = launch(t, "nfscope", "--netns", ns.Name(), "drops")
	r.hears("watching drops")
	send("4001")
	r.line("the rule's", func(l string) bool {
		return strings.Contains(l, "NETFILTER_DROP  udp 127.0.0.1:") && strings.Contains(l, "> 127.0.0.1:4001") && strings.Contains(l, "at output (nf_hook_slow)")
	})
	r.line("what it means", func(l string) bool {
		return strings.TrimRight(l, "\n") == "    a rule or a policy of netfilter in output dropped it"
	})
	r.line("what to do", func(l string) bool {
		return strings.TrimRight(l, "\n") == "    > `nfscope trace udp and src host 127.0.0.1 and dst host 127.0.0.1 and dst port 4001` names the rule, when the next one comes"
	})
	send("4000")
	r.line("nobody listens", func(l string) bool {
		return strings.TrimRight(l, "\n") == "    nobody listens at udp port 4000 of 127.0.0.1; no socket of this host has that port"
	})
	r.signal(os.Interrupt)
	if _, errs := r.ends(exitInterrupted); !strings.Contains(errs, "2 packets in ") || !strings.Contains(errs, "lost 0") {
		t.Errorf("%s", errs)
	}

	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"chain", "X"}, exitUsage, `"chain" does not apply to dropped packets`},
		{[]string{"--for", "-1s"}, exitUsage, "expected 0 or more"},
		{[]string{"--rate", "0"}, exitUsage, "expected 1 to 1000000"},
		{[]string{"--for", "10ms"}, exitDone, "0 packets in "},
	} {
		if _, errs := launch(t, "nfscope", append([]string{"--netns", ns.Name(), "drops"}, c.args...)...).ends(c.status); !strings.Contains(errs, c.says) {
			t.Errorf("%v: %s", c.args, errs)
		}
	}
}
