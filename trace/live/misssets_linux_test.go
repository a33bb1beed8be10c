package live

import (
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"

	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/model/snapshot"
	"nfscope/trace/nettest"
	"nfscope/trace/sets"
)

// TestMissSets: that a set does not have the packet is asked of the kernel; that it has it
// now, though the rule was passed, is no reason.
func TestMissSets(t *testing.T) {
	nettest.Kernel(t, "ipset", "iptables-legacy-restore", "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "create blocked hash:net\nadd blocked 10.66.0.0/16\ncreate late hash:ip\ncreate pairs hash:ip,port\nadd pairs 10.2.0.2,udp:10\n", "ipset", "restore")
	nettest.Feed(t, n.Router, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"+
		"-A FORWARD -m set --match-set blocked src -m statistic --mode random --probability 0.5 -j DROP\n"+
		"-A FORWARD -m set --match-set blocked src -j DROP\n"+
		"-A FORWARD -m set --match-set pairs dst,dst -j DROP\n"+
		"-A FORWARD -m set --match-set late src -j DROP\n"+
		"-A FORWARD -p udp -j ACCEPT\nCOMMIT\n", "iptables-legacy-restore")
	nettest.Feed(t, n.Router, `table inet fw {
	set near { type ipv4_addr; flags interval; elements = { 10.7.0.0/24 }
	}
	map ways { type ipv4_addr . inet_service : verdict; elements = { 10.1.0.2 . 10 : drop }
	}
	chain forw {
		type filter hook forward priority 5;
		ip saddr @near limit rate 1/hour drop
		ip saddr . udp dport vmap @ways
		udp dport 9 drop
	}
}
`, "nft", "-f", "-")
	s := open(t, n.Router, Trace{Filter: parse(t, "udp")})
	udp(t, n.Client, "10.2.0.2:9")
	var j *journey.Journey
	s.wait("the packet", func(snap *snapshot.Snapshot) bool {
		for _, x := range snap.Journeys {
			if x.Closed {
				j = x
			}
		}
		return j != nil
	})
	nettest.Run(t, n.Router, "ipset", "add", "late", "10.1.0.2")
	r, err := sets.Open(n.Router)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	full := miss.New(miss.Known{InSet: sets.NewLookup(r).In}).Look(j, 0)
	want := []string{"filter/FORWARD 1: set match-set 10.1.0.2, want blocked src", "filter/FORWARD 2: set match-set 10.1.0.2, want blocked src",
		"filter/FORWARD 3: set match-set 10.2.0.2,10.2.0.2, want pairs dst,dst",
		"filter/FORWARD 4: set match-set " + miss.Eliminated + ", want late src",
		"fw/forw 1: ip saddr 10.1.0.2, want @near", "fw/forw 2: ip saddr . udp dport 10.1.0.2 . 9, want @ways"}
	if got := missed(full); !slices.Equal(got, want) {
		t.Errorf("the misses are\n  %s\nexpected\n  %s\n%s", strings.Join(got, "\n  "), strings.Join(want, "\n  "), describe(full))
	}
	if !slices.ContainsFunc(full.Assumptions, func(a string) bool { return strings.Contains(a, "as of now") }) {
		t.Errorf("assumed %q", full.Assumptions)
	}
}

// TestMissSetsAgree: of each rule and its opposite a packet hits one, and what is told of
// the other, by the members of the set, must be why.
func TestMissSetsAgree(t *testing.T) {
	nettest.Kernel(t, "ipset", "iptables-legacy-restore")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Run(t, n.Client, "ip", "addr", "add", "10.1.0.3/24", "dev", "c0")
	mac := strings.Fields(nettest.Run(t, n.Client, "ip", "-br", "link", "show", "c0"))[2]
	nettest.Feed(t, n.Router, `create nets hash:net
add nets 10.1.0.0/30
add nets 10.1.0.2 nomatch
create pairs hash:ip,port
add pairs 10.2.0.2,udp:11
create ports bitmap:port range 0-100
add ports 10
create six hash:ip family inet6
create macs bitmap:ip,mac range 10.1.0.0/24
add macs 10.1.0.2,`+mac+`
add macs 10.1.0.3,02:00:00:00:00:99
create two list:set
add two ports
add two nets
create other list:set
add other six
add other macs
create none list:set
create deep list:set
add deep pairs
add deep macs
create near list:set
add near pairs
add near ports
`, "ipset", "restore")
	asks := []string{"nets src", "nets dst", "pairs dst,dst", "pairs src,src", "ports dst", "ports src", "macs src,src", "two src", "two dst", "other src,src", "none src",
		"deep src,src", "near dst,dst"}
	rules := "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
	for _, a := range asks {
		rules += "-A FORWARD -m set --match-set " + a + "\n-A FORWARD -m set ! --match-set " + a + "\n"
	}
	nettest.Feed(t, n.Router, rules+"-A FORWARD -j DROP\nCOMMIT\n", "iptables-legacy-restore")
	s := open(t, n.Router, Trace{Filter: parse(t, "udp and src net 10.1.0.0/24"), Rate: 1000})
	const packets = 12
	r := rand.New(rand.NewPCG(4, 20))
	for range packets {
		nettest.Do(t, n.Client, func() error {
			c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(10, 1, 0, byte(2+r.IntN(2)))}, &net.UDPAddr{IP: net.IPv4(10, 2, 0, byte(1+r.IntN(3))), Port: 9 + r.IntN(3)})
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = c.Write([]byte("hello"))
			return err
		})
	}
	var list []*journey.Journey
	s.wait("the packets", func(snap *snapshot.Snapshot) bool {
		list = slices.DeleteFunc(slices.Clone(snap.Journeys), func(j *journey.Journey) bool { return !j.Closed })
		return len(list) == packets
	})
	rd, err := sets.Open(n.Router)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	look := miss.New(miss.Known{InSet: sets.NewLookup(rd).Patient().In})
	told := 0
	for _, j := range list {
		if j.Path != journey.PathForward {
			continue // to the router itself
		}
		for _, st := range look.Look(j, 0).Steps {
			if st.Kind != journey.KindMiss {
				continue
			}
			if told++; len(st.Because) != 1 || st.Because[0].Result != "no" || st.Because[0].Have == miss.Eliminated {
				t.Errorf("%s: %s: %+v %s", &j.Packet, st.Text, st.Because, st.Note)
			}
		}
	}
	if told < packets*len(asks)/3 {
		t.Errorf("only %d rules were missed", told)
	}
}
