package flow

import "slices"

// room is which slots are empty. Chunks of which all are give their memory back: what a storm
// of connections took behind a million others is not kept when it is over.
type room struct {
	free []freed // by chunk
	// open are the chunks that may have freed slots; the last of them is asked first.
	open []uint32
	// away are the chunks without memory; none stands in their place, and has no flow.
	away []uint32
	none *[chunkSize]slot
	// kept is how many slots that were given back have memory.
	kept int
}

// freed are the slots of a chunk that were given back.
type freed struct {
	first  uint32 // of their chain, by nextID; 0 where there is none
	taken  uint16 // slots that are in use
	listed bool   // in open
}

// spare is how many empty slots with memory are always kept: 2 MB.
const spare = 1 << 14

// take gives the number of an empty slot.
func (s *slab) take() uint32 {
	s.n++
	r := &s.room
	for len(r.open) > 0 || len(r.away) > 0 {
		if len(r.open) == 0 {
			s.fetch()
		}
		last := len(r.open) - 1
		f := &r.free[r.open[last]]
		if i := f.first; i != 0 {
			x := s.at(i)
			f.first = x.nextID
			*x = slot{}
			f.taken++
			r.kept--
			return i
		}
		f.listed, r.open = false, r.open[:last]
	}
	s.used++
	if int(s.used>>chunkBits) == len(s.chunks) {
		s.chunks, r.free = append(s.chunks, new([chunkSize]slot)), append(r.free, freed{})
	}
	r.free[s.used>>chunkBits].taken++
	return s.used
}

// leave gives a slot back that is in no chain any more.
func (s *slab) leave(i uint32) {
	x := s.at(i)
	s.dropAddrs(x)
	s.n--
	s.room.free[i>>chunkBits].taken--
	s.put(i)
}

// put lists a slot as empty.
func (s *slab) put(i uint32) {
	r, c := &s.room, i>>chunkBits
	f := &r.free[c]
	*s.at(i) = slot{nextID: f.first}
	f.first = i
	r.kept++
	if !f.listed {
		f.listed, r.open = true, append(r.open, c)
	}
}

// fetch gives a chunk memory again.
func (s *slab) fetch() {
	r := &s.room
	last := len(r.away) - 1
	c := r.away[last]
	r.away = r.away[:last]
	s.chunks[c] = new([chunkSize]slot)
	for k := uint32(chunkSize); k > 0; k-- {
		if i := c<<chunkBits + k - 1; i > 0 { // no slot has the number 0
			s.put(i)
		}
	}
}

// giveBack takes the memory of chunks that have no flow, where many slots are empty. From then
// on the chunks in front are filled first.
func (s *slab) giveBack() {
	r := &s.room
	if r.kept < spare {
		return
	}
	if r.none == nil {
		r.none = new([chunkSize]slot)
	}
	r.open = r.open[:0]
	for c := uint32(len(r.free)); c > 0; c-- {
		f, at := &r.free[c-1], c-1
		switch {
		case f.first != 0 && f.taken == 0 && at != s.used>>chunkBits: // the last one has slots that were never given
			r.kept -= chunkSize
			if at == 0 {
				r.kept++
			}
			s.chunks[at], *f = r.none, freed{}
			r.away = append(r.away, at)
		case f.first != 0:
			f.listed, r.open = true, append(r.open, at)
		default:
			f.listed = false
		}
	}
}

func (r *room) clone() room {
	c := *r
	c.free, c.open, c.away = slices.Clone(r.free), slices.Clone(r.open), slices.Clone(r.away)
	return c
}
