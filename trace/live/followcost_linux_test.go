package live

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"time"

	"nfscope/model/feed"
)

// BenchmarkFollowing is what a forwarded packet costs beside `trace --programs`: where another
// flow is followed, where it is this one at the default rate, so that nearly all of it is held
// back, and where each of its packets is followed. A round takes 0.5 s.
func BenchmarkFollowing(b *testing.B) {
	const packets = 1500
	for _, r := range costRules()[:3] {
		b.Run(r.name, func(b *testing.B) {
			f := floodThrough(b, r.nft, r.legacy)
			p := f.pin(runtime.NumCPU() - 1)
			p.burst(packets)
			cases := []struct {
				name, filter string
				rate         int
				cost         ratios
			}{
				{"other", "udp and dst port 10 and host 10.9.9.9", 0, nil},
				{"held", "udp and dst port 9", 0, nil},
				{"followed", "udp and dst port 9", 1_000_000, nil},
			}
			s := openSession(b, f.net.Router, func(feed.Item) {})
			programs := 0
			var base []float64
			before := p.burst(packets)
			for b.Loop() {
				for i := range cases {
					c := &cases[i]
					came := f.received()
					if err := s.session.Arm(context.Background(), Trace{Filter: parse(b, c.filter), For: time.Minute, Rate: c.rate, Programs: true}); err != nil {
						b.Fatal(err)
					}
					at := s.session.armed.seats.Load()
					programs = len(at.Seats())
					with := p.burst(packets)
					followed, held, err := at.Counts()
					if all := uint64(3 * packets); err != nil || (c.name == "other") != (followed+held == 0) || c.name == "held" && held < all || c.name == "followed" && followed < all {
						b.Fatalf("%s: %d followed, %d held back: %v", c.name, followed, held, err)
					}
					if err := s.session.Disarm(); err != nil {
						b.Fatal(err)
					}
					after := p.burst(packets)
					if n := f.received() - came; n < 2*3*packets {
						b.Fatalf("%d packets of %d were forwarded", n, 2*3*packets)
					}
					c.cost.add(with, before, after)
					base, before = append(base, after), after
				}
			}
			s.close()
			slices.Sort(base)
			b.ReportMetric(base[len(base)/2], "ns/packet")
			b.ReportMetric(float64(programs), "programs")
			for _, c := range cases {
				mid, low, high := c.cost.median()
				b.ReportMetric(mid, c.name+"-%")
				b.Logf("%s: %+.1f %% (%+.1f to %+.1f)", c.name, mid, low, high)
			}
		})
	}
}
