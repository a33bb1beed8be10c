// Package why answers one question about one flow: what becomes of it here, and who is to
// blame. It judges what was seen (packets traced through the rules, packets that the
// kernel threw away, counters that rose) and says it in one sentence with its evidence.
//
// The rules of judgement:
//
//   - A packet is one sight. The trace and the kernel's own account of a drop are joined
//     where they agree about headers, time and who dropped (same).
//   - A packet that a rule or a policy dropped is dropped by that rule. The kernel calls it
//     NETFILTER_DROP then, which is the same drop and no second cause; another reason is of
//     another packet.
//   - A packet that went through all rules, or that no rule dropped, is dropped by the
//     kernel where the kernel says so of it, for the kernel's reason.
//   - A drop in another namespace, of another flow or from before is never taken; neither
//     is what the kernel does to every healthy flow (drop.Usual), nor what befalls an ICMP
//     error or a reset that answers the flow. But who keeps from the client the ICMP error
//     that is its only answer, or that asks for smaller packets, is to blame (silenced).
//   - Of packets that rules dropped the one whose trace is whole names the rule: it may have
//     been made while it was looked (exact).
//   - The request counts before the reply, a drop before all else. A request that came
//     through and was answered is a flow of which nothing is wrong; one that goes on after
//     a loss that was made good works, and the loss is told (bearable).
//   - A counter of /proc names no flow: it makes a cause likely, never certain, and only
//     where a packet of the flow is gone and no rule dropped it.
//   - What was lost lowers what depends on having seen everything: that nothing came, that
//     no reply came. What was seen stays seen.
//   - That a TCP connection opens does not mean that it works. What is sent on it must be
//     acknowledged, and what is asked answered; where that did not come, or may not have been
//     seen, it works as far as is known (Fine).
package why

import (
	"net/netip"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/journey"
)

// Kind is the kind of an answer.
type Kind string

// The kinds.
const (
	// Rule and Policy dropped or rejected a packet.
	Rule   Kind = "rule"
	Policy Kind = "policy"
	// Netfilter dropped it, and which rule is not known.
	Netfilter Kind = "netfilter"
	// Queue handed it to user space, where nobody was.
	Queue Kind = "queue"
	// Conntrack had no room for its connection, or could not take it.
	Conntrack Kind = "conntrack"
	// Kernel dropped it, and no rule did.
	Kernel Kind = "kernel"
	// Backlog is a listening socket whose queue is full.
	Backlog Kind = "backlog"
	// NoReply came to a request that was delivered or sent on.
	NoReply Kind = "no-reply"
	// Stalled is a connection that was answered, and of which one end is not heard any more.
	Stalled Kind = "stalled"
	// Refused is a request that was answered by a reset or an ICMP error, or a connection that a
	// reset ended before an answer.
	Refused Kind = "refused"
	// Works is a request that was answered.
	Works Kind = "works"
	// Lossy works too, though some of its packets are dropped here.
	Lossy Kind = "lossy"
	// Nothing of the flow was seen.
	Nothing Kind = "nothing"
	// Unknown is where the packets ended.
	Unknown Kind = "unknown"
)

// Confidence is how sure an answer is.
type Confidence string

// The confidences.
const (
	Certain Confidence = "certain"
	Likely  Confidence = "likely"
	Open    Confidence = "unknown"
)

// Side is a direction of a flow.
type Side string

// The sides: what the client sends, and what comes back.
const (
	Request Side = "request"
	Reply   Side = "reply"
)

// Seen is what was seen of a flow, and how it was looked for.
type Seen struct {
	Filter *filter.Filter
	// Began is when the looking began; packets from before do not count.
	Began time.Time
	// Looked is how long it has lasted, Over whether it is at its end.
	Looked time.Duration
	Over   bool
	// Ended is when the trace was told to end, zero before: what is dropped later was not traced.
	Ended time.Time
	// Journeys are packets that the trace showed, oldest first.
	Journeys []*journey.Journey
	// Drops are those of the kernel that may be of the flow, and counters that rose, in the
	// order of their time.
	Drops []*drop.Drop
	// Asked are questions and answers of ARP and neighbour discovery that netfilter dropped, whosever,
	// each once; Unkept counts what there was no room for.
	Asked  []*drop.Drop
	Unkept uint64
	// Local are this host's addresses with their networks, nil where they are not known.
	Local []netip.Prefix
	// Flows are conntrack's entries that the filter matches, a few of them.
	Flows []*flow.Flow
	// Routes are the namespace's, nil where they are not known.
	Routes *model.Routes
	// Watch tells how drops are found out.
	Watch drop.Watch
	// Lost counts events that did not reach us, Held packets that the rate of the trace held
	// back, Gaps losses of unknown size.
	Lost, Held, Gaps uint64
	// Notes say what the trace could not see.
	Notes []string
	// Mirrored says that what comes back is traced by its addresses and ports alone, as -j TRACE
	// does: of what is translated the replies are not.
	Mirrored bool
	// Place names the namespace, "" for the one we run in.
	Place string
	// Probe is the packet that was sent from here, nil where none was.
	Probe *Probe
	// Socket is the one that a delivered request was for, nil where it is not known; NoSocket is
	// true where all were asked for and none is there.
	Socket   *Socket
	NoSocket bool
	// NoEcho is the sysctl that keeps this host from answering an echo; "" where none does, or nobody
	// asked.
	NoEcho string
	// Hop is the neighbour that a packet was sent on to, by the way out HopOf; nil where nobody
	// asked.
	Hop   *drop.Neighbour
	HopOf Hop
	// Suspects may have dropped a packet that was not traced, Untraced; nil where nobody asked.
	Suspects *Suspects
	Untraced *drop.Drop
	// Bridge may pass on packets of the filter that are not traced, as no hook of IP sees them; ""
	// where there is none, or nobody asked.
	Bridge string
	// XDP is an interface whose XDP program has packets before anybody is told of them; "" where none
	// is, or nobody asked.
	XDP string
	// Simulated is a packet of the filter taken through the rules, nil where that could not
	// be done, or was not needed.
	Simulated *journey.Journey
}

