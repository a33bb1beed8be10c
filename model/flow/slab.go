package flow

import (
	"encoding/binary"
	"hash/maphash"

	"nfscope/model"
)

// slot is a flow as a Table keeps it: no pointer in it, so that a million cost the garbage
// collector nothing.
type slot struct {
	// addr holds the four addresses where none is IPv6, else their places in slab.addrs.
	addr  [16]byte
	ports [4]uint16 // original source and destination, then the reply's
	// count is packets and bytes of the original direction, then of the reply's.
	count [4]uint64
	start int64 // nanoseconds since 1970, 0 unknown
	seen  int64
	// born grows from flow to flow.
	born                        uint64
	id, status, mark, use       uint32
	timeout                     uint32 // seconds
	notes                       uint32 // in noted, 0 none
	nextID, nextOrig, nextReply uint32 // chains of the hash tables
	rate                        float32
	// counted is when count was read, in milliseconds since the Table began; of a flow that is
	// gone its number among those that ever went. Both wrap.
	counted            uint32
	zone, zone0, zone1 uint16 // Zone, and of the original and the reply's direction alone
	classes            Classes
	// round is the dump in which an event or the dump spoke of the flow; it wraps.
	round uint16
	// kinds are the AddrKinds of the four addresses, two bits each.
	kinds         uint8
	proto, family uint8
	state, flags  uint8
	tcp           [4]uint8 // scale and flags of the original direction, then of the reply's
}

// The flags of a slot.
const (
	slotUsed uint8 = 1 << iota
	slotByEvent
	slotCounted
	slotCountedBack
	slotRated
	slotGone
)

// A chunk of slots is 144 KB, whole pages: of what is not, Go leaves the rest empty.
const (
	chunkBits = 10
	chunkSize = 1 << chunkBits
	chunkMask = chunkSize - 1
)

// slab holds slots by their numbers, which begin with 1, and finds them by ID and tuples.
type slab struct {
	chunks []*[chunkSize]slot
	used   uint32 // the highest number that was ever given
	n      int
	room   room

	addrs addrs // of flows with IPv6 addresses

	seed                maphash.Seed
	ids, origs, replies []uint32 // heads of chains; as many as a power of two
	// half is how many heads there were before they became twice as many, 0 where all
	// chains are parted; those before parted are.
	half, parted uint32
}

func (s *slab) at(i uint32) *slot { return &s.chunks[i>>chunkBits][i&chunkMask] }

// dropAddrs takes a slot's addresses away.
func (s *slab) dropAddrs(x *slot) {
	if x.wide() {
		for end := range 4 {
			s.addrs.drop(s.seed, binary.NativeEndian.Uint32(x.addr[4*end:]))
		}
	}
	x.kinds, x.addr = 0, [16]byte{}
}

// gone reports whether the flow is over.
func (x *slot) gone() bool { return x.flags&slotGone != 0 }

// wide reports whether any address is IPv6: then the upper bit of its kind is set.
func (x *slot) wide() bool { return x.kinds&0xaa != 0 }

// tuple is one end of a flow in plain bytes.
type tuple struct {
	src, dst     [16]byte
	sport, dport uint16
	proto        uint8
	kinds        uint8
}

func (e *End) plain(p model.Proto) tuple {
	return tuple{e.Src, e.Dst, e.SPort, e.DPort, uint8(p), uint8(e.SrcKind) | uint8(e.DstKind)<<2}
}

// tuple is the original's (0) or the reply's (1).
func (s *slab) tuple(x *slot, side int) (t tuple) {
	t.sport, t.dport, t.proto = x.ports[2*side], x.ports[2*side+1], x.proto
	t.kinds = x.kinds >> (4 * side) & 15
	if x.wide() {
		t.src, t.dst = *s.addrAt(x, 2*side), *s.addrAt(x, 2*side+1)
		return t
	}
	copy(t.src[:4], x.addr[8*side:])
	copy(t.dst[:4], x.addr[8*side+4:])
	return t
}

// addrAt is one of the four addresses of a slot that is wide.
func (s *slab) addrAt(x *slot, end int) *[16]byte {
	return &s.addrs.at(binary.NativeEndian.Uint32(x.addr[4*end:])).addr
}

// setAddrs stores the addresses of a slot that has none yet.
func (s *slab) setAddrs(x *slot, o, r *tuple) {
	x.ports = [4]uint16{o.sport, o.dport, r.sport, r.dport}
	x.kinds = o.kinds | r.kinds<<4
	if !x.wide() {
		copy(x.addr[:4], o.src[:4])
		copy(x.addr[4:8], o.dst[:4])
		copy(x.addr[8:12], r.src[:4])
		copy(x.addr[12:], r.dst[:4])
		return
	}
	for end, a := range [4]*[16]byte{&o.src, &o.dst, &r.src, &r.dst} {
		binary.NativeEndian.PutUint32(x.addr[4*end:], s.addrs.keep(s.seed, a))
	}
}

// hash is seeded: who sends packets chooses tuples, and must not choose our chains.
func (s *slab) hash(t *tuple) uint32 {
	var b [38]byte
	n := 4
	if t.kinds&0xa != 0 {
		n = 16
	}
	copy(b[:], t.src[:n])
	copy(b[n:], t.dst[:n])
	binary.NativeEndian.PutUint16(b[2*n:], t.sport)
	binary.NativeEndian.PutUint16(b[2*n+2:], t.dport)
	b[2*n+4], b[2*n+5] = t.proto, t.kinds
	return uint32(maphash.Bytes(s.seed, b[:2*n+6]))
}

