package live

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/model/health"
	"nfscope/model/nat"
	"nfscope/model/ruleset"
	"nfscope/trace/conntrack"
	"nfscope/trace/nettest"
	"nfscope/trace/rules"
)

// poolNet is a router with a source translation, and what reads it.
type poolNet struct {
	t    *testing.T
	n    *nettest.Routed
	read *conntrack.Reader
	h    health.Follower
}

func newPoolNet(t *testing.T, snat string) *poolNet {
	nettest.Kernel(t, "nft", "conntrack")
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "table ip n { chain post { type nat hook postrouting priority 100; meta l4proto { tcp, udp } oifname \"r1\" "+snat+"; }; }\n", "nft", "-f", "-")
	r, err := conntrack.Open(n.Router)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return &poolNet{t: t, n: n, read: r}
}

// udp sends one datagram from a port to a port of the server, where nobody is.
func (p *poolNet) udp(from, to int) {
	p.t.Helper()
	p.udpTo(from, fmt.Sprintf("10.2.0.2:%d", to))
}

// udpTo sends one datagram from a port to an address.
func (p *poolNet) udpTo(from int, to string) {
	p.t.Helper()
	nettest.Do(p.t, p.n.Client, func() error {
		c, err := nettest.From(&net.UDPAddr{IP: net.IPv4(10, 1, 0, 2), Port: from}).Dial("udp", to)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte("x"))
		return err
	})
}

