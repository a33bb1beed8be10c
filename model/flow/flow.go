// Package flow is conntrack's view of connections: tuples, state, counters and
// what address translation made of them.
package flow

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"nfscope/model"
)

// Schema names the JSON form of a flow event.
const Schema = "nfscope/flow/1"

// Status holds conntrack's IPS_* bits
// (include/uapi/linux/netfilter/nf_conntrack_common.h).
type Status uint32

// The bits.
const (
	Expected Status = 1 << iota
	SeenReply
	Assured
	Confirmed
	SrcNAT
	DstNAT
	SeqAdjust
	SrcNATDone
	DstNATDone
	Dying
	FixedTimeout
	Template
	Untracked
	Helper
	Offload
	HWOffload
)

var statusNames = [...]string{"EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED", "SRC_NAT", "DST_NAT", "SEQ_ADJUST",
	"SRC_NAT_DONE", "DST_NAT_DONE", "DYING", "FIXED_TIMEOUT", "TEMPLATE", "UNTRACKED", "HELPER", "OFFLOAD", "HW_OFFLOAD"}

// List names the bits that are set. Bits that a newer kernel may have come last, as
// one hexadecimal number.
func (s Status) List() []string {
	out := []string{}
	for i, n := range statusNames {
		if s&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	if rest := s >> len(statusNames) << len(statusNames); rest != 0 {
		out = append(out, fmt.Sprintf("%#x", uint32(rest)))
	}
	return out
}

// ParseStatus reads what List gives.
func ParseStatus(names []string) (Status, error) {
	var s Status
	for _, n := range names {
		bit, err := statusBit(n)
		if err != nil {
			return 0, err
		}
		s |= bit
	}
	return s, nil
}

func statusBit(name string) (Status, error) {
	for i, n := range statusNames {
		if n == name {
			return 1 << i, nil
		}
	}
	if digits, ok := strings.CutPrefix(name, "0x"); ok {
		if n, err := strconv.ParseUint(digits, 16, 32); err == nil {
			return Status(n), nil
		}
	}
	return 0, fmt.Errorf("unknown conntrack status %q: expected a name such as ASSURED, or a number such as 0x10000", name)
}

// Class is what NAT does to a flow.
type Class string

// The classes.
const (
	ClassSNAT       Class = "snat"
	ClassDNAT       Class = "dnat"
	ClassMasquerade Class = "masquerade"
	ClassRedirect   Class = "redirect"
	ClassHairpin    Class = "hairpin"
)

// Side is one direction of a flow.
type Side struct {
	Tuple model.Tuple
	// Count is not Valid unless nf_conntrack_acct is on.
	Count model.Counters
	// Zone is the zone of this direction alone (CT --zone-orig, --zone-reply); 0
	// where Flow.Zone counts for both.
	Zone uint16
}

// Key tells flows apart: the kernel may use an ID again.
type Key struct {
	ID   uint32
	Zone uint16
	Orig model.Tuple
}

// Flow is one conntrack entry. A Flow that was handed out never changes.
type Flow struct {
	ID     uint32
	Family model.Family
	Orig   Side
	Reply  Side
	// State is the protocol's (SYN_SENT, ESTABLISHED, ...), "" where it has none.
	State   string
	Status  Status
	Timeout time.Duration // what was left when it was read
	Mark    uint32
	Zone    uint16
	Labels  []byte
	Helper  string
	// Start is zero unless nf_conntrack_timestamp is on.
	Start time.Time
	// Seen is when we last heard of the flow.
	Seen time.Time
	// Gone is when it was destroyed, zero while it lives.
	Gone time.Time
	NAT  NAT
}

// NAT says what translation does to a flow, and its ends in the words of a user:
// the client speaks to the service and is answered by the backend.
type NAT struct {
	Class                    []Class
	Client, Service, Backend string
}

// Key gives what tells the flow apart.
func (f *Flow) Key() Key {
	zone := f.Zone
	if zone == 0 {
		zone = f.Orig.Zone
	}
	return Key{f.ID, zone, f.Orig.Tuple}
}

// EventType says what happened to a flow.
type EventType uint8

// The types.
const (
	EventDump EventType = iota + 1
	EventNew
	EventUpdate
	EventDestroy
	// EventGap says that events were lost: Lost of them, or an unknown number where it is 0.
	EventGap
	// EventDumpBegin, EventDumpEnd stand around the EventDump events of one reading
	// of the whole table.
	EventDumpBegin
	EventDumpEnd
)

var eventNames = [...]string{"", "dump", "new", "update", "destroy", "gap", "dump-begin", "dump-end"}

// String gives the word used in JSON.
func (e EventType) String() string {
	if int(e) < len(eventNames) {
		return eventNames[e]
	}
	return fmt.Sprintf("event-%d", uint8(e))
}

// Event is one change of the conntrack table.
type Event struct {
	Type EventType
	Time time.Time
	Flow *Flow // nil for EventGap, EventDumpBegin and EventDumpEnd
	// Lost belongs to EventGap.
	Lost uint64
	// Flows, in EventDumpEnd, is how many flows the dump had. Whoever saw fewer must
	// not take the dump for the whole table.
	Flows int
}

// Must reports whether the event may never be thrown away: what is lost of a flow
// comes again with the next dump, but a loss must be told, and a dump needs its ends.
func (e *Event) Must() bool {
	return e.Type == EventGap || e.Type == EventDumpBegin || e.Type == EventDumpEnd
}
