package ruleset_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"nfscope/model/ruleset"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
	"nfscope/trace/rules"
)

// TestTracks holds what is said of conntrack against the kernel: where it is at work, a
// packet makes an entry.
func TestTracks(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft", "iptables-legacy", "ip6tables-legacy", "iptables-nft")
	const filter, nat = "type filter hook forward priority 0", "type nat hook prerouting priority -100"
	chain := func(family, hook, rule string) string {
		return fmt.Sprintf("table %s t {\n chain c {\n %s\n %s\n }\n}\n", family, hook, rule)
	}
	xt := func(program string, args ...string) []string { return append([]string{program}, args...) }
	for _, c := range []struct {
		name   string
		native string
		xt     []string
		v4, v6 bool
	}{
		{name: "nothing"},
		{name: "a nat chain alone", native: chain("inet", nat, "")},
		{name: "a legacy nat table alone", xt: xt("iptables-legacy", "-t", "nat", "-N", "SNAT_")},
		{name: "state", native: chain("ip", filter, "ct state new counter"), v4: true},
		{name: "state, IPv6", native: chain("ip6", filter, "ct state new counter"), v6: true},
		{name: "state, both", native: chain("inet", filter, "ct state new counter"), v4: true, v6: true},
		{name: "map", native: chain("inet", filter, "ct state vmap { new : accept }"), v4: true, v6: true},
		{name: "a chain that nobody calls", native: chain("ip", "", "ct state new counter"), v4: true},
		{name: "a dormant table", native: strings.Replace(chain("ip", filter, "ct state new counter"), "{\n", "{\n flags dormant\n", 1), v4: true},
		{name: "mark from it", native: chain("inet", filter, "meta mark set ct mark"), v4: true, v6: true},
		{name: "zone", native: chain("ip", filter, "ct zone set 1"), v4: true},
		{name: "count", native: strings.Replace(chain("ip", filter, "add @s { ip saddr ct count over 5 } drop"), "{\n", "{\n set s {\n type ipv4_addr; flags dynamic;\n }\n", 1), v4: true},
		{name: "notrack", native: chain("ip", filter, "notrack")},
		{name: "a comment that speaks of it", native: chain("inet", filter, `counter comment "ct state new masquerade"`)},
		{name: "an ICMP type of such a name", native: chain("ip", filter, "icmp type redirect counter")},
		{name: "masquerade", native: chain("inet", "type nat hook postrouting priority 100", "oifname \"none\" masquerade"), v4: true, v6: true},
		{name: "redirect", native: chain("ip", nat, "tcp dport 1 redirect to :2"), v4: true},
		{name: "redirect, both", native: chain("inet", nat, "tcp dport 1 redirect to :2"), v4: true, v6: true},
		{name: "dnat, one family", native: chain("inet", nat, "tcp dport 1 dnat ip to 1.2.3.4"), v4: true},
		{name: "dnat, the other", native: chain("inet", nat, "tcp dport 1 dnat ip6 to fd00::1"), v6: true},
		{name: "snat", native: chain("ip6", "type nat hook postrouting priority 100", "oifname \"none\" snat to fd00::1"), v6: true},
		{name: "synproxy", native: chain("ip", filter, "tcp dport 1 synproxy mss 1460"), v4: true},
		{name: "legacy -m state", xt: xt("iptables-legacy", "-A", "FORWARD", "-m", "state", "--state", "NEW"), v4: true},
		{name: "legacy -m conntrack", xt: xt("ip6tables-legacy", "-A", "FORWARD", "-m", "conntrack", "--ctstate", "NEW"), v6: true},
		{name: "legacy -m connmark", xt: xt("iptables-legacy", "-A", "FORWARD", "-m", "connmark", "--mark", "1"), v4: true},
		{name: "legacy comment", xt: xt("iptables-legacy", "-A", "FORWARD", "-m", "comment", "--comment", "x -m state y")},
		{name: "legacy CT --notrack", xt: xt("iptables-legacy", "-t", "raw", "-A", "OUTPUT", "-p", "tcp", "-j", "CT", "--notrack")},
		{name: "legacy CT --zone", xt: xt("iptables-legacy", "-t", "raw", "-A", "OUTPUT", "-p", "tcp", "-j", "CT", "--zone", "1"), v4: true},
		{name: "legacy MASQUERADE", xt: xt("iptables-legacy", "-t", "nat", "-A", "POSTROUTING", "-o", "none", "-j", "MASQUERADE"), v4: true},
		{name: "legacy REDIRECT", xt: xt("iptables-legacy", "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "-j", "REDIRECT"), v4: true},
		{name: "legacy CONNMARK", xt: xt("iptables-legacy", "-t", "mangle", "-A", "FORWARD", "-j", "CONNMARK", "--restore-mark"), v4: true},
		{name: "iptables-nft -m conntrack", xt: xt("iptables-nft", "-A", "FORWARD", "-m", "conntrack", "--ctstate", "NEW"), v4: true},
		{name: "iptables-nft DNAT", xt: xt("iptables-nft", "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "-j", "DNAT", "--to", "1.2.3.4"), v4: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ns := nettest.New(t, "tracks")
			if c.native != "" {
				nettest.Feed(t, ns, c.native, "nft", "-f", "-")
			}
			if c.xt != nil {
				nettest.Run(t, ns, c.xt[0], c.xt[1:]...)
			}
			r, err := rules.Open(ns)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			rs, err := r.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			v4, v6 := ruleset.Tracks(rs)
			k4, k6 := tracked(t, ns, "127.0.0.1"), tracked(t, ns, "[::1]")
			if k4 != c.v4 || k6 != c.v6 {
				t.Errorf("the kernel tracks %v and %v, want %v and %v", k4, k6, c.v4, c.v6)
			}
			if v4 != k4 || v6 != k6 {
				t.Errorf("said %v and %v, the kernel tracks %v and %v", v4, v6, k4, k6)
			}
		})
	}
}

// tracked reports whether a packet to an address makes an entry.
func tracked(t *testing.T, ns *netns.Handle, addr string) bool {
	t.Helper()
	count := func() (n int) {
		b, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_count")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(string(b), &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	var before, after int
	nettest.Do(t, ns, func() error {
		before = count()
		c, err := net.Dial("udp", addr+":9")
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte("x"))
		after = count()
		return err
	})
	return after > before
}
