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
		if err := members(nl[host.Name], host); err != nil {
			return fmt.Errorf("host %s: %w", host.Name, err)
		}
		for _, r := range host.Routes {
			if err := addRoute(nl[host.Name], r); err != nil {
				return fmt.Errorf("host %s: route to %s via %s%s: %w", host.Name, r.To, r.Via, r.Type, err)
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
	for _, b := range host.Bridges {
		br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: b.Name, TxQLen: -1}}
		if err := h.LinkAdd(br); err != nil {
			return fmt.Errorf("make bridge %s: %w", b.Name, explain(err, "bridge"))
		}
		if err := addAddresses(h, br, b.Addresses); err != nil {
			return fmt.Errorf("bridge %s: %w", b.Name, err)
		}
		if err := h.LinkSetUp(br); err != nil {
			return fmt.Errorf("set bridge %s up: %w", b.Name, err)
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

// members makes what stands on a host's links: VLANs and neighbours.
func members(h *netlink.Handle, host Host) error {
	for _, v := range host.VLANs {
		on, err := h.LinkByName(v.On)
		if err != nil {
			return fmt.Errorf("VLAN %d on %s: %w", v.ID, v.On, err)
		}
		attrs := netlink.LinkAttrs{Name: v.Dev, ParentIndex: on.Attrs().Index, TxQLen: -1}
		if err := h.LinkAdd(&netlink.Vlan{LinkAttrs: attrs, VlanId: v.ID, VlanProtocol: netlink.VLAN_PROTOCOL_8021Q}); err != nil {
			return fmt.Errorf("make VLAN %d on %s: %w", v.ID, v.On, explain(err, "8021q"))
		}
		if err := attach(h, End{Dev: v.Dev, Addresses: v.Addresses, Bridge: v.Bridge}); err != nil {
			return fmt.Errorf("interface %s: %w", v.Dev, err)
		}
	}
	for _, n := range host.Neighbours {
		dev, err := h.LinkByName(n.Dev)
		if err != nil {
			return fmt.Errorf("neighbour %s: %w", n.Address, err)
		}
		mac, err := net.ParseMAC(n.MAC)
		if err != nil {
			return err
		}
		entry := &netlink.Neigh{LinkIndex: dev.Attrs().Index, State: netlink.NUD_PERMANENT, IP: net.ParseIP(n.Address), HardwareAddr: mac}
		if err := h.NeighSet(entry); err != nil {
			return fmt.Errorf("neighbour %s: %w", n.Address, err)
		}
	}
	return nil
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
	route := &netlink.Route{Gw: net.ParseIP(r.Via), Type: routeTypes()[r.Type]}
	if r.To != "default" {
		_, dst, err := net.ParseCIDR(r.To)
		if err != nil {
			return err
		}
		route.Dst = dst
	}
	return h.RouteAdd(route)
}
