package snapshot

import (
	"net/netip"
	"strconv"
	"strings"

	"nfscope/model"
)

// Lab is the running lab.
type Lab struct {
	Name, Title string
	// Lang is the language of the lesson and of the sentences around it, "en" or "zh".
	Lang string
	// Lesson is Markdown.
	Lesson string
	Net    LabNet
	// Steps are the lab's traffic steps; Current is the index of the one under way,
	// len(Steps) when all are done.
	Steps   []LabStep
	Current int
	// Queues are the queues of NFQUEUE that a program reads, Counts what the kernel counted
	// since the first step, Pools the ranges of ports that the lab fills up.
	Queues []LabQueue `json:",omitempty"`
	Counts []LabCount `json:",omitempty"`
	Pools  []LabPool  `json:",omitempty"`
	// Round counts how often the steps began again.
	Round int `json:"-"`
}

// LabNet is the network that a lab is made of.
type LabNet struct {
	// Observed is the host whose netfilter is watched.
	Observed string
	Hosts    []LabHost
	Links    []LabLink
}

// LabHost is one host.
type LabHost struct {
	Name string
	// Devices are those that are no end of a link: lo with addresses of its own, bridges,
	// VLANs.
	Devices []LabDevice
	// Services are what listens there, as "web tcp 80".
	Services []LabService
}

// LabDevice is a device with its addresses.
type LabDevice struct {
	Dev       string
	Addresses []string // as prefixes
}

// LabService is a program that answers.
type LabService struct {
	Name, Do string
	Port     uint16
}

// LabLink is a cable between two hosts.
type LabLink struct{ Ends [2]LabEnd }

// LabEnd is one end of a cable.
type LabEnd struct {
	Host, Dev string
	Addresses []string // as prefixes
	// Bridge is the bridge of the host that the device is a port of, "" for none.
	Bridge string
}

// LabStep is one thing a lab does.
type LabStep struct {
	Title string
	// From is the host that sends, Do what (tcp, udp, http, ping, dns), To where: an
	// address, with a port where there is one. Count is how often.
	From, Do, To string
	Count        int
	// Asks is the question before it: what will happen?
	Asks string
	// Says is what the step teaches, known after it ran.
	Says string
	// Result is what the traffic's sender saw: "connected", "timed out"; "" before it ran.
	Result string
	// After is the number of the newest journey when the step began, 0 for none: the step's
	// own are those behind it. -1 where the step has not begun.
	After int `json:"-"`
}

// Reached reports whether something answered that was there: the packets arrived.
func (s *LabStep) Reached() bool {
	for _, w := range []string{"connected", "answered", "refused"} {
		if strings.Contains(s.Result, w) {
			return true
		}
	}
	return false
}

// Answered reports whether what the packets were sent to answered: nothing on the way did
// in its place, as a rule with REJECT may.
func (s *LabStep) Answered() bool {
	return strings.Contains(s.Result, "connected") || strings.Contains(s.Result, "answered")
}

// LabQueue is a queue of NFQUEUE.
type LabQueue struct {
	Host   string
	Number int
	// Given are the packets that the program got since the first step, Waiting those that it
	// has not decided yet. Full counts what was dropped because the queue was full, Deaf
	// because the program's socket was.
	Given, Waiting, Full, Deaf uint64
}

// LabCount is one of the kernel's counters: by how much it rose.
type LabCount struct {
	Host, Name string
	Rose       uint64
}

// LabPool is a range of ports of an address that NAT gives away.
type LabPool struct{ Address, Ports string }

// Used counts which of the pool's ports connections have, of how many.
func (p *LabPool) Used(replies []model.Tuple) (used, of int) {
	a, b, more := strings.Cut(p.Ports, "-")
	if !more {
		b = a
	}
	from, err1 := strconv.Atoi(a)
	to, err2 := strconv.Atoi(b)
	addr, err3 := netip.ParseAddr(p.Address)
	if err1 != nil || err2 != nil || err3 != nil || to < from {
		return 0, 0
	}
	taken := map[uint16]bool{}
	for _, t := range replies {
		if t.Dst == addr && int(t.DPort) >= from && int(t.DPort) <= to {
			taken[t.DPort] = true
		}
	}
	return len(taken), to - from + 1
}

// Host finds the host that an address belongs to; "" where there is none.
func (n *LabNet) Host(a netip.Addr) string {
	for i := range n.Hosts {
		for _, d := range n.Hosts[i].Devices {
			if holds(d.Addresses, a) {
				return n.Hosts[i].Name
			}
		}
	}
	for i := range n.Links {
		for _, e := range n.Links[i].Ends {
			if holds(e.Addresses, a) {
				return e.Host
			}
		}
	}
	return ""
}

func holds(prefixes []string, a netip.Addr) bool {
	for _, s := range prefixes {
		if p, err := netip.ParsePrefix(s); err == nil && p.Addr() == a.Unmap() {
			return true
		}
	}
	return false
}

// LabEntry is a lab that can be chosen.
type LabEntry struct {
	Name, Title string
	// Live says whether it can run here; Why says why not. Recorded is true where it has a
	// recording to play.
	Live, Recorded bool
	Why            string
	// Stands says of each network of it that stands who keeps it.
	Stands []string
}
