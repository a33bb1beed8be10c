package drops

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/trace/netns"
	"nfscope/trace/sockdiag"
)

// routes asks for the way to the packet's destination, and back to its source.
func (f *factFinder) routes(d *drop.Drop, a *drop.Facts) {
	p := &d.Packet
	in := d.In
	if d.Out != "" && d.In == "" || in == "lo" { // made here
		in = ""
	}
	a.To = f.route(p.Dst, p.Src, in, p.Mark)
	a.Back = f.route(p.Src, netip.Addr{}, "", p.Mark)
	a.OwnDst = f.own(p.Dst)
	a.OwnSrc = f.own(p.Src)
}

// own reports whether an address is one of the namespace's.
func (f *factFinder) own(addr netip.Addr) bool {
	family := netlink.FAMILY_V4
	if addr.Is6() {
		family = netlink.FAMILY_V6
	}
	list, err := f.conn.AddrList(nil, family)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(list, func(a netlink.Addr) bool { return a.IP.Equal(addr.AsSlice()) })
}

// route is ip route get. A source that is nobody's is left out: the kernel would refuse
// the question and not the way.
func (f *factFinder) route(to, from netip.Addr, in string, mark uint32) *drop.Route {
	o := &netlink.RouteGetOptions{Mark: mark}
	if in != "" {
		o.Iif = in
		if from.IsValid() {
			o.SrcAddr = from.AsSlice()
		}
	}
	list, err := f.conn.RouteGetWithOptions(to.AsSlice(), o)
	r := &drop.Route{}
	if err != nil || len(list) == 0 {
		r.Kind = "none"
		switch {
		case errors.Is(err, unix.EACCES):
			r.Kind = "prohibit"
		case errors.Is(err, unix.EHOSTUNREACH):
			r.Kind = "unreachable"
		case errors.Is(err, unix.EINVAL):
			r.Kind = "blackhole" // fib_props[RTN_BLACKHOLE].error
		case errors.Is(err, unix.EXDEV):
			r.Kind = "martian"
		}
		if err != nil {
			r.Error = err.Error()
		}
		return r
	}
	return f.described(list[0])
}

// described words a route.
func (f *factFinder) described(l netlink.Route) *drop.Route {
	r := &drop.Route{Kind: routeKinds()[l.Type], MTU: l.MTU}
	if l.Type == 0 {
		r.Kind = "unicast"
	}
	if via, ok := netip.AddrFromSlice(l.Gw); ok {
		r.Via = via.Unmap()
	}
	if src, ok := netip.AddrFromSlice(l.Src); ok {
		r.Src = src.Unmap()
	}
	if link, err := f.conn.LinkByIndex(l.LinkIndex); err == nil {
		r.Dev = link.Attrs().Name
	}
	var s []string
	if r.Kind != "unicast" {
		s = append(s, r.Kind)
	}
	if l.Dst != nil {
		s = append(s, l.Dst.IP.String())
	}
	if r.Via.IsValid() {
		s = append(s, "via "+r.Via.String())
	}
	if r.Dev != "" {
		s = append(s, "dev "+r.Dev)
	}
	r.Text = strings.Join(s, " ")
	return r
}

// routeKinds names the types of routes (rtnetlink(7), RTN_*).
func routeKinds() map[int]string {
	return map[int]string{unix.RTN_UNICAST: "unicast", unix.RTN_LOCAL: "local", unix.RTN_BROADCAST: "broadcast", unix.RTN_ANYCAST: "anycast", unix.RTN_MULTICAST: "multicast",
		unix.RTN_BLACKHOLE: "blackhole", unix.RTN_UNREACHABLE: "unreachable", unix.RTN_PROHIBIT: "prohibit", unix.RTN_THROW: "throw"}
}

// link describes an interface, nil where it is not there.
func (f *factFinder) link(name string) *drop.Link {
	link, err := f.conn.LinkByName(name)
	if err != nil {
		return nil
	}
	at := link.Attrs()
	l := &drop.Link{Name: at.Name, MTU: at.MTU, MAC: at.HardwareAddr.String(), Up: at.Flags&net.FlagUp != 0, Carrier: at.RawFlags&unix.IFF_LOWER_UP != 0}
	if at.MasterIndex != 0 {
		if m, err := f.conn.LinkByIndex(at.MasterIndex); err == nil {
			l.Master = m.Attrs().Name
		}
	}
	if list, err := f.conn.QdiscList(link); err == nil {
		for _, q := range list {
			if q.Attrs().Parent != netlink.HANDLE_ROOT {
				continue
			}
			l.Qdisc = q.Type()
			if s := q.Attrs().Statistics; s != nil && s.Queue != nil {
				l.QdiscDropped = uint64(s.Queue.Drops)
			}
		}
	}
	return l
}

