package connections

import (
	"iter"

	"nfscope/model/flow"
	"nfscope/model/snapshot"
)

// allFlows goes through all connections.
func allFlows(s *snapshot.Snapshot) iter.Seq[*flow.Look] {
	return func(yield func(*flow.Look) bool) { s.Flows.Table.Each(yield) }
}
