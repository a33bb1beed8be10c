package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"nfscope/docs/labs"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// up builds a lab of ours and removes it at the end.
func up(t *testing.T, l *Lab) *Network {
	t.Helper()
	start := time.Now()
	n, err := Up(t.Context(), l, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s is up after %v", l.Name, time.Since(start).Round(time.Millisecond))
	t.Cleanup(func() {
		if err := n.Down(); err != nil {
			t.Error(err)
		}
		nothingLeft(t, n)
	})
	return n
}

func nothingLeft(t *testing.T, n *Network) {
	t.Helper()
	left, err := netns.List(prefix + n.lab.Name + "-" + n.inst.String() + "-")
	if err != nil || len(left) != 0 {
		t.Errorf("after Down: namespaces %v, %v", left, err)
	}
}

func load(t *testing.T, name string) *Lab {
	t.Helper()
	l, err := Load(labs.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestFirstNamespace: nothing of a lab is seen in the namespace nfscope runs in.
func TestFirstNamespace(t *testing.T) {
	nettest.Kernel(t, "ip", "iptables-legacy-restore", "nft")
	host, err := netns.Current()
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	look := func() string {
		forward, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
		if err != nil {
			t.Fatal(err)
		}
		return nettest.Run(t, host, "ip", "-o", "link") + nettest.Run(t, host, "ip", "-o", "route") + string(forward)
	}
	before := look()
	n := up(t, load(t, "gateway"))
	if during := look(); during != before {
		t.Errorf("while the lab stands:\n%s\nbefore:\n%s", during, before)
	}
	n.Run(t.Context(), n.lab.Steps[0])
	if err := n.Down(); err != nil {
		t.Fatal(err)
	}
	if after := look(); after != before {
		t.Errorf("after the lab:\n%s\nbefore:\n%s", after, before)
	}
	if err := n.Down(); err != nil {
		t.Errorf("a second Down: %v", err)
	}
}

// TestTwoInstances: one lab may stand twice in one process, each with its own names.
func TestTwoInstances(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	l := load(t, "close-the-door")
	nets := make(chan *Network, 2)
	for range 2 { // at the same moment
		go func() {
			n, err := Up(t.Context(), l, nil)
			if err != nil {
				t.Error(err)
			}
			nets <- n
		}()
	}
	a, b := <-nets, <-nets
	if a == nil || b == nil {
		t.FailNow()
	}
	t.Cleanup(func() {
		for _, n := range []*Network{a, b} {
			if err := n.Down(); err != nil {
				t.Error(err)
			}
			nothingLeft(t, n)
		}
	})
	if a.Observed().Name() == b.Observed().Name() {
		t.Fatal("both are", a.Observed().Name())
	}
	for _, n := range []*Network{a, b} {
		if r := n.Run(t.Context(), l.Steps[0]); r.Word != Connected {
			t.Errorf("%s: %v", n.inst, r)
		}
	}
	// One going down leaves the other alone.
	if err := a.Down(); err != nil {
		t.Fatal(err)
	}
	if r := b.Run(t.Context(), l.Steps[0]); r.Word != Connected {
		t.Errorf("after the other went down: %v", r)
	}
}

type registrar struct {
	names []string
	stop  int
}

func (r *registrar) Netns(name string) error {
	if _, err := os.Stat("/run/netns/" + name); err == nil {
		return fmt.Errorf("%s is made already", name)
	}
	r.names = append(r.names, name)
	if len(r.names) == r.stop {
		return fmt.Errorf("the guard is gone")
	}
	return nil
}

// TestHalfBuilt: whatever fails on the way up, what was built is removed.
func TestHalfBuilt(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	bad := func(change func(l *Lab)) *Lab {
		l := *load(t, "close-the-door")
		l.Name = "half-built"
		l.Hosts = slices.Clone(l.Hosts)
		change(&l)
		return &l
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name, want string
		ctx        context.Context
		g          Registrar
		lab        *Lab
	}{
		{"guard", "the guard is gone", nil, &registrar{stop: 2}, bad(func(*Lab) {})},
		{"cancelled", "context canceled", gone, nil, bad(func(*Lab) {})},
		{"sysctl", "no sysctl net.ipv4.nonsense", nil, nil, bad(func(l *Lab) { l.Hosts[1].Sysctls = map[string]string{"net.ipv4.nonsense": "1"} })},
		{"rules", "close-the-door/lesson.en.md:3: ", nil, nil, bad(func(l *Lab) {
			l.Hosts[2].Rules = []Rules{{File: "lesson.en.md", Backend: "iptables-legacy"}}
		})},
		{"address", "half-built", nil, nil, bad(func(l *Lab) { l.Hosts[0].Addresses = []string{"10.0.0.300/8"} })},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.ctx == nil {
				c.ctx = t.Context()
			}
			n, err := Up(c.ctx, c.lab, c.g)
			if err == nil {
				_ = n.Down()
				t.Fatal("it was built")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, expected %q in it", err, c.want)
			}
			if left, _ := netns.List("nfs-half-built-"); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestMissingProgram: no iptables-legacy means iptables-nft where the lab allows it,
// and a sentence where nothing is left.
func TestMissingProgram(t *testing.T) {
	nettest.Kernel(t, "iptables-nft-restore")
	l := load(t, "close-the-door")
	l.Hosts[2].Rules = []Rules{{File: "server.iptables-legacy.save", Backend: "iptables-legacy", Fallback: "iptables-nft"}}
	missing := func(s string) (string, bool) {
		if strings.Contains(s, "legacy") {
			return "", false
		}
		return find(s)
	}
	got, notes, err := resolve(l, missing)
	if err != nil {
		t.Fatal(err)
	}
	if got.Hosts[2].Rules[0].Backend != "iptables-nft" || len(notes) != 1 || l.Hosts[2].Rules[0].Backend != "iptables-legacy" {
		t.Errorf("rules %v, notes %q", got.Hosts[2].Rules, notes)
	}
	if e := got.Steps[got.Step("web")].Expect; e.By.Backend != "iptables-nft" || !strings.Contains(e.Sentence, "(iptables-nft)") {
		t.Errorf("what is stated still speaks of legacy: %+v %q", e.By, e.Sentence)
	}
	_, _, err = resolve(l, func(string) (string, bool) { return "", false })
	if err == nil || !strings.Contains(err.Error(), "iptables-legacy-restore is missing") || !strings.Contains(err.Error(), "install the package iptables") {
		t.Errorf("error %v", err)
	}
}

// TestWords: each way in which an attempt ends has its word.
func TestWords(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	l := load(t, "close-the-door")
	n := up(t, l)
	nettest.Feed(t, n.Observed(), "*filter\n-A INPUT -p tcp --dport 81 -j REJECT --reject-with icmp-host-prohibited\nCOMMIT\n", "iptables-legacy-restore")
	for _, c := range []struct {
		step Step
		want Word
	}{
		{Step{Do: "tcp", To: "203.0.113.10:22", Count: 3}, Connected},
		{Step{Do: "tcp", To: "203.0.113.10:23"}, Refused},
		{Step{Do: "tcp", To: "203.0.113.10:81"}, Unreachable},
		{Step{Do: "udp", To: "203.0.113.10:23"}, Refused},
		{Step{Do: "ping", To: "203.0.113.10"}, Answered},
		{Step{Do: "http", To: "203.0.113.10:80"}, Answered},
		{Step{Do: "ping", To: "192.0.2.1"}, Unreachable}, // the router has no route
		{Step{Do: "nothing", To: "203.0.113.10"}, Failed},
	} {
		c.step.From, c.step.Timeout = "client", nettest.InVain
		if r := n.Run(t.Context(), c.step); r.Word != c.want || len(r.Attempts) != max(1, c.step.Count) {
			t.Errorf("%s to %s: %v, expected %s", c.step.Do, c.step.To, r, c.want)
		}
	}
	// No host tells routers of its groups when its devices come up: rules would count that.
	for name, h := range n.hosts {
		if got := strings.TrimSpace(nettest.Run(t, h, "sysctl", "-n", "net.ipv4.igmp_link_local_mcast_reports")); got != "0" {
			t.Errorf("%s reports its groups: %s", name, got)
		}
	}
	// A step that was cancelled ends: nobody would wait for these 100 hours.
	ctx, cancel := context.WithCancel(t.Context())
	nettest.Feed(t, n.Observed(), "*filter\n:INPUT DROP [0:0]\nCOMMIT\n", "iptables-legacy-restore")
	time.AfterFunc(20*time.Millisecond, cancel)
	n.Run(ctx, Step{From: "client", Do: "tcp", To: "203.0.113.10:22", Timeout: time.Hour, Count: 100})
}

// TestResent: that TCP sent its SYN again is told, so that it is not taken for another
// attempt: as often as the kernel counted it. The first SYN is dropped, the next one ends the
// attempt.
func TestResent(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	n := up(t, load(t, "close-the-door"))
	const drop = "*filter\n-A INPUT -p tcp --syn -m statistic --mode nth --every 1000 --packet 0 -j DROP\n"
	for _, c := range []struct {
		rules string
		want  Word
		least int
	}{
		{drop + "-A INPUT -p tcp -j REJECT --reject-with tcp-reset\nCOMMIT\n", Refused, 1},
		{drop + "COMMIT\n", Connected, 1},
		{"*filter\nCOMMIT\n", Connected, 0},
	} {
		nettest.Feed(t, n.Observed(), c.rules, "iptables-legacy-restore")
		before, err := n.Counted()
		if err != nil {
			t.Fatal(err)
		}
		r := n.Run(t.Context(), Step{From: "client", Do: "tcp", To: "203.0.113.10:22", Timeout: nettest.InVain})
		after, err := n.Counted()
		if err != nil {
			t.Fatal(err)
		}
		sent, again := after.Since(before)["client"]["TcpExt.TCPSynRetrans"], r.Attempts[0].Resent
		if r.Word != c.want || again < c.least || uint64(again) != sent {
			t.Errorf("%s%v, sent again %d times; the kernel counted %d", c.rules, r, again, sent)
		}
	}
}

// TestSelfConnect: a socket that connects to itself is thrown away by the dialer, which makes
// another one; no descriptor holds the former.
func TestSelfConnect(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	ns := nettest.New(t, "self")
	n := &Network{lab: &Lab{}, hosts: map[string]*netns.Handle{"self": ns}}
	r := n.Run(t.Context(), Step{From: "self", Do: "tcp", SPort: 4444, To: "127.0.0.1:4444", Timeout: nettest.InVain})
	t.Logf("%v: %v", r, r.Attempts[0].Err)
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(nettest.InVain); ; <-again.C { // a program being started has all descriptors for a moment
		var held []string
		nettest.Do(t, ns, func() error {
			b, err := os.ReadFile("/proc/thread-self/net/tcp")
			for line := range strings.Lines(string(b)) {
				if f := strings.Fields(line); len(f) > 9 && f[0] != "sl" && f[9] != "0" { // inode
					held = append(held, line)
				}
			}
			return err
		})
		if len(held) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("held still: %q", held)
		}
	}
}

// TestSent: however short the wait for an answer is, what would be answered is sent. A step
// that was cancelled has failed, and was not given up.
func TestSent(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	n := up(t, load(t, "close-the-door"))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct{ do, to, counter string }{
		{"ping", "203.0.113.10", "Icmp.OutEchos"},
		{"tcp", "203.0.113.10:80", "Tcp.ActiveOpens"},
		{"http", "203.0.113.10:80", "Tcp.ActiveOpens"},
		{"udp", "203.0.113.10:80", "Udp.OutDatagrams"},
	} {
		step := Step{Name: c.do, From: "client", Do: c.do, To: c.to, Result: TimedOut, Timeout: time.Nanosecond}
		before, err := n.Counted()
		if err != nil {
			t.Fatal(err)
		}
		r := n.Run(t.Context(), step)
		after, err := n.Counted()
		if sent, _ := after.Since(before).of("client", c.counter); err != nil || sent != 1 || r.Word != TimedOut {
			t.Errorf("%s: %v, %d were sent, %v", c.do, r, sent, err)
		}
		if r := n.Run(gone, step); r.Word != Failed {
			t.Errorf("%s, cancelled: %v", c.do, r)
		}
	}
}

// TestTalk: what a step began is there for the next one, however long a class talks between
// them: longer than the half minute after which conntrack forgets what UDP packets began, and
// the two minutes where more of them came later.
func TestTalk(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "conntrack")
	n := up(t, load(t, "port-exhaustion"))
	for _, s := range n.lab.Steps[:2] {
		n.Run(t.Context(), s)
	}
	list := strings.Split(strings.TrimSpace(nettest.Run(t, n.Observed(), "conntrack", "-L", "-p", "udp")), "\n")
	if len(list) != 4 {
		t.Errorf("want the four of the first step:\n%s", strings.Join(list, "\n"))
	}
	for _, line := range list {
		if left, err := strconv.Atoi(strings.Fields(line)[2]); err != nil || left < 1800 {
			t.Errorf("%d s are left: %s", left, line)
		}
	}
	if got := nettest.Run(t, n.Observed(), "sysctl", "-n", "net.netfilter.nf_conntrack_udp_timeout_stream"); strings.TrimSpace(got) != lasting {
		t.Errorf("later packets make it last %s", got)
	}
}

// TestLateAnswer: an answer that comes when its attempt was given up is an answer, where the
// step states that some come. However short the wait is, the datagram is sent.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	n := up(t, load(t, "close-the-door"))
	var c net.PacketConn
	if err := n.Host("server").Do(func() (err error) {
		c, err = net.ListenPacket("udp4", "203.0.113.10:22")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	nettest.Run(t, n.Host("server"), "iptables-legacy", "-F")
	go func() {
		b := make([]byte, 100)
		_, first, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		if _, _, err := c.ReadFrom(b); err == nil { // the first was given up
			_, _ = c.WriteTo([]byte("late\n"), first)
		}
	}()
	r := n.Run(t.Context(), Step{Name: "late", From: "client", Do: "udp", To: "203.0.113.10:22", Count: 2, Result: Mixed,
		Timeout: time.Nanosecond, Shares: []Share{{Answer: "late", Of: 0.5}}})
	if r.Word != Mixed || r.Attempts[0].Answer != "late" || r.Attempts[0].Word != Answered || r.Attempts[1].Word != TimedOut {
		t.Errorf("%v: %+v", r, r.Attempts)
	}
}
