package filter_test

import (
	"net/netip"
	"testing"

	"nfscope/model"
	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/model/journey"
)

func tuple(proto model.Proto, src, dst string) model.Tuple {
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	return model.Tuple{Proto: proto, Src: s.Addr(), SPort: s.Port(), Dst: d.Addr(), DPort: d.Port()}
}

// natted is a client that speaks to a service, dnat to a backend, masqueraded.
func natted() *flow.Flow {
	return &flow.Flow{Family: model.FamilyIPv4, State: "ESTABLISHED", Mark: 3, Zone: 7,
		Status: flow.SeenReply | flow.Assured | flow.SrcNAT | flow.DstNAT,
		Orig:   flow.Side{Tuple: tuple(6, "10.0.0.5:51000", "203.0.113.9:443")},
		Reply:  flow.Side{Tuple: tuple(6, "10.2.0.2:8443", "10.2.0.1:40001")},
		NAT:    flow.NAT{Class: []flow.Class{flow.ClassDNAT, flow.ClassMasquerade}}}
}

func TestFlow(t *testing.T) {
	t.Parallel()
	fl := natted()
	yes := []string{"", "tcp", "ip", "host 10.0.0.5", "host 203.0.113.9", "host 10.2.0.2", "host 10.2.0.1", "src 10.0.0.5", "src 10.2.0.1",
		"dst 203.0.113.9", "dst 10.2.0.2 and dst port 8443", "port 443", "port 8443", "src port 40001", "net 10.2.0.0/16",
		"mark 3", "mark 1/1", "zone 7", "state established", "state assured", "nat", "dnat", "masquerade", "not redirect",
		"src 10.0.0.5 and dst 10.2.0.2", "not chain X or tcp", filter.ForFlow(fl)}
	no := []string{"udp", "ip6", "dst 10.0.0.5", "src 10.2.0.2", "dst host 203.0.113.9 and dst port 8443", "src port 443", "zone 1",
		"state new", "snat", "hairpin", "chain X", "not chain X", "dropped", "in eth0", "not in eth0", "host 10.0.0.6", "state related", "zone 0", "zone 8"}
	for _, s := range yes {
		if !parse(t, s).Flow(fl) {
			t.Errorf("%q does not match", s)
		}
	}
	for _, s := range no {
		if parse(t, s).Flow(fl) {
			t.Errorf("%q matches", s)
		}
	}
	expected := natted()
	expected.Status |= flow.Expected
	expected.Zone, expected.Orig.Zone, expected.Reply.Zone = 0, 8, 9
	for _, s := range []string{"state related", "zone 8", "zone 9", "zone 0", "not zone 7"} {
		if !parse(t, s).Flow(expected) {
			t.Errorf("%q does not match one that was expected, of two zones", s)
		}
	}
}

// What "trace this flow" arms must match every packet of it, and no other.
func TestForFlowMatchesEveryDirection(t *testing.T) {
	t.Parallel()
	plain := &flow.Flow{Family: model.FamilyIPv4, Orig: flow.Side{Tuple: tuple(17, "10.0.0.5:5", "10.0.0.6:53")}}
	plain.Reply.Tuple = plain.Orig.Tuple.Reverse()
	ping := &flow.Flow{Family: model.FamilyIPv6, Orig: flow.Side{Tuple: tuple(58, "[fd01::2]:77", "[fd02::2]:32768")}}
	ping.Reply.Tuple = ping.Orig.Tuple.Reverse()
	for _, c := range []struct {
		fl       *flow.Flow
		conjunct int
	}{{natted(), 4}, {plain, 2}, {ping, 2}} {
		f := parse(t, filter.ForFlow(c.fl))
		list, err := f.Conjuncts(64)
		if err != nil || len(list) != c.conjunct {
			t.Errorf("%s: %d conjuncts, %v", f, len(list), err)
		}
		for _, tu := range []model.Tuple{c.fl.Orig.Tuple, c.fl.Reply.Tuple, c.fl.Orig.Tuple.Reverse(), c.fl.Reply.Tuple.Reverse()} {
			p := &model.Packet{Family: c.fl.Family, Proto: tu.Proto, Src: tu.Src, Dst: tu.Dst, SPort: tu.SPort, DPort: tu.DPort, Transport: true}
			if f.Packet(p, "", "") != filter.Yes || !anyConjunct(list, p, "", "") {
				t.Errorf("%s does not match %s", f, p)
			}
			p.SPort++
			if p.Dst = p.Dst.Next(); f.Packet(p, "", "") != filter.No {
				t.Errorf("%s matches %s", f, p)
			}
		}
	}
}

