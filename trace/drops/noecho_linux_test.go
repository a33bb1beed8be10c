package drops

import (
	"net/netip"
	"testing"

	"nfscope/trace/nettest"
)

// TestNoEcho: which sysctl keeps a host from answering depends on whom the echo is for.
func TestNoEcho(t *testing.T) {
	nettest.Kernel(t, "ip", "sysctl")
	t.Parallel()
	n := nettest.NewRouted(t)
	set := func(s string) { nettest.Run(t, n.Router, "sysctl", "-qw", s) }
	for _, c := range []struct{ set, to, want string }{
		{"net.ipv4.icmp_echo_ignore_broadcasts=1", "10.1.0.1", ""},
		{"net.ipv4.icmp_echo_ignore_broadcasts=1", "10.1.0.255", "net.ipv4.icmp_echo_ignore_broadcasts"},
		{"net.ipv4.icmp_echo_ignore_broadcasts=1", "255.255.255.255", "net.ipv4.icmp_echo_ignore_broadcasts"},
		{"net.ipv4.icmp_echo_ignore_broadcasts=1", "224.0.0.1", "net.ipv4.icmp_echo_ignore_broadcasts"},
		{"net.ipv4.icmp_echo_ignore_broadcasts=0", "10.1.0.255", ""},
		{"net.ipv4.icmp_echo_ignore_all=1", "10.1.0.1", "net.ipv4.icmp_echo_ignore_all"},
		{"net.ipv6.icmp.echo_ignore_multicast=1", "ff02::1", "net.ipv6.icmp.echo_ignore_multicast"},
		{"net.ipv6.icmp.echo_ignore_anycast=1", "fd01::1", ""},
	} {
		set(c.set)
		if got := NoEcho(n.Router, netip.MustParseAddr(c.to)); got != c.want {
			t.Errorf("%s, to %s: %q, want %q", c.set, c.to, got, c.want)
		}
	}
	if got := NoEcho(n.Router, netip.Addr{}); got != "" {
		t.Errorf("to no address: %q", got)
	}
}
