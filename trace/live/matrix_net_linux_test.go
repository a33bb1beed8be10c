package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/model/snapshot"
	"nfscope/trace/guard"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// patience is how long an event is waited for: the machine may be busy.
const patience = nettest.InVain

// matrixNet is a network in which many rulesets are tried: routed, or two hosts on a
// bridge of the router's.
type matrixNet struct {
	client, router, server *netns.Handle
	family                 model.Family
	bridged                bool
	nftQueues              bool // the kernel queues for nf_tables
	heard                  *heard
	next                   uint16 // source port of the next packet
}

// newMatrixNet builds the network. Neighbours are told, and what IPv6 hosts say of
// themselves is silenced, so that no packet is about but the test's.
func newMatrixNet(t *testing.T, family model.Family, bridge bool) *matrixNet {
	t.Helper()
	m := &matrixNet{family: family, bridged: bridge, heard: newHeard(), next: 20000}
	if bridge {
		n := newBridged(t)
		m.client, m.router, m.server = n.client, n.bridge, n.server
		nettest.Run(t, m.router, "sysctl", "-qw", "net.bridge.bridge-nf-call-ip6tables=1", "net.ipv6.conf.all.forwarding=1")
		// A hairpin goes out by the port it came in by.
		nettest.Feed(t, m.router, "addr add fd09::3/64 dev br0 nodad\nlink set p1 type bridge_slave hairpin on\n", "ip", "-batch", "-")
		nettest.Feed(t, m.client, "addr add fd09::1/64 dev e0 nodad\n", "ip", "-batch", "-")
		nettest.Feed(t, m.server, "addr add fd09::2/64 dev e0 nodad\naddr add fd09::4/64 dev e0 nodad\naddr add 10.9.0.4/24 dev e0\n", "ip", "-batch", "-")
		cm, sm, bm := mac(t, m.client, "e0"), mac(t, m.server, "e0"), mac(t, m.router, "br0")
		// To a host that it has not heard yet it floods, and back out by the port of the hairpin.
		nettest.Run(t, m.router, "bridge", "fdb", "replace", cm, "dev", "p1", "master", "static")
		nettest.Run(t, m.router, "bridge", "fdb", "replace", sm, "dev", "p2", "master", "static")
		neigh(t, m.router, "br0", cm, "10.9.0.1", "fd09::1")
		neigh(t, m.router, "br0", sm, "10.9.0.2", "fd09::2", "10.9.0.4", "fd09::4")
		neigh(t, m.client, "e0", bm, "10.9.0.3", "fd09::3")
		neigh(t, m.client, "e0", sm, "10.9.0.2", "fd09::2", "10.9.0.4", "fd09::4")
		neigh(t, m.server, "e0", bm, "10.9.0.3", "fd09::3")
		neigh(t, m.server, "e0", cm, "10.9.0.1", "fd09::1")
	} else {
		routed := nettest.NewRouted(t)
		m.client, m.router, m.server = routed.Client, routed.Router, routed.Server
		nettest.Feed(t, m.server, "addr add 10.2.0.3/24 dev s0\naddr add fd02::3/64 dev s0 nodad\n", "ip", "-batch", "-")
		neigh(t, m.client, "c0", mac(t, m.router, "r0"), "10.1.0.1", "fd01::1")
		neigh(t, m.server, "s0", mac(t, m.router, "r1"), "10.2.0.1", "fd02::1")
		neigh(t, m.router, "r0", mac(t, m.client, "c0"), "10.1.0.2", "fd01::2")
		neigh(t, m.router, "r1", mac(t, m.server, "s0"), "10.2.0.2", "fd02::2", "10.2.0.3", "fd02::3")
	}
	for _, ns := range []*netns.Handle{m.client, m.router, m.server} {
		// Errors come at any rate.
		nettest.Run(t, ns, "sysctl", "-qe", "-w", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0", "net.ipv4.icmp_msgs_per_sec=100000", "net.ipv4.icmp_msgs_burst=100000")
		if family == model.FamilyIPv6 && ns != m.router {
			nettest.Feed(t, ns, quiet, "nft", "-f", "-")
		}
		m.listen(t, ns)
	}
	nettest.AwaitUp(t, m.client, m.router, m.server)
	return m
}

// quiet drops what IPv6 hosts say by themselves, before any table of a test.
const quiet = `table ip6 quiet {
	chain pre { type filter hook prerouting priority -340; icmpv6 type { mld-listener-query, mld-listener-report, mld2-listener-report, nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } drop; }
	chain out { type filter hook output priority -340; icmpv6 type { mld-listener-query, mld-listener-report, mld2-listener-report, nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } drop; }
}
`

func mac(t *testing.T, ns *netns.Handle, dev string) (addr string) {
	t.Helper()
	nettest.Do(t, ns, func() error {
		i, err := net.InterfaceByName(dev)
		if err == nil {
			addr = i.HardwareAddr.String()
		}
		return err
	})
	return addr
}

func neigh(t *testing.T, ns *netns.Handle, dev, mac string, addrs ...string) {
	t.Helper()
	var b strings.Builder
	for _, a := range addrs {
		fmt.Fprintf(&b, "neigh replace %s lladdr %s dev %s nud permanent\n", a, mac, dev)
	}
	nettest.Feed(t, ns, b.String(), "ip", "-batch", "-")
}

// heard is what listeners have got, by payload.
type heard struct {
	mu  sync.Mutex
	got map[string]arrival
	new *sync.Cond
}

// arrival is a datagram as its receiver saw it.
type arrival struct {
	ns       string
	src, dst netip.AddrPort
}

func newHeard() *heard {
	h := &heard{got: map[string]arrival{}}
	h.new = sync.NewCond(&h.mu)
	return h
}

func (h *heard) of(payload string) (arrival, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a, ok := h.got[payload]
	return a, ok
}

// wait waits for a datagram, as long as patience lasts.
func (h *heard) wait(payload string) (arrival, bool) {
	late := false
	timer := time.AfterFunc(patience, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		late = true
		h.new.Broadcast()
	})
	defer timer.Stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		if a, ok := h.got[payload]; ok || late {
			return a, ok
		}
		h.new.Wait()
	}
}