func TestJourney(t *testing.T) {
	t.Parallel()
	j := &journey.Journey{Family: model.FamilyIPv4, In: "eth0", Out: "eth1", CTState: "NEW",
		Packet: model.Packet{Family: model.FamilyIPv4, Proto: 6, Src: netip.MustParseAddr("10.0.0.5"), SPort: 51000,
			Dst: netip.MustParseAddr("203.0.113.9"), DPort: 443, Transport: true},
		Steps: []journey.Step{
			{Table: "nat", Chain: "PREROUTING", Kind: journey.KindRule, Rule: 1, Verdict: model.VerdictAccept},
			{Table: "filter", Chain: "FORWARD", Kind: journey.KindRule, Rule: 3, Verdict: model.VerdictDrop,
				Packet: journey.Delta{{Field: "dst", Value: "10.2.0.2"}, {Field: "dport", Value: "8443"}, {Field: "mark", Value: "0x5"}}},
			{Table: "mangle", Chain: "FORWARD", Kind: journey.KindPolicy, Verdict: model.VerdictAccept},
		},
		NAT:     &journey.NAT{Class: []string{"dnat"}},
		Outcome: journey.Outcome{Verdict: journey.Dropped, By: journey.Culprit{Reason: "NETFILTER_DROP"}},
	}
	yes := []string{"", "dst 203.0.113.9", "dst 10.2.0.2", "dst 10.2.0.2 and dst port 8443", "in eth0", "out eth1", "mark 5",
		"chain FORWARD and rule 3", "chain PREROUTING verdict accept", "dropped", "verdict drop", "table nat", "dnat", "nat",
		"reason netfilter_drop", "state new", "not snat", "(table nat and rule 1) and (table filter and rule 3)",
		"not port 22", "(tcp or udp) and not dst port 80"}
	no := []string{"dst 203.0.113.9 and dst port 8443", "chain FORWARD and rule 1", "chain PREROUTING verdict drop", "udp",
		"snat", "zone 1", "not zone 1", "in eth1", "not dst port 443", "state established", "reason OTHER", "rule 0"}
	for _, s := range yes {
		if !parse(t, s).Journey(j) {
			t.Errorf("%q does not match", s)
		}
	}
	for _, s := range no {
		if parse(t, s).Journey(j) {
			t.Errorf("%q matches", s)
		}
	}
	for verdict, want := range map[string]bool{journey.Rejected: true, journey.Accepted: false, journey.Unknown: false} {
		if parse(t, "dropped").Journey(&journey.Journey{Outcome: journey.Outcome{Verdict: verdict}}) != want {
			t.Errorf("dropped of a packet that was %s: not %v", verdict, want)
		}
	}
	if parse(t, "chain X").Journey(&journey.Journey{}) || parse(t, "out eth1 or not out eth1").Journey(&journey.Journey{}) {
		t.Error("a journey without steps matches what it cannot tell")
	}
}

func TestPacketIsUnknownWhereNothingWasSeen(t *testing.T) {
	t.Parallel()
	bare := &model.Packet{}
	cut := &model.Packet{Family: model.FamilyIPv4, Proto: 6, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2")}
	ping := &model.Packet{Family: model.FamilyIPv4, Proto: 1, Src: cut.Src, Dst: cut.Dst}
	for _, c := range []struct {
		text string
		p    *model.Packet
		want filter.Truth
	}{
		{"tcp", bare, filter.Unknown}, {"ip", bare, filter.Unknown}, {"host 10.0.0.1", bare, filter.Unknown},
		{"port 80", cut, filter.Unknown}, {"not port 80", cut, filter.Unknown}, {"port 80 or tcp", cut, filter.Yes},
		{"port 80 and udp", cut, filter.No}, {"port 80", ping, filter.No}, {"not port 80", ping, filter.Yes},
		{"in eth0", cut, filter.Unknown}, {"chain X", cut, filter.Unknown}, {"not zone 1", cut, filter.Unknown}, {"mark 0", cut, filter.Yes},
	} {
		if got := parse(t, c.text).Packet(c.p, "", ""); got != c.want {
			t.Errorf("%q of %s: %s, want %s", c.text, c.p, got, c.want)
		}
	}
}

func TestRule(t *testing.T) {
	t.Parallel()
	table := &model.Table{Family: model.FamilyIPv4, Name: "filter"}
	chain := &model.Chain{Name: "INPUT"}
	drop := &model.Rule{Index: 2, Target: "DROP", Text: `-A INPUT -s 10.0.0.5/32 -i eth0 -p tcp -m multiport --dports 80,8000:8100 -m conntrack --ctstate NEW -j DROP`}
	nft := &model.Rule{Index: 1, Target: "dnat", Text: `iifname "r0" ip saddr 10.1.0.0/16 tcp dport { 80, 443-445 } dnat to 10.2.0.2:8443`}
	for _, c := range []struct {
		rule    *model.Rule
		yes, no []string
	}{
		{drop, []string{"", "dropped", "verdict drop", "chain INPUT", "table filter rule 2", "host 10.0.0.5", "src 10.0.0.5", "in eth0", "port 80",
			"dst port 8050", "tcp", "ip", "state new", "not nat"},
			[]string{"verdict accept", "chain FORWARD", "rule 3", "dst 10.0.0.5", "host 10.0.0.6", "port 81", "src port 80", "udp", "ip6", "out eth0", "zone 1", "not zone 1"}},
		{nft, []string{"dnat", "nat", "net 10.1.0.0/16", "src net 10.1.0.0/16", "host 10.2.0.2", "port 8443", "port 80", "dst port 444", "in r0", "tcp"},
			[]string{"snat", "dropped", "src host 10.2.0.2", "port 22", "dst net 10.1.0.0/16"}},
	} {
		for _, s := range c.yes {
			if !parse(t, s).Rule(table, chain, c.rule, model.Counters{}) {
				t.Errorf("%q does not match %s", s, c.rule.Text)
			}
		}
		for _, s := range c.no {
			if parse(t, s).Rule(table, chain, c.rule, model.Counters{}) {
				t.Errorf("%q matches %s", s, c.rule.Text)
			}
		}
	}
}
