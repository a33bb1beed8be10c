package live

import (
	"slices"
	"strings"
	"testing"

	"nfscope/model/flow"
	"nfscope/model/nat"
	"nfscope/model/snapshot"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
	"nfscope/trace/sets"
)

// datagram sends one from a host, whoever may be there.
func datagram(t *testing.T, from *netns.Handle, local, to string) {
	t.Helper()
	c, err := nettest.Dial(t, from, "udp", local, to, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Write([]byte("x"))
}

// TestNATRuleSets: rules that match on sets are told apart by what is in the sets, and a
// connection whose address left its set is stale.
func TestNATRuleSets(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft", "ipset")
	t.Parallel()
	for _, c := range []struct{ name, load, text, empty string }{
		{"ipset", "iptables-legacy-restore", "*nat\n-A PREROUTING -p udp -m set --match-set bad src -j DNAT --to-destination 10.2.0.2:9\n" +
			"-A PREROUTING -p udp -m set --match-set good src,dst -j DNAT --to-destination 10.2.0.2:9\n-A POSTROUTING -o r1 -j MASQUERADE\nCOMMIT\n", "ipset flush good"},
		{"nft", "nft -f -", `table ip n {
 set bad { type ipv4_addr; elements = { 10.1.0.99 }; }
 set good { type ipv4_addr . inet_service; elements = { 10.1.0.2 . 80 }; }
 chain pre { type nat hook prerouting priority -100;
  meta l4proto udp ip saddr @bad dnat to 10.2.0.2:9
  meta l4proto udp ip saddr . udp dport @good dnat to 10.2.0.2:9
 }
 chain post { type nat hook postrouting priority 100; oifname "r1" masquerade; }
}`, "nft flush set ip n good"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := nettest.NewRouted(t)
			if c.name == "ipset" {
				nettest.Feed(t, n.Router, "create bad hash:ip\nadd bad 10.1.0.99\ncreate good hash:ip,port\nadd good 10.1.0.2,udp:80\n", "ipset", "restore")
			}
			load := strings.Fields(c.load)
			nettest.Feed(t, n.Router, c.text, load[0], load[1:]...)
			datagram(t, n.Client, "10.1.0.2:4000", "10.1.0.1:80")
			list := flowsOf(t, n.Router)
			if len(list) != 1 || list[0].Status&flow.DstNAT == 0 {
				t.Fatalf("%d flows", len(list))
			}
			l := list[0].Look()
			r, err := sets.Open(n.Router)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			for _, w := range []struct {
				in    nat.InSet
				rules []int
			}{{nil, []int{1, 2}}, {sets.NewLookup(r).In, []int{2}}} {
				f := finderOf(t, n.Router, w.in)
				var got []int
				for _, x := range f.Look(&l).Dst.Rules {
					got = append(got, x.Rule.Index)
				}
				if !slices.Equal(got, w.rules) {
					t.Errorf("rules %v, expected %v", got, w.rules)
				}
				if st := f.Stale(&l); st.Kind != "" {
					t.Errorf("stale: %s", st.Words)
				}
			}
			words := strings.Fields(c.empty)
			nettest.Run(t, n.Router, words[0], words[1:]...)
			if st := finderOf(t, n.Router, sets.NewLookup(r).In).Stale(&l); st.Kind != nat.WouldMap {
				t.Errorf("no set has it any more, and it is not stale: %+v", st)
			}
		})
	}
}

// TestSurroundings gives a router an address and a route while it is watched: connections
// that begin then are of the right class, and their rule is found.
func TestSurroundings(t *testing.T) {
	nettest.Kernel(t, "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, `table ip n { chain post { type nat hook postrouting priority 100; oifname "r1" masquerade; }; }`, "nft", "-f", "-")
	nettest.Run(t, n.Router, "ip", "addr", "del", "10.2.0.1/24", "dev", "r1")
	s := begin(t, n.Router)
	if _, err := s.session.Rules(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.session.Watch(t.Context())
	s.wait("the first reading", func(x *snapshot.Snapshot) bool { return x.Flows.Ready && len(x.Local) > 0 })
	nettest.Run(t, n.Router, "ip", "addr", "add", "10.2.0.7/24", "dev", "r1")
	datagram(t, n.Client, "", "10.2.0.2:80")
	var fl *flow.Flow
	x := s.wait("the connection's class", func(x *snapshot.Snapshot) bool {
		for f := range x.Flows.Table.All() {
			if f.NAT.String() == "masquerade" {
				fl = f
				return x.Routes.Device(f.Orig.Tuple.Dst) == "r1"
			}
		}
		return false
	})
	l := fl.Look()
	o := nat.NewFinder(x.Index, nat.Host{Local: x.Local, Routes: x.Routes}).Look(&l)
	if len(o.Src.Rules) != 1 || o.Src.Rules[0].Class != flow.ClassMasquerade || fl.Reply.Tuple.Dst.String() != "10.2.0.7" {
		t.Errorf("%s: %+v", fl.Line(), o)
	}
}
