// Package prove plays a lab with everything nfscope has at work, and holds what the lab
// states against what was seen: the trace, conntrack, the rules' counters, the kernel's
// own, and what the senders heard.
package prove

import (
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/trace/lab"
)

// Seen is all that was seen of a lab that was played once.
type Seen struct {
	// Evidence is what the failures are of; its journeys are those that were over.
	lab.Evidence
	// Failures are the statements that were not so.
	Failures []lab.Failure
	// Problems are what nfscope said of itself meanwhile, a sentence each.
	Problems []string
}

// closed gives the journeys that are over; it is never nil.
func closed(s *snapshot.Snapshot) []*journey.Journey {
	list := []*journey.Journey{}
	for _, j := range s.Journeys {
		if j.Closed {
			list = append(list, j)
		}
	}
	return list
}
