package sets

import (
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/set"
	"nfscope/trace/nettest"

	"context"
)

// TestLookup: keys as rules have them, asked of the kernel.
func TestLookup(t *testing.T) {
	nettest.Kernel(t, "ipset", "nft")
	t.Parallel()
	ns := nettest.New(t, "router")
	nettest.Feed(t, ns, `create ips hash:ip
add ips 10.0.0.5
create nets hash:net
add nets 10.66.0.0/16
add nets 10.66.6.0/24 nomatch
create pairs hash:ip,port
add pairs 10.0.0.5,tcp:80
create ports bitmap:port range 0-1000
add ports 80
create ways hash:net,iface
add ways 10.0.0.0/8,eth0
create all list:set
add all ips
create six hash:ip family inet6
add six 2001:db8::1
add all six
create empty list:set
create deep list:set
add deep pairs
add deep ips
create bitmac bitmap:ip,mac range 10.0.0.0/24
add bitmac 10.0.0.5,00:11:22:33:44:55
add bitmac 10.0.0.6
`, "ipset", "restore")
	nettest.Feed(t, ns, `table inet fw {
	set near { type ipv4_addr; elements = { 10.0.0.5 }
	}
	set wide { type ipv4_addr; flags interval; elements = { 10.66.0.0/16, 10.70.0.1-10.70.0.9 }
	}
	set pairs { type ipv4_addr . inet_service; elements = { 10.0.0.5 . 80 }
	}
	set devs { type ifname; elements = { "eth0" }
	}
	map ways { type inet_service : verdict; elements = { 80 : accept, 443 : drop }
	}
	map marks { type ipv4_addr : mark; flags interval; elements = { 10.66.0.0/16 : 0x1 }
	}
}
`, "nft", "-f", "-")
	r := reader(t, ns)
	defer r.Close()
	l := NewLookup(r)
	legacy := &model.Table{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "filter"}
	native := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "fw"}
	for _, c := range []struct {
		t    *model.Table
		set  string
		key  []string
		want fact.Answer
	}{
		{legacy, "ips", []string{"10.0.0.5 tcp:80 eth0"}, fact.Yes},
		{legacy, "ips", []string{"10.0.0.6 tcp:80 eth0"}, fact.No},
		{legacy, "ips", []string{"10.0.0.5 tcp:80 eth0", "10.0.0.6 tcp:80 eth1"}, fact.Yes},
		{legacy, "ips", []string{"2001:db8::1 tcp:80 eth0"}, fact.No},
		{legacy, "six", []string{"10.0.0.5 tcp:80 eth0"}, fact.No},
		{legacy, "six", []string{"2001:db8::1 tcp:80 eth0"}, fact.Yes},
		{legacy, "six", []string{"2001:db8::2 icmpv6: eth0"}, fact.No},
		{legacy, "nets", []string{"10.66.1.1 tcp:80 eth0"}, fact.Yes},
		{legacy, "nets", []string{"10.66.6.1 tcp:80 eth0"}, fact.No},
		{legacy, "nets", []string{"10.67.1.1 udp:80 eth0"}, fact.No},
		{legacy, "pairs", []string{"10.0.0.5 tcp:9 eth0", "10.9.9.9 tcp:80 eth1"}, fact.Yes},
		{legacy, "pairs", []string{"10.0.0.5 tcp:80 eth0", "10.9.9.9 udp:80 eth1"}, fact.No},
		{legacy, "pairs", []string{"10.0.0.5 tcp:80 eth0"}, fact.Unsure},
		{legacy, "pairs", []string{"10.0.0.5 gre: eth0", "10.9.9.9 gre: eth1"}, fact.Unsure},
		{legacy, "ports", []string{"10.0.0.5 udp:80 eth0"}, fact.Yes},
		{legacy, "ports", []string{"10.0.0.5 tcp:81 eth0"}, fact.No},
		{legacy, "ways", []string{"10.0.0.5 tcp:80 eth0", "10.0.0.5 tcp:80 eth0"}, fact.Yes},
		{legacy, "ways", []string{"10.0.0.5 tcp:80 eth1", "10.0.0.5 tcp:80 eth1"}, fact.No},
		{legacy, "ways", []string{"10.0.0.5 tcp:80 ", "10.0.0.5 tcp:80 "}, fact.Unsure},
		{legacy, "all", []string{"10.0.0.5 tcp:80 eth0"}, fact.Yes},
		{legacy, "all", []string{"10.0.0.6 tcp:80 eth0 00:11:22:33:44:55 0x5"}, fact.No},
		{legacy, "all", []string{"2001:db8::1 tcp:80 eth0"}, fact.Yes},
		{legacy, "empty", []string{"10.0.0.5 tcp:80 eth0"}, fact.No},
		{legacy, "deep", []string{"10.0.0.5 tcp:80 eth0"}, fact.Yes},
		{legacy, "deep", []string{"10.0.0.6 tcp:80 eth0"}, fact.Unsure},
		{legacy, "bitmac", []string{"10.0.0.5 tcp:80 eth0 00:11:22:33:44:55 ", "10.0.0.5 tcp:80 eth0 00:11:22:33:44:55 "}, fact.Yes},
		{legacy, "bitmac", []string{"10.0.0.5 tcp:80 eth0 00:11:22:33:44:56 ", "10.0.0.5 tcp:80 eth0 00:11:22:33:44:56 "}, fact.No},
		{legacy, "bitmac", []string{"10.0.0.6 tcp:80 eth0 00:11:22:33:44:56 ", "10.0.0.5 tcp:80 eth0 00:11:22:33:44:56 "}, fact.Yes},
		{legacy, "none", []string{"10.0.0.5 tcp:80 eth0"}, fact.Unsure},
		{native, "near", []string{"10.0.0.5"}, fact.Yes},
		{native, "near", []string{"10.0.0.6"}, fact.No},
		{native, "wide", []string{"10.66.3.4"}, fact.Yes},
		{native, "wide", []string{"10.70.0.5"}, fact.Yes},
		{native, "wide", []string{"10.70.0.10"}, fact.No},
		{native, "pairs", []string{"10.0.0.5", "80"}, fact.Yes},
		{native, "pairs", []string{"10.0.0.5", "81"}, fact.No},
		{native, "pairs", []string{"10.0.0.5"}, fact.Unsure},
		{native, "devs", []string{"eth0"}, fact.Yes},
		{native, "devs", []string{"eth1"}, fact.No},
		{native, "ways", []string{"443"}, fact.Yes},
		{native, "ways", []string{"444"}, fact.No},
		{native, "marks", []string{"10.66.3.4"}, fact.Yes},
		{native, "marks", []string{"10.67.3.4"}, fact.No},
		{native, "ips", []string{"10.0.0.5"}, fact.Unsure},
	} {
		if got := l.In(c.t, c.set, c.key); got != c.want {
			t.Errorf("%s in %s of %s: %s, expected %s", c.key, c.set, c.t.Name, got, c.want)
		}
	}
}

