// Package flow is conntrack's view of connections: tuples, state, counters and
// what address translation made of them.
package flow

import (
	"fmt"
	"slices"
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
	// ClassPort is a source port that the kernel rewrote by itself, the address being the
	// client's own: another connection had the same reply tuple.
	ClassPort Class = "port-rewritten"
)

// classes are all classes. A Table keeps a class as its place in here, so that a new one
// goes to the end; there are at most sixteen.
var classes = [...]Class{ClassSNAT, ClassDNAT, ClassMasquerade, ClassRedirect, ClassHairpin, ClassPort}

// Classes is a set of classes.
type Classes uint16

// Set makes a set of classes.
func Set(of ...Class) (s Classes) {
	for i, c := range classes {
		if slices.Contains(of, c) {
			s |= 1 << i
		}
	}
	return s
}

// Has reports whether a class is in the set.
func (s Classes) Has(c Class) bool {
	i := slices.Index(classes[:], c)
	return i >= 0 && s&(1<<i) != 0
}

// List gives the classes; nil where there is none. What is done to the destination comes
// first, as on a packet's way.
func (s Classes) List() (out []Class) {
	for _, dst := range []bool{true, false} {
		for i, c := range classes {
			if s&(1<<i) != 0 && dst == (c == ClassDNAT || c == ClassRedirect) {
				out = append(out, c)
			}
		}
	}
	return out
}

// Side is one direction of a flow.
type Side struct {
	Tuple model.Tuple
	// Count is not Valid unless nf_conntrack_acct is on.
	Count model.Counters
	// Zone is the zone of this direction alone (CT --zone-orig, --zone-reply); 0
	// where Flow.Zone counts for both.
	Zone uint16
	// Adjust is how TCP sequence numbers of this direction are moved, zero where they are not.
	Adjust SeqMove
	// TCP is what conntrack keeps of TCP in this direction, zero for other protocols.
	TCP TCPSide
	// VTag is SCTP's verification tag of this direction.
	VTag uint32
}

// SeqMove is how sequence numbers are moved, for a helper or SYNPROXY that changed the
// length of what was said (struct nf_ct_seqadj).
type SeqMove struct {
	// Position is where the last change was; before it Before is added, from there on After.
	Position      uint32
	Before, After int32
}

// TCPSide is what conntrack keeps of one end of a TCP connection.
type TCPSide struct {
	// Scale is the shift of the window (RFC 7323).
	Scale uint8
	// Flags are IP_CT_TCP_FLAG_* (nf_conntrack_tcp.h): 1 window scale, 2 SACK, 4 close
	// init, 8 be liberal, 0x10 data unacknowledged, 0x20 max acknowledged, ...
	Flags uint8
}

// Synproxy is what SYNPROXY keeps of a flow, to speak for the server (struct
// nf_conn_synproxy).
type Synproxy struct{ ISN, ITS, Offset uint32 }

// DCCP is what conntrack keeps of DCCP besides its state.
type DCCP struct {
	// Role is 0 where the client opened the flow, 1 the server (enum ct_dccp_roles).
	Role uint8
	// Sequence is that of the handshake.
	Sequence uint64
}

// Attribute is one of a kind that this nfscope does not know, as the kernel sent it.
type Attribute struct {
	// Type is CTA_*'s number. Within a nest it is the nest's number times 256, and its own.
	Type uint32
	Data []byte
}

// Expectation is a flow that a helper waits for: what fits it will be RELATED to Master. The
// kernel does not tell its zone (ctnetlink_exp_dump_expect): where zones have flows of one
// original tuple, whose it is is not known.
type Expectation struct {
	ID     uint32
	Master model.Tuple
	// Tuple is what is waited for as far as Mask has bits: a zero mask is any address or port.
	Tuple, Mask model.Tuple
	Timeout     time.Duration
	Helper      string
	// Function is the kernel's name of what is done when it comes.
	Function string
	// Flags are NF_CT_EXPECT_*: 1 permanent, 2 inactive, 4 made by a program.
	Flags, Class uint32
	// Zone is that of the master's original direction, where ZoneKnown says that it is known. Else,
	// where several zones have a connection with the master's tuple, it may be of any of them.
	Zone      uint16
	ZoneKnown bool
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
	// HelperInfo is what the helper tells of the flow, in a form of its own.
	HelperInfo []byte
	// Start and Stop are zero unless nf_conntrack_timestamp is on; Stop while it lives too.
	Start, Stop time.Time
	// TimeoutMax is where the timeout of this state begins, 0 where it is not known; see
	// Timeouts.
	TimeoutMax time.Duration
	// Use counts what holds the entry in the kernel.
	Use uint32
	// Master is the original tuple of the flow that this one was expected by, zero where
	// there is none.
	Master   model.Tuple
	Synproxy Synproxy
	DCCP     DCCP
	// Context is the security context (CTA_SECCTX).
	Context string
	// Expects are the flows that a helper waits for because of this one.
	Expects []Expectation
	// Rate is bytes a second of both directions between the last two readings, where Rated.
	Rate float64
	// Unknown holds what this nfscope has no word for.
	Unknown []Attribute
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

// Rated reports whether Rate is known: the kernel counts, and the table was read twice.
func (f *Flow) Rated() bool { return f.Rate > 0 || f.Rate == 0 && f.Orig.Count.Valid }

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
	// not take the dump for the whole table. In EventDumpBegin it is about how many will
	// come, 0 where nobody knows.
	Flows int
}

// Must reports whether the event may never be thrown away: what is lost of a flow
// comes again with the next dump, but a loss must be told, and a dump needs its ends.
func (e *Event) Must() bool {
	return e.Type == EventGap || e.Type == EventDumpBegin || e.Type == EventDumpEnd
}
