package lab

import "time"

// Step is one thing a lab does: traffic from one host, what its sender must see and
// what must happen to its first packet in the observed host.
type Step struct {
	Name  string `yaml:"name"`
	Title Text   `yaml:"title"`
	// Asks is the question before the packet leaves, Says what the step teaches.
	Asks Text   `yaml:"asks"`
	Says Text   `yaml:"says"`
	From string `yaml:"from"`
	// Source is the address to send from, "" for the kernel's choice.
	Source string `yaml:"source"`
	// Sources are addresses that the attempts send from in turn.
	Sources []string `yaml:"sources"`
	// SPort is the port to send from, 0 for the kernel's choice; not for ping.
	SPort uint16 `yaml:"sport"`
	// Do is tcp (connect, one line, one answer), udp (one datagram, one answer), ping,
	// http, or dns (ask the resolver at To for Ask).
	Do string `yaml:"do"`
	// To is address:port, or an address for ping.
	To string `yaml:"to"`
	// Send is the line that tcp and udp send, "" for a greeting.
	Send string `yaml:"send"`
	// Ask is the name that dns asks for.
	Ask string `yaml:"ask"`
	// Timeout is how long one attempt waits from when it was sent. 0 is 300 ms, less than the second after which TCP
	// sends its SYN again, and 5 s where the step states that something comes back: a busy
	// machine has the time to. TimeoutText is what the file says.
	Timeout     time.Duration `yaml:"-"`
	TimeoutText string        `yaml:"timeout"`
	// Count is the number of attempts, one after the other; 1 if it is 0.
	Count int `yaml:"count"`
	// Result is the word that the sender must end with.
	Result Word `yaml:"result"`
	// Answer is what the answer must begin with.
	Answer string `yaml:"answer"`
	// Shares state how many of the answers came from whom.
	Shares []Share `yaml:"shares"`
	Expect *Expect `yaml:"expect"`
}

// Share states how many of a step's attempts were answered by one end.
type Share struct {
	// Answer is what its answers begin with.
	Answer string `yaml:"answer"`
	// Of is its part of all attempts, from 0 to 1; Within is how far off it may be.
	Of     float64 `yaml:"of"`
	Within float64 `yaml:"within"`
}

// Expect states what the trace and conntrack of the observed host must show of a
// step's first packet. What is left out is not looked at.
type Expect struct {
	// Outcome is journey's word: accepted, dropped, rejected.
	Outcome string   `yaml:"outcome"`
	By      *Culprit `yaml:"by"`
	// Hits are rules that the packet met, in order, as "table/chain number"; others
	// may come between.
	Hits []string `yaml:"hits"`
	// Never are tables, or "table/chain", or rules of the host in which it must not have had
	// a hit.
	Never []string `yaml:"never"`
	// Misses are rules that were looked at and did not match, with the reason.
	Misses []Miss `yaml:"misses"`
	// Unseen states that netfilter never saw the packet.
	Unseen bool `yaml:"unseen"`
	// Path is journey's word: input, forward, output.
	Path string `yaml:"path"`
	// State is conntrack's word for the packet, as rules ask for it: NEW, ESTABLISHED,
	// RELATED, INVALID, UNTRACKED. It is looked at where the trace tells it.
	State    string      `yaml:"state"`
	Sentence string      `yaml:"sentence"`
	Flow     *ExpectFlow `yaml:"flow"`
	// Drop is what the kernel says that it threw the packet away for. It is looked at where
	// the kernel lets us see each drop (eBPF).
	Drop *ExpectDrop `yaml:"drop"`
}

// ExpectDrop states a drop with the kernel's reason.
type ExpectDrop struct {
	// Reason is the kernel's word, as IP_RPFILTER.
	Reason string `yaml:"reason"`
	// Station is where the packet was, in package drop's word, "" for anywhere.
	Station string `yaml:"at"`
}

// Miss states a rule that did not match.
type Miss struct {
	// At is "table/chain number".
	At string `yaml:"at"`
	// Because is a part of one of its reasons, as "dport 81 is not 20:30"; "" asks for none.
	Because string `yaml:"because"`
}

// Culprit is the rule or policy that had the last word.
type Culprit struct {
	Backend string `yaml:"backend"`
	Family  string `yaml:"family"`
	Table   string `yaml:"table"`
	Chain   string `yaml:"chain"`
	Kind    string `yaml:"kind"` // rule, policy, kernel
	Rule    int    `yaml:"rule"`
	// Reason is the kernel's, where Kind is kernel.
	Reason string `yaml:"reason"`
}

// ExpectFlow is what the conntrack entry of the step's first packet must be.
type ExpectFlow struct {
	// None states that there is no entry.
	None bool `yaml:"none"`
	// Class holds classes that must be among the flow's.
	Class []string `yaml:"class"`
	// Reply is the tuple that the answers come with.
	Reply Ends `yaml:"reply"`
	// Port says of the sender's port whether NAT kept it: kept, or rewritten.
	Port string `yaml:"port"`
}

// Ends are the two ends of a tuple, each an address with or without port, or "".
type Ends struct {
	Src string `yaml:"src"`
	Dst string `yaml:"dst"`
}

// Counter states a counter of the observed host.
type Counter struct {
	// At is "table/chain number" or "table/chain policy".
	At string `yaml:"at"`
	// Family is ip6 for a table of IPv6; "" is any other.
	Family string `yaml:"family"`
	// Packets is the exact number; where it is absent Least is the smallest.
	Packets *uint64 `yaml:"packets"`
	Least   uint64  `yaml:"least"`
}

// Kernel states a counter of the kernel, by how much it rose while the steps ran once.
type Kernel struct {
	// Host is the host it is of, "" for the observed one.
	Host string `yaml:"host"`
	// Counter is a name that Counted gives, such as conntrack.insert_failed,
	// TcpExt.IPReversePathFilter or queue.50; queue.50-58 is the sum of those.
	Counter string `yaml:"counter"`
	// Packets is the exact number; where it is absent Least is the smallest.
	Packets *uint64 `yaml:"packets"`
	Least   uint64  `yaml:"least"`
}

// Pool states how many ports of an address NAT has given away when the steps are over.
type Pool struct {
	Address string `yaml:"address"`
	// Ports is a range such as 40000-40003; Used of them are taken.
	Ports string `yaml:"ports"`
	Used  int    `yaml:"used"`
}

// wait is the step's timeout with its default.
func (s *Step) wait() time.Duration {
	if s.Timeout > 0 {
		return s.Timeout
	}
	switch s.Result {
	case Connected, Answered, Refused, Unreachable:
		return 5 * time.Second
	}
	return 300 * time.Millisecond
}
