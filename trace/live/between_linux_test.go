package live

import (
	"testing"

	"nfscope/model/journey"
	"nfscope/trace/nettest"
	"nfscope/trace/nflog"
)

// TestBetween: where another program has the log of legacy tables, so that they tell
// nothing, packets are seen before and behind each chain all the same, and the table that
// dropped one is named. A chain of nf_tables at the same priority told that it let the packet
// go on: it is not suspected.
func TestBetween(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 101 -j DROP\nCOMMIT\n"+
		"*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A FORWARD -p udp -m udp --dport 102 -j DROP\n-A POSTROUTING -p udp -m udp --dport 103 -j DROP\nCOMMIT\n"+
		"*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 105 -j DNAT --to-destination 10.2.0.2:104\nCOMMIT\n"+
		accept4+"-A INPUT -p udp -m udp --dport 100 -j DROP\n-A FORWARD -p udp -m udp --dport 104 -j DROP\nCOMMIT\n", "iptables-legacy-restore")
	nettest.Feed(t, n.Router, "table inet fw {\nchain input { type filter hook input priority 0; }\nchain forward { type filter hook forward priority 0; udp dport 104 accept; }\n}\n", "nft", "-f", "-")
	taken, err := nflog.Open(n.Router, nflog.TraceGroup, nflog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := openAll(t, n.Router, Trace{Filter: parse(t, "udp and dst portrange 100-120")})
	cases := []struct {
		port            int
		to, hook, chain string
	}{
		{100, "10.1.0.1", "input", "filter/INPUT"},
		{101, "10.2.0.2", "prerouting", "raw/PREROUTING"},
		{102, "10.2.0.2", "forward", "mangle/FORWARD"},
		{103, "10.2.0.2", "postrouting", "mangle/POSTROUTING"},
		{104, "10.2.0.2", "forward", "filter/FORWARD"},
		{105, "10.1.0.1", "forward", "filter/FORWARD"}, // translated on its way
	}
	for _, c := range cases {
		fire(t, n, &droppedCase{port: c.port, to: c.to})
	}
	for _, c := range cases {
		j := s.journey(c.chain, func(j *journey.Journey) bool { return int(j.Packet.DPort) == c.port })
		want := "dropped by " + c.chain + " (iptables-legacy) in the " + c.hook + " hook: it was seen before and not behind; which rule it was, nothing told"
		if o := &j.Outcome; o.Sentence != want || o.Verdict != journey.Dropped || o.By.Kind != "unknown" || o.By.Table+"/"+o.By.Chain != c.chain {
			t.Errorf("port %d: %+v, want %q\n%s", c.port, o, want, describe(j))
		}
	}
}
