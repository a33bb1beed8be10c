package live

import (
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkEventCPU is the CPU time that an event costs, by getrusage, at a rate that is
// kept up with: ours, from the socket to the journey, and the sender's, with all that the
// kernel does for the packet that it sends. Both share two cores, so what they cost
// together bounds the highest rate without a loss, and can be told with less noise.
func BenchmarkEventCPU(b *testing.B) {
	const rate, seconds = 400_000, 3
	for _, c := range []struct{ name, nft, legacy string }{
		{"nftrace", benchRules(), ""},
		{"nflog", countOnly, benchLegacy()},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := newFlood(b, c.nft, c.legacy)
			s := f.nfscope()
			defer s.close()
			per := f.perPacket(s)
			var ours, sender, events float64
			for b.Loop() {
				seen, lost := s.seen(), s.lost()
				own, child := cpuTime(b, unix.RUSAGE_SELF), cpuTime(b, unix.RUSAGE_CHILDREN)
				packets, reached := f.sendApart(int(rate/per*seconds), rate/per)
				want := int64(float64(packets) * per)
				s.settle(seen + lost + want)
				if s.seen()-seen != want || s.lost() != lost || reached*per < 0.95*rate {
					b.Logf("%d of %d events at %.0f a second, %d lost: left out", s.seen()-seen, want, reached*per, s.lost()-lost)
					continue
				}
				events += float64(want)
				ours += cpuTime(b, unix.RUSAGE_SELF) - own
				sender += cpuTime(b, unix.RUSAGE_CHILDREN) - child
			}
			b.ReportMetric(ours/events, "ours-ns/event")
			b.ReportMetric(sender/events, "sender-ns/event")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// cpuTime is the user and system time of this process, or of its children that have ended,
// in nanoseconds.
func cpuTime(b *testing.B, who int) float64 {
	b.Helper()
	var r unix.Rusage
	if err := unix.Getrusage(who, &r); err != nil {
		b.Fatal(err)
	}
	return float64(r.Utime.Nano() + r.Stime.Nano())
}
