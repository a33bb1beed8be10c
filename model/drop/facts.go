package drop

import "net/netip"

// Facts are what this host said about a drop at the time: what decides of packets like
// it. What is missing was not asked for, or could not be read.
type Facts struct {
	// Sysctls by name, with dots: net.ipv4.conf.eth0.rp_filter.
	Sysctls []Sysctl
	// To is how the host would route to the destination of what came or was sent, Back how
	// it would route back to the source.
	To, Back *Route
	// Neighbour is the next hop's entry in the neighbour table.
	Neighbour *Neighbour
	// In and Out are the interfaces.
	In, Out *Link
	// Listener tells whether a socket of this host waits at the destination's port.
	Listener Listener
	// Nearby are the addresses and ports where a socket of the protocol waits, at most 8,
	// that are no answer: other addresses with this port first. One that hears a single peer
	// is "10.0.0.1:53 for 10.0.0.9:7", one that is bound to an interface "0.0.0.0:53 on eth1".
	Nearby []string
	// Deaf is why the one of them that comes nearest does not hear the packet.
	Deaf Deaf
	// Conntrack is the state of the connection table.
	Conntrack *Conntrack
	// Owner tells whose address the destination and the source are: true where one is this
	// host's own.
	OwnDst, OwnSrc bool
	// Queues are the numbers of the queues of NFQUEUE that a program reads.
	Queues []int
	// QueuesKnown says that Queues could be read.
	QueuesKnown bool
}

// Deaf is what of a socket does not fit a packet: its own address, the interface that it is bound
// to, the peer that it is connected to. Nothing is where that is not known.
type Deaf struct{ Addr, Device, Peer bool }

// Less reports whether less is amiss than with another. A socket that is connected is for its peer.
func (d Deaf) Less(other Deaf) bool {
	weight := func(d Deaf) (n int) {
		for i, amiss := range []bool{d.Addr, d.Device, d.Peer} {
			if amiss {
				n += []int{1, 1, 4}[i]
			}
		}
		return n
	}
	return weight(d) < weight(other)
}

// Sysctl is a name and what it says.
type Sysctl struct{ Name, Value string }

// Sysctl gives a value, "" where it is not known.
func (f *Facts) Sysctl(name string) string {
	if f == nil {
		return ""
	}
	for _, s := range f.Sysctls {
		if s.Name == name {
			return s.Value
		}
	}
	return ""
}

// Route is what the kernel's tables say of an address.
type Route struct {
	// Kind is unicast, local, blackhole, unreachable, prohibit, broadcast; "none" where
	// there is no route, "martian" where the address can be no such end here.
	Kind string
	// Error is the kernel's refusal in words, "" where there is a route.
	Error string
	// Text is the route as ip-route(8) would name it: "10.2.0.0/24 via 10.1.0.1 dev eth0".
	Text string
	Dev  string
	Via  netip.Addr
	Src  netip.Addr
	MTU  int
}

// Neighbour is an entry of the neighbour table.
type Neighbour struct {
	Addr netip.Addr
	Dev  string
	// State is as ip-neighbour(8) prints it: REACHABLE, FAILED, INCOMPLETE; "none" where
	// there is no entry.
	State string
	MAC   string
}

// Unresolved reports whether the neighbour was asked for and has not answered: packets to it
// wait, three of them, until it does or is given up.
func (n *Neighbour) Unresolved() bool { return n.State == "INCOMPLETE" || n.State == "FAILED" }

// Link is a network interface.
type Link struct {
	Name string
	MTU  int
	MAC  string
	Up   bool
	// Carrier says that something is plugged in at the other end.
	Carrier bool
	// Qdisc is the kind of its queue, QdiscDropped what that has thrown away so far.
	Qdisc        string
	QdiscDropped uint64
	// Master is the bridge or bond it belongs to.
	Master string
}

// Listener tells whether somebody listens.
type Listener uint8

// The answers.
const (
	ListenerUnknown Listener = iota
	ListenerNone
	ListenerThere
)

// Conntrack is the connection table and what its counters rose by since the watching
// began and lately.
type Conntrack struct {
	Count, Max int
	// Drop counts packets whose new connection the table had no room for, InsertFailed those
	// that another connection was in the way of, EarlyDrop entries that were thrown out for
	// new ones, Invalid packets that fit no connection; since the reading before the last.
	Drop, InsertFailed, EarlyDrop, Invalid uint64
}
