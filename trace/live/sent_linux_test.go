package live

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

// TestSentIntoBridge: what the host itself sends out of a bridge, and what it routes there, meets
// the bridge's output and postrouting hooks behind those of the IP families, as one packet, with
// br_netfilter and without.
func TestSentIntoBridge(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "ip6tables-legacy-restore", "nft")
	t.Parallel()
	const inet = "table inet fw {\n chain o { type filter hook output priority 0; udp dport 9-12 accept; }\n chain f { type filter hook forward priority 0; udp dport 9-12 accept; }\n" +
		" chain p { type filter hook postrouting priority 0; }\n}\n"
	const out = " chain out { type filter hook output priority 0; udp dport 9 drop; }\n"
	const late = " chain late { type filter hook postrouting priority 10; udp dport 11 drop; }\n"
	const bridge = "table bridge b {\n" + out + " chain post { type filter hook postrouting priority 0; udp dport 10 drop; }\n" + late + "}\n"
	const masquerade = "table inet n {\n chain p { type nat hook postrouting priority 100; ip saddr 10.8.0.0/24 masquerade; }\n}\n"
	const egress = "table netdev e {\n chain br { type filter hook egress device br0 priority 0; }\n chain port { type filter hook egress device p1 priority 0; }\n}\n"
	const legacy = "*mangle\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n" + accept4 + "-A OUTPUT -p udp -j ACCEPT\n-A FORWARD -p udp -j ACCEPT\nCOMMIT\n"
	native := []string{"N fw/", "N fw/p policy accept"}
	all := []string{"b/out", "b/post", "b/late"}
	for _, c := range []struct {
		name, call, legacy, native string
		local, routed              []string // what it meets of the IP families
		chains                     []string // what it meets behind them
		masquerades                bool
	}{
		{"alone", "0", "", inet + bridge, native, native, all, false},
		{"br_netfilter", "1", "", inet + bridge, native, native, all, false},
		{"no output chain", "1", "", inet + strings.Replace(bridge, out, "", 1), native, native, all[1:], false},
		{"both tracers", "1", legacy, inet + bridge,
			[]string{"L mangle/OUTPUT policy accept", "L filter/OUTPUT 1 accept", "N fw/", "L mangle/POSTROUTING policy accept", "N fw/p policy accept"},
			[]string{"L mangle/PREROUTING policy accept", "L mangle/FORWARD policy accept", "L filter/FORWARD 1 accept", "N fw/", "L mangle/POSTROUTING policy accept", "N fw/p policy accept"}, all, false},
		{"masquerade", "1", "", inet + masquerade + bridge, append(native[:2:2], "N n/p policy accept"), append(native[:2:2], "N n/p 1 accept"), all, true},
		{"egress", "0", "", inet + egress + bridge, native, native, []string{"e/br", "b/out", "b/post", "b/late", "e/port"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newBridged(t)
			mac := nettest.MAC(t, n.client, "e0")
			nettest.Run(t, n.bridge, "sysctl", "-qw", "net.bridge.bridge-nf-call-iptables="+c.call, "net.bridge.bridge-nf-call-ip6tables="+c.call, "net.ipv6.conf.all.forwarding=1")
			nettest.Run(t, n.bridge, "bridge", "fdb", "replace", mac, "dev", "p1", "master", "static")
			nettest.Feed(t, n.bridge, "addr add fd09::3/64 dev br0 nodad\naddr add fd08::1/64 dev x0 nodad\nneigh add 10.9.0.1 lladdr "+mac+" dev br0\nneigh add fd09::1 lladdr "+mac+" dev br0\nneigh del 10.8.0.2 dev x0\n", "ip", "-batch", "-")
			nettest.Feed(t, n.server, "addr add 10.8.0.2/24 dev e1\nroute add 10.9.0.1/32 via 10.8.0.1\naddr add fd08::2/64 dev e1 nodad\nroute add fd09::1/128 via fd08::1\n", "ip", "-batch", "-")
			load(t, n.bridge, "iptables-legacy-restore", c.legacy)
			load(t, n.bridge, "ip6tables-legacy-restore", c.legacy)
			load(t, n.bridge, "nft", c.native)
			s := open(t, n.bridge, Trace{Filter: parse(t, "udp and portrange 9-12")})
			ends := []string{"b/out", "b/post", "b/late", ""} // by port, where it is dropped
			for _, to := range []string{"10.9.0.1", "fd09::1"} {
				for i := range ends {
					udp(t, n.bridge, net.JoinHostPort(to, fmt.Sprint(9+i)))
					udp(t, n.server, net.JoinHostPort(to, fmt.Sprint(9+i)))
				}
			}
			sent := 2 * 2 * len(ends)
			list := s.settled("the packets", func(list []*journey.Journey) bool { return len(list) >= sent })
			if len(list) != sent {
				t.Errorf("%d journeys of %d packets", len(list), sent)
			}
			for _, j := range list {
				path, in, chain, want := journey.PathOutput, "", "o", slices.Clone(c.local)
				if j.In != "" {
					path, in, chain, want = journey.PathForward, "x0", "f", slices.Clone(c.routed)
				}
				want[slices.Index(want, "N fw/")] += chain + " 1 accept"
				above, end := len(want), ends[j.Packet.DPort-9]
				verdict, sentence := journey.Accepted, "sent out of br0, accepted by "
				for _, name := range c.chains {
					if name == end {
						verdict, sentence = journey.Dropped, "dropped by rule 1 of bridge "+end+" (nftables)"
						want = append(want, "N "+name+" 1 drop")
						break
					}
					want = append(want, "N "+name+" policy accept")
				}
				if c.masquerades && in != "" && j.Packet.Family == model.FamilyIPv4 {
					want[above] += " src=10.9.0.3"
				} else if c.masquerades && in != "" {
					want[above-1] = "N n/p policy accept"
				}
				var got []string
				for i := range j.Steps {
					got = append(got, line(&j.Steps[i]))
				}
				if !slices.Equal(got, want) || j.Outcome.Verdict != verdict || !strings.HasPrefix(j.Outcome.Sentence, sentence) || j.Path != path || j.In != in || j.Out != "br0" || !j.Complete {
					t.Errorf("%s, want %v", describe(j), want)
				}
			}
		})
	}
}
