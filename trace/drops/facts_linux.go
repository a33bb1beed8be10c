package drops

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/trace/netns"
	"nfscope/trace/sockdiag"
)

// factFinder asks the host about drops: routes, neighbours, sysctls, listeners. What was
// asked is not asked again for some seconds, so that a flood costs little.
type factFinder struct {
	ns    *netns.Handle
	conn  *netlink.Handle
	known map[drop.Key]known
	// last is the last reading of the counters, lately what they rose by in the readings
	// before, newest last.
	last   counters
	lately []counters
	// asked counts the questions since began.
	asked int
	began time.Time
}

type known struct {
	facts *drop.Facts
	until time.Time
}

const (
	factsLast  = 5 * time.Second
	factsMost  = 512 // rows whose facts are kept
	factsEvery = 50  // questions a second at most
)

func newFactFinder(ns *netns.Handle) *factFinder {
	f := &factFinder{ns: ns, known: map[drop.Key]known{}}
	f.conn, _ = ns.Rtnetlink() // without it routes, neighbours and links are not known
	return f
}

// Close closes the socket.
func (f *factFinder) Close() {
	if f.conn != nil {
		f.conn.Close()
	}
}

// counted takes a reading of the counters, and what they rose by since the one before.
func (f *factFinder) counted(last, rise counters) {
	f.last = last
	f.lately = append(f.lately, rise)
	if len(f.lately) > 2 {
		f.lately = f.lately[1:]
	}
}

// of gives the facts about a drop, nil where too many were asked for.
func (f *factFinder) of(d *drop.Drop) *drop.Facts {
	now := time.Now()
	key := drop.KeyOf(d)
	if k, ok := f.known[key]; ok && now.Before(k.until) {
		return k.facts
	}
	if now.Sub(f.began) > time.Second {
		f.began, f.asked = now, 0
	}
	if f.asked++; f.asked > factsEvery {
		return nil
	}
	if len(f.known) >= factsMost {
		clear(f.known)
	}
	facts := f.ask(d)
	f.known[key] = known{facts, now.Add(factsLast)}
	return facts
}

// ask gathers what matters for a reason. What cannot be read is left out.
func (f *factFinder) ask(d *drop.Drop) *drop.Facts {
	a := &drop.Facts{}
	_ = f.ns.Do(func() error {
		a.Sysctls = sysctls(d)
		if d.Netfilter() {
			a.Conntrack = f.conntrack()
			a.Queues, a.QueuesKnown = queues()
		}
		return nil
	})
	if f.conn == nil || !d.HasPacket() {
		return a
	}
	f.routes(d, a)
	if d.In != "" {
		a.In = f.link(d.In)
	}
	if out := outOf(d, a); out != "" {
		a.Out = f.link(out)
	}
	if d.Station == drop.StationDeviceOut && a.To != nil {
		f.neighbour(d, a)
	}
	if d.Packet.Proto.Ports() && d.Packet.Transport && (d.Reason == "NO_SOCKET" || d.Station == drop.StationSocket) {
		f.listeners(d, a)
	}
	return a
}

// outOf is the interface that the packet left by or would have left by.
func outOf(d *drop.Drop, a *drop.Facts) string {
	if d.Out != "" {
		return d.Out
	}
	if a.To != nil && a.To.Kind == "unicast" {
		return a.To.Dev
	}
	return ""
}

