package drops

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// symbols are the kernel's functions by address. The zero value knows none.
type symbols struct {
	addrs []uint64
	ends  []uint32 // where the name of each ends in names
	names []byte
}

// readSymbols reads /proc/kallsyms as far as it is about functions. Where addresses
// are hidden (kptr_restrict) they are all 0, and nothing is known.
func readSymbols(r io.Reader) (*symbols, error) {
	s := &symbols{}
	in := bufio.NewScanner(r)
	sorted := true
	for in.Scan() {
		f := in.Bytes()
		if len(f) < 20 || f[16] != ' ' {
			continue
		}
		switch f[17] {
		case 'T', 't', 'W', 'w':
		default:
			continue
		}
		addr, err := strconv.ParseUint(string(f[:16]), 16, 64)
		if err != nil || addr == 0 {
			continue
		}
		name := f[19:]
		if i := bytes.IndexByte(name, '\t'); i >= 0 { // a module's name follows
			name = name[:i]
		}
		if n := len(s.addrs); n > 0 && addr < s.addrs[n-1] {
			sorted = false
		}
		s.addrs, s.names = append(s.addrs, addr), append(s.names, name...)
		s.ends = append(s.ends, uint32(len(s.names)))
	}
	if !sorted {
		s.sort()
	}
	return s, in.Err()
}

// sort orders by address: modules come behind the kernel, wherever they are.
func (s *symbols) sort() {
	order := make([]int, len(s.addrs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case s.addrs[a] < s.addrs[b]:
			return -1
		case s.addrs[a] > s.addrs[b]:
			return 1
		}
		return 0
	})
	o := symbols{addrs: make([]uint64, 0, len(order)), ends: make([]uint32, 0, len(order)), names: make([]byte, 0, len(s.names))}
	for _, i := range order {
		o.addrs, o.names = append(o.addrs, s.addrs[i]), append(o.names, s.name(i)...)
		o.ends = append(o.ends, uint32(len(o.names)))
	}
	*s = o
}

func (s *symbols) name(i int) string {
	from := uint32(0)
	if i > 0 {
		from = s.ends[i-1]
	}
	return string(s.names[from:s.ends[i]])
}

// at names the function that a return address is in; where it is not known the address
// stands for it.
func (s *symbols) at(addr uint64) string {
	if addr == 0 {
		return ""
	}
	// The address after a call that never returns may be the next function's.
	i, found := slices.BinarySearch(s.addrs, addr-1)
	if found {
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%#x", addr)
	}
	return s.name(i - 1)
}
