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
		"in eth0", "mark 0", "not mark 0", "mark 0/0xff", "not proto 99 and not icmp and not port 99", "tcp", "out r1", "state new and udp"}
	for _, method := range []string{arm.MethodOwner, arm.MethodRaw} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
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
				a, err := arm.Arm(ctx, ns, o)
				if err != nil {
					t.Fatal(err)
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
