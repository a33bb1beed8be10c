package ifname

import (
	"fmt"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"nfscope/trace/netns"
)

// retry is how long an index that was not found is not asked for again.
const retry = time.Second

// Table is the interfaces of one namespace. An index is looked up once, over one
// rtnetlink socket that stays in the namespace; interfaces that come later are found
// when they are asked for. A rename while the table is in use is not seen.
type Table struct {
	conn *netlink.Handle

	mu    sync.RWMutex
	names map[uint32]string
	gone  map[uint32]time.Time
}

// Open opens the table of a namespace. The handle may be closed afterwards.
func Open(ns *netns.Handle) (*Table, error) {
	conn, err := ns.Rtnetlink()
	if err != nil {
		return nil, fmt.Errorf("open rtnetlink in namespace %q: %w", ns.Name(), err)
	}
	return &Table{conn: conn, names: map[uint32]string{}, gone: map[uint32]time.Time{}}, nil
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
	if t.conn != nil {
		if link, err := t.conn.LinkByIndex(int(index)); err == nil {
			t.names[index] = link.Attrs().Name
			delete(t.gone, index)
			return t.names[index]
		}
	}
	t.gone[index] = time.Now()
	return unknown(index)
}

// Close closes the socket. Names already known are still given.
func (t *Table) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn != nil {
		t.conn.Close()
		t.conn = nil
	}
}
