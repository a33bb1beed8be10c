package live

import (
	"context"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/model/store"
	"nfscope/trace/collect"
	"nfscope/trace/guard"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// The network of the benchmarks: UDP from the client to port 9 of the server, through
// the router, which counts it. Each packet meets many rules, as on a real host: then the
// sender takes the smaller part of the two cores.
const (
	benchMark = `table ip peer { chain pre { type filter hook prerouting priority -350; udp dport 9 meta nftrace set 1; }; }
`
	many = 8 // rules that a packet meets in each chain
)

func benchRules() string {
	rules := strings.Repeat("udp dport 9 counter; ", many)
	return `table inet fw {
	chain pre { type filter hook prerouting priority -10; policy accept; ` + rules + `}
	chain forward { type filter hook forward priority 0; policy accept; ` + rules + `udp dport 9 accept; }
	chain post { type filter hook postrouting priority 0; policy accept; ` + rules + `}
}
`
}

func benchLegacy() string {
	rules := func(chain string) string { return strings.Repeat("-A "+chain+" -p udp -m udp --dport 9\n", many) }
	return "*filter\n:FORWARD ACCEPT [0:0]\n" + rules("FORWARD") + "COMMIT\n*mangle\n:PREROUTING ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n" +
		rules("PREROUTING") + rules("FORWARD") + "COMMIT\n"
}

// flood is the sender and the kernel's count of what it forwarded.
type flood struct {
	b   *testing.B
	net *nettest.Routed
	// fd is the sender's socket, sink where its packets come to.
	fd, sink int
}

func newFlood(b *testing.B, nft, legacy string) *flood {
	f := floodThrough(b, nft, legacy)
	f.send(100, 1000) // neighbours are found, the connection is known
	return f
}

// floodThrough makes the network with rules for nft and for iptables-legacy-restore, ""
// for none.
func floodThrough(b *testing.B, nft, legacy string) *flood {
	nettest.Kernel(b, "nft", "iptables-legacy-restore")
	f := &flood{b: b, net: nettest.NewRouted(b), fd: -1, sink: -1}
	if nft != "" {
		nettest.Feed(b, f.net.Router, nft, "nft", "-f", "-")
	}
	if legacy != "" {
		nettest.Feed(b, f.net.Router, legacy, "iptables-legacy-restore", "-w")
	}
	nettest.Do(b, f.net.Server, func() (err error) { // so that no ICMP error comes back
		if f.sink, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Bind(f.sink, &unix.SockaddrInet4{Port: 9})
	})
	nettest.Do(b, f.net.Client, func() (err error) {
		f.fd, err = nettest.ToServer()
		return err
	})
	b.Cleanup(func() { _, _ = unix.Close(f.sink), unix.Close(f.fd) })
	return f
}

// answered has the server answer once, so that conntrack, where it is at work, has the flow
// established.
func (f *flood) answered() {
	f.b.Helper()
	b := make([]byte, 64)
	_, err := unix.Write(f.fd, b)
	var from unix.Sockaddr
	if err == nil {
		_, from, err = unix.Recvfrom(f.sink, b, 0)
	}
	if err == nil {
		err = unix.Sendto(f.sink, []byte("yes"), 0, from)
	}
	if err != nil {
		f.b.Fatal(err)
	}
}

// send sends n packets at a rate of so many a second, and gives how many of them the
// router saw and the rate it reached.
func (f *flood) send(n int, rate float64) (seen int, reached float64) {
	f.b.Helper()
	before := f.counted()
	reached, err := nettest.Flood(f.fd, n, rate)
	if err != nil {
		f.b.Fatal(err)
	}
	return f.counted() - before, reached
}

// sendApart is send by a process of its own.
func (f *flood) sendApart(n int, rate float64) (seen int, reached float64) {
	f.b.Helper()
	exe, err := os.Executable()
	if err != nil {
		f.b.Fatal(err)
	}
	before := f.counted()
	out := nettest.Run(f.b, f.net.Client, exe, floodArg, strconv.Itoa(n), strconv.FormatFloat(rate, 'g', -1, 64))
	if reached, err = strconv.ParseFloat(strings.TrimSpace(out), 64); err != nil {
		f.b.Fatalf("the sender said %q", out)
	}
	return f.counted() - before, reached
}

var counterOf = regexp.MustCompile(`counter packets (\d+)`)

// counted is the kernel's counter of the packets that came to the router.
func (f *flood) counted() int {
	f.b.Helper()
	m := counterOf.FindStringSubmatch(nettest.Run(f.b, f.net.Router, "nft", "list", "chain", "inet", "fw", "pre"))
	if m == nil {
		f.b.Fatal("the counter is gone")
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		f.b.Fatal(err)
	}
	return n
}

// running is a session with what folds behind it.
type running struct {
	session *Session
	store   *store.Store
	close   func()
}

func openSession(tb testing.TB, ns *netns.Handle, tap func(feed.Item)) *running {
	tb.Helper()
	return telling(tb, ns, tap, func(*running) {})
}

// telling opens a session that calls tell thirty times a second, where it folds.
func telling(tb testing.TB, ns *netns.Handle, tap func(feed.Item), tell func(*running)) *running {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	g, err := guard.Start(exe)
	if err != nil {
		tb.Fatal(err)
	}
	st := store.New(journey.Options{})
	r := &running{store: st}
	c := collect.New(st, func() time.Time { // a Collector asks for the time where it folds
		tell(r)
		return time.Now()
	})
	s, err := Open(ns, g, About{Name: ns.Name(), Source: "test"}, func(it feed.Item) { tap(it); c.Put(it) })
	if err != nil {
		tb.Fatal(err)
	}
	c.Hear(s.Heard)
	ctx, stop := context.WithCancel(context.Background())
	if _, err := s.Rules(ctx); err != nil {
		tb.Fatal(err)
	}
	ran := make(chan bool)
	go func() {
		defer close(ran)
		c.Run(ctx, func(*snapshot.Snapshot) {})
	}()
	s.Watch(ctx)
	r.session = s
	r.close = func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
		stop()
		<-ran
		if err := g.Close(); err != nil {
			tb.Error(err)
		}
	}
	return r
}
