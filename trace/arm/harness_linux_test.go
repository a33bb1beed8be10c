package arm_test

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/filter"
	"nfscope/trace/arm"
	"nfscope/trace/guard"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == guard.Arg {
		guard.Main()
	}
	if mode := os.Getenv("ARM_TEST_CHILD"); mode != "" {
		child(mode)
	}
	nettest.Interruptible()
	os.Exit(m.Run())
}

// watch reads a namespace's trace events. A table "seen" stands behind every way of
// arming: it speaks only of packets that carry the trace bit. A table "after" behind
// it sets the bit, so that every packet shows up in the end.
type watch struct {
	conn *netlink.Conn
	ids  map[uint32]*watched
}

type watched struct {
	packet model.Packet
	traced bool
}

func newWatch(t *testing.T, ns *netns.Handle, hook string) *watch {
	t.Helper()
	nettest.Feed(t, ns, `table inet seen {
		chain c { type filter hook `+hook+` priority -290; counter;
		}
	}
	table inet after {
		chain c { type filter hook `+hook+` priority -280; meta nftrace set 1;
		}
	}`, "nft", "-f", "-")
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: ns.Fd()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := errors.Join(c.SetReadBuffer(4<<20), c.JoinGroup(unix.NFNLGRP_NFTRACE)); err != nil {
		t.Fatal(err)
	}
	return &watch{conn: c, ids: map[uint32]*watched{}}
}

// traced waits for the next packet that is the one asked for, and tells whether it
// carried the trace bit when it came to the table "seen".
func (w *watch) traced(t *testing.T, is func(*model.Packet) bool) (traced bool, p model.Packet) {
	t.Helper()
	if err := w.conn.SetReadDeadline(time.Now().Add(nettest.InVain)); err != nil {
		t.Fatal(err)
	}
	for {
		msgs, err := w.conn.Receive()
		if err != nil {
			t.Fatalf("no packet came: %v", err)
		}
		found, yes := false, false
		for _, m := range msgs {
			if m.Header.Type != unix.NFNL_SUBSYS_NFTABLES<<8|17 || len(m.Data) < 4 {
				continue
			}
			q := w.event(t, m.Data[4:])
			if q != nil && is(&q.packet) {
				found, yes, p = true, q.traced, q.packet
			}
		}
		if found {
			return yes, p
		}
	}
}

// event folds one event; it gives the packet once the table "after" has seen it.
func (w *watch) event(t *testing.T, attrs []byte) *watched {
	t.Helper()
	d, err := netlink.NewAttributeDecoder(attrs)
	if err != nil {
		t.Fatal(err)
	}
	d.ByteOrder = binary.BigEndian
	var table string
	var id, mark uint32
	var network, transport []byte
	for d.Next() {
		switch d.Type() {
		case 1:
			table = d.String()
		case 6:
			id = d.Uint32()
		case 8:
			network = d.Bytes()
		case 9:
			transport = d.Bytes()
		case 14:
			mark = d.Uint32()
		}
	}
	q := w.ids[id]
	if q == nil {
		q = &watched{}
		w.ids[id] = q
	}
	if network != nil {
		if p, err := model.DecodePacket(0, network, transport); err == nil {
			q.packet, q.packet.Mark = p, mark
		}
	}
	switch table {
	case "seen":
		q.traced = true
	case "after":
		delete(w.ids, id)
		return q
	}
	return nil
}

func arming(t *testing.T, ns *netns.Handle, o arm.Options) *arm.Armed {
	t.Helper()
	a, err := arm.Arm(t.Context(), ns, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func parse(t testing.TB, text string) *filter.Filter {
	t.Helper()
	f, err := filter.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// shot is one packet that the client sends and the router forwards.
type shot struct {
	name          string
	proto         model.Proto
	network, from string
	to            string
}

func shots() []shot {
	return []shot{
		{"udp 7", 17, "udp", "10.1.0.2:5007", "10.2.0.2:7"},
		{"udp 99", 17, "udp", "10.1.0.2:5007", "10.2.0.2:99"},
		{"udp6 7", 17, "udp", "[fd01::2]:5007", "[fd02::2]:7"},
		{"udp6 8000", 17, "udp", "[fd01::2]:6000", "[fd02::2]:8000"},
		{"proto 99", 99, "ip4:99", "10.1.0.2", "10.2.0.2"},
		{"icmp", 1, "ip4:1", "10.1.0.2", "10.2.0.2"},
	}
}

// fire sends the shot from a namespace.
func (s shot) fire(t *testing.T, ns *netns.Handle) {
	t.Helper()
	nettest.Do(t, ns, func() error {
		var conn net.Conn
		var err error
		if strings.HasPrefix(s.network, "ip") {
			conn, err = net.Dial(s.network, s.to)
		} else {
			var local *net.UDPAddr
			if local, err = net.ResolveUDPAddr(s.network, s.from); err == nil {
				conn, err = nettest.From(local).Dial(s.network, s.to)
			}
		}
		if err != nil {
			return err
		}
		defer conn.Close()
		payload := []byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0} // an echo request, where ICMP reads it
		_, err = conn.Write(payload)
		return err
	})
}

// is tells the shot's own packet from replies and from the noise of the network.
func (s shot) is(p *model.Packet) bool {
	src, dst := s.from, s.to
	if s.proto == 17 {
		return p.Proto == 17 && p.Tuple().SrcString() == src && p.Tuple().DstString() == dst
	}
	return p.Proto == s.proto && p.Src == netip.MustParseAddr(src) && p.Dst == netip.MustParseAddr(dst)
}
