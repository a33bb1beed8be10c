package rules

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/trace/netns"
)

const (
	getInfo    = 64 // IPT_SO_GET_INFO and IP6T_SO_GET_INFO
	getEntries = 65 // IPT_SO_GET_ENTRIES and IP6T_SO_GET_ENTRIES
)

// legacySocket reads the legacy tables of one family in one namespace.
type legacySocket struct {
	ns     *netns.Handle
	family model.Family
	fd     int                                        // -1 while there is none
	pause  func(context.Context, time.Duration) error // a test puts its own here
	list   *os.File                                   // namesFile, nil while it is not open
	// effort takes what the kernel's thread of a large table took.
	effort *effort
	// tables are those that were read, by name.
	tables map[string]*legacyTable
	// known are tables that the caller says are there, for where the kernel won't list them.
	known []string
	// refused is true where the last read was, and nothing is known of the tables.
	refused bool
	// ask stands in for the kernel in tests; nil else.
	ask func(opt int, b []byte) error
}

// legacyTable is what stays of a table between two reads, so that the next costs little.
type legacyTable struct {
	blob
	buf []byte // mapped, outside of Go's heap: the collector must not double it
	// trusted is true as long as the bytes in buf that the kernel does not write are
	// those that it did not write for sum either: zeroes.
	trusted bool
	// was is blob.packets as it was last.
	was uint64
}

// legacyState is what the kernel has of one family. Its tables hold until the next read.
type legacyState struct {
	names  []string // in the kernel's order
	tables map[string]*legacyTable
	key    string
	// unlisted says why the names could not be read.
	unlisted error
	// fallback stands in for tables where those were refused; nil where they were not.
	fallback *fallback
}

// namesFile lists the registered tables. /proc/net is the main thread's: it would be
// another namespace's.
func (l *legacySocket) namesFile() string {
	if l.family == model.FamilyIPv6 {
		return "/proc/thread-self/net/ip6_tables_names"
	}
	return "/proc/thread-self/net/ip_tables_names"
}

// names lists the registered tables. Asking for any other table would create it. The
// file stays open: it is of the namespace in which it was opened, and entering one costs
// more than all else that a refresh of the screen does.
func (l *legacySocket) names() ([]string, error) {
	if l.list == nil {
		err := l.ns.Do(func() (err error) {
			l.list, err = os.Open(l.namesFile())
			return err
		})
		if errors.Is(err, fs.ErrNotExist) { // x_tables is not loaded
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	text, err := io.ReadAll(io.NewSectionReader(l.list, 0, 1<<16))
	return strings.Fields(string(text)), err
}

func (l *legacySocket) open() error {
	if l.fd >= 0 {
		return nil
	}
	domain := unix.AF_INET
	if l.family == model.FamilyIPv6 {
		domain = unix.AF_INET6
	}
	return l.ns.Do(func() (err error) {
		l.fd, err = unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err != nil {
			l.fd = -1
			return fmt.Errorf("open a raw socket to read legacy tables: %w", err)
		}
		return nil
	})
}

func (l *legacySocket) close() (err error) {
	for name := range l.tables {
		err = errors.Join(err, l.forget(name))
	}
	if l.list != nil {
		err = errors.Join(err, l.list.Close())
		l.list = nil
	}
	if l.fd < 0 {
		return err
	}
	err = errors.Join(err, unix.Close(l.fd))
	l.fd = -1
	return err
}

// forget gives back the memory of a table.
func (l *legacySocket) forget(name string) error {
	t := l.tables[name]
	delete(l.tables, name)
	return t.unmap()
}

func (t *legacyTable) unmap() error {
	if t.buf == nil {
		return nil
	}
	err := unix.Munmap(t.buf)
	t.buf, t.trusted = nil, false
	return err
}

// rest gives the buffers' memory back to the system until the next read. Zeroes come in
// its place, which is what a table may be read into.
func (l *legacySocket) rest() {
	for _, t := range l.tables {
		if t.buf != nil {
			release(t.buf) // else it only stays
		}
	}
}

func (l *legacySocket) getsockopt(opt int, b []byte) error {
	if l.ask != nil {
		return l.ask(opt, b)
	}
	level := unix.IPPROTO_IP
	if l.family == model.FamilyIPv6 {
		level = unix.IPPROTO_IPV6
	}
	n := uint32(len(b))
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(l.fd), uintptr(level), uintptr(opt),
		uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&n)), 0)
	if e != 0 {
		return e
	}
	return nil
}

// read gets every registered table. One that vanishes meanwhile is left out, so that
// the key becomes another.
func (l *legacySocket) read(ctx context.Context) (legacyState, error) {
	st := legacyState{tables: map[string]*legacyTable{}}
	names, err := l.listed(&st)
	if l.refused = err != nil && len(names) > 0 && allowed(ctx, err); l.refused {
		return l.refuse(names, st, err), nil
	}
	if err != nil {
		return st, err
	}
	for name := range l.tables {
		if !slices.Contains(names, name) {
			_ = l.forget(name)
		}
	}
	for _, name := range names {
		t, err := l.settled(ctx, name)
		switch {
		case errors.Is(err, unix.ENOENT):
			continue
		case err != nil:
			err = fmt.Errorf("read the legacy table %s of %s: %w", name, familyWord(l.family), err)
			if l.refused = allowed(ctx, err); l.refused {
				return l.refuse(names, st, err), nil
			}
			return st, err
		}
		st.names = append(st.names, name)
		st.tables[name] = t
		st.key += name + " " + t.sum.String() + "\n"
	}
	st.key = fmt.Sprintf("%s %s%v", l.family, st.key, st.unlisted)
	return st, nil
}