// neighbour looks the next hop up.
func (f *factFinder) neighbour(d *drop.Drop, a *drop.Facts) {
	hop := a.To.Via
	if !hop.IsValid() {
		hop = d.Packet.Dst
	}
	if link, err := f.conn.LinkByName(outOf(d, a)); err == nil {
		a.Neighbour = neighbour(f.conn, link, hop)
	}
}

// neighbour looks an entry of an interface up; nil where they could not be read.
func neighbour(conn *netlink.Handle, link netlink.Link, hop netip.Addr) *drop.Neighbour {
	n := &drop.Neighbour{Addr: hop, Dev: link.Attrs().Name, State: "none"}
	family := netlink.FAMILY_V4
	if hop.Is6() {
		family = netlink.FAMILY_V6
	}
	list, err := conn.NeighList(link.Attrs().Index, family)
	if err != nil {
		return nil
	}
	for _, e := range list {
		if e.IP.Equal(hop.AsSlice()) {
			n.State, n.MAC = neighState(e.State), e.HardwareAddr.String()
		}
	}
	return n
}

// NextHop is the neighbour that a packet to an address is sent on to by an interface, as it is
// now; nil where that is not known.
func NextHop(ns *netns.Handle, to netip.Addr, out string) *drop.Neighbour {
	conn, err := ns.Rtnetlink()
	if err != nil {
		return nil
	}
	defer conn.Close()
	link, err := conn.LinkByName(out)
	if err != nil {
		return nil
	}
	list, err := conn.RouteGetWithOptions(to.AsSlice(), &netlink.RouteGetOptions{Oif: out})
	if err != nil || len(list) == 0 {
		return nil
	}
	hop := to
	if via, ok := netip.AddrFromSlice(list[0].Gw); ok {
		hop = via.Unmap()
	}
	return neighbour(conn, link, hop)
}

// routeKind is how a namespace takes packets to an address (RTN_*); 0 where that is not known.
func routeKind(ns *netns.Handle, to netip.Addr) int {
	conn, err := ns.Rtnetlink()
	if err != nil {
		return unix.RTN_UNSPEC
	}
	defer conn.Close()
	list, err := conn.RouteGetWithOptions(to.AsSlice(), nil)
	if err != nil || len(list) == 0 {
		return unix.RTN_UNSPEC
	}
	return list[0].Type
}

func neighState(s int) string {
	for _, n := range []struct {
		bit  int
		name string
	}{{netlink.NUD_INCOMPLETE, "INCOMPLETE"}, {netlink.NUD_REACHABLE, "REACHABLE"}, {netlink.NUD_STALE, "STALE"}, {netlink.NUD_DELAY, "DELAY"},
		{netlink.NUD_PROBE, "PROBE"}, {netlink.NUD_FAILED, "FAILED"}, {netlink.NUD_NOARP, "NOARP"}, {netlink.NUD_PERMANENT, "PERMANENT"}} {
		if s&n.bit != 0 {
			return n.name
		}
	}
	return "NONE"
}

// listeners looks for sockets that wait at the packet's destination port.
func (f *factFinder) listeners(d *drop.Drop, a *drop.Facts) {
	p := &d.Packet
	var list []sockdiag.Socket
	for _, fam := range sockdiag.Families(p.Family) {
		more, err := sockdiag.Waiting(f.ns, fam, p.Proto)
		if err != nil {
			a.Listener = drop.ListenerUnknown
			return
		}
		list = append(list, more...)
	}
	a.Listener = drop.ListenerNone
	from, to, devices := netip.AddrPortFrom(p.Src, p.SPort), netip.AddrPortFrom(p.Dst, p.DPort), sockdiag.Devices(f.ns, d.In)
	if s, ok := sockdiag.For(list, from, to, devices...); ok {
		a.Listener = drop.ListenerThere
		if s.Unsure6 && p.Family == model.FamilyIPv4 { // it may take IPv6 alone
			a.Listener = drop.ListenerUnknown
		}
	}
	for _, s := range list {
		if s.At.Port() != p.DPort || len(a.Nearby) == 8 {
			continue
		}
		at := netip.AddrPortFrom(s.At.Addr().Unmap(), s.At.Port()).String()
		if s.Peer.IsValid() {
			at += " for " + netip.AddrPortFrom(s.Peer.Addr().Unmap(), s.Peer.Port()).String()
		}
		if s.Device != 0 {
			at += " on " + f.nameOf(s.Device)
		}
		var deaf drop.Deaf
		if deaf.Addr, deaf.Device, deaf.Peer = s.Amiss(from, to, devices...); len(a.Nearby) == 0 || deaf.Less(a.Deaf) {
			a.Deaf = deaf
		}
		a.Nearby = append(a.Nearby, at)
	}
}

// nameOf is an interface's name, its number where that is not known.
func (f *factFinder) nameOf(index int) string {
	link, err := f.conn.LinkByIndex(index)
	if err != nil {
		return fmt.Sprintf("interface %d", index)
	}
	return link.Attrs().Name
}
