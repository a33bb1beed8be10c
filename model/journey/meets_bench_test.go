package journey

import (
	"testing"
	"time"

	"nfscope/model/drop"
)

// BenchmarkRuledBy asks for a drop that is older than all the journeys, as many as are kept,
// each of which a rule dropped and might be its but for the time.
func BenchmarkRuledBy(b *testing.B) {
	p := udp("10.2.0.2", 5)
	list := make([]*Journey, 65536)
	for i := range list {
		list[i] = &Journey{Number: i + 1, Start: began.Add(time.Minute + time.Duration(i)*time.Millisecond), Packet: *p, Steps: make([]Step, 4),
			Outcome: Outcome{Verdict: Dropped, By: Culprit{Kind: "rule"}}}
	}
	d := fallen(p, "NETFILTER_DROP", drop.StationNetfilter)
	for b.Loop() {
		if j := RuledBy(list, d); j != nil {
			b.Fatalf("%+v", j)
		}
	}
}
