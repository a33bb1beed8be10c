package nat

import (
	"nfscope/model/filter"
	"nfscope/model/flow"
)

// Ruling answers what filters ask of flows about the rules. Like its Finder it is not safe
// for concurrent use.
type Ruling struct{ *Finder }

// Made lists the rules that made a flow's translation, or may have.
func (r Ruling) Made(l *flow.Look) []filter.Place { return r.places(l) }

// Stale reports whether today's rules would surely drop the flow or translate it otherwise.
func (r Ruling) Stale(l *flow.Look) bool { return r.IsStale(l) }
