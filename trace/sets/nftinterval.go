package sets

import "bytes"

// intervals turns the elements of a set, as they are dumped, into its members. A set of
// intervals that is no concatenation is kept by nf_tables as the first key of each, and
// the first key after each, marked as an end; the last may have no end, and neighbours
// may share one. nft_set_rbtree dumps from the highest to the lowest, others may go up.
type intervals struct {
	pairs bool // false: an element is a member
	// emit gets an element and the last key it holds, nil for its only key. Both live
	// until the next call.
	emit func(e element, last []byte) error

	prev  element
	have  bool
	order int // 1 up, -1 down, 0 not known yet
	last  []byte
}

func (i *intervals) push(e element) error {
	if !i.pairs || e.catchAll() {
		return i.emit(e, e.keyEnd)
	}
	if !i.have {
		i.have = true
		i.prev.own(e)
		return nil
	}
	if i.order == 0 {
		i.order = bytes.Compare(e.key, i.prev.key)
		if i.order == 0 { // two that touch
			i.order = -1
			if i.prev.end() {
				i.order = 1
			}
		}
		if i.order < 0 && !i.prev.end() {
			if err := i.open(i.prev); err != nil {
				return err
			}
		}
	}
	var err error
	switch {
	case i.order > 0 && !i.prev.end():
		err = i.emit(i.prev, i.before(e.key))
	case i.order < 0 && !e.end():
		err = i.emit(e, i.before(i.prev.key))
	}
	i.prev.own(e)
	return err
}

// finish gives the member that only the end of the dump ends.
func (i *intervals) finish() error {
	if i.have && i.order >= 0 && !i.prev.end() {
		return i.open(i.prev)
	}
	return nil
}

// open gives a member that goes up to the highest key.
func (i *intervals) open(e element) error {
	i.last = i.last[:0]
	for range e.key {
		i.last = append(i.last, 0xff)
	}
	return i.emit(e, i.last)
}

// before is the key before this one.
func (i *intervals) before(key []byte) []byte {
	i.last = append(i.last[:0], key...)
	for n := len(i.last) - 1; n >= 0; n-- {
		i.last[n]--
		if i.last[n] != 0xff {
			break
		}
	}
	return i.last
}
