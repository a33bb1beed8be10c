package uitest

import (
	"time"

	"nfscope/model"
	"nfscope/model/snapshot"
)

// Reading makes the session as it is while its first ruleset is read: the raw and nat
// tables of iptables-legacy are there, all else waits.
func Reading() *snapshot.Snapshot {
	s := Snapshot()
	whole := s.Rules
	out := &model.Ruleset{}
	r := &snapshot.Reading{What: "iptables-nft-save prints the IPv4 rules", Since: now.Add(-3 * time.Second)}
	for i, t := range whole.Tables {
		n := *t
		n.Chains = nil
		for _, c := range t.Chains {
			nc := *c
			nc.Rules = append([]model.Rule(nil), c.Rules...)
			r.Total += len(c.Rules)
			if i < 2 {
				r.Done += len(c.Rules)
				r.Waiting = append(r.Waiting, 0)
			} else {
				r.Waiting = append(r.Waiting, int32(len(c.Rules)))
				nc.Rules = nil
			}
			n.Chains = append(n.Chains, &nc)
		}
		if i >= 2 {
			n.Extra = nil
		}
		out.Tables = append(out.Tables, &n)
	}
	out.Number()
	r.Outline = out
	s.Rules, s.Counts, s.Previous, s.Sparks, s.Reading = nil, nil, nil, nil, r
	s.Journeys, s.Trace = nil, snapshot.Trace{}
	return s
}
