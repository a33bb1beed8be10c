package flow

import (
	"encoding/binary"
	"hash/maphash"
)

// addrs keeps addresses of 16 bytes, each once: many flows share their service, and most
// of them their reply's addresses with those they were sent to. Places begin with 1.
type addrs struct {
	chunks []*[chunkSize]entry
	used   uint32
	free   uint32 // the first of the chain of those given back
	n      int
	heads  []uint32
}

type entry struct {
	addr [16]byte
	refs uint32
	next uint32
}

func (a *addrs) at(i uint32) *entry { return &a.chunks[i>>chunkBits][i&chunkMask] }

// keep gives the place of an address.
func (a *addrs) keep(seed maphash.Seed, addr *[16]byte) uint32 {
	if a.n >= len(a.heads) {
		a.grow(seed)
	}
	head := &a.heads[a.head(seed, addr)]
	for i := *head; i != 0; i = a.at(i).next {
		if e := a.at(i); e.addr == *addr {
			e.refs++
			return i
		}
	}
	i := a.free
	if i != 0 {
		a.free = a.at(i).next
	} else {
		a.used++
		i = a.used
		if int(i>>chunkBits) == len(a.chunks) {
			a.chunks = append(a.chunks, new([chunkSize]entry))
		}
	}
	*a.at(i) = entry{*addr, 1, *head}
	*head = i
	a.n++
	return i
}

// drop lets go of one flow's address.
func (a *addrs) drop(seed maphash.Seed, i uint32) {
	e := a.at(i)
	if e.refs--; e.refs > 0 {
		return
	}
	for p := &a.heads[a.head(seed, &e.addr)]; *p != 0; p = &a.at(*p).next {
		if *p == i {
			*p = e.next
			break
		}
	}
	*e = entry{next: a.free}
	a.free = i
	a.n--
}

func (a *addrs) head(seed maphash.Seed, addr *[16]byte) uint32 {
	return uint32(maphash.Bytes(seed, addr[:])) & uint32(len(a.heads)-1)
}

func (a *addrs) grow(seed maphash.Seed) {
	a.heads = make([]uint32, max(64, 2*len(a.heads)))
	for i := uint32(1); i <= a.used; i++ {
		if e := a.at(i); e.refs > 0 {
			h := &a.heads[a.head(seed, &e.addr)]
			e.next, *h = *h, i
		}
	}
}

// ranks tells by place how many addresses come before the one that is there. locked runs
// a function while nobody changes the Table: it is short each time, for who draws must not
// wait for a million addresses. One that another has taken the place of meanwhile may
// stand where it does not belong. rest is a Query's.
func (a *addrs) ranks(rest func(), locked func(func())) []uint32 {
	s := sorter{rest: rest}
	locked(func() { s.reset(a.n) })
	for c, more := 0, true; more; c++ {
		locked(func() {
			if more = c < len(a.chunks); !more {
				return
			}
			for k := range a.chunks[c] {
				if e := &a.chunks[c][k]; e.refs > 0 {
					s.add(binary.BigEndian.Uint64(e.addr[8:]), Row{at: uint32(c<<chunkBits + k)})
				}
			}
		})
	}
	s.sort()
	for from := 0; from < len(s.rows); from += chunkSize {
		locked(func() {
			for k := from; k < min(from+chunkSize, len(s.rows)); k++ {
				s.keys[k] = binary.BigEndian.Uint64(a.at(s.rows[k].at).addr[:])
			}
		})
	}
	s.sort()
	last := uint32(0)
	for _, r := range s.rows {
		last = max(last, r.at)
	}
	out := make([]uint32, last+1)
	for from, to := range s.pieces(len(s.rows)) {
		for rank := from; rank < to; rank++ {
			out[s.rows[rank].at] = uint32(rank)
		}
	}
	return out
}

func (a *addrs) clone() addrs {
	c := *a
	c.chunks = make([]*[chunkSize]entry, len(a.chunks))
	for i, x := range a.chunks {
		n := *x
		c.chunks[i] = &n
	}
	c.heads = append([]uint32(nil), a.heads...)
	return c
}
