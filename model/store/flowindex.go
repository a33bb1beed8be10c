package store

import (
	"time"

	"nfscope/model/flow"
)

// flowIndex finds flows for the fold, and knows how much of conntrack's table they are.
type flowIndex struct {
	*flow.Table
	// followed is true once a source has said anything of conntrack's table.
	followed bool
	// whole is when a dump was complete behind which nothing was lost, begun when the one
	// under way began; had counts what came of it.
	whole, begun time.Time
	had          int
	// told is true where the kernel tells of every change.
	told bool
}

// Whole is since when the table is known as a whole, zero where it is not.
func (x *flowIndex) Whole() time.Time {
	if !x.told {
		return time.Time{}
	}
	return x.whole
}

// hear follows dumps and losses.
func (x *flowIndex) hear(e *flow.Event) {
	switch e.Type {
	case flow.EventGap:
		x.lose()
	case flow.EventDumpBegin:
		x.begun, x.had = e.Time, 0
	case flow.EventDump:
		x.had++
	case flow.EventDumpEnd:
		if x.whole.IsZero() && !x.begun.IsZero() && x.had >= e.Flows {
			x.whole = e.Time
		}
		x.begun = time.Time{}
	}
}

// lose says that something of the table was lost.
func (x *flowIndex) lose() { x.whole, x.begun = time.Time{}, time.Time{} }

// Followed reports whether any source follows conntrack's table.
func (x *flowIndex) Followed() bool { return x.followed }
