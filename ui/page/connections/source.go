package connections

import (
	"iter"

	"nfscope/model/flow"
	"nfscope/model/snapshot"
)

// allFlows goes through all connections, and lets the screen go first as often as a list's
// making does.
func allFlows(s *snapshot.Snapshot) iter.Seq[*flow.Look] {
	return func(yield func(*flow.Look) bool) {
		var l []flow.Look
		var b breather
		for part, more := 0, true; more; part++ {
			l, more = s.Flows.Table.Some(part, l[:0])
			for i := range l {
				if !yield(&l[i]) {
					return
				}
			}
			b.breathe()
		}
	}
}
