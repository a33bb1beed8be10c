package live

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/trace/arm"
	"nfscope/trace/guard"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
	"nfscope/trace/rcvbuf"
)

// BenchmarkLossless finds for nfscope, its peers and bare readers the highest rate of
// trace events that each keeps up with and loses none, while the same two cores send and
// forward. What is measured:
//
//   - The kernel's own counter of packets says how many events there were; a packet makes
//     always as many.
//   - A try lasts four seconds. Who has not told of the last event 400 ms after the last
//     packet has not kept up: its buffer did. At a rate that holds two of three tries are
//     without a loss.
//   - The sender is a process of its own. Programs write to a file in memory, which is read
//     when they are done. They have the buffers that they ask for themselves: nft 16 MB,
//     xtables-monitor the system's default; a bare reader has as much as nfscope.
//   - nfscope has told of an event when it is folded: decoded, joined, its rule found. At
//     every rate, those that no one keeps up with too, what it told of and what it says it
//     lost must be all that the kernel sent.
func BenchmarkLossless(b *testing.B) {
	// Both programs read nf_tables' trace; xtables-monitor knows no other.
	nftrace := func(c *netlink.Conn) error { return c.JoinGroup(unix.NFNLGRP_NFTRACE) }
	mark := func(f *flood) { nettest.Feed(f.b, f.net.Router, benchMark, "nft", "-f", "-") }
	none := func(*flood) {}
	for _, c := range []struct {
		name        string
		nft, legacy string // rules
		// arrange is what is done besides: peers need a rule of the user to switch the trace on.
		arrange func(*flood)
		start   func(*flood) *contender
	}{
		{"nft-monitor", benchRules(), "", mark, func(f *flood) *contender { return f.program("trace id ", "nft", "monitor", "trace") }},
		{"xtables-monitor", benchRules(), "", mark, func(f *flood) *contender { return f.program(" TRACE: ", "xtables-monitor", "--trace") }},
		{"bare-nftrace", benchRules(), "", mark, func(f *flood) *contender { return f.bare(nftrace) }},
		{"nfscope-nftrace", benchRules(), "", none, (*flood).nfscope},
		{"bare-nflog", countOnly, benchLegacy(), markLegacy, func(f *flood) *contender { return f.bare(bindLog) }},
		{"nfscope-nflog", countOnly, benchLegacy(), none, (*flood).nfscope},
		{"nfscope-both", benchRules(), benchLegacy(), none, (*flood).nfscope},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				f := newFlood(b, c.nft, c.legacy)
				c.arrange(f)
				best, beyond := f.lossless(func() *contender { return c.start(f) })
				b.ReportMetric(best, "events/s")
				b.Log(beyond)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// countOnly are rules of nf_tables where those of legacy tables are followed.
const countOnly = "table inet fw { chain pre { type filter hook prerouting priority -10; udp dport 9 counter; }; }\n"

// markLegacy has the kernel log what legacy rules packets meet, and switches the trace on.
func markLegacy(f *flood) {
	b := f.b
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
	b.Cleanup(func() {
		if err := errors.Join(log.Close(), g.Close()); err != nil {
			b.Error(err)
		}
	})
	nettest.Feed(b, f.net.Router, benchMark, "nft", "-f", "-")
}

// contender is a program or reader that follows the trace.
type contender struct {
	// seen is how many events it has told of so far, lost how many it says it missed;
	// died is true once it has ended by itself.
	seen, lost func() int64
	died       func() bool
	close      func()
	// exact is true where what came and what is said to be lost must be all there was.
	exact bool
}

// settle waits until a contender has told of n events, or of nothing new for a while,
// and gives how long that took.
func (c *contender) settle(n int64) (took time.Duration) {
	const patience = 1500 * time.Millisecond
	start := time.Now()
	last, since := int64(-1), start
	for {
		now := c.seen() + c.lost()
		if now != last {
			last, since = now, time.Now()
		}
		if now >= n || time.Since(since) > patience {
			return since.Sub(start)
		}
		unix.Nanosleep(&unix.Timespec{Nsec: 5_000_000}, nil)
	}
}

// perPacket is how many events a packet makes for a contender.
func (f *flood) perPacket(c *contender) float64 {
	f.b.Helper()
	const n = 200
	before := c.seen()
	seen, _ := f.send(n, 500)
	c.settle(math.MaxInt64)
	events := c.seen() - before
	per := float64(events) / float64(seen)
	if per < 1 || per != math.Trunc(per) {
		f.b.Fatalf("%d packets, %d events: every packet must make as many", seen, events)
	}
	return per
}

// The search for the highest rate.
const (
	lowest = 8000.0                 // events a second
	long   = 4 * time.Second        // a try
	behind = 400 * time.Millisecond // how late the last event may be told of
	tries  = 3
	finest = 1.025 // how far apart the last rate that holds and the first that does not may be
)

// lossless finds the highest rate at which a contender keeps up and loses nothing, within
// finest, by the same rule for all: it doubles in short tries until one fails, and halves
// the interval between what holds and what does not. beyond tells what was at the lowest
// rate that failed.
func (f *flood) lossless(start func() *contender) (best float64, beyond string) {
	f.b.Helper()
	c := start()
	per := f.perPacket(c)
	c.close()
	fails := lowest
	for {
		if beyond, _ = f.try(start, per, fails, long/4); beyond != "" {
			break
		}
		fails *= 2
	}
	holding := 0.0
	for next := fails / 2; next > lowest/8; { // a short try says too much
		reached, bad := f.holds(start, per, next)
		if bad == "" {
			holding, best = next, reached
		} else {
			fails, beyond = next, bad
		}
		switch {
		case holding == 0:
			next = fails / 2
		case fails/holding <= finest:
			return best, beyond
		default:
			next = math.Sqrt(holding * fails)
		}
	}
	return best, beyond
}

// holds reports whether most tries at a rate are without a loss: bad is "", or what was
// the matter. reached is the rate that the sender reached in them.
func (f *flood) holds(start func() *contender, per, rate float64) (reached float64, bad string) {
	f.b.Helper()
	failed := 0
	for n := range tries {
		why, r := f.try(start, per, rate, long)
		if reached = max(reached, r); why != "" {
			bad = why
			failed++
		}
		if failed > tries/2 {
			return reached, bad
		}
		if n-failed >= tries/2 {
			break
		}
	}
	return reached, ""
}

// try has a contender follow a flood of so many events a second.
func (f *flood) try(start func() *contender, per, rate float64, span time.Duration) (bad string, reached float64) {
	f.b.Helper()
	c := start()
	before, beforeLost := c.seen(), c.lost()
	packets, reached := f.sendApart(int(rate/per*span.Seconds()), rate/per)
	reached *= per
	want := int64(float64(packets) * per)
	took := c.settle(before + beforeLost + want)
	got, lost, died := c.seen()-before, c.lost()-beforeLost, c.died()
	c.close()
	told := fmt.Sprintf("at %.0f events/s: %d of %d, %d said lost, the last %v late, died %v", reached, got, want, lost, took.Round(time.Millisecond), died)
	if testing.Verbose() {
		f.b.Log(told)
	}
	if c.exact && got+lost != want {
		f.b.Errorf("%s: that is not what the kernel sent", told)
	}
	switch {
	case got != want || lost > 0 || died || took > behind:
		return told, reached
	case reached < 0.85*rate:
		return told + ", the sender is at its end", reached
	}
	return "", reached
}

// program runs a peer; it counts the lines that hold a word.
func (f *flood) program(word string, name string, args ...string) *contender {
	f.b.Helper()
	if _, err := exec.LookPath(name); err != nil {
		nettest.Skip(f.b, "needs the program "+name)
	}
	dir := "/dev/shm"
	if _, err := os.Stat(dir); err != nil {
		dir = f.b.TempDir()
	}
	out, err := os.CreateTemp(dir, "nfs-lossless-*")
	if err != nil {
		f.b.Fatal(err)
	}
	in, err := os.Open(out.Name())
	if err != nil {
		f.b.Fatal(err)
	}
	_ = os.Remove(filepath.Clean(out.Name()))
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "stdbuf", append([]string{"-oL", name}, args...)...)
	cmd.Stdout = out
	if err := f.net.Router.Start(cmd); err != nil {
		f.b.Fatal(err)
	}
	var died atomic.Bool
	done := make(chan bool)
	go func() {
		defer close(done)
		_ = cmd.Wait()
		died.Store(ctx.Err() == nil)
	}()
	seen, buf, rest := int64(0), make([]byte, 1<<20), 0
	c := &contender{died: died.Load, lost: func() int64 { return 0 }}
	c.seen = func() int64 {
		for {
			n, err := in.Read(buf[rest:])
			b := buf[:rest+n]
			if end := bytes.LastIndexByte(b, '\n') + 1; end > 0 {
				for l := range bytes.Lines(b[:end]) {
					if bytes.Contains(l, []byte(word)) {
						seen++
					}
				}
				rest = copy(buf, b[end:])
			} else {
				rest = len(b)
			}
			if err == io.EOF || n == 0 {
				return seen
			}
		}
	}
	c.close = func() {
		stop()
		<-done
		_, _ = out.Close(), in.Close()
	}
	for c.seen() == 0 && !died.Load() { // it listens once it tells of something
		f.send(1, 1000)
		unix.Nanosleep(&unix.Timespec{Nsec: 20_000_000}, nil)
	}
	c.settle(math.MaxInt64)
	return c
}

// bare reads a netlink group with a large buffer and counts messages, no more.
func (f *flood) bare(group func(*netlink.Conn) error) *contender {
	f.b.Helper()
	conn, err := netns.In(f.net.Router, func() (*netlink.Conn, error) { return netlink.Dial(unix.NETLINK_NETFILTER, nil) })
	if err != nil {
		f.b.Fatal(err)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		f.b.Fatal(err)
	}
	if _, err := rcvbuf.Grow(raw, rcvbuf.Want); err != nil {
		f.b.Fatal(err)
	}
	if err := group(conn); err != nil {
		f.b.Fatal(err)
	}
	var seen atomic.Int64
	var died atomic.Bool
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
				died.Store(true)
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
				seen.Add(1)
				m = m[min((size+3)&^3, len(m)):]
			}
		}
	}()
	return &contender{seen: seen.Load, died: died.Load, lost: func() int64 { return 0 }, close: func() { _ = conn.Close(); <-done }}
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

// nfscope is the whole of a session: rules, conntrack, both tracers, the queue, the fold
// and the snapshots.
func (f *flood) nfscope() *contender {
	f.b.Helper()
	var seen, lost atomic.Int64
	s := telling(f.b, f.net.Router, func(feed.Item) {}, func(r *running) {
		l := r.store.Loss()
		lost.Store(int64(l.Trace + l.Dropped))
		seen.Store(int64(r.store.Events()))
	})
	flt, err := filter.Parse("udp and dst port 9")
	if err != nil {
		f.b.Fatal(err)
	}
	if err := s.session.Arm(context.Background(), Trace{Filter: flt, Rate: 1_000_000, For: 5 * time.Minute}); err != nil {
		f.b.Fatal(err)
	}
	return &contender{seen: seen.Load, lost: lost.Load, died: func() bool { return false }, close: s.close, exact: true}
}
