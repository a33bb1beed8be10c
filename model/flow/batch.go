package flow

import (
	"net/netip"
	"time"

	"nfscope/model"
)

// Record is an Event about a flow in plain numbers: what a reader of the kernel fills by
// the hundred thousand, without anything for the garbage collector. What only some flows
// have is noted beside it, in its Batch.
type Record struct {
	Type   EventType
	Family model.Family
	Proto  model.Proto
	State  State
	// Counted, Classified tell whether the counters and Classes are known.
	Counted, CountedBack, Classified bool
	Classes                          Classes
	Zone                             uint16
	Status                           Status
	ID, Mark, Use                    uint32
	// Timeout is in seconds.
	Timeout uint32
	// Seen, Start and Gone are in nanoseconds since 1970, 0 where not known.
	Seen, Start, Gone int64
	Orig, Reply       End
	// rare is one more than where the notes about the record begin, until their end.
	rare, until uint32
}

// End is one direction of a Record.
type End struct {
	// Src and Dst are addresses in network order, an IPv4 one in the first four bytes.
	Src, Dst           [16]byte
	SrcKind, DstKind   AddrKind
	Scale, Flags       uint8
	SPort, DPort, Zone uint16
	Packets, Bytes     uint64
}

// AddrKind tells what the bytes of an address are.
type AddrKind uint8

// The kinds.
const (
	NoAddr AddrKind = iota
	IPv4
	IPv6
)

// addr is the address that bytes of a kind hold.
func addr(k AddrKind, b *[16]byte) netip.Addr {
	switch k {
	case IPv4:
		return netip.AddrFrom4([4]byte(b[:4]))
	case IPv6:
		return netip.AddrFrom16(*b)
	}
	return netip.Addr{}
}

// put turns an address into bytes; a scope's name is left out, the kernel has none.
func put(a netip.Addr) (k AddrKind, b [16]byte) {
	switch {
	case a.Is4():
		v := a.As4()
		copy(b[:], v[:])
		return IPv4, b
	case a.IsValid():
		return IPv6, a.As16()
	}
	return NoAddr, b
}

func (e *End) tuple(p model.Proto) model.Tuple {
	return model.Tuple{Proto: p, Src: addr(e.SrcKind, &e.Src), Dst: addr(e.DstKind, &e.Dst), SPort: e.SPort, DPort: e.DPort}
}

func endOf(t model.Tuple) (e End) {
	e.SrcKind, e.Src = put(t.Src)
	e.DstKind, e.Dst = put(t.Dst)
	e.SPort, e.DPort = t.SPort, t.DPort
	return e
}

// Batch is a number of Records: the new, changed and destroyed flows of one read, or flows
// of a dump, never both.
type Batch struct {
	Time    time.Time
	Records []Record
	notes   []byte
	home    *Pool
}

// Add gives a Record to fill at the end of the Batch. It is good until the next Add.
func (b *Batch) Add() *Record {
	b.Records = append(b.Records, Record{})
	return &b.Records[len(b.Records)-1]
}

// Undo takes the last Record back.
func (b *Batch) Undo() {
	last := len(b.Records) - 1
	if r := &b.Records[last]; r.rare > 0 {
		b.notes = b.notes[:r.rare-1]
	}
	b.Records = b.Records[:last]
}

// Dumped reports whether the flows are those of a dump.
func (b *Batch) Dumped() bool { return len(b.Records) > 0 && b.Records[0].Type == EventDump }

// Event makes the event of a Record. It shares nothing with the Batch.
func (b *Batch) Event(i int) Event {
	r := &b.Records[i]
	return Event{Type: r.Type, Time: b.Time, Flow: r.flow(b.about(r))}
}

// Clone gives a Batch that does not go back to a Pool.
func (b *Batch) Clone() *Batch {
	return &Batch{Time: b.Time, Records: append([]Record(nil), b.Records...), notes: append([]byte(nil), b.notes...)}
}

// Release gives the Batch back to the Pool it is of; it must not be used any more. Who does
// not know whether others have it leaves it to the garbage collector.
func (b *Batch) Release() {
	if b.home != nil {
		b.home.put(b)
	}
}

// about is what is noted about a Record.
func (b *Batch) about(r *Record) notes {
	if r.rare == 0 {
		return nil
	}
	return b.notes[r.rare-1 : r.until]
}

// Pool keeps Batches for their memory. It is safe for concurrent use.
type Pool struct{ free chan *Batch }

// NewPool makes a Pool that keeps so many.
func NewPool(n int) *Pool { return &Pool{make(chan *Batch, n)} }

// Get gives an empty Batch.
func (p *Pool) Get(at time.Time) *Batch {
	select {
	case b := <-p.free:
		b.Time = at
		return b
	default:
		return &Batch{Time: at, home: p}
	}
}

func (p *Pool) put(b *Batch) {
	b.Records, b.notes = b.Records[:0], b.notes[:0]
	select {
	case p.free <- b:
	default:
	}
}
