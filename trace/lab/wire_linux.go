package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// wire makes bridges, links, addresses and routes, over one netlink socket for each
// host. A pair is made with both ends in their namespaces: nothing of it is ever seen
// in the first one.
func (n *Network) wire(ctx context.Context) error {
	nl := map[string]*netlink.Handle{}
	defer func() {
		for _, h := range nl {
			h.Close()
		}
	}()
	for _, host := range n.lab.Hosts {
		h, err := n.hosts[host.Name].Rtnetlink()
		if err != nil {
			return fmt.Errorf("host %s: open a netlink socket: %w", host.Name, err)
		}
		nl[host.Name] = h
		if err := loopback(h, host); err != nil {
			return fmt.Errorf("host %s: %w", host.Name, err)
		}
	}
	for _, l := range n.lab.Links {
		a, b := l.Ends[0], l.Ends[1]
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: a.Dev, TxQLen: -1}, PeerName: b.Dev,
			PeerNamespace: netlink.NsFd(n.hosts[b.Host].Fd())}
		if err := nl[a.Host].LinkAdd(veth); err != nil {
			return fmt.Errorf("make the link %s of %s to %s of %s: %w", a.Dev, a.Host, b.Dev, b.Host, explain(err, "veth"))
		}
		for _, e := range l.Ends {
			if err := attach(nl[e.Host], e); err != nil {
				return fmt.Errorf("host %s, interface %s: %w", e.Host, e.Dev, err)
			}
		}
	}
	for _, host := range n.lab.Hosts {
		for _, r := range host.Routes {
			if err := addRoute(nl[host.Name], r); err != nil {
				return fmt.Errorf("host %s: route to %s via %s: %w", host.Name, r.To, r.Via, err)
			}
		}
	}
	for _, l := range n.lab.Links {
		for _, e := range l.Ends {
			if err := carries(ctx, nl[e.Host], e.Dev); err != nil {
				return fmt.Errorf("host %s, interface %s: %w", e.Host, e.Dev, err)
			}
		}
	}
	return nil
}

// carries waits until an interface sends. The end of a pair that was set up first gets
// its queue from the kernel's link watch, some time later on a busy machine, and drops
// what is sent before; its operational state tells (net/core/link_watch.c). Asking for
// the state makes newer kernels do the work at once (rtnl_getlink).
func carries(ctx context.Context, h *netlink.Handle, dev string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for {
		link, err := h.LinkByName(dev)
		if err != nil {
			return err
		}
		if link.Attrs().OperState == netlink.OperUp {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("it does not come up (state %s): %w", link.Attrs().OperState, ctx.Err())
		}
	}
}

// explain says which part of the kernel is missing.
func explain(err error, module string) error {
	if errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("%w: the kernel has no %s devices; `modprobe %s` as root loads them", err, module, module)
	}
	return err
}

func loopback(h *netlink.Handle, host Host) error {
	lo, err := h.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := h.LinkSetUp(lo); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	if err := addAddresses(h, lo, host.Addresses); err != nil {
		return err
	}
	for _, name := range host.Bridges {
		br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name, TxQLen: -1}}
		if err := h.LinkAdd(br); err != nil {
			return fmt.Errorf("make bridge %s: %w", name, explain(err, "bridge"))
		}
		if err := h.LinkSetUp(br); err != nil {
			return fmt.Errorf("set bridge %s up: %w", name, err)
		}
	}
	return nil
}

func attach(h *netlink.Handle, e End) error {
	link, err := h.LinkByName(e.Dev)
	if err != nil {
		return err
	}
	if e.Bridge != "" {
		br, err := h.LinkByName(e.Bridge)
		if err != nil {
			return err
		}
		if err := h.LinkSetMaster(link, br); err != nil {
			return fmt.Errorf("make it a port of %s: %w", e.Bridge, err)
		}
	}
	if err := addAddresses(h, link, e.Addresses); err != nil {
		return err
	}
	return h.LinkSetUp(link)
}

func addAddresses(h *netlink.Handle, link netlink.Link, texts []string) error {
	for _, text := range texts {
		addr, err := netlink.ParseAddr(text)
		if err != nil {
			return err
		}
		if addr.IP.To4() == nil {
			addr.Flags = unix.IFA_F_NODAD // usable at once
		}
		if err := h.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("add address %s: %w", text, err)
		}
	}
	return nil
}

func addRoute(h *netlink.Handle, r Route) error {
	route := &netlink.Route{Gw: net.ParseIP(r.Via)}
	if r.To != "default" {
		_, dst, err := net.ParseCIDR(r.To)
		if err != nil {
			return err
		}
		route.Dst = dst
	}
	return h.RouteAdd(route)
}
