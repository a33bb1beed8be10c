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
