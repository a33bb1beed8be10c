package store

import (
	"nfscope/model"
	"nfscope/model/flow"
)

// flowIndex finds flows for the fold, by ID and by either tuple.
type flowIndex struct {
	id    map[uint32]*flow.Flow
	tuple map[model.Tuple]*flow.Flow
	// followed is true once a source has said anything of conntrack's table.
	followed bool
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

// Followed reports whether any source follows conntrack's table.
func (x *flowIndex) Followed() bool { return x.followed }