// counting counts what it is asked.
type counting struct{ headers, members int }

func (c *counting) Header(_ context.Context, k set.Key) (set.Set, error) {
	c.headers++
	return set.Set{Key: k, Type: "hash:ip"}, nil
}

func (c *counting) Contains(context.Context, set.Set, string) (bool, error) {
	c.members++
	return true, nil
}

func (c *counting) Members(context.Context, set.Set, int, int) (set.Page, error) {
	return set.Page{More: true}, nil
}

// TestLookupBound: one question is asked once a second, and no more than so many.
func TestLookupBound(t *testing.T) {
	at := time.Unix(1, 0)
	c := &counting{}
	l := &Lookup{r: c, most: maxAsked, now: func() time.Time { return at }}
	table := &model.Table{Backend: model.BackendLegacy}
	ask := func(addr string) fact.Answer { return l.In(table, "x", []string{addr + " tcp:1 eth0"}) }
	for range 3 {
		ask("10.0.0.1")
	}
	if c.headers != 1 || c.members != 1 {
		t.Errorf("asked %d and %d times", c.headers, c.members)
	}
	last := fact.Yes
	for i := range 2 * maxAsked {
		last = ask(string(rune('a' + i)))
	}
	if c.headers+c.members != maxAsked || last != fact.Unsure {
		t.Errorf("asked %d times, the last is %s", c.headers+c.members, last)
	}
	at = at.Add(fresh)
	if ask("10.0.0.1") != fact.Yes || c.headers != 2 {
		t.Errorf("a second later: %d headers", c.headers)
	}
}

