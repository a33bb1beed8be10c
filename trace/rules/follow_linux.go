package rules

import (
	"encoding/binary"
	"runtime"
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
	// farBehind is how much may be there that was not taken yet: 24 ms of the kernel's.
	farBehind = 12 << 20
)

// follow reads into buf, which must be mapped, hold zeroes and not have been touched but
// for its first page, and gives the memory back behind take. The kernel hands over a
// legacy table in one piece, 60 MB for 100,000 rules, but it writes them one after the
// other (ip_tables.c, copy_entries_to_user), so that no more than some of it must be there
// at once.
//
// take is told how many bytes are there, and says how many it needs no more.
func follow(buf []byte, read func() error, take func(there int) (done int, err error)) error {
	w := writer{end: make(chan error, 1), thread: make(chan int, 1)}
	go w.run(read)
	f := follower{buf: buf}
	timer := time.NewTicker(pace)
	defer timer.Stop()
	f.prepare()
	freed := 0
	var broken error
	for {
		select {
		case err := <-w.end:
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
		last := f.there
		if f.look(); f.there == last || broken != nil { // the kernel cannot be stopped
			continue
		}
		f.prepare()
		w.hold(f.there-freed > farBehind)
		var done int
		done, broken = take(f.there - tear)
		for to := border(buf, freed+1); to <= done; to = border(buf, to+1) {
			release(buf[freed:to])
			freed = to
		}
	}
}

// writer is the thread in which the kernel writes. It is ended with the reading.
type writer struct {
	end    chan error
	thread chan int
	id     int
	usual  int // what it had of priority, as getpriority(2) tells
	held   bool
}

func (w *writer) run(read func() error) {
	runtime.LockOSThread() // and never unlocked
	w.thread <- unix.Gettid()
	w.end <- read()
}

// hold lets all else on the machine go before the kernel's writing where memory grows
// because we do not get to read it, and takes that back where it may.
func (w *writer) hold(on bool) {
	if on == w.held {
		return
	}
	w.held = on
	if w.id == 0 {
		w.id = <-w.thread
		w.usual, _ = unix.Getpriority(unix.PRIO_PROCESS, w.id)
	}
	nice := 20 - w.usual
	if on {
		nice = 19
	}
	_ = unix.Setpriority(unix.PRIO_PROCESS, w.id, nice)
}

// follower sees how far the kernel has come. Where nothing was prepared it sees so by the
// pages that were touched: they come in huge pages or in small ones, never beyond the huge
// page that is written to. Else by what is no zero: an entry has its size in it.
type follower struct {
	buf   []byte
	there int // all before has been written, but for the last tear
	ready int // all before is there, written or not
	seen  [hugePage / smallPage]byte
}

// prepare has the memory that comes next made by this thread, while the kernel still
// writes to what is before: a huge page costs a tenth of what writing it does. Where a
// processor does not let others see its writes in their order, nothing is.
func (f *follower) prepare() {
	if runtime.GOARCH != "amd64" {
		return
	}
	to := min(border(f.buf, border(f.buf, f.there+1)+1), len(f.buf))
	if to <= f.ready {
		return
	}
	if unix.Madvise(f.buf[f.ready:to], unix.MADV_POPULATE_WRITE) == nil { // since Linux 5.14
		f.ready = to
	}
}

func (f *follower) look() {
	for f.there < f.ready {
		// One entry may be zeroes for long.
		at := f.there + smallPage
		for ; at < f.ready && at <= f.there+tear && zero(f.buf[at:at+smallPage]); at += smallPage {
		}
		if at >= f.ready && f.ready < len(f.buf) {
			break // what is behind tells
		}
		if at >= f.ready || at > f.there+tear {
			return
		}
		f.there = at
	}
	for at := border(f.buf, max(f.there, f.ready)); at < len(f.buf) && touched(f.buf[at:min(at+hugePage, len(f.buf))], f.seen[:]); at = border(f.buf, at+1) {
		f.there = at
	}
}

func zero(page []byte) bool {
	for b := page; len(b) >= 8; b = b[8:] {
		if binary.NativeEndian.Uint64(b) != 0 {
			return false
		}
	}
	return true
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
