package fact

import (
	"math/bits"
	"strings"
)

// State is what conntrack calls a packet, or, with more than one bit, all that it may call
// it. The bits are those of NF_CT_STATE_BIT (linux/netfilter/nf_conntrack_common.h).
type State uint8

// The states.
const (
	Invalid     State = 1
	Established State = 2
	Related     State = 4
	New         State = 8
	Untracked   State = 64
	// AnyState is a state of which nothing is known.
	AnyState = New | Established | Related | Invalid | Untracked
	// WithEntry are the states of packets that have a conntrack entry.
	WithEntry = New | Established | Related
)

// stateNames are in the order in which they are told.
var stateNames = [...]struct {
	bit  State
	name string
}{{New, "NEW"}, {Established, "ESTABLISHED"}, {Related, "RELATED"}, {Invalid, "INVALID"}, {Untracked, "UNTRACKED"}}

// StateOf reads a name as iptables writes it; 0 is none.
func StateOf(name string) State {
	for _, s := range stateNames {
		if s.name == name {
			return s.bit
		}
	}
	return 0
}

// Sure reports whether the state is one.
func (s State) Sure() bool { return bits.OnesCount8(uint8(s)) == 1 }

// List gives the states that it may be, one by one.
func (s State) List() []State {
	var l []State
	for _, n := range stateNames {
		if s&n.bit != 0 {
			l = append(l, n.bit)
		}
	}
	return l
}

// String is NEW, or NEW or INVALID.
func (s State) String() string {
	var l []string
	for _, n := range stateNames {
		if s&n.bit != 0 {
			l = append(l, n.name)
		}
	}
	if n := len(l); n > 1 {
		return strings.Join(l[:n-1], ", ") + " or " + l[n-1]
	}
	return strings.Join(l, "")
}

// States is what the packet's state may be. Without a connection it is INVALID.
func (c *Connection) States() State {
	if c == nil {
		return Invalid
	}
	return c.State
}

// As is the connection where the state is s, one of those it may be: nil for INVALID.
func (c *Connection) As(s State) *Connection {
	if c == nil || s == Invalid {
		return nil
	}
	if c.State == s {
		return c
	}
	n := *c
	n.State = s
	return &n
}

// Exists says whether there is an entry: INVALID and UNTRACKED packets have none.
func (c *Connection) Exists() Answer {
	switch s := c.States(); {
	case s&WithEntry == 0:
		return No
	case s&^WithEntry == 0:
		return Yes
	}
	return Unsure
}

// Untrack takes a packet that has no connection yet out of tracking (xt_CT.c,
// nft_notrack_eval); one that has stays as it is.
func (c *Connection) Untrack() *Connection {
	if c == nil {
		return &Connection{State: Untracked}
	}
	if c.State&Invalid == 0 {
		return c
	}
	n := *c
	n.State = c.State&^Invalid | Untracked
	return &n
}
