package flow

import "iter"

// digit is how many bits of a key are sorted by in one pass.
const (
	digit  = 11
	values = 1 << digit
)

// atATime is how many rows are handled between two rests: half a millisecond at most.
const atATime = 1 << 14

// sorter orders rows by 64-bit keys. It keeps its memory for the next time.
type sorter struct {
	keys, otherKeys []uint64
	rows, otherRows []Row
	// rest is a Query's.
	rest func()
}

// pieces goes through so many places, from one to before another, and rests between.
func (s *sorter) pieces(n int) iter.Seq2[int, int] {
	return func(yield func(from, to int) bool) {
		for from := 0; from < n; from += atATime {
			if !yield(from, min(from+atATime, n)) {
				return
			}
			if s.rest != nil {
				s.rest()
			}
		}
	}
}

func (s *sorter) reset(n int) {
	more := n + n/16
	if cap(s.keys) < n {
		s.keys, s.otherKeys, s.otherRows = make([]uint64, 0, more), nil, nil
	}
	if cap(s.rows) < n {
		s.rows = make([]Row, 0, more)
	}
	s.keys, s.rows = s.keys[:0], s.rows[:0]
}

// take gives the rows away: those of most of a Table as they are, for a copy of a million
// would be another 8 MB.
func (s *sorter) take() []Row {
	rows := s.rows
	if len(rows) < cap(rows)/2 {
		return append(make([]Row, 0, len(rows)), rows...)
	}
	s.rows, s.otherRows = s.otherRows, nil
	return rows
}

func (s *sorter) add(k uint64, r Row) { s.keys, s.rows = append(s.keys, k), append(s.rows, r) }

// sort puts the rows in the order of their keys; those of one key stay as they were.
// Digits that are the same in all keys cost nothing.
func (s *sorter) sort() {
	var all, any, last uint64 = ^uint64(0), 0, 0
	sorted := true // as a table by age is until slots are used again
	for _, k := range s.keys {
		all &= k
		any |= k
		sorted = sorted && last <= k
		last = k
	}
	differ := all ^ any
	if sorted {
		return
	}
	if cap(s.otherKeys) < len(s.keys) {
		s.otherKeys = make([]uint64, cap(s.keys))
	}
	if cap(s.otherRows) < len(s.rows) {
		s.otherRows = make([]Row, cap(s.rows))
	}
	for shift := 0; shift < 64; shift += digit {
		if differ>>shift&(values-1) != 0 {
			s.pass(shift)
		}
	}
}

// pass sorts by one digit.
func (s *sorter) pass(shift int) {
	var at [values]uint32
	for from, to := range s.pieces(len(s.keys)) {
		for _, k := range s.keys[from:to] {
			at[k>>shift&(values-1)]++
		}
	}
	sum := uint32(0)
	for i, n := range at {
		at[i] = sum
		sum += n
	}
	keys, rows := s.otherKeys[:len(s.keys)], s.otherRows[:len(s.rows)]
	for from, to := range s.pieces(len(s.keys)) {
		for i, k := range s.keys[from:to] {
			d := k >> shift & (values - 1)
			keys[at[d]], rows[at[d]] = k, s.rows[from+i]
			at[d]++
		}
	}
	s.keys, s.otherKeys = keys, s.keys[:cap(s.keys)]
	s.rows, s.otherRows = rows, s.rows[:cap(s.rows)]
}
