// Package set is the vocabulary of sets: the ipsets of x_tables and the named sets and
// maps of nf_tables, with their members a page at a time. It prints both as `ipset list`
// and `nft list set` do.
package set

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"nfscope/model"
)

// Backend says whose set it is.
type Backend uint8

// The two that have sets.
const (
	IPSet Backend = iota // ipset(8)
	NFT                  // nft(8)
)

// String gives the name of the program: ipset or nft.
func (b Backend) String() string {
	if b == NFT {
		return "nft"
	}
	return "ipset"
}

// MarshalText writes the name.
func (b Backend) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (b *Backend) UnmarshalText(text []byte) error {
	switch string(text) {
	case "ipset":
		*b = IPSet
	case "nft":
		*b = NFT
	default:
		return fmt.Errorf("unknown backend of a set %q: expected ipset or nft", text)
	}
	return nil
}

// Key names a set within a network namespace. Family and Table are zero for an ipset:
// its name is enough.
type Key struct {
	Backend Backend      `json:"backend"`
	Family  model.Family `json:"family"`
	Table   string       `json:"table,omitempty"`
	Name    string       `json:"name"`
}

// String prints ipset blocked, or nft inet fw blocked.
func (k Key) String() string {
	if k.Backend == NFT {
		return "nft " + k.Family.String() + " " + k.Table + " " + k.Name
	}
	return "ipset " + k.Name
}

// Set is a set without its members.
type Set struct {
	Key
	// Addresses is the family of an ipset's addresses, FamilyUnspec where it has none;
	// nft says it in Type.
	Addresses model.Family `json:"addresses"`
	// Type is hash:ip,port for an ipset, ipv4_addr . inet_service for nft.
	Type string `json:"type"`
	// Data is what a map of nft gives: verdict, ipv4_addr, counter, interval ipv4_addr;
	// "" where it is no map.
	Data string `json:"data,omitempty"`
	// Revision is that of an ipset's type.
	Revision uint8 `json:"revision,omitempty"`
	// Flags are words: timeout, counters, comment, skbinfo, forceadd of ipset;
	// constant, interval, timeout, dynamic of nft.
	Flags []string `json:"flags,omitempty"`
	// Options is the header line as `ipset list` prints it, with what Flags, Size
	// and Timeout say too; "" for nft.
	Options string `json:"options,omitempty"`
	// Count is the number of members, where CountKnown. Where it is not known, Count is
	// what the kernel has to say about it, which may be nothing: kernels before 4.12 do
	// not tell of an ipset, kernels before 6.16 not of nft, and later ones tell of
	// intervals and of members with timeouts only roughly. Then they must be counted.
	Count      uint64 `json:"count"`
	CountKnown bool   `json:"count_known"`
	// Size is how many members there can be, 0 where nothing says.
	Size uint64 `json:"size,omitempty"`
	// Timeout is a new member's, 0 where there is none.
	Timeout time.Duration `json:"timeout_ns,omitempty"`
	// References is how many rules and sets speak of an ipset.
	References uint32 `json:"references,omitempty"`
	// Memory is the bytes an ipset takes, as the kernel says.
	Memory uint64 `json:"memory,omitempty"`
	// Handle is nft's number of the set.
	Handle  uint64 `json:"handle,omitempty"`
	Comment string `json:"comment,omitempty"`
	// Layout is what a decoder needs to know to read members: it comes from List, and is
	// nobody else's business.
	Layout Layout `json:"-"`
}

// Layout is how nf_tables keeps the keys and data of a set (linux/netfilter/nf_tables.h).
type Layout struct {
	Flags, KeyType, KeyLen, DataType, DataLen uint32
	// KeyOrder and DataOrder are 1 for the host's byte order, 2 for the network's, 0 for
	// what the type has (nft's user data of a set).
	KeyOrder, DataOrder uint32
	// Fields are the lengths in bytes of a concatenation's parts, where the kernel says.
	Fields       []uint32
	DataInterval bool
}

