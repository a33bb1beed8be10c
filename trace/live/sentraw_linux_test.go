package live

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"nfscope/model/journey"
	"nfscope/trace/arm"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// TestSentUnprobed: without probes too a packet that the host routes into a bridge, even back to
// the bridge that it came by, is one journey in the order of its chains, with the later packets of
// a translated connection; so are frames that the bridge forwards.
func TestSentUnprobed(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	t.Parallel()
	const post = "table bridge b {\n chain post { type filter hook postrouting priority 0; udp length 15 drop; }\n}\n"
	const inet = "table inet fw {\n chain f { type filter hook forward priority 0; udp dport 9 accept; }\n}\n"
	const masquerade = "table ip n {\n chain p { type nat hook postrouting priority 100; udp dport 9 masquerade; }\n}\n"
	const mangle = "*mangle\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n"
	const nat = "*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -p udp -j MASQUERADE\nCOMMIT\n"
	const foreign = "table inet z {\n chain pre { type filter hook prerouting priority -299; udp dport 9 meta nftrace set 1; }\n}\n"
	const raw, fw, n1 = "L raw/PREROUTING policy accept", "N fw/f 1 accept", "N n/p 1 accept"
	before, behind := []string{raw, "L mangle/PREROUTING policy accept", "L mangle/FORWARD policy accept"}, []string{"L mangle/POSTROUTING policy accept"}
	pre, lnat := []string{raw, "L nat/PREROUTING policy accept"}, "L nat/POSTROUTING 1 accept"
	traced := []string{raw, "N z/pre 1 continue", "N z/pre policy accept"}
	and := func(l []string, more ...string) []string { return append(slices.Clone(l), more...) }
	for _, c := range []struct {
		name, legacy, native string
		masquerades          bool
		// What a connection's first packet meets of the IP families where it is routed, what the
		// others do, and what frames do before the bridge's postrouting hook and behind it.
		first, other, frame, end []string
		ends                     []string // of a connection's first frame, where that differs
	}{
		{"nothing else", "", post, false, []string{raw}, []string{raw}, []string{raw}, nil, nil},
		{"a chain of forward", "", inet + post, false, []string{raw, fw}, []string{raw, fw}, []string{raw, fw}, nil, nil},
		{"legacy tables", mangle, post, false, and(before, behind...), and(before, behind...), before, behind, behind},
		{"masquerade", "", masquerade + post, true, []string{raw, n1}, []string{raw}, []string{raw}, nil, []string{n1}},
		{"masquerade behind a chain of forward", "", inet + masquerade + post, true, []string{raw, fw, n1}, []string{raw, fw}, []string{raw, fw}, nil, []string{n1}},
		{"legacy nat", nat, inet + post, true, and(pre, fw, lnat), []string{raw, fw}, []string{raw, fw}, nil, []string{lnat}},
		{"another's trace", "", foreign + masquerade + post, true, and(traced, n1), traced, traced, nil, []string{n1}},
		{"a chain of postrouting", "", strings.Replace(inet, "forward", "postrouting", 1) + post, false, []string{raw, fw}, []string{raw, fw}, []string{raw}, []string{fw}, []string{fw}},
		{"a bridge's chain of forward", mangle, strings.Replace(post, "chain post", "chain f { type filter hook forward priority 0; }\n chain post", 1), false,
			and(before, behind...), and(before, behind...), []string{before[0], before[1], "N b/f policy accept", before[2]}, behind, behind},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newBridged(t)
			client, server := nettest.MAC(t, n.client, "e0"), nettest.MAC(t, n.server, "e0")
			nettest.Run(t, n.bridge, "sysctl", "-qw", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.br0.send_redirects=0")
			nettest.Run(t, n.bridge, "bridge", "fdb", "replace", client, "dev", "p1", "master", "static")
			nettest.Run(t, n.bridge, "bridge", "fdb", "replace", server, "dev", "p2", "master", "static")
			nettest.Feed(t, n.bridge, "neigh add 10.9.0.1 lladdr "+client+" dev br0\nneigh del 10.8.0.2 dev x0\nroute add 10.7.0.0/24 dev br0\nneigh add 10.7.0.1 lladdr "+server+" dev br0\n", "ip", "-batch", "-")
			nettest.Feed(t, n.server, "addr add 10.8.0.2/24 dev e1\nroute add 10.9.0.1/32 via 10.8.0.1\n", "ip", "-batch", "-")
			load(t, n.bridge, "iptables-legacy-restore", c.legacy)
			load(t, n.bridge, "nft", c.native)
			s := open(t, n.bridge, Trace{Filter: parse(t, "udp and dst port 9"), Method: arm.MethodRaw})
			ways := []struct {
				from *netns.Handle
				to   string
			}{{n.server, "10.9.0.1:9"}, {n.client, "10.9.0.2:9"}, {n.client, "10.7.0.1:9"}}
			for _, to := range []*netns.Handle{n.client, n.server} { // who doesn't listen says so
				nettest.Do(t, to, func() error {
					l, err := net.ListenPacket("udp4", ":9")
					if err == nil {
						t.Cleanup(func() { l.Close() })
					}
					return err
				})
			}
			var talks []net.Conn
			for _, w := range ways {
				conn, err := nettest.Dial(t, w.from, "udp4", "", w.to, patience)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				talks = append(talks, conn)
			}
			say := func(texts ...string) {
				for _, conn := range talks {
					for _, text := range texts {
						if _, err := conn.Write([]byte(text)); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			say("one")
			s.settled("the first packets", func(list []*journey.Journey) bool { return len(list) >= len(ways) })
			sent := 3 * len(ways)
			if strings.HasPrefix(c.native, foreign) {
				// Later packets that are routed back have another id when the bridge's chain shows
				// them, the first chain that does: copies to other ports look the same.
				talks, sent = talks[:2], sent-2
			}
			say("again", "dropped")
			list := s.settled("all packets", func(list []*journey.Journey) bool { return len(list) >= sent })
			if len(list) != sent {
				t.Errorf("%d journeys of %d packets", len(list), sent)
			}
			for _, j := range list {
				text := map[int]string{31: "one", 33: "again", 35: "dropped"}[j.Packet.Length]
				want, end, hop := c.other, c.end, "N b/post policy accept"
				if text == "one" {
					want, end = c.first, c.ends
				}
				if text == "dropped" {
					hop = "N b/post 1 drop"
				}
				if frame := j.Packet.Dst.String() == "10.9.0.2"; frame {
					if want = c.frame; text == "one" && len(pre) > 0 && c.legacy == nat {
						want = and(pre, fw)
					}
				} else {
					if end = nil; c.masquerades {
						hop += " src=10.9.0.3"
					}
				}
				want = and(want, hop)
				verdict := journey.Dropped
				if text != "dropped" {
					want, verdict = and(want, end...), journey.Accepted
				}
				var got []string
				for i := range j.Steps {
					got = append(got, line(&j.Steps[i]))
				}
				if !slices.Equal(got, want) || j.Outcome.Verdict != verdict || j.Path != journey.PathForward || !j.Complete {
					t.Errorf("%s: %s, want %s", text, describe(j), fmt.Sprintf("%q", want))
				}
			}
		})
	}
}

// TestHairpin: a packet that the host routes back to the bridge that it came by is one journey, and
// no copy of what the bridge floods: nf_tables knows it by another id from there on.
func TestHairpin(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	const bridge = "table bridge b {\n chain post { type filter hook postrouting priority 0; udp length 15 drop; }\n}\n"
	const forward = "table inet fw {\n chain f { type filter hook forward priority 0; udp dport 9 accept; }\n}\n"
	const masquerade = "table ip n {\n chain p { type nat hook postrouting priority 100; udp dport 9 masquerade; }\n}\n"
	const fw, post = "N fw/f 1 accept", "N b/post policy accept"
	for _, c := range []struct {
		name, native string
		steps        []string
	}{
		{"nothing else", bridge, []string{post}},
		{"a chain of forward", forward + bridge, []string{fw, post}},
		{"masquerade", masquerade + bridge, []string{"N n/p 1 accept", post + " src=10.9.0.3"}},
		{"masquerade behind a chain of forward", forward + masquerade + bridge, []string{fw, "N n/p 1 accept", post + " src=10.9.0.3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newBridged(t)
			server := nettest.MAC(t, n.server, "e0")
			nettest.Run(t, n.bridge, "sysctl", "-qw", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.br0.send_redirects=0")
			nettest.Run(t, n.bridge, "bridge", "fdb", "replace", server, "dev", "p2", "master", "static")
			nettest.Feed(t, n.bridge, "route add 10.7.0.0/24 dev br0\nneigh add 10.7.0.1 lladdr "+server+" dev br0\n", "ip", "-batch", "-")
			load(t, n.bridge, "nft", c.native)
			s := open(t, n.bridge, Trace{Filter: parse(t, "udp and dst port 9")})
			udp(t, n.client, "10.7.0.1:9")
			for _, j := range s.settled("the packet", func(list []*journey.Journey) bool { return len(list) > 0 }) {
				var got []string
				for i := range j.Steps {
					got = append(got, line(&j.Steps[i]))
				}
				if j.Number != 1 || !slices.Equal(got, c.steps) || j.Outcome.Verdict != journey.Accepted || j.Path != journey.PathForward || !j.Complete || j.CopyOf != 0 || j.Out != "br0" {
					t.Errorf("%s, want %q", describe(j), c.steps)
				}
			}
		})
	}
}

// TestEgressUnprobed: without probes too a packet that a chain at a device's egress let on is
// through: nothing comes behind that which could tell of it.
func TestEgressUnprobed(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	load(t, n.Router, "nft", "table inet fw {\n chain f { type filter hook forward priority 0; }\n}\ntable netdev e {\n chain c { type filter hook egress device r1 priority 0; udp dport 10 drop; }\n}\n")
	s := open(t, n.Router, Trace{Filter: parse(t, "udp and dst portrange 9-10"), Method: arm.MethodRaw})
	udp(t, n.Client, "10.2.0.2:9")
	udp(t, n.Client, "10.2.0.2:10")
	for _, j := range s.settled("two packets", func(list []*journey.Journey) bool { return len(list) == 2 }) {
		want := "accepted by every chain that was traced, accepted by the policy of netdev e/c (nftables)"
		if j.Packet.DPort == 10 {
			want = "dropped by rule 1 of netdev e/c (nftables): udp dport 10 drop"
		}
		if j.Outcome.Sentence != want || !j.Complete || j.Path != journey.PathForward {
			t.Errorf("want %q:\n%s", want, describe(j))
		}
	}
}
