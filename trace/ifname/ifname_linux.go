package ifname

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// retry is how long an index that was not found is not asked for again.
const retry = time.Second

// Table is the interfaces of one namespace. An index is looked up once, over one
// socket that stays in the namespace; interfaces that come later are found
// when they are asked for. A rename while the table is in use is not seen.
//
// It asks by SIOCGIFNAME (netdevice(7)), which waits for no lock. rtnetlink waits for all
// who make or remove interfaces anywhere on the host: 127 ms beside six that build and
// remove namespaces, where this took 5 ms at most. So long a reader must not stand still.
type Table struct {
	fd int // -1 when closed

	mu    sync.RWMutex
	names map[uint32]string
	gone  map[uint32]time.Time
}

// Open opens the table of a namespace. The handle may be closed afterwards.
func Open(ns *netns.Handle) (*Table, error) {
	t := &Table{names: map[uint32]string{}, gone: map[uint32]time.Time{}}
	err := ns.Do(func() (err error) {
		t.fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open a socket for the names of interfaces in namespace %q: %w", ns.Name(), err)
	}
	return t, nil
}

// Name gives the interface's name, "" for index 0, and if12 where there is no
// interface 12.
func (t *Table) Name(index uint32) string {
	if index == 0 {
		return ""
	}
	t.mu.RLock()
	name, ok := t.names[index]
	t.mu.RUnlock()
	if ok {
		return name
	}
	return t.look(index)
}

func (t *Table) look(index uint32) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if name, ok := t.names[index]; ok {
		return name
	}
	if at, ok := t.gone[index]; ok && time.Since(at) < retry {
		return unknown(index)
	}
	if name, err := t.ask(index); err == nil {
		t.names[index] = name
		delete(t.gone, index)
		return name
	}
	t.gone[index] = time.Now()
	return unknown(index)
}

// ask asks the kernel.
func (t *Table) ask(index uint32) (string, error) {
	r, err := unix.NewIfreq("")
	if err != nil {
		return "", err
	}
	r.SetUint32(index)
	if err := unix.IoctlIfreq(t.fd, unix.SIOCGIFNAME, r); err != nil {
		return "", err
	}
	return r.Name(), nil
}

// Close closes the socket. Names already known are still given.
func (t *Table) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fd >= 0 {
		_ = unix.Close(t.fd)
		t.fd = -1
	}
}
