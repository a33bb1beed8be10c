package main

import (
	"bufio"
	"bytes"
	"net/netip"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/nat"
)

// TestPoolText: a line of each pool with its gauge, where its range comes from, how fast it
// fills, and its rules.
func TestPoolText(t *testing.T) {
	t.Parallel()
	table, chain := &model.Table{Name: "nat"}, &model.Chain{Name: "POSTROUTING"}
	rule := nat.Rule{Table: table, Chain: chain, Rule: &model.Rule{Index: 7, Text: "-j MASQUERADE"}}
	one := nat.Pool{Addr: netip.MustParseAddr("203.0.113.9"), Proto: model.ProtoUDP, To: netip.MustParseAddr("10.2.0.2"), ToPort: 9,
		Ports: nat.Ports{First: 40000, Last: 40019}, Given: true, Used: 15, Closing: 3, Rules: []nat.Rule{rule, rule}, Growth: 2.5, Full: 2 * time.Second}
	idle := nat.Pool{Addr: netip.MustParseAddr("203.0.113.10"), Ports: nat.Ports{First: 1024, Last: 65535}, Growth: -1}
	for _, c := range []struct {
		pools  []nat.Pool
		follow bool
		want   string
	}{
		{nil, false, "no rule names an address for sources, and no connection's source is translated\n"},
		{[]nat.Pool{one, idle}, false, `[########..]  udp 203.0.113.9 to 10.2.0.2:9: 15 of 20 ports (75.0 %), 40000-40019 range of the rule, 3 closing
            rule 7 of nat POSTROUTING: -j MASQUERADE
            rule 7 of nat POSTROUTING: -j MASQUERADE
[..........]  any 203.0.113.10 to any: 0 of 64512 ports (0.0 %), 1024-65535 kernel's range
`},
		{[]nat.Pool{one, idle}, true, `[########..]  udp 203.0.113.9 to 10.2.0.2:9: 15 of 20 ports (75.0 %), 40000-40019 range of the rule, 3 closing, +2.5/s, full in 2s
            rule 7 of nat POSTROUTING: -j MASQUERADE
            rule 7 of nat POSTROUTING: -j MASQUERADE
[..........]  any 203.0.113.10 to any: 0 of 64512 ports (0.0 %), 1024-65535 kernel's range, -1.0/s
`},
	} {
		var out bytes.Buffer
		w := bufio.NewWriter(&out)
		printPools(w, c.pools, c.follow)
		if _ = w.Flush(); out.String() != c.want {
			t.Errorf("%s\nexpected\n%s", out.String(), c.want)
		}
	}
}

// TestGauge: a share that is not nothing is seen, and no more than all is.
func TestGauge(t *testing.T) {
	t.Parallel()
	for share, want := range map[float64]string{0: "[....]", 0.001: "[#...]", 0.37: "[#...]", 0.38: "[##..]", 1: "[####]", 1.5: "[####]"} {
		if got := gauge(share, 4); got != want {
			t.Errorf("%v: %s, expected %s", share, got, want)
		}
	}
}
