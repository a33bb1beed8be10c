// Package drop is what the kernel threw away: packets with the reason the kernel gave,
// the place where it happened, and what both mean in plain words.
package drop

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"nfscope/model"
)

// Step is how drops are found out, each seeing less than the one before.
type Step string

// The steps.
const (
	// StepBPF sees each packet with its headers, its namespace and its connection.
	StepBPF Step = "bpf"
	// StepPerf sees reason and place, of the whole host, and no packet.
	StepPerf Step = "perf"
	// StepProc sees the kernel's counters alone.
	StepProc Step = "proc"
)

// Drop is a packet that the kernel threw away, or several of them.
type Drop struct {
	Time time.Time
	// Source is the step that told of it.
	Source Step
	// Reason is the kernel's word without SKB_DROP_REASON_: "IP_RPFILTER". From StepProc it
	// is the name of the counter that rose: "TcpExtListenOverflows".
	Reason string
	// Place is the kernel's function that dropped it: "ip_rcv_finish_core", an address
	// where the kernel's symbols may not be read, "" where nobody knows.
	Place string
	// Callers are the functions that led there, the nearest first.
	Callers []string
	// Station is where on its way the packet was.
	Station Station
	// Hook is netfilter's hook where it was netfilter that dropped it; HookNone else, or
	// where that is not known.
	Hook model.Hook
	// Netns is the inode of the network namespace, 0 where it is not known.
	Netns uint32
	// In and Out are the interfaces, as far as the packet had them.
	In, Out string
	// Packet is what could be read of the headers; its Family is 0 where nothing could.
	Packet model.Packet
	// ARP is an ARP packet in words: "arp who-has 10.0.0.1 tell 10.0.0.2"; "" for others.
	ARP string
	// Target is whom IPv6's neighbour discovery asks for or tells of; invalid of other packets.
	Target netip.Addr
	// Length is that of the packet from the header it was last at, in bytes.
	Length int
	// Kind is for whom the link layer took it: host, broadcast, multicast, otherhost,
	// outgoing; "" where nobody knows.
	Kind string
	// SrcMAC and DstMAC are those of the Ethernet header in front, where there was one.
	SrcMAC, DstMAC string
	// Orig and Reply are the connection's tuples, zero where the packet had none.
	Orig, Reply model.Tuple
	// About is the tuple of the packet that an ICMP error is about; zero of other packets.
	About model.Tuple
	// State is the packet's in its connection, as ctstate names it: NEW, ESTABLISHED,
	// RELATED, UNTRACKED; "" where it had no connection.
	State string
	// Skb is the address of the packet's sk_buff, the kernel's own name for it as long as it
	// lives; 0 where nobody knows.
	Skb uint64
	// Zone is conntrack's zone of the connection.
	Zone uint16
	// Count is how many packets this stands for, at least 1. More than 1 are those that a
	// limit held back, or a counter's: then there is no packet.
	Count uint64
	// Facts are what this host said about it when it happened; nil where nobody asked.
	Facts *Facts
}

// Tracked reports whether the packet had a connection.
func (d *Drop) Tracked() bool { return d.Orig.Src.IsValid() }

// HasPacket reports whether headers are known.
func (d *Drop) HasPacket() bool { return d.Packet.Family != 0 && d.Packet.Src.IsValid() }

// Netfilter reports whether it was netfilter that dropped it: a rule, a policy,
// conntrack or a queue.
func (d *Drop) Netfilter() bool {
	switch d.Reason {
	case "NETFILTER_DROP":
		return true
	case "NOT_SPECIFIED": // kernels and places that give no reason
		return d.Station == StationNetfilter
	}
	return false
}

// Copy reports whether what was dropped may have been a copy that the kernel made of the
// packet, for a capture, a raw socket, several receivers or several ports, so that the packet
// itself may have gone on.
func (d *Drop) Copy() bool {
	if d.Reason == "PACKET_SOCK_ERROR" || copies(d.Place) {
		return true
	}
	return slices.ContainsFunc(d.Callers, copies)
}

// SentIntoBridge reports whether a bridge had the packet from this host, made here or routed: its
// own output and postrouting hooks come behind those of the IP families then.
func (d *Drop) SentIntoBridge() bool { return sentByBridge(d.Callers) }

// Cause is the kernel's reason, with the place where that says more: "IP_RPFILTER",
// "NOT_SPECIFIED in ip_error".
func (d *Drop) Cause() string {
	if d.Reason == "NOT_SPECIFIED" && d.Place != "" {
		return d.Reason + " in " + d.Place
	}
	return d.Reason
}

// Where names the place in words: "prerouting (nf_hook_slow)", "routing (ip_forward)".
func (d *Drop) Where() string {
	var s []string
	switch {
	case d.Hook != model.HookNone:
		s = append(s, d.Hook.String())
	case d.Station != StationUnknown:
		s = append(s, d.Station.String())
	}
	if d.Place != "" {
		s = append(s, "("+d.Place+")")
	}
	return strings.Join(s, " ")
}

// What names the flow: the packet's ends, or the connection's where the packet has no
// ports of its own to tell; "" where no packet is known.
func (d *Drop) What() string {
	if !d.HasPacket() {
		return d.ARP
	}
	return d.Packet.String()
}

// Watch tells how drops are being found out.
type Watch struct {
	// Step is what is at work, "" while nothing is.
	Step Step
	// Lift says for each step above it why that is not, and what would make it, the
	// highest first.
	Lift []Lift
	// Netns is the inode of the namespace that is watched.
	Netns uint32
	// Told counts drops that were told, Held those that the limit held back and Lost those
	// that found no room. eBPF counts both by reason and place; Merged is how many of these
	// are not even that: its map was full. Of what perf's rings lost nothing is counted.
	Told, Held, Lost, Merged uint64
	// Homeless counts drops in the whole host whose namespace could not be told. Missed counts how
	// often the kernel freed something as dropped and did not run the program for it: an interrupt
	// came while it told of another, or on some kernels whatever it was doing. It is of the whole
	// host too, and of more than packets: the kernel frees messages of netlink and Unix sockets by
	// the same call, and nobody knows which it was.
	Homeless, Missed uint64
}

// Untold counts the drops that are known by reason and place alone.
func (w Watch) Untold() uint64 { return w.Held + w.Lost - min(w.Merged, w.Held+w.Lost) }

// Since is what was counted since then.
func (w Watch) Since(then Watch) Watch {
	for _, n := range []struct {
		now  *uint64
		then uint64
	}{{&w.Told, then.Told}, {&w.Held, then.Held}, {&w.Lost, then.Lost}, {&w.Merged, then.Merged}, {&w.Homeless, then.Homeless}, {&w.Missed, then.Missed}} {
		*n.now -= min(*n.now, n.then)
	}
	return w
}

// Lift is a step that is not at work.
type Lift struct {
	Step Step
	// Why is what the kernel said, Fix what would lift it, "" where nothing would.
	Why, Fix string
}

// Words say what a step sees.
func (s Step) Words() string {
	switch s {
	case StepBPF:
		return "each packet with its reason, by eBPF"
	case StepPerf:
		return "reasons and places of the whole host, by perf, without packets"
	case StepProc:
		return "the kernel's counters alone"
	}
	return "nothing"
}
