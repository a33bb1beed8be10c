// Package nflog reads an NFLOG group: the legacy TRACE of iptables, whose events the
// kernel writes to group 0, and whatever else rules of the user log there. What the
// events mean is for model/journey to say; docs/trace-events.md lists their forms
// and traps.
package nflog

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/florianl/go-nflog/v2"

	"nfscope/model"
	"nfscope/model/journey"
)

// Interfaces names an interface by its index.
type Interfaces interface{ Name(index uint32) string }

// Message is one message of an NFLOG group.
type Message struct {
	// Time is when we read it, Stamp when the packet was received; Stamp is zero where
	// the kernel gave none: in OUTPUT and POSTROUTING always.
	Time, Stamp time.Time
	// Seq is the message's number in its group, from 0, carried on where the kernel's
	// 32 bits overflow.
	Seq uint64
	// Prefix is the kernel's or the rule's own text.
	Prefix string
	// Family is IPv4 or IPv6, FamilyUnspec where the packet is neither.
	Family model.Family
	Hook   model.Hook
	// Packet is nil where the packet is no IP, or where the group copies none.
	Packet          *model.Packet
	In, Out         string
	PhysIn, PhysOut string
	Mark            uint32
	// UID, GID are those of the process that sent the packet; nil where the kernel tells
	// none, as of packets that were received.
	UID, GID *uint32
	// Payload is the packet from its network header on, cut at the copy range.
	Payload []byte
}

// EtherTypes (IEEE 802 numbers) that the packet header of a message may name.
const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
)

// inetIngress is the hook of a device in an inet table (NF_INET_INGRESS).
const inetIngress = 5

// errNoHook says that a message has no packet header.
var errNoHook = errors.New("nflog: message without PACKET_HDR")

// Decode turns what go-nflog made of a message into a Message, all but Time and Seq.
// names may be nil: then an interface is shown as if12.
func Decode(a nflog.Attribute, names Interfaces) (Message, error) {
	if a.Hook == nil {
		return Message{}, errNoHook
	}
	m := Message{
		Hook: model.HookFromKernel(*a.Hook),
		In:   name(names, a.InDev), Out: name(names, a.OutDev),
		PhysIn: name(names, a.PhysInDev), PhysOut: name(names, a.PhysOutDev),
		UID: a.UID, GID: a.GID,
	}
	if *a.Hook == inetIngress {
		m.Hook = model.HookIngress
	}
	if a.Prefix != nil {
		m.Prefix = *a.Prefix
	}
	if a.Mark != nil { // left out where it is 0
		m.Mark = *a.Mark
	}
	if a.Timestamp != nil {
		m.Stamp = *a.Timestamp
	}
	if a.Payload != nil {
		m.Payload = *a.Payload
	}
	m.Family = family(a.HwProtocol, m.Payload)
	if m.Family == model.FamilyUnspec {
		return m, nil
	}
	if p, err := model.DecodePacket(m.Family, m.Payload, nil); err == nil {
		p.Mark = m.Mark
		m.Packet = &p
	}
	return m, nil
}

// family tells the packet's family: the EtherType names it, and the header has to
// agree. go-nflog hides the message's own family (nfgenmsg). A packet made here may
// have no EtherType yet.
func family(ether *uint16, payload []byte) model.Family {
	var said uint16
	if ether != nil {
		said = *ether
	}
	version := byte(0)
	if len(payload) > 0 {
		version = payload[0] >> 4
	}
	switch {
	case said == etherIPv4 || said == 0 && version == 4:
		return model.FamilyIPv4
	case said == etherIPv6 || said == 0 && version == 6:
		return model.FamilyIPv6
	}
	return model.FamilyUnspec
}

func name(names Interfaces, index *uint32) string {
	switch {
	case index == nil || *index == 0:
		return ""
	case names == nil:
		return fmt.Sprintf("if%d", *index)
	}
	return names.Name(*index)
}

// Event gives the trace event that the message is. ok is false for any other message
// of the group: the rules of a user may log there too.
func (m *Message) Event() (e journey.Event, ok bool) {
	if !strings.HasPrefix(m.Prefix, mark) || m.Family == model.FamilyUnspec {
		return journey.Event{}, false
	}
	p, err := ParsePrefix(m.Prefix)
	if err != nil {
		return journey.Event{}, false
	}
	var owner *journey.Owner
	if m.UID != nil && m.GID != nil {
		owner = &journey.Owner{UID: *m.UID, GID: *m.GID}
	}
	return journey.Event{
		Source: journey.SourceLegacy, Owner: owner, Time: m.Time, Seq: m.Seq, Stamp: m.Stamp,
		Family: m.Family, Table: p.Table, Chain: p.Chain, Kind: p.Kind, Num: p.Num, Hook: m.Hook,
		Packet: m.Packet, In: m.In, Out: m.Out, PhysIn: m.PhysIn, PhysOut: m.PhysOut,
		Mark: m.Mark, HasMark: true,
	}, true
}
