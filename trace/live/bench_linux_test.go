package live

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/model/store"
	"nfscope/trace/arm"
	"nfscope/trace/collect"
	"nfscope/trace/guard"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
	"nfscope/trace/rcvbuf"
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
	fd  int
}

func newFlood(b *testing.B) *flood {
	nettest.Kernel(b, "nft", "iptables-legacy-restore")
	f := &flood{b: b, net: nettest.NewRouted(b), fd: -1}
	nettest.Feed(b, f.net.Router, benchRules(), "nft", "-f", "-")
	nettest.Feed(b, f.net.Router, benchLegacy(), "iptables-legacy-restore", "-w")
	sink := -1
	nettest.Do(b, f.net.Server, func() (err error) { // so that no ICMP error comes back
		if sink, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Bind(sink, &unix.SockaddrInet4{Port: 9})
	})
	nettest.Do(b, f.net.Client, func() (err error) {
		if f.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Connect(f.fd, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{10, 2, 0, 2}})
	})
	b.Cleanup(func() { _, _ = unix.Close(sink), unix.Close(f.fd) })
	f.send(100, 1000) // neighbours are found, the connection is known
	return f
}

// send sends n packets at a rate of so many a second, and gives how many of them the
// router saw and the rate it reached.
func (f *flood) send(n int, rate float64) (seen int, reached float64) {
	f.b.Helper()
	before := f.counted()
	start, payload := time.Now(), []byte("nfscope!")
	for sent := 0; sent < n; {
		due := min(n, int(time.Since(start).Seconds()*rate)+1)
		if sent >= due {
			unix.Nanosleep(&unix.Timespec{Nsec: 200_000}, nil)
			continue
		}
		for ; sent < due; sent++ {
			if _, err := unix.Write(f.fd, payload); err != nil && err != unix.ENOBUFS && err != unix.ECONNREFUSED {
				f.b.Fatal(err)
			}
		}
	}
	reached = float64(n) / time.Since(start).Seconds()
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

// contender is a program or reader that follows the trace. seen is how many events it
// has told of, lost how many it says it missed; over is true once it has died.
type contender struct {
	seen, lost atomic.Int64
	over       atomic.Bool
	close      func()
}

// settle waits until a contender has seen what it will see: n events, or nothing new for
// a while.
func (c *contender) settle(n int64) {
	last, since := int64(-1), time.Now()
	for c.seen.Load()+c.lost.Load() < n && time.Since(since) < 1500*time.Millisecond {
		if now := c.seen.Load(); now != last {
			last, since = now, time.Now()
		}
		unix.Nanosleep(&unix.Timespec{Nsec: 2_000_000}, nil)
	}
}

// perPacket is how many events a packet makes for a contender.
func (f *flood) perPacket(c *contender) float64 {
	f.b.Helper()
	const n = 200
	before := c.seen.Load()
	seen, _ := f.send(n, 500)
	c.settle(math.MaxInt64)
	per := float64(c.seen.Load()-before) / float64(seen)
	if per < 1 || per != math.Trunc(per) {
		f.b.Fatalf("%d packets, %d events: every packet must make as many", seen, c.seen.Load()-before)
	}
	return per
}

// lossless finds the highest rate of events at which a contender misses none, each step
// half as high again as the one before. A step lasts a second; beyond is what was at the
// first step that failed.
func (f *flood) lossless(start func() *contender) (best float64, beyond string) {
	f.b.Helper()
	for rate := 6000.0; rate < 4e6; rate *= 1.25 {
		c := start()
		per := f.perPacket(c)
		before := c.seen.Load()
		packets, reached := f.send(int(rate/per), rate/per)
		want := int64(float64(packets) * per)
		c.settle(before + want)
		got, lost := c.seen.Load()-before, c.lost.Load()
		c.close()
		if lost > 0 && got+lost != want {
			f.b.Errorf("the kernel sent %d events; %d came and %d are said to be lost", want, got, lost)
		}
		if got != want || lost > 0 {
			return best, fmt.Sprintf("at %.0f events/s: %d of %d, %d said lost, died %v", reached*per, got, want, lost, c.over.Load())
		}
		if reached < 0.85*rate/per { // the sender is at its end
			return max(best, reached*per), "the sender is at its end"
		}
		best = reached * per
	}
	return best, ""
}

// program runs a peer and counts the lines of its events.
func (f *flood) program(line string, name string, args ...string) *contender {
	f.b.Helper()
	if _, err := exec.LookPath(name); err != nil {
		nettest.Skip(f.b, "needs the program "+name)
	}
	c := &contender{}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", f.net.Router.Name(), "stdbuf", "-oL", name}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		f.b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		f.b.Fatal(err)
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		r := bufio.NewReaderSize(out, 1<<20)
		for {
			l, err := r.ReadSlice('\n')
			if err != nil && err != bufio.ErrBufferFull {
				break
			}
			if strings.HasPrefix(string(l), line) {
				c.seen.Add(1)
			}
		}
		c.over.Store(true)
	}()
	c.close = func() {
		stop()
		<-done
		_ = cmd.Wait()
	}
	for c.seen.Load() == 0 && !c.over.Load() { // it listens once it tells of something
		f.send(1, 1000)
		unix.Nanosleep(&unix.Timespec{Nsec: 20_000_000}, nil)
	}
	return c
}

