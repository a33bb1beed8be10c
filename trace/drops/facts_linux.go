package drops

import (
	"errors"
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
	// asked counts the questions since began, full is what the last said of the connection
	// table: that is told of drops without a question of their own too, for a full table drops
	// more flows a second than are asked about.
	asked int
	began time.Time
	full  *drop.Conntrack
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
		f.began, f.asked, f.full = now, 0, nil
	}
	if f.asked++; f.asked > factsEvery {
		if d.Netfilter() && f.full != nil {
			// Of a drop in nft_do_chain too, where a rule is proven: Explain tells them apart.
			return &drop.Facts{Conntrack: f.full}
		}
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
			f.full = a.Conntrack
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
	case "NOT_SPECIFIED":
		if p := &d.Packet; p.Proto.ICMP() && p.Transport {
			names = echoes(p.Dst, p.ICMPType)
		}
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

// echoes are the sysctls that may keep a host from answering an echo to an address.
func echoes(to netip.Addr, kind uint8) []string {
	switch {
	case to.Is4() && kind == 8:
		return []string{"net/ipv4/icmp_echo_ignore_all"}
	case to.Is6() && kind == 128 && to.IsMulticast():
		return []string{"net/ipv6/icmp/echo_ignore_all", "net/ipv6/icmp/echo_ignore_multicast"}
	case to.Is6() && kind == 128:
		return []string{"net/ipv6/icmp/echo_ignore_all", "net/ipv6/icmp/echo_ignore_anycast"}
	}
	return nil
}

// NoEcho is the sysctl by which a namespace answers no echo to an address that it takes packets for,
// "" where none does. What is for many at once IPv4 does not answer as long as nobody asks for it.
func NoEcho(ns *netns.Handle, to netip.Addr) (name string) {
	var names []string
	switch kind := routeKind(ns, to); {
	case to.Is4():
		names = append(names, "net/ipv4/icmp_echo_ignore_all")
		if kind == unix.RTN_BROADCAST || to.IsMulticast() || to == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
			names = append(names, "net/ipv4/icmp_echo_ignore_broadcasts")
		}
	case to.IsMulticast():
		names = append(names, "net/ipv6/icmp/echo_ignore_all", "net/ipv6/icmp/echo_ignore_multicast")
	case kind == unix.RTN_ANYCAST:
		names = append(names, "net/ipv6/icmp/echo_ignore_all", "net/ipv6/icmp/echo_ignore_anycast")
	case to.Is6():
		names = append(names, "net/ipv6/icmp/echo_ignore_all")
	}
	_ = ns.Do(func() error {
		for _, n := range names {
			if b, err := os.ReadFile("/proc/sys/" + n); err == nil && strings.TrimSpace(string(b)) == "1" {
				name = strings.ReplaceAll(n, "/", ".")
				return nil
			}
		}
		return nil
	})
	return name
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
