package conntrack

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/trace/netns"
)

// maxRoutes is how many routes are read: a router of the Internet has a million, and
// nothing here is worth keeping them all.
const maxRoutes = 10_000

// Routes reads the main routing table of a namespace, of both families, and whether
// rules choose other tables (ip-rule(8): local, main and default are the usual three).
func Routes(ns *netns.Handle) (*model.Routes, error) {
	fail := func(err error) (*model.Routes, error) {
		return nil, fmt.Errorf("read the routes of namespace %q: %w", ns.Name(), err)
	}
	conn, err := ns.Rtnetlink()
	if err != nil {
		return fail(err)
	}
	defer conn.Close()
	links, err := conn.LinkList()
	if err != nil {
		return fail(err)
	}
	names := make(map[int]string, len(links))
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	out := &model.Routes{}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		rules, err := conn.RuleList(family)
		if err != nil {
			return fail(err)
		}
		for _, r := range rules {
			usual := r.Table == unix.RT_TABLE_LOCAL || r.Table == unix.RT_TABLE_MAIN || r.Table == unix.RT_TABLE_DEFAULT
			out.Policy = out.Policy || !usual || r.Src != nil || r.Dst != nil || r.Mark != 0 || r.IifName != "" || r.OifName != ""
		}
		err = conn.RouteListFilteredIter(family, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE, func(r netlink.Route) bool {
			if len(out.List) >= maxRoutes {
				out.Policy = true
				return false
			}
			out.List = append(out.List, route(r, family, names))
			return true
		})
		if err != nil {
			return fail(err)
		}
	}
	return out, nil
}

func route(r netlink.Route, family int, names map[int]string) model.Route {
	to := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if family == unix.AF_INET6 {
		to = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	if r.Dst != nil {
		if a, ok := netip.AddrFromSlice(r.Dst.IP); ok {
			bits, _ := r.Dst.Mask.Size()
			if family == unix.AF_INET {
				a = a.Unmap()
			}
			to = netip.PrefixFrom(a, bits)
		}
	}
	x := model.Route{To: to, Metric: r.Priority}
	if len(r.MultiPath) == 0 && r.Type == unix.RTN_UNICAST {
		x.Device = names[r.LinkIndex]
	}
	return x
}
