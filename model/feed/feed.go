// Package feed is the one language that every source speaks: a live namespace, a
// lab and a recording put out the same items, so that nothing behind them can tell
// the three apart.
package feed

import (
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/flow"
	"nfscope/model/health"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
)

// Item is one thing a source has to say. Besides Time exactly one field is set.
type Item struct {
	Time time.Time
	// Rules is a ruleset that was read anew.
	Rules *model.Ruleset `json:",omitempty"`
	// Reading tells how far the reading of the next ruleset is, or why it failed; one that
	// is over (snapshot.Reading.Over) says that the ruleset last sent is the newest. A
	// ruleset ends a reading by itself. It is of the moment, and not recorded.
	Reading *snapshot.Reading `json:"-"`
	// Counts belong to the last ruleset.
	Counts *model.Counts `json:",omitempty"`
	// Partial are newer counters of some of its rules.
	Partial *model.Partial `json:",omitempty"`
	// Event is one trace event, in the order in which its tracer sent it.
	Event *journey.Event `json:",omitempty"`
	// Events are trace events that a live tracer sent together. They are the sender's, and
	// used again: who keeps them copies them, or takes the item apart by Split. Recordings
	// have them one by one.
	Events []journey.Event `json:"-"`
	// Sight is a traced packet as it was seen between two base chains (trace/between).
	Sight *journey.Sight `json:",omitempty"`
	// Beside are the rules of another namespace, which packets are followed into.
	Beside *Beside     `json:",omitempty"`
	Flow   *flow.Event `json:",omitempty"`
	// Drop is a packet that the kernel threw away, or a count of some.
	Drop *drop.Drop `json:",omitempty"`
	// Drops tells how drops are found out, whenever that changed.
	Drops *drop.Watch `json:",omitempty"`
	// Flows are many changes of flows, or many flows of a dump. Who is handed them releases
	// them, or hands them on; who is not the only one clones them. Recordings have them one
	// by one.
	Flows *flow.Batch `json:"-"`
	// Table tells what is known of the conntrack table as a whole; its Table is unused.
	Table *snapshot.Flows `json:",omitempty"`
	// Health tells how conntrack itself is doing.
	Health *health.Reading `json:",omitempty"`
	// Trace is the state of the armed trace, whenever it changed.
	Trace *snapshot.Trace `json:",omitempty"`
	Lab   *snapshot.Lab   `json:",omitempty"`
	// Heard tells how far the reading of what the kernel said had come. Only recordings have
	// it, since a live source is asked.
	Heard *Heard `json:",omitempty"`
	// Host tells of the namespace what is needed to understand the rest.
	Host *Host `json:",omitempty"`
	// Problem is a sentence for the user about what does not work.
	Problem string `json:",omitempty"`
	// Solved is a Problem said before that is none any more. It is of the moment, and not
	// recorded: a recording says what was wrong while it was made.
	Solved string `json:"-"`
}

// Beside are the rules of a namespace beside the one that is looked at.
type Beside struct {
	Netns string
	Rules *model.Ruleset
}

// Heard says what was read when a recording was made: in a flood much waits in the sockets,
// one's events longer than another's, and that of a packet nothing more was read is no quiet.
type Heard struct {
	// Before is a time of which all that came earlier was handed over.
	Before time.Time
	// Behind is true while more had been told than handed over; until the next Heard quiet is
	// judged by Before.
	Behind bool
}

// Must reports whether the item may never be thrown away: all but packets, drops and
// changes of flows. A dump is read no faster than its flows are folded, so they may wait.
func (i *Item) Must() bool {
	return i.Event == nil && i.Events == nil && i.Drop == nil && (i.Sight == nil || i.Sight.Lost > 0) && (i.Flow == nil || i.Flow.Must()) && (i.Flows == nil || i.Flows.Dumped())
}

// Weight is how many packets or changes of flows the item is, 0 where it Must arrive.
func (i *Item) Weight() int {
	switch {
	case i.Must():
		return 0
	case i.Flows != nil:
		return len(i.Flows.Records)
	case i.Events != nil:
		return len(i.Events)
	}
	return 1
}

// Split puts an item with several events or flows as items of one each, which are the
// receiver's to keep; any other it puts as it is.
func (i *Item) Split(put func(Item)) {
	switch {
	case i.Events != nil:
		for k := range i.Events {
			e := i.Events[k].Clone()
			put(Item{Time: e.Time, Event: e})
		}
	case i.Flows != nil:
		for k := range i.Flows.Records {
			e := i.Flows.Event(k)
			put(Item{Time: i.Time, Flow: &e})
		}
	default:
		put(*i)
	}
}

// Host is the namespace itself. It is told again where its addresses or routes change; the
// rest stays as it is while a session lasts.
type Host struct {
	Name   string // "host", a namespace's name, a lab's host
	Kernel string
	// Local lists the addresses of the namespace's interfaces as prefixes.
	Local []string
	// Routes are those of its main table, nil where they were not read.
	Routes *model.Routes `json:",omitempty"`
	// Source is what Snapshot.Source says: "live", "lab gateway".
	Source string
	// Facts are what else a reader elsewhere should know of the host: versions of
	// programs, sysctls that decide what packets do. What could not be read is missing.
	Facts []Fact `json:",omitempty"`
}

// Fact is one named thing of a host.
type Fact struct{ Name, Value string }
