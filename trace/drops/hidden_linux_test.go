package drops

import (
	"testing"

	"nfscope/trace/nettest"
)

// TestHidden: a bridge of two ports hides what it passes on from the hooks of IP where br_netfilter
// does not call them for the family; one of a single port passes on nothing.
func TestHidden(t *testing.T) {
	nettest.Kernel(t, "ip")
	t.Parallel()
	ns := nettest.New(t, "bridge")
	nettest.Feed(t, ns, "link add b1 type bridge\nlink add d1 type veth peer name d2\nlink add p0 type veth peer name p1\nlink set p0 master b1\n", "ip", "-batch", "-")
	call := func(v4, v6 string) {
		if _, err := ns.Output(t.Context(), nil, "sysctl", "-qw", "net.bridge.bridge-nf-call-iptables="+v4, "net.bridge.bridge-nf-call-ip6tables="+v6); err != nil {
			nettest.Skip(t, "needs br_netfilter: "+err.Error())
		}
	}
	call("0", "0")
	if got := Hidden(ns, true, true); got != "" {
		t.Errorf("with one port %q", got)
	}
	nettest.Feed(t, ns, "link add b0 type bridge\nlink set d1 master b0\nlink set d2 master b0\n", "ip", "-batch", "-")
	for _, c := range []struct {
		call4, call6 string
		v4, v6       bool
		want         string
	}{{"0", "0", true, true, "b0"}, {"1", "0", true, false, ""}, {"1", "0", false, true, "b0"}, {"0", "1", true, false, "b0"}, {"0", "1", false, true, ""}, {"1", "0", true, true, "b0"}, {"1", "1", true, true, ""}} {
		call(c.call4, c.call6)
		if got := Hidden(ns, c.v4, c.v6); got != c.want {
			t.Errorf("with %s and %s, of IPv4 %v, of IPv6 %v: %q, want %q", c.call4, c.call6, c.v4, c.v6, got, c.want)
		}
	}
}
