package conntrack

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"nfscope/trace/nettest"
)

// TestFollowAround changes addresses, routes, rules and links, and expects each to be told.
func TestFollowAround(t *testing.T) {
	t.Parallel()
	ns := nettest.NewRouted(t).Router
	was, err := ReadAround(ns)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	told, ended := make(chan Around, 64), make(chan error, 1)
	go func() { ended <- FollowAround(ctx, ns, was, func(a Around) { told <- a }) }()
	far := netip.MustParseAddr("198.51.100.7")
	local := func(s string) func(*Around) bool {
		return func(a *Around) bool { return slices.Contains(a.Local, netip.MustParsePrefix(s)) }
	}
	for _, c := range []struct {
		what string
		args []string
		ok   func(*Around) bool
	}{
		{"an address", []string{"addr", "add", "203.0.113.1/32", "dev", "r1"}, local("203.0.113.1/32")},
		{"an IPv6 address", []string{"addr", "add", "2001:db8::1/128", "dev", "r1", "nodad"}, local("2001:db8::1/128")},
		{"a route", []string{"route", "add", "198.51.100.0/24", "via", "10.2.0.2"}, func(a *Around) bool { return a.Routes.Device(far) == "r1" }},
		{"a link's name", []string{"link", "set", "r1", "name", "wan"}, func(a *Around) bool { return a.Routes.Device(far) == "wan" }},
		{"a link that is down", []string{"link", "set", "wan", "down"}, func(a *Around) bool { return a.Routes.Device(far) == "" }},
		{"a rule", []string{"rule", "add", "from", "10.1.0.0/24", "lookup", "100"}, func(a *Around) bool { return a.Routes.Policy }},
		{"an address that goes", []string{"addr", "del", "203.0.113.1/32", "dev", "wan"}, func(a *Around) bool { return !local("203.0.113.1/32")(a) }},
	} {
		nettest.Run(t, ns, "ip", c.args...)
		deadline := time.After(patience)
		for ok := false; !ok; {
			select {
			case a := <-told:
				if a.same(&was) {
					t.Errorf("%s: told without a change", c.what)
				}
				was = a
				ok = c.ok(&a)
			case <-deadline:
				t.Fatalf("%s was not told", c.what)
			}
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
