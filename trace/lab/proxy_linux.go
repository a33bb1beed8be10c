package lab

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What getsockopt is asked for the destination that a connection had before REDIRECT or
// DNAT (linux/netfilter_ipv4.h, linux/netfilter_ipv6/ip6_tables.h).
const (
	soOriginalDst     = 80
	ip6tSoOriginalDst = 80
)

// wanted is the proxy's answer: where a connection was going before it was redirected.
func wanted(c net.Conn, name, host string) string {
	to, err := originalDst(c)
	if err != nil {
		return fmt.Sprintf("%s on %s: nobody knows where you wanted to go: %v\n", name, host, err)
	}
	return fmt.Sprintf("%s on %s: you wanted %s\n", name, host, to)
}

// originalDst asks conntrack, by way of the socket, for the destination that its client
// called.
func originalDst(c net.Conn) (to netip.AddrPort, err error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return to, fmt.Errorf("not a socket")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return to, err
	}
	v6 := false
	if a, ok := c.LocalAddr().(*net.TCPAddr); ok {
		v6 = a.IP.To4() == nil
	}
	cerr := raw.Control(func(fd uintptr) { to, err = getOriginalDst(int(fd), v6) })
	if cerr != nil {
		return to, cerr
	}
	return to, err
}

func getOriginalDst(fd int, v6 bool) (netip.AddrPort, error) {
	// A sockaddr_in6 has room for either.
	var sa unix.RawSockaddrInet6
	level, name, size := unix.SOL_IP, soOriginalDst, uint32(unix.SizeofSockaddrInet4)
	if v6 {
		level, name, size = unix.SOL_IPV6, ip6tSoOriginalDst, unix.SizeofSockaddrInet6
	}
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name),
		uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return netip.AddrPort{}, fmt.Errorf("getsockopt SO_ORIGINAL_DST: %w", errno)
	}
	raw := (*[unix.SizeofSockaddrInet6]byte)(unsafe.Pointer(&sa))
	port := binary.BigEndian.Uint16(raw[2:4]) // in both forms behind the family
	if v6 {
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(raw[8:24])), port), nil
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw[4:8])), port), nil
}
