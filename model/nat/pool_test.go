package nat_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/model/nat"
)

// poolWords are pools in words, in their order: proto address to far end, used and closing of
// how many, ports, and the rules.
func poolWords(l []nat.Pool) (out []string) {
	for _, p := range l {
		s := fmt.Sprintf("%v %v to %s: %d-%d of %d, %v", p.Proto, p.Addr, p.Destination(), p.Used, p.Closing, p.Ports.Size(), p.Ports)
		if p.Given {
			s += " given"
		}
		for _, r := range p.Rules {
			s += fmt.Sprintf(" %d", r.Rule.Index)
		}
		out = append(out, s)
	}
	return out
}

func poolsOf(t *testing.T, rules string, n int, flows ...string) []nat.Pool {
	t.Helper()
	var l []*flow.Look
	for _, w := range flows {
		words, state, _ := strings.Cut(w, " / ")
		x := worded(t, words)
		x.State, x.Gone = strings.TrimSuffix(state, " gone"), strings.HasSuffix(state, "gone")
		if x.Orig.Src.Is6() {
			x.Family = model.FamilyIPv6
		}
		l = append(l, x)
	}
	h := gatewayHost()
	h.Local = append(h.Local, netip.MustParsePrefix("fd02::1/64"))
	return nat.NewSources(finderOf(t, rules).Index(), h).Pools(func(yield func(*flow.Look) bool) {
		for _, x := range l {
			if !yield(x) {
				return
			}
		}
	}, n)
}

