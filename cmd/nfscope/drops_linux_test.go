package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// TestDrops: `drops` says why a packet is gone, as text and as JSON, filtered, and ends
// as it was told.
func TestDrops(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy", "ip", "setpriv")
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
	unasked(t, ns)
	send("4000")
	r.line("nobody listens", func(l string) bool {
		return strings.TrimRight(l, "\n") == "    nobody listens at udp port 4000 of 127.0.0.1; no socket of this host has that port"
	})
	r.signal(os.Interrupt)
	if _, errs := r.ends(exitInterrupted); !strings.Contains(errs, "2 packets in ") || !strings.Contains(errs, "lost 0") || !strings.Contains(errs, "left out that happen") {
		t.Errorf("%s", errs)
	}

	r = launch(t, "nfscope", "--netns", ns.Name(), "drops", "--all", "--json", "--count", "1", "icmp")
	r.hears("watching drops")
	unasked(t, ns)
	out, _ = r.ends(exitDone)
	if list = objects(t, out); list[0]["reason"] != "NO_SOCKET" || list[0]["usual"] != true || list[0]["reason_words"] != "nobody on this host waits for this ICMP message" {
		t.Errorf("%s", out)
	}

	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"chain", "X"}, exitUsage, `"chain" does not apply to dropped packets`},
		{[]string{"--for", "-1s"}, exitUsage, "expected 0 or more"},
		{[]string{"--count", "-1"}, exitUsage, "expected 0 or more"},
		{[]string{"--rate", "0"}, exitUsage, "expected 1 to 1000000"},
		{[]string{"--rate", "1000001"}, exitUsage, "expected 1 to 1000000"},
		{[]string{"--for", "10ms"}, exitDone, "0 packets in "},
	} {
		if _, errs := launch(t, "nfscope", append([]string{"--netns", ns.Name(), "drops"}, c.args...)...).ends(c.status); !strings.Contains(errs, c.says) {
			t.Errorf("%v: %s", c.args, errs)
		}
	}
	_, errs = launch(t, "ip", "netns", "exec", ns.Name(), "setpriv", "--inh-caps=-all,+net_admin,+net_raw", "--bounding-set=-all,+net_admin,+net_raw", "nfscope", "drops", "--for", "10ms").ends(exitDone)
	if !strings.HasPrefix(errs, "nfscope: no eBPF: ") || !strings.Contains(errs, "\nnfscope: no perf: ") || !strings.Contains(errs, "\nwatching drops: the kernel's counters alone") {
		t.Errorf("without eBPF and perf: %s", errs)
	}
}

// unasked sends an answer to an echo that nobody sent, which the kernel drops as every day.
func unasked(t *testing.T, ns *netns.Handle) {
	t.Helper()
	nettest.Do(t, ns, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		const icmpFilter = 1 // of linux/icmp.h; without it the socket is given a copy, whose drop is told when it is closed, or later
		if err := unix.SetsockoptInt(fd, unix.SOL_RAW, icmpFilter, -1); err != nil {
			return err
		}
		return unix.Sendto(fd, []byte{0, 0, 0xff, 0xfd, 0, 1, 0, 1}, 0, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	})
}

// TestDropsRate: --rate and FILTER's protocol hold in the kernel: of a flood of another protocol
// nothing is told, of its own the first, and so many in a second.
func TestDropsRate(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	ns := nettest.New(t, "droprate")
	r := launch(t, "nfscope", "--netns", ns.Name(), "drops", "--rate", "1", "--json", "udp")
	r.hears("watching drops")
	for range 3 {
		if c, err := nettest.Dial(t, ns, "tcp", "", "127.0.0.1:4001", nettest.InVain); err == nil {
			_ = c.Close()
			t.Fatal("nobody listens there")
		}
	}
	begin := time.Now()
	datagram(t, ns, "127.0.0.1:4002")
	const flood = 300
	for range flood {
		datagram(t, ns, "127.0.0.1:4003")
	}
	most := 2 + int(time.Since(begin).Seconds())
	r.signal(os.Interrupt)
	out, errs := r.ends(exitInterrupted)
	list := objects(t, out)
	endsWithStats(t, list)
	list = list[:len(list)-1]
	if len(list) == 0 || len(list) > most {
		t.Fatalf("%d of %d told, want 1 to %d:\n%s%s", len(list), flood, most, out, errs)
	}
	if p, ok := list[0]["packet"].(map[string]any); !ok || p["dport"] != 4002.0 {
		t.Errorf("not the first one:\n%s", out)
	}
	if !strings.Contains(errs, " above the rate were counted by reason and place") {
		t.Errorf("%s", errs)
	}
}
