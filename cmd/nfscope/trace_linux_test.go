package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"nfscope/trace/arm"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

const dropForwarded = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -p udp --dport 9 -j DROP\nCOMMIT\n"

// tracing starts `nfscope trace` in a namespace and returns when it is armed. It does not
// end by the time, unless args say so.
func tracing(t *testing.T, ns *netns.Handle, args ...string) *running {
	t.Helper()
	r := launch(t, "nfscope", append([]string{"--netns", ns.Name(), "trace", "--for", "10m"}, args...)...)
	r.hears("tracing ")
	return r
}

// TestTraceRecordReplay: what a trace printed is what its recording prints.
func TestTraceRecordReplay(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, dropForwarded, "iptables-legacy-restore")
	file := filepath.Join(t.TempDir(), "case.nfs")
	r := tracing(t, n.Router, "--json", "--count", "3", "-w", file, "udp and dst host 10.2.0.2")
	for _, port := range []int{9, 10, 9} {
		datagram(t, n.Client, fmt.Sprint("10.2.0.2:", port))
	}
	out, errs := r.ends(exitDone)
	if !strings.Contains(errs, "3 packets in ") || !strings.Contains(errs, "wrote "+file+"\n") {
		t.Errorf("it said %s", errs)
	}
	live := objects(t, out)
	if len(live) != 4 {
		t.Fatalf("%d lines:\n%s", len(live), out)
	}
	if s := endsWithStats(t, live); s["journeys"] != 3.0 || s["lost"] != 0.0 {
		t.Errorf("stats %v", s)
	}
	again, _ := launch(t, "nfscope", "replay", "--json", file).ends(exitDone)
	cut := func(s string) string { return s[:strings.Index(s, `{"schema":"nfscope/stats/1"`)] }
	if cut(again) != cut(out) {
		t.Errorf("the replay prints\n%s\nthe trace did\n%s", again, out)
	}
	text, _ := launch(t, "nfscope", "replay", "--plain", file).ends(exitDone)
	for _, want := range []string{"trace: udp and dst host 10.2.0.2, recorded 20", "dropped by rule 1 of filter/FORWARD", "3 packets, "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the replay:\n%s", want, text)
		}
	}
}

// TestTracePrograms: what programs alone follow is printed as the contract says, in the
// namespace that is looked at and in the next, which must be another, named once.
func TestTracePrograms(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	n.FixNeighbours(t)
	nettest.Feed(t, n.Router, "table inet fw { chain c { type filter hook forward priority 0; }; }", "nft", "-f", "-")
	through := func(names ...string) *running {
		args := []string{"--netns", n.Router.Name(), "trace", "--programs", "--json", "--for", "10m", "--count", "2"}
		for _, name := range names {
			args = append(args, "--through", name)
		}
		return launch(t, "nfscope", append(args, "udp and dst port 9")...)
	}
	server := n.Server.Name()
	path := "/var/run/netns/" + server // the same by another name
	for want, names := range map[string][]string{
		"--through " + n.Router.Name() + ": that is the namespace that is looked at":                 {server, n.Router.Name()},
		"--through " + path + ": that namespace is named twice (the first time as " + server + ")\n": {server, path},
	} {
		if _, errs := through(names...).ends(exitUsage); !strings.Contains(errs, want) {
			t.Errorf("%v: %s", names, errs)
		}
	}
	r := through(server)
	r.hears("tracing ")
	datagram(t, n.Client, "10.2.0.2:9")
	out, _ := r.ends(exitDone)
	list := objects(t, out)
	if len(list) != 3 {
		t.Fatalf("%d lines:\n%s", len(list), out)
	}
	endsWithStats(t, list)
	steps, _ := list[0]["steps"].([]any)
	if len(steps) != 1 || at(steps[0].(map[string]any), "kind") != "passed" || at(steps[0].(map[string]any), "chain") != "c" || list[1]["netns"] != server || list[1]["came"] == nil {
		t.Errorf("%s", out)
	}
}