// listen hears all ports of the matrix in a namespace, and never answers.
func (m *matrixNet) listen(t *testing.T, ns *netns.Handle) {
	t.Helper()
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		e := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1) })
		return errors.Join(e, err)
	}}
	for _, fate := range matrixFates {
		for _, port := range []uint16{portOf(fate), portOf(fate) + 100} {
			nettest.Do(t, ns, func() error {
				pc, err := lc.ListenPacket(context.Background(), "udp", fmt.Sprintf(":%d", port))
				if err != nil {
					return err
				}
				t.Cleanup(func() { _ = pc.Close() })
				go m.heard.serve(ns.Name(), port, pc.(*net.UDPConn))
				return nil
			})
		}
	}
}

func (h *heard) serve(ns string, port uint16, c *net.UDPConn) {
	buf, oob := make([]byte, 2048), make([]byte, 256)
	for {
		n, oobn, _, from, err := c.ReadMsgUDPAddrPort(buf, oob)
		if err != nil {
			return
		}
		a := arrival{ns: ns, src: netip.AddrPortFrom(from.Addr().Unmap(), from.Port())}
		msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil {
			continue
		}
		for _, m := range msgs {
			if m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_PKTINFO && len(m.Data) >= 16 {
				a.dst = netip.AddrPortFrom(netip.AddrFrom16([16]byte(m.Data[:16])).Unmap(), port)
			}
		}
		h.mu.Lock()
		h.got[string(buf[:n])] = a
		h.new.Broadcast()
		h.mu.Unlock()
	}
}

// sent is a packet of the test.
type sent struct {
	of       *matrixCase
	payload  string
	from, to netip.AddrPort
	heard    *heard
	// refused is what the sender was told.
	refused error
	tcp     bool
}

// is reports whether a journey is of the packet: by the end of it that no rule of its
// path has changed yet, or its source port, which none changes.
func (p *sent) is(j *journey.Journey) bool {
	return (j.Packet.Proto == model.ProtoTCP) == p.tcp && (j.Packet.Proto == model.ProtoTCP || j.Packet.Proto == model.ProtoUDP) &&
		j.Packet.SPort == p.from.Port()
}

// answers reports whether a journey is of the reset that answers the packet.
func (p *sent) answers(j *journey.Journey) bool {
	return p.tcp && j.Packet.Proto == model.ProtoTCP && j.Packet.DPort == p.from.Port()
}

