package arm_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/florianl/go-nflog/v2"

	"nfscope/model"
	"nfscope/model/filter"
	"nfscope/trace/arm"
	"nfscope/trace/guard"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// The kernel must trace what the filter says, packet by packet.
func TestKernelTracesWhatTheFilterSays(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "ip", "iptables-legacy", "ip6tables-legacy")
	filters := []string{"", "udp", "not udp", "ip6", "port 7", "not port 7", "udp and dst port 7", "src port 5007", "not src port 5007",
		"dst portrange 90-8000", "not dst portrange 8-98", "src net 10.0.0.0/8", "not src net 10.0.0.0/9", "dst host fd02::2",
		"not dst host fd02::2", "net fd01::/16", "not host 10.1.0.2 or port 99", "icmp", "proto 99", "in r0", "not in r0", "in r*",
		"in eth0", "mark 0", "not mark 0", "mark 0/0xff", "mark 0x101", "mark 1/0xff", "not mark 0x100/0xff00", "mark 0x100", "not proto 99 and not icmp and not port 99", "tcp", "out r1", "state new and udp",
		"not dst host fd01::2", "dst host 10.2.0.2 and (dst port 7 or icmp)", "dst host fd02::2 and (dst port 7 or dst port 99)", "src net fd01::/16 and (dst port 7 or src port 6000)"}
	for _, method := range []string{arm.MethodOwner, arm.MethodRaw} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			// What comes to port 7 comes with a mark.
			nettest.Feed(t, n.Router, "table netdev marks { chain c { type filter hook ingress device r0 priority 0; udp dport 7 meta mark set 0x101; }; }\n", "nft", "-f", "-")
			w := newWatch(t, n.Router, "prerouting")
			yes := 0
			for _, text := range filters {
				f := parse(t, text)
				a, err := arm.Arm(t.Context(), n.Router, arm.Options{Filter: f, Rate: 10000, Method: method})
				if err != nil {
					t.Fatalf("%q: %v", text, err)
				}
				loose := strings.Contains(strings.Join(a.State().Notes, "\n"), "cannot say all")
				for _, s := range shots() {
					s.fire(t, n.Client)
					traced, p := w.traced(t, s.is)
					want := f.Packet(&p, "r0", "") != filter.No
					if traced != want && (want || !loose) {
						t.Errorf("%q: %s: traced %v, want %v", text, s.name, traced, want)
					}
					if traced {
						yes++
					}
				}
				if err := a.Close(); err != nil {
					t.Errorf("%q: %v", text, err)
				}
			}
			if yes < 50 {
				t.Errorf("only %d packets were traced at all", yes)
			}
			if got := strings.TrimSpace(nettest.Run(t, n.Router, "cat", "/proc/sys/net/netfilter/nf_conntrack_count")); got != "0" {
				t.Errorf("arming has switched conntrack on: %s entries", got)
			}
			nothingLeft(t, n.Router)
		})
	}
}

func TestOutput(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "ip")
	n := nettest.NewRouted(t)
	w := newWatch(t, n.Client, "output")
	for _, c := range []struct {
		text string
		want bool
	}{{"dst port 7", true}, {"dst port 8", false}, {"out c0", true}, {"out c1", false}, {"not out c1 and ip", true}, {"in c0", false},
		{"not in c0", true}, {"in c0 or udp", true}} {
		a := arming(t, n.Client, arm.Options{Filter: parse(t, c.text)})
		s := shots()[0]
		s.fire(t, n.Client)
		if traced, _ := w.traced(t, s.is); traced != c.want {
			t.Errorf("%q: traced %v, want %v", c.text, traced, c.want)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

// nothingLeft checks that a namespace holds no table, rule or chain of ours.
func nothingLeft(t *testing.T, ns *netns.Handle) {
	t.Helper()
	if out := nettest.Run(t, ns, "nft", "list", "ruleset"); strings.Contains(out, "nfscope") {
		t.Errorf("nft list ruleset:\n%s", out)
	}
	for _, c := range []string{"iptables-legacy", "ip6tables-legacy"} {
		if out := nettest.Run(t, ns, c, "-t", "raw", "-S"); strings.Contains(out, "nfscope") {
			t.Errorf("%s -t raw -S:\n%s", c, out)
		}
	}
}

// counted waits until so many packets were counted.
func counted(t *testing.T, a *arm.Armed, want uint64) (traced, held uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), nettest.InVain)
	defer cancel()
	for {
		traced, held, err := a.Held(ctx)
		if err != nil {
			t.Fatalf("traced %d, held %d, want %d together: %v", traced, held, want, err)
		}
		if traced+held >= want {
			return traced, held
		}
	}
}