// TestTraceEnds: by the time that is up, and by ctrl-C with what there is.
func TestTraceEnds(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, dropForwarded, "iptables-legacy-restore")
	start := time.Now()
	out, errs := tracing(t, n.Router, "--json", "--for", "500ms", "udp").ends(exitDone)
	// What did not heed --for would have gone on for the usual time.
	took, _ := endsWithStats(t, objects(t, out))["duration_ns"].(float64)
	if took := time.Duration(took); took < 500*time.Millisecond || took > arm.DefaultFor || took > time.Since(start) {
		t.Errorf("--for 500ms took %v: %s", took, errs)
	}
	log := filepath.Join(t.TempDir(), "log")
	r := tracing(t, n.Router, "--json", "--log-file", log, "udp and dst port 9")
	datagram(t, n.Client, "10.2.0.2:9")
	r.line("the packet", func(l string) bool { return strings.Contains(l, `"dport":9`) })
	datagram(t, n.Client, "10.2.0.2:9")
	r.signal(os.Interrupt)
	out, errs = r.ends(exitInterrupted)
	endsWithStats(t, objects(t, out))
	if !strings.Contains(errs, "packets in ") {
		t.Errorf("it said %s", errs)
	}
	for _, want := range []string{`msg="rules read"`, `msg="trace armed" filter="udp and dst port 9"`, `msg="trace ended"`} {
		if text := string(mustRead(t, log)); !strings.Contains(text, want) {
			t.Errorf("no %s in the log:\n%s", want, text)
		}
	}
}

// TestTraceReaderLeaves: with nobody reading any more the trace ends, without a word
// and with nothing left.
func TestTraceReaderLeaves(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "sh")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, dropForwarded, "iptables-legacy-restore")
	// head reads a line and goes; each packet is a write.
	r := launch(t, "sh", "-c", `{ nfscope --netns "$0" trace --for 10m udp; echo "status $?" >&2; } | head -1`, n.Router.Name())
	r.hears("tracing ")
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for gone := false; !gone; {
		datagram(t, n.Client, "10.2.0.2:9")
		select {
		case l := <-r.said:
			r.errs.WriteString(l + "\n")
			gone = strings.HasPrefix(l, "status ")
		case <-tick.C:
		}
	}
	out, errs := r.ends(exitDone)
	if strings.Count(out, "\n") != 1 || strings.Contains(errs, "nfscope:") || !strings.Contains(errs, "status 0\n") {
		t.Errorf("%s%s", out, errs)
	}
	if tables := nettest.Run(t, n.Router, "nft", "list", "tables"); strings.Contains(tables, "nfscope") {
		t.Errorf("left behind: %s", tables)
	}
}

// TestTraceAfterKernel: what the arming rule cannot match is matched afterwards.
func TestTraceAfterKernel(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, dropForwarded, "iptables-legacy-restore")
	file := filepath.Join(t.TempDir(), "case.nfs")
	r := tracing(t, n.Router, "--json", "--count", "1", "-w", file, "udp and out r1 and not dropped")
	r.hears("more is traced and filtered afterwards: ")
	datagram(t, n.Client, "10.1.0.1:11") // to the router itself
	datagram(t, n.Client, "10.2.0.2:9")  // dropped
	datagram(t, n.Client, "10.2.0.2:10")
	out, _ := r.ends(exitDone)
	if list := objects(t, out); len(list) != 2 || at(list[0], "packet", "dport") != 10.0 || list[0]["out"] != "r1" {
		t.Errorf("want the one that left by r1:\n%s", out)
	}
	// Its replay filters likewise.
	out, _ = launch(t, "nfscope", "replay", "--json", file).ends(exitDone)
	if list := objects(t, out); len(list) != 2 || at(list[0], "packet", "dport") != 10.0 {
		t.Errorf("replayed:\n%s", out)
	}
}

