package why

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
)

// flood is a flow of which a thousand packets are dropped by a rule, as the trace and the
// kernel tell it, and a thousand more that nobody traced.
func flood(tb testing.TB, v6 bool) *Seen {
	f, err := filter.Parse("udp and dst port 9")
	if err != nil {
		tb.Fatal(err)
	}
	s := &Seen{Filter: f, Began: begin, Looked: 2 * time.Second, Watch: drop.Watch{Step: drop.StepBPF, Netns: inode}}
	for i := range 2000 {
		p := udp(uint16(i + 1))
		if v6 {
			p.Family, p.IPID, p.Src, p.Dst = model.FamilyIPv6, 0, netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")
		}
		if i%2 == 0 {
			s.Journeys = append(s.Journeys, traced(i, p, journey.Dropped, drops9))
		}
		s.Drops = append(s.Drops, netfilter(i, p))
	}
	return s
}

// BenchmarkJudge is what an answer costs, which is made twenty times a second.
func BenchmarkJudge(b *testing.B) {
	for _, v6 := range []bool{false, true} {
		b.Run(fmt.Sprintf("v6=%v", v6), func(b *testing.B) {
			s := flood(b, v6)
			for b.Loop() {
				if a := Judge(s); a.Requests.Dropped != 2000 {
					b.Fatalf("%+v", a.Requests)
				}
			}
		})
	}
}
