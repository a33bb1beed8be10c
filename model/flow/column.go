package flow

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
)

// Column is what flows are ordered by.
type Column uint8

// The columns.
const (
	ByAge Column = iota // when the flow was first seen
	ByProto
	ByClient
	ByService
	ByBackend
	ByState
	ByNAT
	ByTimeout
	ByRate
	ByBytes
	ByPackets
	ByMark
	ByZone
	Columns // how many there are
)

var columnNames = [...]string{"age", "protocol", "client", "service", "backend", "state", "NAT", "timeout", "rate", "bytes", "packets", "mark", "zone"}

// String names the column.
func (c Column) String() string { return columnNames[c] }

// Amount reports whether the column is a number of which the highest is looked for.
func (c Column) Amount() bool { return c == ByRate || c == ByBytes || c == ByPackets }

// Word is the protocol's state, or in a word what conntrack's bits tell.
func (l *Look) Word() string { return word(l.State, l.Status) }

// Word is the protocol's state, or in a word what conntrack's bits tell.
func (f *Flow) Word() string { return word(f.State, f.Status) }

// word prefers OFFLOAD to a state, which the kernel does not follow any more then.
func word(state string, s Status) string {
	switch {
	case s&HWOffload != 0:
		return "HW_OFFLOAD"
	case s&Offload != 0:
		return "OFFLOAD"
	case state != "":
		return state
	case s&Assured != 0:
		return "ASSURED"
	case s&SeenReply != 0:
		return "REPLIED"
	}
	return "UNREPLIED"
}

// key gives a flow's place in an order as a number.
type key func(x *slot) uint64

// keyOf makes the key of a column; rest is a Query's.
func (t *Table) keyOf(c Column, rest func()) key {
	switch c {
	case ByProto:
		return func(x *slot) uint64 { return uint64(x.proto) }
	case ByClient:
		return t.endKey(0, rest)
	case ByService:
		return t.endKey(1, rest)
	case ByBackend:
		return t.endKey(2, rest)
	case ByState:
		return stateKey()
	case ByNAT:
		rank := t.classRanks()
		return func(x *slot) uint64 { return rank[x.classes] }
	case ByTimeout:
		return func(x *slot) uint64 { return uint64(x.timeout) }
	case ByRate:
		return func(x *slot) uint64 {
			if x.flags&slotRated == 0 {
				return 0
			}
			return uint64(math.Float32bits(x.rate)) + 1 // in order, for it is not negative
		}
	case ByBytes:
		return func(x *slot) uint64 { return x.count[1] + x.count[3] }
	case ByPackets:
		return func(x *slot) uint64 { return x.count[0] + x.count[2] }
	case ByMark:
		return func(x *slot) uint64 { return uint64(x.mark) }
	case ByZone:
		return func(x *slot) uint64 { return uint64(x.zone)<<32 | uint64(x.zone0)<<16 | uint64(x.zone1) }
	}
	return func(x *slot) uint64 { return x.born }
}

// endKey orders by an address and then its port: the client's (0), the service's (1), or
// the backend's (2), which are the first three of a slot's. IPv4 comes before IPv6. An
// IPv6 address goes by its rank among those that there were when the work began.
func (t *Table) endKey(end int, rest func()) key {
	ranks := t.slab.addrs.ranks(rest, func(fn func()) {
		t.mu.RLock()
		fn()
		t.mu.RUnlock()
		if rest != nil {
			rest()
		}
	})
	return func(x *slot) uint64 {
		a := x.addr[4*end : 4*end+4]
		n := uint64(binary.BigEndian.Uint32(a))
		if x.wide() {
			n = 0
			if i := binary.NativeEndian.Uint32(a); int(i) < len(ranks) {
				n = uint64(ranks[i])
			}
		}
		return uint64(x.kinds>>(2*end)&3)<<60 | n<<16 | uint64(x.ports[end])
	}
}

// stateKey orders by the words of Look.Word. A state without a number here comes last.
func stateKey() key {
	bits := []Status{HWOffload, Offload, Assured, SeenReply, 0}
	words := slices.Clone(stateNames[1:])
	for _, s := range bits {
		words = append(words, word("", s))
	}
	sorted := slices.Sorted(slices.Values(words))
	rank := func(w string) uint64 { i, _ := slices.BinarySearch(sorted, w); return uint64(i) }
	var ranks [256]uint64
	for i := range ranks {
		ranks[i] = uint64(len(words))
	}
	for i, n := range stateNames {
		ranks[i] = rank(n)
	}
	var none [5]uint64
	for i, s := range bits {
		none[i] = rank(word("", s))
	}
	return func(x *slot) uint64 {
		s := Status(x.status)
		switch {
		case s&HWOffload != 0:
			return none[0]
		case s&Offload != 0:
			return none[1]
		case x.state != uint8(NoState):
			return ranks[x.state]
		case s&Assured != 0:
			return none[2]
		case s&SeenReply != 0:
			return none[3]
		}
		return none[4]
	}
}

// classRanks orders the sets of classes that flows have by their words.
func (t *Table) classRanks() map[Classes]uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var all []Classes
	for c := range t.known {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Classes) int {
		return strings.Compare(NAT{Class: a.List()}.String(), NAT{Class: b.List()}.String())
	})
	ranks := map[Classes]uint64{}
	for i, c := range all {
		ranks[c] = uint64(i)
	}
	return ranks
}
