// Package journey folds the kernel's trace events into journeys: one ladder of
// steps per packet, over every backend, with the rule that decided.
package journey

import (
	"fmt"
	"time"

	"nfscope/model"
)

// Source says which of the kernel's two tracers an event came from.
type Source uint8

// The sources. A Gap says that events were lost before the next one.
const (
	SourceLegacy Source = iota + 1 // TRACE over NFLOG (net/netfilter/xt_TRACE.c)
	SourceNFT                      // NFT_MSG_TRACE (net/netfilter/nf_tables_trace.c)
	SourceGap
)

// String names the source as the log does.
func (s Source) String() string {
	if int(s) < len(sourceNames) {
		return sourceNames[s]
	}
	return fmt.Sprintf("source-%d", uint8(s))
}

var sourceNames = [...]string{"none", "legacy", "nft", "gap"}

// EventKind is what the kernel said happened. What it means is for the fold to
// say: legacy TRACE writes policy or return for an unconditional rule.
type EventKind uint8

// The kinds.
const (
	EventRule EventKind = iota + 1
	EventPolicy
	EventReturn
)

// Event is one trace event of either tracer, decoded and not yet understood.
type Event struct {
	Source Source
	// Time is when we read the event. Of what was read at once each is a nanosecond later
	// than the one before it, so that the order is in the times too.
	Time time.Time
	// Late is how long before Time it may have been sent: so long ago the reader knew last
	// that nothing waited for it. 0 where that is not told.
	Late time.Duration
	// Seq orders the events of one source.
	Seq uint64
	// Lost is how many events are missing before this one; for SourceGap, 0 means
	// that the number is not known.
	Lost uint64

	// Family is the table's family.
	Family model.Family
	Table  string
	Chain  string
	Kind   EventKind
	// Hook as the legacy tracer's packet header has it; HookNone from nftrace, where
	// the base chain tells.
	Hook model.Hook

	// Num is the legacy tracer's rule number, from 1; rules+1 at the chain's end.
	Num int
	// Stamp is the packet's receive stamp, zero where the kernel gave none.
	Stamp time.Time

	// ID is nftrace's packet id. It is not unique. A legacy event has that of its packet where
	// it is known.
	ID uint32
	// Follow is the number of the packet as programs between the chains follow it (Sight), 0
	// where that is not known.
	Follow uint64
	// Turn is which of the events of the ID this is, counted from when packets are followed, 0
	// where that is not known; of a legacy event, which was the last of its packet before it
	// was followed.
	Turn uint32
	// Handle is the nft rule's; 0 marks an event without one.
	Handle uint64
	// Verdict as nftrace has it; VerdictUnknown from the legacy tracer. Policy
	// events carry the policy here.
	Verdict model.Verdict
	// To is the chain that a jump or goto leads to.
	To string

	// Packet is nil in nftrace events that carry no headers.
	Packet *model.Packet
	// In, Out name the interfaces, "" where there is none. Physical ones are the
	// bridge ports.
	In, Out         string
	PhysIn, PhysOut string
	// Mark is the packet's mark; HasMark whether the event told one.
	Mark    uint32
	HasMark bool

	// CT is what the event said of conntrack, nil where it said nothing.
	CT *CT
	// Owner is who sent the packet, nil where the event did not tell.
	Owner *Owner
	// Link is the packet's Ethernet header, nil where the event had none.
	Link *Link
}

// Owner is the user and the group of the socket that sent a packet, as the legacy tracer
// tells them (NFULA_UID, NFULA_GID).
type Owner struct{ UID, GID uint32 }

// Link holds the two addresses of an Ethernet header, 02:00:00:00:00:01. They are text, so
// that a recording redacts them as it does those in rules.
type Link struct{ Dst, Src string }

// CT is the conntrack part of an nftrace event (kernels from 6.16).
type CT struct {
	ID        uint32
	Direction uint8  // 0 original, 1 reply
	Status    uint32 // IPS_* bits
	State     uint32 // NF_CT_STATE_BIT: 1 invalid, 2 established, 4 related, 8 new, 64 untracked
}