// sysctls reads those that decide about packets like this one, in the namespace of the
// calling thread.
func sysctls(d *drop.Drop) (out []drop.Sysctl) {
	v := "ipv4"
	if d.Packet.Family == model.FamilyIPv6 {
		v = "ipv6"
	}
	dev := strings.ReplaceAll(d.In, "/", ".") // sysctl(8): a dot in a name is a slash in a path
	var names []string
	switch d.Reason {
	case "IP_RPFILTER":
		names = []string{"net/ipv4/conf/all/rp_filter", "net/ipv4/conf/" + dev + "/rp_filter", "net/ipv4/conf/all/src_valid_mark"}
	case "IP_LOCALNET":
		names = []string{"net/ipv4/conf/all/route_localnet", "net/ipv4/conf/" + dev + "/route_localnet"}
	case "IP_LOCAL_SOURCE":
		names = []string{"net/ipv4/conf/all/accept_local", "net/ipv4/conf/" + dev + "/accept_local"}
	case "IPV6DISABLED":
		names = []string{"net/ipv6/conf/all/disable_ipv6", "net/ipv6/conf/" + dev + "/disable_ipv6"}
	case "CPU_BACKLOG":
		names = []string{"net/core/netdev_max_backlog"}
	case "TCP_LISTEN_OVERFLOW":
		names = []string{"net/core/somaxconn", "net/ipv4/tcp_max_syn_backlog", "net/ipv4/tcp_syncookies"}
	case "SOCKET_RCVBUFF":
		names = []string{"net/core/rmem_max", "net/core/rmem_default"}
	}
	switch d.Station {
	case drop.StationRouting, drop.StationForward:
		if v == "ipv4" {
			names = append(names, "net/ipv4/ip_forward", "net/ipv4/conf/"+dev+"/forwarding", "net/ipv4/conf/"+dev+"/rp_filter")
		} else {
			names = append(names, "net/ipv6/conf/all/forwarding", "net/ipv6/conf/"+dev+"/forwarding")
		}
	}
	for _, n := range names {
		if strings.Contains(n, "//") || slices.ContainsFunc(out, func(s drop.Sysctl) bool { return s.Name == strings.ReplaceAll(n, "/", ".") }) {
			continue
		}
		if b, err := os.ReadFile("/proc/sys/" + n); err == nil {
			out = append(out, drop.Sysctl{Name: strings.ReplaceAll(n, "/", "."), Value: strings.TrimSpace(string(b))})
		}
	}
	return out
}

// conntrack tells how full the table is and what its counters rose by lately, in the
// namespace of the calling thread.
func (f *factFinder) conntrack() *drop.Conntrack {
	read := func(name string) int {
		b, err := os.ReadFile("/proc/sys/net/netfilter/" + name)
		if err != nil {
			return -1
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil {
			return -1
		}
		return n
	}
	c := &drop.Conntrack{Count: read("nf_conntrack_count"), Max: read("nf_conntrack_max")}
	if c.Count < 0 {
		return nil
	}
	recent := f.lately
	if b, err := os.ReadFile("/proc/thread-self/net/stat/nf_conntrack"); err == nil {
		now := counters{}
		parsePerCPU(b, "nf_conntrack", now)
		recent = append(recent, rose(f.last, now, []string{"nf_conntrack drop", "nf_conntrack insert_failed", "nf_conntrack early_drop"}))
	}
	for _, l := range recent {
		c.Drop += l["nf_conntrack drop"]
		c.InsertFailed += l["nf_conntrack insert_failed"]
		c.EarlyDrop += l["nf_conntrack early_drop"]
	}
	return c
}

// queues lists the queues of NFQUEUE that a program reads (nfnetlink_queue_seq_show).
func queues() (list []int, known bool) {
	b, err := os.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_queue")
	if errors.Is(err, os.ErrNotExist) {
		return nil, false
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 0 {
			if n, err := strconv.Atoi(f[0]); err == nil {
				list = append(list, n)
			}
		}
	}
	return list, err == nil
}

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
	link, err := f.conn.LinkByName(outOf(d, a))
	if err != nil {
		return
	}
	n := &drop.Neighbour{Addr: hop, Dev: link.Attrs().Name, State: "none"}
	family := netlink.FAMILY_V4
	if hop.Is6() {
		family = netlink.FAMILY_V6
	}
	list, err := f.conn.NeighList(link.Attrs().Index, family)
	if err != nil {
		return
	}
	for _, e := range list {
		if e.IP.Equal(hop.AsSlice()) {
			n.State, n.MAC = neighState(e.State), e.HardwareAddr.String()
		}
	}
	a.Neighbour = n
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
	families := []uint8{unix.AF_INET, unix.AF_INET6}
	if d.Packet.Family == model.FamilyIPv6 {
		families = families[1:]
	}
	a.Listener = drop.ListenerNone
	for _, fam := range families {
		list, err := sockdiag.Waiting(f.ns, fam, d.Packet.Proto)
		if err != nil {
			a.Listener = drop.ListenerUnknown
			return
		}
		for _, s := range list {
			if s.At.Port() != d.Packet.DPort {
				continue
			}
			at := s.At.Addr().Unmap()
			if at == d.Packet.Dst || at.IsUnspecified() && (fam == unix.AF_INET6) == s.At.Addr().Is6() {
				a.Listener = drop.ListenerThere
			}
			if len(a.Nearby) < 8 {
				a.Nearby = append(a.Nearby, netip.AddrPortFrom(at, s.At.Port()).String())
			}
		}
	}
}