// TestPools: which connections take a port of which pool, where its range comes from, and the
// order: the fullest first, and last what nobody uses.
func TestPools(t *testing.T) {
	t.Parallel()
	const out = " 10.2.0.9:80 10.2.0.9:80 10.2.0.1:"
	ranged := save("", "-A POSTROUTING -o r1 -p udp -j SNAT --to-source 203.0.113.7:5000-5009\n-A POSTROUTING -o r1 -j MASQUERADE\n")
	for _, c := range []struct {
		name, rules string
		flows, want []string
	}{
		{"by address, protocol and far end", ranged, []string{"tcp 10.1.0.2:2000" + out + "2000", "tcp 10.1.0.3:2000" + out + "2001", "tcp 10.1.0.3:2000 10.2.0.8:80 10.2.0.8:80 10.2.0.1:2000",
			"udp 10.1.0.2:2000 10.2.0.9:53 10.2.0.9:53 203.0.113.7:5009"},
			[]string{"udp 203.0.113.7 to 10.2.0.9:53: 1-0 of 10, 5000-5009 given 1", "tcp 10.2.0.1 to 10.2.0.9:80: 2-0 of 64512, 1024-65535 2", "tcp 10.2.0.1 to 10.2.0.8:80: 1-0 of 64512, 1024-65535 2"}},
		{"by the class of the port", ranged, []string{"tcp 10.1.0.2:511" + out + "511", "tcp 10.1.0.2:600" + out + "600", "tcp 10.1.0.2:1023" + out + "1023", "tcp 10.1.0.2:555" + out + "555"},
			[]string{"tcp 10.2.0.1 to 10.2.0.9:80: 2-0 of 424, 600-1023 2", "tcp 10.2.0.1 to 10.2.0.9:80: 1-0 of 511, 1-511 2", "tcp 10.2.0.1 to 10.2.0.9:80: 1-0 of 64512, 1024-65535 2", "0 203.0.113.7 to any: 0-0 of 10, 5000-5009 given 1"}},
		{"identifiers of echo requests", save("", "-A POSTROUTING -o r1 -j MASQUERADE\n"), []string{"icmp 10.1.0.2:7 10.2.0.9:0 10.2.0.9:0 10.2.0.1:8", "icmp 10.1.0.3:7 10.2.0.9:0 10.2.0.9:0 10.2.0.1:7"},
			[]string{"icmp 10.2.0.1 to 10.2.0.9: 2-0 of 65536, 0-65535 1"}},
		{"what has no ports takes none", save("", "-A POSTROUTING -o r1 -j MASQUERADE\n"), []string{"gre 10.1.0.2:0 10.2.0.9:0 10.2.0.9:0 10.2.0.1:0"}, nil},
		{"the router's own connections take ports too", ranged, []string{"tcp 10.1.0.2:2000" + out + "2000", "tcp 10.2.0.1:2001 10.2.0.9:80 10.2.0.9:80 10.2.0.1:2001"},
			[]string{"tcp 10.2.0.1 to 10.2.0.9:80: 2-0 of 64512, 1024-65535 2", "0 203.0.113.7 to any: 0-0 of 10, 5000-5009 given 1"}},
		{"but those of an address that nobody is translated to", ranged, []string{"tcp 10.2.0.1:2001 10.2.0.9:80 10.2.0.9:80 10.2.0.1:2001"}, []string{"0 203.0.113.7 to any: 0-0 of 10, 5000-5009 given 1"}},
		{"what is gone has none", ranged, []string{"udp 10.1.0.2:2000 10.2.0.9:53 10.2.0.9:53 203.0.113.7:5009 / gone", "tcp 10.2.0.1:2001 10.2.0.9:80 10.2.0.9:80 10.2.0.1:2001"},
			[]string{"0 203.0.113.7 to any: 0-0 of 10, 5000-5009 given 1"}},
		{"what closes", save("", "-A POSTROUTING -o r1 -j MASQUERADE\n"), []string{"tcp 10.1.0.2:2000" + out + "2000 / TIME_WAIT", "tcp 10.1.0.2:2001" + out + "2001 / CLOSE", "tcp 10.1.0.2:2002" + out + "2002 / ESTABLISHED",
			"tcp 10.2.0.1:2003 10.2.0.9:80 10.2.0.9:80 10.2.0.1:2003 / TIME_WAIT"}, []string{"tcp 10.2.0.1 to 10.2.0.9:80: 4-2 of 64512, 1024-65535 1"}},
		{"a range of one's own chain, a range of IPv6, each name once", save("", "-N OUT\n-A POSTROUTING -j OUT\n-A OUT -p tcp -j SNAT --to-source 203.0.113.7:5000-5009\n-A OUT -p udp -j SNAT --to-source 203.0.113.7:5000-5009\n-A OUT -j SNAT --to-source 203.0.113.8\n-A OUT -j SNAT --to-source 203.0.113.10-203.0.113.12\n"),
			nil, []string{"0 203.0.113.7 to any: 0-0 of 10, 5000-5009 given 1", "0 203.0.113.8 to any: 0-0 of 64512, 1024-65535 3"}},
		{"of INPUT", save("", "-A INPUT -j SNAT --to-source 203.0.113.8\n"), nil, []string{"0 203.0.113.8 to any: 0-0 of 64512, 1024-65535 1"}},
		{"none of PREROUTING", save("", "-A PREROUTING -j NETMAP --to 203.0.113.8/32\n"), nil, nil},
		{"a network, and what a map says, are no pool", nft("", "snat prefix to 203.0.113.8/32\nsnat to ip saddr map @m", ""), nil, nil},
		{"no rule is known to give the range where a map says the port", nft("", "snat to 10.2.0.1:udp dport map @m", ""), []string{"udp 10.1.0.2:2000 10.2.0.9:53 10.2.0.9:53 10.2.0.1:2000"}, []string{"udp 10.2.0.1 to 10.2.0.9:53: 1-0 of 64512, 1024-65535"}},
		{"of a network, by a chain of one's own too", save("", "-N OUT\n-A POSTROUTING -p udp -j NETMAP --to 203.0.113.8/29\n-A POSTROUTING -j OUT\n-A OUT -j NETMAP --to 203.0.113.8/29\n"), []string{"udp 10.1.0.2:2000 10.2.0.9:53 10.2.0.9:53 203.0.113.10:2000"},
			[]string{"udp 203.0.113.10 to 10.2.0.9:53: 1-0 of 64512, 1024-65535 1 1"}},
		{"of nft", nft("", "snat to 203.0.113.8:7000-7001", ""), []string{"udp 10.1.0.2:2000 10.2.0.9:53 10.2.0.9:53 203.0.113.8:7000"}, []string{"udp 203.0.113.8 to 10.2.0.9:53: 1-0 of 2, 7000-7001 given 1"}},
		{"of another family", nft("", "masquerade", ""), []string{"udp [fd01::2]:2000 [fd02::9]:53 [fd02::9]:53 [fd02::1]:2001"}, []string{"udp fd02::1 to [fd02::9]:53: 1-0 of 64512, 1024-65535"}},
		{"masqueraded as no address of the host", save("", "-A POSTROUTING -j MASQUERADE\n"), []string{"udp 10.1.0.2:2000 10.2.0.9:53 10.2.0.9:53 203.0.113.99:2001"}, []string{"udp 203.0.113.99 to 10.2.0.9:53: 1-0 of 64512, 1024-65535"}},
	} {
		if got := poolWords(poolsOf(t, c.rules, 10, c.flows...)); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\nexpected\n%s", c.name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
	// Of many destinations the fullest are kept; a small range that a rule names is among them,
	// though others have more ports in use.
	var flows []string
	for i := range 20 {
		for port := range 3 + i {
			flows = append(flows, fmt.Sprintf("tcp 10.1.0.2:%[1]d 10.2.0.9:%[2]d 10.2.0.9:%[2]d 10.2.0.1:%[1]d", 2000+port, 100+i))
		}
	}
	flows = append(flows, "udp 10.1.0.2:2000 10.2.0.9:53 10.2.0.9:53 203.0.113.7:5009")
	got := poolWords(poolsOf(t, ranged, 2, flows...))
	want := []string{"udp 203.0.113.7 to 10.2.0.9:53: 1-0 of 10, 5000-5009 given 1", "tcp 10.2.0.1 to 10.2.0.9:119: 22-0 of 64512, 1024-65535 2"}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nexpected\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestGrowth: how fast a pool fills, with what was before counting for half after ten seconds,
// and how long until it is full; each pool by itself.
func TestGrowth(t *testing.T) {
	t.Parallel()
	var g nat.Growth
	began := time.Unix(1000, 0)
	add := func(seconds, used, other int) [3]nat.Pool {
		p := nat.Pool{Addr: netip.MustParseAddr("203.0.113.1"), Proto: model.ProtoUDP, To: netip.MustParseAddr("198.51.100.7"), ToPort: 53, Ports: nat.Ports{First: 1, Last: 1000}, Used: used}
		q := p
		q.ToPort, q.Used = 54, other
		r := p // another range is another pool
		r.Ports, r.Used = nat.Ports{First: 2000, Last: 2999}, 700
		l := []nat.Pool{p, q, r}
		g.Add(l, began.Add(time.Duration(seconds)*time.Second))
		return [3]nat.Pool(l)
	}
	for _, c := range []struct {
		at, used, other int
		growth, others  float64
		full            time.Duration
	}{
		{0, 100, 500, 0, 0, 0},
		{10, 300, 500, 20, 0, 35 * time.Second},
		{10, 350, 500, 20, 0, 32500 * time.Millisecond}, // no time went by
		{20, 300, 400, 10, -5, 70 * time.Second},        // half of 20, half of nothing
		{20, 300, 400, 10, -5, 70 * time.Second},
		{30, 0, 400, -10, -2.5, 0},
	} {
		l := add(c.at, c.used, c.other)
		if l[0].Growth != c.growth || l[1].Growth != c.others || l[0].Full != c.full || l[1].Full != 0 || l[2].Growth != 0 {
			t.Errorf("at %d s: %v/s, full in %v; the other %v/s, %v; the third %v/s; expected %+v", c.at, l[0].Growth, l[0].Full, l[1].Growth, l[1].Full, l[2].Growth, c)
		}
	}
	var slow nat.Growth // one port in ten seconds fills a pool too
	pool := []nat.Pool{{Ports: nat.Ports{First: 1, Last: 1000}}}
	slow.Add(pool, began)
	pool[0].Used = 1
	if slow.Add(pool, began.Add(10*time.Second)); pool[0].Growth != 0.1 || pool[0].Full != 9990*time.Second {
		t.Errorf("%v/s, full in %v", pool[0].Growth, pool[0].Full)
	}
	pool[0].Used = 1001 // two zones have one port
	if slow.Add(pool, began.Add(20*time.Second)); pool[0].Growth <= 0 || pool[0].Full != 0 {
		t.Errorf("of more than there are: %v/s, full in %v", pool[0].Growth, pool[0].Full)
	}
}

// TestPoolJSON: a pool in JSON is what it is in words.
func TestPoolJSON(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0).UTC()
	p := poolsOf(t, save("", "-A POSTROUTING -p tcp -j SNAT --to-source 203.0.113.7:5000-5009\n"), 1, "tcp 10.1.0.2:1 10.2.0.9:80 10.2.0.9:80 203.0.113.7:5000 / CLOSE")[0]
	p.Growth, p.Full = 1.5, 6*time.Second
	q := nat.Pool{Addr: netip.MustParseAddr("2001:db8::1"), Ports: nat.Ports{First: 1024, Last: 65535}}
	for _, c := range []struct {
		p       nat.Pool
		watched bool
		want    string
	}{
		{p, true, `{"schema":"nfscope/pool/1","time":"1970-01-01T00:16:40.000000000Z","address":"203.0.113.7","family":"ip","proto":"tcp","destination":{"address":"10.2.0.9","port":80},"ports":{"first":5000,"last":5009,"from":"rule"},` +
			`"used":1,"closing":1,"available":10,"share":0.1,"growth_per_second":1.5,"full_in_ns":6000000000,"rules":[{"backend":"iptables-legacy","family":"ip","table":"nat","chain":"POSTROUTING","rule":1,"text":"-A POSTROUTING -p tcp -j SNAT --to-source 203.0.113.7:5000-5009"}]}`},
		{q, false, `{"schema":"nfscope/pool/1","time":"1970-01-01T00:16:40.000000000Z","address":"2001:db8::1","family":"ip6","proto":"","ports":{"first":1024,"last":65535,"from":"kernel"},"used":0,"closing":0,"available":64512,"share":0,"rules":[]}`},
	} {
		b, err := c.p.JSON(at, c.watched)
		if err != nil || string(b) != c.want {
			t.Errorf("%s %v\nexpected\n%s", b, err, c.want)
		}
	}
}