// through waits until the kernel is done with a packet, or with both halves of one over
// loopback: until its last event came.
func (s *scope) through(p *sent, halves int) {
	s.t.Helper()
	s.wait("the end of port "+fmt.Sprint(p.to.Port()), func(snap *snapshot.Snapshot) bool {
		n, last := 0, (*journey.Journey)(nil)
		for _, j := range snap.Journeys {
			if p.is(j) {
				n, last = n+1, j
			}
		}
		return last != nil && (last.Closed || last.Outcome.Verdict != journey.Unknown) && (n == halves || last.Outcome.Verdict != journey.Accepted)
	})
}

// syn sends one SYN and takes no notice of what comes back: nobody waits until it is sent
// again.
func (p *sent) syn() error {
	address := func(a netip.AddrPort) (int, unix.Sockaddr) {
		if a.Addr().Is4() {
			return unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
		}
		return unix.AF_INET6, &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	family, from := address(p.from)
	_, to := address(p.to)
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, from); err != nil {
		return err
	}
	if err := unix.Connect(fd, to); !errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("a SYN was sent, and it is %v at once", err)
	}
	return nil
}

// send sends the packet of a case.
func (m *matrixNet) send(t *testing.T, mc *matrixCase, w *wire) *sent {
	t.Helper()
	m.next++
	p := &sent{of: mc, payload: fmt.Sprintf("%s %d", mc.name(), m.next), heard: m.heard, tcp: mc.fate == "reset",
		from: addrPort(w.src, m.next), to: addrPort(w.dst, portOf(mc.fate))}
	if p.tcp {
		nettest.Do(t, w.sender, func() error {
			if mc.untold() {
				return p.syn()
			}
			c, err := (&net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(p.from), Timeout: patience}).Dial("tcp", p.to.String())
			if err == nil {
				_ = c.Close()
				return errors.New("the connection stands")
			}
			if errors.Is(err, unix.ECONNREFUSED) {
				p.refused = err
			}
			return nil
		})
		return p
	}
	nettest.Do(t, w.sender, func() error {
		c, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(p.from), net.UDPAddrFromAddrPort(p.to))
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := c.Write([]byte(p.payload)); err != nil && !errors.Is(err, unix.EPERM) {
			return err
		}
		if mc.fate != "reject" {
			return nil
		}
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if _, err = c.Read(make([]byte, 16)); !errors.Is(err, os.ErrDeadlineExceeded) {
			p.refused = err
		}
		return nil
	})
	return p
}

// openOn is open with another's guard, and without following the rules, which stay as
// they are. The caller shuts it.
func openOn(t *testing.T, ns *netns.Handle, g *guard.Guard, tr Trace) *scope {
	t.Helper()
	// Listeners answer at once here, and nobody answers for the others.
	sc := beginOn(t, ns, g, journey.Options{Quiet: quietly, Held: quietly})
	sc.arm(tr, sc.session.flows)
	return sc
}

// heard waits until there are so many journeys and the kernel has told all that it will tell of
// them, and closes them then: that nothing more comes of a packet which has left is known
// without listening for a while.
func (s *scope) heard(journeys int) []*journey.Journey {
	s.t.Helper()
	s.wait("all packets", func(snap *snapshot.Snapshot) bool { return len(snap.Journeys) >= journeys })
	tick, patience := time.NewTicker(time.Millisecond), nettest.NewPatience()
	defer tick.Stop()
	defer patience.Stop()
	for seen := time.Now(); s.session.Heard().Before(seen); {
		select {
		case <-tick.C:
		case <-patience.C:
			if patience.Over() {
				s.t.Fatalf("a reader has not said for long that it has read all: what was told before %v is heard, want %v", s.session.Heard(), seen)
			}
		}
	}
	s.store.End()
	return s.settled("the end of all packets", func(list []*journey.Journey) bool { return len(list) >= journeys })
}

// settled waits until every journey is closed and ok accepts them.
func (s *scope) settled(what string, ok func([]*journey.Journey) bool) []*journey.Journey {
	s.t.Helper()
	patience := nettest.NewPatience()
	defer patience.Stop()
	var last *snapshot.Snapshot
	for {
		select {
		case last = <-s.snaps:
			open := false
			for _, j := range last.Journeys {
				open = open || !j.Closed
			}
			if !open && ok(last.Journeys) {
				return last.Journeys
			}
		case <-patience.C:
			if !patience.Over() {
				continue
			}
			var b strings.Builder
			if last != nil {
				for _, j := range last.Journeys {
					b.WriteString(describe(j))
				}
			}
			s.t.Fatalf("waited in vain for %s; what there was:\n%s", what, b.String())
		}
	}
}
