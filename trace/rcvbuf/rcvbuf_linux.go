package rcvbuf

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Grow asks for a buffer of want bytes: SO_RCVBUFFORCE first, which needs
// CAP_NET_ADMIN in the first user namespace, then SO_RCVBUF, which the kernel cuts
// at net.core.rmem_max.
func Grow(c syscall.RawConn, want int) (Grown, error) {
	var g Grown
	err := control(c, func(fd int) error {
		forced := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, want) == nil
		if !forced {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, want); err != nil {
				return fmt.Errorf("set the receive buffer to %d bytes: %w", want, err)
			}
		}
		got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		if err != nil {
			return fmt.Errorf("read the size of the receive buffer: %w", err)
		}
		g = grown(want, got/2, forced)
		return nil
	})
	return g, err
}

// The places in SO_MEMINFO's array (include/uapi/linux/sock_diag.h).
const (
	memRmemAlloc = 0
	memDrops     = 8
	memVars      = 9
)

// Read tells the buffer's state by getsockopt SO_MEMINFO (Linux 4.12).
func Read(c syscall.RawConn) (s State, err error) {
	err = control(c, func(fd int) (err error) {
		s, err = ReadFd(fd)
		return err
	})
	return s, err
}

// ReadFd is Read for who holds the file descriptor already.
func ReadFd(fd int) (State, error) {
	var v [memVars]uint32
	n := uint32(unsafe.Sizeof(v))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&v)), uintptr(unsafe.Pointer(&n)), 0)
	if errno != 0 {
		return State{}, fmt.Errorf("read the socket's drops (SO_MEMINFO): %w", errno)
	}
	return State{Queued: v[memRmemAlloc], Drops: v[memDrops]}, nil
}

func control(c syscall.RawConn, fn func(fd int) error) error {
	var err error
	if cerr := c.Control(func(fd uintptr) { err = fn(int(fd)) }); cerr != nil {
		return cerr
	}
	return err
}
