package live

import (
	"context"
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model/feed"
	"nfscope/trace/nettest"
)

// stream is a TCP connection through the router whose both ends are one thread's, on a CPU of
// its own choice: what it costs is the time of that.
type stream struct {
	from, to int
	buf      []byte
}

// connect opens a stream from the client to the server.
func (f *flood) connect() *stream {
	f.b.Helper()
	s := &stream{buf: make([]byte, 1<<16)}
	door := -1
	nettest.Do(f.b, f.net.Server, func() (err error) {
		if door, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		if err = unix.Bind(door, &unix.SockaddrInet4{Port: 9}); err != nil {
			return err
		}
		return unix.Listen(door, 1)
	})
	defer unix.Close(door)
	nettest.Do(f.b, f.net.Client, func() (err error) {
		if s.from, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Connect(s.from, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{10, 2, 0, 2}})
	})
	var err error
	if s.to, _, err = unix.Accept(door); err != nil {
		f.b.Fatal(err)
	}
	f.b.Cleanup(func() { _, _ = unix.Close(s.from), unix.Close(s.to) })
	return s
}

// pump sends so many bytes and has them read, in chunks, and gives the nanoseconds that one
// KiB takes.
func (s *stream) pump(b *testing.B, chunks int) float64 {
	least := math.Inf(1)
	for range 3 {
		start := time.Now()
		for range chunks {
			if _, err := unix.Write(s.from, s.buf); err != nil {
				b.Fatal(err)
			}
			for left := len(s.buf); left > 0; {
				n, err := unix.Read(s.to, s.buf[:left])
				if err != nil || n == 0 {
					b.Fatal(n, err)
				}
				left -= n
			}
		}
		least = min(least, float64(time.Since(start).Nanoseconds())/float64(chunks*len(s.buf)>>10))
	}
	return least
}

// BenchmarkStream is what a trace that is armed for another flow costs a TCP connection through
// the router, both ends and the router on one CPU: in segments as they are, up to 64 KiB each
// (GSO), and in packets of the wire's size (no offloads).
func BenchmarkStream(b *testing.B) {
	const chunks = 100
	for _, r := range costRules()[:3] {
		for _, whole := range []bool{true, false} {
			name := r.name + "/gso"
			if !whole {
				name = r.name + "/packets"
			}
			b.Run(name, func(b *testing.B) {
				f := floodThrough(b, r.nft, r.legacy)
				if r.xnft != "" {
					nettest.Kernel(b, "iptables-nft-restore")
					nettest.Feed(b, f.net.Router, r.xnft, "iptables-nft-restore")
				}
				if !whole {
					for _, command := range []uint32{unix.ETHTOOL_STSO, unix.ETHTOOL_SGSO} {
						offload(b, f.net.Client, "c0", command, false)
					}
				}
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				var old, set unix.CPUSet
				set.Set(runtime.NumCPU() - 1)
				if err := unix.SchedGetaffinity(0, &old); err != nil {
					b.Fatal(err)
				}
				if err := unix.SchedSetaffinity(0, &set); err != nil {
					b.Fatal(err)
				}
				defer func() { _ = unix.SchedSetaffinity(0, &old) }()
				s := f.connect()
				s.pump(b, chunks)
				came, bytes := f.received(), 0
				var base []float64
				var armed ratios
				for b.Loop() {
					before := s.pump(b, chunks)
					o := openSession(b, f.net.Router, func(feed.Item) {})
					looking := s.pump(b, chunks)
					if err := o.session.Arm(context.Background(), Trace{Filter: parse(b, "udp and dst port 10 and host 10.9.9.9"), For: time.Minute}); err != nil {
						b.Fatal(err)
					}
					tracing := s.pump(b, chunks)
					if err := o.session.Disarm(); err != nil {
						b.Fatal(err)
					}
					again := s.pump(b, chunks)
					o.close()
					base = append(base, before)
					armed.add(tracing, looking, again)
					bytes += 4 * 3 * chunks * len(s.buf)
				}
				mid, low, high := armed.median()
				slices.Sort(base)
				b.Logf("armed: %+.1f %% (%+.1f to %+.1f)", mid, low, high)
				b.ReportMetric(mid, "armed-%")
				b.ReportMetric(base[len(base)/2], "ns/KiB")
				b.ReportMetric(float64(bytes)/float64(f.received()-came), "bytes/packet")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