// refuse is the state of tables that are there and cannot be read.
func (l *legacySocket) refuse(names []string, st legacyState, err error) legacyState {
	for name := range l.tables {
		_ = l.forget(name)
	}
	return legacyState{names: names, unlisted: st.unlisted, fallback: &fallback{refused: err}}
}

// listed gives the names of the tables, with the socket open where there are any.
func (l *legacySocket) listed(st *legacyState) (names []string, err error) {
	names, st.unlisted = l.names()
	if st.unlisted != nil {
		names = l.known
	}
	if len(names) == 0 {
		return nil, nil
	}
	return names, l.open()
}

// same tells, without reading the tables, whether they are by their names and shapes
// those that were read last.
func (l *legacySocket) same() (bool, error) {
	if l.refused { // only reading them all would tell
		return true, nil
	}
	names, err := l.listed(&legacyState{})
	if err != nil || len(names) != len(l.tables) {
		return false, err
	}
	for _, name := range names {
		t := l.tables[name]
		if t == nil {
			return false, nil
		}
		info, err := l.info(name)
		if err != nil || info != t.sum.info {
			return false, err
		}
	}
	return true, nil
}

// settled reads a table and, where its counters fell, again for a quarter of a second:
// whoever replaces a table puts in the new one with counters of zero first and adds
// the old counts in a second step. Counters that stay low were zeroed.
func (l *legacySocket) settled(ctx context.Context, name string) (*legacyTable, error) {
	t := l.tables[name]
	if t == nil {
		t = &legacyTable{}
		l.tables[name] = t
	}
	wait := time.Millisecond
	for {
		err := l.table(name, t)
		fell := err == nil && t.packets < t.was
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			return nil, err
		}
		if err == nil && !fell || wait > 128*time.Millisecond {
			if err == nil {
				t.was = t.packets
			}
			return t, err
		}
		if err := l.pause(ctx, wait); err != nil {
			return nil, err
		}
		wait *= 2
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// info asks for a table's shape. A name that is not registered would be created.
func (l *legacySocket) info(name string) (tableInfo, error) {
	var head [infoSize]byte
	copy(head[:nameSize-1], name)
	if err := l.getsockopt(getInfo, head[:]); err != nil {
		return tableInfo{}, err
	}
	return decodeInfo(head[:])
}

// table reads one table. EAGAIN means that it was replaced between the two calls.
//
// The kernel leaves the bytes behind the end of a match's or target's name as they are
// in our buffer, so what stands there must always be the same, or the sum is not that
// of the rules. It need not be cleared before each read: where the rules are the same
// as last time the kernel writes the same bytes and leaves the same ones, and these
// were zero. Where the sum is another than last time, the buffer is cleared and the
// table read once more.
func (l *legacySocket) table(name string, t *legacyTable) error {
	info, err := l.info(name)
	if err != nil {
		return err
	}
	if err := t.room(entriesOff + int(info.size)); err != nil {
		return err
	}
	last, trusted := t.sum, t.trusted && info == t.sum.info
	t.trusted = false
	if !trusted {
		t.wipe()
	}
	if err := l.entries(name, info, t, !trusted); err != nil {
		return err
	}
	if trusted && t.sum != last {
		t.wipe()
		if err := l.entries(name, info, t, true); err != nil {
			return err
		}
	}
	t.trusted = true
	return nil
}

// entries reads and scans a table's entries, and finds its chains where it is told to.
func (l *legacySocket) entries(name string, info tableInfo, t *legacyTable, chains bool) error {
	b := t.buf[:entriesOff+int(info.size)]
	clear(b[:entriesOff])
	copy(b[:nameSize-1], name)
	binary.NativeEndian.PutUint32(b[nameSize:], info.size)
	s, err := t.begin(layoutOf(l.family), info, b[entriesOff:], chains)
	if err != nil {
		return err
	}
	read := func() error { return l.getsockopt(getEntries, b) }
	if len(t.buf) < large || os.Getpagesize() != smallPage {
		err = read()
	} else {
		err = follow(t.buf, func() error { defer l.effort.on()(); return read() }, func(there int) (int, error) {
			err := s.follow(max(0, min(there-entriesOff, len(s.entries))))
			return entriesOff + s.hashed, err
		})
	}
	if err != nil {
		return err
	}
	return s.finish()
}

// wipe makes the buffer zeroes. A large one is given back: a page that was touched is
// one that the kernel has written to.
func (t *legacyTable) wipe() {
	if len(t.buf) < large {
		clear(t.buf)
		return
	}
	release(t.buf)
}

// room makes the buffer large enough, and gives back one that is far too large.
func (t *legacyTable) room(need int) error {
	if need <= len(t.buf) && len(t.buf) <= 2*need+hugePage {
		return nil
	}
	if err := t.unmap(); err != nil {
		return err
	}
	size := (need + 4095) &^ 4095
	if need > hugePage {
		size = (need + hugePage - 1) &^ (hugePage - 1)
	}
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("get %d bytes of memory: %w", size, err)
	}
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE) // a table of 60 MB is 15,000 small pages
	t.buf = b
	return nil
}

func familyWord(f model.Family) string {
	if f == model.FamilyIPv6 {
		return "IPv6"
	}
	return "IPv4"
}
