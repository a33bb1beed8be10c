// Package fact holds what a rule's conditions are answered with: three-valued answers,
// facts that may not be known, and the reasons. It knows neither rules nor traces.
package fact

import (
	"fmt"
	"net/netip"

	"nfscope/model"
)

// Answer says whether a condition holds: in Kleene's logic, what is not known is
// Unsure and so is all that depends on it.
type Answer uint8

// The answers, ordered so that "and" is the least of them and "or" the greatest.
const (
	No Answer = iota
	Unsure
	Yes
)

// String gives no, unknown or yes, the words of nfscope/journey/1.
func (a Answer) String() string { return [...]string{"no", "unknown", "yes"}[a] }

// Not turns Yes and No around.
func (a Answer) Not() Answer { return Yes - a }

// Is is Yes or No.
func Is(b bool) Answer {
	if b {
		return Yes
	}
	return No
}

// Because is one condition held against a packet, with the fields of journey.Because,
// to which it converts.
type Because struct {
	Match  string // tcp dport
	Want   string // not 80
	Have   string // 8080; for what is not known the fact that is missing
	Result string // no, unknown, yes
}

// Held makes a Because.
func Held(match, want, have string, a Answer) Because { return Because{match, want, have, a.String()} }

// Missing begins Because.Have where a fact is not known, and is followed by its name.
const Missing = "not known: "

// Fact is something that may not be known.
type Fact[T any] struct {
	Value T
	Known bool
}

// Of makes a fact that is known.
func Of[T any](v T) Fact[T] { return Fact[T]{v, true} }

// Facts are what a rule may ask of a packet besides its headers. The zero value knows
// nothing.
type Facts struct {
	// Backend tells where the rule stands: one condition means different things.
	Backend model.Backend
	// Bare says that no packet was seen: it stands for the first one of a connection, of
	// which the protocol, the addresses and the ports are known and for TCP the flags. TTL,
	// TOS and whatever else a header has are not, and of the length how much it is at least.
	Bare bool
	// In and Out are interfaces; known and "" at the hooks that have none.
	In, Out Fact[string]
	Mark    Fact[uint32]
	// Connection is what conntrack has of the packet; known and nil where it has
	// nothing and the packet is INVALID. Its State may leave more than one open.
	Connection Fact[*Connection]
	// PacketType is unicast, broadcast or multicast, as the link layer says.
	PacketType Fact[string]
	Source     Fact[MAC]
	// User and Group own the socket that sent the packet.
	User, Group Fact[uint32]
	// InSet looks a key up in a named set of the rule's table, or in an ipset. A part of
	// the key is an address, an interface's name, a MAC address or a number in decimal. Of an
	// ipset it is "10.0.0.1 tcp:80 eth0 00:11:22:aa:bb:cc 0x5", of which the set's type takes
	// what it needs: a protocol without ports leaves out what is behind the colon, a hook
	// without the interface its name, and what is not known of the Ethernet address and the
	// mark is left out too. Where InSet is nil no set is known.
	InSet func(set string, key []string) Answer
	// Local tells whether an address is one of the host's own; nil where that is not known.
	Local func(netip.Addr) Answer
}

// Least is how many bytes a whole packet has at least: those of its headers. It goes by the
// packet's family and protocol alone.
func Least(p *model.Packet) uint64 {
	n := uint64(20)
	if p.Family == model.FamilyIPv6 {
		n = 40
	}
	switch {
	case p.Proto == model.ProtoTCP:
		n += 20
	case p.Proto == model.ProtoSCTP, p.Proto == model.ProtoDCCP:
		n += 12
	case p.Proto == model.ProtoUDP, p.Proto == model.ProtoUDPLite, p.Proto.ICMP():
		n += 8
	}
	return n
}

// Connection is a conntrack entry as rules see it.
type Connection struct {
	// State is the packet's, or all that it may be. The rest is of the entry, for the
	// states that have one.
	State State
	// Status holds EXPECTED, SEEN_REPLY, ASSURED, CONFIRMED, SNAT and DNAT.
	Status Fact[[]string]
	// NAT holds SNAT and DNAT alone, for where the rest of Status is not known.
	NAT Fact[[]string]
	// Reply is the packet's direction.
	Reply Fact[bool]
	Mark  Fact[uint32]
	// Original and Answered are the entry's two tuples.
	Original, Answered Fact[model.Tuple]
	// ID is the number that ctnetlink gives it.
	ID   Fact[uint32]
	Zone Fact[uint16]
	// Helper is the name of the helper, "" where it has none.
	Helper Fact[string]
}

// MAC is an Ethernet address.
type MAC [6]byte

// String prints 00:11:22:aa:bb:cc.
func (m MAC) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}
