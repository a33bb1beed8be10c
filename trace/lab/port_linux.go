package lab

import (
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"

	"nfscope/model"
)

// ports are those that attempts were sent from. The kernel chooses one at random, and where
// it is one of an earlier attempt to the same place the packet is no new connection's, which
// each step is thought to begin.
type ports struct {
	mu   sync.Mutex
	used map[usedPort]bool
}

type usedPort struct {
	host  string
	proto model.Proto
	port  uint16
}

// mostPorts is how many ports are looked at for one that was not used.
const mostPorts = 64

// unused is a port of the kernel's choice (ip_local_port_range) that no attempt from this host
// had; where there is none among many, one that was used. The calling thread is in the host.
func (p *ports) unused(host string, proto model.Proto, src netip.Addr) (port uint16, err error) {
	kind, family := unix.SOCK_STREAM, unix.AF_INET6
	if proto == model.ProtoUDP {
		kind = unix.SOCK_DGRAM
	}
	if src.Is4() {
		family = unix.AF_INET
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used == nil {
		p.used = map[usedPort]bool{}
	}
	for range mostPorts {
		fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return 0, fmt.Errorf("open a socket: %w", err)
		}
		defer unix.Close(fd) // not before there is one: what is bound is not chosen again
		got, err := bind(fd, src, 0)
		if err != nil {
			if port != 0 { // all are bound
				break
			}
			return 0, err
		}
		port = got
		// A program that is just being started holds a copy of the socket until its exec; the
		// attempt's own is bound beside it.
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return 0, err
		}
		if !p.used[usedPort{host, proto, port}] {
			break
		}
	}
	p.used[usedPort{host, proto, port}] = true
	return port, nil
}

// bind binds a socket to an address and a port, 0 for one of the kernel's choice, and
// gives the port. A port that the step names may have been used a moment ago.
func bind(fd int, src netip.Addr, port uint16) (uint16, error) {
	var sa unix.Sockaddr = &unix.SockaddrInet6{Addr: src.As16(), Port: int(port)}
	if src.Is4() {
		sa = &unix.SockaddrInet4{Addr: src.As4(), Port: int(port)}
	}
	if port != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return 0, err
		}
	}
	if err := unix.Bind(fd, sa); err != nil {
		return 0, fmt.Errorf("bind to %s: %w", netip.AddrPortFrom(src, port), err)
	}
	got, err := unix.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	switch got := got.(type) {
	case *unix.SockaddrInet4:
		return uint16(got.Port), nil
	case *unix.SockaddrInet6:
		return uint16(got.Port), nil
	}
	return 0, fmt.Errorf("a socket of unknown family")
}
