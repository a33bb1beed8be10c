package live

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// TestFollowed: packets are followed without a rule that traces: through tables of two
// backends, translation, and a veth into another namespace; where one is lost, the chain or
// the kernel's reason is named. What the filter does not choose is left alone, and no rule is
// made.
func TestFollowed(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "ip6tables-legacy-restore", "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	n.FixNeighbours(t)
	for program, to := range map[string]string{"iptables-legacy-restore": "10.2.0.2:104", "ip6tables-legacy-restore": "[fd02::2]:104"} {
		nettest.Feed(t, n.Router, "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n"+
			"*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 105 -j DNAT --to-destination "+to+"\n-A POSTROUTING -p udp -m udp --dport 104 -j MASQUERADE\nCOMMIT\n"+
			accept4+"-A FORWARD -p udp -m udp --dport 106 -j DROP\nCOMMIT\n", program)
	}
	nettest.Feed(t, n.Server, "table inet fw { chain in { type filter hook input priority 0; udp dport 107 drop; }; }", "nft", "-f", "-")
	nettest.Echo(t, n.Server, 104)
	before := nettest.Run(t, n.Router, "nft", "list", "ruleset")
	s := openAll(t, n.Router, Trace{Filter: parse(t, "udp and dst portrange 103-108"), Programs: true, Through: []*netns.Handle{n.Server}})
	if now := nettest.Run(t, n.Router, "nft", "list", "ruleset"); now != before {
		t.Errorf("rules were made:\n%s", now)
	}
	server := n.Server.Name()
	ends := []struct {
		family                          model.Family
		router, server, nowhere, masked string
	}{
		{model.FamilyIPv4, "10.1.0.1", "10.2.0.2", "192.0.2.1", "10.2.0.1"},
		{model.FamilyIPv6, "fd01::1", "fd02::2", "fd99::1", "fd02::1"},
	}
	for _, e := range ends {
		for _, port := range []int{120, 105, 106, 107, 108} {
			to := map[int]string{105: e.router, 108: e.nowhere}[port]
			if to == "" {
				to = e.server
			}
			nettest.SendUDP(t, n.Client, 4000+port, net.JoinHostPort(to, fmt.Sprint(port)))
		}
	}
	nettest.Do(t, n.Client, func() error { return sendExtended(unix.IPV6_DSTOPTS, net.ParseIP("fd02::2"), 103) })
	if j := s.journey("behind an extension header", func(j *journey.Journey) bool { return j.Netns == "" && j.Packet.Extended }); j.Packet.DPort != 103 || j.Outcome.Verdict != journey.Accepted {
		t.Errorf("%s", describe(j))
	}
	for _, e := range ends {
		at := func(netns string, port uint16) *journey.Journey {
			return s.journey(fmt.Sprint(e.family, " ", port, " in ", netns), func(j *journey.Journey) bool {
				return j.Family == e.family && j.Netns == netns && j.Packet.DPort == port
			})
		}
		for _, c := range []struct {
			netns             string
			port              uint16
			verdict, sentence string
			steps             string
			came              bool
			dst               string
		}{
			{"", 105, journey.Accepted, "sent out of r1: which rules let it on nothing told, it was not traced", "mangle/PREROUTING nat/PREROUTING mangle/FORWARD filter/FORWARD mangle/POSTROUTING nat/POSTROUTING", false, e.server},
			{server, 104, journey.Accepted, "delivered to this host: which rules let it on nothing told, it was not traced; it came as #", "fw/in", true, ""},
			{"", 106, journey.Dropped, "dropped by filter/FORWARD (iptables-legacy", "mangle/PREROUTING nat/PREROUTING mangle/FORWARD", false, ""},
			{"", 107, journey.Accepted, "sent out of r1", "mangle/PREROUTING nat/PREROUTING mangle/FORWARD filter/FORWARD mangle/POSTROUTING nat/POSTROUTING", false, ""},
			{server, 107, journey.Unknown, "last seen in the input hook before inet fw/in (nftables); it came as #", "", true, ""},
			{"", 108, journey.Dropped, "dropped by the kernel at the routing decision", "mangle/PREROUTING nat/PREROUTING", false, ""},
		} {
			j := at(c.netns, c.port)
			var steps []string
			for i := range j.Steps {
				st := &j.Steps[i]
				if steps = append(steps, st.Table+"/"+st.Chain); st.Kind != journey.KindPassed {
					t.Errorf("a step of kind %s: %s", st.Kind, describe(j))
				}
			}
			if j.Outcome.Verdict != c.verdict || !strings.HasPrefix(j.Outcome.Sentence, c.sentence) || strings.Join(steps, " ") != c.steps || (j.Came != 0) != c.came ||
				c.verdict != journey.Unknown && j.Complete != (c.port != 106) {
				t.Errorf("%s port %d in %q: complete %v, came as %d, %v\n%s\nwant %s", e.family, c.port, c.netns, j.Complete, j.Came, steps, describe(j), c.sentence)
			}
			if c.dst != "" && (j.NAT == nil || len(j.NAT.Dst) != 2 || !strings.Contains(j.NAT.Dst[1], c.dst) || len(j.NAT.Src) != 2 || !strings.Contains(j.NAT.Src[1], e.masked)) {
				t.Errorf("translated %+v: %s", j.NAT, describe(j))
			}
			if c.came {
				from := map[uint16]uint16{104: 105, 107: 107}[c.port]
				if was := at("", from); was.Number != j.Came {
					t.Errorf("port %d came as #%d, want #%d", c.port, j.Came, was.Number)
				}
			}
		}
		for _, j := range s.settled("all", func([]*journey.Journey) bool { return true }) {
			if j.Packet.DPort == 120 {
				t.Errorf("not chosen: %s", describe(j))
			}
		}
	}
	s.shut()
}
