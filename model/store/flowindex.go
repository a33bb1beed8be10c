package store

import (
	"time"

	"nfscope/model"
	"nfscope/model/flow"
)

// flowIndex finds flows for the fold, by ID and by either tuple.
type flowIndex struct {
	id    map[uint32]*flow.Flow
	tuple map[model.Tuple]*flow.Flow
	// followed is true once a source has said anything of conntrack's table.
	followed bool
	// whole is when a dump was complete behind which nothing was lost, begun when the one
	// under way began; had counts what came of it.
	whole, begun time.Time
	had          int
	// told is true where the kernel tells of every change.
	told bool
}

func newFlowIndex() flowIndex {
	return flowIndex{id: map[uint32]*flow.Flow{}, tuple: map[model.Tuple]*flow.Flow{}}
}

func (x *flowIndex) put(f *flow.Flow) {
	x.id[f.ID] = f
	x.tuple[f.Orig.Tuple] = f
	x.tuple[f.Reply.Tuple] = f
}

func (x *flowIndex) rebuild(l []*flow.Flow) {
	clear(x.id)
	clear(x.tuple)
	for _, f := range l {
		x.put(f)
	}
}

// ByID finds a flow by conntrack's ID, nil where it is not known.
func (x *flowIndex) ByID(id uint32) *flow.Flow { return x.id[id] }

// ByTuple finds a flow by its original or its reply tuple.
func (x *flowIndex) ByTuple(t model.Tuple) *flow.Flow { return x.tuple[t] }

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
