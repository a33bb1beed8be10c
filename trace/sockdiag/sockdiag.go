// Package sockdiag asks the kernel which sockets of a namespace wait for somebody, and
// how full their queues are (sock_diag(7)).
package sockdiag

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// ErrUnsupported is what every call returns where there is no Linux.
var ErrUnsupported = errors.New("sockets are asked for on Linux")

// Socket is one that waits: of TCP it listens, of others it is open.
type Socket struct {
	At netip.AddrPort
	// Waiting and Most are of TCP the connections that wait to be accepted and the backlog;
	// of others the bytes that wait to be read and to be sent.
	Waiting, Most int
}

// The messages (linux/netlink.h), and the size of struct inet_diag_msg.
const (
	header   = 16
	msgError = 2
	msgDone  = 3
	diagSize = 72
)

// answer reads a datagram of sock_diag, and tells whether it was the last.
func answer(b []byte) (list []Socket, done bool, err error) {
	for len(b) >= header {
		n := int(binary.NativeEndian.Uint32(b))
		if n < header || n > len(b) {
			return list, true, fmt.Errorf("sock_diag: a message of %d bytes in %d", n, len(b))
		}
		body := b[header:n]
		switch binary.NativeEndian.Uint16(b[4:]) {
		case msgDone:
			return list, true, nil
		case msgError:
			if len(body) >= 4 {
				if e := int32(binary.NativeEndian.Uint32(body)); e < 0 {
					return list, true, syscall.Errno(-e)
				}
			}
		default:
			if s, ok := socket(body); ok {
				list = append(list, s)
			}
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return list, false, nil
}

// socket reads struct inet_diag_msg (linux/inet_diag.h).
func socket(b []byte) (s Socket, ok bool) {
	if len(b) < diagSize {
		return s, false
	}
	addr := netip.AddrFrom4([4]byte(b[8:12]))
	if b[0] == inet6 {
		addr = netip.AddrFrom16([16]byte(b[8:24]))
	}
	s.At = netip.AddrPortFrom(addr, binary.BigEndian.Uint16(b[4:]))
	s.Waiting, s.Most = int(binary.NativeEndian.Uint32(b[56:])), int(binary.NativeEndian.Uint32(b[60:]))
	return s, true
}

// The address families of the kernel.
const (
	inet  = 2
	inet6 = 10
)

// For picks of sockets the one that takes what is sent to an address: bound to it, or to
// all of its family; an IPv6 socket for all takes IPv4 too where no other does.
func For(list []Socket, to netip.AddrPort) (best Socket, ok bool) {
	score := 0
	for _, s := range list {
		if s.At.Port() != to.Port() {
			continue
		}
		n := 0
		switch a := s.At.Addr(); {
		case a.Unmap() == to.Addr():
			n = 3
		case a.IsUnspecified() && a.Is4() == to.Addr().Is4():
			n = 2
		case a.IsUnspecified() && a.Is6():
			n = 1
		}
		if n > score {
			best, score = s, n
		}
	}
	return best, score > 0
}
