package flow

import (
	"time"

	"nfscope/model"
)

// Look is what a filter, a count or a total asks of a flow: a Flow without what takes
// memory to make. A Table fills one after another; who keeps it copies it.
type Look struct {
	ID          uint32
	Family      model.Family
	Orig, Reply model.Tuple
	// State is the protocol's, "" where it has none.
	State   string
	Status  Status
	Classes Classes
	Mark    uint32
	// Zone is Flow.Zone; OrigZone and ReplyZone those of one direction alone.
	Zone, OrigZone, ReplyZone uint16
	Timeout                   time.Duration
	// Counted is false where the kernel does not count.
	Counted      bool
	Sent, Back   model.Counters // of the original direction, and of the reply's
	Rate         float64        // bytes a second, below 0 where it is not known
	Gone, Helped bool
}

// Bytes is the total of both directions.
func (l *Look) Bytes() uint64 { return l.Sent.Bytes + l.Back.Bytes }

// Packets is the total of both directions.
func (l *Look) Packets() uint64 { return l.Sent.Packets + l.Back.Packets }

// Look gives what is asked of the flow.
func (f *Flow) Look() Look {
	return Look{ID: f.ID, Family: f.Family, Orig: f.Orig.Tuple, Reply: f.Reply.Tuple, State: f.State, Status: f.Status,
		Classes: Set(f.NAT.Class...), Mark: f.Mark, Zone: f.Zone, OrigZone: f.Orig.Zone, ReplyZone: f.Reply.Zone,
		Timeout: f.Timeout, Counted: f.Orig.Count.Valid, Sent: f.Orig.Count, Back: f.Reply.Count, Rate: f.Rate,
		Gone: !f.Gone.IsZero(), Helped: f.Helper != ""}
}
