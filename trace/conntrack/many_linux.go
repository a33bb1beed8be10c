package conntrack

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// many reads many datagrams with one call: each event of conntrack is one, and a call for
// each costs more than to read what it says.
type many struct {
	heads []mmsghdr
	bufs  []byte
	vecs  []unix.Iovec
}

// mmsghdr is struct mmsghdr (recvmmsg(2)).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

const (
	atOnce = 64
	// eventSize is more than an event takes: the kernel makes them in a page
	// (nlmsg_new of NLMSG_DEFAULT_SIZE or less). One that were longer is cut, and told as
	// one that cannot be read.
	eventSize = 8 << 10
)

func newMany() *many {
	m := &many{heads: make([]mmsghdr, atOnce), bufs: make([]byte, atOnce*eventSize), vecs: make([]unix.Iovec, atOnce)}
	for i := range m.heads {
		m.vecs[i].Base = &m.bufs[i*eventSize]
		m.vecs[i].SetLen(eventSize)
		m.heads[i].hdr.Iov = &m.vecs[i]
		m.heads[i].hdr.SetIovlen(1)
	}
	return m
}

// read reads what waits into got, which borrows it until the next read.
func (m *many) read(fd uintptr, got [][]byte) (int, error) {
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&m.heads[0])), uintptr(len(m.heads)), unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == unix.EINTR:
			continue
		case errno != 0:
			return 0, errno
		}
		for i := range int(n) {
			got[i] = m.bufs[i*eventSize:][:m.heads[i].n]
		}
		return int(n), nil
	}
}
