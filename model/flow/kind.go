package flow

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"nfscope/model"
)

// Kind is what flows are grouped by.
type Kind uint8

// The kinds.
const (
	NoGroups   Kind = iota
	OfSource        // the client's address
	OfTarget        // the address that the client speaks to
	OfService       // that address with its protocol and port
	OfBackend       // who answers: address, protocol, port
	OfSNATAddr      // the address that the source is translated to
	OfDNATAddr      // the address that the destination is translated to
	OfProto
	OfState
	OfZone
	OfMark
	OfNATClass // what is translated
	Kinds      // how many there are
)

var kindNames = [Kinds]string{"", "source", "destination", "service", "backend", "SNAT address", "DNAT address", "protocol", "state", "zone", "mark", "NAT"}

// kindWords name the kinds where a user types them, and in JSON.
var kindWords = [Kinds]string{"", "client", "destination", "service", "backend", "nat", "dnat", "proto", "state", "zone", "mark", "class"}

// String names the kind, "" for NoGroups.
func (k Kind) String() string { return kindNames[k] }

// Word is the kind on the command line and in JSON, "" for NoGroups.
func (k Kind) Word() string { return kindWords[k] }

// KindWords lists the words of all kinds, in their order.
func KindWords() []string { return slices.Clone(kindWords[1:]) }

// ParseKind finds a kind by its word.
func ParseKind(s string) (Kind, error) {
	if i := slices.Index(kindWords[1:], s); i >= 0 {
		return Kind(i + 1), nil
	}
	return NoGroups, fmt.Errorf("%q is nothing to add connections up by: expected %s", s, strings.Join(kindWords[1:], ", "))
}

// GroupKey tells groups of one kind apart.
type GroupKey struct {
	Kind  Kind
	Proto model.Proto
	Port  uint16
	N     uint32
	Addr  netip.Addr
	Word  string
}

// Of is the group of a flow.
func (k Kind) Of(l *Look) GroupKey {
	g := GroupKey{Kind: k}
	switch k {
	case OfSource:
		g.Addr = l.Orig.Src
	case OfTarget:
		g.Addr = l.Orig.Dst
	case OfService:
		g.end(l.Orig.Proto, l.Orig.Dst, l.Orig.DPort)
	case OfBackend:
		g.end(l.Reply.Proto, l.Reply.Src, l.Reply.SPort)
	case OfSNATAddr:
		if l.Status&SrcNAT != 0 {
			g.Addr = l.Reply.Dst
		}
	case OfDNATAddr:
		if l.Status&DstNAT != 0 {
			g.Addr = l.Reply.Src
		}
	case OfProto:
		g.Proto = l.Orig.Proto
	case OfState:
		g.Proto, g.Word = l.Orig.Proto, l.Word()
	case OfZone:
		// To the kernel a zone of the original direction alone is the same zone in that direction.
		g.N = uint32(keyZone(l.Zone, l.OrigZone))
	case OfMark:
		g.N = l.Mark
	case OfNATClass:
		g.N = uint32(l.Classes)
	}
	return g
}

func (g *GroupKey) end(p model.Proto, a netip.Addr, port uint16) {
	if g.Proto, g.Addr = p, a; p.Ports() {
		g.Port = port
	}
}

// Rest reports whether the group is that of the flows which have no such address: those that are not
// translated.
func (g GroupKey) Rest() bool {
	return (g.Kind == OfSNATAddr || g.Kind == OfDNATAddr) && !g.Addr.IsValid()
}

// String is the group in words: 10.0.0.5, tcp 203.0.113.9:443, udp ASSURED, zone 3.
func (g GroupKey) String() string {
	switch g.Kind {
	case OfSource, OfTarget:
		return g.Addr.String()
	case OfService, OfBackend:
		return g.Proto.String() + " " + model.Tuple{Proto: g.Proto, Dst: g.Addr, DPort: g.Port}.DstString()
	case OfSNATAddr, OfDNATAddr:
		switch {
		case !g.Rest():
			return g.Addr.String()
		case g.Kind == OfSNATAddr:
			return "source not translated"
		}
		return "destination not translated"
	case OfProto:
		return g.Proto.String()
	case OfState:
		return g.Proto.String() + " " + g.Word
	case OfZone:
		return fmt.Sprintf("zone %d", g.N)
	case OfMark:
		return fmt.Sprintf("mark %#x", g.N)
	case OfNATClass:
		if c := Classes(g.N).List(); c != nil {
			return NAT{Class: c}.String()
		}
		return "none"
	}
	return ""
}

// compare orders groups of one kind by what they are.
func (g GroupKey) compare(o GroupKey) int {
	if c := g.Addr.Compare(o.Addr); c != 0 {
		return c
	}
	if g.Proto != o.Proto {
		return int(g.Proto) - int(o.Proto)
	}
	if g.Port != o.Port {
		return int(g.Port) - int(o.Port)
	}
	if g.N != o.N {
		if g.N < o.N {
			return -1
		}
		return 1
	}
	return strings.Compare(g.Word, o.Word)
}
