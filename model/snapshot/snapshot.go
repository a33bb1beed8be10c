// Package snapshot holds the one picture of a running session that the screen is
// drawn from. A Snapshot never changes once it was handed out.
package snapshot

import (
	"net/netip"
	"strings"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/flow"
	"nfscope/model/health"
	"nfscope/model/journey"
	"nfscope/model/ruleset"
)

// Snapshot is everything a page may show.
type Snapshot struct {
	// Version grows by one with every Snapshot.
	Version uint64
	Time    time.Time
	// Netns is the namespace's name, "host" for the one nfscope was started in.
	Netns string
	// Source tells where the data comes from: "live", "lab gateway", "recording FILE", "file FILE".
	Source string
	// Rules is nil until the first read is done; Reading has the outline till then.
	Rules *model.Ruleset
	// Reading tells of rules that are being read, or could not be; nil where those in
	// Rules are the newest.
	Reading *Reading
	// Index is that of Rules, for all pages; nil where nobody made one.
	Index *ruleset.Index
	// Counts and Previous are the last two readings of everything, and belong to Rules;
	// Previous is nil at first. What was read apart since is in Apart: Rule and Chain give
	// the newest of both.
	Counts   *model.Counts
	Previous *model.Counts
	// Apart is what was read apart from everything else; nil where nothing was.
	Apart *Apart
	// Sparks hold up to the last 16 packet rates of each base chain (Chain.ID), newest
	// last; user chains have none, and those behind the last base chain no place.
	Sparks [][]float64
	// ConntrackInUse is true where conntrack entries exist or rules need them.
	ConntrackInUse bool
	// Local are the addresses of the namespace's interfaces, as prefixes; nil where they
	// are not known.
	Local []netip.Prefix
	// Routes are those of its main table, nil where they are not known.
	Routes *model.Routes
	Flows  Flows
	// Health tells how conntrack itself is doing, nil where that is not known.
	Health *health.View
	// Journeys, oldest first; at most as many as the ring holds. Forgotten counts
	// those that left it.
	Journeys  []*journey.Journey
	Forgotten uint64
	// Drops is what the kernel threw away.
	Drops Drops
	Trace Trace
	Loss  Loss
	// Events counts trace events so far.
	Events uint64
	// EventsPerSecond counts trace and conntrack events of the last second.
	EventsPerSecond float64
	// Problems are sentences about what does not work, newest last.
	Problems []string
	// Lab is nil outside labs.
	Lab *Lab
	// Recording is the file that is being written, "" where none is.
	Recording string
	// Replay tells where in a recording Time is, nil where this is none.
	Replay *Replay
	// Ended is true when the source has nothing more to give.
	Ended bool
}

// Names is the Index of rs, which is Rules or another; made here where nobody made it.
func (s *Snapshot) Names(rs *model.Ruleset) *ruleset.Index {
	if s.Index != nil && s.Index.Ruleset() == rs {
		return s.Index
	}
	return ruleset.NewIndex(rs)
}

// Flows is the conntrack table.
type Flows struct {
	// Table holds the flows; nil where none was heard of. It is the one thing in a Snapshot
	// that goes on changing: a picture of a million flows thirty times a second is none.
	// Who draws asks it for the rows in sight.
	Table *flow.Table `json:"-"`
	// Began and Went are how many flows a second are new, and end.
	Began, Went float64 `json:"-"`
	// Timeouts say where timeouts begin; nil where that is not known.
	Timeouts flow.Timeouts
	// Expected are the flows that helpers wait for.
	Expected []flow.Expectation
	// Unread counts messages of the kernel that could not be read, and Strange attributes
	// that this nfscope has no word for; the flows keep those.
	Unread, Strange uint64
	// Accounting, Timestamps tell whether the sysctls nf_conntrack_acct and
	// nf_conntrack_timestamp are on.
	Accounting, Timestamps bool
	// Told is true where the kernel tells of every change (nf_conntrack_events): else
	// connections may come and go between two dumps.
	Told bool
	// Ready is true when the first dump is done.
	Ready bool
	// Count and Max are nf_conntrack_count and nf_conntrack_max, 0 where unknown.
	Count, Max int
}

// Drops is what the kernel threw away, by reason, place and flow.
type Drops struct {
	// Rows are ordered by when the first drop of each came, oldest first.
	Rows []*drop.Row
	// Watch tells how they are found out.
	Watch drop.Watch
	// Forgotten counts packets of rows that had to make room for others.
	Forgotten uint64
}

// The methods of arming.
const (
	MethodOwner = "owner table"
	MethodRaw   = "raw -j TRACE"
	// MethodPrograms arms no rule: eBPF programs in the hooks follow packets.
	MethodPrograms = "programs"
)

// Trace is the state of the armed trace.
type Trace struct {
	Armed  bool
	Filter string
	// Both says that what comes back is traced too: the mirror of Filter, and what
	// belongs to its connections.
	Both bool
	// Table is the name of the table that arms, "" where there is none.
	Table string
	// Until is when the trace ends by itself.
	Until time.Time
	// Rate is the kernel's limit in packets a second.
	Rate int
	// Held counts matching packets that the limit held back.
	Held uint64
	// Method is MethodOwner, MethodRaw or MethodPrograms.
	Method string
	// NoLegacy says that rules of legacy tables tell nothing: their tracer is not at work,
	// such as where another program reads its NFLOG group.
	NoLegacy bool
	// NoNFT says that chains of nf_tables may tell nothing: with -j TRACE nf_tables looks for the
	// trace only while a rule of its own keeps it awake, and none could be made.
	NoNFT bool
	// Notes say what the kernel could not match and is filtered afterwards, or which
	// tracer is missing.
	Notes []string
}

// Loss counts what did not reach us.
type Loss struct {
	// Trace and Flows are events known to be lost; Gaps the losses of unknown size.
	Trace, Flows, Gaps uint64
	// Drops are drops of the kernel of which neither packet nor reason was kept.
	Drops uint64
	// Dropped counts what our own queues threw away.
	Dropped uint64
}

// Total is the number in the status bar.
func (l Loss) Total() uint64 { return l.Trace + l.Flows + l.Drops + l.Dropped }

// Replay is the playing of a recording.
type Replay struct {
	// Begin and End are the times of its first and its last item.
	Begin, End time.Time
	// Speed is recorded seconds per second.
	Speed  float64
	Paused bool
	// Jumps counts how often the playing went elsewhere: then the Snapshot before is
	// no past of this one.
	Jumps uint64
}

// Fixed is true where all there is was there before, in a recording or a file of rules:
// no packet can be traced.
func (s *Snapshot) Fixed() bool {
	return s.Replay != nil || strings.HasPrefix(s.Source, "recording") || strings.HasPrefix(s.Source, "file ")
}