// Probe is a packet of our own.
type Probe struct {
	// What it was: "TCP SYN to 10.2.0.2:80".
	What string `json:"what"`
	// Result is what the sender saw: "connected", "connection refused"; "" while it waits.
	Result string `json:"result"`
	// Refused says that its socket was told of an error: a reset or an ICMP error that came
	// back, or this host's own refusal to send. Unsent is true for the last.
	Refused bool `json:"refused"`
	Unsent  bool `json:"unsent,omitempty"`
}

// Socket is a socket of this host that waits for requests.
type Socket struct {
	Proto model.Proto
	// At is its address and port.
	At string
	// Waiting and Most are, of TCP, the connections that wait to be accepted and how many
	// may, -1 where that is not known; of UDP Waiting is the bytes that nobody has read.
	Waiting, Most int
}

// Full reports whether surely no more connections may wait: the kernel drops what is beyond
// one more than the backlog (sk_acceptq_is_full).
func (s *Socket) Full() bool { return s.Proto == model.ProtoTCP && s.Most >= 0 && s.Waiting > s.Most }

// Counts tell what became of the packets of one side.
type Counts struct {
	Seen      int `json:"seen"`
	Dropped   int `json:"dropped"`
	Delivered int `json:"delivered"`
	// Again counts those that had been sent before.
	Again int `json:"again,omitempty"`
}

// Answer says what becomes of a flow.
type Answer struct {
	Kind Kind
	// Side is the direction that the kind is about.
	Side Side
	// Sentence is the whole answer in one.
	Sentence string
	// Confidence is how sure that is, Because why.
	Confidence Confidence
	Because    string
	// Flow names the flow: "tcp 10.0.0.1 > 10.0.0.2:80"; "" where none was seen.
	Flow string
	// By is the rule or policy, zero where none is to blame; Reason the kernel's word.
	By     journey.Culprit
	Reason string
	// Evidence are sentences that the answer rests on, Do what to look at or change.
	Evidence []string
	Do       string
	// Requests and Replies count the packets of the flow.
	Requests, Replies Counts
	// Journeys and Drops are those the answer rests on, the one that decides first.
	Journeys []*journey.Journey
	Drops    []*drop.Drop
	Flows    []*flow.Flow
	// Simulated is a packet that was only reckoned.
	Simulated *journey.Journey
	// Untraced is the drop of which no rule is known, nil where there is none.
	Untraced *drop.Drop
	// open is true where a connection that works may yet stall; idle where it works as far as was
	// seen, and something did not come that may have been due.
	open, idle bool
	// unheard is true where replies cannot be traced.
	unheard bool
	// Asks is the request whose socket here would tell more, nil where none would.
	Asks *Call
	// Hop is where the request was sent that no reply came to, what was not acknowledged, or the
	// last reply; nil where it was for this host: a packet that waits for a neighbour is not delivered.
	Hop *Hop
}

// Hop is a packet's way out: its destination behind all NAT, and the interface.
type Hop struct {
	To  netip.Addr
	Out string
}

// Call is a request as it came to a socket of this host: behind all NAT, by an interface.
type Call struct {
	Proto    model.Proto
	From, To netip.AddrPort
	In       string
}

// Dropped reports whether packets of the flow are lost here.
func (a *Answer) Dropped() bool {
	switch a.Kind {
	case Rule, Policy, Netfilter, Queue, Conntrack, Kernel, Backlog:
		return true
	}
	return false
}

// Fine reports whether the flow works, and nothing of it is missing.
func (a *Answer) Fine() bool { return a.Kind == Works && !a.idle }

// Settled reports whether more of the flow would not change the answer.
func (a *Answer) Settled() bool {
	return a.Confidence == Certain && (a.Dropped() || a.Kind == Works && !a.open || a.Kind == Lossy || a.Kind == Refused)
}

// Mixed reports whether packets are lost beside others that came through, so that the loss
// may still be made good.
func (a *Answer) Mixed() bool {
	return a.Dropped() && a.Requests.Delivered > 0 && (a.Replies.Delivered > 0 || a.unheard)
}

// Shown are the packets whose way says most: the one that decides, and the first of the
// other direction.
func (a *Answer) Shown() (out []*journey.Journey) {
	for i, j := range a.Journeys {
		if i == 0 || len(out) == 1 && j.Packet.Src != a.Journeys[0].Packet.Src {
			out = append(out, j)
		}
	}
	return out
}