// TestTraceHeld: the kernel holds back what is over the rate, and that is told; how many packets
// it traces in all has a bound in the kernel too.
func TestTraceHeld(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	start := time.Now()
	r := tracing(t, n.Router, "--rate", "5", "--count", "1000", "udp and dst port 10")
	// Over loopback a packet counts twice; a second's packets more may be lost on their way to us.
	if rules := nettest.Run(t, n.Router, "nft", "list", "ruleset"); !strings.Contains(rules, "limit rate 1/hour burst 2005 packets") {
		t.Errorf("the kernel does not bound how many are traced in all:\n%s", rules)
	}
	for range 200 {
		datagram(t, n.Client, "10.2.0.2:10")
	}
	waitFor(t, "the kernel to count every packet", func() error {
		counted := 0
		for _, m := range counterOf.FindAllStringSubmatch(nettest.Run(t, n.Router, "nft", "list", "ruleset"), -1) {
			of, _ := strconv.Atoi(m[1])
			counted += of
		}
		if counted != 200 {
			return fmt.Errorf("it counted %d", counted)
		}
		return nil
	})
	most := 40 + 5*int(time.Since(start).Seconds())
	r.signal(os.Interrupt)
	_, errs := r.ends(exitInterrupted)
	m := regexp.MustCompile(`(\d+) packets in .*, lost 0, (\d+) packets held back by the limit of 5/s`).FindStringSubmatch(errs)
	if m == nil {
		t.Fatalf("it said %s", errs)
	}
	var traced, held int
	fmt.Sscan(m[1], &traced)
	fmt.Sscan(m[2], &held)
	if traced+held != 200 || traced < 1 || traced > most {
		t.Errorf("%d traced, at most %d were due, and %d held back of 200", traced, most, held)
	}
}

// TestTwoTraces: one reader has NFLOG's group. The second trace says what it cannot
// have and goes on with nf_tables; only the first touches the sysctl.
func TestTwoTraces(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, strings.Replace(dropForwarded, "COMMIT", "-A INPUT -p udp --dport 12 -j DROP\nCOMMIT", 1), "iptables-legacy-restore")
	nettest.Feed(t, n.Router, "table inet fw {\n chain forward { type filter hook forward priority -5; policy accept; udp dport 11 drop; }\n}\n", "nft", "-f", "-")
	look := func() string { return settled(t, n.Router) }
	before := look()
	logger := func() string {
		return strings.TrimSpace(nettest.Run(t, n.Router, "cat", "/proc/sys/net/netfilter/nf_log/2"))
	}
	old := logger()

	first := tracing(t, n.Router, "--json", "udp")
	second := tracing(t, n.Router, "--json", "udp")
	l := second.hears("legacy tables are not traced: ")
	if !strings.Contains(l, fmt.Sprintf("(process %d)", first.cmd.Process.Pid)) {
		t.Errorf("the holder is not named: %s", l)
	}
	doctor, _ := launch(t, "nfscope", "--netns", n.Router.Name(), "doctor").ends(exitDone)
	if !regexp.MustCompile(fmt.Sprintf(`off +NFLOG group 0 +read by .* \(process %d\)`, first.cmd.Process.Pid)).MatchString(doctor) {
		t.Errorf("doctor does not name the holder:\n%s", doctor)
	}
	datagram(t, n.Client, "10.2.0.2:11")
	for _, r := range []*running{first, second} {
		r.line("the drop by nftables", func(l string) bool { return strings.Contains(l, "dropped by rule 1 of inet fw/forward (nftables)") })
	}
	// A drop in a legacy table: the second must not say that the kernel did it. It sees the
	// packet before and behind the table, by programs in the hook.
	datagram(t, n.Client, "10.2.0.2:9")
	first.line("the drop by legacy", func(l string) bool {
		return strings.Contains(l, "dropped by rule 1 of filter/FORWARD (iptables-legacy)")
	})
	second.line("the chain and no guess of the rule", func(l string) bool {
		return strings.Contains(l, `"dport":9`) && strings.Contains(l, "dropped by filter/FORWARD (iptables-legacy) in the forward hook: it was seen before and not behind; which rule it was, nothing told") && strings.Contains(l, `"complete":false`) && strings.Contains(l, `"kind":"unknown"`)
	})

	// Nor of a drop in a hook in which nothing else stands.
	datagram(t, n.Client, "10.2.0.1:12")
	first.line("the drop in input", func(l string) bool {
		return strings.Contains(l, "dropped by rule 1 of filter/INPUT (iptables-legacy)")
	})
	second.line("the chain of input", func(l string) bool {
		return strings.Contains(l, `"dport":12`) && strings.Contains(l, "dropped by filter/INPUT (iptables-legacy) in the input hook: it was seen before and not behind; which rule it was, nothing told") && strings.Contains(l, `"complete":false`)
	})

	// The second ends: the first goes on as it was.
	second.signal(os.Interrupt)
	second.ends(exitInterrupted)
	if got := logger(); got != "nfnetlink_log" {
		t.Errorf("the second has put %s back under the first", got)
	}
	datagram(t, n.Client, "10.2.0.2:9")
	first.line("another drop by legacy", func(l string) bool {
		return strings.Contains(l, "dropped by rule 1 of filter/FORWARD (iptables-legacy)")
	})

	// The first ends before a third, which never had the group: it goes on with nf_tables.
	third := tracing(t, n.Router, "--json", "udp")
	first.signal(os.Interrupt)
	first.ends(exitInterrupted)
	if got := logger(); got != old {
		t.Errorf("nf_log is %s, was %s", got, old)
	}
	datagram(t, n.Client, "10.2.0.2:11")
	third.line("the drop by nftables", func(l string) bool { return strings.Contains(l, "dropped by rule 1 of inet fw/forward (nftables)") })
	third.signal(os.Interrupt)
	third.ends(exitInterrupted)
	waitFor(t, "the namespace to be as it was", func() error {
		if after := look(); after != before {
			return fmt.Errorf("before:\n%s\nafter:\n%s", before, after)
		}
		return nil
	})
}

