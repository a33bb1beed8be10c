package uitest

import (
	"nfscope/model/ruleset"
	"nfscope/model/ruleset/rulesettest"
	"nfscope/model/snapshot"
)

// KubeSnapshot is a session at rest on a Kubernetes node with so many services;
// rulesettest.KubeServices of them are 100,000 rules in 36,000 chains.
func KubeSnapshot(services int) *snapshot.Snapshot {
	rs, _, _ := ruleset.ParseFile("node", []byte(rulesettest.Kube(services)))
	rs.Taken = now
	chains, _ := rs.Size()
	names := ruleset.NewIndex(rs)
	names.Prepare() // as the store does
	return &snapshot.Snapshot{Version: 1, Time: now, Netns: "node", Source: "live", Rules: rs, Index: names, Counts: rs.Counts(),
		Sparks: make([][]float64, chains), ConntrackInUse: true}
}
