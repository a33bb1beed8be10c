package model

import (
	"net/netip"
	"testing"
)

// TestLack: a route that leads there, wherever it goes, and tables that are not known are no lack.
func TestLack(t *testing.T) {
	list := []Route{{To: netip.MustParsePrefix("10.0.0.0/8")}, {To: netip.MustParsePrefix("fd00::/8"), Device: "eth0"}}
	for _, c := range []struct {
		routes *Routes
		to     string
		want   bool
	}{
		{&Routes{List: list}, "192.0.2.1", true}, {&Routes{List: list}, "2001:db8::1", true}, {&Routes{}, "192.0.2.1", true},
		{&Routes{List: list}, "10.1.2.3", false}, {&Routes{List: list}, "fd00::1", false},
		{&Routes{List: list, Policy: true}, "192.0.2.1", false}, {nil, "192.0.2.1", false},
	} {
		if got := c.routes.Lack(netip.MustParseAddr(c.to)); got != c.want {
			t.Errorf("%+v, %s: %v", c.routes, c.to, got)
		}
	}
}

// TestTogether: two addresses are in one network where their longest routes are the same one, and
// that is no default route.
func TestTogether(t *testing.T) {
	list := []Route{{To: netip.MustParsePrefix("0.0.0.0/0"), Device: "eth0"}, {To: netip.MustParsePrefix("10.0.0.0/8"), Device: "eth0"}, {To: netip.MustParsePrefix("10.0.0.128/25"), Device: "eth0"}}
	for _, c := range []struct {
		routes *Routes
		a, b   string
		want   bool
	}{
		{&Routes{List: list}, "10.0.0.1", "10.9.0.1", true}, {&Routes{List: list}, "10.0.0.129", "10.0.0.130", true}, {&Routes{List: list}, "10.0.0.1", "10.0.0.129", false},
		{&Routes{List: list}, "10.0.0.129", "10.0.0.1", false}, {&Routes{List: list}, "192.0.2.1", "192.0.2.2", false}, {&Routes{List: list}, "fd00::1", "fd00::2", false},
		{&Routes{List: list, Policy: true}, "10.0.0.1", "10.9.0.1", false}, {nil, "10.0.0.1", "10.9.0.1", false},
	} {
		if got := c.routes.Together(netip.MustParseAddr(c.a), netip.MustParseAddr(c.b)); got != c.want {
			t.Errorf("%+v, %s and %s: %v", c.routes, c.a, c.b, got)
		}
	}
}
