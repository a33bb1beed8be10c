package journey

import (
	"encoding/json"
	"strconv"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
)

// Schema names the JSON form of a Journey.
const Schema = "nfscope/journey/1"

// Kind is the kind of a step.
type Kind string

// The kinds of steps.
const (
	KindRule   Kind = "rule"
	KindPolicy Kind = "policy"
	KindReturn Kind = "return"
	KindEnd    Kind = "end" // the end of a user chain, or of a base chain without a policy event
	KindMiss   Kind = "miss"
	KindPassed Kind = "passed" // a base chain that the packet was seen before and behind; what it met there nothing told
)

// Step is one rung of the ladder.
type Step struct {
	Backend model.Backend `json:"backend"`
	Hook    model.Hook    `json:"hook"`
	Family  model.Family  `json:"family"`
	Table   string        `json:"table"`
	// Base is the base chain the step belongs to, Chain the chain it stands in.
	Base  string `json:"base,omitempty"`
	Chain string `json:"chain"`
	// Depth is 0 in the base chain and grows by one with every jump.
	Depth int  `json:"depth,omitempty"`
	Kind  Kind `json:"kind"`
	// Rule is the rule's number from 1; 0 where the step is no rule.
	Rule    int    `json:"rule"`
	Handle  uint64 `json:"handle"`
	Text    string `json:"text"`
	Comment string `json:"comment,omitempty"`
	// Verdict is what the step did to the walk.
	Verdict model.Verdict `json:"verdict"`
	Target  string        `json:"target"`
	// Packet holds what changed in the packet before this step, as its event showed it.
	Packet Delta `json:"packet,omitempty"`
	// By tells which of that no rule did, and who did.
	By []Author `json:"packet_by,omitempty"`
	// Did is what this rule did to the packet: as events showed it, or, where none that would
	// have shown it came, as it is reckoned from what the rule says.
	Did Delta `json:"did,omitempty"`
	// Ahead names the base chains on the packet's way that could still drop it after this
	// step accepted it.
	Ahead []string `json:"ahead,omitempty"`
	// Because holds the conditions looked at.
	Because []Because `json:"because,omitempty"`
	// Beside, of a miss, counts the rules next to it that did not match either and are left
	// out.
	Beside int `json:"beside,omitempty"`
	// Element is the element of a verdict map that gave the rule its verdict, "8080 : drop", where
	// that can be known from the packet (model/miss).
	Element string `json:"element,omitempty"`
	// Note says what is uncertain of the step, in words.
	Note string    `json:"note,omitempty"`
	Time time.Time `json:"time"`
	// RuleID is Rule.ID in the ruleset the event saw, -1 where it was not found.
	RuleID int `json:"-"`
	// Texts are what the rule of its number may have been, where the rules changed: the Note has
	// them in words.
	Texts []string `json:"-"`
}

// Because is one condition of a rule, held against the packet.
type Because struct {
	Match  string `json:"match"`
	Want   string `json:"want"`
	Have   string `json:"have"`
	Result string `json:"result"` // no, yes, unknown
}

// Delta lists the header fields that changed, in a fixed order.
type Delta []Change

// Change is one header field's new value.
type Change struct{ Field, Value string }

// Outcome is where the packet ended.
type Outcome struct {
	Verdict  string  `json:"verdict"` // accepted, dropped, rejected, queued, unknown
	By       Culprit `json:"by"`
	Sentence string  `json:"sentence"`
	// Do is what to look at or to change where the kernel dropped it, "" where nothing is.
	Do string `json:"do,omitempty"`
}

// The outcomes' words.
const (
	Accepted = "accepted"
	Dropped  = "dropped"
	Rejected = "rejected"
	Queued   = "queued"
	Unknown  = "unknown"
)

// Culprit is the rule, the policy or the part of the kernel that had the last word.
type Culprit struct {
	Backend model.Backend `json:"backend"`
	Family  model.Family  `json:"family"`
	Table   string        `json:"table"`
	Chain   string        `json:"chain"`
	Kind    string        `json:"kind"` // rule, policy, kernel; unknown for netfilter where no rule told
	Rule    int           `json:"rule"`
	Text    string        `json:"text"`
	// Reason is the kernel's word for a drop (package drop), Station where on its way the
	// packet was then, and Location the kernel's function; "" where a rule decided.
	Reason   string `json:"reason,omitempty"`
	Station  string `json:"station,omitempty"`
	Location string `json:"location,omitempty"`
}

// NAT is what address translation did to the packet: before, after.
type NAT struct {
	Class []string `json:"class"`
	Src   []string `json:"src,omitempty"`
	Dst   []string `json:"dst,omitempty"`
}

// The ways a packet takes.
const (
	PathInput   = "input"
	PathForward = "forward"
	PathOutput  = "output"
	PathUnknown = "unknown"
)

// How a journey's conntrack entry was found: the kernel named it (from linux 6.16 on, in
// nftrace events), or an entry has the packet's tuple.
const (
	FlowByID    = "id"
	FlowByTuple = "tuple"
)

// The directions of a connection.
const (
	Original = "original"
	Reply    = "reply"
)