func (p *poolNet) health() *health.View {
	p.t.Helper()
	h, err := p.read.Health(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return p.h.Next(h)
}

// pools counts them now.
func (p *poolNet) pools() []nat.Pool {
	p.t.Helper()
	var looks []*flow.Look
	err := p.read.List(p.t.Context(), func(it feed.Item) {
		it.Split(func(it feed.Item) {
			if it.Flow != nil && it.Flow.Flow != nil {
				l := it.Flow.Flow.Look()
				looks = append(looks, &l)
			}
		})
	})
	if err != nil {
		p.t.Fatal(err)
	}
	rr, err := rules.Open(p.n.Router)
	if err != nil {
		p.t.Fatal(err)
	}
	defer rr.Close()
	rs, err := rr.Snapshot(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	local, err := conntrack.LocalAddrs(p.n.Router)
	if err != nil {
		p.t.Fatal(err)
	}
	return nat.NewSources(ruleset.NewIndex(rs), nat.Host{Local: local}).Pools(func(yield func(*flow.Look) bool) {
		for _, l := range looks {
			if !yield(l) {
				return
			}
		}
	}, 10)
}

// TestPoolFills fills a pool of 20 ports for real: until it is full nothing fails, then
// insert_failed rises with every new connection, and another destination has its own 20.
func TestPoolFills(t *testing.T) {
	t.Parallel()
	p := newPoolNet(t, "snat to 203.0.113.9:40000-40019")
	// ip_local_port_range has no part in it.
	nettest.Run(t, p.n.Router, "sysctl", "-qw", "net.ipv4.ip_local_port_range=50000 50009")
	p.health()
	for i := range 20 {
		p.udp(2000+i, 9)
		if v := p.health(); v.Total[health.InsertFailed]+v.Total[health.Drop] != 0 {
			t.Fatalf("connection %d of 20: insert_failed %d, drop %d", i+1, v.Total[health.InsertFailed], v.Total[health.Drop])
		}
	}
	l := p.pools()
	if len(l) == 0 || l[0].Used != 20 || l[0].Ports != (nat.Ports{First: 40000, Last: 40019}) || !l[0].Given || l[0].Share() != 1 ||
		l[0].Addr.String() != "203.0.113.9" || l[0].Destination() != "10.2.0.2:9" || len(l[0].Rules) != 1 || l[0].Rules[0].Rule.Index != 1 {
		t.Fatalf("the full pool: %+v", l)
	}
	for i := range 3 {
		p.udp(3000+i, 9)
	}
	v := p.health()
	if n := v.Total[health.InsertFailed]; n != 3 {
		t.Errorf("insert_failed rose by %d where 3 connections found no port: %v", n, v.Total)
	}
	w := v.Warnings()
	if len(w) == 0 || !w[0].Bad || !strings.Contains(w[0].Do, "pools of NAT ports") {
		t.Errorf("it is not said: %v", w)
	}
	p.udp(3000, 10)
	if n := p.health().Total[health.InsertFailed]; n != 3 {
		t.Errorf("another destination is full too: insert_failed %d", n)
	}
	if l = p.pools(); len(l) != 2 || l[0].Used != 20 || l[1].Used != 1 || l[1].ToPort != 10 {
		t.Errorf("two destinations: %+v", l)
	}
}

// TestPortClasses: without a range the kernel takes a port of the class that the client's
// was of, and never one of ip_local_port_range where that is elsewhere.
func TestPortClasses(t *testing.T) {
	t.Parallel()
	p := newPoolNet(t, "masquerade fully-random")
	nettest.Run(t, p.n.Router, "sysctl", "-qw", "net.ipv4.ip_local_port_range=50000 50009")
	for _, c := range []struct{ from, n int }{{100, 60}, {520, 12}, {600, 60}, {3000, 60}} {
		for i := range c.n {
			p.udp(c.from+i, 9)
		}
	}
	counted := map[string]int{}
	read := func(it feed.Item) {
		if it.Flow == nil || it.Flow.Flow == nil || it.Flow.Flow.Orig.Tuple.Proto != model.ProtoUDP {
			return
		}
		f := it.Flow.Flow
		class := func(n uint16) string {
			switch {
			case n < 512:
				return "1-511"
			case n < 600:
				return "512-599"
			case n < 1024:
				return "600-1023"
			case n >= 50000 && n <= 50009:
				return "ip_local_port_range"
			}
			return "1024-65535"
		}
		counted[class(f.Orig.Tuple.SPort)+" to "+class(f.Reply.Tuple.DPort)]++
	}
	err := p.read.List(t.Context(), func(it feed.Item) { it.Split(read) })
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"1-511 to 1-511": 60, "512-599 to 600-1023": 12, "600-1023 to 600-1023": 60, "1024-65535 to 1024-65535": 60}
	n := counted["1024-65535 to ip_local_port_range"] // one in 6,000
	counted["1024-65535 to 1024-65535"] += n
	delete(counted, "1024-65535 to ip_local_port_range")
	if fmt.Sprint(counted) != fmt.Sprint(want) || n > 3 {
		t.Errorf("%v, expected %v; %d within ip_local_port_range", counted, want, n)
	}
	sizes := map[nat.Ports]int{}
	for _, l := range p.pools() {
		sizes[l.Ports] += l.Used
	}
	if sizes[nat.Ports{First: 1, Last: 511}] != 60 || sizes[nat.Ports{First: 600, Last: 1023}] != 72 || sizes[nat.Ports{First: 1024, Last: 65535}] != 60 {
		t.Errorf("pools %v", sizes)
	}
}

// TestLargePoolFailsEarly: of a range above 128 ports the kernel tries only some, so that
// connections fail before the last port is taken.
func TestLargePoolFailsEarly(t *testing.T) {
	t.Parallel()
	p := newPoolNet(t, "snat to 203.0.113.9:40000-41999")
	p.health()
	failed := 0
	for i := 0; i < 6000 && failed == 0; i++ {
		p.udp(2000+i, 9)
		if i > 1500 && i%8 == 0 {
			failed = int(p.health().Total[health.InsertFailed])
		}
	}
	l := p.pools()
	if failed == 0 || len(l) == 0 || l[0].Used < 1000 || l[0].Used >= 2000 {
		t.Fatalf("failed %d, pools %+v", failed, l)
	}
	t.Logf("the first of 2000 ports that could not be had: %d used, %.1f %%", l[0].Used, 100*l[0].Share())
}

// TestPortRewritten: two services lead to one server, and a client speaks to both from one
// port. The kernel gives the second connection another port, by no rule.
func TestPortRewritten(t *testing.T) {
	t.Parallel()
	p := newPoolNet(t, "accept")
	nettest.Feed(t, p.n.Router, "table ip d { chain pre { type nat hook prerouting priority -100; ip daddr 203.0.113.1 udp dport 9 dnat to 10.2.0.2; }; }\n", "nft", "-f", "-")
	p.udp(5000, 9)
	p.udpTo(5000, "203.0.113.1:9")
	rr, err := rules.Open(p.n.Router)
	if err != nil {
		t.Fatal(err)
	}
	defer rr.Close()
	rs, err := rr.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	local, err := conntrack.LocalAddrs(p.n.Router)
	if err != nil {
		t.Fatal(err)
	}
	f := nat.NewFinder(ruleset.NewIndex(rs), nat.Host{Local: local})
	seen := false
	err = p.read.List(t.Context(), func(it feed.Item) {
		it.Split(func(it feed.Item) {
			if it.Flow == nil || it.Flow.Flow == nil || it.Flow.Flow.Orig.Tuple.Dst.String() != "203.0.113.1" {
				return
			}
			seen = true
			fl := it.Flow.Flow
			if n := flow.Classify(fl, flow.HostFrom(rs, local)); n.String() != "dnat+port-rewritten" {
				t.Errorf("class %s of %s", n, fl.Reply.Tuple)
			}
			l := fl.Look()
			if o := f.Look(&l); len(o.Dst.Rules) != 1 || len(o.Src.Rules) != 0 || !o.Src.Plain {
				t.Errorf("made by %d and %d rules, plain %v", len(o.Dst.Rules), len(o.Src.Rules), o.Src.Plain)
			}
			if s := f.Stale(&l); s.Kind != "" {
				t.Errorf("stale: %s", s.Words)
			}
		})
	})
	if err != nil || !seen {
		t.Fatalf("the connection is not there: %v", err)
	}
}