// slow is a kernel that does not answer about members. It notes until when each question waits.
type slow struct{ until map[time.Time]int }

func (s *slow) note(ctx context.Context) {
	at, _ := ctx.Deadline()
	s.until[at]++
}

func (s *slow) Header(ctx context.Context, k set.Key) (set.Set, error) {
	s.note(ctx)
	typ := "hash:ip"
	if k.Name == "all" {
		typ = "list:set"
	}
	return set.Set{Key: k, Type: typ}, nil
}

func (s *slow) Contains(ctx context.Context, _ set.Set, _ string) (bool, error) {
	s.note(ctx)
	return false, context.DeadlineExceeded
}

func (s *slow) Members(ctx context.Context, _ set.Set, _, n int) (p set.Page, _ error) {
	s.note(ctx)
	for i := range n {
		p.Members = append(p.Members, set.Member{Text: string(rune('a' + i))})
	}
	return p, nil
}

// TestLookupWaits: a set of many sets is waited for no longer than one.
func TestLookupWaits(t *testing.T) {
	s := &slow{until: map[time.Time]int{}}
	l := &Lookup{r: s, most: maxAsked, now: time.Now}
	if a := l.In(&model.Table{Backend: model.BackendLegacy}, "all", []string{"10.0.0.1 tcp:1 eth0"}); a != fact.Unsure {
		t.Error(a)
	}
	if len(s.until) != 1 {
		t.Fatalf("it waits until %d times", len(s.until))
	}
	for at, n := range s.until {
		if n != 2+2*maxListed || time.Until(at) > forAnswer {
			t.Errorf("%d questions until %v from now", n, time.Until(at))
		}
	}
}

// TestIPSetMember: what sets of types that this kernel need not have take from a key.
func TestIPSetMember(t *testing.T) {
	one, two := "10.0.0.5 tcp:80 eth0 00:11:22:33:44:55 0x5", "10.0.0.6 udp:53 eth1  "
	for _, c := range []struct {
		typ  string
		key  []string
		want string // "" where it cannot be asked
	}{
		{"hash:mac", []string{one}, "00:11:22:33:44:55"},
		{"hash:mac", []string{two}, ""},
		{"hash:ip,mac", []string{two, one}, "10.0.0.6,00:11:22:33:44:55"},
		{"hash:ip,mac", []string{one, two}, ""},
		{"hash:ip,mark", []string{two, one}, "10.0.0.6,0x5"},
		{"hash:ip,mark", []string{one, two}, ""},
		{"hash:ip,port,net", []string{one, two, one}, "10.0.0.5,udp:53,10.0.0.5"},
		{"hash:ip,port,net", []string{one, two}, ""},
		{"hash:net,iface", []string{one, two}, "10.0.0.5,eth1"},
		{"hash:wine", []string{one}, ""},
	} {
		if got, ok := ipsetMember(c.typ, c.key); got != c.want || ok != (c.want != "") {
			t.Errorf("%s of %q: %q, %v, want %q", c.typ, c.key, got, ok, c.want)
		}
	}
}