// bare reads a netlink group with a large buffer and counts messages, no more.
func (f *flood) bare(group func(*netlink.Conn) error) *contender {
	f.b.Helper()
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: f.net.Router.NetNS()})
	if err != nil {
		f.b.Fatal(err)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		f.b.Fatal(err)
	}
	if _, err := rcvbuf.Grow(raw, 64<<20); err != nil {
		f.b.Fatal(err)
	}
	if err := group(conn); err != nil {
		f.b.Fatal(err)
	}
	c := &contender{}
	done := make(chan bool)
	go func() {
		defer close(done)
		b := make([]byte, 1<<17)
		for {
			var n int
			var err error
			if raw.Read(func(fd uintptr) bool {
				n, err = unix.Read(int(fd), b)
				return err != unix.EAGAIN
			}) != nil {
				return
			}
			if err == unix.ENOBUFS {
				c.over.Store(true)
				continue
			}
			if err != nil {
				return
			}
			for m := b[:n]; len(m) >= unix.NLMSG_HDRLEN; {
				size := int(binary.NativeEndian.Uint32(m))
				if size < unix.NLMSG_HDRLEN || size > len(m) {
					break
				}
				c.seen.Add(1)
				m = m[min((size+3)&^3, len(m)):]
			}
		}
	}()
	c.close = func() { _ = conn.Close(); <-done }
	return c
}

// nfscope is the whole of a session: rules, conntrack, both tracers, the queue, the fold
// and the snapshots.
func (f *flood) nfscope(events func(journey.Source) bool) *contender {
	f.b.Helper()
	c := &contender{}
	s := openSession(f.b, f.net.Router, func(it feed.Item) {
		if e := it.Event; e != nil && e.Source == journey.SourceGap {
			c.lost.Add(int64(e.Lost))
		} else if e != nil && events(e.Source) {
			c.seen.Add(1)
		}
	})
	flt, err := filter.Parse("udp and dst port 9")
	if err != nil {
		f.b.Fatal(err)
	}
	if err := s.session.Arm(context.Background(), Trace{Filter: flt, Rate: 1_000_000, For: 5 * time.Minute}); err != nil {
		f.b.Fatal(err)
	}
	c.close = func() {
		s.close()
		// What our own queue threw away is lost too.
		c.lost.Add(int64(s.store.Loss().Dropped))
	}
	return c
}

// running is a session with what folds behind it.
type running struct {
	session *Session
	store   *store.Store
	close   func()
}

func openSession(tb testing.TB, ns *netns.Handle, tap func(feed.Item)) *running {
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
	c := collect.New(st, time.Now)
	s, err := Open(ns, g, About{Name: ns.Name(), Source: "test"}, func(it feed.Item) { tap(it); c.Put(it) })
	if err != nil {
		tb.Fatal(err)
	}
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
	return &running{session: s, store: st, close: func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
		stop()
		<-ran
		if err := g.Close(); err != nil {
			tb.Error(err)
		}
	}}
}

