package nettest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// FixNeighbours tells every host the MAC addresses of its neighbours, so that nothing
// waits for them.
func (n *Routed) FixNeighbours(t testing.TB) {
	t.Helper()
	for _, l := range []struct {
		ns        *netns.Handle
		dev, peer string
		of        *netns.Handle
		addrs     [2]string
	}{
		{n.Client, "c0", "r0", n.Router, [2]string{"10.1.0.1", "fd01::1"}}, {n.Router, "r0", "c0", n.Client, [2]string{"10.1.0.2", "fd01::2"}},
		{n.Router, "r1", "s0", n.Server, [2]string{"10.2.0.2", "fd02::2"}}, {n.Server, "s0", "r1", n.Router, [2]string{"10.2.0.1", "fd02::1"}},
	} {
		mac := MAC(t, l.of, l.peer)
		var batch strings.Builder
		for _, a := range l.addrs {
			fmt.Fprintf(&batch, "neigh replace %s lladdr %s dev %s nud permanent\n", a, mac, l.dev)
		}
		Feed(t, l.ns, batch.String(), "ip", "-batch", "-")
	}
}

// FillBacklog has the server listen at a TCP port and accept nothing, and connects from
// the client until its queue is over.
func (n *Routed) FillBacklog(t testing.TB, v6 bool, port int) {
	t.Helper()
	family, to := unix.AF_INET, "10.2.0.2"
	var at unix.Sockaddr = &unix.SockaddrInet4{Port: port}
	if v6 {
		family, to, at = unix.AF_INET6, "[fd02::2]", &unix.SockaddrInet6{Port: port}
	}
	Do(t, n.Server, func() error {
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		if v6 {
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
				return err
			}
		}
		if err := unix.Bind(fd, at); err != nil {
			return err
		}
		return unix.Listen(fd, 0) // one connection may wait
	})
	where := fmt.Sprintf("%s:%d", to, port)
	if _, err := Dial(t, n.Client, "tcp", "", where, time.Minute); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		SYN(t, n.Client, where)
	}
}
