// Package nflog reads an NFLOG group: the legacy TRACE of iptables, whose events the
// kernel writes to group 0, and whatever else rules of the user log there. What the
// events mean is for model/journey to say; docs/trace-events.md lists their forms
// and traps.
package nflog

import (
	"bytes"
	"errors"
	"fmt"
	"time"

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

// Decoder turns messages into trace events and Messages. It keeps the prefixes that it has
// seen, so that an event costs no string; it is not safe for use by several goroutines.
type Decoder struct {
	// Names may be nil: then an interface is shown as if12.
	Names Interfaces
	// Unknown counts attributes of a newer kernel, which are left out.
	Unknown uint64

	prefixes map[string]known
	owner    *journey.Owner // of the event before: most often it is the same
}

// known is what a prefix says; trace is false where it is no TRACE prefix.
type known struct {
	text  string
	trace bool
	Prefix
}

// maxPrefixes bounds those a Decoder keeps: rules have fewer, only garbage has more.
const maxPrefixes = 1 << 14

// Decode decodes one message's payload, from the nfgenmsg on, all but Time and Seq. A
// message cut short is an error that says where.
func (d *Decoder) Decode(payload []byte) (Message, error) {
	var r raw
	if err := d.attributes(&r, payload); err != nil {
		return Message{}, err
	}
	return d.message(&r), nil
}

// message is all there is to say of a message. It shares no memory with it.
func (d *Decoder) message(r *raw) Message {
	m := Message{
		Hook: hook(r), Stamp: r.stamp, Prefix: d.prefix(r.prefix).text, Mark: r.word[attrMark], // left out where it is 0
		In: d.name(r.word[attrInDev]), Out: d.name(r.word[attrOutDev]),
		PhysIn: d.name(r.word[attrPhysInDev]), PhysOut: d.name(r.word[attrPhysOutDev]),
		Payload: bytes.Clone(r.payload), Family: family(r),
	}
	if r.has(attrUID) {
		uid := r.word[attrUID]
		m.UID = &uid
	}
	if r.has(attrGID) {
		gid := r.word[attrGID]
		m.GID = &gid
	}
	if m.Family == model.FamilyUnspec {
		return m
	}
	if p, err := model.DecodePacket(m.Family, r.payload, nil); err == nil {
		p.Mark = m.Mark
		m.Packet = &p
	}
	return m
}

// event adds the trace event that a message is to a batch that is not full, all but Time
// and Seq. It is false for any other message of the group: the rules of a user may log
// there too.
func (d *Decoder) event(r *raw, b *journey.Batch) bool {
	p := d.prefix(r.prefix)
	f := family(r)
	if !p.trace || f == model.FamilyUnspec {
		return false
	}
	e := b.Next()
	e.Source, e.Stamp, e.Family, e.Hook = journey.SourceLegacy, r.stamp, f, hook(r)
	e.Table, e.Chain, e.Kind, e.Num = p.Table, p.Chain, p.Kind, p.Num
	e.In, e.Out = d.name(r.word[attrInDev]), d.name(r.word[attrOutDev])
	e.PhysIn, e.PhysOut = d.name(r.word[attrPhysInDev]), d.name(r.word[attrPhysOutDev])
	e.Mark, e.HasMark = r.word[attrMark], true
	if r.has(attrUID) && r.has(attrGID) {
		if o := (journey.Owner{UID: r.word[attrUID], GID: r.word[attrGID]}); d.owner == nil || *d.owner != o {
			d.owner = &o
		}
		e.Owner = d.owner
	}
	if q, err := model.DecodePacket(f, r.payload, nil); err == nil {
		q.Mark = e.Mark
		*b.Packet() = q
	}
	return true
}

// hook is where the packet was logged. Each family counts its hooks in its own way
// (linux/netfilter.h, netfilter_arp.h, netfilter_netdev.h).
func hook(r *raw) model.Hook {
	switch model.Family(r.family) {
	case model.FamilyNetdev:
		return model.HookFromNetdev(r.hook)
	case model.FamilyARP:
		return [...]model.Hook{model.HookInput, model.HookOutput, model.HookForward}[min(r.hook, 2)]
	}
	if r.hook == inetIngress {
		return model.HookIngress
	}
	return model.HookFromKernel(r.hook)
}

// family tells the packet's family: the EtherType names it, and the header has to
// agree. A packet made here may have no EtherType yet.
func family(r *raw) model.Family {
	version := byte(0)
	if len(r.payload) > 0 {
		version = r.payload[0] >> 4
	}
	switch {
	case r.ether == etherIPv4 || r.ether == 0 && version == 4:
		return model.FamilyIPv4
	case r.ether == etherIPv6 || r.ether == 0 && version == 6:
		return model.FamilyIPv6
	}
	return model.FamilyUnspec
}

func (d *Decoder) name(index uint32) string {
	switch {
	case index == 0:
		return ""
	case d.Names == nil:
		return fmt.Sprintf("if%d", index)
	}
	return d.Names.Name(index)
}

// prefix reads a prefix, each only once.
func (d *Decoder) prefix(b []byte) known {
	if k, ok := d.prefixes[string(b)]; ok {
		return k
	}
	if d.prefixes == nil || len(d.prefixes) >= maxPrefixes {
		d.prefixes = map[string]known{}
	}
	k := known{text: string(b)}
	if p, err := ParsePrefix(k.text); err == nil {
		k.Prefix, k.trace = p, true
	}
	d.prefixes[k.text] = k
	return k
}