// BenchmarkLossless finds for nfscope, its peers and bare readers the highest rate of
// trace events that each takes without a loss, while the same two cores send and forward.
func BenchmarkLossless(b *testing.B) {
	nftrace := func(c *netlink.Conn) error { return c.JoinGroup(unix.NFNLGRP_NFTRACE) }
	for _, c := range []struct {
		name  string
		peer  bool // a rule of the user switches the trace on
		start func(*flood) func() *contender
	}{
		{"nft-monitor", true, func(f *flood) func() *contender {
			return func() *contender { return f.program("trace id ", "nft", "monitor", "trace") }
		}},
		{"xtables-monitor", true, func(f *flood) func() *contender {
			return func() *contender { return f.program(" TRACE:", "xtables-monitor", "--trace") }
		}},
		{"bare-nftrace", true, func(f *flood) func() *contender {
			return func() *contender { return f.bare(nftrace) }
		}},
		{"nfscope-nftrace", false, func(f *flood) func() *contender {
			nettest.Feed(b, f.net.Router, "*filter\nCOMMIT\n*mangle\nCOMMIT\n", "iptables-legacy-restore", "-w")
			return func() *contender { return f.nfscope(func(s journey.Source) bool { return s == journey.SourceNFT }) }
		}},
		{"nfscope-both", false, func(f *flood) func() *contender {
			return func() *contender { return f.nfscope(func(journey.Source) bool { return true }) }
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				f := newFlood(b)
				if c.peer {
					nettest.Feed(b, f.net.Router, benchMark, "nft", "-f", "-")
				}
				best, beyond := f.lossless(c.start(f))
				b.ReportMetric(best, "events/s")
				b.Log(beyond)
			}
		})
	}
	b.Run("bare-nflog", func(b *testing.B) {
		for b.Loop() {
			f := newFlood(b)
			exe, err := os.Executable()
			if err != nil {
				b.Fatal(err)
			}
			g, err := guard.Start(exe)
			if err != nil {
				b.Fatal(err)
			}
			log, err := arm.EnableLog(f.net.Router, g)
			if err != nil {
				b.Fatal(err)
			}
			nettest.Feed(b, f.net.Router, "*raw\n-A PREROUTING -p udp --dport 9 -j TRACE\nCOMMIT\n", "iptables-legacy-restore", "-w", "-n")
			best, beyond := f.lossless(func() *contender { return f.bare(bindLog) })
			if err := errors.Join(log.Close(), g.Close()); err != nil {
				b.Error(err)
			}
			b.ReportMetric(best, "events/s")
			b.Log(beyond)
		}
	})
}

// bindLog asks for the whole of NFLOG group 0 (linux/netfilter/nfnetlink_log.h).
func bindLog(c *netlink.Conn) error {
	config := func(attr ...byte) error {
		_, err := c.Execute(netlink.Message{
			Header: netlink.Header{Type: unix.NFNL_SUBSYS_ULOG<<8 | 1, Flags: netlink.Request | netlink.Acknowledge},
			Data:   append([]byte{unix.AF_UNSPEC, 0, 0, 0}, attr...),
		})
		return err
	}
	return errors.Join(
		config(5, 0, 1, 0, 1, 0, 0, 0),                    // NFULA_CFG_CMD: bind
		config(10, 0, 2, 0, 0, 0, 0xff, 0xff, 2, 0, 0, 0), // NFULA_CFG_MODE: copy packets
	)
}

// BenchmarkForwarding is what a forwarded packet costs: without nfscope, with nfscope
// looking on, and with a trace armed for another flow. The three take turns.
func BenchmarkForwarding(b *testing.B) {
	f := newFlood(b)
	// Short bursts, of which the shortest counts: others use the machine too.
	const packets, bursts = 20_000, 5
	burst := func() float64 {
		least := math.Inf(1)
		for range bursts {
			_, rate := f.send(packets, 1e9)
			least = min(least, 1e9/rate)
		}
		return least
	}
	least := map[string]float64{}
	note := func(name string, ns float64) {
		if l, ok := least[name]; !ok || ns < l {
			least[name] = ns
		}
	}
	burst()
	for b.Loop() {
		note("without", burst())
		s := openSession(b, f.net.Router, func(feed.Item) {})
		note("disarmed", burst())
		flt, err := filter.Parse("udp and dst port 10 and host 10.9.9.9")
		if err != nil {
			b.Fatal(err)
		}
		if err := s.session.Arm(context.Background(), Trace{Filter: flt, For: time.Minute}); err != nil {
			b.Fatal(err)
		}
		note("armed", burst())
		s.close()
	}
	for name, ns := range least {
		b.ReportMetric(ns, name+"-ns/packet")
	}
	b.ReportMetric(100*(least["disarmed"]/least["without"]-1), "disarmed-%")
	b.ReportMetric(100*(least["armed"]/least["without"]-1), "armed-%")
}