func hashID(id uint32) uint32 { return id * 0x9e3779b1 >> 7 }

// place is the number of the head whose chain a hash belongs to.
func (s *slab) place(hash uint32) uint32 {
	i := hash & uint32(len(s.ids)-1)
	if i >= s.half && s.half > 0 && i-s.half >= s.parted { // its chain is not parted yet
		i -= s.half
	}
	return i
}

// heads are the heads of chains.
type heads struct{ ids, origs, replies []uint32 }

func newHeads(n int) *heads {
	return &heads{make([]uint32, n), make([]uint32, n), make([]uint32, n)}
}

// bigger gives heads for n flows, nil where there are enough: of few flows they are empty,
// of many twice as many as before, for a table of a million is not linked anew at once. It
// changes nothing: a Table makes them while others read. Half as many flows again as heads
// are borne: a table of a million that a storm goes through has no second million of heads.
func (s *slab) bigger(n int) *heads {
	size := max(64, len(s.ids))
	enough := func() bool { return n <= size+size/2 }
	if s.ids != nil && enough() {
		return nil
	}
	if s.used <= few {
		for !enough() {
			size *= 2
		}
		return newHeads(size)
	}
	if s.half > 0 { // still under way
		return nil
	}
	h := newHeads(2 * size)
	copy(h.ids, s.ids)
	copy(h.origs, s.origs)
	copy(h.replies, s.replies)
	return h
}

// adopt takes what bigger gave.
func (s *slab) adopt(h *heads) {
	if h == nil {
		return
	}
	old := uint32(len(s.ids))
	if s.ids == nil {
		s.seed = maphash.MakeSeed()
	}
	s.ids, s.origs, s.replies = h.ids, h.origs, h.replies
	if s.used > few {
		s.half, s.parted = old, 0
		return
	}
	s.half = 0
	for i := uint32(1); i <= s.used; i++ {
		if x := s.at(i); x.flags&slotUsed != 0 {
			o, r := s.tuple(x, 0), s.tuple(x, 1)
			s.link(i, x, s.hash(&o), s.hash(&r))
		}
	}
}

// part parts chains, so many more.
func (s *slab) part(n int) {
	for ; n > 0 && s.half > 0; n-- {
		low, high := s.parted, s.parted+s.half
		s.parted++ // from here on place gives either
		next := s.ids[low]
		for s.ids[low] = 0; next != 0; {
			i, x := next, s.at(next)
			next = x.nextID
			to := &s.ids[s.place(hashID(x.id))]
			x.nextID, *to = *to, i
		}
		next = s.origs[low]
		for s.origs[low] = 0; next != 0; {
			i, x := next, s.at(next)
			next = x.nextOrig
			t := s.tuple(x, 0)
			to := &s.origs[s.place(s.hash(&t))]
			x.nextOrig, *to = *to, i
		}
		next = s.replies[low]
		for s.replies[low] = 0; next != 0; {
			i, x := next, s.at(next)
			next = x.nextReply
			t := s.tuple(x, 1)
			to := &s.replies[s.place(s.hash(&t))]
			x.nextReply, *to = *to, i
		}
		if high+1 == uint32(len(s.ids)) {
			s.half = 0
		}
	}
}

// link enters a slot into the hash tables.
func (s *slab) link(i uint32, x *slot, orig, reply uint32) {
	a, b, c := &s.ids[s.place(hashID(x.id))], &s.origs[s.place(orig)], &s.replies[s.place(reply)]
	x.nextID, *a = *a, i
	x.nextOrig, *b = *b, i
	x.nextReply, *c = *c, i
}

// linkReply enters a slot whose reply tuple is another now.
func (s *slab) linkReply(i uint32, x *slot) {
	r := s.tuple(x, 1)
	c := &s.replies[s.place(s.hash(&r))]
	x.nextReply, *c = *c, i
}

func (s *slab) unlinkReply(i uint32, x *slot) {
	r := s.tuple(x, 1)
	for p := &s.replies[s.place(s.hash(&r))]; *p != 0; p = &s.at(*p).nextReply {
		if *p == i {
			*p = x.nextReply
			return
		}
	}
}

// unlink takes a slot out of the hash tables.
func (s *slab) unlink(i uint32, x *slot) {
	for p := &s.ids[s.place(hashID(x.id))]; *p != 0; p = &s.at(*p).nextID {
		if *p == i {
			*p = x.nextID
			break
		}
	}
	o := s.tuple(x, 0)
	for p := &s.origs[s.place(s.hash(&o))]; *p != 0; p = &s.at(*p).nextOrig {
		if *p == i {
			*p = x.nextOrig
			break
		}
	}
	s.unlinkReply(i, x)
}

// clone copies the slab.
func (s *slab) clone() slab {
	c := *s
	c.chunks = make([]*[chunkSize]slot, len(s.chunks))
	for i, x := range s.chunks {
		if c.chunks[i] = x; x != s.room.none {
			n := *x
			c.chunks[i] = &n
		}
	}
	c.room = s.room.clone()
	c.addrs = s.addrs.clone()
	c.ids, c.origs, c.replies = append([]uint32(nil), s.ids...), append([]uint32(nil), s.origs...), append([]uint32(nil), s.replies...)
	return c
}
