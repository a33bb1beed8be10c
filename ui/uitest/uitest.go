// Package uitest holds one hand-made session for the tests of the screen: a small
// gateway at 3 a.m. with rules of all three backends, flows of every NAT class and
// journeys of every outcome.
package uitest

import (
	"time"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/model/snapshot"
)

// Now is the moment of the snapshot. Frames of tests are drawn at this time.
var now = time.Date(2026, 3, 14, 3, 15, 9, 0, time.UTC)

// Now gives the moment at which the snapshot was taken.
func Now() time.Time { return now }

// Snapshot makes the session anew; callers may change what they get.
func Snapshot() *snapshot.Snapshot {
	rs := Rules()
	counts := rs.Counts()
	counts.Taken = now
	chains, _ := rs.Size()
	s := &snapshot.Snapshot{
		Version: 42, Time: now, Netns: "router", Source: "live",
		Rules: rs, Counts: counts, Previous: previous(rs, counts),
		Sparks:         make([][]float64, chains),
		ConntrackInUse: true,
		Flows: snapshot.Flows{Table: flow.TableOf(flows()...), Accounting: true, Timestamps: true, Ready: true,
			Count: 12, Max: 65536},
		Drops:    drops(),
		Journeys: journeys(rs),
		Trace: snapshot.Trace{Armed: true, Filter: "tcp dst port 80", Until: now.Add(27 * time.Second),
			Rate: 100, Method: "owner table"},
		EventsPerSecond: 1234,
	}
	for i := range s.Sparks {
		if !counts.Chains[i].Valid {
			continue
		}
		rate := float64(counts.Chains[i].Packets - s.Previous.Chains[i].Packets)
		for k := range 16 {
			s.Sparks[i] = append(s.Sparks[i], rate*float64((k*(i+3))%9+1)/9)
		}
	}
	return s
}

// previous is what the counters were a second before: the busier, the faster.
func previous(rs *model.Ruleset, c *model.Counts) *model.Counts {
	p := &model.Counts{Generation: c.Generation, Taken: c.Taken.Add(-time.Second),
		Rules: make([]model.Counters, len(c.Rules)), Chains: make([]model.Counters, len(c.Chains))}
	back := func(c model.Counters) model.Counters {
		if !c.Valid {
			return c
		}
		return model.Counters{Packets: c.Packets - c.Packets/100, Bytes: c.Bytes - c.Bytes/100, Valid: true}
	}
	for i, v := range c.Rules {
		p.Rules[i] = back(v)
	}
	for i, v := range c.Chains {
		p.Chains[i] = back(v)
	}
	return p
}
