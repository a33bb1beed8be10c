package rules

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// large is the size of a legacy table from which it is followed: below, reading it
	// takes a few milliseconds, and so does the memory's coming and going.
	large = 8 << 20
	// pace is how long is waited for the kernel to get on: it writes a huge page in 4 ms.
	pace = 2 * time.Millisecond
	// tear is the most that the kernel may have begun and not ended: an entry, whose size
	// is a u16.
	tear = 1 << 16
	// smallPage and hugePage are those of amd64, and of arm64 as most build it. Where pages
	// are larger, huge ones are far larger, and nothing is followed.
	smallPage = 4 << 10
	hugePage  = 2 << 20
)

// follow reads into buf, which must be mapped and not have been touched but for its first
// page, and gives the memory back behind take. The kernel hands over a legacy table in one
// piece, 60 MB for 100,000 rules, but it writes them one after the other (ip_tables.c,
// copy_entries_to_user), so that no more than some of it must be there at once.
//
// take is told how many bytes are there, and says how many it needs no more. How far the
// kernel has come is seen by the pages that it has touched: they come in huge pages or in
// small ones, never beyond the huge page that is written to.
func follow(buf []byte, read func() error, take func(there int) (done int, err error)) error {
	end := make(chan error, 1)
	go func() { end <- read() }()
	timer := time.NewTicker(pace)
	defer timer.Stop()
	there, freed := 0, 0
	var broken error
	var seen [hugePage / smallPage]byte
	for {
		select {
		case err := <-end:
			if err == nil {
				err = broken
			}
			if err == nil {
				_, err = take(len(buf))
			}
			release(buf)
			return err
		case <-timer.C:
		}
		if broken != nil {
			continue // the kernel cannot be stopped
		}
		last := there
		for at := border(buf, there); at < len(buf) && touched(buf[at:min(at+hugePage, len(buf))], seen[:]); at = border(buf, at+1) {
			there = at
		}
		if there == last {
			continue
		}
		done, err := take(there - tear)
		broken = err
		for to := border(buf, freed+1); to <= done; to = border(buf, to+1) {
			release(buf[freed:to])
			freed = to
		}
	}
}

// border is the first place from at on where a huge page may begin.
func border(buf []byte, at int) int {
	base := int(uintptr(unsafe.Pointer(&buf[0])) % hugePage)
	return (base+at+hugePage-1)&^(hugePage-1) - base
}

// touched tells whether any page is there. Where the kernel will not tell, none is: then
// everything waits for the end.
func touched(b []byte, seen []byte) bool {
	seen = seen[:(len(b)+smallPage-1)/smallPage]
	clear(seen)
	_, _, e := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(unsafe.Pointer(&seen[0])))
	if e != 0 {
		return false
	}
	for _, s := range seen {
		if s&1 != 0 {
			return true
		}
	}
	return false
}

// release gives memory back; zeroes come in its place.
func release(b []byte) { _ = unix.Madvise(b, unix.MADV_DONTNEED) }
