// Package sockdiag asks the kernel which sockets of a namespace wait for somebody, and
// how full their queues are: by sock_diag(7) where the kernel has that, else by /proc/net,
// which makes it load no module.
package sockdiag

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// ErrUnsupported is what every call returns where there is no Linux.
var ErrUnsupported = errors.New("sockets are asked for on Linux")

// Socket is one that waits: of TCP it listens, of others it is open.
type Socket struct {
	At netip.AddrPort
	// Peer is the only one whom a connected socket hears, invalid where it hears all.
	Peer netip.AddrPort
	// Device is the index of the interface that it is bound to, 0 for none.
	Device int
	// Only6 is true of an IPv6 socket that takes no IPv4.
	Only6 bool
	// Unsure6 is true of an IPv6 socket for all addresses of which Only6 is not known:
	// /proc/net does not tell it.
	Unsure6 bool
	// Waiting and Most are of TCP the connections that wait to be accepted and the backlog,
	// -1 where that is not known; of others the bytes that wait to be read and to be sent.
	Waiting, Most int
}

// The messages (linux/netlink.h), the size of struct inet_diag_msg, and its attribute
// INET_DIAG_SKV6ONLY.
const (
	header   = 16
	msgError = 2
	msgDone  = 3
	diagSize = 72
	only6    = 11
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

// socket reads struct inet_diag_msg (linux/inet_diag.h), and of its attributes one.
func socket(b []byte) (s Socket, ok bool) {
	if len(b) < diagSize {
		return s, false
	}
	s.At = end(b[0], b[8:24], b[4:6])
	if peer := end(b[0], b[24:40], b[6:8]); peer.Port() > 0 {
		s.Peer = peer
	}
	s.Device = int(binary.NativeEndian.Uint32(b[40:]))
	s.Waiting, s.Most = int(binary.NativeEndian.Uint32(b[56:])), int(binary.NativeEndian.Uint32(b[60:]))
	for a := b[diagSize:]; len(a) >= 4; {
		n := int(binary.NativeEndian.Uint16(a))
		if n < 4 || n > len(a) {
			break
		}
		if binary.NativeEndian.Uint16(a[2:]) == only6 && n > 4 {
			s.Only6 = a[4] != 0
		}
		a = a[min((n+3)&^3, len(a)):]
	}
	return s, true
}

// end reads an address and a port.
func end(family uint8, addr, port []byte) netip.AddrPort {
	a := netip.AddrFrom4([4]byte(addr))
	if family == inet6 {
		a = netip.AddrFrom16([16]byte(addr))
	}
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(port))
}

// The address families of the kernel.
const (
	inet  = 2
	inet6 = 10
)

// For picks of sockets the one that takes what comes from an address to another by an
// interface, as the kernel does: devices are that and its master, whose sockets a VRF's packets
// are for, none where it is not known. One that is bound to the
// address goes before those for all, and of each kind that goes first which asks most
// (compute_score, net/ipv4/udp.c and inet_hashtables.c). Of several that share a port
// (SO_REUSEPORT) the fullest is taken, since which of them the kernel chose is not known.
// A socket that is Unsure6 counts as one that takes IPv4.
func For(list []Socket, from, to netip.AddrPort, devices ...int) (best Socket, ok bool) {
	most := -1
	for _, s := range list {
		if n := s.score(from, to, devices); n > most || n >= 0 && n == most && s.Waiting > best.Waiting {
			best, most = s, n
		}
	}
	return best, most >= 0
}

// Amiss tells what of a socket is another than what comes from an address to another by an
// interface asks for: its address, the interface or the peer that it is for; as For.
func (s *Socket) Amiss(from, to netip.AddrPort, devices ...int) (addr, device, peer bool) {
	at := s.At.Addr()
	return at.Unmap() != to.Addr() && (!at.IsUnspecified() || at.Is4() && to.Addr().Is6()) || s.Only6 && to.Addr().Is4(),
		s.Device != 0 && len(devices) > 0 && !slices.Contains(devices, s.Device),
		s.Peer.IsValid() && netip.AddrPortFrom(s.Peer.Addr().Unmap(), s.Peer.Port()) != from
}

// score is how well a socket fits, -1 where it does not.
func (s *Socket) score(from, to netip.AddrPort, devices []int) (n int) {
	at := s.At.Addr()
	addr, device, peer := s.Amiss(from, to, devices...)
	switch {
	case s.At.Port() != to.Port() || addr || device || peer:
		return -1
	case at.Unmap() == to.Addr():
		n = 100 // looked for before those for all
	}
	if s.Peer.IsValid() {
		n += 8
	}
	if s.Device != 0 {
		n += 4
	}
	if at.Is4() {
		n++
	}
	return n
}
