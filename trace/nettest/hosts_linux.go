package nettest

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
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

// GiveUp waits until a host asks for a neighbour by an interface, and has it give the neighbour
// up at once: what waited for it is dropped by this call, not by a timer, of whose drops the
// kernel does not always tell (docs/drop-events.md). The host should be patient
// (retrans_time_ms). It does not forget the entry that failed, as it may where it has many.
func GiveUp(t testing.TB, ns *netns.Handle, dev, addr string) {
	t.Helper()
	links(t, ns, func(h *netlink.Handle) error {
		link, err := h.LinkByName(dev)
		if err != nil {
			return err
		}
		ip := net.ParseIP(addr)
		family := netlink.FAMILY_V6
		if ip.To4() != nil {
			family = netlink.FAMILY_V4
		}
		again := time.NewTicker(time.Millisecond)
		defer again.Stop()
		for deadline := time.Now().Add(InVain); ; <-again.C {
			list, err := h.NeighList(link.Attrs().Index, family)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(list, func(n netlink.Neigh) bool { return n.IP.Equal(ip) && n.State == netlink.NUD_INCOMPLETE }) {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("nobody asks for %s by %s: %v", addr, dev, list)
			}
		}
		return h.NeighSet(&netlink.Neigh{LinkIndex: link.Attrs().Index, Family: family, IP: ip, State: netlink.NUD_FAILED, Flags: unix.NTF_EXT_LEARNED})
	})
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
