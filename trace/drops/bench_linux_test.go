package drops

import (
	"context"
	"errors"
	"math"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"nfscope/model/feed"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// forwarder sends packets through a router to a server that takes them without a word:
// answers to an ICMP timestamp, which the kernel reads and is done with (icmp_discard), so
// that none is dropped anywhere.
type forwarder struct {
	n    *nettest.Routed
	fd   int
	msgs []unix.RawSockaddrLinklayer
	hdrs []mmsghdr
}

type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

const batch = 64

// newForwarder builds the network; dst is where the packets go.
func newForwarder(b *testing.B, dst string) *forwarder {
	b.Helper()
	f := &forwarder{n: nettest.NewRouted(b)}
	nettest.Run(b, f.n.Router, "ip", "neigh", "replace", "10.2.0.2", "lladdr", nettest.MAC(b, f.n.Server, "s0"), "dev", "r1", "nud", "permanent")
	mac, err := net.ParseMAC(nettest.MAC(b, f.n.Router, "r0"))
	if err != nil {
		b.Fatal(err)
	}
	var index int
	frame := append(append([]byte{}, mac...), 2, 0, 0, 0, 0, 1, 8, 0)
	frame = append(frame, nettest.Frame{Src: "10.1.0.2", Dst: dst, Size: 18, Proto: unix.IPPROTO_ICMP, ICMPType: 14}.Bytes()...)
	nettest.Do(b, f.n.Client, func() error {
		link, err := net.InterfaceByName("c0")
		if err != nil {
			return err
		}
		index = link.Index
		f.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	b.Cleanup(func() { _ = unix.Close(f.fd) })
	f.msgs, f.hdrs = make([]unix.RawSockaddrLinklayer, batch), make([]mmsghdr, batch)
	iov := &unix.Iovec{Base: &frame[0]}
	iov.SetLen(len(frame))
	for i := range f.hdrs {
		f.msgs[i] = unix.RawSockaddrLinklayer{Family: unix.AF_PACKET, Ifindex: int32(index), Protocol: networkOrder(unix.ETH_P_IP)}
		f.hdrs[i].hdr = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&f.msgs[i])), Namelen: unix.SizeofSockaddrLinklayer, Iov: iov, Iovlen: 1}
	}
	return f
}

// send sends n packets and gives how long it took; they are forwarded meanwhile.
func (f *forwarder) send(b *testing.B, n int) time.Duration {
	b.Helper()
	began := time.Now()
	for n > 0 {
		sent, _, e := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(f.fd), uintptr(unsafe.Pointer(&f.hdrs[0])), uintptr(min(n, batch)), 0, 0, 0)
		if e != 0 && e != unix.ENOBUFS {
			b.Fatal(e)
		}
		n -= int(sent)
	}
	return time.Since(began)
}

// forwarded counts what left the router towards the server.
func forwarded(b *testing.B, ns *netns.Handle) (n int) {
	b.Helper()
	nettest.Do(b, ns, func() error {
		text, err := os.ReadFile("/proc/thread-self/net/dev")
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 10 && f[0] == "r1:" {
				n, err = strconv.Atoi(f[10])
			}
		}
		return err
	})
	return n
}

// watched runs fn while a Reader is at work, which has begun: it reads the kernel's symbols
// first.
func watched(b *testing.B, ns *netns.Handle, o Options, fn func(*Reader)) {
	b.Helper()
	r, err := Open(ns, o)
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	begun, begin := context.WithCancel(ctx)
	go func() { ended <- r.Run(ctx, func(feed.Item) { begin() }) }()
	<-begun.Done()
	fn(r)
	stop()
	if err := errors.Join(<-ended, r.Close()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkForward tells what watching costs a router that drops nothing: rounds with and
// without a Reader in turn, the median of the ratios between neighbours, and between which
// of them it is with 95 % confidence, by their order alone.
func BenchmarkForward(b *testing.B) {
	nettest.Kernel(b)
	f := newForwarder(b, "10.2.0.2")
	const packets, rounds = 400_000, 11
	f.send(b, packets) // warm up
	var with, without []float64
	before, sent := forwarded(b, f.n.Router), 0
	for range b.N {
		for range rounds {
			without = append(without, float64(f.send(b, packets))/packets)
			watched(b, f.n.Router, Options{}, func(r *Reader) {
				runtime.GC() // what reading BTF left behind is no part of it
				with = append(with, float64(f.send(b, packets))/packets)
				c, err := r.probe.counts()
				if err != nil || c[statTold]+c[statHeld] > 20 { // IPv6 coming up
					b.Fatalf("drops while nothing was to be dropped: %v, %v", c, err)
				}
			})
			sent += 2 * packets
		}
	}
	if got := forwarded(b, f.n.Router) - before; got < sent*99/100 {
		b.Errorf("%d of %d packets were forwarded", got, sent)
	}
	var cost []float64
	for i := 1; i < len(with); i++ { // each round with a Reader is between two without
		cost = append(cost, 100*(with[i-1]/((without[i-1]+without[i])/2)-1))
	}
	slices.Sort(with)
	slices.Sort(without)
	slices.Sort(cost)
	off := int(math.Ceil(0.98 * math.Sqrt(float64(len(cost)))))
	b.ReportMetric(without[len(without)/2], "ns/packet-without")
	b.ReportMetric(with[len(with)/2], "ns/packet-with")
	b.ReportMetric(cost[len(cost)/2], "%cost")
	b.ReportMetric(cost[max(0, len(cost)/2-off)], "%cost-least")
	b.ReportMetric(cost[min(len(cost)-1, len(cost)/2+off)], "%cost-most")
}

// BenchmarkDropped tells what a dropped packet costs more where drops are watched and the
// bucket holds it back.
func BenchmarkDropped(b *testing.B) {
	nettest.Kernel(b)
	f := newForwarder(b, "192.0.2.1") // no route
	nettest.Run(b, f.n.Router, "sysctl", "-qw", "net.ipv4.icmp_ratelimit=1000")
	const packets, rounds = 100_000, 9
	f.send(b, packets)
	var none, held []float64
	for range b.N {
		for range rounds {
			none = append(none, float64(f.send(b, packets))/packets)
			watched(b, f.n.Router, Options{Rate: 1, Burst: 1}, func(*Reader) {
				held = append(held, float64(f.send(b, packets))/packets)
			})
		}
	}
	slices.Sort(none)
	slices.Sort(held)
	b.ReportMetric(none[len(none)/2], "ns/packet-unwatched")
	b.ReportMetric(held[len(held)/2], "ns/packet-held")
}