func TestLimitHoldsAndCountsExactly(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "ip", "iptables-legacy")
	for _, method := range []string{arm.MethodOwner, arm.MethodRaw} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			ns := nettest.New(t, "limit")
			a := arming(t, ns, arm.Options{Filter: parse(t, "udp dst port 9 and in lo"), Rate: 1, Burst: 5, Method: method})
			begin := time.Now()
			send(t, ns, "127.0.0.1:9", 60)
			traced, held := counted(t, a, 60)
			most := 5 + uint64(time.Since(begin)/time.Second) + 1
			if traced+held != 60 || traced < 5 || traced > most {
				t.Errorf("traced %d, held %d of 60, want at most %d traced", traced, held, most)
			}
			if s := a.State(); s.Held != held || !s.Armed || s.Rate != 1 {
				t.Errorf("state %+v", s)
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			if tr, h, err := a.Held(t.Context()); tr != traced || h != held || err != nil {
				t.Errorf("after the end: %d, %d, %v", tr, h, err)
			}
		})
	}
}

func send(t *testing.T, ns *netns.Handle, to string, n int) {
	t.Helper()
	c, err := nettest.Dial(t, ns, "udp", "", to, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for sent := 0; sent < n; {
		if _, err := c.Write([]byte("x")); err == nil {
			sent++ // else the refusal of an earlier one was told, and nothing sent
		}
	}
}

// In a namespace that knows only legacy tables, the owner table makes them speak.
func TestLegacyOnlyNamespace(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy", "ip6tables-legacy")
	ns := nettest.New(t, "legacy")
	for _, c := range []string{"iptables-legacy", "ip6tables-legacy"} {
		nettest.Run(t, ns, c, "-A", "INPUT", "-p", "udp", "--dport", "9", "-j", "DROP")
	}
	log, err := arm.EnableLog(ns, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	nf, err := nflog.Open(&nflog.Config{Group: 0, Copymode: nflog.CopyPacket, Bufsize: 128, QThresh: 1, NetNS: ns.Fd()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nf.Close() })
	lines := make(chan string, 100)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err = nf.RegisterWithErrorFunc(ctx, func(a nflog.Attribute) int {
		if a.Prefix != nil && a.Payload != nil {
			if p, err := model.DecodePacket(0, *a.Payload, nil); err == nil {
				lines <- *a.Prefix + p.String()
			}
		}
		return 0
	}, func(error) int { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	arming(t, ns, arm.Options{Filter: parse(t, "udp and not dst port 10")})
	for _, to := range []string{"127.0.0.1:10", "127.0.0.1:9", "[::1]:9"} {
		send(t, ns, to, 1)
	}
	want := map[string]bool{"127.0.0.1:9": false, "[::1]:9": false}
	for n := 0; n < len(want); {
		select {
		case l := <-lines:
			if strings.Contains(l, "> 127.0.0.1:10") {
				t.Errorf("traced: %s", l)
			}
			for to, had := range want {
				if !had && strings.Contains(l, "TRACE: filter:INPUT:rule:1 ") && strings.Contains(l, "> "+to) {
					want[to] = true
					n++
				}
			}
		case <-time.After(nettest.InVain):
			t.Fatalf("legacy TRACE said nothing of some: %v", want)
		}
	}
}

func TestTraceEndsByItself(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "iptables-legacy", "ip6tables-legacy")
	begins := map[string]model.Priority{arm.MethodOwner: -350, arm.MethodRaw: -300}
	for _, method := range []string{arm.MethodOwner, arm.MethodRaw} {
		for _, way := range []string{"deadline", "context", "close"} {
			t.Run(method+" "+way, func(t *testing.T) {
				t.Parallel()
				ns := nettest.New(t, "end")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				o := arm.Options{Filter: parse(t, "udp"), Method: method, For: time.Hour} // longer than anybody waits here
				if way == "deadline" {
					o.For = 100 * time.Millisecond
				}
				start := time.Now()
				a, err := arm.Arm(ctx, ns, o)
				if err != nil {
					t.Fatal(err)
				}
				if until := a.State().Until; until.Before(start.Add(o.For)) || until.After(time.Now().Add(o.For)) {
					t.Errorf("armed at %v for %v, it says until %v", start, o.For, until)
				}
				if pre, out := a.Begins(); pre != begins[method] || out != begins[method] {
					t.Errorf("it begins at %d and %d", pre, out)
				}
				sent := uint64(0)
				if way != "deadline" { // which may be over by now
					send(t, ns, "127.0.0.1:9", 1)
					sent = 1
				}
				switch way {
				case "context":
					cancel()
				case "close":
					err = a.Close()
				}
				select {
				case <-a.Done():
				case <-time.After(nettest.InVain):
					t.Fatal("it does not end")
				}
				if traced, held, err := a.Held(t.Context()); err != nil || traced+held < sent {
					t.Errorf("the last count: %d traced, %d held, %v; sent were %d", traced, held, err, sent)
				}
				if err := errors.Join(err, a.Close()); err != nil {
					t.Error(err)
				}
				if a.State().Armed {
					t.Error("it says it is armed")
				}
				nothingLeft(t, ns)
			})
		}
	}
}

func TestTwoTracesAtOnce(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "iptables-legacy", "ip6tables-legacy")
	ns := nettest.New(t, "two")
	for _, method := range []string{arm.MethodOwner, arm.MethodRaw} {
		a := arming(t, ns, arm.Options{Filter: parse(t, "udp dst port 9 and in lo"), Method: method})
		b := arming(t, ns, arm.Options{Filter: parse(t, "udp dst port 10 and in lo"), Method: method})
		pre, out := a.Begins()
		if p, o := b.Begins(); p != pre || o != out {
			t.Errorf("%s: the second begins at %d and %d, before the first at %d and %d", method, p, o, pre, out)
		}
		send(t, ns, "127.0.0.1:10", 3)
		if traced, _ := counted(t, b, 3); traced != 3 {
			t.Errorf("%s: b traced %d", method, traced)
		}
		if traced, held, err := a.Held(t.Context()); traced+held != 0 || err != nil {
			t.Errorf("%s: a traced %d, held %d, %v", method, traced, held, err)
		}
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	}
	nothingLeft(t, ns)
}

func TestEnableLogPutsBack(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	ns := nettest.New(t, "log")
	get := func() string {
		var s string
		nettest.Do(t, ns, func() error {
			for _, f := range []string{"2", "10"} {
				b, err := os.ReadFile("/proc/sys/net/netfilter/nf_log/" + f)
				if err != nil {
					return err
				}
				s += string(b)
			}
			return nil
		})
		return s
	}
	before := get()
	first, err := arm.EnableLog(ns, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := get(); got != "nfnetlink_log\nnfnetlink_log\n" {
		t.Errorf("enabled: %q", got)
	}
	second, err := arm.EnableLog(ns, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil || get() != "nfnetlink_log\nnfnetlink_log\n" {
		t.Errorf("the second has taken the first one's setting back: %q, %v", get(), err)
	}
	if err := errors.Join(first.Close(), first.Close()); err != nil || get() != before {
		t.Errorf("closed: %q, was %q, %v", get(), before, err)
	}
}

// TestEnableLogLeavesOthers: what somebody sets while a trace is armed stays, and so does what
// somebody sets behind it: the guard was told that nothing is left to undo.
func TestEnableLogLeavesOthers(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "sysctl")
	ns := nettest.New(t, "others")
	g, err := guard.Start(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	sysctl := func(value string) string {
		return strings.TrimSpace(nettest.Run(t, ns, "sysctl", "-n", "net.netfilter.nf_log.2"+value))
	}
	during, err := arm.EnableLog(ns, g)
	if err != nil {
		t.Fatal(err)
	}
	if sysctl("=NONE"); during.Close() != nil || sysctl("") != "NONE" {
		t.Errorf("set meanwhile, and it is %s", sysctl(""))
	}
	before, err := arm.EnableLog(ns, g)
	if err != nil {
		t.Fatal(err)
	}
	if err := before.Close(); err != nil {
		t.Error(err)
	}
	if sysctl("=nfnetlink_log"); g.Close() != nil || sysctl("") != "nfnetlink_log" {
		t.Errorf("set afterwards, and it is %s", sysctl(""))
	}
}

func TestArmRefuses(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	ns := nettest.New(t, "refuse")
	for _, c := range []struct {
		o    arm.Options
		want string
	}{
		{arm.Options{Filter: parse(t, "tcp and udp")}, "can match no packet"},
		{arm.Options{Rate: -1}, "trace rate -1"},
		{arm.Options{Rate: 1<<30 + 1, Burst: 1}, "trace rate 1073741825"},
		{arm.Options{Burst: -1}, "burst -1"},
		{arm.Options{Burst: 1<<30 + 1}, "burst 1073741825"},
		{arm.Options{Most: -1}, "trace of -1 packets in all"},
		{arm.Options{For: -1}, "expected a duration"},
		{arm.Options{Method: "magic"}, `trace method "magic"`},
		{arm.Options{Filter: parse(t, many(80))}, "simplify"},
	} {
		a, err := arm.Arm(t.Context(), ns, c.o)
		if err == nil {
			_ = a.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := arm.Arm(ctx, ns, arm.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a dead context: %v", err)
	}
}

func many(n int) string {
	var s []string
	for i := range n {
		s = append(s, "src host "+net.IPv4(10, 0, 0, byte(i)).String())
	}
	return strings.Join(s, " or ")
}
