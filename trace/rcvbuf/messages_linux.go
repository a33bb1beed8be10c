package rcvbuf

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Messages is room for the datagrams that one call reads (recvmmsg(2)): a call for each
// is half of what a trace event costs to read.
type Messages struct {
	headers []messageHeader
	vectors []unix.Iovec
	buffers [][]byte
}

// messageHeader is struct mmsghdr (linux/socket.h).
type messageHeader struct {
	head unix.Msghdr
	size uint32
}

// NewMessages makes room for count datagrams of at most size bytes.
func NewMessages(count, size int) *Messages {
	m := &Messages{make([]messageHeader, count), make([]unix.Iovec, count), make([][]byte, count)}
	all := make([]byte, count*size)
	for i := range count {
		m.buffers[i] = all[i*size : (i+1)*size]
		m.vectors[i].Base = &m.buffers[i][0]
		m.vectors[i].SetLen(size)
		m.headers[i].head.Iov = &m.vectors[i]
		m.headers[i].head.SetIovlen(1)
	}
	return m
}

// Read takes the datagrams that wait, as many as most at most, and gives their number. It
// does not block: where none waits the error is EAGAIN. An error that comes behind a
// datagram is given by the next call.
func (m *Messages) Read(fd, most int) (n int, err error) {
	r, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&m.headers[0])),
		uintptr(min(most, len(m.headers))), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}

// At is the i-th datagram of the last Read; cut tells that it was longer than its room.
func (m *Messages) At(i int) (b []byte, cut bool) {
	h := &m.headers[i]
	return m.buffers[i][:h.size], h.head.Flags&unix.MSG_TRUNC != 0
}