// Journey is one packet's way through netfilter.
type Journey struct {
	ID     string    `json:"id"`
	Number int       `json:"number"` // counts up within a session, from 1
	Start  time.Time `json:"start"`
	// Late is how long before Start, when the trace was read, the packet may have come.
	Late   time.Duration `json:"-"`
	Origin string        `json:"origin"` // trace, sim
	Family model.Family  `json:"family"`
	In     string        `json:"in"`
	Out    string        `json:"out"`
	Path   string        `json:"path"`
	// Packet is the packet as it was first seen.
	Packet  model.Packet `json:"packet"`
	Steps   []Step       `json:"steps"`
	Outcome Outcome      `json:"outcome"`
	NAT     *NAT         `json:"nat,omitempty"`
	// Flow is the conntrack ID, 0 where none is known. FlowBy says how it is known.
	Flow    uint32 `json:"flow"`
	FlowBy  string `json:"flow_by,omitempty"` // FlowByID, FlowByTuple
	CTState string `json:"ct_state,omitempty"`
	// Direction is the packet's in its connection, "" where that is not known.
	Direction string `json:"direction,omitempty"` // Original, Reply
	// Answers is the number of the newest journey of the other direction that was seen
	// before this one, in the same connection; 0 where there is none.
	Answers int `json:"answers,omitempty"`
	// KnownBy names the tables of nfscope that traced the packet for its connection, not
	// for its headers.
	KnownBy []string `json:"-"`
	// Half is the number of the packet's other half, where this host sends to itself over
	// loopback: it is sent as one journey, and comes in as another. 0 where there is none,
	// or where several look the same.
	Half int `json:"half,omitempty"`
	// Netns is the namespace's name, "" for the one that is looked at. Came is the number of
	// the same packet as it was sent there, from another namespace or over loopback; both are
	// known where programs follow packets.
	Netns string `json:"netns,omitempty"`
	Came  int    `json:"came,omitempty"`
	// CopyOf is the number of the packet that a rule (TEE, nft's dup) made this one of; 0
	// where it is none.
	CopyOf int `json:"copy_of,omitempty"`
	// Fragment counts the fragments of a datagram as they came, from 1; 0 where the packet
	// is none, or which datagram's is not known. FragmentOf is the number of the one that
	// came first, itself for that one.
	Fragment   int  `json:"fragment,omitempty"`
	FragmentOf int  `json:"fragment_of,omitempty"`
	Complete   bool `json:"complete"`
	// Why says what makes the journey incomplete.
	Why  string `json:"why,omitempty"`
	Gaps uint64 `json:"gaps"`
	// Rules are those in force when it began, nil where none were known.
	Rules Rules `json:"-"`
	// RulesGone is true where they were let go, because newer ones came.
	RulesGone bool `json:"-"`
	// Owner is who sent the packet, Link the Ethernet header that it came with; nil where
	// no event told.
	Owner *Owner `json:"-"`
	Link  *Link  `json:"-"`
	// Track is what is known of its place in conntrack.
	Track Track `json:"-"`
	// Traced is true where the trace was on before the base chain of its first step: nfscope's
	// own chain was met before. Else a rule of that chain may have switched it on.
	Traced bool `json:"-"`
	// Drop is what the kernel told when it dropped the packet; nil where a rule did, or
	// where it was not told.
	Drop *drop.Drop `json:"-"`
	// Sole is true where a drop by netfilter in the hook of the last step, whose verdict was not
	// told, can only be that step's.
	Sole bool `json:"-"`
	// Devices are those of the hooks behind which it is sent.
	Devices Devices `json:"-"`
	// Orders are what its way proves of chains at one priority.
	Orders []Order `json:"-"`
	// Closed is true once no more steps are expected.
	Closed bool `json:"-"`
	// MissesLeftOut counts the rules that were looked at and did not match, and that are not
	// among the steps because there are too many (see package miss).
	MissesLeftOut int      `json:"misses_left_out,omitempty"`
	Assumptions   []string `json:"assumptions"`
	Possible      []string `json:"possible,omitempty"`
}

// name gives the journey its number.
func (j *Journey) name(number int) { j.ID, j.Number = "t"+strconv.Itoa(number), number }

// Devices are the devices that netfilter had at the hooks of packets that are sent, as
// events told.
type Devices struct {
	// Output is the device that output had to send it by, "" where no event told. A rule
	// or address translation there may have routed it anew; the hook keeps the device.
	Output string
	// Came is the device it came in by as postrouting had it (linux 5.7), "" for none.
	// Told is true where an event of postrouting told that.
	Came string
	Told bool
}

// MarshalJSON adds the schema; lists are never null, and where no chain had the last word
// its family is the packet's.
func (j *Journey) MarshalJSON() ([]byte, error) {
	type plain Journey
	p := plain(*j)
	if p.Steps == nil {
		p.Steps = []Step{}
	}
	if p.Assumptions == nil {
		p.Assumptions = []string{}
	}
	if by := &p.Outcome.By; by.Family == model.FamilyUnspec {
		by.Family = p.Family // no chain has one to say
	}
	return json.Marshal(struct {
		Schema string       `json:"schema"`
		ID     string       `json:"id"`
		Start  model.Moment `json:"start"`
		*plain
	}{Schema, p.ID, model.Moment{Time: p.Start}, &p})
}

// MarshalJSON writes a step of a Journey.
func (s Step) MarshalJSON() ([]byte, error) {
	type plain Step
	return json.Marshal(struct {
		plain
		Time model.Moment `json:"time"`
	}{plain(s), model.Moment{Time: s.Time}})
}

// UnmarshalJSON reads a step of a Journey; which rule of which ruleset it was is not said.
func (s *Step) UnmarshalJSON(b []byte) error {
	type plain Step
	if err := json.Unmarshal(b, (*plain)(s)); err != nil {
		return err
	}
	s.RuleID = -1
	return nil
}

// MarshalJSON writes the class as a list, never null.
func (n NAT) MarshalJSON() ([]byte, error) {
	type plain NAT
	if n.Class == nil {
		n.Class = []string{}
	}
	return json.Marshal(plain(n))
}
