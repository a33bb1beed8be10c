package nettest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// Kernel skips the test, with the reason, where it cannot run: without root or
// without one of the programs. With NFSCOPE_REQUIRE_KERNEL=1 that is a failure.
func Kernel(t testing.TB, programs ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		Skip(t, "needs root to make network namespaces")
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			Skip(t, "needs the program "+p)
		}
	}
}

var count atomic.Int64

// New makes a namespace of the test's own, with lo up, and removes it at the end.
func New(t testing.TB, role string) *netns.Handle {
	t.Helper()
	h, err := netns.Create(fmt.Sprintf("nfs-test-%d-%d-%s", os.Getpid(), count.Add(1), role))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Remove(); err != nil {
			t.Error(err)
		}
	})
	// A router asks for no IPv6 neighbour before its link-local address is sure, a second or
	// two after the link is up (ndisc_solicit, net/ipv6/ndisc.c).
	Do(t, h, func() (err error) {
		for _, which := range []string{"all", "default"} {
			err = errors.Join(err, os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/accept_dad", []byte("0"), 0))
		}
		return err
	})
	links(t, h, func(l *netlink.Handle) error {
		lo, err := l.LinkByName("lo")
		if err != nil {
			return err
		}
		return l.LinkSetUp(lo)
	})
	return h
}

// Run runs a program in a namespace and gives its output; it fails the test if the
// program fails.
func Run(t testing.TB, h *netns.Handle, name string, args ...string) string {
	t.Helper()
	return Feed(t, h, "", name, args...)
}

// Feed is Run with standard input, as iptables-restore and nft -f - want it.
func Feed(t testing.TB, h *netns.Handle, stdin, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := h.Output(ctx, []byte(stdin), name, args...)
	if err != nil {
		t.Fatalf("in %s: %v", h.Name(), err)
	}
	return string(out)
}

// Do runs fn in a namespace and fails the test with its error.
func Do(t testing.TB, h *netns.Handle, fn func() error) {
	t.Helper()
	if err := h.Do(fn); err != nil {
		t.Fatal(err)
	}
}

// Echo serves TCP and UDP on a port of a namespace until the test ends: whatever
// comes is sent back.
func Echo(t testing.TB, h *netns.Handle, port int) {
	t.Helper()
	Do(t, h, func() error {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { _ = echo(c) }()
			}
		}()
		u, err := net.ListenPacket("udp", fmt.Sprintf(":%d", port))
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = u.Close() })
		go func() {
			b := make([]byte, 2048)
			for {
				n, from, err := u.ReadFrom(b)
				if err != nil {
					return
				}
				_, _ = u.WriteTo(b[:n], from)
			}
		}()
		return nil
	})
}

func echo(c net.Conn) error {
	defer c.Close()
	b := make([]byte, 2048)
	for {
		n, err := c.Read(b)
		if err != nil {
			return err
		}
		if _, err := c.Write(b[:n]); err != nil {
			return err
		}
	}
}

// Dial opens a connection from a namespace; network and address are net.Dial's,
// local is "" or the address to bind. It gives the error of the attempt, nil when
// the connection stands; the connection is closed when the test ends.
func Dial(t testing.TB, h *netns.Handle, network, local, address string, wait time.Duration) (net.Conn, error) {
	t.Helper()
	var c net.Conn
	err := h.Do(func() (err error) {
		d := net.Dialer{Timeout: wait, KeepAlive: -1} // no packet that nobody sent
		if local != "" {
			if strings.HasPrefix(network, "udp") {
				d.LocalAddr, err = net.ResolveUDPAddr(network, local)
			} else {
				d.LocalAddr, err = net.ResolveTCPAddr(network, local)
			}
			if err != nil {
				return err
			}
		}
		c, err = d.Dial(network, address)
		return err
	})
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

// SYN sends the first packet of a TCP connection to an address and a port, once: nobody waits
// for an answer.
func SYN(t testing.TB, h *netns.Handle, address string) {
	t.Helper()
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		t.Fatal(err)
	}
	family := unix.AF_INET6
	var at unix.Sockaddr = &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	if to.Addr().Is4() {
		family, at = unix.AF_INET, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	}
	Do(t, h, func() error {
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Connect(fd, at); err != nil && err != unix.EINPROGRESS && err != unix.ECONNREFUSED {
			return fmt.Errorf("connect to %s: %w", address, err)
		}
		return nil
	})
}
