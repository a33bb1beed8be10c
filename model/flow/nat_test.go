package flow

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
)

func prefixes(s ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range s {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

// ruleset makes a nat table of the texts.
func ruleset(f model.Family, rules ...model.Rule) *model.Ruleset {
	rs := &model.Ruleset{Tables: []*model.Table{{Family: f, Name: "nat", Chains: []*model.Chain{{Name: "c", Rules: rules}}}}}
	rs.Number()
	return rs
}

func ends(proto model.Proto, a string, b string) model.Tuple {
	x, y := netip.MustParseAddrPort(a), netip.MustParseAddrPort(b)
	return model.Tuple{Proto: proto, Src: x.Addr(), Dst: y.Addr(), SPort: x.Port(), DPort: y.Port()}
}

func natted(s Status, orig, reply model.Tuple) *Flow {
	f := &Flow{Family: model.FamilyIPv4, Status: s | SeenReply, Orig: Side{Tuple: orig}, Reply: Side{Tuple: reply}}
	if orig.Src.Is6() {
		f.Family = model.FamilyIPv6
	}
	return f
}

func TestClassify(t *testing.T) {
	local := prefixes("10.1.0.1/24", "10.2.0.1/24", "127.0.0.1/8", "fd02::1/64")
	const v4, v6 = model.FamilyIPv4, model.FamilyIPv6
	tcp := func(a, b string) model.Tuple { return ends(model.ProtoTCP, a, b) }
	out := tcp("10.1.0.2:1000", "10.2.0.2:80")
	masq := natted(SrcNAT, out, tcp("10.2.0.2:80", "10.2.0.1:1000"))
	in := natted(DstNAT, tcp("10.2.0.2:1000", "10.2.0.1:80"), tcp("10.1.0.2:8080", "10.2.0.2:1000"))
	own := natted(SrcNAT, tcp("10.2.0.1:1000", "10.2.0.2:80"), tcp("10.2.0.2:80", "10.2.0.1:1024"))
	redir := natted(DstNAT, tcp("10.1.0.2:1000", "10.2.0.2:80"), tcp("10.1.0.1:5555", "10.1.0.2:1000"))
	for _, c := range []struct {
		name  string
		flow  *Flow
		rules *model.Ruleset
		local []netip.Prefix
		want  string
	}{
		{"none, though the DONE bits are set", natted(SrcNATDone|DstNATDone, out, out.Reverse()), nil, local, ""},
		{"snat to a foreign address", natted(SrcNAT, out, tcp("10.2.0.2:80", "203.0.113.1:1000")), nil, local, "snat"},
		{"masquerade, rules unknown", masq, nil, local, "masquerade"},
		{"masquerade, local unknown", masq, nil, nil, "snat"},
		{"masquerade by rule", masq, ruleset(v4, model.Rule{Text: "-A POSTROUTING -o r1 -j MASQUERADE", Target: "MASQUERADE"}), local, "masquerade"},
		{"snat to a local address", masq, ruleset(v4, model.Rule{Text: "-A POSTROUTING -j SNAT --to-source 10.2.0.1", Target: "SNAT"}), local, "snat"},
		{"snat to a range with ports beside a masquerade", masq, ruleset(v4,
			model.Rule{Text: "-A POSTROUTING -j SNAT --to-source 10.2.0.1-10.2.0.9:1000-2000", Target: "SNAT"},
			model.Rule{Text: "-A POSTROUTING -j MASQUERADE", Target: "MASQUERADE"}), local, "snat"},
		{"snat elsewhere beside a masquerade", masq, ruleset(v4,
			model.Rule{Text: "-A POSTROUTING -j SNAT --to-source 203.0.113.1", Target: "SNAT"},
			model.Rule{Text: "-A POSTROUTING -j MASQUERADE", Target: "MASQUERADE"}), local, "masquerade"},
		{"snat to the same address of another port beside a masquerade", masq, ruleset(v4,
			model.Rule{Text: "-A POSTROUTING -p tcp -j SNAT --to-source 10.2.0.1:7777", Target: "SNAT"},
			model.Rule{Text: "-A POSTROUTING -o r1 -j MASQUERADE", Target: "MASQUERADE"}), local, "masquerade"},
		{"snat to several ranges, the first of these ports, beside a masquerade", masq, ruleset(v4,
			model.Rule{Text: "-A POSTROUTING -p tcp -j SNAT --to-source 10.2.0.1:900-1000 --to-source 10.2.0.7:7777", Target: "SNAT"},
			model.Rule{Text: "-A POSTROUTING -o r1 -j MASQUERADE", Target: "MASQUERADE"}), local, "snat"},
		{"snat to several addresses, one of any port, beside a masquerade", masq, ruleset(v4,
			model.Rule{Text: "-A POSTROUTING -p tcp -j SNAT --to-source 10.2.0.1 --to-source 10.2.0.7:7777", Target: "SNAT"},
			model.Rule{Text: "-A POSTROUTING -o r1 -j MASQUERADE", Target: "MASQUERADE"}), local, "snat"},
		{"snat of another protocol beside a masquerade", masq, ruleset(v4,
			model.Rule{Text: "meta l4proto udp snat to 10.2.0.1", Target: "snat"},
			model.Rule{Text: `oifname "r1" masquerade`, Target: "masquerade"}), local, "masquerade"},
		{"masquerade of others beside a snat", masq, ruleset(v4,
			model.Rule{Text: "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE", Target: "MASQUERADE"},
			model.Rule{Text: "-A POSTROUTING ! -s 10.9.0.0/16 -p tcp -m multiport --dports 22,80:90 -j SNAT --to-source 10.2.0.1", Target: "SNAT"}), local, "snat"},
		{"snat of another port beside a masquerade", masq, ruleset(v4,
			model.Rule{Text: "tcp dport 443 snat to 10.2.0.1", Target: "snat"},
			model.Rule{Text: "tcp dport 80 masquerade", Target: "masquerade"}), local, "masquerade"},
		{"redirect beside a dnat to ourselves", redir, ruleset(v4,
			model.Rule{Text: "-A PREROUTING -d 10.7.0.1 -j DNAT --to-destination 10.1.0.1", Target: "DNAT"},
			model.Rule{Text: "-A PREROUTING -p tcp -j REDIRECT --to-ports 5555", Target: "REDIRECT"}), local, "redirect"},
		{"snat of what went to another address before beside a masquerade", natted(SrcNAT|DstNAT, tcp("10.1.0.2:1000", "10.1.0.1:80"), tcp("10.2.0.2:80", "10.2.0.1:1000")), ruleset(v4,
			model.Rule{Text: "ct original ip daddr 10.1.0.1 snat to 10.2.0.1", Target: "snat"},
			model.Rule{Text: `oifname "r1" masquerade`, Target: "masquerade"}), local, "dnat+snat"},
		{"both rules fit no more", masq, ruleset(v4,
			model.Rule{Text: "tcp dport 443 snat to 10.2.0.1", Target: "snat"},
			model.Rule{Text: "tcp dport 444 masquerade", Target: "masquerade"}), local, "snat"},
		{"no masquerade rule in this family", masq, ruleset(v6, model.Rule{Text: "masquerade", Target: "masquerade"}), local, "snat"},
		{"nft masquerade in inet", masq, ruleset(model.FamilyInet, model.Rule{Text: `oifname "r1" masquerade`, Target: "masquerade"}), local, "masquerade"},
		{"nft snat", masq, ruleset(v4, model.Rule{Text: `oifname "r1" snat to 10.2.0.0/24`, Target: "snat"}), local, "snat"},
		{"port rewritten by the kernel", natted(SrcNAT, out, tcp("10.2.0.2:80", "10.1.0.2:1024")), nil, local, "port-rewritten"},
		{"the same port range by a rule", natted(SrcNAT, out, tcp("10.2.0.2:80", "10.1.0.2:1024")), ruleset(v4, model.Rule{Text: "-A POSTROUTING -j SNAT --to-source 10.1.0.2:1024-2048", Target: "SNAT"}), local, "snat"},
		{"the host's own, of which a masquerade took another port", own, ruleset(v4, model.Rule{Text: `oifname "r1" masquerade`, Target: "masquerade"}), local, "masquerade"},
		{"the host's own, for which a masquerade is not", own, ruleset(v4, model.Rule{Text: "-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE", Target: "MASQUERADE"}), local, "port-rewritten"},
		{"the host's own, of which one of two masquerades took another port", own, ruleset(v4, model.Rule{Text: "-A POSTROUTING -s 172.17.0.0/16 -j MASQUERADE", Target: "MASQUERADE"},
			model.Rule{Text: "-A POSTROUTING -s 10.2.0.0/24 -j MASQUERADE", Target: "MASQUERADE"}), local, "masquerade"},
		{"the host's own, rules unknown", own, nil, local, "masquerade"},
		{"the host's own, without a masquerade", own, ruleset(v4), local, "port-rewritten"},
		{"the host's own, by a snat", own, ruleset(v4, model.Rule{Text: "snat to 10.2.0.1", Target: "snat"}), local, "snat"},
		{"dnat to a neighbour that sees the client", natted(DstNAT, tcp("10.1.0.2:1000", "203.0.113.1:80"), tcp("10.1.0.3:80", "10.1.0.2:1000")), nil, local, "dnat"},
		{"other networks, host unknown", natted(SrcNAT|DstNAT, tcp("10.1.0.2:1000", "203.0.113.1:80"), tcp("10.1.1.3:80", "10.1.0.1:1000")), nil, nil, "dnat+snat"},
		{"other networks of v6, host unknown", natted(SrcNAT|DstNAT, tcp("[fd01::2]:1000", "[fd09::1]:80"), tcp("[fd01:0:0:1::3]:80", "[fd01::1]:1000")), nil, nil, "dnat+snat"},
		{"dnat", in, nil, local, "dnat"},
		{"redirect, rules unknown", redir, nil, local, "redirect"},
		{"redirect by rule", redir, ruleset(v4, model.Rule{Text: "-A PREROUTING -p tcp -j REDIRECT --to-ports 5555", Target: "REDIRECT"}), local, "redirect"},
		{"nft redirect", redir, ruleset(model.FamilyInet, model.Rule{Text: "tcp dport 80 redirect to :5555", Target: "redirect"}), local, "redirect"},
		{"dnat to ourselves", redir, ruleset(v4, model.Rule{Text: "-A PREROUTING -j DNAT --to-destination 10.1.0.1:5555", Target: "DNAT"}), local, "dnat"},
		{"redirect to loopback", natted(DstNAT, tcp("10.1.0.1:1000", "10.2.0.2:80"), tcp("127.0.0.1:5555", "10.1.0.1:1000")), nil, local, "redirect"},
		{"both, through", natted(SrcNAT|DstNAT, tcp("10.1.0.2:1000", "10.1.0.1:80"), tcp("10.2.0.2:80", "10.2.0.1:1000")), nil, local, "dnat+masquerade"},
		{"hairpin", natted(SrcNAT|DstNAT, tcp("10.1.0.2:1000", "203.0.113.1:80"), tcp("10.1.0.3:80", "10.1.0.1:1000")), nil, local, "dnat+masquerade+hairpin"},
		{"hairpin, host unknown", natted(SrcNAT|DstNAT, tcp("10.1.0.2:1000", "203.0.113.1:80"), tcp("10.1.0.3:80", "10.1.0.1:1000")), nil, nil, "dnat+snat+hairpin"},
		{"not a hairpin: the client is this host", natted(SrcNAT|DstNAT, tcp("10.1.0.1:1000", "203.0.113.1:80"), tcp("10.1.0.3:80", "10.1.0.7:1000")), nil, local, "dnat+snat"},
		{"v6 masquerade", natted(SrcNAT, tcp("[fd01::2]:1000", "[fd02::2]:80"), tcp("[fd02::2]:80", "[fd02::1]:1000")),
			ruleset(model.FamilyInet, model.Rule{Text: "masquerade", Target: "masquerade"}), local, "masquerade"},
		{"v6 snat in brackets", natted(SrcNAT, tcp("[fd01::2]:1000", "[fd02::2]:80"), tcp("[fd02::2]:80", "[fd02::1]:1000")),
			ruleset(v6, model.Rule{Text: "-A POSTROUTING -j SNAT --to-source [fd02::1]:1000-2000", Target: "SNAT"}), local, "snat"},
	} {
		n := Classify(c.flow, HostFrom(c.rules, c.local))
		if n.String() != c.want {
			t.Errorf("%s: %q, expected %q", c.name, n, c.want)
		}
		if n.Client != c.flow.Orig.Tuple.SrcString() || n.Service != c.flow.Orig.Tuple.DstString() || n.Backend != c.flow.Reply.Tuple.SrcString() {
			t.Errorf("%s: ends %q %q %q", c.name, n.Client, n.Service, n.Backend)
		}
	}
}

func TestHostFromReadsTargets(t *testing.T) {
	for text, want := range map[string][]NATRule{
		`-A P -m comment --comment "-j SNAT --to-source 1.2.3.4" -j ACCEPT`: nil,
		`-A P -p tcp -j DNAT --to-destination 10.0.0.1-10.0.0.3:80`:         {{Class: ClassDNAT, To: []Range{{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.3")}}}},
		`tcp dport 80 dnat ip to 10.0.0.1:8080`:                             {{Class: ClassDNAT, To: []Range{{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.1")}}}},
		`tcp dport 80 counter packets 0 bytes 0 masquerade random`:          {{Class: ClassMasquerade}},
		`tcp dport 80 accept comment "snat to 1.2.3.4"`:                     nil,
		`dnat to numgen inc mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }`: {{Class: ClassDNAT, To: []Range{
			{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.1")}, {netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.2")}}}},
		`snat to ip saddr map @pool`: {{Class: ClassSNAT}},
		`-A P -j NETMAP --to 10.5.0.0/24`: {{Class: ClassDNAT, To: []Range{{netip.MustParseAddr("10.5.0.0"), netip.MustParseAddr("10.5.0.255")}}},
			{Class: ClassSNAT, To: []Range{{netip.MustParseAddr("10.5.0.0"), netip.MustParseAddr("10.5.0.255")}}}},
	} {
		got := HostFrom(ruleset(0, model.Rule{Text: text}), nil).Rules
		if !slices.EqualFunc(got, want, func(a, b NATRule) bool { return a.Class == b.Class && slices.Equal(a.To, b.To) }) {
			t.Errorf("%s: %v, expected %v", text, got, want)
		}
	}
}

func TestExplain(t *testing.T) {
	f := natted(SrcNAT|DstNAT, ends(model.ProtoTCP, "10.0.0.5:51000", "203.0.113.9:443"), ends(model.ProtoTCP, "10.2.0.2:8443", "10.2.0.1:40001"))
	f.NAT = Classify(f, Host{Local: prefixes("10.2.0.1/24")})
	if got, want := f.Line(), "10.0.0.5:51000 -> 203.0.113.9:443 -> 10.2.0.2:8443"; got != want {
		t.Errorf("%q, expected %q", got, want)
	}
	want := []string{
		"the client 10.0.0.5:51000 speaks to 203.0.113.9:443; DNAT sends it to 10.2.0.2:8443",
		"MASQUERADE lets it leave as 10.2.0.1:40001 (port rewritten)",
		"the reply comes as 10.2.0.2:8443 > 10.2.0.1:40001; conntrack knows it by this tuple and turns it back into 203.0.113.9:443 > 10.0.0.5:51000, which the client waits for",
	}
	if got := f.Explain(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}

	byHand := natted(0, f.Orig.Tuple, f.Reply.Tuple) // by conntrack -I, without the bits of NAT
	if byHand.Line() != f.Line() {
		t.Errorf("put in by hand: %q", byHand.Line())
	}

	plain := natted(0, ends(model.ProtoTCP, "10.0.0.5:51000", "10.2.0.2:80"), ends(model.ProtoTCP, "10.2.0.2:80", "10.0.0.5:51000"))
	plain.Status = 0
	if got, want := plain.Line(), "10.0.0.5:51000 -> 10.2.0.2:80"; got != want {
		t.Errorf("%q, expected %q", got, want)
	}
	want = []string{"the client 10.0.0.5:51000 speaks to 10.2.0.2:80", "the reply comes from 10.2.0.2:80 to 10.0.0.5:51000; no address is translated", "no reply has been seen yet"}
	if got := plain.Explain(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}

	ping := natted(SrcNAT, model.Tuple{Proto: model.ProtoICMP, Src: netip.MustParseAddr("10.0.0.5"), Dst: netip.MustParseAddr("10.2.0.2"), SPort: 7, DPort: 8 << 8},
		model.Tuple{Proto: model.ProtoICMP, Src: netip.MustParseAddr("10.2.0.2"), Dst: netip.MustParseAddr("10.2.0.1"), SPort: 9})
	if got, want := ping.Explain()[1], "SNAT lets it leave as 10.2.0.1 (echo identifier 7 rewritten to 9)"; got != want {
		t.Errorf("%q, expected %q", got, want)
	}
	for _, c := range []struct {
		flow *Flow
		line string
		want []string
	}{
		{natted(DstNAT, ends(model.ProtoTCP, "10.1.0.2:1000", "203.0.113.9:80"), ends(model.ProtoTCP, "10.1.0.1:3128", "10.1.0.2:1000")), "10.1.0.2:1000 -> 203.0.113.9:80 -> 10.1.0.1:3128",
			[]string{"the client 10.1.0.2:1000 speaks to 203.0.113.9:80; REDIRECT turns it to this host at 10.1.0.1:3128"}},
		{natted(SrcNAT, ends(model.ProtoTCP, "10.1.0.2:1000", "10.2.0.2:80"), ends(model.ProtoTCP, "10.2.0.2:80", "10.1.0.2:1024")), "10.1.0.2:1000 -> 10.2.0.2:80",
			[]string{"the client 10.1.0.2:1000 speaks to 10.2.0.2:80", "the kernel lets it leave as 10.1.0.2:1024 (port rewritten)", "no rule did that: another connection had the same reply tuple, so the kernel chose another port"}},
		{natted(SrcNAT|DstNAT, ends(model.ProtoTCP, "10.1.0.2:1000", "203.0.113.9:80"), ends(model.ProtoTCP, "10.1.0.3:80", "10.1.0.1:1000")), "10.1.0.2:1000 -> 203.0.113.9:80 -> 10.1.0.3:80",
			[]string{"the client 10.1.0.2:1000 speaks to 203.0.113.9:80; DNAT sends it to 10.1.0.3:80", "MASQUERADE lets it leave as 10.1.0.1:1000",
				"client and backend are on the same side of this host: without the source translation the backend would answer the client directly, and the client would not know the answer for its own"}},
	} {
		c.flow.NAT = Classify(c.flow, Host{Local: prefixes("10.1.0.1/24", "10.2.0.1/24")})
		got := slices.DeleteFunc(c.flow.Explain(), func(s string) bool { return strings.HasPrefix(s, "the reply comes as") })
		if c.flow.Line() != c.line || !slices.Equal(got, c.want) {
			t.Errorf("%q %q, expected %q %q", c.flow.Line(), got, c.line, c.want)
		}
	}
	if f := (&Flow{}); f.Rated() {
		t.Error("a rate of what is not counted is known")
	}
}
