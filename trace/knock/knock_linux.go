package knock

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/trace/netns"
)

// Knock sends until something comes back, at most Tries times, and says what that was.
// The error is for what is no answer of the network's.
func Knock(ctx context.Context, ns *netns.Handle, d Door) (Back, error) {
	ctx, stop := context.WithTimeout(ctx, Tries*Wait)
	defer stop()
	switch d.Proto {
	case model.ProtoTCP:
		return d.tcp(ctx, ns)
	case model.ProtoUDP:
		return d.udp(ctx, ns)
	}
	return d.echo(ctx, ns)
}

// said puts an error of the network in words; one that is not the network's stays.
func said(err error) (Back, error) {
	var no syscall.Errno
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return Back{Words: "nothing came back"}, nil
	case errors.Is(err, syscall.EPERM):
		return Back{Words: "this host's own rules refused it (operation not permitted)"}, nil
	case errors.As(err, &no):
		switch no {
		case unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EACCES, unix.EINVAL, unix.EMSGSIZE, unix.ENOPROTOOPT, unix.ECONNRESET, unix.ENETDOWN:
			return Back{Words: no.Error(), Refused: true}, nil
		}
	}
	return Back{}, err
}

// local is the address to send from, nil for the kernel's choice.
func (d Door) local() *net.TCPAddr {
	if !d.Src.IsValid() && d.SPort == 0 {
		return nil
	}
	a := &net.TCPAddr{Port: int(d.SPort)}
	if d.Src.IsValid() {
		a.IP = d.Src.AsSlice()
	}
	return a
}

// tcp connects. The kernel sends the SYN again by itself, each after twice the time of
// the one before: TCP_SYNCNT bounds that.
func (d Door) tcp(ctx context.Context, ns *netns.Handle) (Back, error) {
	dial := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_SYNCNT, Tries-1) }); cerr != nil {
			return cerr
		}
		return err
	}}
	if a := d.local(); a != nil {
		dial.LocalAddr = a
	}
	err := ns.Do(func() error {
		c, err := dial.DialContext(ctx, "tcp", netip.AddrPortFrom(d.Dst, d.Port).String())
		if err == nil {
			_ = c.Close()
		}
		return err
	})
	if err == nil {
		return Back{Words: "connected"}, nil
	}
	b, err := said(err)
	if b.Refused { // the same errors come from afar, by ICMP
		b.Unsent = ns.Do(func() error { c, err := d.datagrams(ctx); return errors.Join(err, shut(c)) }) != nil
	}
	return b, err
}

// shut closes a connection, if there is one.
func shut(c net.Conn) error {
	if c == nil {
		return nil
	}
	return c.Close()
}

// datagrams gives a connected UDP socket. To connect it the kernel looks for a way, and
// sends nothing.
func (d Door) datagrams(ctx context.Context) (net.Conn, error) {
	dial := net.Dialer{}
	if a := d.local(); a != nil {
		dial.LocalAddr = (*net.UDPAddr)(a)
	}
	return dial.DialContext(ctx, "udp", netip.AddrPortFrom(d.Dst, d.Port).String())
}

// unsent is said of an error from before anything was sent.
func unsent(err error) (Back, error) {
	b, err := said(err)
	b.Unsent = b.Refused
	return b, err
}

// udp sends a datagram of one byte and waits for whatever comes.
func (d Door) udp(ctx context.Context, ns *netns.Handle) (Back, error) {
	var c net.Conn
	err := ns.Do(func() (err error) {
		c, err = d.datagrams(ctx)
		return err
	})
	if err != nil {
		return unsent(err)
	}
	defer c.Close()
	return again(ctx, c, func(int) []byte { return []byte("?") }, func([]byte) bool { return true })
}

// echo sends an ICMP echo by a socket that any user may have, where the kernel lets them
// (net.ipv4.ping_group_range), else by a raw one.
func (d Door) echo(ctx context.Context, ns *netns.Handle) (Back, error) {
	family, request, reply := unix.AF_INET, byte(8), byte(0)
	if d.Dst.Is6() {
		family, request, reply = unix.AF_INET6, 128, 129
	}
	var f *os.File
	raw := false
	err := ns.Do(func() error {
		fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(d.Proto))
		if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
			raw = true
			fd, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(d.Proto))
		}
		if err != nil {
			return errNoSocket{err}
		}
		f = os.NewFile(uintptr(fd), "echo")
		if d.Src.IsValid() {
			if err := unix.Bind(fd, address(d.Src)); err != nil {
				return err
			}
		}
		return unix.Connect(fd, address(d.Dst))
	})
	if f != nil {
		defer f.Close()
	}
	if errors.As(err, &errNoSocket{}) {
		return Back{}, err
	}
	if err != nil {
		return unsent(err)
	}
	id := uint16(os.Getpid())
	ask := func(n int) []byte {
		b := make([]byte, 16)
		b[0] = request
		binary.BigEndian.PutUint16(b[4:], id)
		binary.BigEndian.PutUint16(b[6:], uint16(n))
		if family == unix.AF_INET { // of ICMPv6 the kernel makes the sum
			binary.BigEndian.PutUint16(b[2:], checksum(b))
		}
		return b
	}
	return again(ctx, f, ask, func(b []byte) bool {
		if raw && family == unix.AF_INET && len(b) > 0 { // with the IP header in front
			b = b[min(len(b), int(b[0]&15)*4):]
		}
		return len(b) >= 8 && b[0] == reply && (!raw || binary.BigEndian.Uint16(b[4:]) == id)
	})
}

// errNoSocket says that there is no socket for an echo; the network has no part in it.
type errNoSocket struct{ err error }

func (e errNoSocket) Error() string {
	return fmt.Sprintf("a socket for an ICMP echo: %v; it takes CAP_NET_RAW, or a group within net.ipv4.ping_group_range", e.err)
}

func address(a netip.Addr) unix.Sockaddr {
	if a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4()}
	}
	return &unix.SockaddrInet6{Addr: a.As16()}
}

// checksum is the sum of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// conn is what is sent by.
type conn interface {
	Write([]byte) (int, error)
	Read([]byte) (int, error)
	SetReadDeadline(time.Time) error
}

// again sends until an answer comes.
func again(ctx context.Context, c conn, ask func(n int) []byte, is func([]byte) bool) (Back, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	b := make([]byte, 2048)
	for try := 1; try <= Tries && ctx.Err() == nil; try++ {
		if _, err := c.Write(ask(try)); err != nil {
			return said(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(Wait)); err != nil {
			return Back{}, fmt.Errorf("wait for an answer: %w", err)
		}
		for ctx.Err() == nil {
			n, err := c.Read(b)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return said(err)
			}
			if is(b[:n]) {
				return Back{Words: "answered"}, nil
			}
		}
	}
	return Back{Words: "nothing came back"}, nil
}
