package rules

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
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
	fd     int // -1 while there is none
	buf    []byte
	pause  func(context.Context, time.Duration) error // a test puts its own here
	// packets is each table's blob.packets as it was last.
	packets map[string]uint64
	// known are tables that the caller says are there, for where the kernel won't list them.
	known []string
}

// legacyState is what the kernel has of one family.
type legacyState struct {
	names []string // in the kernel's order
	blobs map[string]*blob
	// unlisted says why the names could not be read.
	unlisted error
}

// namesFile lists the registered tables. /proc/net is the main thread's: it would be
// another namespace's.
func (l *legacySocket) namesFile() string {
	if l.family == model.FamilyIPv6 {
		return "/proc/thread-self/net/ip6_tables_names"
	}
	return "/proc/thread-self/net/ip_tables_names"
}

// names lists the registered tables. Asking for any other table would create it.
func (l *legacySocket) names() ([]string, error) {
	var text []byte
	err := l.ns.Do(func() (err error) {
		text, err = os.ReadFile(l.namesFile())
		return err
	})
	if errors.Is(err, fs.ErrNotExist) { // x_tables is not loaded
		return nil, nil
	}
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

func (l *legacySocket) close() error {
	if l.fd < 0 {
		return nil
	}
	err := unix.Close(l.fd)
	l.fd = -1
	return err
}

func (l *legacySocket) getsockopt(opt int, b []byte) error {
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

// read gets every registered table.
func (l *legacySocket) read(ctx context.Context) (legacyState, error) {
	st := legacyState{blobs: map[string]*blob{}}
	st.names, st.unlisted = l.names()
	if st.unlisted != nil {
		st.names = l.known
	}
	if len(st.names) == 0 {
		return st, nil
	}
	if err := l.open(); err != nil {
		return st, err
	}
	for _, name := range st.names {
		b, err := l.settled(ctx, name)
		if err != nil {
			return st, fmt.Errorf("read the legacy table %s of %s: %w", name, familyWord(l.family), err)
		}
		st.blobs[name] = b
	}
	return st, nil
}

// settled reads a table and, where its counters fell, again for a quarter of a second:
// whoever replaces a table puts in the new one with counters of zero first and adds
// the old counts in a second step. Counters that stay low were zeroed.
func (l *legacySocket) settled(ctx context.Context, table string) (*blob, error) {
	wait := time.Millisecond
	for {
		b, err := l.table(table)
		fell := err == nil && b.packets < l.packets[table]
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			return nil, err
		}
		if err == nil && !fell || wait > 128*time.Millisecond {
			if err == nil {
				l.packets[table] = b.packets
			}
			return b, err
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

// table reads one table. EAGAIN means that it was replaced between the two calls.
func (l *legacySocket) table(name string) (*blob, error) {
	head := make([]byte, infoSize)
	copy(head[:nameSize-1], name)
	if err := l.getsockopt(getInfo, head); err != nil {
		return nil, err
	}
	info, err := decodeInfo(head)
	if err != nil {
		return nil, err
	}
	need := entriesOff + int(info.size)
	if cap(l.buf) < need {
		l.buf = make([]byte, need)
	}
	b := l.buf[:need]
	clear(b) // the kernel leaves the bytes behind a match's name as they are
	copy(b[:nameSize-1], name)
	binary.NativeEndian.PutUint32(b[nameSize:], info.size)
	if err := l.getsockopt(getEntries, b); err != nil {
		return nil, err
	}
	return walkBlob(layoutOf(l.family), info, b[entriesOff:])
}

func familyWord(f model.Family) string {
	if f == model.FamilyIPv6 {
		return "IPv6"
	}
	return "IPv4"
}