// Member is one element of a set.
type Member struct {
	// Text is the element as the program prints it, without what hangs on it:
	// 10.0.0.1,tcp:80 or 10.0.0.1 . 80. An element that matches all others is *.
	Text string `json:"text"`
	// Data is what a map gives for it: accept, jump WEB, 10.0.0.1 . 8080, a counter's name.
	Data string `json:"data,omitempty"`
	// Left is how long it stays, where Ends. An ipset with timeouts may hold a member
	// for good: that one Ends with 0 left.
	Left time.Duration `json:"left_ns,omitempty"`
	Ends bool          `json:"ends,omitempty"`
	// Timeout is a timeout of its own in nft, 0 where the set's is used.
	Timeout  time.Duration  `json:"timeout_ns,omitempty"`
	Counters model.Counters `json:"counters,omitzero"`
	Comment  string         `json:"comment,omitempty"`
	// NoMatch marks an exception from a wider net (ipset).
	NoMatch bool `json:"nomatch,omitempty"`
	// Wildcard says that the interface is the beginning of a name (ipset).
	Wildcard bool `json:"wildcard,omitempty"`
	// More is what else hangs on it, as printed: skbmark 0x1 skbprio 1:10, or
	// limit rate 10/second.
	More string `json:"more,omitempty"`
	// Unknown says what the decoder did not understand, for the reader to be told.
	Unknown string `json:"unknown,omitempty"`
}

// Line prints a member whole, as `ipset list` or `nft list set` does.
func (m Member) Line(b Backend) string {
	var s strings.Builder
	s.WriteString(m.Text)
	if b == IPSet {
		m.ipset(&s)
	} else {
		m.nft(&s)
	}
	if m.Unknown != "" {
		s.WriteString(" [not understood: " + m.Unknown + "]")
	}
	return s.String()
}

func (m Member) ipset(s *strings.Builder) {
	if m.Ends {
		s.WriteString(" timeout " + strconv.FormatInt(int64(m.Left/time.Second), 10))
	}
	if m.NoMatch {
		s.WriteString(" nomatch")
	}
	if m.Counters.Valid {
		fmt.Fprintf(s, " packets %d bytes %d", m.Counters.Packets, m.Counters.Bytes)
	}
	if m.Comment != "" {
		s.WriteString(` comment "` + m.Comment + `"`)
	}
	if m.More != "" {
		s.WriteString(" " + m.More)
	}
	if m.Wildcard {
		s.WriteString(" wildcard")
	}
}

func (m Member) nft(s *strings.Builder) {
	if m.Counters.Valid {
		fmt.Fprintf(s, " counter packets %d bytes %d", m.Counters.Packets, m.Counters.Bytes)
	}
	if m.More != "" {
		s.WriteString(" " + m.More)
	}
	if m.Timeout > 0 {
		s.WriteString(" timeout " + Duration(m.Timeout))
	}
	if m.Ends {
		s.WriteString(" expires " + Duration(m.Left))
	}
	if m.Comment != "" {
		s.WriteString(` comment "` + m.Comment + `"`)
	}
	if m.Data != "" {
		s.WriteString(" : " + m.Data)
	}
}

// Duration prints a time as nft does: 1d2h3m4s5ms.
func Duration(d time.Duration) string {
	if d < time.Millisecond {
		return "0s"
	}
	var b strings.Builder
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if n := d / u.size; n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10) + u.name)
		}
		d %= u.size
	}
	return b.String()
}

// Page is some members of a set, in the kernel's order: neither the one they were added
// in nor that of their values, but the same from page to page while nobody changes the set.
type Page struct {
	Set  Key `json:"set"`
	From int `json:"from"`
	// Members are those from place From on.
	Members []Member `json:"members"`
	// More says that others follow.
	More bool `json:"more"`
	// Moved says that the ruleset was changed each time this was read: members may be
	// missing or be here twice.
	Moved bool `json:"moved,omitempty"`
}
