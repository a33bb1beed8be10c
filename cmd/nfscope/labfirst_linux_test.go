package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nfscope/trace/lab"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// everything is what a namespace has: rules, interfaces, addresses, routes, neighbours and
// sysctls.
func everything(t *testing.T, ns *netns.Handle) string {
	t.Helper()
	return tidy(world(t, ns)) + nettest.Run(t, ns, "sh", "-c",
		"ip route show table all; ip -6 route show table all; ip rule; ip -6 rule; ip neigh; conntrack -L 2>&1; ipset list; grep -rs '' /proc/sys/net || true")
}

// TestLabFirstNamespace: a namespace in which nfscope builds labs, two at once, and plays a
// third one has not changed, neither while they stand nor when they are gone.
func TestLabFirstNamespace(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "nft", "ip", "sh", "conntrack", "ipset")
	first := nettest.New(t, "first")
	nettest.Feed(t, first, "*filter\n-A INPUT -p udp -m udp --dport 4711 -j DROP\nCOMMIT\n", "iptables-legacy-restore")
	nettest.Run(t, first, "ip", "link", "set", "lo", "up")
	before := everything(t, first)
	unchanged := func(when string) {
		t.Helper()
		if d := cmp.Diff(before, everything(t, first)); d != "" {
			t.Errorf("%s:\n%s", when, d)
		}
	}
	dir := t.TempDir()
	for _, from := range []string{"security-groups", "gateway"} {
		name := fmt.Sprintf("own-%.4s-%d", from, os.Getpid())
		folder := copyLab(t, dir, from, name)
		t.Cleanup(func() {
			for _, s := range stands(t, name) {
				_ = lab.Release(t.Context(), s)
			}
		})
		nettest.Run(t, first, "nfscope", "lab", "up", folder)
	}
	unchanged("two labs stand")
	nettest.Run(t, first, "nfscope", "lab", "test", "notrack", "--backend", "iptables-legacy")
	for _, from := range []string{"security-groups", "gateway"} {
		nettest.Run(t, first, "nfscope", "lab", "down", fmt.Sprintf("own-%.4s-%d", from, os.Getpid()))
	}
	unchanged("no lab stands")
}
