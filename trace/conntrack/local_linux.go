package conntrack

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"

	"nfscope/trace/netns"
)

// LocalAddrs gives the addresses of a namespace's interfaces with their prefix
// lengths, as flow.Host.Local wants them.
func LocalAddrs(ns *netns.Handle) ([]netip.Prefix, error) {
	conn, err := ns.Rtnetlink()
	if err != nil {
		return nil, fmt.Errorf("read the addresses of namespace %q: %w", ns.Name(), err)
	}
	defer conn.Close()
	var list []netlink.Addr
	for range 3 { // addresses that change meanwhile interrupt the dump
		if list, err = conn.AddrList(nil, netlink.FAMILY_ALL); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, fmt.Errorf("read the addresses of namespace %q: %w", ns.Name(), err)
	}
	out := make([]netip.Prefix, 0, len(list))
	for _, a := range list {
		if a.IPNet == nil {
			continue
		}
		if ip, ok := netip.AddrFromSlice(a.IP); ok {
			bits, _ := a.Mask.Size()
			out = append(out, netip.PrefixFrom(ip.Unmap(), bits))
		}
	}
	return out, nil
}
