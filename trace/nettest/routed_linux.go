package nettest

import (
	"fmt"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// Routed is a client, a router that forwards and a server:
//
//	client c0 10.1.0.2 --- 10.1.0.1 r0 router r1 10.2.0.1 --- 10.2.0.2 s0 server
//
// and the same with fd01::2, fd01::1, fd02::1, fd02::2.
type Routed struct{ Client, Router, Server *netns.Handle }

// NewRouted builds a Routed network. It goes over netlink, without a program, for there
// are hundreds of them in a run.
func NewRouted(t testing.TB) *Routed {
	t.Helper()
	Kernel(t)
	n := &Routed{New(t, "client"), New(t, "router"), New(t, "server")}
	for _, ns := range []*netns.Handle{n.Client, n.Router, n.Server} {
		for _, of := range []string{"all", "default"} {
			Sysctl(t, ns, "net/ipv6/conf/"+of+"/accept_dad", "0") // a neighbour is asked for from a link's own address
		}
	}
	n.link(t, n.Client, "c0", "r0", 1)
	n.link(t, n.Server, "s0", "r1", 2)
	Sysctl(t, n.Router, "net/ipv4/ip_forward", "1")
	Sysctl(t, n.Router, "net/ipv6/conf/all/forwarding", "1")
	AwaitUp(t, n.Client, n.Router, n.Server)
	return n
}

// link ties a host to the router by net number k, and has it send everything there.
func (n *Routed) link(t testing.TB, host *netns.Handle, dev, rdev string, k int) {
	t.Helper()
	at := func(last int) []string {
		return []string{fmt.Sprintf("10.%d.0.%d/24", k, last), fmt.Sprintf("fd%02d::%d/64", k, last)}
	}
	links(t, host, func(h *netlink.Handle) error {
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: dev, TxQLen: -1}, PeerName: rdev, PeerNamespace: netlink.NsFd(n.Router.Fd())}
		if err := h.LinkAdd(veth); err != nil {
			return err
		}
		return up(h, dev, at(2)...)
	})
	links(t, n.Router, func(h *netlink.Handle) error { return up(h, rdev, at(1)...) })
	links(t, host, func(h *netlink.Handle) error {
		for _, gw := range []string{fmt.Sprintf("10.%d.0.1", k), fmt.Sprintf("fd%02d::1", k)} {
			if err := h.RouteAdd(&netlink.Route{Gw: net.ParseIP(gw)}); err != nil {
				return fmt.Errorf("route by %s: %w", gw, err)
			}
		}
		return nil
	})
}

// up gives an interface its addresses, usable at once, and sets it up.
func up(h *netlink.Handle, dev string, addrs ...string) error {
	link, err := h.LinkByName(dev)
	if err != nil {
		return err
	}
	for _, text := range addrs {
		a, err := netlink.ParseAddr(text)
		if err != nil {
			return err
		}
		if a.IP.To4() == nil {
			a.Flags = unix.IFA_F_NODAD
		}
		if err := h.AddrAdd(link, a); err != nil {
			return fmt.Errorf("address %s: %w", text, err)
		}
	}
	return h.LinkSetUp(link)
}

// links runs fn with an rtnetlink socket of a namespace.
func links(t testing.TB, ns *netns.Handle, fn func(*netlink.Handle) error) {
	t.Helper()
	h, err := ns.Rtnetlink()
	if err == nil {
		err = fn(h)
		h.Close()
	}
	if err != nil {
		t.Fatalf("in %s: %v", ns.Name(), err)
	}
}

// Sysctl writes a file below /proc/sys as a namespace sees it.
func Sysctl(t testing.TB, ns *netns.Handle, name, value string) {
	t.Helper()
	Do(t, ns, func() error { return os.WriteFile("/proc/sys/"+name, []byte(value), 0) })
}

// AwaitUp waits until every link of the namespaces that was set up carries packets, and
// has no address that is tentative. The end of a pair that was set up first gets its queue
// from the kernel's link watch, some time later on a busy machine, and drops what is sent
// before (net/core/link_watch.c); and a router whose own address is tentative asks for no
// neighbour (ndisc_solicit).
func AwaitUp(t testing.TB, hosts ...*netns.Handle) {
	t.Helper()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	deadline := time.Now().Add(InVain)
	for _, ns := range hosts {
		links(t, ns, func(h *netlink.Handle) error {
			list, err := h.LinkList()
			if err != nil {
				return err
			}
			for _, l := range list {
				for l.Attrs().Flags&net.FlagUp != 0 && l.Attrs().OperState != netlink.OperUp && l.Attrs().OperState != netlink.OperUnknown {
					if time.Now().After(deadline) {
						return fmt.Errorf("%s does not come up: %s", l.Attrs().Name, l.Attrs().OperState)
					}
					<-again.C
					// Asked for one, the kernel does its link watch's work at once (rtnl_getlink).
					if l, err = h.LinkByIndex(l.Attrs().Index); err != nil {
						return err
					}
				}
				for {
					addrs, err := h.AddrList(l, netlink.FAMILY_V6)
					if err != nil {
						return err
					}
					if !slices.ContainsFunc(addrs, func(a netlink.Addr) bool { return a.Flags&unix.IFA_F_TENTATIVE != 0 }) {
						break
					}
					if time.Now().After(deadline) {
						return fmt.Errorf("%s has tentative addresses: %v", l.Attrs().Name, addrs)
					}
					<-again.C
				}
			}
			return nil
		})
	}
}