// TestTraceMisses: --misses tells the rules before the hit, live and in the replay, as
// text and as JSON; without it nothing of them is there.
func TestTraceMisses(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -p udp -m udp --dport 8 -j ACCEPT\n"+
		"-A FORWARD -p udp -m time --timestart 00:00 --timestop 00:01 -m statistic --mode random --probability 0.00001 -j ACCEPT\n-A FORWARD -d 10.2.0.2/32 -j DROP\nCOMMIT\n", "iptables-legacy-restore")
	file := filepath.Join(t.TempDir(), "case.nfs")
	r := tracing(t, n.Router, "--json", "--misses", "--count", "1", "-w", file, "udp and dst port 9")
	datagram(t, n.Client, "10.2.0.2:9")
	out, _ := r.ends(exitDone)
	steps, _ := objects(t, out)[0]["steps"].([]any)
	if len(steps) != 3 {
		t.Fatalf("%d steps: %s", len(steps), out)
	}
	for i, want := range []string{"map[have:9 match:udp dport result:no want:8]", "result:unknown"} {
		s, _ := steps[i].(map[string]any)
		if s["kind"] != "miss" || s["rule"] != float64(i+1) || !strings.Contains(fmt.Sprint(s["because"]), want) {
			t.Errorf("step %d is %v", i, s)
		}
	}
	again, _ := launch(t, "nfscope", "replay", "--json", "--misses", file).ends(exitDone)
	if first, _, _ := strings.Cut(again, "\n"); !strings.HasPrefix(out, first+"\n") {
		t.Errorf("the replay prints\n%s\nthe trace did\n%s", again, out)
	}
	text, _ := launch(t, "nfscope", "replay", "--misses", file).ends(exitDone)
	for _, want := range []string{"1  miss: udp dport 9 is not 8\n", "2  miss: time", "is not known: the time"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if plain, _ := launch(t, "nfscope", "replay", "--plain", file).ends(exitDone); strings.Contains(plain, "miss") {
		t.Errorf("misses that nobody asked for:\n%s", plain)
	}
}
